"""``melange-cloud workloads from-counts``: a workload file out of a histogram, and arrivals."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.options import Force
from melange_cloud.cli.output import emit, note
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

EXAMPLE = "Example: melange-cloud workloads from-counts --histogram counts.csv --rates hourly.csv --output mine.json"


def from_counts(
    histogram: Annotated[
        str,
        typer.Option(
            "--histogram",
            metavar="NAME|FILE",
            help="Sizes: a histogram (.csv, .csv.gz), one by hours, whose arrivals count too, or a workload.",
        ),
    ],
    rates: Annotated[
        Path | None,
        typer.Option("--rates", help="Arrivals: a CSV of times with requests, or requests_per_s, per window."),
    ] = None,
    rates_source: Annotated[
        str | None, typer.Option("--rates-source", help="Whose arrivals they are [default: the file's name].")
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
    name: Annotated[str | None, typer.Option("--name", help="Short name [default: that of --output].")] = None,
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

    from melange_cloud.report.pages.arrivals import rates_in_words
    from melange_cloud.workload import SizeFacts, read_histogram, read_rates, with_rates, write_workload

    result = result_of(out, None, ["json"], force=force)
    sizes = SizeFacts(mean_input, mean_output, longest_input, longest_output)
    held = read_histogram(histogram, sizes)
    if rates is not None:
        found = read_rates(rates, zeros.value)
        note(f"{rates}: {rates_in_words(found)}")
        held = with_rates(held, found, rates_source or rates.name)
    elif held.arrival_rates is not None:
        note(f"{histogram}: {rates_in_words(held.arrival_rates)}")
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
