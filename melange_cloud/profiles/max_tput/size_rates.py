"""MaxTput at the request sizes that have operating points of their own.

The highest rate over the points within all targets; between the slowest of them and the next, which misses one, the
rate follows the latency on a line (``points.py``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from melange_cloud.domain import MaxTput, Slo, UnservableSize
from melange_cloud.profiles.points import BestRate, MissedTarget, Point, SizePoints, best_within

NEAR_FLOOR = 1.5
"""Where a target T is less than this times the latency F of a replica at its lightest load, grade D: the batch grows as
T - F, so an error in the estimated latency comes back T / (T - F) > 3 times in the rate."""
NEAR_FLOOR_GRADE, NEAR_FLOOR_ERROR = "D", 0.5

Size = tuple[int, int]
AnySize = tuple[float, float]


@dataclass(frozen=True, eq=False)
class SizeRates:
    """The operating points of a profile by size, each read once, and what they give.

    Attributes:
        load: the points of a size.
        weight_read_ms: time to read all weights once, ms; None if not known.
    """

    load: Callable[[AnySize], SizePoints]
    weight_read_ms: float | None = None
    _points: dict[AnySize, SizePoints] = field(default_factory=dict, repr=False)
    _answers: dict[tuple[AnySize, Slo], MaxTput | UnservableSize] = field(default_factory=dict, repr=False)

    def points(self, size: AnySize) -> SizePoints:
        """The points of a size.

        Raises:
            BadFile: a row that is needed is broken.
        """
        if size not in self._points:
            self._points[size] = self.load(size)
        return self._points[size]

    def max_tput(self, size: AnySize, slo: Slo) -> MaxTput | UnservableSize:
        """The highest rate within the targets."""
        key = (size, slo)
        if key not in self._answers:
            self._answers[key] = self._evaluate(size, slo)
        return self._answers[key]

    def tpot_ms(self, size: AnySize, slo: Slo) -> float | None:
        """The mean TPOT at that rate, ms; None if it is not known, or the size is not served."""
        return tpot_ms_of(best_within(self.points(size).points, slo))

    def _evaluate(self, size: AnySize, slo: Slo) -> MaxTput | UnservableSize:
        points, grade, error, origin = self.points(size)
        found = best_within(points, slo)
        if isinstance(found, MissedTarget):
            return self._too_slow(size, found, slo)
        if origin == "estimated" and is_near_floor(found, points[0], slo):
            grade, error = max(grade, NEAR_FLOOR_GRADE), max(error, NEAR_FLOOR_ERROR)
        return MaxTput(found.requests_per_s, grade, error, origin, found.limited_by)

    def _too_slow(self, size: AnySize, missed: MissedTarget, slo: Slo) -> UnservableSize:
        no_data = missed.least_ms == math.inf
        if missed.target == "tpot" and self.weight_read_ms is not None and self.weight_read_ms > slo.tpot_ms:
            reason = f"{self.weight_read_ms:.3g} ms to read the weights > {slo.tpot_ms:g} ms"
            return UnservableSize(reason, no_data, more_gpus_help=True)
        return UnservableSize(missed.reason(size), no_data)


def tpot_ms_of(best: BestRate | MissedTarget) -> float | None:
    """The mean TPOT, ms; None if it is not known, or a target is missed."""
    return best.tpot_ms if isinstance(best, BestRate) and best.tpot_ms < math.inf else None


def is_near_floor(best: BestRate, lightest: Point, slo: Slo) -> bool:
    """Whether the target that limits a rate is near the latency of the lightest load (NEAR_FLOOR)."""
    if best.limited_by == "saturation":
        return False
    field_name = f"{best.limited_by}_ms"
    limit_ms: float = getattr(slo, field_name)
    least_ms: float = getattr(lightest, field_name)
    return limit_ms < NEAR_FLOOR * least_ms
