"""Chooses the next load for one request size: a pure function of what has been measured.

Concurrency doubles from 1. The climb ends when the SLO breaks, when throughput grows by less than GROWTH over the best
so far, or at the maximum. If the SLO broke, the step between the last load within it and the first beyond it is
bisected REFINEMENTS times. Since it depends only on the points, it resumes after an interruption as if there had been
none.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from melange_cloud.domain import Slo
from melange_cloud.profiles.benchmark_run import BenchmarkRun

GROWTH = 0.05
"""Twice the requests in flight must add at least this fraction of throughput; less is saturation (or noise)."""
REFINEMENTS = 2


@dataclass(frozen=True, slots=True)
class LadderEnd:
    """Why no further load is needed, one clause; and whether the SLO ended the climb, not saturation."""

    reason: str
    by_slo: bool = False


def rungs(max_concurrency: int) -> list[int]:
    """1, 2, 4, ... and the maximum itself."""
    doubled = [2**step for step in range(max_concurrency.bit_length())]
    return doubled if doubled[-1] == max_concurrency else [*doubled, max_concurrency]


def next_load(measured: Mapping[int, BenchmarkRun], slo: Slo, max_concurrency: int) -> int | LadderEnd:
    """The concurrency to measure next, or why the ladder ends.

    Args:
        measured: the accepted points of one request size, by requests in flight.
    """
    best = 0.0
    within = 0
    for concurrency in rungs(max_concurrency):
        if concurrency not in measured:
            return concurrency
        run = measured[concurrency]
        missed = broken(run, slo)
        if missed:
            return _bisected(measured, slo, within, concurrency, missed)
        if run.requests_per_s < best * (1 + GROWTH):
            return LadderEnd(f"throughput stopped growing at {concurrency} in flight")
        best, within = max(best, run.requests_per_s), concurrency
    return LadderEnd(f"throughput was still growing at the limit of {max_concurrency} in flight (--max-concurrency)")


def broken(run: BenchmarkRun, slo: Slo) -> str:
    """The target that a point misses, one clause; empty if it meets all. Unknown figures count as met."""
    e2e_ms = None
    if run.tpot_ms is not None and run.ttft_ms is not None:
        e2e_ms = run.ttft_ms + (run.output_tokens - 1) * run.tpot_ms
    for name, reached_ms, target_ms in (
        ("TPOT", run.tpot_ms, slo.tpot_ms),
        ("p99 TPOT", run.p99_tpot_ms, slo.p99_tpot_ms),
        ("TTFT", run.ttft_ms, slo.ttft_ms),
        ("end to end", e2e_ms, slo.e2e_ms),
    ):
        if reached_ms is not None and reached_ms > target_ms < math.inf:
            return f"{name} {reached_ms:.3g} ms > {target_ms:g} ms"
    return ""


def _bisected(measured: Mapping[int, BenchmarkRun], slo: Slo, within: int, beyond: int, missed: str) -> int | LadderEnd:
    if within == 0:
        return LadderEnd(f"the lightest load already misses the SLO: {missed}", by_slo=True)
    for _ in range(REFINEMENTS):
        middle = (within + beyond) // 2
        if middle in (within, beyond):
            break
        if middle not in measured:
            return middle
        missed_there = broken(measured[middle], slo)
        if missed_there:
            beyond, missed = middle, missed_there
        else:
            within = middle
    return LadderEnd(f"the SLO breaks at {beyond} in flight: {missed}", by_slo=True)
