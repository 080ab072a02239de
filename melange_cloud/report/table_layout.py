"""How a table fits a terminal: which columns are shown, how wide they are, and on which line of a row.

One rule for every table: columns with a ``drop`` go, the highest first; cells with a ``least`` are wrapped at blanks;
then headers are; then the gap between columns shrinks. What is still too wide is laid out as its Sheet says. No word
and no option is broken, not even at a hyphen, except in a cell that alone is wider than the terminal.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from rich.cells import cell_len

from melange_cloud.report.blocks import Column, Sheet, only
from melange_cloud.report.text import GLUE, words, wrap

BLANK = "\ue000"
"""A blank that no line loses at its end; no text has it, since ``text.clean`` makes it visible."""

_MARK = re.compile(rf"(?<=\w)[ {GLUE}]?[!*]$")
_GAP, _LEAST_GAP = 2, 1
_LONGEST_WORD = 28
"""Columns that may shrink do so to their longest word, but never need to be wider than this."""

_ROWS_MEASURED = 50
"""Rows that decide between several ways to lay out all of them."""

_BELOW = 4
"""Indent of what is below a row."""


@dataclass(frozen=True, slots=True)
class RowLine:
    """What one line of a row holds: the places of the columns, and how wide each is."""

    columns: tuple[int, ...]
    widths: tuple[int, ...]
    indent: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a sheet are laid out; ``lines`` has one entry unless a row takes several lines.

    ``shares_heads``: the first line is shown only where it differs from that of the row above.
    """

    sheet: Sheet
    lines: tuple[RowLine, ...]
    gap: int
    shares_heads: bool = False


def layouts(sheet: Sheet, width: int) -> tuple[tuple[int, ...], list[Layout]]:
    """The places of the columns that are shown in ``width`` columns, and the sheet's layout; several if it is split."""
    shown = _not_dropped(sheet, width)
    fitted = _fitted(sheet, shown, width)
    if fitted is not None:
        return shown, [fitted]
    if 0 < sheet.keys < len(shown):
        parts = [_fitted(part, range(len(part.columns)), width) for part in _split(sheet, shown, width)]
        if None not in parts:
            return shown, [part for part in parts if part is not None]
    heads = shown[: sheet.heads]
    shares = len(_filled(sheet, heads, width)) == 1
    lines = [heads, *_filled(sheet, shown[len(heads) :], width - _BELOW)] if shares else _filled(sheet, shown, width)
    laid = [
        RowLine(tuple(line), tuple(_widths(sheet, line, width - _indent(at), _GAP)[0]), _indent(at))
        for at, line in enumerate(lines)
    ]
    return shown, [Layout(sheet, tuple(laid), _GAP, shares_heads=shares)]


def with_room_for_marks(sheet: Sheet) -> Sheet:
    """The sheet with its numbers in line where only some of a column have a mark behind them: ``3.76!``, ``287d !``.

    What has none gets as many BLANK behind it.
    """

    def filled(cells: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            cell + BLANK * (room[at] - _mark(cell)) if cell and room[at] else cell for at, cell in enumerate(cells)
        )

    room = [
        max((_mark(row[at]) for row in sheet.rows), default=0) if column.right else 0
        for at, column in enumerate(sheet.columns)
    ]
    if not any(room):
        return sheet
    return replace(
        sheet, rows=tuple(map(filled, sheet.rows)), total=None if sheet.total is None else filled(sheet.total)
    )


def _mark(cell: str) -> int:
    """How wide the mark at the end of a cell is."""
    found = _MARK.search(cell)
    return 0 if found is None else len(found[0])


def _cells(sheet: Sheet, at: int) -> Iterator[str]:
    """The cells of a column, without its header."""
    for row in sheet.rows:
        yield row[at]
    if sheet.total:
        yield sheet.total[at]


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(text) for text in texts), default=0)


def _words(texts: Iterable[str]) -> Iterator[str]:
    return (word for text in texts for word in words(text))


def _natural(sheet: Sheet, at: int) -> int:
    return max(cell_len(sheet.columns[at].header), _longest(_cells(sheet, at)))


def _whole_words(sheet: Sheet, at: int) -> int:
    """The width at which no cell's word is broken and the header is on one line."""
    column, natural = sheet.columns[at], _natural(sheet, at)
    if column.least is None:
        return natural
    header = cell_len(column.header)
    longest = max(_longest(_words([column.header])), _longest(_words(_cells(sheet, at))))
    return min(natural, max(column.least, header, min(longest, _LONGEST_WORD)))


def _header_wrapped(sheet: Sheet, at: int) -> int:
    """The width at which the header is wrapped at its blanks as well."""
    column = sheet.columns[at]
    header = _longest(_words([column.header]))
    if column.least is None:
        return max(header, _longest(_cells(sheet, at)))
    return min(_whole_words(sheet, at), max(header, min(_longest(_words(_cells(sheet, at))), _LONGEST_WORD)))


def _not_dropped(sheet: Sheet, width: int) -> tuple[int, ...]:
    shown = list(range(len(sheet.columns)))
    needed = [_whole_words(sheet, at) for at in shown]
    while sum(needed[at] for at in shown) + _GAP * (len(shown) - 1) > width:
        droppable = [at for at in shown if sheet.columns[at].drop]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda at: (sheet.columns[at].drop, at)))
    return tuple(shown)


def _fitted(sheet: Sheet, shown: Sequence[int], width: int) -> Layout | None:
    """The layout that has a row's columns on one line; None if they are too wide for it."""
    for gap in (_GAP, _LEAST_GAP):
        widths, fits = _widths(sheet, shown, width, gap)
        if fits:
            return Layout(sheet, (RowLine(tuple(shown), tuple(widths)),), gap)
    return None


def _widths(sheet: Sheet, places: Sequence[int], width: int, gap: int) -> tuple[list[int], bool]:
    """How wide the columns at these places are on one line of ``width`` columns, and whether they fit it."""
    widths = {at: min(_natural(sheet, at), width) for at in places}
    gaps = gap * (len(places) - 1)
    rows = [tuple(column.header for column in sheet.columns), *sheet.rows, *([sheet.total] if sheet.total else [])]
    for floor in (_whole_words, _header_wrapped):
        floors = {at: floor(sheet, at) for at in places}
        while sum(widths.values()) + gaps > width:
            shrinkable = [at for at in places if widths[at] > floors[at]]
            if not shrinkable:
                break
            best = min(
                shrinkable,
                key=lambda at: (_height(sheet.columns, rows, widths | {at: widths[at] - 1}), -widths[at], at),
            )
            widths[best] -= 1
    return list(widths.values()), sum(widths.values()) + gaps <= width


def _height(columns: Sequence[Column], rows: Sequence[tuple[str, ...]], widths: dict[int, int]) -> int:
    """Lines that the rows take."""
    return sum(
        max(
            1 if cell_len(row[at]) <= size else len(wrap(row[at], size, columns[at].hang))
            for at, size in widths.items()
        )
        for row in rows
    )


def _filled(sheet: Sheet, places: Sequence[int], width: int) -> list[list[int]]:
    """The places line by line, as many on each as fit it; lines but the first are indented.

    Where cells are wrapped, a line more may make the rows less tall, and of several ways to fill the lines the one with
    the least tall rows is taken.
    """
    lines: list[list[int]] = []
    for at in places:
        if not lines or not _has_room(sheet, [*lines[-1], at], width, len(lines) - 1):
            lines.append([])
        lines[-1].append(at)
    if len(lines) == 1 or all(sheet.columns[at].least is None for at in places):
        return lines
    ways = [lines]
    for count in (len(lines), len(lines) + 1):
        for cuts in combinations(range(1, len(places)), count - 1):
            way = [list(places[first:last]) for first, last in pairwise((0, *cuts, len(places)))]
            if all(_has_room(sheet, line, width, at) for at, line in enumerate(way)):
                ways.append(way)
    return min(ways, key=lambda way: _stacked_height(sheet, way, width))


def _indent(line: int) -> int:
    return _BELOW if line else 0


def _has_room(sheet: Sheet, places: Sequence[int], width: int, line: int) -> bool:
    needed = sum(_header_wrapped(sheet, at) + _GAP for at in places) - _GAP
    return needed <= width - _indent(line) or len(places) == 1


def _stacked_height(sheet: Sheet, lines: list[list[int]], width: int) -> int:
    height = 0
    rows = sheet.rows[:_ROWS_MEASURED]
    for at, line in enumerate(lines):
        widths = _widths(sheet, line, width - _indent(at), _GAP)[0]
        height += _height(sheet.columns, rows, dict(zip(line, widths, strict=True)))
    return height


def _split(sheet: Sheet, shown: Sequence[int], width: int) -> Iterator[Sheet]:
    """The sheet in parts of about as many columns each, its keys in every one."""
    keys, others = shown[: sheet.keys], shown[sheet.keys :]
    room = width - sum(_header_wrapped(sheet, at) + _GAP for at in keys) + _GAP
    needed = {at: _header_wrapped(sheet, at) + _GAP for at in others}
    parts: list[list[int]] = []
    for at in others:
        if not parts or sum(needed[other] for other in parts[-1]) + needed[at] > room:
            parts.append([])
        parts[-1].append(at)
    each = -(-len(others) // len(parts))
    even = [list(others[first : first + each]) for first in range(0, len(others), each)]
    if all(sum(needed[at] for at in part) <= room for part in even):
        parts = even
    for part in parts:
        filled = [at for at, row in enumerate(sheet.rows) if any(row[place] for place in part)]
        rows = replace(
            sheet,
            rows=tuple(sheet.rows[at] for at in filled),
            styles=tuple(sheet.styles[at] for at in filled) if sheet.styles else (),
        )
        yield only(rows, [*keys, *part])
