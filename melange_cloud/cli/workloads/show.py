"""``melange-cloud workloads show``: what a workload file holds."""

from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.options import AnyFormat, Force, Out
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format


def show(
    name_or_file: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A shipped workload, a workload file or a histogram (.csv).")
    ],
    buckets: Annotated[bool, typer.Option("--buckets", help="Also list every bucket with its mean sizes.")] = False,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Show a workload: sizes as a heat map, means and quantiles, the rate over time, source and licence."""
    from melange_cloud.report.pages.workload import workload_page
    from melange_cloud.workload import load_workload_file

    result = result_of(out, format_, Format, force=force)
    output.show(workload_page(load_workload_file(name_or_file), buckets=buckets), result)
