"""Turns traces of single requests into workloads: CSV, JSON Lines or Parquet, gzip or not, one file or many.

See ``melange_cloud.workload.traces.columns`` for the columns. Nothing is clamped; rows that cannot be read are counted,
and the first few are kept with the reason. Memory does not grow with the number of requests.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from melange_cloud.domain import ArrivalRates, Bucket, Drift, Workload, WorkloadFile
from melange_cloud.errors import BadFile, BadInput, Fault
from melange_cloud.workload.arrivals import arrival_rates
from melange_cloud.workload.bucket_edges import Edges, joined, load_error
from melange_cloud.workload.request_tally import CellSums, Tally
from melange_cloud.workload.traces.columns import ColumnChoice, wanted_values
from melange_cloud.workload.traces.drift import drift_by_hour
from melange_cloud.workload.traces.from_csv import read_csv_trace
from melange_cloud.workload.traces.from_json_lines import read_json_trace
from melange_cloud.workload.traces.from_parquet import MAGIC, read_parquet_trace
from melange_cloud.workload.traces.line_blocks import FileLines, OnBytes, expand, size_of
from melange_cloud.workload.traces.trace_rows import TraceState, UnreadableRow
from melange_cloud.workload.traces.verdicts import (
    guessed_unit,
    judged_unit,
    label_notes,
    refuse_mixed_models,
    refuse_sums_of_requests,
    refuse_uncounted_cache,
    refuse_unknown_values,
    unit_is_in_question,
    unit_note,
    which_unit,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_JSON_START = re.compile(rb"\s*[{\[]")


@dataclass(frozen=True, slots=True)
class Trace:
    """The counts of a trace.

    Attributes:
        requests: readable requests.
        unreadable: rows left out; the first few in ``unreadable_rows``.
        taken: file -> how its columns were interpreted, in words.
        grid: the cells that become buckets.
        load_error: from charging each bucket at its mean sizes (``bucket_edges.load_error``).
        arrival_rates: None if there are no times, or too few.
        drift: None if the trace has fewer than two complete hours.
        dated: first and last day (UTC) of the arrivals; empty if times have no date.
        notes: what a user should know about the reading.
        cached_input_share: fraction of all input tokens that were read from a prompt cache; None unless every file
            says so.
    """

    tally: Tally
    grid: CellSums
    unreadable: int
    unreadable_rows: tuple[UnreadableRow, ...]
    taken: dict[Path, str]
    load_error: float
    arrival_rates: ArrivalRates | None
    drift: Drift | None
    dated: str
    notes: tuple[str, ...]
    cached_input_share: float | None = None

    @property
    def requests(self) -> int:
        """Number of requests that could be read."""
        return self.tally.requests

    def workload_file(
        self, *, name: str, title: str, source: str, licence: str, notes: Iterable[str] = (), dated: str = ""
    ) -> WorkloadFile:
        """The trace as a workload file."""
        workload = Workload(name, title, buckets_of(self.grid), source, licence, self.requests, (*notes, *self.notes))
        return WorkloadFile(
            workload,
            self.arrival_rates,
            rows_unreadable=self.unreadable,
            input_tokens=self.tally.input_values.figures(),
            output_tokens=self.tally.output_values.figures(),
            drift=self.drift,
            load_error=self.load_error,
            dated=dated or self.dated,
            cached_input_share=self.cached_input_share,
        )


def read_trace(
    files: Sequence[str | Path] | str | Path,
    asked: ColumnChoice | None = None,
    edges: Edges | None = None,
    *,
    zeros: str = "auto",
    on_bytes: Callable[[int, int], None] | None = None,
) -> Trace:
    """Read traces (paths and globs) and count them as one.

    Args:
        asked: the columns, if they cannot be found automatically.
        edges: where buckets end; None uses the paper's, extended as far as the data goes.
        zeros: how to count a window without requests: ``gap``, ``rate`` or ``auto`` (see ``arrivals``).
        on_bytes: called with (bytes read, total bytes).

    Raises:
        BadInput: a file cannot be read, or its times cannot be right.
        BadFile: a file has no columns of sizes, is damaged, or has no readable row.
    """
    asked, edges = asked or ColumnChoice(), edges or Edges()
    wanted_values(asked.where)
    paths = expand([files] if isinstance(files, str | Path) else files)
    sizes = {path: size_of(path) for path in paths}
    reading = _read_all(sizes, asked, edges, {}, on_bytes)
    if unit_is_in_question(reading):
        unit = judged_unit(reading)
        if unit != guessed_unit(reading) and guessed_unit(reading) != "s":
            # Fractions of a second that a coarser unit drops may change the decision.
            reading = _read_all(sizes, asked, edges, dict.fromkeys(paths, "s"), on_bytes)
            unit = judged_unit(reading)
        if unit is None:
            raise BadInput(which_unit(reading))
        if unit != guessed_unit(reading):
            reading = _read_all(sizes, asked, edges, dict.fromkeys(paths, unit), on_bytes)
    return _counted(reading, edges, zeros, len(paths))


def _read_all(
    sizes: dict[Path, int],
    asked: ColumnChoice,
    edges: Edges,
    units: dict[Path, str],
    on_bytes: Callable[[int, int], None] | None,
) -> TraceState:
    """All files, counted.

    Args:
        units: of times, if they have been decided.

    Raises:
        BadInput, BadFile: see ``read_trace``.
    """
    reading = TraceState(Tally(edges.input_tokens, edges.output_tokens), units)
    before, total = 0, sum(sizes.values())
    for path, size in sizes.items():

        def report(count: int, done: int = before) -> None:
            if on_bytes is not None:
                on_bytes(done + count, total)

        _read(path, asked, reading, size, report)
        before += size
    if not reading.tally.requests and reading.passed_over:
        refuse_unknown_values(reading)  # there are no unreadable rows to blame
    if not reading.tally.requests and reading.shown:
        raise BadFile([Fault(row.path, row.reason, line=row.line) for row in reading.shown])
    refuse_unknown_values(reading)
    if not reading.tally.requests:
        raise BadFile([Fault(path, "has no requests") for path in sizes])
    refuse_sums_of_requests(reading)
    refuse_mixed_models(reading)
    refuse_uncounted_cache(reading)
    return reading


def buckets_of(grid: CellSums) -> tuple[Bucket, ...]:
    """The cells with requests, sorted by size."""
    requests = int(grid.counts.sum())
    found = []
    for row, column in zip(*(places.tolist() for places in grid.counts.nonzero()), strict=True):
        count = int(grid.counts[row, column])
        found.append(
            Bucket(
                int(grid.input_edges[row - 1]) if row else 0,
                int(grid.input_edges[row]),
                int(grid.output_edges[column - 1]) if column else 0,
                int(grid.output_edges[column]),
                mean_input_tokens=int(grid.inputs[row, column]) / count,
                mean_output_tokens=int(grid.outputs[row, column]) / count,
                share=count / requests,
                longest_total_tokens=int(grid.longest[row, column]),
            )
        )
    return tuple(found)


def _read(path: Path, asked: ColumnChoice, reading: TraceState, size: int, on_bytes: OnBytes) -> None:
    with FileLines(path, on_bytes) as lines:
        if lines.start.startswith(_UTF_16):
            raise BadFile([Fault(path, "is UTF-16 text: save it as UTF-8", line=1)])
        if lines.start.startswith(MAGIC):
            read_parquet_trace(path, asked, reading, size, on_bytes)
        elif _JSON_START.match(lines.start):
            read_json_trace(lines, asked, reading)
        else:
            read_csv_trace(lines, asked, reading)


def _counted(reading: TraceState, edges: Edges, zeros: str, files: int) -> Trace:
    tally = reading.tally
    grid = joined(tally.grid) if edges.auto else tally.grid
    clocks = set(reading.clocks.values())
    notes = list(dict.fromkeys(reading.notes))
    timed = tally.timed_requests == tally.requests and len({clock.absolute for clock in clocks}) == 1
    if timed and unit_is_in_question(reading):
        notes.append(unit_note(reading))
    if clocks and not timed:
        notes.append("no arrival rates: not all files have times with dates")
    absolute = timed and next(iter(clocks)).absolute
    if timed and not absolute and files > 1:
        notes.append(f"the times of the {files} files have no date; we assume that they count from the same origin")
    of_numbers = any(not clock.is_text for clock in clocks)
    rates = arrival_rates(tally, absolute=absolute, zeros=zeros, unit_may_err=of_numbers) if timed else None
    if timed and rates is None:
        notes.append("no arrival rates: the times span less than a minute")
    if rates is not None and rates.gaps:
        notes.append(
            f"{rates.gaps} of {len(rates.requests_by_window)} windows have no requests; they count as gaps in the "
            "collection, not as quiet traffic"
        )
    notes += label_notes(reading)
    for kind, values in (("input", tally.input_values), ("output", tally.output_values)):
        if values.zeros:
            notes.append(
                f"{values.zeros:,} of {tally.requests:,} requests have 0 {kind} tokens; they count in the first {kind} "
                "range with size 0"
            )
    if reading.unreadable:
        rows, verb = reading.unreadable + tally.requests, "is" if reading.unreadable == 1 else "are"
        notes.append(f"{reading.unreadable:,} of {rows:,} rows could not be read and {verb} left out")
    return Trace(
        tally=tally,
        grid=grid,
        unreadable=reading.unreadable,
        unreadable_rows=tuple(reading.shown),
        taken=reading.taken,
        load_error=load_error(grid),
        arrival_rates=rates,
        drift=drift_by_hour(tally, absolute=absolute) if timed else None,
        dated=_days(tally) if absolute else "",
        notes=tuple(notes),
        cached_input_share=(
            None
            if reading.uncached_files or not tally.input_values.total
            else reading.cached_tokens / tally.input_values.total
        ),
    )


def _days(tally: Tally) -> str:
    first, last = (
        _EPOCH + timedelta(seconds=second) for second in (tally.by_second.least or 0, tally.by_second.most or 0)
    )
    return f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"
