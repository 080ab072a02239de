"""``melange-cloud prices export``: a price sheet that ``--prices FILE`` reads back."""

from melange_cloud.cli import current_time
from melange_cloud.cli.option_checks import price_policy
from melange_cloud.cli.options import (
    DEADLINE,
    MAX_AGE,
    AllRegions,
    Deadline,
    Force,
    MaxAge,
    OddPrices,
    Offline,
    Out,
    Provider,
    Purchases,
    Refresh,
    Sheet,
)
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.price_words import provider_of, purchases_of
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format

EXAMPLE = "Example: melange-cloud prices export --provider gcp --output prices.csv"


def export(
    out: Out = None,
    force: Force = False,
    provider: Provider = None,
    region: AllRegions = None,
    purchase: Purchases = None,
    offline: Offline = False,
    refresh: Refresh = False,
    max_age: MaxAge = MAX_AGE,
    prices: Sheet = None,
    accept_odd_prices: OddPrices = False,
    deadline: Deadline = DEADLINE,
) -> None:
    """Write a price sheet for git or a machine without a network; `--prices FILE` reads it back."""
    from melange_cloud import catalog
    from melange_cloud.market.price_query import PriceQuery, queried
    from melange_cloud.report.pages.prices import price_sheet

    result = result_of(out, None, [Format.CSV], force=force)
    policy = price_policy(offline=offline, refresh=refresh, require_fresh=False, max_age=max_age, deadline=deadline)
    query = PriceQuery(
        region or ["all"], provider_of(provider), purchases_of(purchase), policy, prices, accept_odd_prices
    )
    with fetch_bar() as progress:
        found = queried(query, now=current_time.now(), progress=progress)
    warn(*found.gathered.notes)
    show(price_sheet(sorted(found.offers, key=catalog.key_of)), result)
