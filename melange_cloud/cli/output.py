"""Where results go: stdout or --out, at which width, in colour or not."""

import os
import shutil
import sys
from pathlib import Path

import typer

WIDTH_OFF_A_TERMINAL = 120


def width() -> int:
    """Columns to fill: the terminal's; where there is none, COLUMNS or 120 (CI logs and files are not 80 wide)."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit():
        return max(40, shutil.get_terminal_size().columns)
    return WIDTH_OFF_A_TERMINAL


def colour() -> bool:
    """Whether stdout takes colour: a terminal, and neither NO_COLOR nor TERM=dumb."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def emit(text: str, out: Path | None) -> None:
    """Print the result, or write it whole to ``out``."""
    if out is None:
        typer.echo(text, nl=not text.endswith("\n"), color=True)
        return
    from melange_cloud.files import write_whole

    write_whole(out, text if text.endswith("\n") else text + "\n")
    typer.echo(f"wrote {out}", err=True)
