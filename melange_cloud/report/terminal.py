"""Blocks as a terminal's text: never wider than asked, numbers never cut, no escape byte without colour."""

from collections.abc import Iterable
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from melange_cloud.report.blocks import Block, LabelledLines, Notices, Paragraph, Plot, Sheet, TitledSheet, footnotes
from melange_cloud.report.table_layout import BLANK, Layout, layouts, with_room_for_marks
from melange_cloud.report.text import wrap

LEAST_WIDTH = 40
NOTICE_STYLE = "bold color(166)"
"""Orange: unlike a terminal's yellow it can be read on white, too."""

_GAP = 2
_INDENT = 1
_HANG = 2
_UNBOUNDED = 1_000_000
"""Columns where a line may have any length."""


def terminal(blocks: Iterable[Block], *, width: int | None, colour: bool) -> str:
    """The blocks, a blank line between them; ends in a newline.

    Args:
        blocks: what to show.
        width: columns, at least LEAST_WIDTH (less is taken for that); None: a line may have any length.
        colour: whether escape sequences may be used.
    """
    width = _UNBOUNDED if width is None else max(width, LEAST_WIDTH)
    console = Console(
        file=StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="256" if colour else None,
        force_jupyter=False,
        highlight=False,
        legacy_windows=False,
    )
    with console.capture() as capture:
        for at, block in enumerate(blocks):
            if at:
                console.print()
            _print(console, block, width)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().split("\n")[:-1])


def _print(console: Console, block: Block, width: int) -> None:
    match block:
        case Notices(lines):
            _print_lines(console, lines, width, NOTICE_STYLE)
        case Paragraph(lines, strong):
            _print_lines(console, lines, width, "bold" if strong else "")
        case Plot(lines):
            _print_lines(console, lines, width, "")
        case LabelledLines(entries):
            _print_labelled(console, entries, width)
        case TitledSheet(title, sheet):
            _print_lines(console, (title,), width, "bold")
            _print_sheet(console, sheet, width)
        case Sheet():
            _print_sheet(console, block, width)


def _print_lines(console: Console, lines: Iterable[str], width: int, style: str) -> None:
    for line in lines:
        for part in wrap(line, width - _INDENT, _HANG):
            console.print(Text(" " * _INDENT + part, style), soft_wrap=True)


def _print_labelled(console: Console, entries: tuple[tuple[str, tuple[str, ...]], ...], width: int) -> None:
    margin = max(cell_len(label) for label, _ in entries) + _INDENT + _GAP
    for label, lines in entries:
        shown = label
        for line in lines:
            for part in wrap(line, width - margin, _HANG if len(lines) > 1 else 0):
                console.print(
                    Text(f"{' ' * _INDENT}{shown}".ljust(margin), "bold") + Text(part, "not bold"), soft_wrap=True
                )
                shown = ""


def _print_sheet(console: Console, sheet: Sheet, width: int) -> None:
    shown, parts = layouts(with_room_for_marks(sheet), width - _INDENT)
    for at, part in enumerate(parts):
        if at:
            console.print()
        _print_part(console, part)
    lines = footnotes(sheet, shown)
    if lines:
        console.print()
        _print_lines(console, lines, width, "")


def _print_part(console: Console, part: Layout) -> None:
    sheet = part.sheet
    headers = tuple(column.header for column in sheet.columns)
    _print_row(console, part, headers, "dim" if sheet.rows else "")
    above: tuple[str, ...] = headers
    for at, row in enumerate(sheet.rows):
        _print_row(console, part, row, "", sheet.styles[at] if sheet.styles else (), above)
        above = row
    if sheet.total:
        ruled = max(line.indent + sum(line.widths) + part.gap * (len(line.widths) - 1) for line in part.lines)
        console.print(Text(" " * _INDENT + "-" * ruled), soft_wrap=True)
        _print_row(console, part, sheet.total, "bold")


def _print_row(
    console: Console,
    part: Layout,
    row: tuple[str, ...],
    style: str,
    styles: tuple[str, ...] = (),
    above: tuple[str, ...] = (),
) -> None:
    for number, line in enumerate(part.lines):
        if part.shares_heads and not number and above and all(row[at] == above[at] for at in line.columns):
            continue
        if number and not any(row[at] for at in line.columns):
            continue
        cells = [
            wrap(row[at], size, part.sheet.columns[at].hang) for at, size in zip(line.columns, line.widths, strict=True)
        ]
        for depth in range(max(len(cell) for cell in cells)):
            text = Text(" " * (_INDENT + line.indent), style)
            for place, (at, size) in enumerate(zip(line.columns, line.widths, strict=True)):
                cell = cells[place][depth] if depth < len(cells[place]) else ""
                blank = " " * (size - cell_len(cell))
                text.append(" " * part.gap if place else "")
                right = part.sheet.columns[at].right
                text.append(blank if right else "")
                text.append(cell.replace(BLANK, " "), styles[at] if styles else None)
                text.append("" if right else blank)
            console.print(text, soft_wrap=True)
