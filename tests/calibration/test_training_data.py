"""What measured rows let the estimator be compared with, and which of them constants may rest on."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from melange_cloud.calibration.constant_groups import GROUPS
from melange_cloud.calibration.training_data import TABLES, TrainingRow, load_measurements, read_measurements
from melange_cloud.calibration.trials import Trial, trial
from melange_cloud.estimator.replica import MemoryShortfall
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.shipped import shipped

MEASURED = shipped("profiles") / "measured"


def rows_of(source: str, table: str = "") -> list[TrainingRow]:
    return [row for row in load_measurements() if row.source.name == source and table in ("", row.table)]


def tried(row: TrainingRow) -> Trial:
    constants = load_calibrations()[row.gpu, "2025", row.precision]
    found = trial(row, load_models(), load_gpus(), load_eras()["2025"], constants)
    assert found is not None
    return found


def off(row: TrainingRow) -> float:
    each = tried(row)
    return each.predicted_over_measured(each.replica.calibration) - 1


def test_every_row_is_compared_with_something_and_every_kind_occurs() -> None:
    rows = load_measurements()
    assert set(Counter(row.table for row in rows)) == set(TABLES)
    for row in rows:
        assert tuple(row.values) == TABLES[row.table]
        assert min(row.values.values()) > 0


def test_no_constant_rests_on_a_row_that_is_held_out_or_doubted(tmp_path: Path) -> None:
    group = next(group for group in GROUPS if group.key == ("H100", "2025", "fp16"))
    row = next(row for row in load_measurements() if group.has(row))
    assert not group.has(replace(row, measured=replace(row.measured, held_out=True)))
    assert not group.has(replace(row, measured=replace(row.measured, doubt="the client was slow")))
    assert not group.has(replace(row, measured=replace(row.measured, gpu_only=True)))
    assert not any(group.has(row) for group in GROUPS for row in load_measurements() if row.measured.doubt)


def test_times_of_a_gpu_alone_are_compared_with_nothing(tmp_path: Path) -> None:
    for file in MEASURED.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    path = tmp_path / "evidence.csv"
    head = path.read_text().splitlines()[0]
    row = dict.fromkeys(head.split(","), "") | {
        "source": "yobitel-vllm-0.21",
        "model": "llama-3.1-8b",
        "weights_precision": "bf16",
        "gpu": "H100",
        "tp": "1",
        "input_tokens_mean": "1024",
        "output_tokens_mean": "1",
        "arrival": "static",
        "concurrency": "8",
        "tpot_mean_ms": "6",
    }
    path.write_text(f"{head},gpu_only\n{','.join(row.values())},true\n{','.join(row.values())},false\n")
    assert read_measurements(tmp_path, load_models()) == ()
    row |= {"duration_s": "6", "tpot_mean_ms": ""}
    path.write_text(f"{head},gpu_only\n{','.join(row.values())},true\n{','.join(row.values())},false\n")
    assert [found.measured.gpu_only for found in read_measurements(tmp_path, load_models())] == [False]


def test_a_row_states_its_own_limits() -> None:
    """PolyServe's runs with a cache in 8 bits were limited to 64 requests; of the same server, the others were not."""
    rows = rows_of("polyserve-vllm-0.11", "closed_loop")
    limits = {(row.precision, row.source.fp8_cache, row.source.max_num_seqs) for row in rows}
    assert limits == {("fp16", False, None), ("fp8", False, None), ("fp8", True, 64)}


def test_a_stated_cache_decides_the_batch_and_the_last_wave_drains() -> None:
    """dennislee22: 464,848 tokens of cache, 500 prompts of 1,021 in and 1,005 out.

    A request holds 127 blocks of 16, 2,032 tokens, so 228 run at once; over 500 requests a batch that empties leaves
    500 / (500 + 114) of the steady rate.
    """
    (row,) = rows_of("dennislee-vllm-0.10", "saturation")
    row = replace(row, source=replace(row.source, growth=1.0, block_tokens=16))
    each = tried(row)
    assert each.decoding == 228
    assert row.source.requests_of(*row.size) == 500
    law = each.replica.law
    steady = 228 / (1005 * law.tpot_s(228, (1021, 1005)))
    rate = each.predicted_over_measured(each.replica.calibration) * 4.19
    assert rate == pytest.approx(steady * 500 / 614)


def test_cached_prompts_cost_no_prefill() -> None:
    """ree2raz: prompts of 1,800 tokens that the warm-up had cached, 16 at a time: decode steps and little else."""
    one, sixteen = rows_of("ree2raz-sglang-0.4.6", "closed_tpot")
    law = tried(sixteen).replica.law
    step_s = law.step_s(16, 16 * (1800 + 256))
    predicted_ms = (1 + off(sixteen)) * 63.9
    assert predicted_ms == pytest.approx(1000 * step_s, rel=0.01)
    uncached = replace(sixteen, measured=replace(sixteen.measured, prompts_shared_fraction=None))
    assert off(uncached) > 1.1 * (1 + off(sixteen)) - 1
    assert (one.known("tpot_ms"), sixteen.cached_prompts) == (58.2, 1)


def test_a_rate_alone_is_compared_with_the_closed_loop() -> None:
    """AccelMark, A100-80GB, vLLM 0.20.1: eight at a time, 346 answer tokens, 2.06 requests/s."""
    row = next(row for row in rows_of("accelmark-vllm-0.20.1", "closed_rate") if row.output_tokens == 346)
    each = tried(row)
    found = each.replica.estimate(*row.size, (8,))
    assert not isinstance(found, MemoryShortfall)
    assert (1 + off(row)) * 2.06071 == pytest.approx(found[0].requests_per_s, rel=0.01)
    assert abs(off(row)) < 0.2


def test_one_request_at_a_time_shows_the_prefill() -> None:
    row = next(row for row in rows_of("llmperf-tgi-2.0.1", "first_token") if row.model == "mistral-7b")
    each = tried(row)
    assert row.values == {"ttft_ms": 190.8}
    assert (1 + off(row)) * 0.1908 == pytest.approx(each.replica.prefill_s(750))
    assert {found.known("concurrency") for found in rows_of("accelmark-vllm-0.7.3", "closed_loop")} == {1}
    assert not rows_of("accelmark-vllm-0.7.3", "first_token"), "a median TTFT of uneven prompts says too little"


def test_whole_milliseconds_agree_with_what_rounds_to_them() -> None:
    rows = rows_of("trtllm-0.14-triton", "open_loop")
    exact = [replace(row, source=replace(row.source, whole_ms=False)) for row in rows]
    for row, other in zip(rows, exact, strict=True):
        measured_ms = row.known("tpot_ms")
        away_ms = abs(off(other)) * measured_ms
        assert (off(row) == 0) == (away_ms <= 0.5)
        if away_ms > 0.5:
            nearest_ms = measured_ms + (0.5 if off(other) > 0 else -0.5)
            assert 1 + off(row) == pytest.approx((1 + off(other)) * measured_ms / nearest_ms)
