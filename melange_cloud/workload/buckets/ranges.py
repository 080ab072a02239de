"""Ranges of request sizes: (low, high] in tokens; people see (0, 25] as ``1-25``."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

INPUT_EDGES_TOKENS = (25, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 24_000, 32_000)
"""Upper edges of the input ranges: the paper's ten (arXiv 2404.14527), then 24,000 and 32,000; beyond, each doubles."""

OUTPUT_EDGES_TOKENS = (25, 100, 250, 500, 1_000, 2_000, 4_000, 8_000)
"""Upper edges of the output ranges: the paper's six, then 4,000 and 8,000; beyond, each doubles."""

LONGEST_TOKENS = 1_000_000_000
"""No request is longer. Far above any model's context, but below Unix times that come from a wrong column."""

TokenRange = tuple[int, int]

SUM_TOLERANCE = 1e-6
"""Sums of shares and weights may differ from 1 by this much, the error of rounding to six digits."""


def range_of(size_tokens: int, edges_tokens: Sequence[int]) -> TokenRange:
    """The range (low, high] of a size; the first range includes 0. Beyond the last edge, edges double."""
    position = bisect_left(edges_tokens, size_tokens)
    if position < len(edges_tokens):
        return (edges_tokens[position - 1] if position else 0), edges_tokens[position]
    low, high = edges_tokens[-1], 2 * edges_tokens[-1]
    while high < size_tokens:
        low, high = high, min(2 * high, LONGEST_TOKENS)
    return low, high


def extended(edges_tokens: Sequence[int]) -> tuple[int, ...]:
    """The edges, followed by doublings of the last one, up to LONGEST_TOKENS."""
    edges = list(edges_tokens)
    while edges[-1] < LONGEST_TOKENS:
        edges.append(min(2 * edges[-1], LONGEST_TOKENS))
    return tuple(edges)


def holds(tokens: TokenRange, mean_tokens: float) -> bool:
    """True if requests of the range can have this mean size. The first range includes requests of 0 tokens."""
    low, high = tokens
    return low < mean_tokens <= high or low == mean_tokens == 0


def label(tokens: TokenRange) -> str:
    """A range as people write it: ``26-100`` for (25, 100]."""
    return f"{tokens[0] + 1}-{tokens[1]}"


@dataclass(frozen=True, slots=True, order=True)
class RangeClash:
    """A cell that conflicts with others.

    Attributes:
        position: of the cell.
        what: the conflict: ``input range 26-100 overlaps 1-50 of another bucket``.
        duplicate: True if it is the same cell as an earlier one.
    """

    position: int
    what: str
    duplicate: bool = False


def clashes(cells: Sequence[tuple[TokenRange, TokenRange]]) -> list[RangeClash]:
    """The conflicts among (input range, output range) cells.

    Input ranges must be equal or disjoint, since a ``prompt`` router distinguishes requests only by them. The output
    ranges of one input range must be disjoint.

    Returns:
        By position.
    """
    found: list[RangeClash] = []
    by_input: dict[TokenRange, list[int]] = {}
    for position, (input_tokens, _) in enumerate(cells):
        by_input.setdefault(input_tokens, []).append(position)
    for tokens, other in _overlaps(sorted(by_input)):
        found += [
            RangeClash(position, f"input range {label(tokens)} overlaps {label(other)} of another bucket")
            for position in by_input[tokens]
        ]
    for positions in by_input.values():
        by_output: dict[TokenRange, int] = {}
        for position in positions:
            tokens = cells[position][1]
            if tokens in by_output:
                what = f"duplicate bucket (output range {label(tokens)})"
                found.append(RangeClash(position, what, duplicate=True))
            else:
                by_output[tokens] = position
        for tokens, other in _overlaps(sorted(by_output)):
            what = f"output range {label(tokens)} overlaps {label(other)} of the same input range"
            found.append(RangeClash(by_output[tokens], what))
    return sorted(found)


def _overlaps(ranges: Sequence[TokenRange]) -> list[tuple[TokenRange, TokenRange]]:
    """Pairs (range, an earlier one that overlaps it) of sorted, distinct ranges."""
    found = []
    widest = (0, 0)
    for tokens in ranges:
        if tokens[0] < widest[1]:
            found.append((tokens, widest))
        widest = max(widest, tokens, key=lambda each: each[1])
    return found
