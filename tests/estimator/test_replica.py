import dataclasses
import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.estimator import closed_loop
from melange_cloud.estimator.closed_loop import ClosedLoop, Estimate
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.spec_files import load_calibrations
from melange_cloud.profiles import load_eras, load_gpus, load_models
from tests.properties import examples


def replica(model: str = "llama-3.1-8b", gpu: str = "H100", degree: int = 1, precision: str = "bf16") -> Replica:
    known = load_calibrations()
    constants = known.get((gpu, "2025", precision)) or known[gpu, "2025", "fp16"]
    return Replica(load_models()[model], load_gpus()[gpu], degree, load_eras()["2025"], precision, constants)


def points(of: Replica, input_tokens: int, output_tokens: int) -> tuple[Estimate, ...]:
    found = of.estimate(input_tokens, output_tokens)
    return () if isinstance(found, MemoryShortfall) else found


replicas = st.builds(
    replica,
    model=st.sampled_from(["llama-3.1-8b", "llama-2-7b", "llama-3.1-70b"]),
    gpu=st.sampled_from(["L4", "A10G", "A100-40GB", "A100-80GB", "H100"]),
    degree=st.sampled_from([1, 2, 4, 8]),
    precision=st.just("bf16"),
) | st.builds(
    replica,
    model=st.sampled_from(["llama-3.1-8b", "llama-3.1-70b"]),
    gpu=st.sampled_from(["L4", "H100"]),
    degree=st.sampled_from([1, 2, 4, 8]),
    precision=st.just("fp8"),
)
inputs = st.integers(25, 40_000)
outputs = st.integers(4, 4_096)


@given(replicas, inputs, outputs)
def test_rate_and_tpot_rise_with_concurrency(of: Replica, input_tokens: int, output_tokens: int) -> None:
    found = points(of, input_tokens, output_tokens)
    for before, after in itertools.pairwise(found):
        assert before.concurrency < after.concurrency
        assert before.requests_per_s <= after.requests_per_s
        assert before.tpot_ms <= after.tpot_ms


@given(replicas, inputs, outputs)
def test_no_token_comes_sooner_than_the_weights_can_be_read(of: Replica, input_tokens: int, output_tokens: int) -> None:
    weight_bytes = of.model.weight_bytes(of.precision)
    least_ms = 1000 * weight_bytes / (of.tensor_parallel * of.gpu.bandwidth_gb_per_s * 1e9)
    assert all(point.tpot_ms >= least_ms for point in points(of, input_tokens, output_tokens))


@given(replicas, inputs, outputs, st.integers(1, 3000), st.integers(1, 1000), st.sampled_from([1, 2, 8, 64, 256]))
def test_longer_requests_never_raise_the_rate(
    of: Replica, input_tokens: int, output_tokens: int, more_input: int, more_output: int, concurrency: int
) -> None:
    def best(input_tokens: int, output_tokens: int) -> float:
        return max((p.requests_per_s for p in points(of, input_tokens, output_tokens)), default=0.0)

    def at(input_tokens: int, output_tokens: int) -> float | None:
        found = of.estimate(input_tokens, output_tokens, (concurrency,))
        return found[0].requests_per_s if not isinstance(found, MemoryShortfall) and found else None

    for longer in ((input_tokens + more_input, output_tokens), (input_tokens, output_tokens + more_output)):
        assert best(*longer) <= best(input_tokens, output_tokens)
        longer_rate = at(*longer)
        if longer_rate is not None:
            shorter_rate = at(input_tokens, output_tokens)
            assert shorter_rate is not None
            assert longer_rate <= shorter_rate


@given(replicas, inputs, outputs)
def test_littles_law_holds(of: Replica, input_tokens: int, output_tokens: int) -> None:
    for point in points(of, input_tokens, output_tokens):
        in_flight = point.requests_per_s * (point.ttft_ms + (output_tokens - 1) * point.tpot_ms) / 1000
        assert in_flight == pytest.approx(point.concurrency, rel=1e-3)


def test_one_request_alone_waits_for_nobody() -> None:
    of = replica()
    point = of.estimate(1000, 100, (1,))
    assert not isinstance(point, MemoryShortfall)
    assert point[0].ttft_ms == pytest.approx(1000 * of.prefill_s(1000), rel=1e-4)


@given(inputs, outputs)
@settings(max_examples=examples(30))
def test_the_ladder_doubles_and_ends_at_the_largest(input_tokens: int, output_tokens: int) -> None:
    of = replica(gpu="A10G")
    found = points(of, input_tokens, output_tokens)
    if not found:
        return
    largest = of.largest_concurrency(input_tokens, output_tokens)
    assert found[-1].concurrency == largest <= of.limits.max_num_seqs
    assert [point.concurrency for point in found[:-1]] == [2**power for power in range(len(found) - 1)]
    block = of.limits.block_tokens
    held = math.ceil((input_tokens + of.limits.growth * output_tokens) / block) * block
    assert largest == 1 or largest * held <= of.cache_tokens
    assert largest == of.limits.max_num_seqs or (largest + 1) * held > of.cache_tokens


def test_what_does_not_fit_says_how_much_is_missing() -> None:
    of = replica("llama-3.1-70b", "L4", 1)
    found = of.estimate(100, 100)
    assert isinstance(found, MemoryShortfall)
    buffers_gib = 0.15 + (15 * 256 * 128_256 + 2 * 2048 * 8192) / 2**30
    assert found.missing_gib == pytest.approx(131.4 - (22.0 * 0.9 - buffers_gib) + 200 * 327680 / 2**30, abs=0.1)
    assert of.refusal.startswith("131.4 GiB of bf16 weights do not fit on one L4: 112.3 GiB are missing")
    assert replica(gpu="A10G", precision="fp8").refusal == "A10G has no fp8"
    assert not replica(gpu="L4").refusal


def test_a_sliver_of_memory_is_refused() -> None:
    era = dataclasses.replace(load_eras()["2025"], least_cache_share=0.0)
    refused = replica("llama-3.1-70b", "H100", 1, "fp8")
    assert "a sliver" in refused.refusal
    of = dataclasses.replace(refused, era=era)
    smaller = dataclasses.replace(of, gpu=dataclasses.replace(of.gpu, cuda_memory_gib=of.gpu.cuda_memory_gib - 1.8))
    assert of.is_a_sliver
    assert not of.refusal
    assert "too few requests at once" in smaller.refusal


def test_sixteen_bit_weights_agree_with_the_published_checkpoints() -> None:
    models = load_models()
    assert models["llama-3.1-8b"].weight_gib("bf16") == pytest.approx(14.96, abs=0.01)
    assert models["llama-3.1-70b"].weight_gib("bf16") == pytest.approx(131.42, abs=0.01)
    assert models["llama-2-7b"].weight_gib("fp16") == pytest.approx(12.55, abs=0.01)
    assert models["llama-3.1-8b"].weight_gib("fp8") == pytest.approx(9.08e9 / 2**30, rel=0.01)
    assert models["llama-3.1-8b"].cache_bytes_per_token == 131072
    assert models["llama-2-7b"].cache_bytes_per_token == 524288


def test_one_output_token_takes_a_prefill_in_the_era_whose_prefills_have_steps_of_their_own() -> None:
    """No step decodes, so a request alone takes its prefill; with more of them the rate is about the same."""
    old = load_eras()["vllm-0.2.7"]
    constants = load_calibrations()["A10G", "vllm-0.2.7", "fp16"]
    of = Replica(load_models()["llama-2-7b"], load_gpus()["A10G"], 1, old, "fp16", constants)
    found = points(of, 500, 1)
    assert found[0].concurrency == 1
    assert found[0].requests_per_s == pytest.approx(1 / of.prefill_s(500), rel=1e-4)
    assert all(math.isfinite(one.requests_per_s) and math.isfinite(one.ttft_ms) for one in found)
    assert found[-1].requests_per_s == pytest.approx(1 / of.prefill_s(500), rel=0.1)


def test_a_closed_loop_that_does_not_settle_answers_with_one_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens of a step are those of the requests that begin in it, however early the rounds end."""
    of = replica()
    loop = ClosedLoop(of.law, (2000, 100), of.limits.max_num_batched_tokens)
    settled = loop._begun(64, 0.5)
    for rounds in (1, 2, 3):
        monkeypatch.setattr(closed_loop, "_ROUNDS", rounds)
        begun, chunk = loop._begun(64, 0.5)
        assert chunk == loop._chunk(begun)
    monkeypatch.undo()
    assert settled == loop._begun(64, 0.5)
