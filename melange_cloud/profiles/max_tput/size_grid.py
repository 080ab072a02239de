"""The profiled sizes about a size, with their weights: how a profile is read between the sizes of its grid.

A grid is made of rows, one per number of output tokens; each row has its own input tokens. Between two rows a size
is read on both, at its own input tokens, and the two are weighed by its output tokens: on rows that share their input
tokens that is the bilinear interpolation of a cell. A row of longer answers ends at fewer input tokens, as both must
fit into the context. Beyond its end E a size S is read on the line that goes from E through S to L on the row of
shorter answers, S = (1 - v) L + v E: everything within the context is between profiled sizes.
"""

from bisect import bisect_left
from collections.abc import Iterable
from functools import cached_property
from math import inf

from melange_cloud.domain import UnservableSize

Size = tuple[int, int]
Weights = list[tuple[Size, float]]

ROUNDED_TOKENS = 10
"""Rows end at a round number of input + output tokens, this close to the limit at most."""

_ON_A_LINE = 1e-9


class SizeGrid:
    """The sizes (input_tokens, output_tokens) of a profile; at least one."""

    def __init__(self, sizes: Iterable[Size]) -> None:
        """Sort the sizes into rows."""
        self.rows: dict[int, list[int]] = {}
        for input_tokens, output_tokens in sorted(sizes):
            self.rows.setdefault(output_tokens, []).append(input_tokens)

    @cached_property
    def outputs(self) -> list[int]:
        """Output tokens of the rows, rising."""
        return sorted(self.rows)

    @cached_property
    def longest_input(self) -> int:
        """Input tokens of the size that has most."""
        return max(row[-1] for row in self.rows.values())

    def about(self, input_tokens: float, output_tokens: float, limit_tokens: float) -> Weights | UnservableSize:
        """The profiled sizes about a size, with weights above 0 that sum to 1.

        Args:
            input_tokens, output_tokens: fewer than the grid's least count as these.
            limit_tokens: longest input + output of the profile; the size keeps it.
        """
        low_out, high_out, v = cell(self.outputs, output_tokens)
        if v > 1:
            if self.outputs[-1] + self.rows[self.outputs[-1]][0] <= limit_tokens - ROUNDED_TOKENS:
                return UnservableSize(
                    f"the profile stops at {self.outputs[-1]:,} output tokens, needs {output_tokens:,.0f}"
                )
            v = 0.0
        if input_tokens > self.longest_input and not self._ends_at(low_out, limit_tokens):
            return UnservableSize(
                f"the profile stops at {self.longest_input:,} input tokens, needs {input_tokens:,.0f}"
            )
        low, high = self.rows[low_out], self.rows[high_out]
        if v == 0 or input_tokens <= high[-1]:
            return self._on_both((low_out, high_out, v), (input_tokens, output_tokens), limit_tokens)
        # on the shorter row, at (input - v end)/(1 - v), which is between a and b
        end = high[-1]
        at = (input_tokens - v * end) / (1 - v)
        a, b, _ = cell(low, min(at, low[-1]))
        both_end = self._ends_at(low_out, limit_tokens) and self._ends_at(high_out, limit_tokens)
        if at > low[-1] * (1 + _ON_A_LINE) and not both_end:
            return _out_of_reach((input_tokens, output_tokens), (low[-1], high_out))
        beyond = 0.0 if a == b else min((input_tokens - a + v * (a - end)) / (b - a), 1 - v)
        weights = [((a, low_out), max(0.0, 1 - beyond - v)), ((b, low_out), beyond), ((end, high_out), v)]
        return [(size, weight) for size, weight in weights if weight > 0]

    def _on_both(
        self, between: tuple[int, int, float], size: tuple[float, float], limit_tokens: float
    ) -> Weights | UnservableSize:
        low_out, high_out, v = between
        weights: Weights = []
        for output_tokens, part in ((low_out, 1 - v), (high_out, v)):
            if part == 0:
                continue
            row = self.rows[output_tokens]
            low_in, high_in, u = cell(row, size[0])
            if u > 1:
                if not self._ends_at(output_tokens, limit_tokens):
                    return _out_of_reach(size, (row[-1], output_tokens))
                u = 0.0
            weights += [((low_in, output_tokens), (1 - u) * part), ((high_in, output_tokens), u * part)]
        return [(held, weight) for held, weight in weights if weight > 0]

    def _ends_at(self, output_tokens: int, limit_tokens: float) -> bool:
        """Whether a row reaches the limit, except for its rounding."""
        return output_tokens + self.rows[output_tokens][-1] > limit_tokens - ROUNDED_TOKENS


def cell(edges: list[int], tokens: float) -> tuple[int, int, float]:
    """The grid lines about a value, and how far it is from the first to the second; over 1 beyond the last."""
    if tokens <= edges[0]:
        return edges[0], edges[0], 0.0
    if tokens > edges[-1]:
        return edges[-1], edges[-1], inf
    high = bisect_left(edges, tokens)
    if edges[high] == tokens:
        return edges[high], edges[high], 0.0
    return edges[high - 1], edges[high], (tokens - edges[high - 1]) / (edges[high] - edges[high - 1])


def _out_of_reach(size: tuple[float, float], beyond: Size) -> UnservableSize:
    return UnservableSize(
        f"{size[0]:,.0f} + {size[1]:,.0f} tokens lie beyond the profiled sizes: "
        f"{beyond[0]:,} + {beyond[1]:,} is out of reach"
    )
