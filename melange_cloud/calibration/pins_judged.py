"""Pins against measurements that they are not made of: does another engine run agree within a pin's stated error?

Pins are chosen again without each source in turn, and its rows at a pinned size of the same replica are compared with
them: a closed loop at the TPOT of each pinned point, a saturated run with a saturated one.
"""

from collections.abc import Iterable, Iterator, Sequence

from melange_cloud.calibration.choose_pins import pins, runs_by_size
from melange_cloud.calibration.comparisons import MEASURED, SATURATION, UNDER_SLO, Comparison
from melange_cloud.calibration.training_data import TrainingRow
from melange_cloud.calibration.trials import Trial, curves
from melange_cloud.domain import OperatingPoint
from melange_cloud.estimator.spec_files import load_eras


def pins_without_each_source(rows: Sequence[TrainingRow]) -> Iterator[Comparison]:
    """Every source's rows against the pins that the others make."""
    for source in sorted({row.source.name for row in rows}):
        others = [row for row in rows if row.source.name != source]
        yield from pins_against(others, [row for row in rows if row.source.name == source])


def pins_against(rows: Iterable[TrainingRow], others: Iterable[TrainingRow]) -> Iterator[Comparison]:
    """Other rows against the pins that ``rows`` make."""
    seen, unseen = list(rows), list(others)
    for era in load_eras().values():
        judged = {_place(held): held for held in runs_by_size(unseen, era)}
        if not judged:
            continue
        for held, points in pins(runs_by_size(seen, era)):
            yield from _against(points, judged.get(_place(held), []))


def _place(held: Sequence[Trial]) -> tuple[object, ...]:
    row = held[0].row
    return row.model, row.gpu, row.precision, row.tensor_parallel, row.size


def _against(points: Sequence[OperatingPoint], held: Sequence[Trial]) -> Iterator[Comparison]:
    for point in points:
        if point.tpot_ms is None:
            for each in held:
                if each.row.table == "saturation":
                    yield _comparison(point, each, each.row.known("requests_per_s"))
            continue
        for curve in curves(held):
            rate = curve.rate_within(point.tpot_ms)
            if rate is not None:
                yield _comparison(point, curve.trial, rate)


def _comparison(point: OperatingPoint, each: Trial, requests_per_s: float) -> Comparison:
    row = each.row
    return Comparison(
        key=each.replica.calibration.key,
        quantity=SATURATION if point.tpot_ms is None else UNDER_SLO,
        model=row.model,
        tensor_parallel=row.tensor_parallel,
        engine=row.source.engine,
        source=row.source.name,
        cell=(*row.cell, point.tpot_ms),
        off=None,
        shipped_off=point.requests_per_s / requests_per_s - 1,
        grade=MEASURED,
        stated=point.error,
        is_kept=abs(requests_per_s / point.requests_per_s - 1) <= point.error,
    )
