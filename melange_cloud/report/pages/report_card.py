"""The estimator's report card as a page; its CSV is how profiles/report_card.csv is stored."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, fields

from melange_cloud.domain.report_card import CardRow
from melange_cloud.report.blocks import Block, Column, Sheet, TitledSheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import UNKNOWN, number, percent

COLUMNS = tuple(field.name for field in fields(CardRow))

_OF_THE_ESTIMATOR = "Median, p90: of the estimator, under the limits and with the constants of the engine measured"
_AS_SHIPPED = "As shipped: median / p90 of the profiles' one number for all engines, without pins"
_WITHIN = "Within stated: how often a cell's stated error holds"
_ELSEWHERE = "in a wider terminal and in JSON"


def report_card_page(rows: Sequence[CardRow]) -> Page:
    """The errors by GPU, era, precision and quantity."""
    return Page(
        blocks=lambda _: _blocks(rows),
        document={"rows": rows},
        columns=COLUMNS,
        rows=[astuple(row) for row in rows],
    )


def _blocks(rows: Sequence[CardRow]) -> Iterator[Block]:
    columns = (
        *(Column("GPU"), Column("Era"), Column("Precision"), Column("Quantity")),
        Column("Cells", right=True, drop=1, instead=f"Cells, how many were measured: {_ELSEWHERE}"),
        Column("Median", right=True, legend=_OF_THE_ESTIMATOR),
        Column("p90", right=True),
        Column("As shipped", right=True, drop=2, legend=_AS_SHIPPED, instead=f"As shipped: {_ELSEWHERE}"),
        Column(
            "Within stated",
            right=True,
            drop=3,
            legend=_WITHIN,
            instead=f"How often a cell's stated error holds: {_ELSEWHERE}",
        ),
    )
    refused = sum(row.refused for row in rows)
    note = f"Not counted: {refused} saturated cells of replicas that are refused, with a sliver of memory"
    sheet = Sheet(columns, tuple(map(_row, rows)), notes=(note,), heads=3)
    yield TitledSheet("Errors on request shapes held out of the fit", sheet)


def _row(row: CardRow) -> tuple[str, ...]:
    shipped = UNKNOWN
    if row.shipped_median_error is not None:
        shipped = f"{percent(row.shipped_median_error, 1)} / {percent(row.shipped_p90_error, 1)}"
    return (
        *(row.gpu, row.era, row.precision, row.quantity.replace("_", " ")),
        *(number(row.cells), percent(row.median_error, 1), percent(row.p90_error, 1)),
        *(shipped, percent(row.within_stated)),
    )
