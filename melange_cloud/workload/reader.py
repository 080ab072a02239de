"""What all readers of traces share: the rows that cannot be read, and where the readable ones go."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melange_cloud.workload.columns import Columns
from melange_cloud.workload.ranges import LONGEST_TOKENS
from melange_cloud.workload.reading import parse_number
from melange_cloud.workload.tally import Tally
from melange_cloud.workload.times import Clock

if TYPE_CHECKING:
    import numpy as np

UNREADABLE_SHOWN = 5


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that was left out: where it stands, and why."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}, line {self.line:,}: {self.reason}"


@dataclass(slots=True)
class Reading:
    """The state of a run over several files.

    Attributes:
        tally: of the readable rows.
        unreadable: rows left out; the first few are in ``shown``.
        clocks: how the times of each file with times are written.
        untimed: files without times.
        taken: what the columns were taken for, in words, by file.
    """

    tally: Tally
    unreadable: int = 0
    shown: list[UnreadableRow] = field(default_factory=list)
    clocks: dict[Path, Clock] = field(default_factory=dict)
    untimed: list[Path] = field(default_factory=list)
    taken: dict[Path, str] = field(default_factory=dict)

    def begin(self, path: Path, columns: Columns, clock: Clock | None) -> None:
        """Notes what a file's columns were taken for."""
        words = f"input {columns.input}, output {columns.output}"
        if clock is None:
            self.untimed.append(path)
            self.taken[path] = f"{words}, no times"
        else:
            self.clocks[path] = clock
            self.taken[path] = f"{words}, time {columns.arrival} ({clock.words})"

    def reject(self, path: Path, line: int, reason: str) -> None:
        """Counts a row that cannot be read."""
        self.unreadable += 1
        if len(self.shown) < UNREADABLE_SHOWN:
            self.shown.append(UnreadableRow(path, line, reason))


class RowByRow:
    """Rows taken one at a time: the slow way, which says of each unreadable row why."""

    def __init__(self, reading: Reading, path: Path, names: tuple[str, str, str], clock: Clock | None) -> None:
        self.reading, self.path, self.names, self.clock = reading, path, names, clock
        self.inputs: list[int] = []
        self.outputs: list[int] = []
        self.seconds: list[int] = []

    def take(self, line: int, sizes: tuple[object, object], arrival: object) -> None:
        """One row's values: numbers, or their text."""
        tokens = [_whole_tokens(value) for value in sizes]
        faults = [
            f"{name} is {_shown(value)}: must be a whole number from 0 to {LONGEST_TOKENS:,}"
            for name, value, size in zip(self.names, sizes, tokens, strict=False)
            if size is None
        ]
        second = None
        if self.clock is not None:
            second = self.clock.second(arrival)
            if second is None:
                wanted = "an ISO 8601 time" if self.clock.is_text else "a number"
                faults.append(f"{self.names[2]} is {_shown(arrival)}: must be {wanted}")
        size_in, size_out = tokens
        if faults or size_in is None or size_out is None:
            self.reading.reject(self.path, line, "; ".join(faults))
            return
        self.inputs.append(size_in)
        self.outputs.append(size_out)
        if second is not None:
            self.seconds.append(second)

    def flush(self) -> None:
        """Hands the readable rows to the tally."""
        import numpy as np

        seconds = np.array(self.seconds, dtype=np.int64) if self.clock is not None else None
        self.reading.tally.add(np.array(self.inputs, dtype=np.int64), np.array(self.outputs, dtype=np.int64), seconds)


def whole_array(values: object) -> "np.ndarray[Any, Any] | None":
    """Sizes as an int64 array, None where one of them is no whole number of tokens (or there is no array)."""
    import numpy as np

    if values is None:
        return None
    sizes = np.asarray(values)
    if sizes.dtype.kind == "f":
        if not bool((np.floor(sizes) == sizes).all()):  # false for NaN; infinite ones fall below
            return None
    elif sizes.dtype.kind not in "iu":
        return None
    if len(sizes) and not (sizes.min() >= 0 and sizes.max() <= LONGEST_TOKENS):
        return None
    whole: np.ndarray[Any, Any] = sizes.astype(np.int64, copy=False)
    return whole


def _whole_tokens(value: object) -> int | None:
    number = parse_number(value.strip()) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= LONGEST_TOKENS:
        return None
    return int(number) if number == int(number) else None


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return repr(value if not isinstance(value, str) else value[:40])
