"""Today's engines against those of early 2024, on every GPU, degree and size that both eras can have."""

from itertools import product

import pytest

from melange_cloud.calibration.trials import estimated_within
from melange_cloud.estimator.replica import LEAST_CACHE_TOKENS, Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.profiles.estimates.listed_sizes import INPUT_TOKENS, OUTPUT_TOKENS

BOTH = sorted({*load_eras()["2025"].models} & {*load_eras()["vllm-0.2.7"].models})
TARGETS_MS = (40.0, 60.0, 100.0, 120.0, float("inf"))
RESERVED = 0.98
"""TensorRT-LLM, one of the three engines whose mean is today's, reserves the cache of the whole answer: where memory is
the limit and the answer long, that costs at most 2 %."""
A100_GROUPS = 0.8
"""On several A100 today's constants are those of TensorRT-LLM 0.10 to 0.14, which read long caches slowly there."""


def replica(model: str, gpu: str, degree: int, era: str) -> Replica:
    constants = load_calibrations()[gpu, era, "fp16"]
    return Replica(load_models()[model], load_gpus()[gpu], degree, load_eras()[era], "fp16", constants)


@pytest.mark.parametrize(("model", "gpu"), list(product(BOTH, load_gpus())))
def test_todays_engines_are_not_slower_than_those_of_2024(model: str, gpu: str) -> None:
    compared = 0
    for degree in (1, 2, 4, 8):
        today, then = (replica(model, gpu, degree, era) for era in ("2025", "vllm-0.2.7"))
        if today.refusal or then.cache_tokens < LEAST_CACHE_TOKENS:
            continue
        least = A100_GROUPS if gpu.startswith("A100") and degree > 1 else RESERVED
        for size, target_ms in product(product(INPUT_TOKENS, OUTPUT_TOKENS), TARGETS_MS):
            if sum(size) <= load_models()[model].max_model_len:
                rate = estimated_within(then, size, target_ms)
                assert estimated_within(today, size, target_ms) >= least * rate, (degree, size, target_ms)
                compared += 1
    assert compared or (model, gpu) == ("llama-2-70b", "A100-40GB")
