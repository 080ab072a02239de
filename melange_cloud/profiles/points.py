"""Finds the highest rate of one request size within an SLO, also for sizes between the profiled ones."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple

from melange_cloud.domain import OperatingPoint, Slo


class Point(NamedTuple):
    """What MaxTput needs from an operating point; the points of a size are sorted by TPOT.

    Latencies are in ms, and infinite if unknown: such a point meets no target.
    """

    tpot_ms: float
    requests_per_s: float
    ttft_ms: float
    e2e_ms: float
    p99_tpot_ms: float = math.inf

    @property
    def in_flight(self) -> float:
        """Mean requests in flight, by Little's law; infinite if the latencies are unknown."""
        return self.requests_per_s * self.e2e_ms / 1000


class BestRate(NamedTuple):
    """The highest rate within an SLO, the target that limits it or ``saturation``, and the mean TPOT there.

    ``missed_beyond``: a higher load is known to miss a target.
    """

    requests_per_s: float
    limited_by: str
    tpot_ms: float
    missed_beyond: bool = True


class MissedTarget(NamedTuple):
    """The target that even the lightest load misses; ``least_ms`` is infinite if no point has this latency."""

    target: str
    least_ms: float
    limit_ms: float

    def reason(self, size: tuple[float, float]) -> str:
        """Why the size cannot be served, one clause."""
        name = TARGETS[self.target]
        if self.least_ms == math.inf:
            return f"no data: the profile has no {name}: measure it (melange-cloud profiles measure)"
        what = "per token" if self.target == "tpot" else f"of {name}"
        digits = 3 if float(f"{self.least_ms:.3g}") > self.limit_ms else 5
        return (
            f"{self.least_ms:.{digits}g} ms {what} at its lightest load at {size[0]:,.0f} + {size[1]:,.0f} tokens "
            f"> {self.limit_ms:g} ms"
        )


TARGETS = {"tpot": "TPOT", "p99_tpot": "p99 TPOT", "ttft": "TTFT", "e2e": "end-to-end latency"}
_TPOT = Point._fields.index("tpot_ms")
_RATE = itemgetter(Point._fields.index("requests_per_s"))
_PLACES = {target: Point._fields.index(f"{target}_ms") for target in TARGETS}


def best_within(points: Sequence[Point], slo: Slo) -> BestRate | MissedTarget:
    """The highest rate within all targets.

    The rate is interpolated between the last point that meets them and the next one, which misses one.

    Args:
        points: of one size; at least one.
    """
    limits = [
        (target, _PLACES[target], limit_ms)
        for target, limit_ms in zip(TARGETS, (slo.tpot_ms, slo.p99_tpot_ms, slo.ttft_ms, slo.e2e_ms), strict=True)
        if limit_ms < math.inf
    ]
    known = points
    for _, place, _ in limits:
        if place != _TPOT or points[-1].tpot_ms == math.inf:
            known = [point for point in known if point[place] < math.inf]
    if not known:
        unknown = [limit for limit in limits if all(point[limit[1]] == math.inf for point in points)]
        target, _, limit_ms = (unknown or limits)[0]
        return MissedTarget(target, math.inf, limit_ms)
    misses = len(known)
    for _, place, limit_ms in limits:
        misses = next((i for i in range(misses) if known[i][place] > limit_ms), misses)
    if misses == 0:
        target, place, limit_ms = next(limit for limit in limits if known[0][limit[1]] > limit[2])
        return MissedTarget(target, known[0][place], limit_ms)
    top = max(known[:misses], key=_RATE)
    if misses == len(known) or known[misses].requests_per_s <= top.requests_per_s:
        return BestRate(top.requests_per_s, "saturation", top.tpot_ms, misses < len(known))
    last, first = known[misses - 1], known[misses]
    requests_per_s, part, limited_by = min(
        _on_the_way(
            top.requests_per_s, first.requests_per_s, (limit_ms - last[place]) / (first[place] - last[place]), target
        )
        for target, place, limit_ms in limits
        if first[place] > limit_ms
    )
    tpot_ms = slo.tpot_ms if limited_by == "tpot" else last.tpot_ms + part * (first.tpot_ms - last.tpot_ms)
    return BestRate(requests_per_s, limited_by, tpot_ms)


def _on_the_way(low: float, high: float, part: float, target: str) -> tuple[float, float, str]:
    """The rate at which a latency reaches its target between two points, with the fraction of the way and the target.

    TPOT and E2E grow with the requests in flight, as the rate does. TTFT includes half a step of the other requests,
    which soon is nearly all of it, so it follows the reciprocal of the rate.
    """
    if target == "ttft":
        return 1 / ((1 - part) / low + part / high), part, target
    return low + part * (high - low), part, target


def on_line(pairs: Sequence[tuple[float, float]], x: float) -> float | None:
    """y at x, interpolated between sorted (x, y) pairs; the first y before them, None beyond them."""
    above = next((at for at, pair in enumerate(pairs) if pair[0] > x), None)
    if above is None:
        return None
    if above == 0:
        return pairs[0][1]
    (low, low_y), (high, high_y) = pairs[above - 1], pairs[above]
    return low_y + (x - low) / (high - low) * (high_y - low_y)


def interpolated(corners: Sequence[tuple[Sequence[Point], float]]) -> list[Point]:
    """The operating points of a size between profiled ones.

    Sizes are compared at equal fill, the fraction of the most requests that they can have in flight, since the same
    number in flight may be light for one and exceed the memory for another. At a given fill, latencies and the
    replica-seconds of a request are interpolated in the tokens, which they follow nearly linearly; where they bend,
    they are below the line.

    Args:
        corners: the points of each surrounding size, with its weight; weights sum to 1.

    Returns:
        Points in the order of their load; none if a size has no point with known latencies.
    """
    sizes = []
    for points, weight in corners:
        by_load = {
            point.in_flight: point
            for point in sorted(points, key=lambda p: p.requests_per_s)
            if point.e2e_ms < math.inf
        }
        if not by_load:
            return []
        sizes.append((sorted(by_load), by_load, weight))
    finest, _, _ = max(sizes, key=lambda size: len(size[0]))
    fills = [load / finest[-1] for load in finest]
    found = []
    for fill in fills:
        parts = [(_at_load(loads, by_load, fill * loads[-1]), weight) for loads, by_load, weight in sizes]
        found.append(
            Point(
                tpot_ms=_added(weight * point.tpot_ms for point, weight in parts),
                requests_per_s=1 / _added(weight / point.requests_per_s for point, weight in parts),
                ttft_ms=_added(weight * point.ttft_ms for point, weight in parts),
                e2e_ms=_added(weight * point.e2e_ms for point, weight in parts),
            )
        )
    return found


def _added(terms: Iterable[float]) -> float:
    """The sum term by term, like GridProfile adds up a rate; ``sum`` rounds differently from Python 3.12 on."""
    total = 0.0
    for term in terms:
        total += term
    return total


def _at_load(loads: Sequence[float], by_load: dict[float, Point], load: float) -> Point:
    """A point of the size at a load between its own; below its lightest, the lightest."""
    above = bisect_left(loads, load)
    if above == 0 or above == len(loads) or loads[above] == load:
        return by_load[loads[min(above, len(loads) - 1)]]
    first, last = by_load[loads[above - 1]], by_load[loads[above]]
    part = (load - loads[above - 1]) / (loads[above] - loads[above - 1])
    e2e_ms = first.e2e_ms + part * (last.e2e_ms - first.e2e_ms)
    return Point(
        tpot_ms=first.tpot_ms + part * (last.tpot_ms - first.tpot_ms),
        requests_per_s=1000 * load / e2e_ms,
        ttft_ms=first.ttft_ms + part * (last.ttft_ms - first.ttft_ms),
        e2e_ms=e2e_ms,
    )


class SizePoints(NamedTuple):
    """The points of one size by rising TPOT, with the worst grade, the largest errors and their origin.

    ``error_down``: by what fraction a rate may be lower; None means ``error``.
    """

    points: list[Point]
    grade: str
    error: float
    origin: str
    error_down: float | None = None


def rates_of(points: Iterable[OperatingPoint]) -> SizePoints:
    """What MaxTput needs from the points of one size; at least one."""
    held = list(points)
    origin = "measured" if all(point.origin == "measured" for point in held) else "estimated"
    brief = sorted(_brief(point) for point in held)
    grade, error = max(point.grade for point in held), max(point.error for point in held)
    downs = [point.error_down for point in held if point.error_down is not None]
    return SizePoints(brief, grade, error, origin, max(error, *downs) if downs else None)


def _brief(point: OperatingPoint) -> Point:
    tpot_ms, ttft_ms, p99_ms = (
        math.inf if value is None else value for value in (point.tpot_ms, point.ttft_ms, point.p99_tpot_ms)
    )
    e2e_ms = ttft_ms if point.output_tokens == 1 else ttft_ms + (point.output_tokens - 1) * tpot_ms
    return Point(tpot_ms, point.requests_per_s, ttft_ms, e2e_ms, p99_ms)
