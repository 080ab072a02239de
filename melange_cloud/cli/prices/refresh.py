"""``melange-cloud prices refresh``: fetches live prices into the cache."""

from typing import Annotated

import typer

from melange_cloud.cli.options import BULK_DEADLINE, AllRegions, AnyFormat, Deadline, Force, Out, Provider, Purchases
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.price_words import provider_of, purchases_of
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.errors import PricesUnavailable
from melange_cloud.report.page import Format

EXAMPLE = "Example: melange-cloud prices refresh --provider aws --region us-east-1"

Public = Annotated[
    bool,
    typer.Option(
        "--public", help="AWS without credentials: stream its public list, about 300 MB a region, no spot prices."
    ),
]


def refresh(
    provider: Provider = None,
    region: AllRegions = None,
    purchase: Purchases = None,
    public: Public = False,
    deadline: Deadline = BULK_DEADLINE,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Fetch live prices into the cache, from all clouds side by side."""
    from melange_cloud.clouds import plug_ins
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market.gather import refresh as ask_clouds
    from melange_cloud.market.price_query import to_refresh
    from melange_cloud.market.summaries import refresh_summary
    from melange_cloud.report.pages.price_checks import refreshed

    result = result_of(out, format_, Format, force=force)
    deadline_s = deadline_of(deadline)
    sources = plug_ins()
    broken = [str(problem) for problem in sources.problems]
    warn(*broken)
    selected = to_refresh(region, provider_of(provider), sources, public=public)
    with fetch_bar() as progress:
        outcomes = ask_clouds(
            selected,
            purchases_of(purchase),
            public=public,
            progress=progress,
            sources=sources,
            deadline_s=deadline_s,
        )
    clouds, notes = refresh_summary(outcomes)
    warn(*notes)
    if not clouds:
        raise PricesUnavailable("no price could be read: `melange-cloud prices doctor` says what is missing")
    show(refreshed(clouds, [*broken, *notes]), result, whole_rows=True)
