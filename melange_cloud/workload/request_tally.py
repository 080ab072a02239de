"""Counts requests as they stream by, in memory that does not grow with their number."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from melange_cloud.domain import TokenFigures
from melange_cloud.workload.buckets.ranges import INPUT_EDGES_TOKENS, OUTPUT_EDGES_TOKENS, extended

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

SECONDS_KEPT = 100_000
"""Traces up to this long (27 h) are counted by second, so that windows can start at the first arrival."""

MINUTES_KEPT = 10 * 366 * 24 * 60
_HOURS_KEPT = 10_000
_DENSE_VALUES = 2**21
_TABLE_SIZES = 2**17
_PER_MINUTE = 60


class CellSums:
    """Sums over the requests of each (input range, output range) cell.

    Attributes:
        counts: requests of each cell; all arrays have the shape (input ranges, output ranges).
        inputs, outputs: sums of tokens.
        squares: sums of input².
        holdings: sums of output x (input + output / 2): tokens held in a KV cache, summed over the tokens made.
        longest: largest input + output.
    """

    def __init__(self, input_edges: Sequence[int], output_edges: Sequence[int]) -> None:
        import numpy as np

        self.input_edges = np.asarray(extended(input_edges), dtype=np.int64)
        self.output_edges = np.asarray(extended(output_edges), dtype=np.int64)
        shape = (len(self.input_edges), len(self.output_edges))
        self.counts = np.zeros(shape, dtype=np.int64)
        self.longest = np.zeros(shape, dtype=np.int64)
        self.inputs, self.outputs, self.squares, self.holdings = (np.zeros(shape) for _ in range(4))
        self._places = (_RangeLookup(self.input_edges), _RangeLookup(self.output_edges))

    def add(self, inputs: "Array", outputs: "Array") -> "Array":
        """Count requests; returns the cell of each, as an index into the flattened grid."""
        import numpy as np

        cells: Array = self._places[0].of(inputs) * len(self.output_edges)
        cells += self._places[1].of(outputs)
        size, shape = self.counts.size, self.counts.shape
        self.counts += np.bincount(cells, minlength=size).reshape(shape)
        wide_in, wide_out = inputs.astype(np.float64), outputs.astype(np.float64)

        def summed(weights: "Array") -> "Array":
            return np.bincount(cells, weights=weights, minlength=size).reshape(shape)

        self.inputs += summed(wide_in)
        self.outputs += summed(wide_out)
        self.squares += summed(wide_in * wide_in)
        self.holdings += summed(wide_out * (wide_in + wide_out * 0.5))
        np.maximum.at(self.longest.reshape(-1), cells, inputs + outputs)
        return cells


class Tally:
    """All counts: sizes exactly, cells, arrivals by second and minute, the mix by hour.

    Attributes:
        grid: with the requested edges; ``mix_by_hour`` always has the cells of the default edges.
        mix_by_hour: hour (of Unix time, or of the source's own clock) -> requests per cell.
        mix_kept: True if ``mix_by_hour`` is complete; more than a year of hours is not kept.
    """

    def __init__(self, input_edges: Sequence[int], output_edges: Sequence[int]) -> None:
        self.grid = CellSums(input_edges, output_edges)
        usual = tuple(input_edges) == INPUT_EDGES_TOKENS and tuple(output_edges) == OUTPUT_EDGES_TOKENS
        self._mix_grid = None if usual else CellSums(INPUT_EDGES_TOKENS, OUTPUT_EDGES_TOKENS)
        self.input_values, self.output_values = SizeCounts(), SizeCounts()
        self.by_second, self.by_minute = DenseCounts(SECONDS_KEPT), DenseCounts(MINUTES_KEPT)
        self.mix_by_hour: dict[int, Array] = {}
        self.mix_kept = True
        self.requests = 0
        self.timed_requests = 0

    def add(self, inputs: "Array", outputs: "Array", seconds: "Array | None") -> None:
        """Count requests: sizes in tokens as int64, arrivals as whole seconds, None if there are no times."""
        if not len(inputs):
            return
        self.requests += len(inputs)
        self.input_values.add(inputs)
        self.output_values.add(outputs)
        cells = self.grid.add(inputs, outputs)
        if seconds is None:
            return
        if self._mix_grid is not None:
            cells = self._mix_grid.add(inputs, outputs)
        self.timed_requests += len(seconds)
        self.by_second.add(seconds)
        minutes = seconds // _PER_MINUTE
        self.by_minute.add(minutes)
        self._add_mix(minutes // _PER_MINUTE, cells)

    def _add_mix(self, hours: "Array", cells: "Array") -> None:
        import numpy as np

        size = (self._mix_grid or self.grid).counts.size
        if len(self.mix_by_hour) > _HOURS_KEPT:
            self.mix_by_hour, self.mix_kept = {}, False
        if self.by_minute.too_wide or not self.mix_kept:
            return
        first, last = int(hours.min()), int(hours.max())
        if last - first < 200:
            counts = np.bincount((hours - first) * size + cells, minlength=(last - first + 1) * size)
            found = {first + at: part for at, part in enumerate(counts.reshape(-1, size)) if part.any()}
        else:
            found = {int(hour): np.bincount(cells[hours == hour], minlength=size) for hour in np.unique(hours)}
        for hour, part in found.items():
            if hour in self.mix_by_hour:
                self.mix_by_hour[hour] += part
            else:
                self.mix_by_hour[hour] = part.copy()


class DenseCounts:
    """How often each whole number of a range occurs; ``too_wide`` (and empty) once the range exceeds ``limit``."""

    def __init__(self, limit: int) -> None:
        import numpy as np

        self.limit, self.first, self.too_wide = limit, 0, False
        self.counts: Array = np.zeros(0, dtype=np.int64)
        self.least: int | None = None
        self.most: int | None = None

    def add(self, values: "Array") -> None:
        """Count values, at least one."""
        import numpy as np

        low, high = int(values.min()), int(values.max())
        self.least = low if self.least is None else min(self.least, low)
        self.most = high if self.most is None else max(self.most, high)
        if self.most - self.least >= self.limit:
            self.too_wide, self.counts = True, np.zeros(0, dtype=np.int64)
        if self.too_wide:
            return
        if not len(self.counts):
            self.first = self.least
        before = self.first - self.least
        after = self.most - self.first + 1 - len(self.counts)
        if before > 0 or after > 0:
            # Leave room at the end, where arrivals grow.
            self.counts = np.pad(
                self.counts, (max(0, before), max(0, after) + (min(1_000, self.limit) if after > 0 else 0))
            )
            self.first = min(self.first, self.least)
        counted = np.bincount(values - low)
        self.counts[low - self.first : low - self.first + len(counted)] += counted

    def stretch(self, start: int, length: int) -> "Array":
        """The counts of ``length`` numbers from ``start``."""
        import numpy as np

        at = np.arange(start, start + length) - self.first
        inside = (at >= 0) & (at < len(self.counts))
        found = np.zeros(length, dtype=np.int64)
        found[inside] = self.counts[at[inside]]
        return found


class SizeCounts:
    """How often each size occurs: in an array up to two million tokens, in a dict above."""

    def __init__(self) -> None:
        import numpy as np

        self.dense: Array = np.zeros(0, dtype=np.int64)
        self.large: Counter[int] = Counter()
        self.total = 0

    def add(self, values: "Array") -> None:
        """Count sizes of 0 or more."""
        import numpy as np

        self.total += int(values.sum())
        if int(values.max()) >= _DENSE_VALUES:
            self.large.update(values[values >= _DENSE_VALUES].tolist())
            values = values[values < _DENSE_VALUES]
        counted = np.bincount(values)
        if len(counted) > len(self.dense):
            self.dense, counted = counted, self.dense
        self.dense[: len(counted)] += counted

    @property
    def zeros(self) -> int:
        """Number of requests of size 0."""
        return int(self.dense[0]) if len(self.dense) else 0

    def figures(self) -> TokenFigures:
        """Mean and quantiles, exact."""
        import numpy as np

        running = np.cumsum(self.dense)
        dense_count = int(running[-1]) if len(running) else 0
        large = sorted(self.large.elements())
        count = dense_count + len(large)

        def at(percent: int) -> int:
            rank = -(-percent * count // 100)  # the smallest number of requests that is percent % of them
            if rank <= dense_count:
                return int(np.searchsorted(running, rank))
            return large[rank - dense_count - 1]

        return TokenFigures(self.total / count, at(50), at(90), at(99))


class _RangeLookup:
    """Finds the range of each size, by a table for most sizes, since searching takes longer."""

    def __init__(self, edges: "Array") -> None:
        import numpy as np

        self.edges = edges
        # The number of sizes from just above an edge up to the next; the first range includes 0.
        lengths = np.diff(np.minimum(edges, _TABLE_SIZES - 1), prepend=-1)
        self.table = np.repeat(np.arange(len(edges)), lengths)

    def of(self, sizes: "Array") -> "Array":
        import numpy as np

        if int(sizes.max()) < len(self.table):
            found: Array = self.table[sizes]
            return found
        return np.searchsorted(self.edges, sizes).astype(np.int64)
