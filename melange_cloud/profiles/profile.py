"""A profile, and the MaxTput that it gives for any request size within an SLO.

At a size of the grid: the highest rate over the operating points within all targets; between the slowest of them and
the next, which misses one, the rate follows the latency on a line (``points.py``). Between sizes, under TPOT targets:
the replica-seconds that a request costs, 1 / MaxTput, are interpolated in input and output tokens, which they follow
nearly linearly. TTFT and E2E targets are for the request's own size, not for its neighbours' on the grid: its operating
points are interpolated first, and then held against the targets.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.estimator.spec_files import load_eras
from melange_cloud.profiles.points import BestRate, MissedTarget, Point, best_within, interpolated
from melange_cloud.profiles.profile_file import ProfileFile, SizePoints
from melange_cloud.profiles.size_grid import SizeGrid, Weights

_ON_A_LINE = 1e-9

NO_TARGET = Slo()

NEAR_FLOOR = 1.5
"""Where a target T is less than this times the latency F of a replica at its lightest load, grade D: the batch grows as
T - F, so an error in the estimated latency comes back T / (T - F) > 3 times in the rate."""
_NEAR_FLOOR_GRADE, _NEAR_FLOOR_ERROR = "D", 0.5


@dataclass(frozen=True, slots=True)
class GridCell:
    """MaxTput at one size of a profile's grid; ``tpot_ms`` is the mean TPOT at that rate, None where unservable."""

    input_tokens: int
    output_tokens: int
    served: MaxTput | UnservableSize
    tpot_ms: float | None


@dataclass(frozen=True, eq=False)
class Profile:
    """The operating points of one model, precision and era on one kind.

    Attributes:
        file: the profile file, which may hold other degrees too.
        notes: what a user must know of it, such as measurements that contradict each other; one line each.
    """

    file: ProfileFile
    kind: Kind
    notes: tuple[str, ...] = field(default=(), kw_only=True)
    _rates: dict[tuple[int, int], SizePoints] = field(default_factory=dict, repr=False)
    _corners: dict[tuple[int, int, Slo], MaxTput | UnservableSize] = field(default_factory=dict, repr=False)

    @property
    def model(self) -> str:
        """The model's name."""
        return self.file.header.model

    @property
    def precision(self) -> str:
        """The precision of the weights."""
        return self.file.header.precision

    @property
    def era(self) -> str:
        """The engine era."""
        return self.file.header.era

    @property
    def max_total_tokens(self) -> int:
        """Longest input + output that the engine was started for, tokens."""
        return self.file.header.max_total_tokens

    @property
    def max_num_seqs(self) -> int:
        """Requests that the engine runs at once, at most."""
        return self.file.header.max_num_seqs

    @property
    def source(self) -> str:
        """Where the points come from."""
        return self.file.header.source

    @property
    def cache_tokens(self) -> int | None:
        """Tokens that the KV cache of a replica holds; None where not stated."""
        return self.file.header.cache_tokens.get(self.kind.tensor_parallel)

    @property
    def weight_read_ms(self) -> float | None:
        """Time to read all weights once, ms; None where not stated."""
        return self.file.header.weight_read_ms.get(self.kind.tensor_parallel)

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The request sizes (input_tokens, output_tokens) that have operating points, sorted."""
        return tuple(sorted(self.file.rows[self.kind]))

    @cached_property
    def points(self) -> Mapping[tuple[int, int], tuple[OperatingPoint, ...]]:
        """Every operating point, by size. Slow for a whole profile: ``max_tput`` parses only what it needs."""
        return {size: self.file.points(self.kind, size) for size in self.sizes}

    @property
    def reach_tokens(self) -> int:
        """Longest input + output that can be served: the context, or less where memory ends before."""
        return min(self.max_total_tokens, self.cache_tokens or self.max_total_tokens)

    @cached_property
    def _grid(self) -> SizeGrid:
        return SizeGrid(self.sizes)

    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """The highest rate that one replica sustains for requests of a size within an SLO.

        Args:
            input_tokens, output_tokens: mean size of the requests; smaller ones than the grid's count as its smallest.
            slo: the targets, all of which hold.
            longest_total_tokens: the largest input + output of any of the requests, where known.

        Raises:
            BadFile: a row that is needed is broken.
        """
        longest = max(input_tokens + output_tokens, longest_total_tokens or 0)
        too_long = self._too_long(math.ceil(longest - _ON_A_LINE))
        if too_long:
            return UnservableSize(too_long)
        corners = self._around(input_tokens, output_tokens)
        if isinstance(corners, UnservableSize):
            return corners
        if len(corners) == 1:
            return self._at(corners[0][0], slo)
        # The targets limit the load one by one, so the rate within all is the least of the rates within each.
        within_tpot = self._between(corners, Slo(tpot_ms=slo.tpot_ms, p99_tpot_ms=slo.p99_tpot_ms))
        if isinstance(within_tpot, UnservableSize) or min(slo.ttft_ms, slo.e2e_ms) == math.inf:
            return within_tpot
        points = interpolated([(self._points_of(size).points, weight) for size, weight in corners])
        rest = Slo(ttft_ms=slo.ttft_ms, e2e_ms=slo.e2e_ms)
        asked = "e2e" if slo.e2e_ms < math.inf else "ttft"
        found = best_within(points, rest) if points else MissedTarget(asked, math.inf, math.inf)
        if isinstance(found, MissedTarget):
            return UnservableSize(found.reason((input_tokens, output_tokens)), no_data=found.least_ms == math.inf)
        if found.requests_per_s >= within_tpot.requests_per_s:
            return within_tpot
        grade, error = within_tpot.grade, within_tpot.error
        if within_tpot.origin == "estimated" and _is_near_floor(found, points[0], rest):
            grade, error = max(grade, _NEAR_FLOOR_GRADE), max(error, _NEAR_FLOOR_ERROR)
        return MaxTput(found.requests_per_s, grade, error, within_tpot.origin, found.limited_by)

    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """MaxTput at every size of the grid, sorted by size.

        Args:
            slo: the targets; by default none, which asks for saturation.

        Raises:
            BadFile: a row is broken.
        """
        cells = []
        for size in self.sizes:
            served = self._at(size, slo)
            reached_ms = None
            if isinstance(served, MaxTput):
                best = best_within(self._points_of(size).points, slo)
                reached_ms = best.tpot_ms if isinstance(best, BestRate) and best.tpot_ms < math.inf else None
            cells.append(GridCell(*size, served, reached_ms))
        return cells

    @property
    def _context_words(self) -> str:
        """What limits input + output: an engine may have been started with another limit than the model's own."""
        era = load_eras().get(self.era)
        return "the engine's limit" if era is not None and self.model in era.max_total_tokens else "the model's context"

    def _too_long(self, total_tokens: int) -> str:
        if total_tokens > self.max_total_tokens:
            limit = f"{self._context_words} of {self.max_total_tokens:,}"
            return f"a request of {total_tokens:,} tokens is longer than {limit}"
        if self.cache_tokens is not None and total_tokens > self.cache_tokens:
            return (
                f"no room for one request of {total_tokens:,} tokens: "
                f"the memory beside the weights holds {self.cache_tokens:,}"
            )
        return ""

    def _around(self, input_tokens: float, output_tokens: float) -> Weights | UnservableSize:
        """The sizes of the grid about a size that is not too long, with weights above 0 that sum to 1."""
        return self._grid.about(input_tokens, output_tokens, self.reach_tokens)

    def _between(self, corners: Weights, slo: Slo) -> MaxTput | UnservableSize:
        seconds, grade, error, origin, limited_by = 0.0, "", 0.0, "measured", "saturation"
        for size, weight in corners:
            corner = self._at(size, slo)
            if isinstance(corner, UnservableSize):
                return corner
            seconds += weight / corner.requests_per_s
            grade, error = max(grade, corner.grade), max(error, corner.error)
            origin = corner.origin if origin == "measured" else origin
            limited_by = corner.limited_by if limited_by == "saturation" else limited_by
        return MaxTput(1 / seconds, grade, error, origin, limited_by)

    def _at(self, size: tuple[int, int], slo: Slo) -> MaxTput | UnservableSize:
        key = (*size, slo)
        if key not in self._corners:
            self._corners[key] = self._evaluate(size, slo)
        return self._corners[key]

    def _points_of(self, size: tuple[int, int]) -> SizePoints:
        if size not in self._rates:
            self._rates[size] = self.file.rates(self.kind, size)
        return self._rates[size]

    def _evaluate(self, size: tuple[int, int], slo: Slo) -> MaxTput | UnservableSize:
        points, grade, error, origin = self._points_of(size)
        found = best_within(points, slo)
        if isinstance(found, MissedTarget):
            return self._too_slow(size, found, slo)
        if origin == "estimated" and _is_near_floor(found, points[0], slo):
            grade, error = max(grade, _NEAR_FLOOR_GRADE), max(error, _NEAR_FLOOR_ERROR)
        return MaxTput(found.requests_per_s, grade, error, origin, found.limited_by)

    def _too_slow(self, size: tuple[int, int], missed: MissedTarget, slo: Slo) -> UnservableSize:
        if missed.target == "tpot" and self.weight_read_ms is not None and self.weight_read_ms > slo.tpot_ms:
            reason = f"{self.weight_read_ms:.3g} ms to read the weights > {slo.tpot_ms:g} ms"
            return UnservableSize(reason, no_data=missed.least_ms == math.inf, more_gpus_help=True)
        return UnservableSize(missed.reason(size), no_data=missed.least_ms == math.inf)


def _is_near_floor(best: BestRate, lightest: Point, slo: Slo) -> bool:
    if best.limited_by == "saturation":
        return False
    field_name = f"{best.limited_by}_ms"
    limit_ms: float = getattr(slo, field_name)
    least_ms: float = getattr(lightest, field_name)
    return limit_ms < NEAR_FLOOR * least_ms
