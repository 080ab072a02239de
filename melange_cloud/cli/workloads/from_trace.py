"""``melange-cloud workloads from-trace``: a workload file out of logs."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.options import Force
from melange_cloud.cli.output import emit, note, warn
from melange_cloud.cli.progress import reading_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.cli.workloads.workload_options import (
    Dated,
    EmptyWindows,
    JsonOut,
    Licence,
    Note,
    Source,
    Title,
    ZeroWindows,
)
from melange_cloud.errors import BadInput

if TYPE_CHECKING:
    from melange_cloud.workload import Edges

EXAMPLE = "Example: melange-cloud workloads from-trace 'logs/*.jsonl.gz' --name mine --output mine.json"


class EdgeSource(StrEnum):
    """Where buckets end, unless edges are given."""

    PAPER = "paper"
    AUTO = "auto"


class TimeUnit(StrEnum):
    """What times that are numbers count."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"
    MINUTES = "min"
    HOURS = "h"


def from_trace(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="CSV, JSON Lines (both gzip or not) or Parquet, one row per request; globs may be quoted.",
        ),
    ],
    input_column: Annotated[
        str | None, typer.Option("--input-column", metavar="COLUMN", help="Column of input tokens; A+B adds up two.")
    ] = None,
    output_column: Annotated[
        str | None, typer.Option("--output-column", metavar="COLUMN", help="Column of output tokens; A+B adds up two.")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option("--time-column", help="Column of arrival times.", metavar="COLUMN")
    ] = None,
    time_unit: Annotated[
        TimeUnit | None,
        typer.Option("--time-unit", help="Unit of numeric times [default: by name, size, span and rate]."),
    ] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(
            "--time-zone", metavar="ZONE", help="Time zone of times without one, such as Europe/Berlin [default: UTC]."
        ),
    ] = None,
    ignore_times: Annotated[
        bool, typer.Option("--ignore-times", help="Ignore the times; the workload then has no arrival rates.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="COLUMN=VALUE",
            help="Count only these rows, such as model=NAME; * is any value. Repeatable: the same column allows each "
            "value, several columns must all match.",
        ),
    ] = None,
    zeros: ZeroWindows = EmptyWindows.AUTO,
    edges: Annotated[
        EdgeSource,
        typer.Option("--edges", help="Where buckets end: as in the paper, or auto: few buckets, little error in load."),
    ] = EdgeSource.PAPER,
    input_edges: Annotated[
        str | None,
        typer.Option("--input-edges", metavar="TOKENS", help="Upper edges of the input ranges: 100,1000,8000."),
    ] = None,
    output_edges: Annotated[
        str | None, typer.Option("--output-edges", metavar="TOKENS", help="Upper edges of the output ranges: 50,500.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Short name [default: the first file's].")] = None,
    title: Title = None,
    source: Source = None,
    licence: Licence = None,
    dated: Dated = None,
    note_: Note = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file from traces: nothing clamped, rows that cannot be read are counted and shown.

    Columns are detected in Azure LLM traces, BurstGPT, Mooncake, Bailian, ServeGen, LiteLLM, vLLM and
    OpenTelemetry logs and in usage records of OpenAI, Anthropic, Gemini and Bedrock, or named by the options. Input
    tokens include those read from a prompt cache. A log of several models needs --where.
    """
    from melange_cloud.report.pages.trace_notes import trace_notes, trace_warnings
    from melange_cloud.workload import ColumnChoice, read_trace, write_workload

    result = result_of(out, None, ["json"], force=force)
    asked = ColumnChoice(
        input_column,
        output_column,
        time_column,
        time_unit.value if time_unit else None,
        time_zone,
        ignore_times,
        tuple(where or ()),
    )
    with reading_bar(files) as on_bytes:
        trace = read_trace(files, asked, _edges(edges, input_edges, output_edges), zeros=zeros.value, on_bytes=on_bytes)
    name = name or Path(files[0]).name.split(".")[0].strip("*?-_") or "trace"
    made = trace.workload_file(
        name=name,
        title=title or f"{name}, {trace.requests:,} requests",
        source=source or ", ".join(Path(file).name for file in files),
        licence=licence or "not stated",
        notes=note_ or (),
        dated=dated or "",
    )
    taken = {str(path): words for path, words in trace.taken.items()}
    for line in trace_notes(made, taken):
        note(line)
    warn(*trace_warnings(map(str, trace.unreadable_rows), trace.notes))
    emit(write_workload(made), result)


def _edges(where: EdgeSource, input_edges: str | None, output_edges: str | None) -> "Edges | None":
    from melange_cloud.workload import Edges, checked_edges, fine_edges

    if input_edges is None and output_edges is None:
        return fine_edges() if where is EdgeSource.AUTO else None
    if where is EdgeSource.AUTO:
        raise BadInput("--edges auto finds the edges itself: leave out --input-edges and --output-edges, or --edges")
    usual = Edges()
    return Edges(
        usual.input_tokens if input_edges is None else checked_edges(input_edges, "--input-edges"),
        usual.output_tokens if output_edges is None else checked_edges(output_edges, "--output-edges"),
    )
