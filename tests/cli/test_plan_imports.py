"""What rests on an import says so, wherever it is shown; what does not says nothing."""

import csv
import hashlib
import io
import json
from pathlib import Path

import pytest

from tests.cli.test_profile_import import SWEEP, imported, sweep
from tests.estimates_by_hand import HandReplica

REGION = ("--region", "us-east-1")
PLAN = ("plan", *REGION, "--gpu", "A10G", "--rate", "20")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


def flat(text):
    return " ".join(text.split())


def test_every_form_of_a_plan_names_its_import(run):
    path = Path(imported(run, SWEEP)["written"])
    plan = run.json(*PLAN)
    (found,) = [entry for entry in plan["imports"] if entry["tensor_parallel"] == 1]
    assert (found["file"], found["gpu"], found["in_fleet"]) == (str(path), "A10G", True)
    assert found["digest"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["measured_on"], found["points"], found["grade"], found["error"]) == ("2026-03-01", 4, "A", 0.1)
    saturated_per_s = max(point[2] for point in HandReplica("llama-3.1-8b", "A10G").points(250, 200))
    assert found["ratio"] == pytest.approx(2.6 / saturated_per_s, rel=1e-3)  # its TPOT is beyond the estimate's
    (notice,) = [notice for notice in plan["notices"] if "is based on your import" in notice]
    assert path.name in notice
    assert f"measured 2026-03-01, 4 points, grade A ±10 %, {found['ratio']:.3g} times the estimate" in notice
    for form in ("table", "markdown"):
        assert notice in flat(run(*PLAN, "--format", form).stdout.replace("\\", ""))
    sheet = run(*PLAN, "--format", "csv")
    assert notice in flat(sheet.stderr)
    rows = list(csv.DictReader(io.StringIO(sheet.stdout)))
    assert {row["profile_imports"] for row in rows if row["gpu"] == "A10G"} == {path.name}


def test_so_do_sensitivity_heatmap_and_the_profile_itself(run):
    name = Path(imported(run, SWEEP)["written"]).name
    says = f"A10G is based on your import {name}"
    swept = run.json("sensitivity", *REGION, "--gpu", "A10G", "--over", "rate", "--from", "5", "--to", "6")
    assert any(notice.startswith(says) for notice in swept["notices"])
    drawn = run.json("profiles", "heatmap", *REGION)
    assert any(notice.startswith(says) for notice in drawn["notices"])
    assert says in flat(run("profiles", "show", "--gpu", "A10G").stdout)
    (shown,) = run.json("profiles", "show", "--gpu", "A10G")["imports"]
    assert Path(shown["file"]).name == name


@pytest.mark.parametrize(
    "ask",
    [
        ("plan", *REGION, "--gpu", "L4"),  # of another GPU
        ("plan", *REGION, "--gpu", "A10G:2"),  # at another degree
        ("plan", "--region", "us-central1"),  # where no one sells the GPU
        ("plan", *REGION, "--precision", "fp8"),  # in another precision
        ("plan", *REGION, "--model", "mistral-7b"),  # of another model
        ("plan", *REGION, "--workload", "code", "--gpu", "A10G", "--tpot-ms", "28"),  # that the target rules out
        ("profiles", "heatmap", *REGION, "--over", "tpot", "--size", "8000x1000"),  # at other sizes
    ],
)
def test_an_import_that_changes_nothing_is_not_mentioned(run, ask):
    imported(run, SWEEP)
    answer = run(*ask, "--format", "json")
    assert "your import" not in answer.output
    assert not json.loads(answer.stdout).get("imports")


def test_an_import_that_only_rules_a_gpu_out_is_one_that_the_plan_rests_on(run, tmp_path):
    """A tenth of the estimate: the fleet has no A10G any more, because of the import."""
    slow = sweep(tmp_path, (0.1, 400, 4200.0, 300.0, 60.0), (0.4, 800, 2200.0, 5000.0, 300.0))
    before = run.json("plan", *REGION, "--rate", "5")
    assert "A10G" in {line["gpu"] for line in before["regions"][0]["allocations"]}
    imported(run, slow)
    plan = run.json("plan", *REGION, "--rate", "5")
    (found,) = plan["imports"]
    assert found["gpu"] == "A10G"
    assert not found["in_fleet"]


def test_a_large_ratio_and_doubts_are_said_in_every_plan(run, tmp_path):
    """7.5 a second with 7.5 (0.3 + 199 · 0.031) = 48.5 in flight, of 110: ±45 %, and faster than any estimate."""
    imported(run, sweep(tmp_path, (7.5, 110, 110 / 7.5, 300.0, 31.0)))
    plan = run.json(*PLAN)
    (found,) = plan["imports"]
    assert found["odd"]
    (check,) = [notice for notice in plan["notices"] if notice.startswith("CHECK YOUR IMPORT")]
    assert "an output token took 31 ms, less than estimated at any load: it may be from another GPU" in check
    (notice,) = [notice for notice in plan["notices"] if "is based on your import" in notice]
    assert "110 completed requests with 49 in flight" in notice
    assert any("110 completed requests" in doubt for doubt in found["doubts"])
    assert (found["grade"], found["error"]) == ("D", 0.45)


def test_of_several_imports_those_are_named_that_matter(run, tmp_path):
    first = Path(imported(run, SWEEP)["written"]).name
    document = json.loads(Path(SWEEP).read_text().splitlines()[0])
    document |= {"total_input_tokens": 300 * 30_000, "total_output_tokens": 300 * 100, "mean_ttft_ms": 60_000.0}
    document |= {"request_rate": 0.03, "request_throughput": 0.03, "duration": 10_000.0}
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text(json.dumps(document))
    second = Path(imported(run, str(elsewhere))["written"]).name
    named = [Path(entry["file"]).name for entry in run.json(*PLAN)["imports"]]
    assert named == [first]
    assert {Path(entry["file"]).name for entry in run.json("profiles", "show", "--gpu", "A10G")["imports"]} == {
        first,
        second,
    }


def test_a_copy_of_an_import_hides_neither(run):
    path = Path(imported(run, SWEEP)["written"])
    copy = path.with_name("tp1-copy.csv")
    copy.write_bytes(path.read_bytes())
    assert {Path(entry["file"]).name for entry in run.json(*PLAN)["imports"]} == {path.name, copy.name}


def test_an_import_of_other_sizes_that_shows_a_faster_front_end_is_named(run, tmp_path):
    """120 requests/s of 100 + 25 tokens are more than one API server takes: that of every size is faster then."""
    ask = ("plan", *REGION, "--gpu", "H100:1", "--workload", "chat", "--rate", "100")
    document = json.loads(Path(SWEEP).read_text().splitlines()[0])
    document |= {
        "gpu": "H100", "request_rate": 130, "num_prompts": 12_000, "completed": 12_000, "duration": 100.0,
        "request_throughput": 120.0, "total_input_tokens": 1_200_000, "total_output_tokens": 300_000,
        "mean_ttft_ms": 60.0, "mean_tpot_ms": 20.0, "p99_tpot_ms": 30.0,
    }  # fmt: skip
    fast = tmp_path / "fast.json"
    fast.write_text(json.dumps(document))
    name = Path(imported(run, str(fast))["written"]).name
    plan = run.json(*ask)
    assert [Path(entry["file"]).name for entry in plan["imports"]] == [name]
    # With front ends to spare it changes nothing that far away, and is not mentioned.
    assert run.json(*ask, "--api-servers", "64")["imports"] == []
