"""Untrusted CSV: rows of cells with their line numbers, bounded in rows, columns and the length of a cell."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from melange_cloud.errors import BadFile, Fault

MOST_COLUMNS = 2_000
"""Columns of the widest table that is read; a histogram with the finest edges has about a hundred."""

MOST_CHARACTERS = 20_000
"""Characters of the longest cell; a longer one has lost its closing quote."""

MOST_ROWS = 2_000_000
"""Rows of the longest table that is read at once: four years of minutes. Traces are longer and are streamed."""


def read_rows(text: str, path: Path | str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of each row of a CSV text, cells stripped; blank rows are skipped.

    Raises:
        BadFile: the text is not CSV, or has too many columns or rows, or too long a cell.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line, rows = 1, 0
    try:
        for cells in reader:
            if len(cells) > MOST_COLUMNS:
                what = f"has {len(cells):,} columns, more than the limit of {MOST_COLUMNS:,}: is it the right file?"
                raise BadFile([Fault(path, what, line=line)])
            if any(len(cell) > MOST_CHARACTERS for cell in cells):
                what = f"has a value longer than {MOST_CHARACTERS:,} characters: check the quotes"
                raise BadFile([Fault(path, what, line=line)])
            stripped = [cell.strip() for cell in cells]
            if any(stripped):
                rows += 1
                if rows > MOST_ROWS:
                    what = f"has more than {MOST_ROWS:,} rows, the limit: split it"
                    raise BadFile([Fault(path, what, line=line)])
                yield line, stripped
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadFile([Fault(path, f"is not valid CSV ({error}): check the quotes", line=line)]) from error
