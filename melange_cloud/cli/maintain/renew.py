"""``melange-cloud maintain renew-prices``: renews the snapshot that ships with melange-cloud."""

from pathlib import Path
from typing import Annotated

from melange_cloud.cli.options import BULK_DEADLINE, FORMAT, OUT, Deadline
from melange_cloud.cli.output import show, warn
from melange_cloud.cli.prices.refresh import Public
from melange_cloud.cli.progress import fetch_bar
from melange_cloud.cli.result_file import ResultFile, refuse_unwritable
from melange_cloud.report.page import Format

EXAMPLE = "Example: melange-cloud maintain renew-prices --output renewed-pricing"


def renew(
    public: Public = False,
    out: Annotated[
        Path | None,
        OUT("The folder to renew, or a new one [default: pricing/ of the checkout]."),
    ] = None,
    deadline: Deadline = BULK_DEADLINE,
    format_: Annotated[Format, FORMAT(default="")] = Format.TABLE,
) -> None:
    """Renew the shipped snapshot: ask both clouds for all regions, write pricing/, and say what changed.

    All files are written or none. What was not answered keeps its rows, with their
    dates and sources; pricing/README.md says what to check before the commit.
    """
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market.renew import renew
    from melange_cloud.market.summaries import renewal_summary
    from melange_cloud.report.pages.price_difference import renewal

    if out is not None:
        refuse_unwritable(out)
    deadline_s = deadline_of(deadline)
    with fetch_bar() as progress:
        done = renew(out, public=public, progress=progress, deadline_s=deadline_s)
    warn(*done.notes)
    warn(*(f"check: {line}" for line in done.checks))
    show(renewal(renewal_summary(done)), ResultFile(format_), whole_rows=True)
