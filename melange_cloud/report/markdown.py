"""Blocks as GitHub's Markdown: every text escaped, so that a name never becomes markup."""

import re
from collections.abc import Iterable

from melange_cloud.report.blocks import Block, LabelledLines, Notices, Paragraph, Plot, Sheet, TitledSheet, footnotes
from melange_cloud.report.text import GLUE

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&!])")
_FORMULA = re.compile(r"^(?=[=+\-@])(?![+-]?[\d.]|-$)")
_BULLET = re.compile(r"^([-+=])")
_NUMBERED = re.compile(r"^(\d+)([.)])(?= |$)")


def markdown(blocks: Iterable[Block]) -> str:
    """The blocks as Markdown, a blank line between them; ends in a newline."""
    return "\n".join(f"{_block(block)}\n" for block in blocks)


def escaped(text: str) -> str:
    r"""Text that Markdown shows as it is.

    ``$`` becomes ``USD``: GitHub sets the text between two of them as a formula, even where they are escaped.
    """
    text = re.sub(r"\$/", "USD/", text)
    text = re.sub(r"\$(?=\d)", f"USD{GLUE}", text).replace("$", "USD")
    return _SPECIAL.sub(r"\\\1", text).replace(GLUE, " ")


def _block(block: Block) -> str:
    match block:
        case Notices(lines):
            return "\n>\n".join(f"> **{escaped(line)}**" for line in lines)
        case Paragraph(lines, strong):
            mark = "**" if strong else ""
            return "\\\n".join(f"{mark}{_line_start(escaped(line))}{mark}" for line in lines)
        case Plot(lines):
            return "\n".join(("```text", *(line.replace("`", "'") for line in lines), "```"))
        case LabelledLines(entries):
            return "\n".join(
                f"- **{escaped(label)}**{''.join(f'{_join(at)}{escaped(line)}' for at, line in enumerate(lines))}"
                for label, lines in entries
            )
        case TitledSheet(title, sheet):
            return f"### {escaped(title)}\n\n{_sheet(sheet)}"
        case Sheet():
            return _sheet(block)


def _join(at: int) -> str:
    return "<br>" if at else " "


def _line_start(text: str) -> str:
    return _BULLET.sub(r"\\\1", _NUMBERED.sub(r"\1\\\2", text))


def _cell(text: str) -> str:
    """Text in a table; what a spreadsheet into which the table is pasted would run does not begin with its sign."""
    return _FORMULA.sub(r"\\", escaped(" ".join(text.splitlines())))


def _sheet(sheet: Sheet) -> str:
    rows = [
        tuple(column.header for column in sheet.columns),
        tuple("---:" if column.right else "---" for column in sheet.columns),
        *sheet.rows,
    ]
    lines = ["| " + " | ".join(cell if at == 1 else _cell(cell) for cell in row) + " |" for at, row in enumerate(rows)]
    if sheet.total:
        lines.append("| " + " | ".join(f"**{_cell(cell)}**" if cell else "" for cell in sheet.total) + " |")
    below = footnotes(sheet, range(len(sheet.columns)))
    return "\n".join(lines) + (f"\n\n{_block(Paragraph(below))}" if below else "")
