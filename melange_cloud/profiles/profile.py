"""A profile, and the MaxTput that it gives for any request size under a TPOT target.

At a size of the grid: the highest rate over the operating points within the target; between the slowest of them and the
next, which misses it, rate and TPOT are taken to move on a straight line. Between sizes: the replica-seconds that a
request costs, 1 / MaxTput, are interpolated in input and output tokens, which they follow nearly linearly.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Unservable
from melange_cloud.profiles.files import ProfileFile, Rates

_ON_A_LINE = 1e-9

_NEAR_FLOOR = 1.5
"""Where a target T is less than this times the TPOT F of a replica at its lightest load, grade D: the batch grows as
T - F, so an error in the estimated TPOT comes back T / (T - F) > 3 times in the rate."""
_NEAR_FLOOR_GRADE, _NEAR_FLOOR_ERROR = "D", 0.5


@dataclass(frozen=True, slots=True)
class Cell:
    """MaxTput at one size of a profile's grid; ``tpot_ms`` is the mean TPOT at that rate, None where unservable."""

    input_tokens: int
    output_tokens: int
    served: MaxTput | Unservable
    tpot_ms: float | None


@dataclass(frozen=True, eq=False)
class Profile:
    """The operating points of one model, precision and era on one kind.

    Attributes:
        file: the profile file, which may hold other degrees too.
    """

    file: ProfileFile
    kind: Kind
    _rates: dict[tuple[int, int], Rates] = field(default_factory=dict, repr=False)
    _corners: dict[tuple[int, int, float], MaxTput | Unservable] = field(default_factory=dict, repr=False)

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

    @cached_property
    def _inputs(self) -> list[int]:
        return sorted({size[0] for size in self.sizes})

    @cached_property
    def _outputs(self) -> list[int]:
        return sorted({size[1] for size in self.sizes})

    def max_tput(
        self, input_tokens: float, output_tokens: float, tpot_ms: float, longest_total_tokens: int | None = None
    ) -> MaxTput | Unservable:
        """The highest rate that one replica sustains for requests of a size with a mean TPOT within a target.

        Args:
            input_tokens, output_tokens: mean size of the requests; smaller ones than the grid's count as its smallest.
            tpot_ms: the target, ms.
            longest_total_tokens: the largest input + output of any of the requests, where known.

        Raises:
            BadFile: a row that is needed is broken.
        """
        longest = max(input_tokens + output_tokens, longest_total_tokens or 0)
        too_long = self._too_long(math.ceil(longest - _ON_A_LINE))
        if too_long:
            return Unservable(too_long)
        low_in, high_in, u = _cell(self._inputs, input_tokens)
        low_out, high_out, v = _cell(self._outputs, output_tokens)
        if u > 1:
            return Unservable(f"the profile stops at {self._inputs[-1]:,} input tokens, needs {input_tokens:,.0f}")
        if v > 1:
            return Unservable(f"the profile stops at {self._outputs[-1]:,} output tokens, needs {output_tokens:,.0f}")
        rows = self.file.rows[self.kind]
        weights = [
            (low_in, low_out, (1 - u) * (1 - v)),
            (high_in, low_out, u * (1 - v)),
            (low_in, high_out, (1 - u) * v),
            (high_in, high_out, u * v),
        ]
        if u * v > 0 and (high_in, high_out) not in rows and u + v <= 1 + _ON_A_LINE:
            # the far corner lies beyond a limit: the plane through the other three
            weights = [(low_in, low_out, max(0.0, 1 - u - v)), (high_in, low_out, u), (low_in, high_out, v)]
        seconds, grade, error, origin, limited_by = 0.0, "", 0.0, "measured", "saturation"
        for corner_in, corner_out, weight in weights:
            if weight == 0:
                continue
            if (corner_in, corner_out) not in rows:
                return Unservable(
                    f"{input_tokens:,.0f} + {output_tokens:,.0f} tokens lie between profiled sizes of which "
                    f"{corner_in:,} + {corner_out:,} is out of reach"
                )
            corner = self._at(corner_in, corner_out, tpot_ms)
            if isinstance(corner, Unservable):
                return corner
            if weight == 1:
                return corner
            seconds += weight / corner.requests_per_s
            grade, error = max(grade, corner.grade), max(error, corner.error)
            origin = corner.origin if origin == "measured" else origin
            limited_by = corner.limited_by if limited_by == "saturation" else limited_by
        return MaxTput(1 / seconds, grade, error, origin, limited_by)

    def cells(self, tpot_ms: float = math.inf) -> list[Cell]:
        """MaxTput at every size of the grid, sorted by size.

        Args:
            tpot_ms: the target, ms; infinite asks for saturation.

        Raises:
            BadFile: a row is broken.
        """
        cells = []
        for size in self.sizes:
            served = self._at(*size, tpot_ms)
            reached_ms = None
            if isinstance(served, MaxTput):
                fast_enough = [point for point in self._points_of(size).points if point[0] <= tpot_ms]
                best_ms, _ = max(fast_enough, key=lambda point: point[1])
                reached_ms = tpot_ms if served.limited_by == "tpot" else best_ms
            cells.append(Cell(*size, served, reached_ms))
        return cells

    def _too_long(self, total_tokens: int) -> str:
        if total_tokens > self.max_total_tokens:
            return f"needs {total_tokens:,} tokens, reach is {self.max_total_tokens:,}"
        if self.cache_tokens is not None and total_tokens > self.cache_tokens:
            return (
                f"no room for one request of {total_tokens:,} tokens: "
                f"the memory beside the weights holds {self.cache_tokens:,}"
            )
        return ""

    def _at(self, input_tokens: int, output_tokens: int, tpot_ms: float) -> MaxTput | Unservable:
        key = (input_tokens, output_tokens, tpot_ms)
        if key not in self._corners:
            self._corners[key] = self._evaluate((input_tokens, output_tokens), tpot_ms)
        return self._corners[key]

    def _points_of(self, size: tuple[int, int]) -> Rates:
        if size not in self._rates:
            self._rates[size] = self.file.rates(self.kind, size)
        return self._rates[size]

    def _evaluate(self, size: tuple[int, int], tpot_ms: float) -> MaxTput | Unservable:
        rates, grade, error, origin = self._points_of(size)
        if rates[0][0] > tpot_ms:
            return Unservable(self._too_slow(size, rates[0][0], tpot_ms))
        best, limited_by = 0.0, "saturation"
        before_ms = 0.0
        for point_tpot_ms, requests_per_s in rates:
            if point_tpot_ms > tpot_ms:
                if requests_per_s > best:
                    part = (tpot_ms - before_ms) / (point_tpot_ms - before_ms)
                    best += part * (requests_per_s - best)
                    limited_by = "tpot"
                break
            best, before_ms = max(best, requests_per_s), point_tpot_ms
        if limited_by == "tpot" and origin == "estimated" and tpot_ms < _NEAR_FLOOR * rates[0][0]:
            grade, error = max(grade, _NEAR_FLOOR_GRADE), max(error, _NEAR_FLOOR_ERROR)
        return MaxTput(best, grade, error, origin, limited_by)

    def _too_slow(self, size: tuple[int, int], least_ms: float, tpot_ms: float) -> str:
        if self.weight_read_ms is not None and self.weight_read_ms > tpot_ms:
            return f"{self.weight_read_ms:.3g} ms to read the weights > {tpot_ms:g} ms"
        return f"{least_ms:.3g} ms per token at its lightest load at {size[0]:,} + {size[1]:,} tokens > {tpot_ms:g} ms"


def _cell(edges: list[int], tokens: float) -> tuple[int, int, float]:
    """The grid lines about a value, and how far it is from the first to the second; over 1 beyond the last."""
    if tokens <= edges[0]:
        return edges[0], edges[0], 0.0
    if tokens > edges[-1]:
        return edges[-1], edges[-1], math.inf
    high = bisect_left(edges, tokens)
    if edges[high] == tokens:
        return edges[high], edges[high], 0.0
    return edges[high - 1], edges[high], (tokens - edges[high - 1]) / (edges[high] - edges[high - 1])
