"""Reading text files of any origin without a traceback."""

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from melange_cloud.errors import BadFile, BadInput, Fault

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_GZIP_MAGIC = b"\x1f\x8b"


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, gzip or not.

    Raises:
        BadInput: the file cannot be read.
        BadFile: it is not UTF-8, or its gzip data is damaged.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or error})") from error
    if content.startswith(_GZIP_MAGIC):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise BadFile([Fault(path, f"damaged gzip data ({error}): fetch the file again")]) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadFile([Fault(path, "is not UTF-8 text: save it as UTF-8", line=line)]) from error


def read_rows(text: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each row of a CSV text, cells stripped; blank lines are passed over.

    Raises:
        BadFile: the text is not CSV.
    """
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                yield rows.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise BadFile([Fault(path, f"is not CSV ({error})", line=rows.line_num)]) from error


def parse_number(text: str) -> float | None:
    """A finite decimal number, or None. Stricter than ``float``: no ``nan``, ``inf`` or ``1_000``."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None
