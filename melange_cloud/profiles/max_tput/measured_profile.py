"""A profile of measured points alone, at scattered sizes.

Measurements do not form a grid. Within 10 % of a measured size the measurement counts; between four measured sizes that
make a cell, all measured to their limit, their rates are interpolated as in any profile. Elsewhere a size counts as the
next larger one that was measured.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from melange_cloud.domain import MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.profiles.files.profile_file import ProfileFile
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.max_tput.profile import NO_TARGET, GridCell, Profile
from melange_cloud.profiles.max_tput.size_grid import Weights, cell
from melange_cloud.profiles.max_tput.size_rates import Size, SizeRates
from melange_cloud.profiles.points import BestRate, Point, best_within, rates_of
from melange_cloud.profiles.run_points import is_saturated

CELL = math.log(1.1)
"""A size within 10 % of a measured one in both dimensions is measured."""

WIDEST_STEP = 2.5
"""Between measured sizes that are further apart than this factor, grade B: a rate bends there by more than 10 %."""

EXACT = 1e-9
"""Sizes and distances that differ by less are the same."""

_ALONE = 1.05


@dataclass(frozen=True, slots=True)
class EnclosedRate:
    """The rate at a size between measured sizes.

    Attributes:
        at_most: a size misses a target at its lowest measured load: the rate between is this or less.
        at_least: a size was measured at low loads only: the rate between is this or more.
    """

    served: MaxTput
    at_most: bool
    at_least: bool


@dataclass(frozen=True, eq=False)
class MeasuredProfile(Profile):
    """Measured points alone, at scattered sizes.

    Attributes:
        measured: by (input_tokens, output_tokens).
        published: the sizes that come with the package, whose runs may have stopped before any limit.
        own: the user's files that it is made of, oldest first.
        shipped: the measured profiles that come with the package.
    """

    measured: Mapping[Size, tuple[OperatingPoint, ...]] = field(kw_only=True)
    published: frozenset[Size] = field(default=frozenset(), kw_only=True)
    own: tuple[ProfileFile, ...] = field(default=(), kw_only=True)
    shipped: tuple[ProfileFile, ...] = field(default=(), kw_only=True)
    _answers: dict[tuple[Size, Slo], MaxTput | UnservableSize] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The measured sizes, sorted."""
        return tuple(sorted(self.measured))

    @cached_property
    def points(self) -> Mapping[Size, tuple[OperatingPoint, ...]]:
        """Every operating point, by size."""
        return self.measured

    @cached_property
    def _rates(self) -> SizeRates:
        return SizeRates(lambda size: rates_of(self.measured[int(size[0]), int(size[1])]), self.weight_read_ms)

    def at(self, size: Size, slo: Slo) -> MaxTput | UnservableSize:
        """What was measured at a measured size."""
        key = (size, slo)
        if key not in self._answers:
            served = self._rates.max_tput(size, slo)
            if isinstance(served, MaxTput) and served.limited_by == "saturation" and not self._shows_limit(size, slo):
                served = replace(served, engine_limited_by="load")
            self._answers[key] = served
        return self._answers[key]

    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """What was measured at every measured size; as ``Profile.cells``."""
        return [GridCell(*size, self.at(size, slo), self._rates.tpot_ms(size, slo)) for size in self.sizes]

    def _shows_limit(self, size: Size, slo: Slo) -> bool:
        """Whether a higher load was measured than the targets allow, or one that brought no more."""
        best = best_within(self._rates.points(size).points, slo)
        return is_saturated(self.measured[size]) or (isinstance(best, BestRate) and best.missed_beyond)

    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """The highest rate that the measurements alone vouch for; as ``Profile.max_tput``."""
        if (refusal := self.beyond_reach(input_tokens, output_tokens, longest_total_tokens)) is not None:
            return refusal
        size = self.nearest(input_tokens, output_tokens)
        if distance(size, (input_tokens, output_tokens)) <= CELL + EXACT:
            return self.at(size, slo)
        enclosed = self.enclosed(input_tokens, output_tokens, slo)
        if enclosed is not None and not enclosed.at_most:
            return enclosed.served
        larger = [held for held in self.sizes if held[0] >= input_tokens and held[1] >= output_tokens]
        if not larger:
            return UnservableSize(
                f"nothing is measured near {input_tokens:,.0f} + {output_tokens:,.0f} tokens, the nearest is "
                f"{size[0]:,} + {size[1]:,}: measure it",
                no_data=True,
            )
        answers = [self.at(held, slo) for held in larger]
        rates = [answer for answer in answers if isinstance(answer, MaxTput)]
        if not rates:
            return answers[0]
        best = max(rates, key=lambda answer: answer.requests_per_s)
        return replace(best, engine_grade="D", engine_error=ERROR_OF_GRADE["D"], engine_error_down=None)

    def nearest(self, input_tokens: float, output_tokens: float) -> Size:
        """The measured size that is nearest to a size."""
        return min(self.sizes, key=lambda size: (distance(size, (input_tokens, output_tokens)), size))

    def fastest(self, size: Size) -> Point:
        """The point of a measured size that has the highest rate."""
        return max(self._rates.points(size).points, key=lambda point: point.requests_per_s)

    def shows_lightest_load(self, size: Size) -> bool:
        """Whether a size was measured with one request in flight: what that misses, no load keeps."""
        return min(point.in_flight for point in self._rates.points(size).points) <= _ALONE

    def knows_tpot(self, size: Size) -> bool:
        """Whether the fastest point of a measured size has a TPOT."""
        return self.fastest(size).tpot_ms < math.inf

    def knows_ttft(self, size: Size) -> bool:
        """Whether the fastest point of a measured size that has a TPOT has a TTFT too."""
        timed = [point for point in self._rates.points(size).points if point.tpot_ms < math.inf]
        return bool(timed) and max(timed, key=lambda point: point.requests_per_s).ttft_ms < math.inf

    def bound(self, size: Size, missed: UnservableSize) -> float:
        """A rate that a measured size which misses a target, or does not know its latency, cannot exceed, requests/s.

        The lowest measured rate, as that already misses; where the latency is not known the highest, if it was the
        limit, and else infinite.
        """
        rates = [(point.requests_per_s, point.tpot_ms < math.inf) for point in self._rates.points(size).points]
        if any(known for _, known in rates) and not missed.no_data:
            return min(rate for rate, known in rates if known)
        return max(rate for rate, _ in rates) if is_saturated(self.measured[size]) else math.inf

    def enclosed(self, input_tokens: float, output_tokens: float, slo: Slo) -> "EnclosedRate | None":
        """The rate in a cell of four measured sizes, or on an edge of two; None if no such cell contains the size."""
        corners = self._cell_about(input_tokens, output_tokens)
        if not corners:
            return None
        seconds, bounded, limits, error = 0.0, False, set(), 0.0
        for size, weight in corners:
            served = self.at(size, slo)
            if isinstance(served, MaxTput):
                seconds += weight / served.requests_per_s
                limits.add(served.limited_by)
                error = max(error, served.error)
            else:
                seconds += weight / self.bound(size, served)
                bounded = True
        if seconds == 0:
            return None
        wide = any(
            max(size[i] for size, _ in corners) > WIDEST_STEP * min(size[i] for size, _ in corners) for i in (0, 1)
        )
        grade, error = ("B", max(ERROR_OF_GRADE["B"], error)) if wide else ("A", error)
        limited_by = next(iter(sorted(limits - {"saturation"})), "saturation")
        return EnclosedRate(MaxTput(1 / seconds, grade, error, "measured", limited_by), bounded, "load" in limits)

    def _cell_about(self, input_tokens: float, output_tokens: float) -> Weights:
        """The measured sizes at the corners of a cell about a size, with weights above 0; none where one is missing.

        Measurements make no grid: two numbers of input tokens and two of output tokens make a cell only where all four
        sizes were measured; of three the plane through them.
        """
        inputs, outputs = sorted({size[0] for size in self.sizes}), sorted({size[1] for size in self.sizes})
        if not (inputs[0] <= input_tokens <= inputs[-1] and outputs[0] <= output_tokens <= outputs[-1]):
            return []
        (low_in, high_in, u), (low_out, high_out, v) = cell(inputs, input_tokens), cell(outputs, output_tokens)
        weights = [
            ((low_in, low_out), (1 - u) * (1 - v)),
            ((high_in, low_out), u * (1 - v)),
            ((low_in, high_out), (1 - u) * v),
            ((high_in, high_out), u * v),
        ]
        if u * v > 0 and (high_in, high_out) not in self.measured and u + v <= 1 + EXACT:
            weights = [((low_in, low_out), max(0.0, 1 - u - v)), ((high_in, low_out), u), ((low_in, high_out), v)]
        weights = [(size, weight) for size, weight in weights if weight > 0]
        return weights if all(size in self.measured for size, _ in weights) else []


def distance(measured: Size, size: tuple[float, float]) -> float:
    """The log of the factor between two sizes, in the dimension where it is larger."""
    return max(abs(math.log(max(1.0, tokens) / held)) for held, tokens in zip(measured, size, strict=True))
