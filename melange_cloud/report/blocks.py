"""What a page is made of, before anybody knows whether it becomes a terminal's text or Markdown.

Every string here is already cleaned, but not escaped; GLUE in it is a space at which no line may break.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a Sheet.

    Attributes:
        right: whether its cells stand to the right, as numbers do.
        drop: 0 stays at any width; of the others the highest goes first where room is short.
        least: the width that it may shrink to, its cells wrapped; None is never shrunk and never cut.
        hang: by how much the later lines of a wrapped cell are indented.
    """

    header: str
    right: bool = False
    drop: int = 0
    least: int | None = None
    hang: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table; ``rows`` and ``total`` have one cell per column."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: tuple[str, ...] | None = None


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
class Titled:
    """A table under a title."""

    title: str
    sheet: Sheet


@dataclass(frozen=True, slots=True)
class Labelled:
    """Lines that belong to a word before them: ``Quota   ...``."""

    entries: tuple[tuple[str, tuple[str, ...]], ...]


Block = Notices | Paragraph | Titled | Sheet | Labelled


def without(sheet: Sheet, headers: frozenset[str], only_if: str | None = None) -> Sheet:
    """The sheet without the columns of these headers; with ``only_if``, without those whose every cell is that."""
    kept = [
        at
        for at, column in enumerate(sheet.columns)
        if column.header not in headers or (only_if is not None and any(row[at] != only_if for row in sheet.rows))
    ]
    return Sheet(
        tuple(sheet.columns[at] for at in kept),
        tuple(tuple(row[at] for at in kept) for row in sheet.rows),
        None if sheet.total is None else tuple(sheet.total[at] for at in kept),
    )
