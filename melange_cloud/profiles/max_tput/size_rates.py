"""MaxTput at the request sizes that have operating points of their own.

The highest rate over the points within all targets; between the slowest of them and the next, which misses one, the
rate follows the latency on a line (``points.py``).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from melange_cloud.domain import MaxTput, Slo, UnservableSize
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.max_tput.near_floor import refused, with_floor_errors
from melange_cloud.profiles.points import BestRate, MissedTarget, SizePoints, best_within

Size = tuple[int, int]
AnySize = tuple[float, float]


SELDOM_SERVED_GIB = 93.1
SELDOM_SERVED_GRADE = "D"
"""Estimates under a TPOT target of weights over 100 GB (70B in 16 bits): all served runs are of late 2024 (TensorRT-LLM
0.14 on four H100, SGLang and vLLM on H200), and took 15 to 30 % longer for a token than estimated, so that at a tight
target the rate was half of it. Saturated rates keep the grade of their GPUs: of these there are runs."""


@dataclass(frozen=True, eq=False)
class SizeRates:
    """The operating points of a profile by size, each read once, and what they give.

    Attributes:
        load: the points of a size.
        weight_read_ms: time to read all weights once, ms; None if not known.
        seldom_served: whether few or no served runs are known of such weights (SELDOM_SERVED_GIB).
    """

    load: Callable[[AnySize], SizePoints]
    weight_read_ms: float | None = None
    seldom_served: bool = False
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
        held = self.points(size)
        found = best_within(held.points, slo)
        if isinstance(found, MissedTarget):
            return self._too_slow(size, found, slo)
        grade, error = held.grade, held.error
        if self.seldom_served and held.origin == "estimated" and found.limited_by == "tpot":
            grade, error = (max(grade, SELDOM_SERVED_GRADE), max(error, ERROR_OF_GRADE[SELDOM_SERVED_GRADE]))
        stated = MaxTput(
            *(found.requests_per_s, grade, error, held.origin, found.limited_by), engine_error_down=held.error_down
        )
        return with_floor_errors(stated, held.points, slo)

    def _too_slow(self, size: AnySize, missed: MissedTarget, slo: Slo) -> UnservableSize:
        no_data = missed.least_ms == math.inf
        if missed.target == "tpot" and self.weight_read_ms is not None and self.weight_read_ms > slo.tpot_ms:
            reason = f"{self.weight_read_ms:.3g} ms to read the weights > {slo.tpot_ms:g} ms"
            return UnservableSize(reason, no_data, more_gpus_help=True)
        if no_data or self.points(size).origin != "estimated":
            return UnservableSize(missed.reason(size), no_data)
        return refused(missed.reason(size), self.points(size).points, missed, slo)


def tpot_ms_of(best: BestRate | MissedTarget) -> float | None:
    """The mean TPOT, ms; None if it is not known, or a target is missed."""
    return best.tpot_ms if isinstance(best, BestRate) and best.tpot_ms < math.inf else None
