"""The rows of a report card from the comparisons behind it: by constants, by degree, by engine and by grade."""

from collections.abc import Iterator, Sequence
from statistics import median

from melange_cloud.calibration.calibrate import trials_of
from melange_cloud.calibration.comparisons import MEASURED, QUANTITIES, SATURATION, SPEEDS, Comparison
from melange_cloud.calibration.constant_groups import GROUPS, TODAY, Key
from melange_cloud.calibration.kept_share import kept_share, quantile
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.domain.report_card import ALL, FEWEST_ROWS, NEAR_FLOOR, POOL, CardRow

SPEED = "rate_or_tpot"
"""All of SPEEDS together."""

_DIGITS = 4
_GRADES = (MEASURED, "B", "C", "D", NEAR_FLOOR)
_DEGREES = (("1", 1, 1), ("2", 2, 2), ("4", 4, 4), ("1-4", 1, 4), ("8", 8, 8))


def card_rows(left_out: str, judged: Sequence[Comparison]) -> Iterator[CardRow]:
    """The rows of one way to leave rows out; of comparisons of which there are none, no row."""
    estimates = [each for each in judged if each.grade != MEASURED]
    for key in dict.fromkeys(group.key for group in GROUPS):
        for quantity in QUANTITIES:
            of_key = [each for each in estimates if (each.key, each.quantity) == (key, quantity)]
            if of_key:
                refused = sum(each.shipped_off is None for each in of_key) if quantity in SPEEDS else 0
                refused += _without_profile(key) if quantity == SATURATION else 0
                gpu, era, precision = key
                yield _row(left_out, of_key, quantity, refused, gpu=gpu, era=era, precision=precision)
    speeds = [each for each in estimates if each.quantity in SPEEDS and each.shipped_off is not None]
    today = [each for each in speeds if each.key[1] == TODAY]
    if today:
        yield _row(left_out, today, SPEED, era=TODAY)
    for degrees, least, most in _DEGREES:
        held = [each for each in today if least <= each.tensor_parallel <= most]
        if held:
            yield _row(left_out, held, SPEED, era=TODAY, tensor_parallel=degrees)
    for engine in sorted({each.engine for each in today}):
        yield _row(left_out, [each for each in today if each.engine == engine], SPEED, era=TODAY, engine=engine)
    for grade, held in _by_grade([each for each in judged if each.quantity in SPEEDS]):
        yield _row(left_out, held, SPEED, grade=grade)


def _by_grade(judged: Sequence[Comparison]) -> Iterator[tuple[str, list[Comparison]]]:
    """Every grade alone, and those with fewer than FEWEST_ROWS rows pooled with their neighbours."""
    alone = [(grade, held) for grade in _GRADES if (held := [each for each in judged if each.grade == grade])]
    yield from alone
    pools: list[tuple[str, list[Comparison]]] = []
    for grade, held in alone:
        if pools and (len(pools[-1][1]) < FEWEST_ROWS or (grade == alone[-1][0] and len(held) < FEWEST_ROWS)):
            before, more = pools.pop()
            pools.append((before + POOL + grade, more + held))
        else:
            pools.append((grade, held))
    yield from (pool for pool in pools if POOL in pool[0])


def _row(
    left_out: str,
    held: Sequence[Comparison],
    quantity: str,
    refused: int = 0,
    *,
    gpu: str = ALL,
    era: str = ALL,
    precision: str = ALL,
    tensor_parallel: str = ALL,
    engine: str = ALL,
    grade: str = ALL,
) -> CardRow:
    shipped = [each.shipped_off for each in held if each.shipped_off is not None]
    stated = [each.stated for each in held if each.stated is not None]
    kept = [(each.source, each.is_kept) for each in held if each.is_kept is not None]
    share = kept_share(kept) if kept else None
    return CardRow(
        *(left_out, gpu, era, precision, tensor_parallel, engine, grade, quantity),
        n=len(held),
        sources=len({each.source for each in held}),
        refused=refused,
        shipped_median_error=_error(shipped, 0.5),
        shipped_p90_error=_error(shipped, 0.9),
        shipped_bias=_rounded(median(shipped)) if shipped else None,
        with_engine_median_error=_error([each.with_engine_off for each in held], 0.5),
        with_engine_p90_error=_error([each.with_engine_off for each in held], 0.9),
        stated_error=_rounded(median(stated)) if stated else None,
        within_stated=_rounded(share.share) if share else None,
        within_from=_rounded(share.low) if share else None,
        within_to=_rounded(share.high) if share else None,
        median_error=_error([each.off for each in held], 0.5),
        p90_error=_error([each.off for each in held], 0.9),
    )


def _error(offs: Sequence[float | None], part: float) -> float | None:
    errors = sorted(abs(off) for off in offs if off is not None)
    return _rounded(quantile(errors, part)) if errors else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)


def _without_profile(key: Key) -> int:
    """Measured saturated cells whose replica has no profile."""
    (group,) = (group for group in GROUPS if group.key == key)
    rows = [row for row in load_measurements() if group.has(row) and row.table == SATURATION]
    return len(rows) - sum(each.row.table == SATURATION for each in trials_of(group))
