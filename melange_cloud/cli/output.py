"""What leaves the program: the answer, on stdout or in a file, and notes on stderr; how wide, and in colour or not."""

import contextlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from melange_cloud.cli.characters import fitting, harmless, harmless_json
from melange_cloud.cli.result_file import STDOUT, ResultFile
from melange_cloud.cli.streams import answers, discard, is_terminal
from melange_cloud.errors import MelangeError, echoed, one_line

if TYPE_CHECKING:
    from melange_cloud.report.page import Page

WIDTH_OFF_A_TERMINAL, USUAL_WIDTH, LEAST_WIDTH = 120, 80, 40
LONGEST_NOTE = 600
"""Characters of the longest note: longer than an error, since a notice may list regions and cures."""


def width() -> int:
    """Columns to fill: the terminal's; without one, COLUMNS or 120 (CI logs and files are not 80 wide)."""
    if not bounded():
        return WIDTH_OFF_A_TERMINAL
    columns = _asked_columns()
    stream = answers()
    if not columns and stream is not None:
        with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor
            columns = os.get_terminal_size(stream.fileno()).columns
    return max(LEAST_WIDTH, columns or USUAL_WIDTH)


def bounded() -> bool:
    """Whether somebody says how wide the output may be: a terminal, or COLUMNS."""
    return is_terminal(answers()) or _asked_columns() > 0


def _asked_columns() -> int:
    """What COLUMNS says; 0 if it says nothing."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isascii() and columns.isdigit() and len(columns) < 10 else 0


def colour() -> bool:
    """Whether stdout takes colour: a terminal, without NO_COLOR or TERM=dumb."""
    return is_terminal(answers()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(page: "Page", result: ResultFile = STDOUT, *, whole_rows: bool = False) -> None:
    """Print a command's answer, or write it, in the form that ``result`` asks for.

    Args:
        whole_rows: off a terminal without COLUMNS, a row is one line however long, for grep and awk.
    """
    from melange_cloud.report.page import written

    columns = None if whole_rows and not bounded() else width()
    emit(written(page, result.format, width=columns, colour=colour() and result.path is None), result)


def emit(text: str, result: ResultFile = STDOUT) -> None:
    """Print the answer, or write it whole to the file of ``result``; a file is UTF-8."""
    is_json = result.format == "json"
    if result.path is not None:
        from melange_cloud.inputs.write_whole import write_whole

        text = harmless_json(text, None) if is_json else fitting(harmless(text), None)
        write_whole(result.path, text if text.endswith("\n") else text + "\n")
        note(f"wrote {echoed(result.path, 300)}")
        return
    stream = answers()
    if stream is None:
        raise MelangeError("standard output is closed: use --output FILE")
    encoding = getattr(stream, "encoding", None)
    text = harmless_json(text, encoding) if is_json else fitting(harmless(text, coloured=colour()), encoding)
    try:
        typer.echo(text, file=stream, nl=not text.endswith("\n"), color=True)
    except BrokenPipeError:
        discard(stream)
        raise
    except OSError as error:
        discard(stream)
        raise MelangeError(f"standard output cannot be written ({error.strerror})", cure="use --output FILE") from error


@dataclass(slots=True)
class _Loudness:
    """Whether the user wants notes."""

    quiet: bool = False


_loudness = _Loudness()


def be_quiet(quiet: bool) -> None:
    """Say whether ``--quiet`` is given."""
    _loudness.quiet = quiet


def is_quiet() -> bool:
    """Whether ``--quiet`` is given."""
    return _loudness.quiet


def note(text: str) -> None:
    """Lines on stderr that a user may do without: what was read, what was written. None with ``--quiet``."""
    if not is_quiet():
        warn(text)


def warn(*texts: str) -> None:
    """Lines on stderr that are needed to read the answer right, and errors; cleaned and cut.

    Where stderr is closed or full, the result matters more.
    """
    if sys.stderr is None:
        return
    for line in (line for text in texts for line in text.split("\n")):
        shown = fitting(one_line(line, LONGEST_NOTE), getattr(sys.stderr, "encoding", None))
        with contextlib.suppress(OSError):
            typer.echo(shown, err=True)
