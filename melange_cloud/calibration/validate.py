"""The report card: how far off the estimator is on request shapes that it has not seen.

Every group of constants is fitted again without one fifth of its request shapes (input/output), and compared with the
rows of those; so for every fifth, in SPLITS divisions of the shapes. Two errors are taken of each row:

- of the estimator: under its measurement limits (batch, memory, cache precision, server) and with the constants of
  the engine that was measured. This says how good the formulas are.
- as shipped: with the era's limits and constants, as a profile has it, whatever engine was measured. This is what a
  plan suffers, and what a cell's stated error must cover.

A rate under a target is read from measured closed loops at TPOT_TARGETS_MS, on a line between the runs about it, and
from the estimator as a profile derives it. A target that the estimator says cannot be met counts as an error of 1.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from melange_cloud.calibration.calibrate import (
    GROUPS,
    ConstantGroup,
    Key,
    calibrated,
    fit,
    made,
    training_of,
    trials_of,
    unwatched,
)
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.calibration.trials import TPOT_TARGETS_MS, LoadCurve, Trial, curves, estimated_within
from melange_cloud.domain.report_card import CardRow
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.spec_files import load_eras
from melange_cloud.estimator.specs import Calibration
from melange_cloud.profiles.estimates.estimate_grade import grade_of
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.max_tput.near_floor import NEAR_FLOOR

SPLITS = 3
_PARTS = 5
_DIGITS = 4
_STRIDES = (1, 37, 61)
_PRIME = 101

QUANTITIES = ("saturation", "rate_under_slo", "tpot_at_rate", "batch_latency")
"""Of the last two, of which there are few rows or only offline ones, no target speaks."""


class _HeldOutError(NamedTuple):
    """One held-out row: relative errors, the stated error of its cell, and which cell it is."""

    off: float
    shipped_off: float | None
    stated: float | None
    cell: tuple[object, ...]

    @property
    def is_within(self) -> bool:
        """Whether the measured rate is within the shipped one's stated error."""
        if self.shipped_off is None or self.stated is None or self.shipped_off <= -1:
            return False
        return abs(1 / (1 + self.shipped_off) - 1) <= self.stated


def folds(sizes: Sequence[tuple[int, int]], split: int) -> list[set[tuple[int, int]]]:
    """The request shapes, divided into parts that are held out in turn; the same on every machine."""
    shapes = sorted(set(sizes))
    ranked = sorted(shapes, key=lambda shape: ((shapes.index(shape) + 1) * _STRIDES[split]) % _PRIME)
    parts = min(_PARTS, len(shapes))
    return [set(ranked[part::parts]) for part in range(parts)]


def report_card(progress: Callable[[int, int], None] = unwatched) -> list[CardRow]:
    """The errors on held-out shapes, sorted by era, GPU, precision and quantity as GROUPS and QUANTITIES are.

    Args:
        progress: called with how many fits are done, of how many.
    """
    known = calibrated()
    grouped = [(group, training_of(group)) for group in GROUPS if group.fitted]
    work = [(group, trials, split) for group, trials in grouped for split in range(SPLITS)]
    offs: dict[tuple[Key, str], list[_HeldOutError]] = {}
    for done, (group, trials, split) in enumerate(work):
        progress(done, len(work))
        for quantity, off in _held_out(group, trials, split, known):
            offs.setdefault((group.key, quantity), []).append(off)
    progress(len(work), len(work))
    return [
        _card_row(group, quantity, offs[group.key, quantity])
        for group in GROUPS
        for quantity in QUANTITIES
        if (group.key, quantity) in offs
    ]


def _held_out(
    group: ConstantGroup, trials: Sequence[Trial], split: int, known: dict[Key, dict[str, float]]
) -> Iterator[tuple[str, _HeldOutError]]:
    engines = sorted({each.row.source.engine for each in trials})
    for held in folds([each.row.size for each in trials if group.has(each.row)], split):
        seen = [each for each in trials if each.row.size not in held]
        unseen = [each for each in trials if each.row.size in held and group.has(each.row)]
        together = made(group, fit(group, seen, known), engines)
        for each in unseen:
            constants = together.of_engine(each.row.source.engine)
            off = each.predicted_over_measured(constants) - 1
            cell = (*each.row.replica, each.row.size)
            if each.row.table == "saturation":
                rate = each.row.known("requests_per_s")
                shipped = _shipped(group, each, together)
                yield "saturation", _HeldOutError(off, shipped.rate() / rate - 1, shipped.stated(None), cell)
            elif each.row.table == "open_loop":
                yield "tpot_at_rate", _HeldOutError(off, None, None, (*cell, each.row.known("requests_per_s")))
            elif each.row.table == "static":
                yield "batch_latency", _HeldOutError(off, None, None, (*cell, each.row.known("batch")))
        for curve in curves(unseen):
            yield from _under_targets(group, curve, together)


def _under_targets(
    group: ConstantGroup, curve: LoadCurve, together: Calibration
) -> Iterator[tuple[str, _HeldOutError]]:
    row = curve.trial.row
    shipped = _shipped(group, curve.trial, together)
    of_engine = Replica(
        *(curve.trial.replica.model, curve.trial.replica.gpu, row.tensor_parallel, curve.trial.replica.era),
        row.precision,
        together.of_engine(row.source.engine),
        front_end=together.front_end,
    )
    for target_ms in TPOT_TARGETS_MS:
        rate = curve.rate_within(target_ms)
        if rate is not None:
            off = estimated_within(of_engine, row.size, target_ms) / rate - 1
            cell = (*row.replica, row.size, target_ms)
            yield (
                "rate_under_slo",
                _HeldOutError(off, shipped.rate(target_ms) / rate - 1, shipped.stated(target_ms), cell),
            )


@dataclass(frozen=True, slots=True)
class _ShippedReplica:
    """A measured replica as the shipped profiles would have it."""

    replica: Replica
    size: tuple[int, int]

    def rate(self, tpot_ms: float = float("inf")) -> float:
        """The rate that the profile gives; 0 if it has none."""
        return estimated_within(self.replica, self.size, tpot_ms)

    def stated(self, tpot_ms: float | None) -> float:
        """The error that the profile states for it."""
        points = self.replica.estimate(*self.size)
        grade = grade_of(self.replica, *self.size)
        if tpot_ms is not None and not isinstance(points, MemoryShortfall) and tpot_ms < NEAR_FLOOR * points[0].tpot_ms:
            grade = "D"
        return ERROR_OF_GRADE[grade]


def _shipped(group: ConstantGroup, trial: Trial, together: Calibration) -> _ShippedReplica:
    measured, era = trial.replica, load_eras()[group.era]
    degree, precision = trial.row.tensor_parallel, trial.row.precision
    return _ShippedReplica(Replica(measured.model, measured.gpu, degree, era, precision, together), trial.row.size)


def _card_row(group: ConstantGroup, quantity: str, offs: Sequence[_HeldOutError]) -> CardRow:
    errors = sorted(abs(each.off) for each in offs)
    shipped = sorted(abs(each.shipped_off) for each in offs if each.shipped_off is not None)
    within = [each.is_within for each in offs if each.stated is not None]
    return CardRow(
        *group.key,
        quantity=quantity,
        n=len(offs),
        cells=len({each.cell for each in offs}),
        refused=_refused(group, quantity),
        median_error=round(quantile(errors, 0.5), _DIGITS),
        p90_error=round(quantile(errors, 0.9), _DIGITS),
        shipped_median_error=round(quantile(shipped, 0.5), _DIGITS) if shipped else None,
        shipped_p90_error=round(quantile(shipped, 0.9), _DIGITS) if shipped else None,
        within_stated=round(sum(within) / len(within), _DIGITS) if within else None,
    )


def _refused(group: ConstantGroup, quantity: str) -> int:
    """Measured saturated cells that no profile speaks of."""
    if quantity != "saturation":
        return 0
    rows = [row for row in load_measurements() if group.has(row) and row.table == "saturation"]
    return len(rows) - sum(each.row.table == "saturation" for each in trials_of(group))


def quantile(ordered: Sequence[float], part: float) -> float:
    """A quantile of sorted values, on a line between the two about it."""
    place = part * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
