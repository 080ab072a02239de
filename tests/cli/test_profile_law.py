"""``profiles show --law``: how long one step takes, what that rests on, and when there is no law."""

import json
from typing import Any

import pytest

from melange_cloud.profiles import load_profiles
from tests.profiles.test_law import SWEEP
from tests.schemas import assert_valid


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path


def result_file(folder, points, factors=(1.0,)):
    """Runs of ``vllm bench serve`` in closed loop, every one ``factors`` times as slow, one JSON object a line."""
    lines = []
    for factor in factors:
        for point in points:
            rate, tpot_ms, count = point.requests_per_s / factor, point.tpot_ms * factor, 3000
            lines.append(
                {
                    "date": "20261120-101010",
                    "backend": "vllm",
                    "model_id": "acme/own-7b",
                    "request_rate": "inf",
                    "max_concurrency": point.concurrency,
                    "duration": count / rate,
                    "completed": count,
                    "failed": 0,
                    "total_input_tokens": count * point.input_tokens,
                    "total_output_tokens": count * point.output_tokens,
                    "request_throughput": rate,
                    "mean_ttft_ms": 1000 * point.concurrency / rate - (point.output_tokens - 1) * tpot_ms,
                    "mean_tpot_ms": tpot_ms,
                    "gpu": "A10G",
                    "tp": 2,
                    "precision": "bf16",
                }
            )
    path = folder / "runs.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return str(path)


def shown(run, *arguments):
    return run("profiles", "show", "--law", *arguments)


def documented(result):
    """The JSON, which is as its schema says."""
    assert_valid("profile", result.stdout)
    return json.loads(result.stdout)


OWN = ("--model", "own-7b", "--gpu", "A10G", "--tp", "2")


def test_the_law_of_an_estimate_is_that_of_its_replica_in_milliseconds(run):
    profiles, _ = load_profiles("llama-3.1-8b", gpus=["L4"])
    kind, profile = next(iter(profiles.items()))
    table: Any = profile.table
    replica = table.replicas[kind]
    page = shown(run, "--gpu", "L4").stdout
    (read,) = [line.split() for line in page.splitlines() if "reading the weights" in line]
    assert read[:2] == ["read", f"{1000 * replica.law.read_s:.3g}\u00a0ms".replace("\u00a0", " ").split()[0]]
    assert "the calibration's, from which the operating points are computed" in page
    assert f"{replica.cache_tokens:,} tokens of cache" in page
    answer = documented(shown(run, "--gpu", "L4", "--format", "json"))
    for term in ("read_s", "token_s", "cache_s", "fixed_s", "request_s", "prompt_s", "attention_s"):
        assert answer["law"][term] == getattr(replica.law, term)
    assert (answer["law"]["basis"], answer["law"]["residual_p90"]) == ("calibration", None)
    assert answer["law"]["limits"]["max_num_batched_tokens"] == replica.limits.max_num_batched_tokens


def test_without_the_option_there_is_no_law(run):
    plain = run("profiles", "show", "--gpu", "L4")
    assert "step law" not in plain.stdout
    answer = documented(run("profiles", "show", "--gpu", "L4", "--format", "json"))
    assert answer["law"] is answer["law_refused"] is None


def test_pins_scale_the_law_and_say_by_how_much(run):
    arguments = ("--model", "qwen3-32b", "--gpu", "H100", "--precision", "fp8", "--tp", "2")
    answer = documented(shown(run, *arguments, "--format", "json"))
    law = answer["law"]
    assert law["basis"] == "scaled"
    assert len(law["sizes"]) == law["point_sizes"] >= 2
    factors = sorted(size["factor"] for size in law["sizes"])
    page = " ".join(shown(run, *arguments).stdout.split())
    assert f"scaled to {law['points']} measured points (times {factors[0]:.3g} to {factors[-1]:.3g} near" in page


def test_what_was_imported_is_fitted_with_its_residual(run, folder):
    assert run("profiles", "import", result_file(folder, SWEEP)).exit_code == 0
    page = " ".join(shown(run, *OWN).stdout.split())
    assert "fitted to 12 operating points of 3 request sizes; off by" in page
    assert "cache of unknown size" in page
    answer = documented(shown(run, *OWN, "--format", "json"))
    assert answer["law"]["residual_median"] <= answer["law"]["residual_p90"] <= 0.05
    assert answer["law"]["limits"]["cache_tokens"] is None


def test_an_import_that_contradicts_itself_has_no_law(run, folder):
    assert run("profiles", "import", result_file(folder, SWEEP, factors=(1.0, 2.0))).exit_code == 0
    result = shown(run, *OWN)
    assert result.exit_code == 5
    assert "requests/s A" in result.stdout  # its rates are still shown
    refusal = next(line for line in result.stderr.splitlines() if line.startswith("no step law: "))
    assert "24 measured points contradict each other" in refusal
    assert "at most 15%" in refusal
    saved = next((folder / "own").rglob("*.csv"))
    assert f"measure again (melange-cloud profiles measure), or delete what is wrong in {saved.name}" in refusal
    answer = documented(shown(run, *OWN, "--format", "json"))
    assert answer["law"] is None
    assert answer["law_refused"]["cure"].startswith("measure again")


def test_an_import_of_too_few_points_says_how_many_are_needed(run, folder):
    assert run("profiles", "import", result_file(folder, SWEEP[:5])).exit_code == 0
    result = shown(run, *OWN)
    assert result.exit_code == 5
    assert (
        "5 measured points with a TPOT are not enough to tell how long a step takes: measure at least 7"
        in result.stderr
    )
    both = json.loads(shown(run, "--gpu", "all", "--format", "json").stdout)
    assert all(profile["law"] for profile in both["profiles"])
