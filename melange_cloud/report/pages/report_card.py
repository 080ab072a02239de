"""The report card of the profiles as a page; its CSV is how profiles/report_card.csv is stored."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields

from melange_cloud.domain.report_card import ALL, KEPT, POOL, CardRow
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet, TitledSheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, UNKNOWN, number, percent, plus_minus

COLUMNS = tuple(field.name for field in fields(CardRow))

_LEFT_OUT = (
    "Rows are compared with constants fitted without their request shape, their model or their source (engine run);",
    "rows that were never fitted, with the shipped constants.",
)
_PROMISE = (
    f"Kept: the 90{GLUE}% interval of the share, resampled by source, reaches {percent(KEPT[0])} to {percent(KEPT[1])}"
)
_FEW = "Not judged: fewer than 50 rows, or one source; grades with few rows are also counted together (A+B)"
_SHIPPED = "As shipped: median / p90 of the profiles' one number for all engines, without pins"
_WITH_ENGINE = "With engine: with the constants of the engine that was measured (--engine)"
_ESTIMATOR = "Estimator: under the limits and with the constants of the engine measured"
_BIAS = "Bias: the median with its sign; below 0 the profiles are too slow"
_ELSEWHERE = "in a wider terminal and in JSON"


def report_card_page(rows: Sequence[CardRow]) -> Page:
    """What the grades promise, then the errors by degree, by engine, and by GPU, era and precision."""
    return Page(
        blocks=lambda _: _blocks(rows),
        document={"rows": rows},
        columns=COLUMNS,
        rows=[astuple(row) for row in rows],
    )


def _blocks(rows: Sequence[CardRow]) -> Iterator[Block]:
    yield Paragraph(_LEFT_OUT)
    grades = sorted((row for row in rows if row.grade != ALL), key=lambda row: (POOL in row.grade, row.grade))
    yield TitledSheet("How often the stated errors held", Sheet(_GRADE_COLUMNS, tuple(map(_grade, grades)), heads=1))
    by_degree = [row for row in rows if row.grade == ALL and row.gpu == ALL]
    yield TitledSheet(
        "Errors of rates, engine era 2025",
        Sheet((Column("Rates"), *_ERROR_COLUMNS), tuple(map(_part, _in_order(by_degree))), heads=1),
    )
    by_gpu = [row for row in rows if row.gpu != ALL]
    refused = sum(row.refused for row in by_gpu if row.left_out == by_gpu[0].left_out)
    note = f"Not counted: {refused} measured cells that are refused, with a sliver of memory or beyond the context"
    columns = (Column("GPU"), Column("Era"), Column("Precision"), Column("Quantity"), *_ERROR_COLUMNS)
    sheet = Sheet(columns, tuple(map(_gpu, _in_order(by_gpu))), notes=(note,), heads=4)
    yield TitledSheet("Errors by GPU, engine era and precision", sheet)


_GRADE_COLUMNS = (
    Column("Grade"),
    Column("Left out"),
    Column("Rows", right=True),
    Column("Sources", right=True, drop=1, instead=f"From how many sources: {_ELSEWHERE}"),
    Column("Stated", right=True),
    Column("Within", right=True),
    Column("90 % interval", right=True),
    Column("Promise", legend=(_PROMISE, _FEW)),
)

_ERROR_COLUMNS = (
    Column("Left out"),
    Column("Rows", right=True, drop=2, instead=f"How many rows: {_ELSEWHERE}"),
    Column("As shipped", right=True, legend=_SHIPPED),
    Column("Bias", right=True, drop=1, legend=_BIAS, instead=f"The median error with its sign: {_ELSEWHERE}"),
    Column(
        "With engine", right=True, drop=3, legend=_WITH_ENGINE, instead=f"With its engine's constants: {_ELSEWHERE}"
    ),
    Column("Within", right=True, drop=5, instead=f"How often a stated error held: {_ELSEWHERE}"),
    Column("Estimator", right=True, drop=4, legend=_ESTIMATOR, instead=f"Errors of the estimator: {_ELSEWHERE}"),
)


def _in_order(rows: Sequence[CardRow]) -> list[CardRow]:
    """Rows of one kind together, whatever was left out, in the order in which the kinds first appear."""
    kinds = list(dict.fromkeys(_kind(row) for row in rows))
    return sorted(rows, key=lambda row: kinds.index(_kind(row)))


def _kind(row: CardRow) -> tuple[str, ...]:
    return row.gpu, row.era, row.precision, row.tensor_parallel, row.engine, row.quantity


def _left_out(row: CardRow) -> str:
    return row.left_out.replace("_", " ")


def _grade(row: CardRow) -> tuple[str, ...]:
    interval = UNKNOWN
    if row.within_from is not None and row.within_to is not None:
        interval = f"{100 * row.within_from:.0f} to {percent(row.within_to)}"
    return (
        *(row.grade, _left_out(row), number(row.n), number(row.sources)),
        *(plus_minus(row.stated_error or 0.0), percent(row.within_stated), interval, row.promise),
    )


def _part(row: CardRow) -> tuple[str, ...]:
    if row.tensor_parallel != ALL:
        name = f"{row.tensor_parallel.replace('-', ' to ')} GPU{'' if row.tensor_parallel == '1' else 's'}"
    else:
        name = "all" if row.engine == ALL else row.engine
    return name, *_errors(row)


def _gpu(row: CardRow) -> tuple[str, ...]:
    return row.gpu, row.era, row.precision, row.quantity.replace("_", " "), *_errors(row)


def _errors(row: CardRow) -> tuple[str, ...]:
    return (
        *(_left_out(row), number(row.n), _both(row.shipped_median_error, row.shipped_p90_error)),
        UNKNOWN if row.shipped_bias is None else f"{100 * row.shipped_bias:+.1f}{GLUE}%",
        _both(row.with_engine_median_error, row.with_engine_p90_error),
        percent(row.within_stated),
        _both(row.median_error, row.p90_error),
    )


def _both(median: float | None, p90: float | None) -> str:
    return UNKNOWN if median is None else f"{percent(median, 1)} / {percent(p90, 1)}"
