"""What a prefix cache saves: the prompt's work, not its memory."""

import dataclasses
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.estimator.config_json import read_config
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import Model

SHARES = (0.0, 0.2, 0.5, 0.8, 0.95, 1.0)


def replica(
    gpu: str = "H100", cached_input: float = 0.0, model: Model | None = None, era: str = "2025", degree: int = 1
) -> Replica:
    shape = model or load_models()["llama-2-7b" if era != "2025" else "llama-3.1-8b"]
    constants = load_calibrations()[gpu, era, "fp16"]
    precision = shape.native_precision
    return Replica(shape, load_gpus()[gpu], degree, load_eras()[era], precision, constants, cached_input=cached_input)


replicas = st.builds(
    replica,
    gpu=st.sampled_from(["L4", "A10G", "A100-80GB", "H100"]),
    era=st.sampled_from(["2025", "vllm-0.2.7"]),
    degree=st.sampled_from([1, 2]),
)


@given(replicas, st.integers(25, 30_000), st.integers(4, 4_096))
def test_more_cached_is_never_slower_and_needs_the_same_memory(
    of: Replica, input_tokens: int, output_tokens: int
) -> None:
    found = [dataclasses.replace(of, cached_input=share).estimate(input_tokens, output_tokens) for share in SHARES]
    if isinstance(found[0], MemoryShortfall):
        assert all(other == found[0] for other in found)
        return
    for less, more in itertools.pairwise(found):
        assert not isinstance(less, MemoryShortfall)
        assert not isinstance(more, MemoryShortfall)
        assert [point.concurrency for point in less] == [point.concurrency for point in more]
        for slower, faster in zip(less, more, strict=True):
            assert faster.requests_per_s >= slower.requests_per_s * (1 - 2e-5)  # five digits are kept
            assert faster.ttft_ms <= slower.ttft_ms * (1 + 2e-5)


@pytest.mark.parametrize("gpu", ["L4", "A10G", "H100"])
def test_with_all_input_cached_the_rate_is_what_decoding_alone_gives(gpu: str) -> None:
    of = replica(gpu, 1.0)
    input_tokens, output_tokens = 2000, 250
    found = of.estimate(input_tokens, output_tokens)
    assert not isinstance(found, MemoryShortfall)
    n, law = found[-1].concurrency, of.law
    # Every token of n answers comes from steps in which all n decode, whose time is written out here.
    context = n * (input_tokens + output_tokens / 2)
    step_s = (law.read_s**2 + (law.token_s * n) ** 2) ** 0.5 + law.cache_s * context + law.fixed_s
    step_s += (law.request_s + law.moved_s) * n
    assert found[-1].requests_per_s == pytest.approx(n / (output_tokens * step_s), rel=0.02)
    without = replica(gpu).estimate(input_tokens, output_tokens)
    assert not isinstance(without, MemoryShortfall)
    assert without[-1].requests_per_s < 0.75 * found[-1].requests_per_s


@pytest.mark.parametrize("era", ["2025", "vllm-0.2.7"])
def test_a_prefill_attends_to_what_is_cached_and_computes_the_rest(era: str) -> None:
    law = replica("A100-80GB", era=era).law
    new, whole = 300, 1000
    pairs = sum(range(whole - new + 1, whole + 1))  # each new token attends to all before it and to itself
    expected = (law.read_s**2 + (law.token_s * new) ** 2) ** 0.5 + law.prefill_step_s + law.prompt_s
    expected += law.moved_s * new + law.attention_s * 2 * pairs
    assert law.prefill_s(whole, cached_input=0.7) == pytest.approx(expected, rel=1e-3)


def test_prompts_that_a_warm_up_cached_decode_as_measured(tmp_path: Path) -> None:
    """SGLang 0.4.6, Qwen2.5-7B on L4, 1,800 + 512 tokens, all prompts cached: 58.2 ms at 1 in flight, 63.9 ms at 16.

    github.com/ree2raz/inference-bench, results/ at 62191001, 2026-05. By the estimate, computing the prompts too would
    make that a fifth more, at least.
    """
    config = {
        "model_type": "qwen2", "hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28,
        "num_attention_heads": 28, "num_key_value_heads": 4, "vocab_size": 152064, "max_position_embeddings": 32768,
        "tie_word_embeddings": False, "torch_dtype": "bfloat16", "hidden_act": "silu", "use_sliding_window": False,
        "architectures": ["Qwen2ForCausalLM"],
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    shape = read_config(path, None)

    def tpot_ms(cached_input: float) -> list[float]:
        found = replica("L4", cached_input, shape).estimate(1800, 512, (1, 16))
        assert not isinstance(found, MemoryShortfall)
        return [point.tpot_ms for point in found]

    alone, many = tpot_ms(1.0)
    assert many - alone == pytest.approx(63.9 - 58.2, abs=3)
    assert many == pytest.approx(63.9, rel=0.12)
    assert tpot_ms(0.0)[1] > 1.2 * 63.9
