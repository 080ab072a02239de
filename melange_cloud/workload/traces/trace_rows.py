"""Code shared by all readers of traces: counts readable rows and reports those that cannot be read."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.inputs import is_number
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS
from melange_cloud.workload.request_tally import Tally
from melange_cloud.workload.traces.clock import OUTSIDE_CALENDAR, Clock, is_given, number_of
from melange_cloud.workload.traces.columns import LabelColumn, TraceColumns, normal
from melange_cloud.workload.traces.labels import LabelCounts, label_text

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

UNREADABLE_SHOWN = 5


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that was left out, with its place and the reason."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{echoed(self.path, 150)}, line {self.line:,}: {self.reason}"


@dataclass(frozen=True, slots=True)
class TraceRows:
    """Readable rows as columns: sizes in tokens, times in whole seconds (both int64), and labels.

    Attributes:
        seconds: None if there are no times.
        cached: input tokens read from a cache; None if unknown.
        labels: for each label column its values as text, None for a missing value.
    """

    inputs: "Array"
    outputs: "Array"
    seconds: "Array | None" = None
    cached: "Array | None" = None
    labels: "tuple[list[str | None], ...]" = ()

    def kept(self, keep: list[bool]) -> "TraceRows":
        """A selection of the rows."""
        import numpy as np

        mask = np.array(keep, dtype=bool)
        return TraceRows(
            self.inputs[mask],
            self.outputs[mask],
            None if self.seconds is None else self.seconds[mask],
            None if self.cached is None else self.cached[mask],
            tuple(list(compress(values, keep)) for values in self.labels),
        )


@dataclass(slots=True)
class GuessedUnit:
    """A guess of a file's time unit, with the evidence that must confirm it.

    Attributes:
        lean: evidence for units other than rate and span (``time_units.leanings``).
        first_s, last_s: first and last time, in seconds under the guess.
    """

    column: str
    clock: Clock
    lean: dict[str, float]
    requests: int = 0
    first_s: int = 0
    last_s: int = 0

    def add(self, seconds: "Array") -> None:
        """Counts times, at least one."""
        least, most = int(seconds.min()), int(seconds.max())
        self.first_s = min(self.first_s, least) if self.requests else least
        self.last_s = max(self.last_s, most) if self.requests else most
        self.requests += len(seconds)


@dataclass(slots=True)
class TraceState:
    """What has been read so far, from one or more trace files.

    Attributes:
        tally: of the readable rows.
        units: of times, if an earlier reading of the file decided them.
        unreadable: rows left out; the first few are in ``shown``.
        passed_over: rows that ``--where`` excludes.
        clocks: how the times of each file with times are written.
        guessed: the files among them whose time unit is a guess.
        untimed: files without times.
        taken: how the columns were interpreted, in words, by file.
        labels: what distinguishes requests.
        notes: what a user should know about single files.
        cached_tokens: input tokens read from a cache; ``uncached_files`` do not say.
    """

    tally: Tally
    units: dict[Path, str] = field(default_factory=dict)
    unreadable: int = 0
    passed_over: int = 0
    shown: list[UnreadableRow] = field(default_factory=list)
    clocks: dict[Path, Clock] = field(default_factory=dict)
    guessed: dict[Path, GuessedUnit] = field(default_factory=dict)
    untimed: list[Path] = field(default_factory=list)
    taken: dict[Path, str] = field(default_factory=dict)
    columns: dict[Path, TraceColumns] = field(default_factory=dict)
    labels: LabelCounts = field(default_factory=LabelCounts)
    notes: list[str] = field(default_factory=list)
    cached_tokens: int = 0
    uncached_files: int = 0

    def begin(self, path: Path, columns: TraceColumns, clock: Clock | None, lean: dict[str, float]) -> None:
        """Note how a file's columns were interpreted.

        Args:
            lean: evidence for units, if the clock's unit is a guess (``time_units.leanings``).
        """
        known = set(columns.names)
        inputs, outputs = (
            " + ".join(echoed(name, 40) for name in part if name == part[0] or normal(name) in known)
            for part in (columns.input, columns.output)
        )
        words = f"input {inputs}, output {outputs}"
        self.columns[path] = columns
        self.uncached_files += columns.cached is None
        if clock is None or columns.arrival is None:
            self.untimed.append(path)
            self.taken[path] = f"{words}, no times"
            return
        self.clocks[path] = clock
        self.taken[path] = f"{words}, time {echoed(columns.arrival, 40)} ({clock.words})"
        if not clock.unit_is_known:
            self.guessed[path] = GuessedUnit(columns.arrival, clock, lean)

    def take(self, path: Path, rows: TraceRows) -> None:
        """Count readable rows that ``--where`` selects."""
        labels = self.columns[path].labels
        if labels:
            keep = self.labels.wanted(labels, rows.labels)
            if keep is not None:
                self.passed_over += keep.count(False)
                rows = rows.kept(keep)
            self.labels.count(labels, rows.labels)
        if rows.cached is not None and len(rows.cached):
            self.cached_tokens += int(rows.cached.sum())
        if rows.seconds is not None and len(rows.seconds) and path in self.guessed:
            self.guessed[path].add(rows.seconds)
        self.tally.add(rows.inputs, rows.outputs, rows.seconds)

    def reject(self, path: Path, line: int, reason: str) -> None:
        """Count a row that cannot be read."""
        self.unreadable += 1
        if len(self.shown) < UNREADABLE_SHOWN:
            self.shown.append(UnreadableRow(path, line, reason))


class RowReader:
    """Reads rows one at a time: slow, but with the reason for each unreadable row."""

    def __init__(self, reading: TraceState, path: Path, columns: TraceColumns, clock: Clock | None) -> None:
        self.reading, self.path, self.columns, self.clock = reading, path, columns, clock
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.cached: list[int] = []
        self.seconds: list[int] = []
        self.labels: list[list[str | None]] = [[] for _ in columns.labels]

    def take(self, line: int, value: Callable[[str], object]) -> None:
        """Add one row; ``value`` returns the row's value for a column's name: a number, text or None."""
        columns = self.columns
        labels = [label_text(value(label.column)) for label in columns.labels]
        if not _asked_for(columns.labels, labels):
            self.reading.passed_over += 1
            self.reading.labels.pass_over(columns.labels, labels)
            return
        faults: list[str] = []
        size_in, size_out = (_sum(names, value, faults) for names in (columns.input, columns.output))
        second = None
        if self.clock is not None and columns.arrival is not None:
            arrival = value(columns.arrival)
            second = self.clock.second(arrival)
            if second is None:
                faults.append(f"{echoed(columns.arrival, 40)} is {_shown(arrival)}: {_no_time(arrival, self.clock)}")
        cached = self._cached(value, faults)
        if faults or size_in is None or size_out is None:
            self.reading.reject(self.path, line, "; ".join(faults))
            return
        if cached > size_in:
            raise BadFile([_left_out(self.path, line, columns, cached, size_in)])
        self.inputs.append(size_in)
        self.outputs.append(size_out)
        if columns.cached is not None:
            self.cached.append(cached)
        if second is not None:
            self.seconds.append(second)
        for values, label in zip(self.labels, labels, strict=True):
            values.append(label)

    def _cached(self, value: Callable[[str], object], faults: list[str]) -> int:
        """The row's tokens from a cache; a fault if it is not a number of tokens, unless the input includes it."""
        name = self.columns.cached
        given = None if name is None else value(name)
        if name is None or not is_given(given):
            return 0
        tokens = _whole_tokens(given)
        if tokens is None and name not in self.columns.input:
            faults.append(_no_size(name, _shown(given)))
        return tokens or 0

    def flush(self) -> None:
        """Count the readable rows collected so far."""
        import numpy as np

        inputs, outputs, seconds, cached = (
            np.array(numbers, dtype=np.int64) for numbers in (self.inputs, self.outputs, self.seconds, self.cached)
        )
        self.reading.take(
            self.path,
            TraceRows(
                inputs,
                outputs,
                None if self.clock is None else seconds,
                None if self.columns.cached is None else cached,
                tuple(self.labels),
            ),
        )


def rows_of(
    columns: TraceColumns,
    clock: Clock | None,
    numbers: "Callable[[str, bool], Array | None]",
    seconds: "Callable[[str, Clock], Array | None]",
) -> TraceRows | None:
    """The rows of one block, without labels; None if a column cannot be read by its format's fast path.

    Args:
        numbers: returns a column of sizes by name; the flag says whether missing values count as 0.
        seconds: returns a column of times by name, in whole seconds.
    """
    inputs, outputs = summed(columns.input, numbers), summed(columns.output, numbers)
    if inputs is None or outputs is None:
        return None
    cached = times = None
    if columns.cached is not None:
        cached = summed((columns.cached,), lambda name, _: numbers(name, True))
        if cached is None or bool((cached > inputs).any()):
            return None  # the slow path finds the line
    if clock is not None and columns.arrival is not None:
        times = seconds(columns.arrival, clock)
        if times is None:
            return None
    return TraceRows(inputs, outputs, times, cached)


def summed(names: Sequence[str], numbers: "Callable[[str, bool], Array | None]") -> "Array | None":
    """The sum of columns as sizes; None if one has a value that is not a whole number of tokens.

    Args:
        numbers: returns a column by name; the flag says whether missing values count as 0.
    """
    total = None
    for name in names:
        part = whole_array(numbers(name, name != names[0]))
        if part is None:
            return None
        total = part if total is None else total + part
    return total if len(names) == 1 else whole_array(total)


def whole_array(values: object) -> "Array | None":
    """Sizes as an int64 array; None if one is not a whole number of tokens (or there is no array)."""
    import numpy as np

    if values is None:
        return None
    sizes = np.asarray(values)
    if sizes.dtype.kind == "f":
        if not bool((np.floor(sizes) == sizes).all()):  # false for NaN; infinities fail below
            return None
    elif sizes.dtype.kind not in "iu":
        return None
    if len(sizes) and not (sizes.min() >= 0 and sizes.max() <= LONGEST_TOKENS):
        return None
    whole: Array = sizes.astype(np.int64, copy=False)
    return whole


def _asked_for(labels: Sequence[LabelColumn], values: Sequence[str | None]) -> bool:
    return all(label.wanted is None or value in label.wanted for label, value in zip(labels, values, strict=True))


def _sum(names: Sequence[str], value: Callable[[str], object], faults: list[str]) -> int | None:
    """The tokens of a row's columns; None, with a fault, if one is not a size or all are missing."""
    total, found = 0, False
    for name in names:
        given = value(name)
        if len(names) > 1 and not is_given(given):
            continue
        tokens = _whole_tokens(given)
        if tokens is None:
            faults.append(_no_size(name, _shown(given)))
            return None
        total, found = total + tokens, True
    if found and total <= LONGEST_TOKENS:
        return total
    faults.append(_no_size(names[0], f"{total:,}" if found else "missing"))
    return None


def _left_out(path: Path, line: int, columns: TraceColumns, cached: int, size_in: int) -> Fault:
    """The fault of a log whose input tokens exclude cached ones: only then can there be more cached than input."""
    present = columns.input_there
    written = [name for name in columns.other_cached if name not in present]
    add = "+".join(echoed(name, 300) for name in dict.fromkeys([*present, columns.cached or "", *written]))
    counts = f"{cached:,} cached of {size_in:,} input tokens"
    message = f"{counts}: the input excludes cached tokens. Use --input-column {add}"
    return Fault(path, message, line=line, field=columns.cached)


def _no_time(arrival: object, clock: Clock) -> str:
    if isinstance(arrival, str) and arrival.endswith(OUTSIDE_CALENDAR):
        return "must be a time in the years 1 to 9999"
    if clock.is_text:
        return "must be an ISO 8601 time"
    number = number_of(arrival)
    is_large = isinstance(number, int) or (number is not None and math.isfinite(number))
    return f"is too large for a time in {clock.unit}" if is_large else "must be a number"


def _no_size(name: str, shown: str) -> str:
    return f"{echoed(name, 40)} is {shown}: must be a whole number from 0 to {LONGEST_TOKENS:,}"


def _whole_tokens(value: object) -> int | None:
    number = number_of(value)
    if number is None or not is_number(number, 0, LONGEST_TOKENS):
        return None
    return int(number) if number == int(number) else None


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return f"'{echoed(value, 40)}'" if isinstance(value, str) else echoed(value, 40)
