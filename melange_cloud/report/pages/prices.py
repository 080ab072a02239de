"""The pages of ``prices list`` and ``prices export``: one price a row."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, TypedDict

from melange_cloud.domain import Offer
from melange_cloud.report.blocks import Block, Column, Notices, Paragraph, Sheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, clean, glued, number

SPOT_NOTE = "spot: interruptible, price at one moment"
NO_SPOT = "spot is not listed; --purchase spot lists it"
OWN = "* your own price sheet"
UNCONFIRMED = "! a price is listed, but its availability is unconfirmed"

COLUMNS = (
    "provider",
    "region",
    "instance_type",
    "gpu",
    "gpu_count",
    "purchase",
    "sold_as",
    "usd_per_hour",
    "list_usd_per_hour",
    "origin",
    "source",
    "as_of_from",
    "as_of_to",
)
"""The columns of ``prices list`` in JSON and CSV; ``--prices FILE`` reads the CSV."""

SHAPE_COLUMNS = ("vcpus", "memory_gib", "quota_family")
"""What a price sheet needs in addition to know an instance type that does not ship with melange-cloud."""

EXPORT_COLUMNS = (*COLUMNS, *SHAPE_COLUMNS, "contract", "confirmed")
"""What ``prices export`` writes in addition, so that nothing is lost on the way through a price sheet."""

NO_PRICE = "no price matches: loosen --region, --gpu, --instance-type, --purchase or --provider"


class PriceRow(TypedDict):
    """One price.

    Attributes:
        sold_as: whether it can really be bought so: on_demand, spot, commitment, capacity_block, unknown.
        usd_per_hour: net price of one instance, USD/h, any upfront part spread over the term.
        list_usd_per_hour: price of one instance before the user's own discounts, USD/h.
        origin: live, cached, snapshot or user.
        source: where the figure was read.
        as_of_from: first day on which the figure was true.
        as_of_to: last day on which the figure was known to be true.
    """

    provider: str
    region: str
    instance_type: str
    gpu: str
    gpu_count: int
    purchase: str
    sold_as: str
    usd_per_hour: float
    list_usd_per_hour: float
    origin: Annotated[str, {"enum": ["live", "cached", "snapshot", "user"]}]
    source: str
    as_of_from: date
    as_of_to: date


class PriceListing(TypedDict):
    """Prices, each with where it comes from.

    Attributes:
        generated_at: when the list was made, ISO 8601.
        rows: the prices, cheapest per GPU-hour first.
    """

    generated_at: str
    notices: list[str]
    rows: list[PriceRow]


def price_list(
    offers: Sequence[Offer],
    *,
    age_of: Callable[[Offer], str],
    notices: Sequence[str],
    now: datetime,
    warnings: Sequence[str] = (),
    with_shapes: bool = False,
    spot_asked: bool = True,
) -> Page:
    """The prices in the order given.

    Args:
        age_of: where an offer's price comes from and how old it is: ``live``, ``snapshot 2026-07-30``.
        notices: for the JSON, which has no stderr next to it.
        now: the time to which ages are counted.
        warnings: what must be read before the prices.
        with_shapes: whether the CSV has SHAPE_COLUMNS as well.
        spot_asked: False if spot prices are left out because they were not requested.
    """
    columns = (*COLUMNS, *SHAPE_COLUMNS) if with_shapes else COLUMNS

    def blocks(wide: bool) -> Iterator[Block]:
        if warnings:
            yield Notices(tuple(map(clean, warnings)))
        if offers:
            days = [f"{max(0, (now.date() - offer.as_of_to).days)}{GLUE}d" for offer in offers]
            sheet = _sheet(offers, [age_of(offer) for offer in offers], wide, days)
            yield sheet if spot_asked else replace(sheet, notes=(*sheet.notes, NO_SPOT))
        else:
            yield Paragraph((NO_PRICE,))

    spot = [SPOT_NOTE] if _has_spot(offers) else []
    document: PriceListing = {
        "generated_at": now.isoformat(timespec="seconds"),
        "notices": [*warnings, *notices, *spot],
        "rows": [_price_row(offer) for offer in offers],
    }
    return Page(
        blocks=blocks,
        document=document,
        columns=columns,
        rows=_cells(offers, columns),
    )


def price_sheet(offers: Sequence[Offer]) -> Page:
    """The prices as a price sheet with everything that ``--prices FILE`` reads."""
    return Page(
        blocks=lambda wide: (_sheet(offers, [f"{offer.origin} {offer.as_of_to}" for offer in offers], wide),),
        document={"rows": [_row(offer) for offer in offers]},
        columns=EXPORT_COLUMNS,
        rows=_cells(offers, EXPORT_COLUMNS),
    )


def _has_spot(offers: Iterable[Offer]) -> bool:
    return any(offer.purchase == "spot" for offer in offers)


def _price_row(offer: Offer) -> PriceRow:
    """One offer by COLUMNS."""
    machine = offer.instance_type
    return {
        "provider": machine.provider,
        "region": offer.region,
        "instance_type": machine.name,
        "gpu": machine.gpu,
        "gpu_count": machine.gpu_count,
        "purchase": offer.purchase,
        "sold_as": offer.sold_as,
        "usd_per_hour": offer.usd_per_instance_hour,
        "list_usd_per_hour": offer.list_usd_per_instance_hour,
        "origin": offer.origin,
        "source": offer.source,
        "as_of_from": offer.as_of_from,
        "as_of_to": offer.as_of_to,
    }


def _row(offer: Offer) -> dict[str, object]:
    """One offer by EXPORT_COLUMNS."""
    machine = offer.instance_type
    return {
        **_price_row(offer),
        "vcpus": machine.vcpus,
        "memory_gib": machine.memory_gib,
        "quota_family": machine.quota_family,
        "contract": offer.contract,
        # The user has confirmed what is in a sheet; it need not be confirmed again.
        "confirmed": "yes" if offer.origin == "user" else "",
    }


def _cells(offers: Iterable[Offer], columns: Sequence[str]) -> list[list[object]]:
    return [[row[column] for column in columns] for row in map(_row, offers)]


def _sheet(offers: Sequence[Offer], ages: Sequence[str], wide: bool, days_old: Sequence[str] = ()) -> Sheet:
    """One row a price: at 80 columns each is one line, whatever region and instance type ship with melange-cloud.

    What all rows share is said below them where there is no room for it; a user's own price is always marked.

    Args:
        days_old: how old each price is; empty: not shown.
    """
    unsure = [not _is_sold_so(offer) for offer in offers]
    kinds = sorted({offer.sold_as for offer, is_unsure in zip(offers, unsure, strict=True) if is_unsure})
    contracts = sorted({offer.contract for offer in offers if offer.contract})
    origins = sorted({offer.origin for offer in offers})
    purchases = sorted({offer.purchase for offer in offers})
    own = [offer.origin == "user" and len(origins) > 1 for offer in offers]
    days = sorted({str(offer.as_of_to) for offer in offers})
    columns: list[tuple[Column, list[str]]] = [
        (
            Column("$/GPU-h", right=True, drop=1),
            [_usd(o.usd_per_instance_hour / o.instance_type.gpu_count) for o in offers],
        ),
        (Column("$/h", right=True), [_usd(offer.usd_per_instance_hour) for offer in offers]),
    ]
    if any(offer.usd_per_instance_hour != offer.list_usd_per_instance_hour for offer in offers):
        discounted = "list $/h is before your discounts; $/h is what you pay"
        columns.append(
            (
                Column("list $/h", right=True, drop=2, legend=discounted),
                [_usd(o.list_usd_per_instance_hour) for o in offers],
            )
        )
    columns += [
        (Column("GPU"), [f"{o.instance_type.gpu_count} {clean(o.instance_type.gpu)}" for o in offers]),
        (Column("Instance"), [clean(offer.instance_type.name) for offer in offers]),
        (Column("Cloud", drop=3), [clean(offer.instance_type.provider) for offer in offers]),
        (Column("Region"), [clean(offer.region) for offer in offers]),
        (
            Column("Purchase", drop=5, instead=f"purchase: {clean(purchases[0])}")
            if len(purchases) == 1 and not any((*unsure, *own))
            else Column("Purchase"),
            [
                f"{clean(o.purchase)}{f'{GLUE}!' if doubt else ''}{f'{GLUE}*' if mine else ''}"
                for o, doubt, mine in zip(offers, unsure, own, strict=True)
            ],
        ),
    ]
    if contracts:
        instead = f"contracts: {'; '.join(map(glued, contracts))} (prices export names each price's)"
        columns.append((Column("Contract", drop=7, instead=instead), [clean(offer.contract) for offer in offers]))
    if kinds:
        columns.append(
            (
                Column(
                    "Sold as",
                    drop=6,
                    legend=UNCONFIRMED,
                    instead=f"{UNCONFIRMED} (sold as {' or '.join(map(glued, kinds))})",
                ),
                [clean(offer.sold_as) if doubt else "" for offer, doubt in zip(offers, unsure, strict=True)],
            )
        )
    dates = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    instead = f"prices: {', '.join(map(glued, origins))}, as of {dates}"
    if wide:
        columns.append((Column("Price", drop=4, instead=instead), [clean(age) for age in ages]))
    else:
        legend = f"prices: {', '.join(map(glued, origins))}"
        as_of = Column("As of", drop=2, legend=legend, instead=instead)
        columns.append((as_of, [str(offer.as_of_to) for offer in offers]))
    if days_old:
        columns.append((Column("Age", right=True), [*days_old]))
    count = "1 price" if len(offers) == 1 else f"{number(len(offers))} prices"
    notes: tuple[str, ...] = (f"{count}, USD per hour of one instance, cheapest per GPU-hour first",)
    if any(own):
        notes += (OWN,)
    return Sheet(
        tuple(column for column, _ in columns),
        tuple(zip(*(cells for _, cells in columns), strict=True)),
        notes=(*notes, SPOT_NOTE) if _has_spot(offers) else notes,
    )


def _is_sold_so(offer: Offer) -> bool:
    """Whether it is known that it can be bought as its purchase says."""
    return offer.sold_as == offer.purchase or (offer.sold_as == "commitment" and bool(offer.contract))


def _usd(usd_per_hour: float) -> str:
    return f"{usd_per_hour:.4f}"
