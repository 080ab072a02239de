"""``profiles import`` end to end: read, rejected, saved, compared, and used by the commands that come after."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from melange_cloud.domain import Kind, MaxTput, Slo
from melange_cloud.profiles import check_profile_file, library

FILES = Path(__file__).parents[1] / "profiles" / "benchmark_files"
KIND = Kind("A10G", 1)
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
    assert "vllm_2025.pytorch.json: repeats the result of the same name" in result.stderr
    assert "matches no file" in refused(run, str(FILES / "none*.json"))


@pytest.fixture
def reports(tmp_path):
    """A folder as inference-perf leaves it: two stages, their average, metrics of the server, a log, settings."""
    folder = tmp_path / "reports"
    folder.mkdir()
    stage = json.loads((FILES / "stage_2_lifecycle_metrics.json").read_text())
    for at, (rate, achieved) in enumerate(((5.0, 4.9), (15.0, 14.8))):
        stage["load_summary"]["requested_rate"] = rate
        stage["successes"]["throughput"]["requests_per_sec"] = achieved
        (folder / f"stage_{at}_lifecycle_metrics.json").write_text(json.dumps(stage))
    del stage["load_summary"]["requested_rate"], stage["load_summary"]["achieved_rate"]
    stage["successes"]["throughput"]["requests_per_sec"] = 9.0
    (folder / "summary_lifecycle_metrics.json").write_text(json.dumps(stage))
    (folder / "stage_0_prometheus_metrics.json").write_text('{"prompt_tokens": {"rate": 1.0}}')
    (folder / "per_request_lifecycle_metrics.json").write_text('[{"request": "x", "start_time": 1.0}]')
    (folder / "config.yaml").write_text("load:\n  type: constant\n")
    (folder / "run.log").write_text("[INFO] started\n[INFO] done\n")
    (folder / "picture.png").write_bytes(b"\x89PNG\x00")
    (folder / "empty.json").write_text("")
    (folder / "below").mkdir()
    return folder


OF_A_STAGE = ("--gpu", "H100", "--tp", "1", "--model", "llama-3.1-8b")


@pytest.mark.parametrize("how", ["folder", "pattern", "one by one"])
def test_a_folder_gives_its_stages_and_says_what_it_skipped(run, reports, how):
    names = {"folder": [reports], "pattern": [reports / "*"], "one by one": sorted(reports.glob("*.*"))}[how]
    answer = imported(run, *map(str, names), *OF_A_STAGE)
    (size,) = answer["sizes"]
    assert (size["points"], size["requests_per_s"]) == (2, 14.8)
    skipped = {Path(entry["file"]).name for entry in answer["skipped"]}
    assert skipped == {
        "stage_0_prometheus_metrics.json", "per_request_lifecycle_metrics.json", "config.yaml", "run.log",
        "picture.png", "empty.json",
    }  # fmt: skip
    (summary,) = [file for file in answer["files"] if "summary" in file["file"]]
    assert (summary["runs"], "skipped, since its stages are imported" in summary["notes"][0]) == (0, True)


@pytest.mark.parametrize("name", ["summary_lifecycle_metrics.json", "renamed.json"])
def test_an_average_over_stages_alone_is_refused_with_the_cure(run, reports, name):
    average = (reports / "summary_lifecycle_metrics.json").rename(reports / name)
    text = refused(run, str(average), *OF_A_STAGE)
    assert "averages over all stages" in text
    assert "import its stage_N_lifecycle_metrics.json files" in text


def test_a_folder_in_which_nothing_is_a_result_is_refused(run, reports):
    for path in reports.glob("*lifecycle*"):
        path.unlink()
    text = refused(run, str(reports), *OF_A_STAGE)
    assert "stage_0_prometheus_metrics.json: is not a result of a supported benchmark tool" in text
    assert "is a folder without files" in refused(run, str(reports / "below"), *OF_A_STAGE)


def test_a_result_that_is_broken_is_not_passed_over(run, reports):
    (reports / "stage_3_lifecycle_metrics.json").write_text('{"load_summary": {')
    assert "stage_3_lifecycle_metrics.json, line 1: is truncated" in refused(run, str(reports), *OF_A_STAGE)


def sweep(tmp_path, *runs):
    """A sweep as vLLM's own benchmark does it, one line per rate: (asked, completed, duration s, TTFT ms, TPOT ms)."""
    document = json.loads(Path(SWEEP).read_text().splitlines()[0])
    lines = []
    for asked, completed, duration_s, ttft_ms, tpot_ms in runs:
        document |= {
            "request_rate": asked, "num_prompts": completed, "completed": completed, "duration": duration_s,
            "request_throughput": completed / duration_s, "total_input_tokens": 250 * completed,
            "total_output_tokens": 200 * completed, "mean_ttft_ms": ttft_ms, "mean_tpot_ms": tpot_ms,
            "p99_tpot_ms": 1.5 * tpot_ms,
        }  # fmt: skip
        lines.append(json.dumps(document))
    path = tmp_path / "usual.jsonl"
    path.write_text("\n".join(lines))
    return str(path)


USUAL = ((1.0, 200, 210.0, 110.0, 54.0), (4.0, 600, 250.0, 900.0, 140.0), ("inf", 200, 88.0, 2500.0, 160.0))


def test_each_run_of_a_usual_sweep_says_what_it_changes(run, tmp_path):
    """0.95/s with 10.4 in flight; 2.4/s with 69 in flight; 200 at once, whose first token took 7 % of the time."""
    path = sweep(tmp_path, *USUAL)
    answer = imported(run, path)
    uses = [entry["use"] for entry in answer["runs"]]
    assert uses[0] == "gives a TPOT of 54 ms at its rate"
    assert uses[1] == "gives a TPOT of 140 ms at its rate"
    assert uses[2].startswith("not used: 200 requests at once are too few to show saturation")
    assert [entry["grade"] for entry in answer["runs"]] == ["A", "B", None]
    (size,) = answer["sizes"]
    assert (size["points"], size["requests_per_s"], size["tpot_ms"]) == (2, 2.4, 140)
    assert not any("no run has a TPOT" in notice for notice in answer["notices"])
    table = run("profiles", "import", path, COLUMNS="160").stdout
    assert "usual.jsonl, line 3: 2.27 requests/s, not used: 200 requests at once" in table


def test_the_run_that_shows_nothing_moves_no_plan(run, tmp_path):
    ask = ("plan", "--region", "us-east-1", "--gpu", "A10G", "--rate", "900")
    without = imported(run, sweep(tmp_path, *USUAL[:2]))["written"]
    expected = run.json(*ask)["regions"]
    Path(without).unlink()
    imported(run, sweep(tmp_path, *USUAL))
    assert run.json(*ask)["regions"] == expected


def test_a_flood_is_the_saturated_rate_and_its_times_are_not_used(run, tmp_path):
    answer = imported(run, sweep(tmp_path, USUAL[0], ("inf", 1000, 384.6, 150_000.0, 160.0)))
    assert answer["runs"][1]["use"] == "used as the saturated rate; its times include queueing"
    (size,) = answer["sizes"]
    assert (size["requests_per_s"], size["tpot_ms"], size["saturated"]) == (pytest.approx(2.6, rel=1e-4), None, True)
    assert not any("no run has a TPOT" in notice for notice in answer["notices"])


def test_floods_alone_are_said_to_give_no_tpot(run, tmp_path):
    answer = imported(run, sweep(tmp_path, ("inf", 1000, 384.6, 150_000.0, 160.0)))
    assert any("no run has a TPOT" in notice for notice in answer["notices"])


def test_few_requests_are_a_doubt_that_is_said(run, tmp_path):
    """40 completed, 0.952 (0.11 + 199 · 0.054) = 10.3 of them in flight at once: 25.9 %."""
    answer = imported(run, sweep(tmp_path, (1.0, 40, 42.0, 110.0, 54.0)))
    assert (answer["sizes"][0]["grade"], answer["sizes"][0]["error"]) == ("C", 0.26)
    assert any("40 completed requests with 10 in flight" in notice for notice in answer["notices"])


def test_what_is_far_from_the_estimate_is_said(run, tmp_path):
    """9.5 a second, of 6.5e12 FLOP each, are within the GPU's 70 TFLOP/s, and far more than the estimate."""
    fast = sweep(tmp_path, (9.5, 3800, 400.0, 300.0, 50.0))
    answer = imported(run, fast)
    (size,) = answer["sizes"]
    assert size["is_large"]
    (notice,) = [notice for notice in answer["notices"] if "rarely differ so much" in notice]
    assert f"the measured rate is {size['measured_over_estimated']:.3g} times the estimate (9.5 against" in notice


def test_an_import_says_where_plans_use_it(run, tmp_path):
    """One point at 45 ms: a plan at 100 ms takes its rate at its size, and the estimate at 300 + 240 tokens."""
    run_at = sweep(tmp_path, (1.0, 300, 300.0, 90.0, 45.0))
    notices = imported(run, run_at)["notices"]
    used = (
        "plans use these rates within 10 % of 250 + 200 tokens; from half to twice that size they correct the estimate"
    )
    assert any(notice.startswith(used) for notice in notices)
    (low,) = [notice for notice in notices if "no higher load was measured at 250 + 200 (up to 45 ms)" in notice]
    assert "does not lower rates at other sizes" in low
    own, shipped = (
        library.load_profiles("llama-3.1-8b", "bf16", "2025", ["A10G"])[0][KIND],
        library.estimated_profile("llama-3.1-8b", "bf16", "2025", KIND),
    )
    at_100_ms = [[of.max_tput(*size, Slo(tpot_ms=100)) for size in ((260, 205), (300, 240))] for of in (own, shipped)]
    (near, far), (near_shipped, far_shipped) = [
        [rate.requests_per_s for rate in rates if isinstance(rate, MaxTput)] for rates in at_100_ms
    ]
    assert near == pytest.approx(1.0, rel=0.1)
    assert near_shipped > 2
    assert far == far_shipped


def test_without_an_estimate_smaller_sizes_count_as_the_measured_one(run):
    answer = imported(run, str(FILES / "guidellm_v2.json"), "--gpu", "L4", "--tp", "1", "--precision", "bf16")
    assert any("smaller sizes count as the next larger measured one" in notice for notice in answer["notices"])


def test_what_is_far_below_the_estimate_is_said_as_it_is(run, tmp_path):
    """4 in flight at most, and at most 16: more brought nothing, at a rate far below what an A10G does."""
    slow = sweep(tmp_path, (0.1, 300, 3000.0, 90.0, 45.0), (0.2, 600, 6000.0, 90.0, 140.0))
    answer = imported(run, slow, "--tpot-ms", "100")
    (size,) = answer["sizes"]
    assert size["is_large"]
    (notice,) = [notice for notice in answer["notices"] if "rarely differ so much" in notice]
    assert f"the measured rate is only {size['measured_over_estimated']:.3g} of the estimate (0.1 against" in notice


def test_a_token_faster_than_the_estimate_at_any_load_is_said_so(run, tmp_path):
    """2 ms on eight H100: their memory reads the weights in 0.6 ms, and no estimate is that fast."""
    document = json.loads(Path(SWEEP).read_text().splitlines()[0])
    document = {key: value for key, value in document.items() if key not in ("gpu", "tp")}
    document |= {"mean_tpot_ms": 2.0, "p99_tpot_ms": 2.6, "mean_ttft_ms": 30.0}
    path = tmp_path / "fast.json"
    path.write_text(json.dumps(document))
    notices = imported(run, str(path), "--gpu", "H100", "--tp", "8")["notices"]
    (notice,) = [notice for notice in notices if "rarely differ so much" in notice]
    assert "an output token took 2 ms, less than estimated at any load. " in notice


def test_another_model_or_gpu_than_the_results_name_is_refused(run):
    assert "--result-model 'meta-llama/Llama-3.1-8B-Instruct'" in refused(run, SWEEP, "--model", "llama-3.1-70b")
    confirmed = ("--result-model", "meta-llama/Llama-3.1-8B-Instruct", "--model", "mistral-7b")
    answer = imported(run, SWEEP, *confirmed, "--dry-run")
    assert answer["model"] == "mistral-7b"
    assert "as confirmed by --result-model" in answer["notices"][0]


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
    assert written in "".join(run("profiles", "list").stdout.split())
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
    assert "10 requests at once are too few to show saturation" in text


def test_a_model_that_is_not_shipped_needs_its_precision(run):
    assert "--precision: unknown model qwen3-0.6b" in refused(
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
        ((SWEEP, "--gpu", "L4", "--gpu", "A10G"), "--gpu L4 and A10G: a run was measured on one of them"),
        ((SWEEP, "--kv-cache-dtype", "fp8", "--gpu", "L4"), "--gpu L4: the results say A10G"),
        ((SWEEP, "--tpot-ms", "0"), "--tpot-ms 0"),
        ((SWEEP, "--weights-gib", "nan"), "--weights-gib nan"),
        ((SWEEP, str(FILES / "guidellm_v2.json")), "from several models"),
        (
            (str(FILES / "guidellm_v1.json"), str(FILES / "aibrix_simulated.json")),
            "simulated rates are not measurements",
        ),
        ((str(FILES / "vllm_2025.pytorch.json"),), "none of the files has a run"),
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


def test_an_import_is_saved_before_it_is_printed(folder, tmp_path):
    """A reader that takes nothing, as ``| head -1`` may."""
    reader, writer = os.pipe()
    os.close(reader)
    command = (sys.executable, "-c", "from melange_cloud.cli.app import main; main()", "profiles", "import", SWEEP)
    subprocess.run(command, stdout=writer, stderr=subprocess.DEVNULL, cwd=tmp_path, check=False)
    os.close(writer)
    assert len(list(folder.rglob("*.csv"))) == 1
