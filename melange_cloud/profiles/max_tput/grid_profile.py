"""A profile whose operating points are estimates, computed at any size or saved on a grid of sizes.

Between the sizes of a file, under TPOT targets, the replica-seconds that a request costs, 1 / MaxTput, are interpolated
in input and output tokens, which they follow nearly linearly. TTFT and E2E targets are for the request's own size, not
for its neighbours' on the grid: its operating points are interpolated first, and then compared with the targets.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from melange_cloud.domain import MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.profiles.max_tput.near_floor import refused, with_floor_errors
from melange_cloud.profiles.max_tput.profile import NO_TARGET, GridCell, Profile
from melange_cloud.profiles.max_tput.size_grid import SizeGrid
from melange_cloud.profiles.max_tput.size_rates import SELDOM_SERVED_GIB, SizeRates, tpot_ms_of
from melange_cloud.profiles.points import MissedTarget, best_within, interpolated, on_line

Corners = Sequence[tuple[tuple[float, float], float]]
"""Sizes with weights above 0 that sum to 1."""


@dataclass(frozen=True, eq=False)
class GridProfile(Profile):
    """The operating points of a profile file, on its grid."""

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The sizes of the grid, sorted."""
        return self.table.sizes(self.kind)

    @cached_property
    def points(self) -> Mapping[tuple[int, int], tuple[OperatingPoint, ...]]:
        """Every operating point, by size. Slow for a whole profile: ``max_tput`` parses only what it needs."""
        return {size: self.table.points(self.kind, size) for size in self.sizes}

    @cached_property
    def _least(self) -> tuple[int, int]:
        """Fewer tokens count as these."""
        inputs, outputs = zip(*self.sizes, strict=True)
        return min(inputs), min(outputs)

    @cached_property
    def _grid(self) -> SizeGrid:
        return SizeGrid(self.sizes)

    @cached_property
    def _rates(self) -> SizeRates:
        header = self.table.header
        heavy = (header.weights_gib or 0.0) > SELDOM_SERVED_GIB and header.precision != "fp8"
        return SizeRates(lambda size: self.table.rates(self.kind, size), self.weight_read_ms, heavy)

    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """As ``Profile.max_tput``; smaller sizes than the least of the grid count as that."""
        if (refusal := self.beyond_reach(input_tokens, output_tokens, longest_total_tokens)) is not None:
            return refusal
        corners = self._around(input_tokens, output_tokens)
        if isinstance(corners, UnservableSize):
            return corners
        if len(corners) == 1:
            return self._rates.max_tput(corners[0][0], slo)
        # The targets limit the load one by one, so the rate within all is the least of the rates within each.
        within_tpot = self._between(corners, Slo(tpot_ms=slo.tpot_ms, p99_tpot_ms=slo.p99_tpot_ms))
        if isinstance(within_tpot, UnservableSize) or min(slo.ttft_ms, slo.e2e_ms) == math.inf:
            return within_tpot
        return self._within_latency((input_tokens, output_tokens), corners, within_tpot, slo)

    def _within_latency(
        self, size: tuple[float, float], corners: Corners, within_tpot: MaxTput, slo: Slo
    ) -> MaxTput | UnservableSize:
        """The rate within the TTFT and E2E targets, if it is less than that within the TPOT targets."""
        points = interpolated([(self._rates.points(corner).points, weight) for corner, weight in corners])
        rest = Slo(ttft_ms=slo.ttft_ms, e2e_ms=slo.e2e_ms)
        asked = "e2e" if slo.e2e_ms < math.inf else "ttft"
        found = best_within(points, rest) if points else MissedTarget(asked, math.inf, math.inf)
        if isinstance(found, MissedTarget):
            if found.least_ms == math.inf or within_tpot.origin != "estimated":
                return UnservableSize(found.reason(size), no_data=found.least_ms == math.inf)
            return refused(found.reason(size), points, found, rest)
        within_rest = with_floor_errors(
            replace(within_tpot, engine_requests_per_s=found.requests_per_s, engine_limited_by=found.limited_by),
            points,
            rest,
        )
        if found.requests_per_s < within_tpot.requests_per_s:
            return within_rest
        # The other targets may be those that fail first, though they do not limit the rate.
        low = found.requests_per_s * (1 - within_rest.engine_down)
        down = 1 - low / within_tpot.requests_per_s
        if down <= within_tpot.engine_down or within_rest.engine_down <= within_tpot.engine_down:
            return within_tpot
        return replace(within_tpot, engine_grade=within_rest.engine_grade, engine_error_down=down)

    def tpot_ms(self, input_tokens: float, output_tokens: float, slo: Slo) -> float | None:
        """The mean TPOT at the highest rate within the targets, ms; None if there is none."""
        corners = self._around(input_tokens, output_tokens)
        if isinstance(corners, UnservableSize):
            return None
        points = interpolated([(self._rates.points(corner).points, weight) for corner, weight in corners])
        return tpot_ms_of(best_within(points, slo)) if points else None

    def tpot_ms_with(self, input_tokens: float, output_tokens: float, decoding: float) -> float | None:
        """The mean TPOT with so many requests decoding, on a line between the points, ms; None if none is known."""
        corners = self._around(input_tokens, output_tokens)
        if isinstance(corners, UnservableSize):
            return None
        points = interpolated([(self._rates.points(corner).points, weight) for corner, weight in corners])
        steps = max(output_tokens - 1, 1)
        by_load = sorted((point.requests_per_s * steps * point.tpot_ms / 1000, point.tpot_ms) for point in points)
        if not by_load:
            return None
        found = on_line(by_load, decoding)
        return by_load[-1][1] if found is None else found

    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """MaxTput at every size of the grid; as ``Profile.cells``."""
        return [GridCell(*size, self._rates.max_tput(size, slo), self._rates.tpot_ms(size, slo)) for size in self.sizes]

    def _around(self, input_tokens: float, output_tokens: float) -> Corners | UnservableSize:
        """The sizes of the grid about a size that is not too long, with weights above 0 that sum to 1."""
        if self.table.any_size:
            least_input, least_output = self._least
            output_tokens = max(output_tokens, least_output)
            input_tokens = max(min(input_tokens, self.reach_tokens - output_tokens), least_input)
            return [((input_tokens, output_tokens), 1.0)]
        return self._grid.about(input_tokens, output_tokens, self.reach_tokens)

    def _between(self, corners: Corners, slo: Slo) -> MaxTput | UnservableSize:
        seconds, grade, error, down, origin, limited_by = 0.0, "", 0.0, 0.0, "measured", "saturation"
        for size, weight in corners:
            corner = self._rates.max_tput(size, slo)
            if isinstance(corner, UnservableSize):
                return self._none_between(corners, slo, corner)
            seconds += weight / corner.requests_per_s
            grade, error = max(grade, corner.grade), max(error, corner.error)
            down = max(down, corner.error_down)
            origin = corner.origin if origin == "measured" else origin
            limited_by = corner.limited_by if limited_by == "saturation" else limited_by
        return MaxTput(1 / seconds, grade, error, origin, limited_by, engine_error_down=down)

    def _none_between(self, corners: Corners, slo: Slo, refusal: UnservableSize) -> UnservableSize:
        """A size between sizes of which one is refused, with what it may be where that may serve a few."""
        if refusal.may_be is None:
            return refusal
        seconds = 0.0
        for size, weight in corners:
            best = self._rates.max_tput(size, slo).off_by(1)
            if isinstance(best, UnservableSize):
                return replace(refusal, may_be=None)
            seconds += weight / best.requests_per_s
        return replace(refusal, may_be=replace(refusal.may_be, engine_requests_per_s=1 / seconds))
