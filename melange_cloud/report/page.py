"""One page in every form: a terminal's text, Markdown, JSON and CSV."""

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from io import StringIO

from melange_cloud.inputs.spreadsheet_cells import safe_cell
from melange_cloud.report.blocks import Block
from melange_cloud.report.json_ import plain
from melange_cloud.report.markdown import markdown
from melange_cloud.report.terminal import terminal

WIDE = 110
"""Columns from which a page has room for everything."""


class Format(StrEnum):
    """How an answer is written; the first is the default."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


@dataclass(frozen=True, slots=True)
class Page:
    """What a command answers, in whichever form.

    Attributes:
        blocks: what people read; called with whether there is room for everything.
        document: what programs read, without ``schema_version``; the keys of mappings keep their order, dataclasses
            become objects of their fields.
        columns, rows: what spreadsheets read, a row with one cell for each column. Other programs read numbers from it,
            so nothing in it is rounded.
        schema_version: that of ``document``.
    """

    blocks: Callable[[bool], Iterable[Block]]
    document: Mapping[str, object]
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    schema_version: int = 1


def written(page: Page, form: str, *, width: int | None, colour: bool = False) -> str:
    """The page as text; ends in a newline. JSON is plain ASCII, so no terminal and no file encoding can spoil it.

    Args:
        form: of Format.
        width: columns of the terminal, None: a line may have any length; only ``table`` heeds it.
        colour: whether escape sequences may be used; only ``table`` heeds it.
    """
    match Format(form):
        case Format.TABLE:
            return terminal(page.blocks(width is None or width >= WIDE), width=width, colour=colour)
        case Format.MARKDOWN:
            return markdown(page.blocks(True))
        case Format.JSON:
            document = _in_order({"schema_version": page.schema_version, **page.document})
            return json.dumps(document, indent=2, allow_nan=False) + "\n"
        case Format.CSV:
            text = StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(page.columns)
            writer.writerows([safe_cell(_cell(cell)) for cell in row] for row in page.rows)
            return text.getvalue()


def _in_order(value: object) -> object:
    """A value as JSON holds it, the keys of the document's own mappings in the order in which it has them."""
    match value:
        case Mapping():
            return {str(key): _in_order(item) for key, item in value.items()}
        case tuple() | list():
            return [_in_order(item) for item in value]
    return plain(value)


def _cell(value: object) -> object:
    known = plain(value)
    if isinstance(known, bool):
        return "true" if known else "false"
    return "" if known is None else known
