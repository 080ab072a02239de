"""Options that several commands of ``workloads`` have."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.options import OUT


class EmptyWindows(StrEnum):
    """How to count a window without requests."""

    AUTO = "auto"
    GAP = "gap"
    RATE = "rate"


JsonOut = Annotated[Path | None, OUT("Write the workload to this file, which ends in .json.")]
Note = Annotated[list[str] | None, typer.Option("--note", help="A note for users; repeatable.")]
Title = Annotated[str | None, typer.Option("--title", help="What it is [default: made from the name].")]
Source = Annotated[str | None, typer.Option("--source", help="Where it comes from [default: the file's name].")]
Licence = Annotated[str | None, typer.Option("--licence", help="Its licence.")]
Dated = Annotated[
    str | None, typer.Option("--dated", help="When the traffic was seen [default: from the times, where dated].")
]
ZeroWindows = Annotated[
    EmptyWindows,
    typer.Option(
        "--zeros",
        help="Windows without a request are a gap in the collection, a rate of 0, or auto: a gap where the usual "
        "window holds 10,000 requests or more.",
    ),
]
