"""Makes workloads from counts: a histogram (or one per time window), and arrivals of the same or another source.

Rates are a CSV with a column of times (ISO 8601, or ``hour`` or ``t_s`` from any origin) and a column ``requests`` (in
the window that starts then) or ``requests_per_s``. Times increase by equal steps; a missing step or an empty cell is a
gap. Windows shorter than an hour are added up to hours if the file spans six hours or more.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from melange_cloud.domain import ArrivalRates, WorkloadFile
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.inputs import read_rows, read_text
from melange_cloud.inputs.csv_tables import CsvRow
from melange_cloud.workload.arrivals import HOURS_FROM, rates_of
from melange_cloud.workload.histogram import SizeFacts, parse_histogram
from melange_cloud.workload.hourly_histogram import is_by_hours, parse_hourly_histogram
from melange_cloud.workload.load import load_workload_file
from melange_cloud.workload.traces.clock import Clock, clock_of, number_of
from melange_cloud.workload.traces.columns import normal, seconds_per_unit
from melange_cloud.workload.traces.time_units import SECONDS_PER_UNIT

_STEP_S = {"hour": SECONDS_PER_HOUR, "minute": 60, "day": 86_400}
_IN_SECONDS = ("t_s",)
_USUAL_WINDOWS_S = (
    1, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400,
    604_800,
)  # fmt: skip
_MOST_WINDOWS = 5_300_000
"""Ten years of minutes, the limit for traces too."""

NO_RATES = "no arrival rates"
"""The beginning of a note that says why a workload has no rates."""

_COUNTS = ("requests", "request_count", "count", "num_requests")
_RATES = ("requests_per_s", "requests_per_second", "rate", "rps", "qps")


def read_histogram(name_or_path: str | Path, sizes: SizeFacts | None = None) -> WorkloadFile:
    """Load a workload by shipped name, from a workload file, a histogram, or a histogram by hours (gzip or not).

    Args:
        sizes: what else the source of a histogram says about its sizes.

    Raises:
        BadInput: the name or file is not found.
        BadFile: all that is wrong with the file.
    """
    path = Path(name_or_path)
    if path.name.removesuffix(".gz").lower().endswith(".csv"):
        text = read_text(path)
        if is_by_hours(text):
            return parse_hourly_histogram(text, path, sizes or SizeFacts())
        return WorkloadFile(parse_histogram(text, path, sizes))
    return load_workload_file(name_or_path)


def read_rates(path: str | Path, zeros: str = "auto") -> ArrivalRates:
    """Read the arrival rates of a file of rates (gzip or not).

    Args:
        zeros: how to count a window without requests: ``gap``, ``rate`` (quiet traffic), or ``auto``: a gap if the
            usual window has 10,000 requests or more. An hour with a gap in it is a gap.

    Raises:
        BadFile: the file cannot be read, or with all of its faults.
    """
    path = Path(path)
    rows = list(read_rows(read_text(path), path))
    header = [normal(name) for name in rows[0][1]] if rows else []
    counted = next((name for name in (*_COUNTS, *_RATES) if name in header), None)
    if len(header) < 2 or counted is None or len(rows) < 3:
        message = (
            "a file of rates needs a first column of times, a column requests or requests_per_s, and two rows or more; "
            f"found: {', '.join(header) or 'nothing'}"
        )
        raise BadFile([Fault(path, message, line=rows[0][0] if rows else 1)])
    faults: list[Fault] = []
    starts, absolute = _starts(rows, header[0], path, faults)
    numbers = _numbers(rows, header, counted, path, faults)
    if faults:
        raise BadFile(faults)
    step = starts[1] - starts[0]
    for (line, _), before, start in zip(rows[2:], starts, starts[1:], strict=False):
        if step <= 0 or start <= before or (start - before) % step:
            faults.append(
                Fault(
                    path,
                    f"times must rise by equal steps ({step} s between the first two)",
                    line=line,
                    field=header[0],
                )
            )
    if faults:
        raise BadFile(faults)
    windows = (starts[-1] - starts[0]) // step + 1
    if windows > _MOST_WINDOWS:
        what = f"its times span {windows:,} windows of {step:,} s, more than the limit of {_MOST_WINDOWS:,}"
        raise BadFile([Fault(path, f"{what}: fix the wrong ones", field=header[0])])
    counts: list[float | None] = [None] * windows
    for start, number in zip(starts, numbers, strict=True):
        counts[(start - starts[0]) // step] = number if number is None or counted in _COUNTS else number * step
    rates = _by_hour(counts, step, starts[0], absolute, zeros)
    if rates is None:
        raise BadFile([Fault(path, "has no requests")])
    return rates


def with_rates(held: WorkloadFile, rates: ArrivalRates, source: str) -> WorkloadFile:
    """Combine the sizes of one source with the arrivals of another, named by ``source``."""
    notes = tuple(note for note in held.workload.notes if not note.startswith(NO_RATES))
    return replace(held, workload=replace(held.workload, notes=notes), arrival_rates=replace(rates, source=source))


def _by_hour(
    counts: Sequence[float | None], step_s: int, start_s: int, absolute: bool, zeros: str
) -> ArrivalRates | None:
    per_hour = SECONDS_PER_HOUR // step_s if SECONDS_PER_HOUR % step_s == 0 else 0
    if per_hour > 1 and len(counts) >= HOURS_FROM * per_hour:
        fine = rates_of(counts, step_s, None, zeros)
        if fine is None:
            return None
        skip = -start_s % SECONDS_PER_HOUR // step_s if absolute else 0
        whole = fine.requests_by_window[skip:]
        hours = [whole[at : at + per_hour] for at in range(0, len(whole) - per_hour + 1, per_hour)]
        sums = [None if None in hour else sum(count for count in hour if count is not None) for hour in hours]
        return rates_of(sums, SECONDS_PER_HOUR, start_s + skip * step_s if absolute else None, "rate")
    return rates_of(counts, step_s, start_s if absolute else None, zeros)


def _starts(
    rows: Sequence[tuple[int, list[str]]], name: str, path: Path, faults: list[Fault]
) -> tuple[list[int], bool]:
    line, first = rows[1][0], rows[1][1][0]
    if name in _STEP_S:
        clock, unit = Clock(False, 1.0, False, None), _STEP_S[name]
        clock = clock if number_of(first) is not None else clock_of([first], None, None)
    else:
        named = None if name in _IN_SECONDS else seconds_per_unit(name)
        clock, unit = clock_of([cells[0] for _, cells in rows[1:]], 1.0 if name in _IN_SECONDS else named, None), 1
        if not clock.unit_is_known:
            clock = replace(clock, seconds_per_unit=_unit_by_step(first, rows[2][1][0], name, path, line))
    starts = []
    for line, cells in rows[1:]:
        start = clock.second(cells[0])
        if start is None:
            faults.append(
                Fault(
                    path,
                    f"is {shown(cells[0], 40)}: must be a time as in the first row",
                    line=line,
                    field=name,
                )
            )
        else:
            starts.append(start * unit)
    return starts, clock.absolute


def _unit_by_step(first: str, second: str, name: str, path: Path, line: int) -> float:
    """Seconds per unit of times without a named unit: the one in which windows have a usual length.

    Raises:
        BadFile: there is no such unit.
    """
    one, other = number_of(first), number_of(second)
    step = 0.0 if one is None or other is None else other - one
    if step == 1:
        message = "times that increase by 1 may be seconds, minutes or hours: name the column t_s, minute or hour"
        raise BadFile([Fault(path, message, line=line, field=name)])
    for unit in SECONDS_PER_UNIT.values():
        if any(abs(step * unit - usual) < 1e-6 * usual for usual in _USUAL_WINDOWS_S):
            return unit
    message = f"times have no known unit ({step:g} between the first two): name the column t_s, t_ms, hour or minute"
    raise BadFile([Fault(path, message, line=line, field=name)])


def _numbers(
    rows: Sequence[tuple[int, list[str]]], header: Sequence[str], counted: str, path: Path, faults: list[Fault]
) -> list[float | None]:
    fields = (CsvRow(path, line, dict(zip(header, cells, strict=False)), faults) for line, cells in rows[1:])
    return [row.number(counted, 0, 1e15, of="requests") for row in fields]
