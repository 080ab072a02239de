"""Fits constants to measurements: robust least squares in plain arithmetic, the same digits on every machine.

The unknowns are logarithms, since constants are positive and their errors are factors. Minimised is::

    sum over rows of 2 h^2 (sqrt(1 + (r/h)^2) - 1)  +  w sum over constants of (log(x / start) / spread)^2

r is the logarithm of predicted over measured; beyond h a row pulls with a constant force, so that a few strange runs do
not decide. The second sum keeps a constant that the rows say nothing about at its start. Gauss-Newton steps with
Levenberg's damping; no library, since the last digits of LAPACK differ between builds, and ours are shipped.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

HALF_WIDTH = 0.08
"""h: errors of a tenth are usual, errors of a third are another engine's."""
HOLD = 0.01
"""w: a constant pulled away by one spread costs as much as one row that is off by a tenth."""

_ROUNDS = 25
_NUDGE = 0.01
_LARGEST_STEP = 0.5
_ENOUGH = 1e-6
_TRIES = 8


class FreeConstant(NamedTuple):
    """A constant to fit: its start value, and the factor (e to the ``spread``) by which it may well be off."""

    start: float
    spread: float


Residuals = Callable[[Mapping[str, float]], Sequence[float]]


def fitted(
    residuals: Residuals, unknowns: Mapping[str, FreeConstant], near: Mapping[str, float] | None = None
) -> dict[str, float]:
    """The values of ``unknowns`` that minimise the residuals, which are logarithms of predicted over measured.

    Args:
        near: values, above 0, at which the search begins instead of at the starts; what it finds is held to the starts.
    """
    names = list(unknowns)

    def values(logs: Sequence[float]) -> dict[str, float]:
        return {name: unknowns[name].start * math.exp(log) for name, log in zip(names, logs, strict=True)}

    holds = [HOLD / unknowns[name].spread ** 2 for name in names]

    def loss(rows: Sequence[float], logs: Sequence[float]) -> float:
        robust = math.fsum(math.sqrt(1 + (row / HALF_WIDTH) ** 2) - 1 for row in rows)
        return 2 * HALF_WIDTH**2 * robust + math.fsum(hold * log**2 for hold, log in zip(holds, logs, strict=True))

    logs = [0.0] * len(names)
    if near is not None:
        logs = [math.log(near.get(name, unknowns[name].start) / unknowns[name].start) for name in names]
    rows = list(residuals(values(logs)))
    best, damping = loss(rows, logs), 0.01
    for _ in range(_ROUNDS):
        slopes = []
        for at in range(len(names)):
            nudged = [log + _NUDGE * (at == other) for other, log in enumerate(logs)]
            slopes.append([(y - x) / _NUDGE for y, x in zip(residuals(values(nudged)), rows, strict=True)])
        weights = [1 / math.sqrt(1 + (row / HALF_WIDTH) ** 2) for row in rows]
        half = [
            [math.fsum(map(_product, weights, left, right)) for right in slopes[: at + 1]]
            for at, left in enumerate(slopes)
        ]
        normal = [[half[max(at, to)][min(at, to)] for to in range(len(slopes))] for at in range(len(slopes))]
        pull = [math.fsum(map(_product, weights, slope, rows)) for slope in slopes]
        for at, hold in enumerate(holds):
            normal[at][at] += hold
            pull[at] += hold * logs[at]
        for _ in range(_TRIES):
            damped = [[x * (1 + damping * (i == j)) for j, x in enumerate(row)] for i, row in enumerate(normal)]
            change = _solved(damped, pull)
            shrink = min(1.0, _LARGEST_STEP / max(*map(abs, change), _ENOUGH))
            tried = [log - shrink * step for log, step in zip(logs, change, strict=True)]
            tried_rows = list(residuals(values(tried)))
            tried_loss = loss(tried_rows, tried)
            if tried_loss < best:
                break
            damping *= 4
        else:
            break
        gained, logs, rows, best = best - tried_loss, tried, tried_rows, tried_loss
        damping = max(damping / 3, _ENOUGH)
        if gained < _ENOUGH * best:
            break
    return values(logs)


def _product(weight: float, left: float, right: float) -> float:
    return weight * left * right


def _solved(matrix: Sequence[Sequence[float]], right: Sequence[float]) -> list[float]:
    """x of matrix x = right, by elimination with the largest pivot; the matrix is damped, so it is never singular."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [x - factor * y for x, y in zip(rows[row], rows[column], strict=True)]
    found = [0.0] * size
    for row in reversed(range(size)):
        known = math.fsum(rows[row][column] * found[column] for column in range(row + 1, size))
        found[row] = (rows[row][size] - known) / rows[row][row]
    return found
