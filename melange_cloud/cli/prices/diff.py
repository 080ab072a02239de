"""``melange-cloud prices diff``: what moved between two sets of prices."""

from typing import Annotated

import typer

from melange_cloud.cli import current_time
from melange_cloud.cli.options import AllRegions, AnyFormat, Force, Out, Provider, Purchases
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.price_words import provider_of, purchases_of
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format

EXAMPLE = "Example: melange-cloud prices diff snapshot cache --provider aws"


SIDES = "snapshot, cache, a day (2026-11-22) or a price sheet."


def diff(
    before: Annotated[str, typer.Argument(help=SIDES, metavar="SIDE")] = "snapshot",
    after: Annotated[str, typer.Argument(help="The same, for the other side.", metavar="SIDE")] = "cache",
    provider: Provider = None,
    region: AllRegions = None,
    purchase: Purchases = None,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Compare two sets of prices: what changed and by how much, what appeared, what vanished.

    Only what both sides cover is compared, by region and purchase. Prices are before discounts.
    """
    from melange_cloud.market.compared_prices import compare
    from melange_cloud.report.pages.price_difference import price_difference

    result = result_of(out, format_, Format, force=force)
    found, notes = compare(
        before,
        after,
        regions=region,
        provider=provider_of(provider),
        purchases=purchases_of(purchase),
        today=current_time.now().date(),
    )
    warn(*notes)
    show(price_difference(found, (before, after)), result, whole_rows=True)
