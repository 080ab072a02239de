"""``melange-cloud workloads scale``: the same shape at another rate."""

from enum import StrEnum
from typing import Annotated

import typer

from melange_cloud.cli.options import Force
from melange_cloud.cli.output import emit
from melange_cloud.cli.result_file import result_of
from melange_cloud.cli.value_types import FACTOR, RATE_PER_S
from melange_cloud.cli.workloads.workload_options import JsonOut
from melange_cloud.errors import BadInput

EXAMPLE = "Example: melange-cloud workloads scale code-week --rate 25 --at p95 --output ours.json"


class RateStatistic(StrEnum):
    """Which of a workload's rates is meant."""

    MEAN = "mean"
    P95 = "p95"
    PEAK = "peak"


def scale(
    name_or_file: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A shipped workload or a workload file.")],
    times: Annotated[
        float | None, typer.Option("--times", help="Multiply the arrivals by this.", **FACTOR.of("--times"))
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option("--rate", help="Scale so that the rate named by --at is this.", **RATE_PER_S.of("--rate")),
    ] = None,
    at: Annotated[
        RateStatistic, typer.Option("--at", help="What --rate sets: mean, p95 or peak.")
    ] = RateStatistic.PEAK,
    longest: Annotated[
        int | None,
        typer.Option("--longest", help="Leave out buckets with requests over this many tokens, input + output."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Short name [default: that of --output, else as before].")
    ] = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file of the same shape at another rate, or without its longest requests."""
    from dataclasses import replace

    from melange_cloud import workload

    result = result_of(out, None, ["json"], force=force)
    if times is None and rate is None and longest is None:
        raise BadInput("say what to change: --times 2, --rate 25 or --longest 8192")
    held = workload.load_workload_file(name_or_file)
    if longest is not None:
        held = workload.without_longest(held, longest)
    if times is not None or rate is not None:
        held = workload.scale(held, times=times, rate=rate, at=at.value)
    called = name or (result.path.stem if result.path else held.workload.name)
    emit(workload.write_workload(replace(held, workload=replace(held.workload, name=called))), result)
