"""Reads a user's CSV file into rows of named cells, and single cells into values, collecting every fault."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from melange_cloud import inputs
from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.inputs import MOST, NotANumber, OutOfRange, parse_number, read_text
from melange_cloud.inputs.spreadsheet_cells import restored
from melange_cloud.inputs.suggestions import closest, did_you_mean

_WITH_SEPARATORS = re.compile(r"[+-]?\d[\d.,_' \u00a0\u202f]*", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST_FAULTS = 200
"""Where reading ends: to look for what may be meant takes milliseconds for each."""

_NO_VALUE = frozenset({"nan", "inf", "infinity", "n/a", "na", "none", "null"})


class CsvRow:
    """One row: its cells by column name, and the faults found in them.

    Each reader returns None, and adds a fault, where the cell cannot be right. An empty cell is None without a fault:
    ``required`` is what refuses it.
    """

    def __init__(self, path: Path, line: int, cells: Mapping[str, str], faults: list[Fault]) -> None:
        self.path = path
        self.line = line
        self._cells = cells
        self._faults = faults

    def fault(self, field: str, message: str) -> None:
        """Add a fault of this row.

        Raises:
            BadFile: it is the last of _MOST_FAULTS.
        """
        self._faults.append(Fault(self.path, message, line=self.line, field=field))
        _stop_at_most(self._faults)

    def text(self, field: str) -> str:
        """The cell without outer spaces; empty where the cell or the column is."""
        return self._cells.get(field, "")

    def required(self, field: str) -> str | None:
        """The cell, which must not be empty; a column that is not there at all is the header's fault."""
        if field not in self._cells:
            return None
        if not self.text(field):
            self.fault(field, "is empty: fill it in, or leave the row out")
            return None
        return self.text(field)

    def word(self, field: str, known: Sequence[str], or_else: str = "") -> str | None:
        """One of the known words; ``or_else`` is what else the user could do about an unknown one."""
        word = self.text(field)
        if not word or word in known:
            return word or None
        hint = did_you_mean(closest(word, known))
        self.fault(field, f"unknown '{echoed(word)}': {hint}{hint and ' '}use {', '.join(known)}{or_else}")
        return None

    def positive(self, field: str, most: float = MOST) -> float | None:
        """A number above zero and up to ``most``, written plainly with a point."""
        text = self.text(field)
        if not text:
            return None
        shown = echoed(text)
        try:
            value = parse_number(text)
        except OutOfRange:
            what = "is negative: write a number above zero" if text.startswith("-") else "is not finite: write a number"
            self.fault(field, f"'{shown}' {what}, or leave the row out")
            return None
        except NotANumber:
            self.fault(field, f"'{shown}' {_why_no_number(text)}")
            return None
        if value < 0:
            self.fault(field, f"'{shown}' is negative: write a number above zero, or leave the row out")
        elif value == 0:
            self.fault(field, f"'{shown}' is zero: write a number above zero, or leave the row out where it is unknown")
        elif value > most:
            self.fault(field, f"'{shown}' is more than {most:,g}, the most that is taken here: correct it")
        else:
            return value
        return None

    def count(self, field: str, most: float = MOST) -> int | None:
        """A whole number of at least 1 and at most ``most``."""
        value = self.positive(field, most)
        if value is None:
            return None
        if not value.is_integer():
            self.fault(field, f"'{echoed(self.text(field))}' is not a whole number")
            return None
        return int(value)

    def day(self, field: str) -> date | None:
        """A date, written 2026-07-30."""
        text = self.text(field)
        if not text:
            return None
        try:
            if _ISO_DATE.fullmatch(text):
                return date.fromisoformat(text)
        except ValueError:
            pass
        self.fault(field, f"'{echoed(text)}' is not a date: write it as 2026-07-30")
        return None


def read_rows(path: Path, columns: Sequence[str] | None, required: Sequence[str], faults: list[Fault]) -> list[CsvRow]:
    """The rows of a CSV file below its header; faults in its shape are added to ``faults``.

    Args:
        columns: every column that the file may have; None is any.
        required: the columns that it must have.

    Raises:
        BadFile: the file cannot be read as a table at all: not readable, not UTF-8, empty, no header.
    """
    lines = inputs.read_rows(read_text(path), path)
    first_line, names = next(lines, (1, []))
    if not names:
        raise BadFile([Fault(path, f"is empty: the first line names the columns {', '.join(required)}")])
    if not set(names) & set(required):
        raise BadFile([Fault(path, _why_no_header(names, required), line=first_line)])
    faults.extend(
        Fault(path, "stands twice in the header: keep one", line=first_line, field=name or "header")
        for name, times in sorted(Counter(names).items())
        if times > 1
    )
    known = names if columns is None else columns
    for name in dict.fromkeys(names):
        if name not in known:
            hint = did_you_mean(closest(name, known)) or f"the columns are {', '.join(known)}"
            faults.append(Fault(path, f"unknown column '{echoed(name)}': {hint}", line=first_line, field="header"))
            _stop_at_most(faults)
    missing = [name for name in required if name not in names]
    if missing:
        faults.append(Fault(path, f"column {', '.join(missing)} is missing: add it", line=first_line, field="header"))
    rows = []
    for line, cells in lines:
        if len(cells) == len(names):
            rows.append(CsvRow(path, line, dict(zip(names, map(restored, cells), strict=True)), faults))
        else:
            faults.append(
                Fault(
                    path,
                    f"has {len(cells)} values for {len(names)} columns: a value with a comma in it needs quotes, "
                    "a number none",
                    line=line,
                )
            )
            _stop_at_most(faults)
    if not rows and not faults:
        faults.append(Fault(path, "has a header and no rows: give one instance type a line"))
    return rows


def _stop_at_most(faults: Sequence[Fault]) -> None:
    if len(faults) >= _MOST_FAULTS:
        raise BadFile(faults, more=True)


def _why_no_header(names: Sequence[str], required: Sequence[str]) -> str:
    for sign, word in ((";", "semicolons"), ("\t", "tabs")):
        if any(sign in name for name in names):
            return f"values are separated by {word}: save it with commas"
    return f"has no header: the first line names the columns {', '.join(required)}"


def _why_no_number(text: str) -> str:
    if text.lower().lstrip("+-") in _NO_VALUE or text == "-":
        return "is not a number: write one above zero, or leave the row out where it is unknown"
    if _WITH_SEPARATORS.fullmatch(text):
        return "has separators in it: write 1234.56, a point for decimals and nothing between thousands"
    if any(character.isdigit() for character in text):
        return "is not a plain number: write it alone, in USD, without a sign or a unit"
    return "is not a number: write it as 1234.56"
