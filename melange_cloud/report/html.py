"""Blocks as a piece of HTML: every text escaped, nothing loaded from elsewhere.

It brings no colours of its own but a mark next to the notices, so it reads the same on a light page and on a dark one.
"""

from collections.abc import Iterable
from html import escape

from melange_cloud.report.blocks import Block, LabelledLines, Notices, Paragraph, Plot, Sheet, TitledSheet, footnotes

_NOTICE = "border-left:.3em solid #d29922;padding-left:.6em"
_ALIGN = {True: "text-align:right;white-space:nowrap", False: "text-align:left"}


def html(blocks: Iterable[Block]) -> str:
    """The blocks as one ``div``; ends in a newline."""
    return "\n".join(('<div class="melange-cloud">', *map(_block, blocks), "</div>\n"))


def _block(block: Block) -> str:
    match block:
        case Notices(lines):
            return f'<p style="{_NOTICE}"><strong>{_lines(lines)}</strong></p>'
        case Paragraph(lines, strong):
            return f"<p><strong>{_lines(lines)}</strong></p>" if strong else f"<p>{_lines(lines)}</p>"
        case Plot(lines):
            return f'<pre style="line-height:1.2">{escape(chr(10).join(lines))}</pre>'
        case LabelledLines(entries):
            rows = (
                f"<tr>{_cell('th', label, right=False)}<td {_style(False)}>{_lines(lines)}</td></tr>"
                for label, lines in entries
            )
            return f"<table><tbody>{''.join(rows)}</tbody></table>"
        case TitledSheet(title, sheet):
            return _sheet(sheet, title)
        case Sheet():
            return _sheet(block)


def _lines(lines: Iterable[str]) -> str:
    return "<br>".join(map(escape, lines))


def _style(right: bool) -> str:
    return f'style="{_ALIGN[right]}"'


def _cell(tag: str, text: str, *, right: bool) -> str:
    return f"<{tag} {_style(right)}>{escape(text)}</{tag}>"


def _sheet(sheet: Sheet, title: str = "") -> str:
    sides = [column.right for column in sheet.columns]

    def row(tag: str, cells: Iterable[str]) -> str:
        return f"<tr>{''.join(_cell(tag, cell, right=right) for cell, right in zip(cells, sides, strict=True))}</tr>"

    caption = f'<caption style="text-align:left"><strong>{escape(title)}</strong></caption>' if title else ""
    head = f"<thead>{row('th', (column.header for column in sheet.columns))}</thead>"
    body = f"<tbody>{chr(10).join(row('td', cells) for cells in sheet.rows)}</tbody>"
    foot = f"<tfoot>{row('th', sheet.total)}</tfoot>" if sheet.total else ""
    below = footnotes(sheet, range(len(sheet.columns)))
    return f"<table>{caption}{head}\n{body}{foot}</table>" + (f"\n<p>{_lines(below)}</p>" if below else "")
