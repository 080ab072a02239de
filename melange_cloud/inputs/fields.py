"""The fields of one record of an untrusted file, read one by one while all of their faults are collected.

``CsvRow``, ``JsonObject`` and ``TomlTable`` know how a record holds its values. What a valid number, day or choice is,
and how its faults are worded, is defined once, here.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from melange_cloud.errors import BadFile, Fault, echoed, shown
from melange_cloud.inputs.numbers import MOST, is_number
from melange_cloud.inputs.suggestions import closest, did_you_mean

T = TypeVar("T")

MOST_FAULTS = 200
"""Reading stops after this many faults: finding a suggestion for each takes milliseconds."""


class Fields:
    """The fields of a record with parsed values: a JSON object or a TOML table.

    Each method reads one declared field. It returns None (for a text: the empty string) if the field is absent or
    invalid; an invalid field is a fault. ``refuse_missing`` and ``refuse_unknown`` compare the record with the declared
    fields.
    """

    def __init__(
        self,
        path: Path | str,
        record: Mapping[str, Any],
        faults: list[Fault],
        place: str = "",
        line: int | None = None,
    ) -> None:
        """Start with a record.

        Args:
            path: of the file.
            record: its values by field.
            faults: the list to which the faults of the record are added.
            place: what comes before a field in a fault, such as ``buckets[3].``.
            line: where the record begins; None if it is not known.
        """
        self.path, self.faults, self.place, self.line = path, faults, place, line
        self._record = record
        self._taken: set[str] = set()

    def has(self, field: str) -> bool:
        """True if the record has the field, even if it is null."""
        return field in self._record

    def given(self, field: str) -> bool:
        """True if the record has a value for the field; null does not count."""
        return self.value(field) is not None

    def value(self, field: str) -> Any:
        """The value of the field as it is; None if it is absent."""
        self._taken.add(field)
        return self._record.get(field)

    def fault(self, field: str, what: str, cure: str = "") -> None:
        """Add a fault of a field.

        Raises:
            BadFile: the faults have reached MOST_FAULTS.
        """
        add_fault(self.faults, Fault(self.path, what, line=self.line, field=f"{self.place}{field}", cure=cure))

    def text(self, field: str) -> str:
        """A text that is not blank."""
        return self._take(field, _text, "a string that is not empty") or ""

    def texts(self, field: str) -> tuple[str, ...]:
        """A list of texts; empty if the field is absent."""
        return self._take(field, _texts, "a list of strings") or ()

    def choice(self, field: str, known: Collection[str], or_else: str = "") -> str | None:
        """One of the known words; ``or_else`` says what else the user can do about an unknown one."""
        if not self.has(field):
            self._absent(field, f"one of {', '.join(known)}")
            return None
        word = self.value(field)
        if isinstance(word, str) and word in known:
            return word
        hint = did_you_mean(closest(word, known)) if isinstance(word, str) else ""
        self.fault(field, f"unknown {self._shown(word)}", f"{hint}{hint and ' '}use {', '.join(known)}{or_else}")
        return None

    def number(self, field: str, low: float = -MOST, high: float = MOST, of: str = "") -> float | None:
        """A finite number in [low, high]; ``of`` says what it counts or measures."""
        wanted = f"a number{f' of {of}' if of else ''} from {_bound(low)} to {_bound(high)}"
        return self._take(field, lambda value: self._number(value, low, high), wanted)

    def positive(self, field: str, most: float = MOST) -> float | None:
        """A number above 0 and up to ``most``."""
        return self._take(field, lambda value: self._number(value, 0, most) or None, "a number above 0")

    def whole(self, field: str, low: int = 0, high: int = int(MOST)) -> int | None:
        """A whole number in [low, high]."""
        wanted = f"a whole number from {_bound(low)} to {_bound(high)}"
        return self._take(field, lambda value: self._whole(value, low, high), wanted)

    def flag(self, field: str) -> bool | None:
        """True or false."""
        return self._take(field, lambda value: value if isinstance(value, bool) else None, "true or false")

    def day(self, field: str) -> date | None:
        """A date."""
        return self._take(field, self._day, "a date such as 2026-07-30")

    def refuse_missing(self, required: Iterable[str]) -> None:
        """Add a fault for each required field that the record does not have."""
        for field in required:
            if not self.has(field):
                self.fault(field, "is missing", "add it")

    def refuse_unknown(self, known: Iterable[str]) -> None:
        """Add a fault for each unknown field: a misspelled optional field must not be ignored."""
        known = list(known)
        for field in self._record:
            if field not in known:
                hint = did_you_mean(closest(field, known)) or f"the fields are {', '.join(known)}"
                self.fault(field, "is not a known field", hint)

    def _take(self, field: str, read: Callable[[Any], T | None], wanted: str) -> T | None:
        if not self.has(field):
            self._absent(field, wanted)
            return None
        value = self.value(field)
        found = read(value)
        if found is None:
            self.fault(field, f"is {self._shown(value)}", f"must be {wanted}")
        return found

    def _absent(self, field: str, wanted: str) -> None:  # noqa: ARG002 - for subclasses that need it
        """Handle an absent field: no fault, unless every declared field is required."""
        self._taken.add(field)

    def _shown(self, value: object) -> str:
        """A value as a message repeats it."""
        return shown(value)

    def _number(self, value: Any, low: float, high: float) -> float | None:
        return float(value) if is_number(value, low, high) else None

    def _whole(self, value: Any, low: int, high: int) -> int | None:
        whole = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
        return value if whole else None

    def _day(self, value: Any) -> date | None:
        return value if isinstance(value, date) else None


def add_fault(faults: list[Fault], fault: Fault) -> None:
    """Add a fault of a file.

    Raises:
        BadFile: the faults have reached MOST_FAULTS.
    """
    faults.append(fault)
    if len(faults) >= MOST_FAULTS:
        raise BadFile(faults, more=True)


def duplicates(kind: str, names: Iterable[str]) -> str:
    """The text of a fault about repeated columns or fields; its cure is to keep one."""
    return f"duplicate {kind} {', '.join(echoed(name) for name in names)}"


def _bound(number: float) -> str:
    return f"{int(number):,}" if float(number).is_integer() else f"{number:,g}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _texts(value: object) -> tuple[str, ...] | None:
    return tuple(value) if isinstance(value, list) and all(isinstance(text, str) for text in value) else None
