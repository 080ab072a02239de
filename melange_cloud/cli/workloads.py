"""``melange-cloud workloads``: lists, shows and makes request mixes."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.output import emit, rendered
from melange_cloud.errors import BadInput

if TYPE_CHECKING:
    from melange_cloud.domain import Workload
    from melange_cloud.workload import WorkloadFile

SCHEMA_VERSION = 1

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


Out = Annotated[Path | None, typer.Option("--out", help="Write here instead of to stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite --out if it exists.")]
Note = Annotated[list[str] | None, typer.Option("--note", help="Something that a user should know; repeatable.")]


@app.command("list", epilog="Example: melange-cloud workloads list")
def list_() -> None:
    """List the shipped workloads."""
    from rich.table import Table
    from rich.text import Text

    from melange_cloud.workload import list_workloads, load_workload

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Name", "What it is"):
        table.add_column(heading, overflow="fold")
    for heading in ("Mean in", "Mean out", "Buckets"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name in list_workloads():
        workload = load_workload(name)
        table.add_row(
            Text(name),
            Text(workload.title),
            f"{workload.mean_input_tokens:,.0f}",
            f"{workload.mean_output_tokens:,.0f}",
            f"{len(workload.buckets)}",
        )
    emit(rendered(table), None)


@app.command(epilog="Example: melange-cloud workloads show conversation --format json")
def show(
    name_or_file: Annotated[
        str, typer.Argument(metavar="NAME|FILE", help="A shipped workload, a workload file or a histogram (.csv).")
    ],
    format_: Annotated[Format, typer.Option("--format", help="How to show it.")] = Format.TABLE,
    out: Out = None,
    force: Force = False,
) -> None:
    """Show a workload: its buckets with shares and mean sizes, its source and its licence."""
    from melange_cloud.workload import load_workload_file

    _may_write(out, force)
    held = load_workload_file(name_or_file)
    emit(_as_json(held) if format_ is Format.JSON else _as_table(held), out)


@app.command(
    "from-trace",
    epilog="Example: melange-cloud workloads from-trace requests.csv.gz --name mine --out mine.json",
)
def from_trace(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV, gzip or not, with columns input_tokens, output_tokens and optionally arrival_s."
        ),
    ],
    name: Annotated[str | None, typer.Option("--name", help="Short name; default: the file's.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What it is; default: name and requests.")] = None,
    source: Annotated[
        str | None, typer.Option("--source", help="Where it comes from; default: the file's name.")
    ] = None,
    licence: Annotated[str, typer.Option("--licence", help="Under which it may be passed on.")] = "not stated",
    note: Note = None,
    ignore_times: Annotated[
        bool, typer.Option("--ignore-times", help="The times are not real: keep no arrival rates.")
    ] = False,
    out: Out = None,
    force: Force = False,
) -> None:
    """Make a workload file from a trace: one row per request, nothing clamped, nothing dropped."""
    from melange_cloud.workload import read_trace, workload_from_requests, write_workload

    _may_write(out, force)
    trace = read_trace(file)
    name = name or file.name.split(".")[0] or "trace"
    workload = workload_from_requests(
        trace.input_tokens,
        trace.output_tokens,
        name=name,
        title=title or f"{name}, {len(trace.input_tokens):,} requests",
        source=source or file.name,
        licence=licence,
        notes=note or (),
    )
    emit(write_workload(workload, None if ignore_times else trace.arrival_rates()), out)


@app.command(epilog="Example: melange-cloud workloads mix chat=0.8 document=0.2 --name mixed --out mixed.json")
def mix(
    parts: Annotated[
        list[str], typer.Argument(metavar="NAME|FILE=WEIGHT...", help="Workloads and their fractions; they sum to 1.")
    ],
    name: Annotated[str | None, typer.Option("--name", help="Short name; default: that of --out, else mix.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="What it is; default: the parts.")] = None,
    note: Note = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Make a workload file from several workloads, each with its fraction of the requests."""
    from melange_cloud import workload

    _may_write(out, force)
    weighted: dict[str, tuple[Workload, float]] = {}
    for part in parts:
        part_name, weight = _name_and_weight(part)
        if part_name in weighted:
            raise BadInput(f"{part_name} stands twice: give it once, with the sum of its weights")
        weighted[part_name] = workload.load_workload(part_name), weight
    mixed = workload.mix(
        weighted,
        name or (out.stem if out else "mix"),
        title or " + ".join(f"{100 * weight:g} % {part}" for part, (_, weight) in weighted.items()),
        notes=note or (),
    )
    emit(workload.write_workload(mixed), out)


def _name_and_weight(part: str) -> tuple[str, float]:
    name, _, text = part.rpartition("=")
    try:
        weight = float(text)
    except ValueError:
        weight = float("nan")
    if not name or not 0 < weight <= 1:
        raise BadInput(f"{part!r}: write NAME=WEIGHT such as chat=0.8, with a weight above 0 and at most 1")
    return name, weight


def _may_write(out: Path | None, force: bool) -> None:
    if out is not None and out.is_file() and not force:
        raise BadInput(f"{out}: exists; choose another --out, or overwrite it with --force")


def _as_json(held: "WorkloadFile") -> str:
    """The JSON of ``show``; null is "the file does not hold it"."""
    workload, arrivals = held.workload, held.arrival_rates
    answer = {
        "schema_version": SCHEMA_VERSION,
        "name": workload.name,
        "title": workload.title,
        "requests": workload.requests,
        "rows_unreadable": None,
        "input_tokens": {"mean": workload.mean_input_tokens, "p50": None, "p90": None, "p99": None},
        "output_tokens": {"mean": workload.mean_output_tokens, "p50": None, "p90": None, "p99": None},
        "requests_per_s": {
            "mean": arrivals.mean_requests_per_s if arrivals else None,
            "p95": arrivals.p95_requests_per_s if arrivals else None,
            "peak": arrivals.peak_requests_per_s if arrivals else None,
            "window_s": arrivals.window_s if arrivals else None,
        },
        "buckets": [
            {
                "input_tokens": [bucket.input_low_tokens, bucket.input_high_tokens],
                "output_tokens": [bucket.output_low_tokens, bucket.output_high_tokens],
                "mean_input_tokens": bucket.mean_input_tokens,
                "mean_output_tokens": bucket.mean_output_tokens,
                "share": bucket.share,
                "longest_total_tokens": bucket.longest_total_tokens,
            }
            for bucket in workload.buckets
        ],
        "source": workload.source,
        "licence": workload.licence,
        "notes": list(workload.notes),
    }
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def _as_table(held: "WorkloadFile") -> str:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    workload, arrivals = held.workload, held.arrival_rates
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("Input tokens", "Output tokens", "Mean in", "Mean out", "Longest", "Share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for bucket in workload.buckets:
        longest = bucket.longest_total_tokens
        table.add_row(
            f"{bucket.input_low_tokens + 1:,}-{bucket.input_high_tokens:,}",
            f"{bucket.output_low_tokens + 1:,}-{bucket.output_high_tokens:,}",
            f"{bucket.mean_input_tokens:,.1f}",
            f"{bucket.mean_output_tokens:,.1f}",
            "-" if longest is None else f"{longest:,}",
            f"{100 * bucket.share:.2f} %" if bucket.share >= 0.00005 else "< 0.01 %",
        )
    facts = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    lines = [
        ("Requests", "-" if workload.requests is None else f"{workload.requests:,}"),
        ("Mean sizes", f"{workload.mean_input_tokens:,.0f} in, {workload.mean_output_tokens:,.0f} out tokens"),
        (
            "Arrivals",
            "no data"
            if arrivals is None
            else f"mean {arrivals.mean_requests_per_s:.2f}, p95 {arrivals.p95_requests_per_s:.2f}, "
            f"peak {arrivals.peak_requests_per_s:.2f} requests/s, over {arrivals.windows:,} windows of "
            f"{arrivals.window_s:,} s",
        ),
        ("Source", workload.source),
        ("Licence", workload.licence),
        *(("Note", note) for note in workload.notes),
    ]
    for term, fact in lines:
        facts.add_row(term, Text(fact))
    return rendered(Group(Text(f"{workload.name}: {workload.title}"), Text(), table, Text(), facts))
