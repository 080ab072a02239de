"""The pages of ``prices diff`` and ``maintain renew-prices``: which prices moved, appeared and vanished."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, TypedDict

from melange_cloud.domain import CatalogDifference, PriceChange, RenewalSummary
from melange_cloud.domain.price_difference import Place
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, UNKNOWN, clean, number

COLUMNS = (
    "change",
    "provider",
    "region",
    "instance_type",
    "purchase",
    "before_usd_per_hour",
    "after_usd_per_hour",
    "fraction",
    "before_as_of",
    "after_as_of",
)
"""The fields of a change in JSON and CSV."""

_WORDS = ("moved", "appeared", "vanished")
_SIDES = ("before", "after")
_WITHOUT_A_WORD = "no Before: the price appeared; no After: it vanished"


class PriceMove(TypedDict):
    """A price that moved, appeared or vanished.

    Attributes:
        change: moved, appeared or vanished.
        before_usd_per_hour: price of one instance before, USD/h; null if it appeared.
        after_usd_per_hour: price of one instance after, USD/h; null if it vanished.
        fraction: how far the price moved: 0.1 is 10 % more expensive; null unless both sides have it.
        before_as_of: last day on which the price before was known to be true; null if it appeared.
        after_as_of: last day on which the price after was known to be true; null if it vanished.
    """

    change: Annotated[str, {"enum": list(_WORDS)}]
    provider: str
    region: str
    instance_type: str
    purchase: str
    before_usd_per_hour: float | None
    after_usd_per_hour: float | None
    fraction: float | None
    before_as_of: date | None
    after_as_of: date | None


class PriceDifference(TypedDict):
    """What changed from one set of prices to another.

    Attributes:
        before: what the first set is called.
        after: what the second set is called.
        same: how many prices are the same in both.
        only_before: [provider, region, purchase] that only the first set covers; not compared.
        only_after: [provider, region, purchase] that only the second set covers; not compared.
        changes: sorted by provider, region, instance type and purchase.
    """

    before: str
    after: str
    same: int
    only_before: list[Place]
    only_after: list[Place]
    changes: list[PriceMove]


class PriceRenewal(PriceDifference):
    """What the renewal of a pricing folder changed.

    Attributes:
        before: the folder as it was.
        after: the folder as it is now.
        same: how many prices are the same in both.
        only_before: [provider, region, purchase] that only the folder as it was covers; not compared.
        only_after: [provider, region, purchase] that only the folder as it is now covers; not compared.
        changes: sorted by provider, region, instance type and purchase.
        folder: the folder that was written.
        notices: what could not be read, was left out or stays as it was; one line each.
        checks: what to look at before these prices are committed; one line each.
        rows: prices in the folder now.
        renewed_rows: those of them that were read again.
    """

    folder: str
    notices: list[str]
    checks: list[str]
    rows: int
    renewed_rows: int


def price_difference(found: CatalogDifference, sides: tuple[str, str]) -> Page:
    """What changed from one side to the other; ``sides`` are what the user calls them."""
    return Page(
        blocks=lambda _: _changes(found, found.changes, sides, ()),
        document=_document(found, sides),
        columns=COLUMNS,
        rows=[list(_record(change).values()) for change in found.changes],
    )


def renewal(done: RenewalSummary) -> Page:
    """What a renewal changed: counts by cloud and purchase, then every change but the moves of spot prices."""
    found = done.difference
    shown = [change for change in found.changes if change.word != "moved" or change.offer.purchase != "spot"]
    quiet = len(found.changes) - len(shown)

    notes = []
    if quiet:
        prices = "1 spot price that moved is" if quiet == 1 else f"{number(quiet)} spot prices that moved are"
        notes.append(f"{prices} not listed: --format csv lists all")

    document: PriceRenewal = {
        "folder": done.folder,
        "notices": list(done.notices),
        "checks": list(done.checks),
        "rows": done.rows,
        "renewed_rows": done.renewed_rows,
        **_document(found, _SIDES),
    }

    def blocks(_: bool) -> Iterator[Block]:
        yield Paragraph((f"Renewed {clean(done.folder)}",))
        yield _counts(done)
        yield from _changes(found, shown, _SIDES, notes)

    return Page(
        blocks=blocks,
        document=document,
        columns=COLUMNS,
        rows=[list(_record(change).values()) for change in found.changes],
    )


def _document(found: CatalogDifference, sides: tuple[str, str]) -> PriceDifference:
    return {
        "before": sides[0],
        "after": sides[1],
        "same": found.same,
        "only_before": sorted(found.only_before),
        "only_after": sorted(found.only_after),
        "changes": [_record(change) for change in found.changes],
    }


def _record(change: PriceChange) -> PriceMove:
    """One change by COLUMNS."""
    before, after = change.before, change.after
    return {
        "change": change.word,
        "provider": change.offer.instance_type.provider,
        "region": change.offer.region,
        "instance_type": change.offer.instance_type.name,
        "purchase": change.offer.purchase,
        "before_usd_per_hour": before.usd_per_instance_hour if before else None,
        "after_usd_per_hour": after.usd_per_instance_hour if after else None,
        "fraction": change.fraction,
        "before_as_of": before.as_of_to if before else None,
        "after_as_of": after.as_of_to if after else None,
    }


def _changes(
    found: CatalogDifference, shown: Sequence[PriceChange], sides: tuple[str, str], notes: Sequence[str]
) -> Iterator[Block]:
    """The changes that are shown, and the counts of all."""
    if shown:
        yield _sheet(shown)
    counts = ", ".join(f"{number(sum(one.word == word for one in found.changes))} {word}" for word in _WORDS)
    before, after = (clean(side) for side in sides)
    lines = [f"{counts}, {number(found.same)} the same, from {before} to {after}"]
    for side, only in ((before, found.only_before), (after, found.only_after)):
        if only:
            pairs = "pair" if len(only) == 1 else "pairs"
            lines.append(f"not compared: {number(len(only))} {pairs} of region and purchase that only {side} has")
    yield Paragraph((*lines, *notes))


def _sheet(changes: Sequence[PriceChange]) -> Sheet:
    rows = tuple(
        (
            change.word,
            UNKNOWN if change.fraction is None else f"{change.fraction * 100:+.1f}{GLUE}%",
            f"{change.before.usd_per_instance_hour:.4f}" if change.before else UNKNOWN,
            f"{change.after.usd_per_instance_hour:.4f}" if change.after else UNKNOWN,
            clean(change.offer.instance_type.name),
            clean(change.offer.instance_type.provider),
            clean(change.offer.region),
            clean(change.offer.purchase),
        )
        for change in changes
    )
    return Sheet(
        (
            Column("Change", drop=1, instead=_WITHOUT_A_WORD),
            Column("By", right=True),
            Column("Before $/h", right=True),
            Column("After $/h", right=True),
            Column("Instance"),
            Column("Cloud", drop=2),
            Column("Region"),
            Column("Purchase"),
        ),
        rows,
    )


def _counts(done: RenewalSummary) -> Sheet:
    rows = []
    for count in done.counts:
        moves = [100 * move for move in count.moves]
        days = sorted({min(count.kept), max(count.kept)}) if count.kept else []
        rows.append(
            (
                f"{clean(count.provider)} {clean(count.purchase)}",
                number(count.rows),
                number(count.rows - len(count.kept)),
                number(len(moves)),
                f"{min(moves):+.1f} to {max(moves):+.1f}{GLUE}%" if moves else UNKNOWN,
                number(sum(change.word == "appeared" for change in count.changes)),
                number(sum(change.word == "vanished" for change in count.changes)),
                number(len(count.kept)),
                " to ".join(str(day) for day in days) or UNKNOWN,
            )
        )
    return Sheet(
        (
            Column("Prices"),
            Column("Rows", right=True),
            Column("Renewed", right=True),
            Column("Moved", right=True),
            Column("By", right=True, drop=1),
            Column("Appeared", right=True),
            Column("Vanished", right=True),
            Column("Kept", right=True, legend="Kept: not answered, left as they were"),
            Column("As of", drop=2),
        ),
        tuple(rows),
    )
