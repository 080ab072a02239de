"""``melange-cloud prices list``: prices with where each comes from and how old it is."""

from typing import Annotated

import typer

from melange_cloud.cli import current_time
from melange_cloud.cli.option_checks import price_policy
from melange_cloud.cli.options import (
    DEADLINE,
    MAX_AGE,
    USUAL_PURCHASES,
    AllRegions,
    AnyFormat,
    Deadline,
    Force,
    MaxAge,
    OddPrices,
    Offline,
    OnlyGpus,
    Out,
    Provider,
    Refresh,
    RequireFresh,
    Sheet,
    UsualPurchases,
)
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.price_words import gpus_of, provider_of, purchases_of
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.inputs.comma_lists import listed
from melange_cloud.report.page import Format

EXAMPLE = "Example: melange-cloud prices list --region 'eu-*' --gpu L4 --gpu A10G --format csv"


def list_(
    provider: Provider = None,
    region: AllRegions = None,
    gpu: OnlyGpus = None,
    purchase: UsualPurchases = None,
    instance_type: Annotated[
        list[str] | None, typer.Option("--instance-type", metavar="NAME", help="Name or glob ('g6.*'); repeatable.")
    ] = None,
    offline: Offline = False,
    refresh: Refresh = False,
    max_age: MaxAge = MAX_AGE,
    require_fresh: RequireFresh = False,
    prices: Sheet = None,
    accept_odd_prices: OddPrices = False,
    deadline: Deadline = DEADLINE,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """List prices, cheapest per GPU-hour first, with where each comes from and how old it is."""
    from melange_cloud.market.markets import snapshot_notice, stale_notice
    from melange_cloud.market.price_query import PriceQuery, cheapest_first, has_new_types, queried
    from melange_cloud.report.pages.prices import SPOT_NOTE, price_list

    result = result_of(out, format_, Format, force=force)
    policy = price_policy(
        offline=offline, refresh=refresh, require_fresh=require_fresh, max_age=max_age, deadline=deadline
    )
    query = PriceQuery(
        region or ["all"],
        provider_of(provider),
        purchases_of(purchase, USUAL_PURCHASES),
        policy,
        prices,
        accept_odd_prices,
        gpus_of(gpu),
        listed("--instance-type", instance_type),
    )
    now = current_time.now()
    with fetch_bar() as progress:
        found = queried(query, now=now, progress=progress)
    gathered, offers = found.gathered, found.offers
    warnings = (*snapshot_notice(offers, now), *stale_notice(offers, now))
    if result.format == Format.CSV:
        warn(*warnings)
    if result.format != Format.JSON:
        warn(*gathered.notes)
    if result.format == Format.CSV and any(offer.purchase == "spot" for offer in offers):
        warn(SPOT_NOTE)
    page = price_list(
        cheapest_first(offers),
        age_of=lambda offer: gathered.age_words(offer, now),
        warnings=warnings,
        notices=gathered.notes,
        now=now,
        spot_asked=bool(purchase),
        with_shapes=has_new_types(offers),
    )
    show(page, result, whole_rows=True)
