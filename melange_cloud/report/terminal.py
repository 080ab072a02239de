"""Blocks as a terminal's text: never wider than asked, numbers never cut, no escape byte without colour."""

from collections.abc import Iterable
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from melange_cloud.report.blocks import Block, Column, Labelled, Notices, Paragraph, Sheet, Titled
from melange_cloud.report.text import wrap

LEAST_WIDTH = 40
_GAP = 2
_INDENT = 1
_HANG = 2
_LONGEST_WORD = 28


def terminal(blocks: Iterable[Block], *, width: int, colour: bool) -> str:
    """The blocks, a blank line between them; ends in a newline.

    Args:
        blocks: what to show.
        width: columns, at least LEAST_WIDTH (less is taken for that).
        colour: whether escape sequences may be used.
    """
    width = max(width, LEAST_WIDTH)
    console = Console(
        file=StringIO(),
        width=width,
        force_terminal=colour,
        no_color=not colour,
        color_system="standard" if colour else None,
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
            _print_lines(console, lines, width, "bold yellow")
        case Paragraph(lines, strong):
            _print_lines(console, lines, width, "bold" if strong else "")
        case Labelled(entries):
            _print_labelled(console, entries, width)
        case Titled(title, sheet):
            _print_lines(console, (title,), width, "bold")
            _print_sheet(console, sheet, width)
        case Sheet():
            _print_sheet(console, block, width)


def _print_lines(console: Console, lines: Iterable[str], width: int, style: str) -> None:
    for line in lines:
        for part in wrap(line, width - _INDENT, _HANG):
            console.print(Text(" " * _INDENT + part, style))


def _print_labelled(console: Console, entries: tuple[tuple[str, tuple[str, ...]], ...], width: int) -> None:
    margin = max(cell_len(label) for label, _ in entries) + _INDENT + _GAP
    for label, lines in entries:
        shown = label
        for line in lines:
            for part in wrap(line, width - margin, _HANG if len(lines) > 1 else 0):
                console.print(Text(f"{' ' * _INDENT}{shown}".ljust(margin), "bold") + Text(part, "not bold"))
                shown = ""


def _print_sheet(console: Console, sheet: Sheet, width: int) -> None:
    everything = [*sheet.rows, *([sheet.total] if sheet.total else [])]
    shown, widths = fit(sheet.columns, everything, width - _INDENT)

    def show(rows: Iterable[tuple[str, ...]], style: str) -> None:
        grid = Table.grid(padding=(0, _GAP))
        for at, size in zip(shown, widths, strict=True):
            grid.add_column(width=size, no_wrap=True, justify="right" if sheet.columns[at].right else "left")
        for row in rows:
            grid.add_row(
                *(
                    Text("\n".join(wrap(row[at], size, sheet.columns[at].hang)), style)
                    for at, size in zip(shown, widths, strict=True)
                )
            )
        console.print(Padding(grid, (0, 0, 0, _INDENT), expand=False))

    show([tuple(column.header for column in sheet.columns)], "dim" if sheet.rows else "")
    if sheet.rows:
        show(sheet.rows, "")
    if sheet.total:
        console.print(Text(" " * _INDENT + "-" * (sum(widths) + _GAP * (len(widths) - 1))))
        show([sheet.total], "bold")


def fit(columns: tuple[Column, ...], rows: Iterable[tuple[str, ...]], width: int) -> tuple[list[int], list[int]]:
    """Which columns are shown (their places), and how wide each is, so that all together take at most ``width``.

    Columns go in the order of their ``drop`` until no word (of up to _LONGEST_WORD) needs folding; then those with a
    ``least`` shrink, each time the one by which the table grows least. Words are folded where even that is too wide.
    """
    rows = [tuple(column.header for column in columns), *rows]
    natural = [max(cell_len(row[at]) for row in rows) for at in range(len(columns))]
    words = [max(cell_len(word) for row in rows for word in row[at].split(" ")) for at in range(len(columns))]

    def floor(at: int, least: int) -> int:
        return natural[at] if columns[at].least is None else min(natural[at], least)

    whole_words = [
        floor(at, max(column.least or 0, cell_len(column.header), min(words[at], _LONGEST_WORD)))
        for at, column in enumerate(columns)
    ]
    shown = list(range(len(columns)))

    def gaps() -> int:
        return _GAP * (len(shown) - 1)

    while sum(whole_words[at] for at in shown) + gaps() > width:
        droppable = [at for at in shown if columns[at].drop]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda at: (columns[at].drop, at)))
    widths = {at: min(natural[at], width) for at in shown}
    for floors in (whole_words, [floor(at, 2) for at in range(len(columns))]):
        while sum(widths.values()) + gaps() > width:
            shrinkable = [at for at in shown if widths[at] > floors[at]]
            if not shrinkable:
                break
            best = min(
                shrinkable, key=lambda at: (_height(columns, rows, widths | {at: widths[at] - 1}), -widths[at], at)
            )
            widths[best] -= 1
    return shown, [widths[at] for at in shown]


def _height(columns: tuple[Column, ...], rows: list[tuple[str, ...]], widths: dict[int, int]) -> int:
    """Lines that the rows take."""
    return sum(
        max(
            1 if cell_len(row[at]) <= size else len(wrap(row[at], size, columns[at].hang))
            for at, size in widths.items()
        )
        for row in rows
    )
