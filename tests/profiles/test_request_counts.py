"""How many requests failed, were cut off or counted at all: wherever a tool puts it, and what it does to a run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.errors import BadFile
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.files.profile_file import read_profile_file
from melange_cloud.profiles.importers import read_runs
from melange_cloud.profiles.run_points import doubts, error_of, points_of, rejection
from melange_cloud.profiles.user_profiles import save_runs

FILES = Path(__file__).parent / "benchmark_files"
Change = Callable[[dict[str, Any]], None]


def read(tmp_path: Path, name: str, change: Change, at: int = 0) -> BenchmarkRun:
    text = (FILES / name).read_text()
    document = json.loads(text.splitlines()[0] if name.endswith("l") else text)
    change(document)
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return read_runs(path)[at]


def updated(**fields: Any) -> Change:
    return lambda document: document.update(fields)


def without(*fields: str) -> Change:
    def change(document: dict[str, Any]) -> None:
        for field in fields:
            del document[field]

    return change


def totals(at: int, **counts: int | None) -> Change:
    return lambda d: d["benchmarks"][at]["metrics"]["request_totals"].update(counts)


def updated_at(at: int, **fields: Any) -> Change:
    return lambda d: d["benchmarks"][at].update(fields)


def made(at: int, **counts: int) -> Change:
    return updated_at(at, scheduler_metrics={"requests_made": counts})


def listed_as_errored(document: dict[str, Any]) -> None:
    document["benchmarks"][1]["requests"] = {"successful": [{}] * 200, "errored": [{"info": {}}] * 100}


@pytest.mark.parametrize(
    ("name", "change", "at", "failed"),
    [
        # 300 completed; the 100 that failed stand in errors[] alone, or in the lengths alone, or in failed alone.
        ("sglang_old.jsonl", updated(errors=[""] * 300 + ["timeout"] * 100), 0, 100),
        ("sglang_old.jsonl", updated(output_lens=[513] * 400), 0, 100),
        ("sglang_old.jsonl", updated(num_prompts=400), 0, 100),
        ("sglang_old.jsonl", updated(failed=100), 0, 100),
        ("vllm_2025.json", updated(errors=["", "x"] * 100, num_prompts=200), 0, 100),
        ("vllm_2025.json", updated(failed=100), 0, 100),
        ("vllm_2025.json", updated(num_prompts=300), 0, 100),
        ("aiperf.json", updated(error_summary=[{"error_details": {"code": 500}, "count": 60}, {"count": 40}]), 0, 100),
        ("aiperf.json", updated(error_request_count={"unit": "requests", "avg": 100.0}), 0, 100),
        ("aiperf.json", updated(input_config={"loadgen": {"concurrency": 4, "request_count": 350}}), 0, 100),
        ("profile_export_genai_perf.json", updated(error_request_count={"avg": 100}), 0, 100),
        ("guidellm_v2.json", totals(1, errored=100), 1, 100),
        ("guidellm_v2.json", listed_as_errored, 1, 100),
        ("guidellm_v2.json", updated_at(1, scheduler_metrics={"requests_made": {"errored": 100}}), 1, 100),
        ("guidellm_v2.json", totals(1, total=302, errored=None), 1, 100),
        ("guidellm_v2.json", made(1, successful=205, incomplete=2, total=307), 1, 100),
        ("aiperf.json", updated(error_summary={"500": 60, "timeout": "40"}), 0, 100),
        ("aiperf.json", updated(error_summary=[{"count": "100"}]), 0, 100),
        ("aiperf.json", updated(error_request_count={"avg": "100"}), 0, 100),
        ("aiperf.json", updated(total_request_count={"avg": 350.0}), 0, 100),
        ("aiperf.json", updated(request_error_rate={"unit": "%", "avg": 2000 / 70}), 0, 100),
        ("vllm_2025.json", updated(failed=None, failed_requests=100), 0, 100),
        ("vllm_2025.json", updated(failed="100"), 0, 100),
        ("vllm_2025.json", updated(failed=0, num_failed=100), 0, 100),
        ("vllm_2025.json", updated(failures={"timeout": 60, "500": {"count": 40}}), 0, 100),
        ("vllm_2025.json", updated(success=[True] * 200 + [False] * 100), 0, 100),
        ("vllm_2025.json", updated(output_lens=[200] * 100 + [0] * 100), 0, 100),
        ("vllm_2025.json", updated(success_rate=2 / 3), 0, 100),
        ("vllm_2025.json", updated(error_rate=100 / 3), 0, 100),
        ("stage_2_lifecycle_metrics.json", updated(failures=[{}] * 100), 0, 100),
        ("stage_2_lifecycle_metrics.json", updated(failures={"error_500": 60, "timeout": 40}), 0, 100),
        ("stage_2_lifecycle_metrics.json", updated(failures={"count": None, "error_types": {"timeout": 100}}), 0, 100),
        (
            "stage_2_lifecycle_metrics.json",
            updated(failures={"count": "100", "request_latency": {"mean": 9e9}}),
            0,
            100,
        ),
        ("stage_2_lifecycle_metrics.json", lambda d: d["failures"].update(count=100), 0, 100),
        ("stage_2_lifecycle_metrics.json", lambda d: d["load_summary"].update(count=1000), 0, 100),
    ],
)
def test_failures_count_wherever_the_tool_puts_them(
    tmp_path: Path, name: str, change: Change, at: int, failed: int
) -> None:
    run = read(tmp_path, name, change, at)
    assert run.failed == failed
    assert "100 of" in rejection(run)
    assert "requests failed" in rejection(run)


def test_the_requests_of_a_warm_up_have_not_failed(tmp_path: Path) -> None:
    """As GuideLLM 0.8.1 counted a load with a warm-up: made and successful, but not among those of its metrics."""
    run = read(tmp_path, "guidellm_v2.json", made(1, successful=205, errored=0, incomplete=2, total=207), 1)
    assert (run.completed, run.failed, rejection(run)) == (200, 0, "")


@pytest.mark.parametrize("name", ["sglang_new.jsonl", "profile_export_genai_perf.json", "aibrix_measured.json"])
def test_a_file_that_does_not_tell_is_said_not_to(name: str) -> None:
    run = read_runs(FILES / name)[0]
    assert run.failed is None
    assert rejection(run) == ""
    assert "the file does not say how many requests failed" in doubts(run)


@pytest.mark.parametrize("name", ["vllm_2025.json", "vllm_2024.json", "aiperf.json", "guidellm_v2.json"])
def test_a_file_that_tells_is_not_doubted_for_it(name: str) -> None:
    assert all("failed" not in clause for run in read_runs(FILES / name) for clause in doubts(run))


@pytest.mark.parametrize("name", ["aiperf.json", "vllm_2025.json", "sglang_new.jsonl"])
@pytest.mark.parametrize(
    "fields",
    [{"was_cancelled": True}, {"is_complete": False}, {"was_cancelled": "true"}, {"is_complete": "False"},
     {"is_cancelled": True}, {"interrupted": 1}],
)  # fmt: skip
def test_a_cancelled_run_is_rejected(tmp_path: Path, name: str, fields: dict[str, Any]) -> None:
    run = read(tmp_path, name, updated(**fields))
    assert "was cancelled" in rejection(run)
    assert next(iter(fields)) in rejection(run)
    assert rejection(read(tmp_path, "aiperf.json", updated(was_cancelled=False, is_complete=True))) == ""


def test_a_run_that_cancels_requests_on_purpose_is_rejected(tmp_path: Path) -> None:
    load = {"concurrency": 4, "request_cancellation_rate": 40.0}
    run = read(tmp_path, "aiperf.json", updated(input_config={"loadgen": load}))
    assert "request_cancellation_rate is 40 %" in rejection(run)


def test_unreported_failures_of_inference_perf_are_doubted(tmp_path: Path) -> None:
    def untold(document: dict[str, Any]) -> None:
        del document["load_summary"]["count"]
        document["failures"] = None

    assert read(tmp_path, "stage_2_lifecycle_metrics.json", untold).failed is None


def test_what_was_in_flight_when_the_time_was_up_did_not_fail(tmp_path: Path) -> None:
    """Eight in flight: 8 may be cut off, or twice the mean in flight; the rest of 100 were given up."""
    in_flight = read_runs(FILES / "guidellm_v2.json")[1].concurrency
    assert in_flight is not None
    at_the_end = max(8, -(-2 * in_flight // 1))
    few, many = (read(tmp_path, "guidellm_v2.json", totals(1, incomplete=count), 1) for count in (8, 100))
    assert (few.failed, few.cut_off, rejection(few)) == (0, 8, "")
    assert "8 requests were still running when the time was up" in doubts(few)
    assert (many.failed, many.cut_off) == (100 - at_the_end, at_the_end)
    assert "requests failed" in rejection(many)


def a_run(completed: int | None, in_flight: float, **fields: Any) -> BenchmarkRun:
    (run,) = read_runs(FILES / "vllm_2025.json")
    return replace(run, completed=completed, concurrency=in_flight, **fields)


@pytest.mark.parametrize(
    ("completed", "in_flight", "grade", "error"),
    [
        (100, 10, "A", 0.1),
        (400, 40, "A", 0.1),
        (64, 1, "B", 0.13),  # 1 / sqrt(64) = 12.5 %
        (25, 1, "B", 0.2),
        (14, 1, "C", 0.27),
        (10, 1, "D", 0.32),
        (1000, 250, "C", 0.25),
        (200, 80, "D", 0.4),
    ],
)
def test_a_run_of_few_requests_has_a_larger_error(completed: int, in_flight: float, grade: str, error: float) -> None:
    run = a_run(completed, in_flight)
    (point,) = points_of([run])
    assert (point.grade, point.error) == (grade, error)
    assert bool(doubts(run)) == (grade != "A")


@pytest.mark.parametrize(("completed", "in_flight"), [(1, 1), (9, 1), (100, 51), (300, 200)])
def test_a_run_of_too_few_is_rejected_with_the_count_that_would_do(completed: int, in_flight: float) -> None:
    run = a_run(completed, in_flight)
    assert f"{completed} completed request" in rejection(run)
    assert "grade A needs at least 100 requests, and 10 times the requests in flight" in rejection(run)
    assert points_of([run]) == []


def test_a_run_that_does_not_say_how_many_is_doubted() -> None:
    run = a_run(None, 5)
    assert (rejection(run), error_of(run), points_of([run])[0].grade) == ("", 0.25, "C")
    assert "the file does not say how many requests were completed" in doubts(run)


def test_what_measure_counted_without_ramp_and_end_keeps_its_grade() -> None:
    assert points_of([a_run(10, 4, steady=True)])[0].grade == "A"


def test_the_doubt_is_kept_in_the_profile(tmp_path: Path) -> None:
    path = save_runs(
        [a_run(64, 1)], gpu="A10G", tensor_parallel=1, model="m", precision="bf16", era="2025", folder=tmp_path
    )
    assert "64 completed requests with 1 in flight" in read_profile_file(path).header.doubt


def test_vllm_of_early_2024_has_its_rate_derived(tmp_path: Path) -> None:
    """400 requests in 205 s; the tool called the rate request_inthroughput."""

    def older(document: dict[str, Any]) -> None:
        for field in ("request_throughput", "burstiness", "max_concurrency"):
            del document[field]
        document.update(request_inthroughput=400 / 205, completed=400, num_prompts=400, duration=205.0)

    run = read(tmp_path, "vllm_2025.json", older)
    assert run.requests_per_s == pytest.approx(400 / 205)
    assert (run.failed, rejection(run)) == (0, "")


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("vllm_2025.json", "mean_ttft_ms"),
        ("sglang_new.jsonl", "mean_ttft_ms"),
        ("aiperf.json", "time_to_first_token"),
    ],
)
def test_without_a_ttft_the_rest_is_read_and_the_field_is_named(tmp_path: Path, name: str, field: str) -> None:
    run = read(tmp_path, name, without(field))
    assert run.ttft_ms is None
    assert run.tpot_ms is not None
    assert rejection(run) == ""
    assert any(clause.startswith(f"{field} is missing") for clause in doubts(run))


@pytest.mark.parametrize("zero", [0, 0.0, None])
def test_one_output_token_has_no_tpot(tmp_path: Path, zero: float | None) -> None:
    one = updated(total_output_tokens=200, mean_tpot_ms=zero, p99_tpot_ms=zero)
    run = read(tmp_path, "vllm_2025.json", one)
    assert run.tpot_ms is None
    assert rejection(run) == "one output token has no time per output token: ask for 2 or more"


def test_a_tpot_of_0_with_more_output_tokens_is_still_a_fault(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="mean_tpot_ms: is 0"):
        read(tmp_path, "vllm_2025.json", updated(mean_tpot_ms=0))


@pytest.mark.parametrize("field", ["completed", "duration", "total_input_tokens", "total_output_tokens"])
def test_a_field_without_which_there_is_no_rate_is_named(tmp_path: Path, field: str) -> None:
    for name in ("vllm_2025.json", "vllm_2024.json"):
        with pytest.raises(BadFile, match=f"{field}: is missing") as raised:
            read(tmp_path, name, without(field))
        assert len(raised.value.faults) == 1, "and nothing false beside it"


@pytest.mark.parametrize("own", [(), ("model_id", "num_prompts"), ("model_id", "num_prompts", "tokenizer_id")])
def test_fields_that_are_missing_together_are_all_named(tmp_path: Path, own: tuple[str, ...]) -> None:
    with pytest.raises(BadFile) as raised:
        read(tmp_path, "vllm_2025.json", without("duration", "total_input_tokens", *own))
    assert [fault.field for fault in raised.value.faults] == ["duration", "total_input_tokens"]
    with pytest.raises(BadFile) as raised:
        read(tmp_path, "sglang_new.jsonl", without("duration", "total_input_tokens", "backend"))
    assert [fault.field for fault in raised.value.faults] == ["duration", "total_input_tokens"]


def test_a_result_without_names_is_vllms_and_one_with_them_sglangs(tmp_path: Path) -> None:
    assert read(tmp_path, "vllm_2025.json", without("model_id", "num_prompts")).tool == "vllm bench serve"
    run = read(tmp_path, "sglang_new.jsonl", updated(model_id="meta-llama/Llama-3.1-70B", num_prompts=400))
    assert (run.tool, run.model) == ("sglang bench_serving", "meta-llama/Llama-3.1-70B")


def test_a_stage_without_its_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"load_summary\.requested_rate: is missing"):
        read(tmp_path, "stage_2_lifecycle_metrics.json", lambda d: d["load_summary"].pop("requested_rate"))


def test_the_latency_of_sglang_is_named_where_it_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="mean_e2e_latency_ms: is missing"):
        read(tmp_path, "sglang_new.jsonl", without("mean_e2e_latency_ms"))


def test_without_a_tpot_the_rate_is_read_and_doubted(tmp_path: Path) -> None:
    run = read(tmp_path, "vllm_2025.json", without("mean_tpot_ms", "p99_tpot_ms"))
    assert (run.tpot_ms, rejection(run)) == (None, "")
    assert any("no time per output token" in clause for clause in doubts(run))


def test_a_result_that_names_no_model_is_still_vllms(tmp_path: Path) -> None:
    assert read(tmp_path, "vllm_2025.json", without("model_id")).model == ""


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("awq_marlin", (("quantization", "awq_marlin"),)),
        (True, (("quantization", "true"),)),
        ({"quant_method": "awq", "bits": 4}, (("quantization", "awq"),)),
        ({"bits": 4}, (("quantization", "object"),)),
        (False, ()),
        (None, ()),
    ],
)
def test_a_quantisation_is_a_label_however_it_is_written(tmp_path: Path, value: object, label: object) -> None:
    assert read(tmp_path, "vllm_2025.json", updated(quantization=value)).labels == label


@pytest.mark.parametrize(
    ("name", "fields", "expected"),
    [
        ("vllm_2025.json", {"model_id": "prod"}, ("tokenizer_id", "meta-llama/Llama-3.1-8B-Instruct")),
        ("vllm_2025.json", {"served_model_name": ["llama-70b"]}, ("served_model_name", "llama-70b")),
        ("sglang_new.jsonl", {"tag": "llama-70b"}, ("tag", "llama-70b")),
        ("sglang_new.jsonl", {"server_info": {"tokenizer_path": "x-7b"}}, ("server_info.tokenizer_path", "x-7b")),
        (
            "aiperf.json",
            {"input_config": {"tokenizer": {"name": "x-7b"}, "loadgen": {"concurrency": 4}}},
            ("input_config.tokenizer.name", "x-7b"),
        ),
        ("stage_2_lifecycle_metrics.json", {"model_name": "x-7b"}, ("model_name", "x-7b")),
    ],
)
def test_what_else_names_the_model_is_kept(
    tmp_path: Path, name: str, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert expected in read(tmp_path, name, updated(**fields)).other_names
