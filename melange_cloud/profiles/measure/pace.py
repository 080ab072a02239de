"""Decides how long a load point lasts: long enough for a steady state, but not so long that a hang wastes time.

A point counts at least ``max(10, 4 x concurrency)`` requests and lasts ``seconds_per_point`` or longer. Before that,
requests start one after another over the time of one request, so that they do not all prefill at once. As many as are
in flight at once (at least 2) are not counted.
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
"""Fewest requests per request in flight, one after another."""
_PATIENCE, _ALLOWANCE_S = 4.0, 30.0
"""A point may take this many times as long as expected from the load below it, plus this much."""


@dataclass(frozen=True, slots=True)
class LoadPoint:
    """One load for the generator.

    Attributes:
        concurrency: requests in flight at all times.
        requests: number to finish, without the warm-up; the load continues until then.
        warm_up_requests: number of first requests that are not counted.
        ramp_up_s: time over which the first requests start.
        expected_s: expected duration of the load.
        limit_s: the load ends then, even if fewer requests are finished.
        seed: of the prompts; it differs between points, so that no point finds another's prompts in the server's cache.
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
    """The load point for a concurrency, paced by the lower loads that were measured.

    Args:
        measured: the accepted points of this size, by requests in flight.
        seconds_per_token: of a single request, for the first point of a size.
    """
    lower = [run for other, run in sorted(measured.items()) if other < concurrency]
    if lower:
        latency_s = _latency_s(lower[-1], seconds_per_token)
        slowest_per_s = lower[-1].requests_per_s
        fastest_per_s = slowest_per_s * concurrency / max(other for other in measured if other < concurrency)
    else:
        latency_s = size.output_tokens * seconds_per_token
        slowest_per_s = fastest_per_s = concurrency / latency_s
    # Assume the fastest possible load, so that it never ends too early.
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
    """The number of first requests of a load that are not counted."""
    return max(2, concurrency)


def longest_s(question: MeasureQuestion, seconds_per_token: float, start_up_s: float) -> float:
    """Duration of the whole measurement if no size saturates early, s.

    Args:
        seconds_per_token: of a single request; assumed to double under load.
        start_up_s: overhead of the load generator for each load point.
    """
    loads = len(rungs(question.max_concurrency)) + REFINEMENTS
    return sum(
        loads
        * (start_up_s + max(question.seconds_per_point, (ROUNDS + 2) * 2 * seconds_per_token * size.output_tokens))
        for size in question.sizes
    )


def enough(run: BenchmarkRun, load: LoadPoint) -> bool:
    """True if a point that ended at its time limit has enough requests to be trusted."""
    return (run.completed or 0) >= max(LEAST_REQUESTS, ROUNDS * load.concurrency)


def _latency_s(run: BenchmarkRun, seconds_per_token: float) -> float:
    tpot_s = seconds_per_token if run.tpot_ms is None else run.tpot_ms / 1000
    ttft_s = 0.0 if run.ttft_ms is None else run.ttft_ms / 1000
    return ttft_s + tpot_s * run.output_tokens
