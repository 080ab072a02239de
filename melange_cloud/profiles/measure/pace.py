"""How long a load point lasts: long enough for a steady state, and not so long that a hang wastes time.

A point counts at least ``max(10, 4 x concurrency)`` requests and ``seconds_per_point``. Before them, requests start one
after another over the time of one request, so that they do not all prefill at once, and as many as are in flight at
once (at least 2) are not counted.
"""

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from melange_cloud.domain.measurement import MeasureQuestion, RequestSize
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.measure.ladder import REFINEMENTS, rungs

LEAST_REQUESTS = 10
ROUNDS = 4
"""Requests that each of those in flight makes room for, one after another, at least."""
_PATIENCE, _ALLOWANCE_S = 4.0, 30.0
"""A point may take this many times what the load below it leads to expect, and this much more."""


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One load that the generator is to make.

    Attributes:
        concurrency: requests in flight, always.
        requests: to be finished, warm-up not counted; the load continues until then.
        warm_up_requests: the first ones, which are not counted.
        ramp_up_s: time over which the first requests start.
        expected_s: what the load is likely to take.
        limit_s: the load ends then even if fewer are finished.
        seed: of the prompts; differs between points, so that no point finds another's prompts in the server's cache.
    """

    size: RequestSize
    concurrency: int
    requests: int
    warm_up_requests: int
    ramp_up_s: float
    expected_s: float
    limit_s: float
    seed: int


def load_point(
    size: RequestSize,
    concurrency: int,
    measured: Mapping[int, BenchmarkRun],
    seconds_per_point: float,
    seconds_per_token: float,
) -> LoadPoint:
    """The load point of a concurrency, paced by the lower loads that were measured.

    Args:
        measured: by requests in flight, the accepted points of this size.
        seconds_per_token: of a request alone, for the first point of a size.
    """
    lower = [run for other, run in sorted(measured.items()) if other < concurrency]
    if lower:
        latency_s = _latency_s(lower[-1], seconds_per_token)
        slowest_per_s = lower[-1].requests_per_s
        fastest_per_s = slowest_per_s * concurrency / max(other for other in measured if other < concurrency)
    else:
        latency_s = size.output_tokens * seconds_per_token
        slowest_per_s = fastest_per_s = concurrency / latency_s
    # At the fastest that this load can be, so that it never ends too early.
    requests = max(LEAST_REQUESTS, ROUNDS * concurrency, math.ceil(seconds_per_point * fastest_per_s))
    warm_up = warm_up_requests(concurrency)
    expected_s = latency_s + (warm_up + requests) / slowest_per_s
    return LoadPoint(
        size=size,
        concurrency=concurrency,
        requests=requests,
        warm_up_requests=warm_up,
        ramp_up_s=latency_s * (concurrency - 1) / concurrency,
        expected_s=expected_s,
        limit_s=_ALLOWANCE_S + _PATIENCE * expected_s,
        seed=zlib.crc32(f"{size} {concurrency}".encode()),
    )


def warm_up_requests(concurrency: int) -> int:
    """The first requests of a load, which are not counted."""
    return max(2, concurrency)


def longest_s(question: MeasureQuestion, seconds_per_token: float, start_up_s: float) -> float:
    """What the whole measurement takes if no size saturates early, s.

    Args:
        seconds_per_token: of a request alone; under load it is taken to double.
        start_up_s: what the load generator takes for each load point, the load itself not counted.
    """
    loads = len(rungs(question.max_concurrency)) + REFINEMENTS
    return sum(
        loads
        * (start_up_s + max(question.seconds_per_point, (ROUNDS + 2) * 2 * seconds_per_token * size.output_tokens))
        for size in question.sizes
    )


def enough(run: BenchmarkRun, load: LoadPoint) -> bool:
    """Whether a point that its time limit ended still has enough requests to be believed."""
    return (run.completed or 0) >= max(LEAST_REQUESTS, ROUNDS * load.concurrency)


def _latency_s(run: BenchmarkRun, seconds_per_token: float) -> float:
    tpot_s = seconds_per_token if run.tpot_ms is None else run.tpot_ms / 1000
    ttft_s = 0.0 if run.ttft_ms is None else run.ttft_ms / 1000
    return ttft_s + tpot_s * run.output_tokens
