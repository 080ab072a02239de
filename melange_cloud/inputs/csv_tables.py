"""The fields of the rows of a CSV table with a header."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.inputs.csv_rows import read_rows
from melange_cloud.inputs.fields import Fields, add_fault, duplicates
from melange_cloud.inputs.numbers import MOST, NotANumber, OutOfRange, parse_number
from melange_cloud.inputs.regular_files import read_text
from melange_cloud.inputs.spreadsheet_cells import restored
from melange_cloud.inputs.suggestions import closest, did_you_mean

_WITH_SEPARATORS = re.compile(r"[+-]?\d[\d.,_' \u00a0\u202f]*", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_FOUND_SHOWN = 8
_OR_LEAVE_OUT = "or leave the row out"
_NO_VALUE = frozenset({"nan", "inf", "infinity", "n/a", "na", "none", "null"})


class CsvRow(Fields):
    """The fields of one row: cells by column name, all of them text, numbers and days too. An empty cell is absent.

    ``first_line`` is where the row begins.
    """

    def __init__(self, path: Path, line: int, cells: Mapping[str, str], faults: list[Fault]) -> None:
        super().__init__(path, cells, faults, line=line)
        self.first_line = line

    def has(self, field: str) -> bool:
        """True if the row has the cell and it is not empty."""
        return bool(self._record.get(field))

    def has_column(self, field: str) -> bool:
        """True if the table has the column at all."""
        return field in self._record

    def text(self, field: str) -> str:
        """The cell without outer spaces; empty if the cell is empty or the column missing."""
        return str(self._record.get(field, ""))

    def required(self, field: str, cure: str = f"fill it in, {_OR_LEAVE_OUT}") -> str | None:
        """The cell, which must not be empty; a missing column is reported as a fault of the header instead."""
        if not self.has_column(field):
            return None
        if not self.has(field):
            self.fault(field, "is empty", cure)
            return None
        return self.text(field)

    def positive(self, field: str, most: float = MOST) -> float | None:
        """A number above 0 and up to ``most``, written plainly with a decimal point; faults say how to write it."""
        text = self.text(field)
        if not text:
            return None
        try:
            value = parse_number(text)
        except OutOfRange:
            what = "is negative" if text.startswith("-") else "is not finite"
            self._refuse(field, what, f"write a number{' above zero' if text.startswith('-') else ''}, {_OR_LEAVE_OUT}")
            return None
        except NotANumber:
            self._refuse(field, *_why_no_number(text))
            return None
        if value < 0:
            self._refuse(field, "is negative", f"write a number above zero, {_OR_LEAVE_OUT}")
        elif value == 0:
            self._refuse(field, "is zero", f"write a number above zero, {_OR_LEAVE_OUT} if it is unknown")
        elif value > most:
            self._refuse(field, f"is more than {most:,g}, the highest value allowed", "correct it")
        else:
            return value
        return None

    def count(self, field: str, most: float = MOST) -> int | None:
        """A whole number of at least 1 and at most ``most``; faults say how to write it."""
        value = self.positive(field, most)
        if value is None or value.is_integer():
            return None if value is None else int(value)
        self._refuse(field, "is not a whole number", "round it")
        return None

    def _refuse(self, field: str, what: str, cure: str) -> None:
        self.fault(field, f"'{echoed(self.text(field))}' {what}", cure)

    def _number(self, value: Any, low: float, high: float) -> float | None:
        try:
            return parse_number(value, low, high)
        except NotANumber:
            return None

    def _whole(self, value: Any, low: int, high: int) -> int | None:
        number = self._number(value, low, high)
        return int(number) if number is not None and number.is_integer() else None

    def _day(self, value: Any) -> date | None:
        try:
            return date.fromisoformat(value) if _ISO_DATE.fullmatch(value) else None
        except ValueError:
            return None


def read_table(path: Path, columns: Sequence[str] | None, required: Sequence[str], faults: list[Fault]) -> list[CsvRow]:
    """The rows of a CSV file below its header; faults of its shape are added to ``faults``.

    Args:
        columns: every column that the file may have; None allows any.
        required: the columns that the file must have.

    Raises:
        BadFile: the file is not a table at all: unreadable, not UTF-8, empty, or without a header.
    """
    lines = read_rows(read_text(path), path)
    first_line, names = next(lines, (1, []))
    if not names:
        raise BadFile([Fault(path, f"is empty: the first line must name the columns {', '.join(required)}")])
    if not set(names) & set(required):
        raise BadFile([Fault(path, _why_no_header(names, required), line=first_line)])
    repeated = sorted(name for name, times in Counter(names).items() if times > 1)
    if repeated:
        faults.append(Fault(path, duplicates("column", repeated), first_line, "header", cure="keep one"))
    known = names if columns is None else columns
    for name in dict.fromkeys(names):
        if name not in known:
            hint = did_you_mean(closest(name, known)) or f"the columns are {', '.join(known)}"
            add_fault(faults, Fault(path, f"unknown column '{echoed(name)}'", first_line, "header", cure=hint))
    missing = [name for name in required if name not in names]
    if missing:
        faults.append(Fault(path, f"column {', '.join(missing)} is missing", first_line, "header", cure="add it"))
    rows = []
    for line, cells in lines:
        if len(cells) == len(names):
            rows.append(CsvRow(path, line, dict(zip(names, map(restored, cells), strict=True)), faults))
        else:
            what = f"has {len(cells)} values for {len(names)} columns"
            cure = "quote values that contain a comma; write numbers without commas"
            add_fault(faults, Fault(path, what, line=line, cure=cure))
    if not rows and not faults:
        faults.append(Fault(path, "has a header and no rows", cure="add a line for each"))
    return rows


def _why_no_header(names: Sequence[str], required: Sequence[str]) -> str:
    for sign, word in ((";", "semicolons"), ("\t", "tabs")):
        if any(sign in name for name in names):
            return f"its values are separated by {word}: save it with commas"
    must = f"the first line must name the columns {', '.join(required)}"
    if names[0].startswith(("{", "[")):
        return f"is JSON, not CSV: {must}"
    if any(_is_number(name) for name in names):
        return f"has no header: {must}"
    found = ", ".join(echoed(name) for name in names[:_FOUND_SHOWN])
    more = f" and {len(names) - _FOUND_SHOWN} more" if len(names) > _FOUND_SHOWN else ""
    return f"missing columns {', '.join(required)}; found {found}{more}"


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _why_no_number(text: str) -> tuple[str, str]:
    """What is wrong with a cell that must be a number above zero, and the cure."""
    if text.lower().lstrip("+-") in _NO_VALUE or text == "-":
        return "is not a number", f"write a number above zero, {_OR_LEAVE_OUT} if it is unknown"
    if _WITH_SEPARATORS.fullmatch(text):
        return "contains separators", "write it like 1234.56, with a decimal point and no thousands separators"
    if any(character.isdigit() for character in text):
        return "is not a plain number", "write the number alone, without a sign or a unit"
    return "is not a number", "write it like 1234.56"
