"""What no replica can have done is refused: bounds of the data sheet, worked out by hand for Llama-3.1-8B on an A10G.

Its layers have P = 32 (4096 · 128 · 80 + 3 · 4096 · 14336 + 8192) = 6.980e9 parameters, its head H = 128256 · 4096; the
weights in 16 bits are 16.06e9 bytes, the cache of a token 131,072. An A10G has 70 TFLOP/s, 600 GB/s and 24 GiB: it
reads the weights in 26.8 ms and has 9.04 GiB beside them.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.errors import BadInput
from melange_cloud.estimator.spec_files import load_gpus, load_models
from melange_cloud.profiles.attribution.attribute import attribute
from melange_cloud.profiles.attribution.possible import MeasuredReplica
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers import read_runs

FILES = Path(__file__).parent / "benchmark_files"
(PACED,) = read_runs(FILES / "vllm_2025.json")
FLOOD = replace(PACED, asked_requests_per_s=None, tpot_ms=None, ttft_ms=None, p99_tpot_ms=None, p99_ttft_ms=None)


def a_run(
    requests_per_s: float, size: tuple[float, float], tpot_ms: float | None = None, **fields: Any
) -> BenchmarkRun:
    like = FLOOD if tpot_ms is None else replace(PACED, ttft_ms=None, p99_ttft_ms=None, asked_requests_per_s=None)
    fields = {"completed": 5000, "max_concurrency": None if tpot_ms is None else 1000, **fields}
    return replace(
        like, requests_per_s=requests_per_s, input_tokens=size[0], output_tokens=size[1], tpot_ms=tpot_ms, **fields
    )


def imported(run: BenchmarkRun, **options: Any) -> None:
    attribute([run], **{"gpu": "A10G", "tensor_parallel": 1, "model": "llama-3.1-8b", **options})


def refusal(run: BenchmarkRun, **options: Any) -> str:
    with pytest.raises(BadInput) as raised:
        imported(run, **options)
    assert run.source in str(raised.value)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_more_prompts_than_the_gpu_can_multiply() -> None:
    """A request of 1,024 + 256 takes 2 P 1279 + 2 H 256 + 2 · 32 · 32 · 128 · 1024² = 18.40e12 FLOP: 3.80 a second."""
    said = refusal(a_run(7.94, (1024, 256)))
    assert "8,131 prompt tokens/s" in said
    assert "need 146 TFLOP/s, but A10G at --tp 1 has 70 at bf16" in said
    assert "was prefix caching on?" in said
    refusal(a_run(3.9, (1024, 256)))
    imported(a_run(3.7, (1024, 256)))


def test_the_peak_is_that_of_the_precision_and_of_all_gpus() -> None:
    """18.40e12 FLOP: 15.2 a second on four A10G; 53.8 on an H100 in 16 bits (989), 107.6 in fp8 (1979)."""
    imported(a_run(15.0, (1024, 256)), tensor_parallel=4)
    refusal(a_run(15.5, (1024, 256)), tensor_parallel=4)
    assert "989 at bf16" in refusal(a_run(60, (1024, 256)), gpu="H100")
    imported(a_run(60, (1024, 256)), gpu="H100", precision="fp8")
    assert "1,979 at fp8" in refusal(a_run(110, (1024, 256)), gpu="H100", precision="fp8")


def test_a_step_that_reads_the_weights_and_not_the_cache_is_too_fast() -> None:
    """2,498 output tokens/s at 40 ms are 100 decoding; with 1,000 tokens each 26.8 + 21.8 = 48.6 ms a step."""
    said = refusal(a_run(2.5, (500, 1000), tpot_ms=40))
    assert "with 100 requests decoding" in said
    assert "needs 48.6 ms to read the weights and their KV cache" in said
    assert "--kv-cache-dtype fp8" in said
    imported(a_run(2.5, (500, 1000), tpot_ms=40), kv_cache_dtype="fp8")  # 37.7 ms
    imported(a_run(1.5, (500, 1000), tpot_ms=40))  # 39.9 ms


def test_more_cache_than_there_is_memory() -> None:
    """1 request/s of 1,000 tokens at 100 ms: 100 decoding hold 13.1e9 bytes, 12.2 GiB."""
    said = refusal(a_run(1.0, (500, 1000), tpot_ms=100))
    assert "hold 12.2 GiB of KV cache, but A10G at --tp 1 has only 9.04 GiB" in said
    imported(a_run(0.6, (500, 1000), tpot_ms=100))


def test_a_flood_has_no_tpot_and_still_a_bandwidth() -> None:
    """11 requests of 25 + 256 a second: 2,805 tokens/s; at most 485 fit, so 2,805 (0.0268/485 + 153 · 2.18e-7) = 0.25.

    On 2,000 + 1,000 tokens 0.5 requests/s are 500 tokens/s: 29.6 fit, 500 (0.0268/29.6 + 2500 · 2.18e-7) = 0.72; at 0.8
    it is 1.16.
    """
    imported(a_run(11, (25, 256)))
    imported(a_run(0.5, (2000, 1000)))
    assert "memory bandwidth" in refusal(a_run(0.8, (2000, 1000)))


@pytest.mark.parametrize(
    ("input_tokens", "ttft_ms", "says"),
    [
        (1024, 150, "needs 208 ms to multiply the prompt"),  # (2 P 1024 + 0.27e12) / 70e12
        (1024, 200, None),
        (25, 20, "needs 26.8 ms to read the weights once"),
        (25, 26, None),
    ],
)
def test_a_first_token_before_the_prompt_is_multiplied(input_tokens: int, ttft_ms: float, says: str | None) -> None:
    run = a_run(0.2, (input_tokens, 64), tpot_ms=40, ttft_ms=ttft_ms)
    if says is None:
        imported(run)
    else:
        assert says in refusal(run)


def test_weights_that_do_not_fit() -> None:
    """70.6e9 parameters in 16 bits are 131 GiB."""
    said = refusal(a_run(0.1, (256, 64), tpot_ms=600), model="llama-3.1-70b", result_model=PACED.model)
    assert "131 GiB of bf16 weights of llama-3.1-70b do not fit on A10G at --tp 1" in said


def test_a_file_that_contradicts_itself() -> None:
    assert "4 requests/s were served, but only 2 sent" in refusal(
        replace(PACED, asked_requests_per_s=2.0, requests_per_s=4.0)
    )
    closed = a_run(2.0, (250, 200), tpot_ms=50, ttft_ms=1000, max_concurrency=4)
    assert "21.9 requests in flight, but at most 4" in refusal(closed)  # 2 (1 + 199 · 0.05)
    imported(replace(closed, max_concurrency=20))


def test_every_run_that_cannot_have_been_is_named() -> None:
    with pytest.raises(BadInput) as raised:
        attribute(
            [replace(a_run(7.94, (1024, 256)), source=f"run {at}") for at in range(7)], gpu="A10G", tensor_parallel=1
        )
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [*(f"run {at}" for at in range(5)), "... and 2 more runs"]


def test_what_was_really_measured_is_possible() -> None:
    """Every saturated run and every closed loop that we know (profiles/measured): none is refused."""
    checked = 0
    for row in load_measurements():
        if row.table not in ("saturation", "closed_loop"):
            continue
        size = (row.input_tokens, row.output_tokens)
        if row.table == "saturation":
            run = a_run(row.known("requests_per_s"), size)
        else:
            at_once, tpot_ms, ttft_ms = (row.known(name) for name in ("concurrency", "tpot_ms", "ttft_ms"))
            rate = 1000 * at_once / (ttft_ms + (row.output_tokens - 1) * tpot_ms)
            run = a_run(rate, size, tpot_ms=tpot_ms, ttft_ms=ttft_ms, max_concurrency=round(at_once))
        element_bytes = 1 if row.source.fp8_cache or row.precision == "fp8" else 2
        model, gpu = load_models()[row.model], load_gpus()[row.gpu]
        assert MeasuredReplica(model, gpu, row.tensor_parallel, row.precision, element_bytes).why_not(run) == "", row
        checked += 1
    assert checked > 500
