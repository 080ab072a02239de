"""Turns benchmark runs into operating points, and finds points of one request size that contradict each other."""

import math
from collections.abc import Iterable, Sequence
from itertools import product

from melange_cloud.domain import OperatingPoint
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.grades import ERROR_OF_GRADE

MOST_FAILED = 0.01
"""Runs with a larger fraction of failed requests are rejected: they did not measure the requested load."""

SAME_SIZE = 1.08
"""Runs with mean sizes within this factor count as one size: means of 300 random lengths differ by 5 %."""

CONTRADICTION = 1.2
"""Two measurements that are each right within ±10 % differ by at most this factor at the same load."""

ERROR = 0.1
"""Error of a measured point of grade A. Nightly runs on one server differ by 1-2 %, two servers by more."""

LEAST_REQUESTS = 10
"""Fewest requests of a usable run. Requests arrive at random, so a rate counted over N of them is off by 1 / sqrt(N):
32 % with ten, the ±10 % of grade A with a hundred."""

MOST_ERROR = 0.5
"""Largest error of a usable run: that of grade D, which estimates can have too."""

UNCOUNTED_ERROR = 0.25
"""Error of a run that does not say how many requests it counted, and of a queue of fewer than SURELY_FLOODED."""

SURELY_FLOODED, PERHAPS_FLOODED = 512, 100
"""Requests sent at once that fill any replica (twice the 256 that engines run at once by default); and those that are
enough if requests queued, that is, if TTFT was at least a quarter of the latency. Ten at once show no saturation."""

_QUEUED = 0.25
_SAME_LOAD = 1.1
_GROWTH_AT_SATURATION = 1.05


def rejection(run: BenchmarkRun) -> str:
    """Why a run cannot be used, one clause; empty if it can."""
    if run.cancelled:
        return f"the run was cancelled ({run.cancelled}), so its rate is incomplete: repeat it"
    if run.failed and run.completed is not None and run.failed_fraction > MOST_FAILED:
        return (
            f"{run.failed:,} of {run.completed + run.failed:,} requests failed ({run.failed_fraction:.1%}); "
            f"at most {MOST_FAILED:.0%} may fail"
        )
    if run.output_tokens < 2:
        how = "one output token" if run.output_tokens == 1 else f"a mean of {run.output_tokens:.3g} output tokens"
        return f"{how} has no time per output token: ask for 2 or more"
    if run.saturated and not is_flood(run):
        sent = "it does not say how many requests it sent" if run.completed is None else f"{run.completed:,} requests"
        return (
            f"{sent} at once are too few to show saturation: send {SURELY_FLOODED}, or {PERHAPS_FLOODED} if "
            "requests queue"
        )
    if run.completed is not None and run.completed < LEAST_REQUESTS and not run.steady:
        return f"only {_requests(run.completed)}: at least {LEAST_REQUESTS} are needed ({GRADE_A})"
    if error_of(run) > MOST_ERROR:
        return (
            f"{_requests(run.completed or 0)} with {run.in_flight or 0:,.0f} in flight are mostly ramp-up and drain: "
            f"at least twice as many as in flight are needed ({GRADE_A})"
        )
    return ""


GRADE_A = f"grade A needs at least {round(1 / ERROR**2)} requests, and {round(1 / ERROR)} times the requests in flight"


def _requests(count: int) -> str:
    return f"{count:,} completed request{'' if count == 1 else 's'}"


def error_of(run: BenchmarkRun) -> float:
    """The fraction by which a run's rate may be off: ERROR, or more if few requests were counted.

    With N requests chance accounts for 1 / sqrt(N); in_flight / N of them, at the beginning and the end, saw another
    load. A flood does not have either effect, and a steady run has excluded both.
    """
    if run.steady:
        return ERROR
    if run.completed is None:
        return UNCOUNTED_ERROR
    if run.saturated:
        return ERROR if run.completed >= SURELY_FLOODED else UNCOUNTED_ERROR
    return max(ERROR, 1 / math.sqrt(run.completed), ((run.in_flight or 0) + run.cut_off) / run.completed)


def grade_of(error: float) -> str:
    """The grade of a measured point by its error: A up to 10 %, then the grades of estimates."""
    return next((grade for grade, most in ERROR_OF_GRADE.items() if error <= most + 1e-9), "D")


def doubts(run: BenchmarkRun) -> tuple[str, ...]:
    """Why a usable run is not fully trusted, and what its file does not say; one clause each."""
    clauses = list(run.notes)
    if run.tpot_ms is None and not run.saturated:
        clauses.append("the file has no time per output token, so the rate counts only if saturation is the limit")
    if run.failed is None:
        clauses.append("the file does not say how many requests failed")
    if run.completed is None:
        clauses.append("the file does not say how many requests were completed")
    elif error_of(run) > ERROR:
        at = f" with {run.in_flight:,.0f} in flight" if run.in_flight is not None else ""
        clauses.append(f"{_requests(run.completed)}{at} ({GRADE_A})")
    if run.cut_off:
        clauses.append(f"{run.cut_off:,} requests were still running when the time was up")
    return tuple(clauses)


def points_of(runs: Iterable[BenchmarkRun]) -> list[OperatingPoint]:
    """Operating points of runs, sorted by size and rate; rejected runs are left out.

    Runs of about the same size (SAME_SIZE) become points of one size, the mean over their completed requests. A run
    that was sent as fast as the tool could (rate "inf") gives only its rate, since its latencies are those of a queue.
    """
    points: list[OperatingPoint] = []
    for group in _by_size([run for run in runs if not rejection(run)]):
        counted = [run.completed or 1 for run in group]
        input_tokens, output_tokens = (
            max(1, round(sum(tokens * each for tokens, each in zip(held, counted, strict=True)) / sum(counted)))
            for held in ([run.input_tokens for run in group], [run.output_tokens for run in group])
        )
        points.extend(_point(run, input_tokens, output_tokens) for run in group)
    return sorted(
        dict.fromkeys(points),
        key=lambda p: (p.input_tokens, p.output_tokens, p.requests_per_s, p.concurrency or 0, p.source),
    )


def _by_size(runs: Sequence[BenchmarkRun]) -> list[list[BenchmarkRun]]:
    groups: list[list[BenchmarkRun]] = []
    for run in sorted(runs, key=lambda run: (run.input_tokens, run.output_tokens, run.requests_per_s, run.source)):
        size = (run.input_tokens, run.output_tokens)
        for group in groups:
            if same_size(size, (group[0].input_tokens, group[0].output_tokens)):
                group.append(run)
                break
        else:
            groups.append([run])
    return groups


def same_size(one: tuple[float, float], other: tuple[float, float]) -> bool:
    """True if two sizes (input_tokens, output_tokens) count as one measured size."""
    return all(max(a, b) <= SAME_SIZE * min(a, b) or abs(a - b) < 1 for a, b in zip(one, other, strict=True))


def _point(run: BenchmarkRun, input_tokens: int, output_tokens: int) -> OperatingPoint:
    latencies_known = not run.saturated
    in_flight = None if run.saturated else run.in_flight
    error = error_of(run)
    return OperatingPoint(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        concurrency=None if in_flight is None else max(1, round(in_flight)),
        requests_per_s=run.requests_per_s,
        tpot_ms=run.tpot_ms if latencies_known else None,
        ttft_ms=run.ttft_ms if latencies_known else None,
        origin="measured",
        grade=grade_of(error),
        error=math.ceil(100 * error - 1e-6) / 100,
        p99_tpot_ms=run.p99_tpot_ms if latencies_known else None,
        source=_one_field(f"{run.tool} {run.source}"),
        measured_on=run.measured_on,
    )


def is_flood(run: BenchmarkRun) -> bool:
    """True if a run at the rate "inf" had enough requests to fill a replica."""
    if not run.saturated or run.completed is None or run.completed < PERHAPS_FLOODED:
        return False
    if run.completed >= SURELY_FLOODED:
        return True
    if run.ttft_ms is None or run.tpot_ms is None:
        return False
    return run.ttft_ms >= _QUEUED * (run.ttft_ms + (run.output_tokens - 1) * run.tpot_ms)


def _one_field(text: str) -> str:
    return " ".join(text.replace(",", ";").replace('"', "'").split())


def is_saturated(points: Sequence[OperatingPoint]) -> bool:
    """True if points of one size show that a higher load does not raise the rate.

    They do if one was sent as fast as the tool could and none is faster, or if more requests in flight raised the rate
    by less than 5 %. A single run at 4 requests/s does not show that.
    """
    top = max(point.requests_per_s for point in points)
    flooded = [point for point in points if point.tpot_ms is None and point.concurrency is None]
    if any(point.requests_per_s * _GROWTH_AT_SATURATION >= top for point in flooded):
        return True
    by_load = sorted((point.concurrency, point.requests_per_s) for point in points if point.concurrency is not None)
    if len(by_load) < 2 or len(by_load) < len(points):
        return False
    (before, lower), (last, rate) = max(by_load[:-1], key=lambda pair: pair[1]), by_load[-1]
    return last >= _SAME_LOAD * before and rate <= _GROWTH_AT_SATURATION * lower


def contradiction(newer: Sequence[OperatingPoint], older: Sequence[OperatingPoint]) -> str:
    """How two measurements of one size contradict each other, one clause; empty if they do not.

    They do if rate or TPOT differ by more than 20 % at the same load (requests in flight or rate within 10 %), or if
    the rates at saturation do.
    """
    for new, old in product(newer, older):
        same_in_flight = new.concurrency and old.concurrency and _near(new.concurrency, old.concurrency)
        if same_in_flight and not _agree(new.requests_per_s, old.requests_per_s):
            rates = f"{new.requests_per_s:.3g} instead of {old.requests_per_s:.3g} requests/s"
            return f"at {new.concurrency:,} requests in flight {rates}"
        if new.tpot_ms is None or old.tpot_ms is None or not _near(new.requests_per_s, old.requests_per_s):
            continue
        if not _agree(new.tpot_ms, old.tpot_ms):
            return f"at {new.requests_per_s:.3g} requests/s {new.tpot_ms:.3g} instead of {old.tpot_ms:.3g} ms TPOT"
    if is_saturated(newer) and is_saturated(older):
        tops = [max(point.requests_per_s for point in points) for points in (newer, older)]
        if not _agree(*tops):
            return f"at saturation {tops[0]:.3g} instead of {tops[1]:.3g} requests/s"
    return ""


def _near(one: float, other: float) -> bool:
    return max(one, other) <= _SAME_LOAD * min(one, other)


def _agree(one: float, other: float) -> bool:
    return abs(math.log(one / other)) <= math.log(CONTRADICTION)
