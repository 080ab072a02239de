"""How often a stated error holds, and how sure that is.

Rows of one source (engine run) share its settings, its host and its mistakes: they are not independent. The share of
rows within their stated error is therefore resampled by source. Whether the promise is kept is judged by that interval
(``CardRow.promise``).
"""

import random
from collections.abc import Sequence
from typing import NamedTuple

_INTERVAL = (0.05, 0.95)
_RESAMPLES = 1000
_SEED = 20261127


class KeptShare(NamedTuple):
    """The share of rows within their stated error, with its 90 % interval; None where only one source was measured."""

    share: float
    low: float | None
    high: float | None


def kept_share(rows: Sequence[tuple[str, bool]]) -> KeptShare:
    """How many rows, given as source and whether the stated error held, were within it; at least one row."""
    share = sum(kept for _, kept in rows) / len(rows)
    counts = [
        (sum(kept for name, kept in rows if name == source), sum(name == source for name, _ in rows))
        for source in sorted({name for name, _ in rows})
    ]
    if len(counts) == 1:
        return KeptShare(share, None, None)
    dice = random.Random(_SEED)  # noqa: S311 - a resampling that is the same every time
    shares = []
    for _ in range(_RESAMPLES):
        drawn = [counts[int(dice.random() * len(counts))] for _ in counts]
        shares.append(sum(kept for kept, _ in drawn) / sum(rows for _, rows in drawn))
    shares.sort()
    low, high = (quantile(shares, part) for part in _INTERVAL)
    return KeptShare(share, low, high)


def quantile(ordered: Sequence[float], part: float) -> float:
    """A quantile of sorted values, on a line between the two about it."""
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
