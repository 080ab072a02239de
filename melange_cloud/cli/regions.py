"""``melange-cloud regions``: the regions of each cloud, and which GPUs have a price there."""

from typing import Annotated

import typer

from melange_cloud.cli import current_time
from melange_cloud.cli.option_checks import policy_of_lists
from melange_cloud.cli.options import (
    DEADLINE,
    MAX_AGE,
    REGION,
    AnyFormat,
    Deadline,
    Force,
    MaxAge,
    OddPrices,
    OfflineAnyway,
    OnlyGpus,
    Out,
    Provider,
    Refresh,
    Sheet,
)
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.price_words import gpus_of, provider_of
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format

EXAMPLES = """
Examples:

melange-cloud regions

melange-cloud regions 'eu-*' 'europe-*'

melange-cloud regions --gpu H100 --provider gcp --format csv
"""


def regions(
    name: Annotated[
        list[str] | None,
        typer.Argument(help="Region names or globs ('eu-*'); all unless given.", metavar="[REGION]..."),
    ] = None,
    region: Annotated[list[str] | None, REGION("Region name or glob; the same as without --region.")] = None,
    provider: Provider = None,
    gpu: OnlyGpus = None,
    offline: OfflineAnyway = False,
    refresh: Refresh = False,
    max_age: MaxAge = MAX_AGE,
    prices: Sheet = None,
    accept_odd_prices: OddPrices = False,
    deadline: Deadline = DEADLINE,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """List the regions of each cloud, and what each GPU costs there.

    Prices are on demand.
    """
    from melange_cloud.market.gpu_prices import region_list
    from melange_cloud.market.price_query import PriceQuery, queried
    from melange_cloud.report.pages.region_list import region_list_page

    result = result_of(out, format_, Format, force=force)
    policy = policy_of_lists(offline=offline, refresh=refresh, max_age=max_age, deadline=deadline)
    cloud = provider_of(provider)
    # GovCloud is in no glob, and belongs in a list of all regions.
    every = ["all", *(["us-gov-*"] if cloud in (None, "aws") else [])]
    asked = [*(name or ()), *(region or ())] or every
    query = PriceQuery(asked, cloud, ("on_demand",), policy, prices, accept_odd_prices, gpus_of(gpu))
    now = current_time.now()
    with fetch_bar() as progress:
        answer = region_list(queried(query, now=now, progress=progress), now)
    if result.format == Format.CSV:
        warn(*answer.notices)
    show(region_list_page(answer), result)


regions.__doc__ = f"{regions.__doc__}\n{EXAMPLES}"
