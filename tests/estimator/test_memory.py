"""The KV cache of a replica against the caches that engines logged, and against NVIDIA's and SGLang's own rules."""

from dataclasses import replace
from typing import Any

import pytest

from melange_cloud.estimator.replica import Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import GIB, EngineSettings, Model
from tests.estimator.qwen import QWEN_7B

LLAMA_8B = load_models()["llama-3.1-8b"]
LLAMA_2_7B = load_models()["llama-2-7b"]


def settings(gpu: str, engine: str | None, era: str = "2025", **started: Any) -> EngineSettings:
    return replace(load_eras()[era].settings(load_gpus()[gpu], engine), **started)


def cache_of(model: Model, gpu: str, precision: str, cache_bytes: int, started: EngineSettings, tp: int = 1) -> Replica:
    era, constants = load_eras()["2025"], load_calibrations()["H100", "2025", "fp16"]
    return Replica(model, load_gpus()[gpu], tp, era, precision, constants, cache_bytes, settings=started)


@pytest.mark.parametrize(
    ("model", "gpu", "precision", "cache_bytes", "started", "logged_tokens"),
    [
        # Aagam-Bothara/polyserve, benchmarks/strategies/results-l4: vLLM 0.11.0, started as vLLM starts on an L4 ...
        (QWEN_7B, "L4", "bf16", 2, {}, 93_872),
        (QWEN_7B, "L4", "fp8", 2, {}, 206_288),
        # ... and with --gpu-memory-utilization 0.95, --max-num-seqs 64 and --max-num-batched-tokens 16384
        (QWEN_7B, "L4", "fp8", 2, {"memory_utilization": 0.95, "max_num_seqs": 64}, 232_592),
        (
            *(QWEN_7B, "L4", "fp8", 1),
            {"memory_utilization": 0.95, "max_num_seqs": 64, "max_num_batched_tokens": 16_384},
            405_344,
        ),
        # dennislee22/vLLM-benchmarking, tests 4 and 5: vLLM 0.10.1; 5.01 GiB of 57,344 bytes a token
        (QWEN_7B, "A100-80GB", "bf16", 2, {"memory_utilization": 0.5}, 464_848),
        (QWEN_7B, "A100-80GB", "bf16", 2, {"memory_utilization": 0.25}, 93_810),
        # polyserve, results-llama: vLLM 0.29.0, CUDA graphs counted
        (LLAMA_8B, "A100-80GB", "bf16", 2, {}, 447_488),
        # llm-d-planner, capacity accuracy report: vLLM 0.19.0 on H100
        (LLAMA_8B, "H100", "bf16", 2, {"memory_utilization": 0.95}, 476_016),
        (QWEN_7B, "H100", "bf16", 2, {"memory_utilization": 0.95}, 1_096_000),
    ],
)
def test_the_cache_is_as_large_as_vllm_logged(
    model: Model, gpu: str, precision: str, cache_bytes: int, started: dict[str, Any], logged_tokens: int
) -> None:
    replica = cache_of(model, gpu, precision, cache_bytes, settings(gpu, "vllm", **started))
    assert replica.cache_tokens == pytest.approx(logged_tokens, rel=0.03)


def test_the_papers_engine_left_out_as_much_as_its_authors_logged() -> None:
    # vllm-project/vllm pull request 2031, December 2023: 7,351 blocks of 16 tokens on an A100-80GB
    replica = cache_of(LLAMA_2_7B, "A100-80GB", "fp16", 2, settings("A100-80GB", "vllm", "vllm-0.2.7"))
    assert replica.cache_tokens == pytest.approx(7_351 * 16, rel=0.01)


def test_vllm_starts_a_large_gpu_with_larger_batches_but_not_an_a100() -> None:
    limits = {gpu: settings(gpu, "vllm") for gpu in ("L4", "A10G", "A100-40GB", "A100-80GB", "H100")}
    found = {gpu: (each.max_num_seqs, each.max_num_batched_tokens, each.growth) for gpu, each in limits.items()}
    assert found == {
        "L4": (256, 2048, 0.75),
        "A10G": (256, 2048, 0.75),
        "A100-40GB": (256, 2048, 1.0),
        "A100-80GB": (256, 2048, 1.0),
        "H100": (1024, 8192, 1.0),
    }


def test_sglang_reserves_by_memory_and_tensorrt_llm_takes_nine_tenths_of_what_is_left() -> None:
    # ServerArgs: 0.5 GiB + 1.5 MiB for each of 2,048 tokens + 24 x 2 MiB + 1/8 GiB, on an H100 8,192 and 256 x 2;
    # 0.4 GiB of context. On an H100 its users see a fraction of 0.828 (sgl-project/sglang issue 29092).
    small = settings("L4", "sglang").buffers_gib(LLAMA_8B, 1)
    assert small == pytest.approx((512 + 2048 * 1.5 + 24 * 2 + 128) / 1024 + 0.4, abs=0.05)
    large = settings("H100", "sglang").buffers_gib(LLAMA_8B, 1)
    assert large == pytest.approx((512 + 8192 * 1.5 + 256 * 2 + 128) / 1024 + 0.4, abs=0.05)
    assert large - 0.4 == pytest.approx((1 - 0.828) * 79.65, rel=0.05)
    started = settings("L4", "tensorrt-llm")
    replica = cache_of(LLAMA_8B, "L4", "bf16", 2, started)
    left_gib = 22.0 - 16.06e9 / GIB - started.buffers_gib(LLAMA_8B, 1)
    assert replica.cache_bytes / GIB == pytest.approx(0.9 * left_gib, rel=0.01)


def test_buffers_of_a_trial_run_by_hand() -> None:
    started = settings("L4", "vllm", runtime_gib=0.0, group_gib=0.0)
    # Llama-2-7B: 32,000 words; 2,048 tokens of 3 x (4,096 + 11,008) numbers outweigh 256 x 32,000 scores
    assert started.buffers_gib(LLAMA_2_7B, 1) == pytest.approx(2048 * 2 * 3 * (4096 + 11008) / GIB)
    # Qwen2.5-7B: 152,064 words; the scores outweigh the layers, on any number of GPUs
    scores = (2 * 2048 * 3584 + 15 * 256 * 152_064) / GIB
    assert started.buffers_gib(QWEN_7B, 1) == started.buffers_gib(QWEN_7B, 4) == pytest.approx(scores)


def test_without_an_engine_the_mean_applies() -> None:
    assert settings("L4", None) == settings("L4", "mean")
    assert settings("L4", None, "vllm-0.2.7") == settings("L4", "vllm", "vllm-0.2.7")
    with pytest.raises(KeyError):
        settings("L4", "sglang", "vllm-0.2.7")
