"""What a rate may be off by where a target is near the latency of a replica at its lightest load, its floor.

Under a target T the batch grows as T - F, where F is the floor. An error in the estimated latencies comes back
T / (T - F) times in the rate: at twice the floor it is doubled, at 1.1 times the floor it is a factor, and below
that the rate may be none. So near the floor a rate has no one width. It lies between what the operating points give if
all latencies are longer by FLOOR_LATENCY_ERROR, and what they give if these are as much shorter::

    low = rate(T / (1 + FLOOR_LATENCY_ERROR))        high = rate(T * (1 + FLOOR_LATENCY_ERROR))

and at least within the error of NEAR_FLOOR_GRADE. Only estimates are so wide: what was measured has its latency.
"""

from collections.abc import Sequence
from dataclasses import replace

from melange_cloud.domain import MaxTput, Slo, UnservableSize
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.points import TARGETS, BestRate, MissedTarget, Point, best_within

NEAR_FLOOR = 1.5
"""A target below this times the latency of the lightest load is near the floor: errors of latencies come back more than
three times in the rate. Of 239 measured rates from there on 97 % were within 50 % of the estimate; of 191 below it,
51 % were; of those between 1.05 and 1.1 times the floor, 3 of 13."""
NEAR_FLOOR_GRADE = "D"

FLOOR_LATENCY_ERROR = 0.2
"""By what fraction the latency of the lightest load may be off. Of 113 measured ones (up to 8 requests in flight; L4,
A10G, A100, H100) 90 % were within -23 and +17 % of the estimate. The range holds 92 % of the 145 rates whose grade
is B or C away from the floor, and half of the 46 of D, most of them of 8B on four and eight GPUs; 15 % would hold 83 %
of those of B. At NEAR_FLOOR times the floor it is about as wide as its grade: -50 to +60 %."""


def with_floor_errors(stated: MaxTput, points: Sequence[Point], slo: Slo) -> MaxTput:
    """An estimated rate with the errors that it has near its floor; as it is where it is not near.

    Args:
        stated: the rate that the points give within the targets.
        points: of the size, the lightest load first.
    """
    near = [target for target in TARGETS if _limit_ms(slo, target) < NEAR_FLOOR * _least_ms(points, target)]
    if stated.engine_origin != "estimated" or not near:
        return stated
    rate = stated.engine_requests_per_s
    low, high = _rate(points, slo, 1 / (1 + FLOOR_LATENCY_ERROR)), _rate(points, slo, 1 + FLOOR_LATENCY_ERROR)
    if low == rate and stated.engine_limited_by not in near:
        return stated
    width = ERROR_OF_GRADE[NEAR_FLOOR_GRADE]
    # Where the replica is full before the target is reached, shorter latencies do not let it serve more.
    more = width if stated.engine_limited_by in near else 0.0
    return replace(
        stated,
        engine_grade=max(stated.engine_grade, NEAR_FLOOR_GRADE),
        engine_error=max(stated.engine_error, more, high / rate - 1),
        engine_error_down=max(stated.engine_down, width, 1 - low / rate),
    )


def refused(reason: str, points: Sequence[Point], missed: MissedTarget, slo: Slo) -> UnservableSize:
    """An estimated size that misses a target; says so if it is within the error of its floor, and what it may be."""
    few = _rate(points, slo, 1 + FLOOR_LATENCY_ERROR)
    if few == 0:
        return UnservableSize(reason)
    may_be = MaxTput(few, NEAR_FLOOR_GRADE, 0.0, "estimated", missed.target, engine_error_down=1.0)
    return UnservableSize(f"{reason} (within its error: none or few)", may_be=may_be)


def _rate(points: Sequence[Point], slo: Slo, factor: float) -> float:
    """Requests/s within ``factor`` times all targets; 0 if even the lightest load misses one."""
    found = best_within(points, Slo(*(factor * _limit_ms(slo, target) for target in TARGETS)))
    return found.requests_per_s if isinstance(found, BestRate) else 0.0


def _limit_ms(slo: Slo, target: str) -> float:
    limit_ms: float = getattr(slo, f"{target}_ms")
    return limit_ms


def _least_ms(points: Sequence[Point], target: str) -> float:
    least_ms: float = getattr(points[0], f"{target}_ms")
    return least_ms
