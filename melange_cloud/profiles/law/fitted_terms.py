"""Fits a step law by least squares: seven terms that match the TPOT of operating points.

The terms are reading the weights, multiplying a token, reading a token of cache, a fixed time, a time per request, a
time per prompt and its attention. They are fitted as factors of a starting law, so none is ever negative. Each is tied
to its start as loosely as it is known beforehand, so terms that the points cannot distinguish keep their proportions.
The start is the estimate's law or, without an estimate, the GPU's data sheet and the fastest point.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.closed_loop import rounded
from melange_cloud.estimator.fitting import FreeConstant, fitted
from melange_cloud.estimator.specs import Gpu
from melange_cloud.profiles.law.step_evidence import StepEvidence

TERMS = ("read_s", "token_s", "cache_s", "fixed_s", "request_s", "prompt_s", "attention_s")

LEAST_POINTS = len(TERMS)
"""Fewer points than terms do not determine a law."""
LEAST_SPAN = 4.0
"""Smallest ratio of largest to smallest batch: below it, time per step and time per request look alike."""
MOST_POINTS = 200
"""Points used of a grid of estimates, evenly chosen, so that a fit takes a fraction of a second."""

_SPREAD = dict.fromkeys(TERMS, 3.0) | {"read_s": 1.4, "token_s": 1.4, "fixed_s": 2.0}
"""How far (e to this) the terms may be from their start, for data sheets and, since an engine's overhead and kernels
may be anything, also for estimates. On 17 replicas, with one request size after the other left out of the fit, its TPOT
was 3 % off in the median and 9 % at p90; with half of this value 3 and 10 %. When fitted to only one size, the others
were 6 % off in the median, and at p90 22 % from an estimate and 35 % from a data sheet."""

NEAR_START = 0.1
"""Looseness with an estimate's start if the points are of one size, or too few: at other sizes a law is then 17 % off
at p90, not 21 %."""

_READ_PART, _FIXED_PART = 0.6, 0.3
"""Parts of the fastest step: reading the weights, and the fixed time of every step."""
_REACHED = 0.6
"""Usable part of a GPU's peak FLOP/s (somewhat more of its bandwidth), from the calibrations."""
_CACHE_BYTES_PER_TOKEN, _ATTENTION_FLOP = 131_072, 2 * 32 * 4096
"""Value of an 8B model with grouped heads; larger ones have a few times more."""
_REQUEST_S, _PROMPT_S = 2e-5, 1e-3


def is_determined(evidence: Sequence[StepEvidence]) -> bool:
    """True if the points are enough for seven terms."""
    if len(evidence) < LEAST_POINTS:
        return False
    batches = [max(each.decoding, 1.0) for each in evidence]
    return max(batches) >= LEAST_SPAN * min(batches)


def fitted_to(evidence: Sequence[StepEvidence], start: StepLaw, step_tokens: float, looseness: float = 1.0) -> StepLaw:
    """The law that fits the points best.

    Args:
        start: the starting law; terms of 0 and anything not in TERMS stay as they are.
        step_tokens: the most tokens that one step computes.
        looseness: how far the terms may be from their start, relative to the maximum.
    """
    chosen = _evenly(evidence, MOST_POINTS)

    def off(terms: Mapping[str, float]) -> list[float]:
        law = _with(start, terms)
        return [math.log(each.predicted_s(law, step_tokens) / each.tpot_s) for each in chosen]

    unknowns = {
        term: FreeConstant(getattr(start, term), looseness * _SPREAD[term])
        for term in TERMS
        if getattr(start, term) > 0
    }
    return _with(start, {term: rounded(value) for term, value in fitted(off, unknowns).items()})


def law_by_data_sheet(gpu: Gpu, precision: str, fastest_s: float, *, mixed_steps: bool) -> StepLaw:
    """The start if nothing else is known about the model.

    Args:
        fastest_s: the lowest measured TPOT, s; most of it is reading the weights.
    """
    bytes_per_s, flops = gpu.bandwidth_gb_per_s * 1e9, (gpu.peak_tflops(precision) or gpu.fp16_tflops) * 1e12
    parameters_per_gpu = _READ_PART * fastest_s * bytes_per_s / (1 if precision == "fp8" else 2)
    return StepLaw(
        read_s=_READ_PART * fastest_s,
        token_s=2 * parameters_per_gpu / (_REACHED * flops),
        moved_s=0.0,
        cache_s=_CACHE_BYTES_PER_TOKEN / (_REACHED * bytes_per_s),
        windowed_cache_s=0.0,
        fixed_s=_FIXED_PART * fastest_s,
        request_s=_REQUEST_S,
        prompt_s=_PROMPT_S,
        attention_s=_ATTENTION_FLOP / (_REACHED * gpu.fp16_tflops * 1e12),
        mixed_steps=mixed_steps,
    )


def _with(start: StepLaw, terms: Mapping[str, float]) -> StepLaw:
    changes: dict[str, Any] = dict(terms)
    law = replace(start, **changes)
    return law if law.mixed_steps else replace(law, prefill_step_s=law.fixed_s)


def _evenly(evidence: Sequence[StepEvidence], most: int) -> Sequence[StepEvidence]:
    """At most this many items, evenly spaced."""
    if len(evidence) <= most:
        return evidence
    return [evidence[at * len(evidence) // most] for at in range(most)]
