"""The times of a file: how its first rows say they are written, and what may be meant where none are known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.workload.columns import Asked, Columns, normal
from melange_cloud.workload.reader import Reading
from melange_cloud.workload.time_units import SECONDS_PER_UNIT, Stretch, leanings, unit_of
from melange_cloud.workload.times import UNIX_S, Clock, are_days, clock_of, is_given, number_of

_CALLED_TIME = re.compile(
    r"(^|[_.])(time|times|timestamp|date|datetime|ts|at|start|started|created|arrival|epoch)($|[_.])"
)
_NO_TIME_OF_ARRIVAL = re.compile(
    r"(^|[_.])(end|ended|finish|finished|completed|duration|latency|elapsed|id|ids|hash|seed|key|tokens?|count|length|len"
    r"|size|bytes|cost|price|spend)($|[_.])"
)
_MOST_HINTS = 2


def timed(
    columns: Columns,
    names: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    asked: Asked,
    reading: Reading,
    path: Path,
) -> tuple[Columns, Clock | None, dict[str, float]]:
    """The columns, without times that tell no time of day; their clock; and what speaks for units of a guessed one.

    Where there are no times, a column that looks like some is noted.

    Args:
        rows: the first ones, by column.

    Raises:
        BadFile: the column asked for holds days.
        BadInput: an unknown time zone.
    """
    if columns.arrival is not None:
        times = [row.get(columns.arrival) for row in rows]
        if not are_days(times):
            clock = clock_of(times, columns.seconds_per_unit, asked.time_zone)
            return columns, *_with_unit(clock, times, columns, reading.units.get(path))
        why = f"{echoed(columns.arrival, 40)} holds days without a time of day: too coarse for rates by the hour"
        if asked.time_column is not None:
            raise BadFile([Fault(path, f"{why}; name another with --time-column, or leave it out")])
        reading.notes.append(f"{echoed(path.name, 80)}: no arrival rates, {why}")
        columns = replace(columns, arrival=None)
    if not asked.ignore_times and (hints := _look_like_times(names, rows)):
        shown = " or ".join(echoed(name, 40) for name in hints)
        reading.notes.append(
            f"{echoed(path.name, 80)}: no arrival rates, no column is known to hold times; {shown} looks like it: "
            f"--time-column {echoed(hints[0], 40)}"
        )
    return columns, None, {}


def _with_unit(
    clock: Clock, times: Sequence[object], columns: Columns, decided: str | None
) -> tuple[Clock, dict[str, float]]:
    """The clock with the unit that was decided, or else with the likeliest; and what speaks for units."""
    if clock.unit_is_known:
        return clock, {}
    numbers = [number for number in map(number_of, times) if number is not None and abs(number) < 1e18]
    lean = leanings(columns.names, normal(columns.input[0]), normal(columns.output[0]), numbers)
    likeliest = unit_of(Stretch(len(numbers), max(numbers) - min(numbers)), lean) if numbers else None
    return replace(clock, seconds_per_unit=SECONDS_PER_UNIT[decided or likeliest or "s"]), lean


def _look_like_times(names: Sequence[str], rows: Sequence[Mapping[str, object]]) -> list[str]:
    """The columns that may hold the times of requests, those called so first."""
    found: list[tuple[bool, str]] = []
    for name in list(dict.fromkeys(names))[:2_000]:
        values = [value for row in rows[:100] if is_given(value := row.get(name))]
        called = _CALLED_TIME.search(normal(name)) is not None
        other = are_days(values) or _NO_TIME_OF_ARRIVAL.search(normal(name))
        if values and not other and all(_is_like_time(value, called=called) for value in values):
            found.append((not called, name))
    return [name for _, name in sorted(found, key=lambda hint: hint[0])][:_MOST_HINTS]


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
