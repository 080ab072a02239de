"""``melange-cloud prices``: fetches, lists, compares and exports prices, and says what stands in their way."""

from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli import current_time
from melange_cloud.cli.output import emit
from melange_cloud.cli.prices.price_selection import (
    Asking,
    Format,
    fetch_progress,
    gathered_prices,
    gpus_of,
    place_of,
    purchases_of,
    select,
    side,
    tell,
)
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.errors import BadInput, PricesUnavailable

if TYPE_CHECKING:
    from melange_cloud.catalog import Catalog
    from melange_cloud.domain import Exclusion

_SHOWN = 12

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Prices: fetch them live, list, compare and export them, and find out why they are old.",
    epilog="Example: melange-cloud prices list --region us-east-1 --gpu H100 --purchase on_demand",
)


class ListFormat(StrEnum):
    """How prices are listed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Provider = Annotated[str | None, typer.Option("--provider", help="aws, gcp or a plug-in's; all unless given.")]
Regions = Annotated[
    list[str] | None, typer.Option("--region", help="Region name, glob ('eu-*') or all; repeatable [default: all].")
]
Purchases = Annotated[
    list[str] | None,
    typer.Option("--purchase", help="on_demand, spot, commit_1y, commit_3y; repeatable [default: all]."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.")]
Refresh = Annotated[bool, typer.Option("--refresh", help="Ask the clouds, however fresh the cache is.")]
Deadline = Annotated[str, typer.Option("--deadline", help="How long all asking may take together: 90s, 5m, 1h.")]
MaxAge = Annotated[str, typer.Option("--max-age", help="Oldest cached price that will do: 90m, 12h, 3d.")]
Sheet = Annotated[Path | None, typer.Option("--prices", help="Your own price sheet (CSV); outranks all others.")]
OddPrices = Annotated[
    bool, typer.Option("--accept-odd-prices", help="Take prices five times off the same type's elsewhere.")
]
Out = Annotated[Path | None, output_option()]
AnyFormat = Annotated[
    Format | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
]


@app.command(epilog="Example: melange-cloud prices refresh --provider aws --region us-east-1")
def refresh(
    provider: Provider = None,
    region: Regions = None,
    purchase: Purchases = None,
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="AWS without credentials: stream its public list, about 300 MB a region, no spot prices."
        ),
    ] = False,
    deadline: Deadline = "15m",
) -> None:
    """Fetch live prices into the cache, from all clouds side by side."""
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market import gather

    deadline_s = deadline_of(deadline)

    sources = gather.plug_ins()
    tell(sources.problems)
    regions = gather.known_regions(sources)
    selected: dict[str, Sequence[str] | None] = {}
    if region or provider:
        for one in select(region or ["all"], provider, regions):
            selected[one.provider] = [*(selected.get(one.provider) or ()), one.name]
    if not region:
        selected = dict.fromkeys(selected or sorted({one.provider for one in regions}))
    if public and "aws" not in selected:
        raise BadInput("--public is about AWS's public price list: ask for a region of aws")
    with fetch_progress() as progress:
        outcomes = gather.refresh(
            selected,
            purchases_of(purchase),
            public=public,
            progress=progress,
            sources=sources,
            deadline_s=deadline_s,
        )
    lines = []
    for outcome in outcomes:
        tell([*outcome.problems, *outcome.notes, *([outcome.failure] if outcome.failure else [])])
        if outcome.fetched is not None:
            tell(_unknown(outcome.provider, outcome.fetched.excluded))
            offers = outcome.fetched.offers
            count = len({offer.region for offer in offers})
            each = ", ".join(
                f"{sum(offer.purchase == bought for offer in offers)} {bought}"
                for bought in dict.fromkeys(offer.purchase for offer in offers)
            )
            places = "1 region" if count == 1 else f"{count} regions"
            found = "1 price" if len(offers) == 1 else f"{len(offers)} prices"
            lines.append(f"{outcome.provider}: {found} of {places} in {outcome.seconds:.1f} s ({each})")
    if not lines:
        raise PricesUnavailable("no price could be read: `melange-cloud prices doctor` says what is missing")
    emit("\n".join(lines))


@app.command("list", epilog="Example: melange-cloud prices list --region 'eu-*' --gpu L4 --gpu A10G --format csv")
def list_(
    provider: Provider = None,
    region: Regions = None,
    gpu: Annotated[list[str] | None, typer.Option("--gpu", help="Only these GPUs, such as H100; repeatable.")] = None,
    purchase: Purchases = None,
    instance_type: Annotated[
        list[str] | None, typer.Option("--instance-type", help="Name or glob ('g6.*'); repeatable.")
    ] = None,
    offline: Offline = False,
    refresh: Refresh = False,
    max_age: MaxAge = "1d",
    require_fresh: Annotated[
        bool, typer.Option("--require-fresh", help="Refuse anything older than --max-age (exit code 5).")
    ] = False,
    prices: Sheet = None,
    accept_odd_prices: OddPrices = False,
    deadline: Deadline = "60s",
    format_: Annotated[
        ListFormat | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
    ] = None,
    out: Out = None,
) -> None:
    """List prices, cheapest per GPU-hour first, with where each comes from and how old it is."""
    from melange_cloud.cli.prices import price_tables

    result = result_of(out, format_, ListFormat)
    asking = Asking(offline, refresh, max_age, require_fresh, prices, accept_odd_prices, deadline)
    gathered, offers, now = gathered_prices(asking, provider, region, purchases_of(purchase))
    wanted_gpus = gpus_of(gpu)
    offers = [
        offer
        for offer in offers
        if (not wanted_gpus or offer.instance_type.gpu in wanted_gpus)
        and (not instance_type or any(fnmatchcase(offer.instance_type.name, glob) for glob in instance_type))
    ]
    offers.sort(key=lambda offer: (offer.usd_per_hour / offer.instance_type.gpu_count, *place_of(offer)))
    notices = list(gathered.notes)
    if any(offer.purchase == "spot" for offer in offers):
        notices.append(price_tables.SPOT_NOTE)
    if result.format == ListFormat.JSON:
        emit(price_tables.offers_json(offers, notices, now), result)
        return
    tell(gathered.notes)
    if result.format == ListFormat.CSV:
        tell(notices[len(gathered.notes) :])
        emit(price_tables.offers_csv(offers), result)
    else:
        emit(price_tables.offers_table(offers, lambda offer: gathered.age_words(offer, now)), result)


@app.command(epilog="Example: melange-cloud prices diff snapshot cache --provider aws")
def diff(
    before: Annotated[str, typer.Argument(help="snapshot, cache, a day (2026-11-22) or a price sheet.")] = "snapshot",
    after: Annotated[str, typer.Argument(help="The same; what it is compared with.")] = "cache",
    provider: Provider = None,
    region: Regions = None,
    purchase: Purchases = None,
    format_: AnyFormat = None,
    out: Out = None,
) -> None:
    """Compare prices: what moved and by how much, what appeared, what vanished.

    Only what both sides cover is compared, by region and purchase. Prices are before discounts.
    """
    from melange_cloud import catalog
    from melange_cloud.cli.prices import price_tables
    from melange_cloud.market.gather import known_regions, plug_ins

    result = result_of(out, format_, Format)
    purchases = purchases_of(purchase)
    sides = (side(before, purchases), side(after, purchases))
    known = catalog.with_sheet_regions(known_regions(plug_ins()), [offer for one in sides for offer in one.offers])
    selected = {(one.provider, one.name) for one in select(region or ["all"], provider, known)}
    if not region:
        selected |= {(one.provider, one.name) for one in known if one.government and provider in (None, one.provider)}
    found = catalog.difference(*(_within(one, selected, purchases) for one in sides))
    show = price_tables.difference_json if result.format == Format.JSON else price_tables.difference_table
    emit(show(found, (before, after)), result)


@app.command(epilog="Example: melange-cloud prices export --provider gcp --output prices.csv")
def export(
    out: Out = None,
    provider: Provider = None,
    region: Regions = None,
    purchase: Purchases = None,
    offline: Offline = False,
    refresh: Refresh = False,
    max_age: MaxAge = "1d",
    prices: Sheet = None,
    accept_odd_prices: OddPrices = False,
    deadline: Deadline = "60s",
) -> None:
    """Write a price sheet for git or a machine without a network; `--prices FILE` reads it back."""
    from melange_cloud.cli.prices import price_tables

    result = result_of(out, None, ["csv"])
    asking = Asking(offline, refresh, max_age, False, prices, accept_odd_prices, deadline)
    gathered, offers, _ = gathered_prices(asking, provider, region, purchases_of(purchase))
    tell(gathered.notes)
    emit(price_tables.offers_csv(sorted(offers, key=place_of), price_tables.EXPORT_COLUMNS), result)


@app.command(epilog="Example: melange-cloud prices doctor")
def doctor(
    offline: Offline = False,
    deadline: Deadline = "60s",
    format_: AnyFormat = None,
    out: Out = None,
) -> None:
    """Say which credentials, endpoints and permissions there are, how old all prices are, and what mends each.

    Exit code 5 where something is set up and does not work.
    """
    from melange_cloud.cli.prices import price_tables
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market.doctor import examine

    result = result_of(out, format_, Format)
    checks = examine(offline=offline, now=current_time.now(), deadline_s=deadline_of(deadline))
    show = price_tables.checks_json if result.format == Format.JSON else price_tables.checks_table
    emit(show(checks), result)
    if any(check.status == "failed" for check in checks):
        raise typer.Exit(PricesUnavailable.exit_code)


def _unknown(provider: str, excluded: "Iterable[Exclusion]") -> list[str]:
    """One line for the instance types that the cloud prices and nobody here knows."""
    from melange_cloud.catalog import load_instance_types

    known = load_instance_types()
    names = sorted({pair.instance_type for pair in excluded} - {name for of, name in known if of == provider})
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{provider}: left out, since melange-cloud does not know them: {', '.join(names[:_SHOWN])}{more}"]


def _within(prices: "Catalog", regions: Collection[tuple[str, str]], purchases: Collection[str]) -> "Catalog":
    """The offers of some regions and purchases."""
    from melange_cloud.catalog import Catalog

    return Catalog(
        tuple(
            offer
            for offer in prices.offers
            if (offer.instance_type.provider, offer.region) in regions and offer.purchase in purchases
        )
    )
