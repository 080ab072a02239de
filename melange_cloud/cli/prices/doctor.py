"""``melange-cloud prices doctor``: what is in the way of fresh prices."""

import typer

from melange_cloud.cli import current_time
from melange_cloud.cli.options import DEADLINE, AnyFormat, Deadline, Force, Offline, Out
from melange_cloud.cli.output import show
from melange_cloud.cli.result_file import result_of
from melange_cloud.errors import PricesUnavailable
from melange_cloud.report.page import Format

EXAMPLE = "Example: melange-cloud prices doctor"


def doctor(
    offline: Offline = False,
    deadline: Deadline = DEADLINE,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Check credentials, endpoints and permissions, and the age of all prices; say how to fix what is wrong.

    Exit code 5: something is set up but does not work.
    """
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market.doctor import examine
    from melange_cloud.report.pages.price_checks import checks

    result = result_of(out, format_, Format, force=force)
    made = examine(offline=offline, now=current_time.now(), deadline_s=deadline_of(deadline))
    show(checks(made), result, whole_rows=True)
    if any(check.status == "failed" for check in made):
        raise typer.Exit(PricesUnavailable.exit_code)
