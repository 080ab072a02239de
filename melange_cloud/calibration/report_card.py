"""Reads the stored report card, profiles/report_card.csv: a change that makes it worse fails a test."""

from dataclasses import fields
from pathlib import Path

from melange_cloud.domain.report_card import CardRow
from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs import parse_number, parse_whole, read_text

_TEXTS = 8
_COUNTS = 3


def read_card(path: Path) -> list[CardRow]:
    """The rows of a report card file.

    Raises:
        BadFile: it is not one; names the line.
    """
    lines = read_text(path).splitlines()
    columns = [column.name for column in fields(CardRow)]
    if not lines or lines[0].split(",") != columns:
        raise BadFile([Fault(path, f"must begin with the columns {','.join(columns)}", line=1)])
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split(",")
        try:
            if len(cells) != len(columns):
                raise ValueError(f"it has {len(cells)} fields, not {len(columns)}")
            counts = map(parse_whole, cells[_TEXTS : _TEXTS + _COUNTS])
            errors = (parse_number(cell) if cell else None for cell in cells[_TEXTS + _COUNTS :])
            rows.append(CardRow(*cells[:_TEXTS], *counts, *errors))  # type: ignore[arg-type]
        except ValueError as error:
            raise BadFile([Fault(path, f"is not a row of a report card: {error}", line=number)]) from error
    return rows
