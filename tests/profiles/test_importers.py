"""Every tool's format, and every trap that was seen in real files."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.errors import BadFile
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers import read_file, read_runs
from melange_cloud.profiles.run_points import is_flood, points_of, rejection

FILES = Path(__file__).parent / "benchmark_files"


def only(name: str) -> BenchmarkRun:
    (run,) = read_runs(FILES / name)
    return run


def changed(tmp_path: Path, name: str, change: Callable[[dict[str, Any]], None]) -> Path:
    document = json.loads(
        (FILES / name).read_text().splitlines()[0] if name.endswith("l") else (FILES / name).read_text()
    )
    change(document)
    path = tmp_path / name
    path.write_text(json.dumps(document))
    return path


def faults(path: Path) -> str:
    with pytest.raises(BadFile) as raised:
        read_runs(path)
    assert str(path) in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    ("name", "tool", "runs"),
    [
        ("vllm_2024.json", "vllm bench serve", 1),
        ("vllm_2025.json", "vllm bench serve", 1),
        ("vllm_sweep.jsonl", "vllm bench serve", 5),
        ("vllm_2025.pytorch.json", "vllm bench serve", 0),
        ("sglang_old.jsonl", "sglang bench_serving", 2),
        ("sglang_new.jsonl", "sglang bench_serving", 1),
        ("guidellm_v2.json", "guidellm", 4),
        ("aiperf.json", "aiperf or genai-perf", 1),
        ("profile_export_genai_perf.json", "aiperf or genai-perf", 1),
        ("stage_2_lifecycle_metrics.json", "inference-perf", 1),
        ("aibrix_measured.json", "aibrix profile", 5),
    ],
)
def test_each_tool_is_known_by_its_content(tmp_path: Path, name: str, tool: str, runs: int) -> None:
    misnamed = tmp_path / "result.txt"
    misnamed.write_bytes((FILES / name).read_bytes())
    reading = read_file(misnamed)
    assert (reading.tool, len(reading.runs)) == (tool, runs)


def test_vllm_says_sizes_rates_and_times() -> None:
    run = only("vllm_2025.json")
    assert (run.input_tokens, run.output_tokens, run.completed, run.failed) == (250, 200, 200, 0)
    assert (run.tpot_ms, run.p99_tpot_ms, run.ttft_ms) == (62, 93, 71)
    assert run.measured_on == date(2026, 3, 1)
    assert run.model == "meta-llama/Llama-3.1-8B-Instruct"


def test_the_achieved_rate_counts_not_the_asked_one() -> None:
    run = only("vllm_2025.json")
    assert (run.asked_requests_per_s, run.requests_per_s) == (4.0, 3.2)
    assert not run.saturated
    assert points_of([run])[0].requests_per_s == 3.2


def test_a_rate_of_inf_is_saturation_only() -> None:
    run = only("vllm_2024.json")
    assert run.saturated
    assert is_flood(run)
    (point,) = points_of([run])
    assert point.requests_per_s == 3.2
    assert (point.tpot_ms, point.ttft_ms, point.p99_tpot_ms, point.concurrency) == (None, None, None, None)


def test_ten_requests_at_once_show_no_saturation() -> None:
    run = only("vllm_2024_ten_at_once.json")
    assert run.saturated
    assert not is_flood(run)
    assert "10 requests at once are too few to show saturation" in rejection(run)
    assert points_of([run]) == []


@pytest.mark.parametrize(
    ("requests", "ttft_ms", "flood"),
    [(50, 60_000, False), (200, 60_000, True), (200, 100, False), (512, 100, True)],
)
def test_a_flood_needs_requests_and_a_queue(tmp_path: Path, requests: int, ttft_ms: float, flood: bool) -> None:
    def change(document: dict[str, Any]) -> None:
        document.update(num_prompts=requests, completed=requests, mean_ttft_ms=ttft_ms, duration=requests / 3.2)

    (run,) = read_runs(changed(tmp_path, "vllm_2024.json", change))
    assert is_flood(run) == flood


def test_inf_with_a_limit_of_concurrency_is_a_closed_loop() -> None:
    run = only("sglang_new.jsonl")
    assert (run.asked_requests_per_s, run.max_concurrency, run.saturated) == (None, 64, False)
    assert (run.tpot_ms, run.p99_tpot_ms, run.ttft_ms) == (30, 39, 140)


def test_what_users_wrote_into_a_result_is_kept() -> None:
    run = read_runs(FILES / "vllm_sweep.jsonl")[0]
    assert run.labels == (("gpu", "A10G"), ("precision", "bf16"), ("tp", "1"))
    assert run.source == "vllm_sweep.jsonl, line 1"


def test_the_pytorch_copy_is_skipped_with_a_note() -> None:
    reading = read_file(FILES / "vllm_2025.pytorch.json")
    assert reading.runs == ()
    assert "skipped" in reading.notes[0]


def test_without_a_key_failed_the_prompts_not_completed_failed(tmp_path: Path) -> None:
    path = changed(tmp_path, "vllm_2024.json", lambda d: d.update(num_prompts=1020))
    (run,) = read_runs(path)
    assert run.failed == 20
    assert "20 of 1,020 requests failed (2.0%)" in rejection(run)


def test_runs_with_more_than_one_percent_failed_are_rejected() -> None:
    runs = read_runs(FILES / "vllm_sweep.jsonl")
    assert [bool(rejection(run)) for run in runs] == [False, False, False, False, True]
    assert [point.requests_per_s for point in points_of(runs)] == [0.49, 0.97, 1.9, 2.6]


def test_sglang_sizes_are_those_completed_not_random_input_len() -> None:
    first, second = read_runs(FILES / "sglang_old.jsonl")
    assert (first.input_tokens, first.output_tokens) == (509, 513)
    assert first.requests_per_s == pytest.approx(300 / 303)
    assert second.tpot_ms == pytest.approx((17508 - 100) / 512)
    assert second.ttft_ms is None, "the median is not the mean"
    assert second.concurrency == pytest.approx(600 / 309 * 17.508)


def test_guidellm_tpot_is_the_inter_token_latency() -> None:
    alone, closed, paced, flooded = read_runs(FILES / "guidellm_v2.json")
    assert closed.tpot_ms == 8.5, "its time_per_output_token_ms spreads the first token's time"
    assert (alone.max_concurrency, closed.max_concurrency) == (1, 8)
    assert (paced.asked_requests_per_s, paced.max_concurrency) == (10, None), "10,240 is the tool's own limit"
    assert flooded.saturated
    assert (closed.model, closed.tool) == ("Qwen/Qwen3-0.6B", "guidellm 0.8.1")


def test_older_guidellm_reports_are_refused() -> None:
    assert "only version 2" in faults(FILES / "guidellm_v1.json")


def test_aiperf_metrics_carry_their_unit(tmp_path: Path) -> None:
    run = only("aiperf.json")
    assert (run.tool, run.max_concurrency, run.failed, run.completed) == ("aiperf", 4, 1, 250)
    assert (run.tpot_ms, run.p99_tpot_ms, run.ttft_ms) == (15, 17.5, 45)

    def in_seconds(document: dict[str, Any]) -> None:
        document["inter_token_latency"].update(unit="s", avg=0.015, p99=0.0175)

    (seconds,) = read_runs(changed(tmp_path, "aiperf.json", in_seconds))
    assert seconds.tpot_ms == 15
    assert "must be one of" in faults(
        changed(tmp_path, "aiperf.json", lambda d: d["inter_token_latency"].update(unit="h"))
    )


def test_genai_perf_is_read_without_its_input_config() -> None:
    run = only("profile_export_genai_perf.json")
    assert (run.tool, run.model) == ("genai-perf", "meta-llama/Llama-3.1-8B-Instruct")
    assert not run.saturated


def test_inference_perf_tpot_is_derived_and_in_seconds() -> None:
    run = only("stage_2_lifecycle_metrics.json")
    assert run.tpot_ms == pytest.approx(1000 * (0.55 - 0.03) / 65), "its own time_per_output_token says 4 ms"
    assert run.ttft_ms == pytest.approx(30)
    assert (run.asked_requests_per_s, run.requests_per_s, run.model) == (15, 14.8, "")


def test_aibrix_rows_are_outputs_and_columns_inputs() -> None:
    runs = read_runs(FILES / "aibrix_measured.json")
    rates = {(run.input_tokens, run.output_tokens): run.requests_per_s for run in runs}
    assert rates == {(128, 64): 6.0, (256, 64): 4.0, (512, 64): 2.5, (128, 128): 3.0, (256, 128): 2.0}
    assert runs[0].tpot_ms == pytest.approx(1000 * 2.9 / 63)


def test_aibrix_tables_that_are_not_measured_are_refused(tmp_path: Path) -> None:
    assert "simulated" in faults(FILES / "aibrix_simulated.json")
    assert '"origin": "measured"' in faults(FILES / "aibrix_unstated.json")
    swap = changed(tmp_path, "aibrix_measured.json", lambda d: d["indexes"].reverse())
    assert "transposed" in faults(swap)


@pytest.mark.parametrize(
    ("name", "field", "says"),
    [
        ("vllm_2025.json", "mean_tpot_ms", "mean_tpot_ms"),
        ("vllm_2025.json", "request_throughput", "request_throughput"),
        ("vllm_2025.json", "total_input_tokens", "total_input_tokens"),
        ("sglang_new.jsonl", "mean_tpot_ms", "mean_tpot_ms"),
        ("sglang_old.jsonl", "mean_e2e_latency_ms", "mean_e2e_latency_ms"),
        ("aiperf.json", "inter_token_latency", "inter_token_latency.avg"),
        ("aiperf.json", "request_throughput", "request_throughput.avg"),
    ],
)
@pytest.mark.parametrize("value", [float("nan"), -1.0, 0, 0.0, "12", True])
def test_nan_negative_and_zero_are_refused_with_their_field(
    tmp_path: Path, name: str, field: str, says: str, value: object
) -> None:
    def spoil(document: dict[str, Any]) -> None:
        document[field] = {**document[field], "avg": value} if isinstance(document[field], dict) else value

    assert says in faults(changed(tmp_path, name, spoil))


def test_all_faults_of_a_file_come_together(tmp_path: Path) -> None:
    text = faults(changed(tmp_path, "vllm_2025.json", lambda d: d.update(mean_tpot_ms=-1, mean_ttft_ms=0)))
    assert "mean_tpot_ms" in text
    assert "mean_ttft_ms" in text


@pytest.mark.parametrize("name", ["vllm_2025.json", "sglang_new.jsonl"])
def test_seconds_where_milliseconds_stand_are_seen(tmp_path: Path, name: str) -> None:
    def in_seconds(document: dict[str, Any]) -> None:
        for field, value in document.items():
            if field.endswith("_ms") and value is not None:
                document[field] = value / 1000

    assert "seconds instead of ms" in faults(changed(tmp_path, name, in_seconds))


def test_a_ttft_in_seconds_is_seen(tmp_path: Path) -> None:
    path = changed(tmp_path, "vllm_2025.json", lambda d: d.update(mean_ttft_ms=0.071))
    assert "seconds instead of ms" in faults(path)


def test_milliseconds_where_seconds_stand_are_seen(tmp_path: Path) -> None:
    def in_ms(document: dict[str, Any]) -> None:
        document["successes"]["latency"]["request_latency"]["mean"] = 550_000.0

    assert "milliseconds instead of s" in faults(changed(tmp_path, "stage_2_lifecycle_metrics.json", in_ms))


def test_a_rate_that_its_own_duration_denies_is_refused(tmp_path: Path) -> None:
    path = changed(tmp_path, "vllm_2025.json", lambda d: d.update(request_throughput=320.0))
    assert "request_throughput: is 320" in faults(path)


def test_a_run_without_a_completed_request_is_one_line(tmp_path: Path) -> None:
    text = faults(changed(tmp_path, "vllm_2025.json", lambda d: d.update(completed=0, mean_tpot_ms=0.0)))
    assert "no request was completed" in text
    assert text.count("\n") == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        (" \n", "is empty"),
        ("{}", "is not a result of a supported benchmark tool"),
        ("[]", "is not a result of a supported benchmark tool"),
        ('{"hello": 1}', "vllm bench serve, sglang bench_serving"),
        ("apiVersion: apps/v1\nkind: Deployment\n", "is not JSON"),
        ("a,b\n1,2\n", "is not JSON"),
        ('{"date": "20260301-101500", "backend": "vl', "is truncated"),
        ("[" * 100_000, "is nested more than 64 levels deep"),
        ('{"completed": ' + "9" * 5_000 + "}", "has a number of more than 20 digits"),
        ("{}\n" + "[" * 100_000, "line 2: is nested more than 64 levels deep"),
    ],
)
def test_what_is_no_result_is_refused_in_one_line(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    text = faults(path)
    assert says in text
    assert text.count("\n") == 0


def test_a_binary_a_missing_file_and_a_cut_off_line(tmp_path: Path) -> None:
    binary = tmp_path / "x.json"
    binary.write_bytes(b"\x80\x00")
    assert "is not UTF-8" in faults(binary)
    plot = tmp_path / "plot.png"
    plot.write_bytes(b"\x89PNG\r\n\x1a\n\x00")
    assert faults(plot) == f"{plot}: is not a text file"
    assert "cannot be read" in faults(tmp_path / "none.json")
    lines = (FILES / "vllm_sweep.jsonl").read_text().splitlines()
    cut = tmp_path / "cut.jsonl"
    cut.write_text("\n".join([*lines[:2], lines[2][:300]]))
    assert "line 3: is truncated" in faults(cut)


def test_what_a_file_says_is_repeated_in_short_and_without_control_characters(tmp_path: Path) -> None:
    hostile = {"\x1b]0;title\x07": ["x" * 1_000_000]}
    text = faults(changed(tmp_path, "vllm_2025.json", lambda d: d.update(duration=hostile, date="\x1b[31mred" * 999)))
    assert "duration: is {" in text
    assert "date: is " in text
    assert all(len(line) < 300 and line.isprintable() for line in text.split("\n"))


def test_a_line_may_hold_the_line_separator_of_unicode(tmp_path: Path) -> None:
    lines = (FILES / "vllm_sweep.jsonl").read_text().splitlines()
    path = tmp_path / "sweep.jsonl"
    path.write_text("\n".join([lines[0].replace("{", '{"note": "a\u2028b", ', 1), *lines[1:]]))
    assert len(read_runs(path)) == len(lines)


def test_results_of_two_tools_in_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    path.write_text((FILES / "vllm_sweep.jsonl").read_text() + (FILES / "sglang_new.jsonl").read_text())
    assert "mixes results of sglang bench_serving and vllm bench serve" in faults(path)


@given(st.sampled_from(sorted(FILES.glob("*.json*"))), st.data())
def test_a_truncated_file_never_gives_runs(tmp_path_factory: Any, path: Path, data: st.DataObject) -> None:
    text = path.read_text()
    cut = tmp_path_factory.mktemp("cut") / path.name
    cut.write_text(text[: data.draw(st.integers(1, max(1, len(text.splitlines()[0]) - 1)))])
    with pytest.raises(BadFile):
        read_runs(cut)
