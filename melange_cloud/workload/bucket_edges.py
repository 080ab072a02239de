"""Where buckets end: the paper's edges, given edges, or as few as keep the load right.

A bucket is charged at the mean size of its requests. That is exact for everything that takes time in proportion to
input or output tokens. Costs that grow faster are misjudged, the more the sizes in a bucket differ. Two of them
represent all: input² (attention over the prompt) and output x (input + output / 2) (KV cache read for every generated
token). The load error is the larger of their relative errors, with the errors of all buckets added up regardless of
sign. These costs are only a part of a replica's time, so the error of the load is at most that.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_whole
from melange_cloud.workload.buckets.ranges import INPUT_EDGES_TOKENS, LONGEST_TOKENS, OUTPUT_EDGES_TOKENS
from melange_cloud.workload.request_tally import CellSums

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

AUTO_LOAD_ERROR = 0.02
"""``auto`` merges ranges as long as the load error is at most this."""

WHOLE_ABOVE_TOKENS = 4_000
"""Above this size ``auto`` makes no range wider than a doubling, since that is where context limits are, and a bucket
is served as a whole or not at all."""

_FINE_STEP = 1.15


@dataclass(frozen=True, slots=True)
class Edges:
    """Upper edges of the ranges, tokens; beyond the last, each doubles. ``auto``: these are fine edges to be merged."""

    input_tokens: tuple[int, ...] = INPUT_EDGES_TOKENS
    output_tokens: tuple[int, ...] = OUTPUT_EDGES_TOKENS
    auto: bool = False


def fine_edges() -> Edges:
    """Ranges of 15 % each (and the usual edges), which ``joined`` merges to buckets."""
    steps, edge = set[int](), 4.0
    while edge < LONGEST_TOKENS:
        steps.add(round(edge))
        edge *= _FINE_STEP
    return Edges(tuple(sorted({*steps, *INPUT_EDGES_TOKENS})), tuple(sorted({*steps, *OUTPUT_EDGES_TOKENS})), auto=True)


def checked_edges(text: str, option: str) -> tuple[int, ...]:
    """Parse edges written as ``100,1000,8000``.

    Raises:
        BadInput: these are not increasing whole numbers from 1 to 1,000,000,000.
    """
    try:
        edges = tuple(parse_whole(word, 1, LONGEST_TOKENS) for word in text.split(","))
    except NotANumber:
        edges = ()
    if not edges or list(edges) != sorted(set(edges)):
        raise BadInput(f"{option} {echoed(text)}: give increasing whole numbers of tokens, such as 100,1000,8000")
    return edges


def load_error(grid: CellSums) -> float:
    """The load error (module docstring) of charging each cell at its mean sizes: a fraction."""
    return max(_relative(grid.squares, _squares_at_means(grid)), _relative(grid.holdings, _holdings_at_means(grid)))


def joined(grid: CellSums, most_error: float = AUTO_LOAD_ERROR) -> CellSums:
    """A fine grid with neighbouring ranges merged, cheapest first, as long as the load error allows."""
    sums = _GridSums(grid)
    while True:
        best = sums.cheapest_join()
        if best is None or sums.error_after(best) > most_error:
            return sums.grid()
        sums.join(best)


@dataclass(frozen=True, slots=True)
class _RangeJoin:
    axis: int
    at: int
    more_error: tuple[float, float]
    price: float


class _GridSums:
    """The sums of a grid while its ranges are being merged."""

    def __init__(self, grid: CellSums) -> None:
        import numpy as np

        self.edges = [grid.input_edges, grid.output_edges]
        self.arrays = np.stack([grid.counts, grid.inputs, grid.outputs, grid.squares, grid.holdings])
        self.longest = grid.longest
        self.totals = (float(grid.squares.sum()) or 1.0, float(grid.holdings.sum()) or 1.0)
        for axis in (0, 1):
            used = np.flatnonzero(self.arrays[0].any(axis=1 - axis))
            keep = slice(0, int(used[-1]) + 1)
            self.edges[axis] = self.edges[axis][keep]
            self.arrays = self.arrays[:, keep] if axis == 0 else self.arrays[:, :, keep]
            self.longest = self.longest[keep] if axis == 0 else self.longest[:, keep]
        self.errors = [float(part.sum()) / total for part, total in zip(_errors(self.arrays), self.totals, strict=True)]

    def cheapest_join(self) -> _RangeJoin | None:
        """The two neighbours that add the least load error per bucket saved when merged."""
        import numpy as np

        best: _RangeJoin | None = None
        for axis in (0, 1):
            arrays = self.arrays if axis == 0 else self.arrays.transpose(0, 2, 1)
            if arrays.shape[1] < 2:
                continue
            pairs = arrays[:, :-1] + arrays[:, 1:]
            saved = ((arrays[0, :-1] > 0) & (arrays[0, 1:] > 0)).sum(axis=1)
            more = [
                (after.sum(axis=1) - before[:-1].sum(axis=1) - before[1:].sum(axis=1)) / total
                for after, before, total in zip(_errors(pairs), _errors(arrays), self.totals, strict=True)
            ]
            price = np.maximum(np.maximum(more[0], more[1]), 0.0) / np.maximum(saved, 0.5)
            low = np.concatenate([[0], self.edges[axis][:-2]])
            high = self.edges[axis][1:]
            price[(high > WHOLE_ABOVE_TOKENS) & (high > 2 * low)] = np.inf
            at = int(np.argmin(price))
            if np.isfinite(price[at]) and (best is None or price[at] < best.price):
                best = _RangeJoin(axis, at, (float(more[0][at]), float(more[1][at])), float(price[at]))
        return best

    def error_after(self, join: _RangeJoin) -> float:
        """The load error after merging."""
        return max(error + more for error, more in zip(self.errors, join.more_error, strict=True))

    def join(self, join: _RangeJoin) -> None:
        """Merge range ``at`` with the next."""
        import numpy as np

        starts = np.delete(np.arange(len(self.edges[join.axis])), join.at + 1)
        self.edges[join.axis] = np.delete(self.edges[join.axis], join.at)
        self.arrays = np.add.reduceat(self.arrays, starts, axis=join.axis + 1)
        self.longest = np.maximum.reduceat(self.longest, starts, axis=join.axis)
        self.errors = [error + more for error, more in zip(self.errors, join.more_error, strict=True)]

    def grid(self) -> CellSums:
        """The merged ranges as a grid."""
        import numpy as np

        grid = CellSums(self.edges[0].tolist(), self.edges[1].tolist())
        rows, columns = len(self.edges[0]), len(self.edges[1])
        grid.counts[:rows, :columns] = np.rint(self.arrays[0]).astype(np.int64)
        sums = (grid.inputs, grid.outputs, grid.squares, grid.holdings)
        for whole, part in zip(sums, self.arrays[1:], strict=True):
            whole[:rows, :columns] = part
        grid.longest[:rows, :columns] = self.longest
        return grid


def _errors(arrays: "Array") -> tuple["Array", "Array"]:
    """For each cell, the errors of input² and of the held tokens when computed from mean sizes."""
    import numpy as np

    counts, inputs, outputs, squares, holdings = arrays
    some = np.maximum(counts, 1.0)
    return np.abs(squares - inputs * inputs / some), np.abs(holdings - outputs * (inputs + outputs / 2) / some)


def _squares_at_means(grid: CellSums) -> "Array":
    import numpy as np

    return grid.inputs * grid.inputs / np.maximum(grid.counts, 1)


def _holdings_at_means(grid: CellSums) -> "Array":
    import numpy as np

    return grid.outputs * (grid.inputs + grid.outputs / 2) / np.maximum(grid.counts, 1)


def _relative(exact: "Array", at_means: "Array") -> float:
    import numpy as np

    total = float(exact.sum())
    return float(np.abs(exact - at_means).sum()) / total if total else 0.0
