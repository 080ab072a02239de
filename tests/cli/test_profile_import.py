"""``profiles import`` end to end: read, rejected, saved, compared, and used by the commands that come after."""

import json
from pathlib import Path

import pytest

from melange_cloud.profiles import check_profile_file

FILES = Path(__file__).parents[1] / "profiles" / "benchmark_files"
SWEEP = str(FILES / "vllm_sweep.jsonl")


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


def imported(run, *arguments):
    result = run("profiles", "import", *arguments, "--format", "json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(run, *arguments):
    result = run("profiles", "import", *arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_sweep_becomes_a_profile(run, folder):
    answer = imported(run, SWEEP, "--tpot-ms", "100")
    written = Path(answer["written"])
    assert written.is_relative_to(folder)
    check_profile_file(written)
    assert (answer["model"], answer["gpu"], answer["tensor_parallel"], answer["era"]) == (
        "llama-3.1-8b",
        "A10G",
        1,
        "2025",
    )
    (size,) = answer["sizes"]
    assert (size["input_tokens"], size["output_tokens"], size["points"]) == (250, 200, 4)
    assert (size["requests_per_s"], size["tpot_ms"], size["p99_tpot_ms"]) == (1.9, 88, 132)
    assert size["measured_over_estimated"] == pytest.approx(1.9 / size["estimated_requests_per_s"])
    assert [r["source"] for r in answer["rejected"]] == ["vllm_sweep.jsonl, line 5"]
    assert "requests failed" in answer["rejected"][0]["reason"]


def test_the_table_says_what_was_read_rejected_written_and_compared(run, folder):
    result = run("profiles", "import", SWEEP)
    assert result.exit_code == 0
    for word in ("llama-3.1-8b bf16 on 1 x A10G", "vllm bench serve, runs: 5", "2.6", "141", "Estimated", "Saved:"):
        assert word in result.stdout
    assert "rejected vllm_sweep.jsonl, line 5: 120 of" in result.stderr
    assert "no higher load was measured" in result.stderr
    narrow = run("profiles", "import", SWEEP, COLUMNS="60")
    assert max(map(len, narrow.stdout.splitlines())) <= 60
    assert "…" not in narrow.stdout


def test_a_dry_run_saves_nothing(run, folder):
    assert imported(run, SWEEP, "--dry-run")["written"] is None
    assert not folder.exists()


def test_patterns_are_expanded_and_the_pytorch_copy_is_skipped(run):
    result = run("profiles", "import", str(FILES / "vllm_2025*.json"), "--gpu", "A10G", "--tp", "1", "--dry-run")
    assert result.exit_code == 0
    assert "vllm_2025.pytorch.json: repeats the result beside it" in result.stderr
    assert "matches no file" in refused(run, str(FILES / "none*.json"))
    assert "is a folder" in refused(run, str(FILES))


def test_show_list_and_plan_use_it(run):
    before = run.json("plan", "--region", "us-east-1", "--gpu", "A10G", "--rate", "900")
    written = imported(run, SWEEP)["written"]
    shown = run.json("profiles", "show", "--gpu", "A10G", "--tpot-ms", "88")
    (cell,) = [c for c in shown["cells"] if c["origin"] == "measured"]
    assert (cell["input_tokens"], cell["output_tokens"], cell["requests_per_s"]) == (250, 200, 1.9)
    assert (cell["grade"], cell["error"]) == ("A", 0.1)
    p99 = run.json("profiles", "show", "--gpu", "A10G", "--p99-tpot-ms", "132")
    assert [c["requests_per_s"] for c in p99["cells"]] == [1.9]
    table = run("profiles", "show", "--gpu", "A10G", "--tpot-ms", "88").stdout
    assert "250 + 200 tokens: 1.9 requests/s A" in table
    assert "2026-03-01" in table
    (row,) = run.json("profiles", "list")["own"]
    assert (row["origin"], row["gpu"], row["file"], row["points"]) == ("yours", "A10G", written, 4)
    assert written in run("profiles", "list").stdout.replace("\n", "")
    after = run.json("plan", "--region", "us-east-1", "--gpu", "A10G", "--rate", "900")
    assert after["regions"][0]["usd_per_hour"] != before["regions"][0]["usd_per_hour"]
    Path(written).unlink()
    again = run.json("plan", "--region", "us-east-1", "--gpu", "A10G", "--rate", "900")
    assert again["regions"][0]["usd_per_hour"] == before["regions"][0]["usd_per_hour"]


def test_a_contradiction_is_told_by_the_import_and_by_the_plan(run, tmp_path):
    imported(run, SWEEP)
    later = tmp_path / "later.jsonl"
    documents = [json.loads(line) for line in Path(SWEEP).read_text().splitlines()]
    for document in documents:
        document["mean_tpot_ms"] *= 1.5
        document["date"] = "20260401-080000"
    later.write_text("\n".join(json.dumps(document) for document in documents))
    (notice,) = [n for n in imported(run, str(later))["notices"] if "contradicts" in n]
    plan = run.json("plan", "--region", "us-east-1", "--gpu", "A10G", "--rate", "900")
    assert notice in plan["notices"]


def test_ten_requests_at_once_are_said_to_be_too_few(run):
    text = refused(run, str(FILES / "vllm_2024_ten_at_once.json"), "--gpu", "A10G", "--tp", "1")
    assert "10 requests at once, too few to show saturation" in text


def test_a_model_that_is_not_shipped_needs_its_precision(run):
    assert "--precision: qwen3-0.6b is not a model we know" in refused(
        run, str(FILES / "guidellm_v2.json"), "--gpu", "L4", "--tp", "1"
    )
    answer = imported(run, str(FILES / "guidellm_v2.json"), "--gpu", "L4", "--tp", "1", "--precision", "bf16")
    assert answer["model"] == "qwen3-0.6b"
    shown = run.json("profiles", "show", "--model", "Qwen/Qwen3-0.6B", "--gpu", "L4")
    assert [cell["origin"] for cell in shown["cells"]] == ["measured"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((SWEEP, "--gpu", "L4"), "--gpu L4: the results say A10G"),
        ((SWEEP, "--tp", "2"), "--tp 2: the results say 1"),
        ((SWEEP, "--tpot-ms", "0"), "--tpot-ms 0"),
        ((SWEEP, "--weights-gib", "nan"), "--weights-gib nan"),
        ((SWEEP, str(FILES / "guidellm_v2.json")), "of several models"),
        ((str(FILES / "guidellm_v1.json"), str(FILES / "aibrix_simulated.json")), "simulated rates are no measurement"),
        ((str(FILES / "vllm_2025.pytorch.json"),), "none of the files holds a run"),
        ((str(FILES / "vllm_2025.json"), "--tp", "1"), "--gpu: the results do not say"),
        (("nothing.json",), "nothing.json: cannot be read"),
    ],
)
def test_what_cannot_be_imported_is_one_line_with_the_cure(run, arguments, says):
    assert says in refused(run, *arguments)


def test_faults_of_several_files_come_together(run, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    text = refused(run, str(broken), str(FILES / "guidellm_v1.json"))
    assert "broken.json" in text
    assert "guidellm_v1.json" in text


def test_help_has_an_example_and_says_how_to_take_an_import_back(run):
    text = run("profiles", "import", "--help").stdout
    assert "melange-cloud profiles import results/*.json --gpu A10G --tp 1" in text
    assert "delete it" in " ".join(text.split())
