"""The times of a file: how they are written, by its first rows, and which columns may hold them if none is known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.workload.traces.clock import (
    UNIX_S,
    Clock,
    are_days,
    are_times_of_day,
    clock_of,
    is_given,
    mixed_units,
    number_of,
    step_s,
)
from melange_cloud.workload.traces.columns import ColumnChoice, TraceColumns, normal
from melange_cloud.workload.traces.time_units import SECONDS_PER_UNIT, UNIT_WORDS, UNITS_S, TimeSpan, leanings, unit_of
from melange_cloud.workload.traces.trace_rows import TraceState

_CALLED_TIME = re.compile(
    r"(^|[_.])(time|times|timestamp|date|datetime|ts|at|start|started|created|arrival|epoch|t|offset|elapsed|since"
    r"|minute|minutes|hour|hours)($|[_.])"
)
_COUNTS_UP = re.compile(r"(^|[_.])(t|offset|elapsed|since|minute|minutes|hour|hours)($|[_.])")
"""Under these names only numbers that never fall are times; others may be durations, or anything."""

_NO_TIME_OF_ARRIVAL = re.compile(
    r"(^|[_.])(end|ended|finish|finished|completed|duration|latency|elapsed|id|ids|hash|seed|key|tokens?|count|length|len"
    r"|size|bytes|cost|price|spend)($|[_.])"
)
_MOST_HINTS = 2


def timed(
    columns: TraceColumns,
    names: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    asked: ColumnChoice,
    reading: TraceState,
    path: Path,
) -> tuple[TraceColumns, Clock | None, dict[str, float]]:
    """The columns, without times that are too coarse; their clock; and the evidence for a guessed unit.

    If there are no times, a note names a column that looks like times.

    Args:
        rows: the first rows, by column.

    Raises:
        BadFile: the requested column has days only.
        BadInput: an unknown time zone.
    """
    if columns.arrival is not None:
        times = [row.get(columns.arrival) for row in rows]
        clock = clock_of(times, columns.seconds_per_unit, asked.time_zone)
        name = echoed(columns.arrival, 40)
        if not clock.is_text and (units := mixed_units(_numbers(times))):
            words = " and ".join(UNIT_WORDS[unit] for unit in units)
            cure = "write all in one unit, or ignore the times with --ignore-times"
            raise BadFile([Fault(path, f"{name} mixes {words} since 1970: {cure}")])
        if times and not any(map(is_given, times)):
            rows_seen = f"the first {len(times):,} rows" if len(times) > 1 else "the first row"
            cure = "choose another with --time-column, or ignore the times with --ignore-times"
            raise BadFile([Fault(path, f"{name} is empty in {rows_seen}: {cure}")])
        fault = _why_untimely(times, clock)
        if not fault:
            return columns, *_with_unit(clock, times, columns, reading.units.get(path))
        why = f"{name} {fault}"
        if asked.time_column is not None:
            raise BadFile([Fault(path, f"{why}; choose another with --time-column, or leave it out")])
        reading.notes.append(f"{echoed(path.name, 80)}: no arrival rates: {why}")
        names = [other for other in names if other != columns.arrival]
        columns = replace(columns, arrival=None)
    if not asked.ignore_times and (hints := _look_like_times(names, rows)):
        shown = " or ".join(echoed(name, 40) for name in hints)
        reading.notes.append(
            f"{echoed(path.name, 80)}: no arrival rates: no column of times found. If {shown} has them, use "
            f"--time-column {echoed(hints[0], 40)}"
        )
    return columns, None, {}


def _with_unit(
    clock: Clock, times: Sequence[object], columns: TraceColumns, decided: str | None
) -> tuple[Clock, dict[str, float]]:
    """The clock with the unit that was decided, or else the likeliest; and the evidence for units."""
    if clock.unit_is_known:
        return clock, {}
    numbers = [number for number in map(number_of, times) if number is not None and abs(number) < 1e18]
    lean = leanings(columns.names, normal(columns.input[0]), normal(columns.output[0]), numbers)
    likeliest = unit_of(TimeSpan(len(numbers), max(numbers) - min(numbers)), lean) if numbers else None
    return replace(clock, seconds_per_unit=SECONDS_PER_UNIT[decided or likeliest or "s"]), lean


def _numbers(times: Sequence[object]) -> list[float]:
    return [number for number in map(number_of, times) if number is not None and abs(number) < 1e20]


def _why_untimely(times: Sequence[object], clock: Clock) -> str:
    """Why times give no rates by the hour or minute; empty if they do."""
    if are_days(times):
        return "has days without a time of day: too coarse for hourly rates"
    if are_times_of_day(times):
        return "has times of day without a date"
    numbers = [] if clock.is_text else _numbers(times)
    if not numbers:
        return ""
    are_whole = all(number == int(number) for number in numbers)
    if clock.seconds_per_unit >= UNITS_S["h"] and are_whole:
        return f"counts whole {'hours' if clock.seconds_per_unit == UNITS_S['h'] else 'days'}: too coarse for rates"
    wraps = max(numbers) < 60 and any(other < one for one, other in pairwise(numbers))
    if clock.seconds_per_unit == UNITS_S["min"] and are_whole and wraps:
        return "has minutes without the hour"
    step = step_s(numbers, clock.seconds_per_unit) if clock.absolute else None
    return f"is rounded to steps of {step:,.0f} s: too coarse for rates" if step else ""


def _look_like_times(names: Sequence[str], rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The columns that may hold the times of requests, those with a fitting name first."""
    found: list[tuple[bool, str]] = []
    for name in list(dict.fromkeys(names))[:2_000]:
        values = [value for row in rows[:100] if is_given(value := row.get(name))]
        word = normal(name)
        called = _CALLED_TIME.search(word) is not None
        counts_up = _COUNTS_UP.search(word) is not None and not _ends_otherwise(word)
        no_time = _NO_TIME_OF_ARRIVAL.search(word) and not counts_up
        other = are_days(values) or no_time or (counts_up and not _never_falls(values))
        if values and not other and all(_is_like_time(value, called=called) for value in values):
            found.append((not called, name))
    return [name for _, name in sorted(found, key=lambda hint: hint[0])][:_MOST_HINTS]


def _ends_otherwise(word: str) -> bool:
    """True if a name, other than ``elapsed``, shows that it is not a time of arrival."""
    return _NO_TIME_OF_ARRIVAL.search(re.sub(r"(^|[_.])elapsed($|[_.])", "_", word)) is not None


def _never_falls(values: Sequence[object]) -> bool:
    numbers = [number_of(value) for value in values]
    if any(number is None for number in numbers):
        return True  # text is checked as it is
    known = [number for number in numbers if number is not None]
    return len(set(known)) > 1 and all(one <= other for one, other in pairwise(known))


def _is_like_time(value: object, *, called: bool) -> bool:
    if isinstance(value, datetime):
        return True
    number = number_of(value)
    if number is not None:
        return called or any(UNIX_S[0] <= number * unit < UNIX_S[1] for unit in SECONDS_PER_UNIT.values())
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value.strip())
    except ValueError:
        return False
    return True
