"""``melange-cloud workloads``: lists, shows and makes request mixes."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.output import emit, note, rendered
from melange_cloud.cli.result_file import ResultFile, output_option, result_of
from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import BadInput, echoed, shown
from melange_cloud.inputs import NotANumber, parse_number

if TYPE_CHECKING:
    from melange_cloud.domain import Workload
    from melange_cloud.workload import Edges, Trace

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Request sizes and how often each comes: shipped workloads, and your own.",
    epilog="Example: melange-cloud workloads show conversation",
)


class Format(StrEnum):
    """How a workload is shown."""

    TABLE = "table"
    JSON = "json"


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


class EmptyWindows(StrEnum):
    """What a window without any request is."""

    AUTO = "auto"
    GAP = "gap"
    RATE = "rate"


class RateStatistic(StrEnum):
    """Which of a workload's rates is meant."""

    MEAN = "mean"
    P95 = "p95"
    PEAK = "peak"


Out = Annotated[Path | None, output_option()]
JsonOut = Annotated[Path | None, output_option("Write the workload to this file, which ends in .json.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite --output if it exists.")]
Note = Annotated[list[str] | None, typer.Option("--note", help="Something that a user should know; repeatable.")]
Title = Annotated[str | None, typer.Option("--title", help="What it is; default: made from the name.")]
Source = Annotated[str | None, typer.Option("--source", help="Where it comes from; default: the file's name.")]
Licence = Annotated[str | None, typer.Option("--licence", help="Under which it may be passed on.")]
Dated = Annotated[
    str | None, typer.Option("--dated", help="When the traffic was seen; default: from the times, where dated.")
]
ZeroWindows = Annotated[
    EmptyWindows,
    typer.Option(
        "--zeros",
        help="Windows without a request are a gap in the collection, a rate of 0, or auto: a gap where the usual "
        "window holds 10,000 requests or more.",
    ),
]


@app.command("list", epilog="Example: melange-cloud workloads list")
def list_() -> None:
    """List the shipped workloads."""
    from rich.table import Table
    from rich.text import Text

    from melange_cloud.report.text import short_rate
    from melange_cloud.workload import list_workloads, load_workload_file

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Name", "What it is"):
        table.add_column(heading, overflow="fold")
    for heading in ("Mean in", "Mean out", "Buckets", "Mean/s", "Peak/s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in list_workloads():
        held = load_workload_file(name)
        workload, rates = held.workload, held.arrival_rates
        table.add_row(
            Text(name),
            Text(echoed(workload.title, 200)),
            f"{workload.mean_input_tokens:,.0f}",
            f"{workload.mean_output_tokens:,.0f}",
            f"{len(workload.buckets)}",
            *(short_rate(rate) for rate in (rates.mean_requests_per_s, rates.peak_requests_per_s))
            if rates
            else ("-", "-"),
        )
    emit(rendered(table))


@app.command(epilog="Example: melange-cloud workloads show conversation --format json")
def show(
    name_or_file: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A shipped workload, a workload file or a histogram (.csv).")
    ],
    buckets: Annotated[bool, typer.Option("--buckets", help="Also list every bucket with its mean sizes.")] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
    ] = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Show a workload: sizes as a heat map, means and quantiles, the rate over time, source and licence."""
    from melange_cloud.cli.workloads import workload_page
    from melange_cloud.workload import load_workload_file

    result = _may_write(result_of(out, format_, Format), force)
    held = load_workload_file(name_or_file)
    if result.format == Format.JSON:
        emit(workload_page.as_json(held), result)
    else:
        emit(workload_page.as_page(held, buckets=buckets, in_colour=result.path is None), result)


@app.command(
    "from-trace",
    epilog="Example: melange-cloud workloads from-trace 'logs/*.jsonl.gz' --name mine --output mine.json",
)
def from_trace(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="CSV, JSON Lines (both gzip or not) or Parquet, one row per request; globs may be quoted.",
        ),
    ],
    input_column: Annotated[
        str | None, typer.Option("--input-column", help="Column of input tokens; A+B adds up two.")
    ] = None,
    output_column: Annotated[
        str | None, typer.Option("--output-column", help="Column of output tokens; A+B adds up two.")
    ] = None,
    time_column: Annotated[str | None, typer.Option("--time-column", help="Column of arrival times.")] = None,
    time_unit: Annotated[
        TimeUnit | None,
        typer.Option("--time-unit", help="Of times that are numbers; default: by name, size, span and rate."),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="Of times that carry none, such as Europe/Berlin; default: UTC.")
    ] = None,
    ignore_times: Annotated[
        bool, typer.Option("--ignore-times", help="The times are not real: keep no arrival rates.")
    ] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="COLUMN=VALUE",
            help="Count only such rows, as in model=NAME; * is any value. Repeatable: the same column allows each "
            "value, several columns must all match.",
        ),
    ] = None,
    zeros: ZeroWindows = EmptyWindows.AUTO,
    edges: Annotated[
        EdgeSource,
        typer.Option("--edges", help="Where buckets end: as in the paper, or auto: few buckets, little error in load."),
    ] = EdgeSource.PAPER,
    input_edges: Annotated[
        str | None, typer.Option("--input-edges", help="Upper edges of the input ranges: 100,1000,8000.")
    ] = None,
    output_edges: Annotated[
        str | None, typer.Option("--output-edges", help="Upper edges of the output ranges: 50,500.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Short name; default: the first file's.")] = None,
    title: Title = None,
    source: Source = None,
    licence: Licence = None,
    dated: Dated = None,
    note_: Note = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file from traces: nothing clamped, rows that cannot be read are counted and shown.

    Columns are found by themselves in Azure LLM traces, BurstGPT, Mooncake, Bailian, ServeGen, LiteLLM, vLLM and
    OpenTelemetry logs and in usage records of OpenAI, Anthropic, Gemini and Bedrock, or named by the options. Input
    tokens include those read from a prompt cache. A log of several models needs --where.
    """
    from melange_cloud.workload import ColumnChoice, read_trace, write_workload

    result = _may_write(result_of(out, None, ["json"]), force)
    asked = ColumnChoice(
        input_column,
        output_column,
        time_column,
        time_unit.value if time_unit else None,
        time_zone,
        ignore_times,
        tuple(where or ()),
    )
    with _progress() as on_bytes:
        trace = read_trace(files, asked, _edges(edges, input_edges, output_edges), zeros=zeros.value, on_bytes=on_bytes)
    _tell(trace)
    name = name or Path(files[0]).name.split(".")[0].strip("*?-_") or "trace"
    held = trace.workload_file(
        name=name,
        title=title or f"{name}, {trace.requests:,} requests",
        source=source or ", ".join(Path(file).name for file in files),
        licence=licence or "not stated",
        notes=note_ or (),
        dated=dated or "",
    )
    emit(write_workload(held), result)


@app.command(
    "from-counts",
    epilog="Example: melange-cloud workloads from-counts --histogram counts.csv --rates hourly.csv --output mine.json",
)
def from_counts(
    histogram: Annotated[
        str,
        typer.Option(
            "--histogram",
            metavar="NAME|FILE",
            help="Sizes: a histogram (.csv, also .csv.gz, also by hours), or a workload.",
        ),
    ],
    rates: Annotated[
        Path | None,
        typer.Option("--rates", help="Arrivals: a CSV of times with requests, or requests_per_s, per window."),
    ] = None,
    rates_source: Annotated[
        str | None, typer.Option("--rates-source", help="Whose arrivals they are; default: the file's name.")
    ] = None,
    mean_input: Annotated[float | None, typer.Option("--mean-input", help="Mean input tokens of all requests.")] = None,
    mean_output: Annotated[
        float | None, typer.Option("--mean-output", help="Mean output tokens of all requests.")
    ] = None,
    longest_input: Annotated[
        int | None, typer.Option("--longest-input", help="Where the open input range (>32000) ends.")
    ] = None,
    longest_output: Annotated[
        int | None, typer.Option("--longest-output", help="Where the open output range (>4000) ends.")
    ] = None,
    zeros: ZeroWindows = EmptyWindows.AUTO,
    name: Annotated[str | None, typer.Option("--name", help="Short name; default: that of --output.")] = None,
    title: Title = None,
    source: Source = None,
    licence: Licence = None,
    dated: Dated = None,
    note_: Note = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file from a histogram, with the arrivals of the same or of another source."""
    from dataclasses import replace

    from melange_cloud.cli.workloads.workload_page import rates_in_words
    from melange_cloud.workload import SizeFacts, read_histogram, read_rates, with_rates, write_workload

    result = _may_write(result_of(out, None, ["json"]), force)
    sizes = SizeFacts(mean_input, mean_output, longest_input, longest_output)
    held = read_histogram(histogram, sizes)
    if rates is not None:
        found = read_rates(rates, zeros.value)
        note(f"{rates}: {rates_in_words(found)}")
        held = with_rates(held, found, rates_source or rates.name)
    workload = held.workload
    named = replace(
        workload,
        name=name or (result.path.stem if result.path else workload.name),
        title=title or workload.title,
        source=source or workload.source,
        licence=licence or workload.licence,
        notes=(*(note_ or ()), *workload.notes),
    )
    emit(write_workload(replace(held, workload=named, dated=dated or held.dated)), result)


@app.command(epilog="Example: melange-cloud workloads mix chat=0.8 document=0.2 --name mixed --output mixed.json")
def mix(
    parts: Annotated[
        list[str], typer.Argument(metavar="NAME|FILE=WEIGHT...", help="Workloads and their fractions; they sum to 1.")
    ],
    name: Annotated[str | None, typer.Option("--name", help="Short name; default: that of --output, else mix.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What it is; default: the parts.")] = None,
    note_: Note = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file from several workloads, each with its fraction of the requests.

    Arrival rates are not mixed: give the mixture its own with `workloads from-counts --rates`, or plan with --rate.
    """
    from melange_cloud import workload

    result = _may_write(result_of(out, None, ["json"]), force)
    weighted: dict[str, tuple[Workload, float]] = {}
    for part in parts:
        part_name, weight = _name_and_weight(part)
        if part_name in weighted:
            raise BadInput(f"{echoed(part_name)} stands twice: give it once, with the sum of its weights")
        weighted[part_name] = workload.load_workload(part_name), weight
    mixed = workload.mix(
        weighted,
        name or (result.path.stem if result.path else "mix"),
        title or " + ".join(f"{100 * weight:g} % {part}" for part, (_, weight) in weighted.items()),
        notes=note_ or (),
    )
    emit(workload.write_workload(workload.WorkloadFile(mixed)), result)


@app.command(epilog="Example: melange-cloud workloads scale code-week --rate 25 --at p95 --output ours.json")
def scale(
    name_or_file: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A shipped workload or a workload file.")],
    times: Annotated[float | None, typer.Option("--times", help="So many times the arrivals.")] = None,
    rate: Annotated[float | None, typer.Option("--rate", help="So that the rate named by --at is this.")] = None,
    at: Annotated[
        RateStatistic, typer.Option("--at", help="What --rate sets: mean, p95 or peak.")
    ] = RateStatistic.PEAK,
    longest: Annotated[
        int | None,
        typer.Option("--longest", help="Leave out buckets with requests over so many tokens, input + output."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Short name; default: that of --output, else as before.")
    ] = None,
    out: JsonOut = None,
    force: Force = False,
) -> None:
    """Make a workload file of the same shape at another rate, or without its longest requests."""
    from dataclasses import replace

    from melange_cloud import workload

    result = _may_write(result_of(out, None, ["json"]), force)
    if times is None and rate is None and longest is None:
        raise BadInput("say what to change: --times 2, --rate 25 or --longest 8192")
    held = workload.load_workload_file(name_or_file)
    if longest is not None:
        held = workload.without_longest(held, longest)
    if times is not None or rate is not None:
        held = workload.scale(held, times=times, rate=rate, at=at.value)
    called = name or (result.path.stem if result.path else held.workload.name)
    emit(workload.write_workload(replace(held, workload=replace(held.workload, name=called))), result)


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


def _tell(trace: "Trace") -> None:
    """On stderr: what was read, as what, and what was not."""
    from melange_cloud.cli.workloads.workload_page import rates_in_words

    by_words: dict[str, list[Path]] = {}
    for path, words in trace.taken.items():
        by_words.setdefault(words, []).append(path)
    for words, paths in by_words.items():
        note(f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}: {words}")
    for row in trace.unreadable_rows:
        note(f"left out: {row}")
    for line in trace.notes:
        note(line)
    if trace.cached_input_share:
        note(
            f"{100 * trace.cached_input_share:.3g} % of the input tokens were read from a prompt cache; plans count all"
        )
    buckets = int((trace.grid.counts > 0).sum())
    shown_buckets = f"{buckets} bucket{'' if buckets == 1 else 's'}"
    note(f"{trace.requests:,} requests in {shown_buckets}; load error at most {100 * trace.load_error:.2g} %")
    if trace.arrival_rates is not None:
        note(f"arrivals: {rates_in_words(trace.arrival_rates)}")


def _progress() -> AbstractContextManager[Callable[[int, int], None] | None]:
    """A bar on stderr while files are read; nothing off a terminal."""
    import sys

    if not is_terminal(sys.stderr):
        return nullcontext(None)
    from melange_cloud.cli.progress import reading_bar

    return reading_bar()


def _name_and_weight(part: str) -> tuple[str, float]:
    name, _, text = part.rpartition("=")
    try:
        weight = parse_number(text, 0, 1)
    except NotANumber:
        weight = 0.0
    if not name or weight == 0:
        raise BadInput(f"{shown(part)}: write NAME=WEIGHT such as chat=0.8, with a weight above 0 and at most 1")
    return name, weight


def _may_write(result: ResultFile, force: bool) -> ResultFile:
    """The result, where it overwrites nothing that was not to be overwritten."""
    if result.path is not None and result.path.is_file() and not force:
        raise BadInput(f"{result.path}: exists; choose another --out, or overwrite it with --force")
    return result
