"""Reads a user's CSV file into rows of named cells, and single cells into values, collecting every fault."""

import csv
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path

from melange_cloud.errors import BadFile, Fault

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WITH_SEPARATORS = re.compile(r"[+-]?\d[\d.,_' \u00a0\u202f]*", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NO_VALUE = frozenset({"nan", "inf", "infinity", "n/a", "na", "none", "null"})


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """``, did you mean 'x' or 'y'?``, or nothing where no known word is close."""
    lowered = {name.lower(): name for name in known}
    close = get_close_matches(word.lower(), list(lowered), n=3)
    return f", did you mean {' or '.join(repr(lowered[name]) for name in close)}?" if close else ""


class Row:
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
        """Add a fault of this row."""
        self._faults.append(Fault(self.path, message, line=self.line, field=field))

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
        self.fault(field, f"unknown '{word}'{did_you_mean(word, known) or ':'} use {', '.join(known)}{or_else}")
        return None

    def positive(self, field: str) -> float | None:
        """A finite number above zero, written plainly with a point."""
        text = self.text(field)
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            self.fault(field, f"'{text}' {_why_no_number(text)}")
            return None
        value = float(text)
        if not math.isfinite(value):
            self.fault(field, f"'{text}' is not finite: write a number, or leave the row out")
        elif value < 0:
            self.fault(field, f"'{text}' is negative: write a number above zero, or leave the row out")
        elif value == 0:
            self.fault(field, f"'{text}' is zero: write a number above zero, or leave the row out where it is unknown")
        else:
            return value
        return None

    def count(self, field: str) -> int | None:
        """A whole number of at least 1."""
        value = self.positive(field)
        if value is None:
            return None
        if not value.is_integer():
            self.fault(field, f"'{self.text(field)}' is not a whole number")
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
        self.fault(field, f"'{text}' is not a date: write it as 2026-07-30")
        return None


def read_rows(path: Path, columns: Sequence[str] | None, required: Sequence[str], faults: list[Fault]) -> list[Row]:
    """The rows of a CSV file below its header; faults in its shape are added to ``faults``.

    Args:
        columns: every column that the file may have; None is any.
        required: the columns that it must have.

    Raises:
        BadFile: the file cannot be read as a table at all: not readable, not UTF-8, empty, no header.
    """
    lines = _lines(path, _decoded(path))
    first_line, names = next(lines, (1, []))
    names = [name.strip() for name in names]
    if not names:
        raise BadFile([Fault(path, f"is empty: the first line names the columns {', '.join(required)}")])
    if not set(names) & set(required):
        raise BadFile([Fault(path, _why_no_header(names, required), line=first_line)])
    faults.extend(
        Fault(path, "stands twice in the header: keep one", line=first_line, field=name or "header")
        for name in sorted(set(names))
        if names.count(name) > 1
    )
    for name in dict.fromkeys(names):
        if columns is not None and name not in columns:
            hint = did_you_mean(name, columns) or f": the columns are {', '.join(columns)}"
            faults.append(Fault(path, f"unknown column '{name}'{hint}", line=first_line, field="header"))
    missing = [name for name in required if name not in names]
    if missing:
        faults.append(Fault(path, f"column {', '.join(missing)} is missing: add it", line=first_line, field="header"))
    rows = []
    for line, cells in lines:
        if len(cells) == len(names):
            rows.append(Row(path, line, dict(zip(names, (cell.strip() for cell in cells), strict=True)), faults))
        else:
            faults.append(
                Fault(
                    path,
                    f"has {len(cells)} values for {len(names)} columns: a value with a comma in it needs quotes, "
                    "a number none",
                    line=line,
                )
            )
    if not rows and not faults:
        faults.append(Fault(path, "has a header and no rows: give one instance type a line"))
    return rows


def _decoded(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadFile([Fault(path, f"cannot be read ({error.strerror}): check the path")]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile([Fault(path, "is not UTF-8: save it as CSV in UTF-8", line=line)]) from error


def _lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The number of each row's first line, with its cells; blank lines are passed over.

    Raises:
        BadFile: quotes that do not close, or a control character where none can be.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadFile([Fault(path, f"is not proper CSV ({error}): check the quotes", line=line)]) from error


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
