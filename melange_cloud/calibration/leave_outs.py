"""Ways to leave measured rows out of a fit, each a question that a user's own case asks of the constants.

Rows are compared with constants that have not seen them. What else they have not seen makes the test easy or hard:

    shape    other request sizes (input/output) of the same models and engines were seen
    model    no row of that model was
    source   no row of that engine run was: another engine or version, another host, other people

Each row is left out once in each way.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from melange_cloud.calibration.trials import Trial

SHAPE, MODEL, SOURCE = "shape", "model", "source"
LEAVE_OUTS = (SHAPE, MODEL, SOURCE)
NEVER_FITTED = "never_fitted"
"""Rows that enter no fit need not be left out of one: they are compared with the shipped constants."""

_PARTS = 5
_STRIDE, _PRIME = 37, 101


class Fold(NamedTuple):
    """Rows that a fit sees, and those that it does not."""

    seen: list[Trial]
    unseen: list[Trial]


def shape_parts(sizes: Sequence[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    """The request shapes, divided into parts that are left out in turn; the same on every machine."""
    shapes = sorted(set(sizes))
    ranked = sorted(shapes, key=lambda shape: ((shapes.index(shape) + 1) * _STRIDE) % _PRIME)
    parts = min(_PARTS, len(shapes))
    return [set(ranked[part::parts]) for part in range(parts)]


def folds(trials: Sequence[Trial], left_out: str) -> Iterator[Fold]:
    """The rows with each part left out in turn; no fold where nothing would be seen.

    Args:
        left_out: one of LEAVE_OUTS.
    """
    if left_out == SHAPE:
        part_of = {size: str(at) for at, part in enumerate(shape_parts([t.row.size for t in trials])) for size in part}
        names = [part_of[each.row.size] for each in trials]
    elif left_out == MODEL:
        names = [each.row.model for each in trials]
    else:
        names = [each.row.source.name for each in trials]
    for part in sorted(set(names)):
        fold = Fold(
            [each for each, name in zip(trials, names, strict=True) if name != part],
            [each for each, name in zip(trials, names, strict=True) if name == part],
        )
        if fold.seen:
            yield fold
