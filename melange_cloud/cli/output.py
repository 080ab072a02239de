"""Where results go: stdout or --out, at which width, in colour or not."""

import contextlib
import io
import os
import shutil
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import typer

from melange_cloud.errors import MelangeError

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH_OFF_A_TERMINAL = 120


def width() -> int:
    """Columns to fill: the terminal's; where there is none, COLUMNS or 120 (CI logs and files are not 80 wide)."""
    if is_terminal(sys.stdout) or os.environ.get("COLUMNS", "").isdigit():
        return max(40, shutil.get_terminal_size().columns)
    return WIDTH_OFF_A_TERMINAL


def colour() -> bool:
    """Whether stdout takes colour: a terminal, and neither NO_COLOR nor TERM=dumb."""
    return is_terminal(sys.stdout) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def emit(text: str, out: Path | None) -> None:
    """Print the result, or write it whole to ``out``."""
    if out is None:
        if sys.stdout is None:
            raise MelangeError("standard output is closed: give --out FILE")
        try:
            typer.echo(text, nl=not text.endswith("\n"), color=True)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise MelangeError(f"standard output cannot be written: {error.strerror}; give --out FILE") from error
        return
    from melange_cloud.files import write_whole

    write_whole(out, text if text.endswith("\n") else text + "\n")
    note(f"wrote {out}")


def note(text: str) -> None:
    """A line on stderr; where stderr is closed or full, the result matters more than the note."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            typer.echo(text, err=True)


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether somebody watches the stream; a closed one is None."""
    return stream is not None and stream.isatty()


def rendered(content: "RenderableType") -> str:
    """What rich makes of a table or text at the width of stdout, in plain characters."""
    from rich.console import Console

    page = io.StringIO()
    Console(file=page, width=width(), force_terminal=False, force_jupyter=False, color_system=None).print(content)
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"
