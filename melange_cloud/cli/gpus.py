"""``melange-cloud gpus``: where each GPU is for rent, at which price, whether it can be had, and which models fit."""

from typing import Annotated

from melange_cloud.cli import current_time
from melange_cloud.cli.option_checks import policy_of_lists
from melange_cloud.cli.options import (
    ALL_ROWS,
    DEADLINE,
    MAX_AGE,
    MODEL,
    USUAL_PURCHASES,
    AllRegions,
    AnyFormat,
    ConfigFile,
    Deadline,
    Era,
    Force,
    MaxAge,
    OddPrices,
    OfflineAnyway,
    OnlyGpus,
    Out,
    Precision,
    Provider,
    Refresh,
    Sheet,
    UsualPurchases,
)
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.price_words import gpus_of, provider_of, purchases_of
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.errors import BadInput
from melange_cloud.report.page import Format

EXAMPLES = """
Examples:

melange-cloud gpus

melange-cloud gpus --region us-east-1 --region europe-west4 --gpu H100 --purchase on-demand,spot

melange-cloud gpus --model llama-3.1-70b --region 'us-*' --format csv
"""


def gpus(
    region: AllRegions = None,
    provider: Provider = None,
    gpu: OnlyGpus = None,
    purchase: UsualPurchases = None,
    model: Annotated[
        str | None, MODEL("Only the instances that hold a replica of this model; see `profiles list`.", default="")
    ] = None,
    precision: Precision = None,
    era: Era = None,
    config: ConfigFile = None,
    offline: OfflineAnyway = False,
    refresh: Refresh = False,
    max_age: MaxAge = MAX_AGE,
    prices: Sheet = None,
    accept_odd_prices: OddPrices = False,
    deadline: Deadline = DEADLINE,
    all_rows: Annotated[
        bool, ALL_ROWS("Every region, where none is named, instead of the cheapest of each cloud.")
    ] = False,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """List where each GPU is for rent, and at what price.

    Also whether it can be had, and which models fit.
    """
    from melange_cloud.market.price_query import PriceQuery
    from melange_cloud.planner.gpu_list import GpuQuery, gpu_list
    from melange_cloud.report.pages.gpu_list import gpus_page

    result = result_of(out, format_, Format, force=force)
    if precision and not (model or config):
        raise BadInput("--precision needs --model NAME or --config FILE: shipped models are listed in every precision")
    policy = policy_of_lists(offline=offline, refresh=refresh, max_age=max_age, deadline=deadline)
    query = PriceQuery(
        region or ["all"],
        provider_of(provider),
        purchases_of(purchase, USUAL_PURCHASES),
        policy,
        prices,
        accept_odd_prices,
        gpus_of(gpu),
    )
    asked = GpuQuery(query, bool(region), model, precision, era, config)
    with fetch_bar() as progress:
        answer = gpu_list(asked, now=current_time.now(), progress=progress)
    if result.format == Format.CSV:
        warn(*answer.notices)
    show(gpus_page(answer, all_rows=all_rows), result)


gpus.__doc__ = f"{gpus.__doc__}\n{EXAMPLES}"
