"""What a page is made of, before anybody knows whether it becomes a terminal's text or Markdown.

Every string here is already cleaned, but not escaped; GLUE in it is a space at which no line may break.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a Sheet.

    Attributes:
        right: whether its cells are aligned to the right, as numbers are.
        drop: 0 is shown at any width; of the others the highest goes first where room is short.
        least: the width that it may shrink to, its cells wrapped at blanks; None: its cells are never wrapped.
        hang: by how much the later lines of a wrapped cell are indented.
        legend: lines below the sheet that explain the column, shown only where the column is.
        instead: lines below the sheet, shown only where the column was dropped.
    """

    header: str
    right: bool = False
    drop: int = 0
    least: int | None = None
    hang: int = 0
    legend: str | tuple[str, ...] = ()
    instead: str | tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; ``rows`` and ``total`` have one cell per column.

    Where a terminal is too narrow, columns are dropped, then cells and headers are wrapped at blanks. A sheet that is
    still too wide puts the columns that are left over on a separate line below each row, unless it says otherwise:

    Attributes:
        notes: lines below the table, after the legends of its columns.
        keys: if above 0, the sheet may be split into several with fewer columns each; the first ``keys`` columns are
            repeated in every part, and a row is left out of a part in which all of its other cells are empty.
        heads: if above 0, the first ``heads`` columns may move to a separate line above the rows that share them.
        styles: how a terminal with colours shows each cell of ``rows`` (``bold green``); empty: all alike.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    keys: int = 0
    heads: int = 0
    styles: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Notices:
    """Sentences that may not be lost, one per line."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Sentences, each beginning a line; ``strong`` ones are the answer."""

    lines: tuple[str, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines whose characters are in columns; whoever makes them sees that they fit the terminal."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TitledSheet:
    """A table under a title."""

    title: str
    sheet: Sheet


@dataclass(frozen=True, slots=True)
class LabelledLines:
    """Lines that belong to a word before them: ``Quota   ...``."""

    entries: tuple[tuple[str, tuple[str, ...]], ...]


Block = Notices | Paragraph | Plot | TitledSheet | Sheet | LabelledLines


def only(sheet: Sheet, places: Sequence[int]) -> Sheet:
    """The sheet with the columns at these places, in their order."""

    def kept(cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(cells[at] for at in places)

    return replace(
        sheet,
        columns=tuple(sheet.columns[at] for at in places),
        rows=tuple(kept(row) for row in sheet.rows),
        total=None if sheet.total is None else kept(sheet.total),
        styles=tuple(kept(row) for row in sheet.styles),
    )


def without(sheet: Sheet, headers: frozenset[str], only_if: str | None = None) -> Sheet:
    """The sheet without the columns of these headers; with ``only_if``, without those whose every cell is that."""
    return only(
        sheet,
        [
            at
            for at, column in enumerate(sheet.columns)
            if column.header not in headers or (only_if is not None and any(row[at] != only_if for row in sheet.rows))
        ],
    )


def footnotes(sheet: Sheet, shown: Collection[int]) -> tuple[str, ...]:
    """The lines below a sheet of which the columns at the places ``shown`` are shown, each line once."""
    lines: list[str] = []
    for at, column in enumerate(sheet.columns):
        said = column.legend if at in shown else column.instead
        lines += [said] if isinstance(said, str) else said
    return tuple(dict.fromkeys(line for line in (*lines, *sheet.notes) if line))
