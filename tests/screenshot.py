"""A command and what it shows on a terminal, as an SVG that loads nothing and has the same bytes every time."""

import os
import pty
import re
import shlex
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from threading import Thread
from unittest.mock import patch

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from melange_cloud.cli.app import app
from tests.examples import SHELL

COLUMNS = 80
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"
THEME = TerminalTheme(
    (22, 27, 34),
    (230, 237, 243),
    [
        (72, 79, 88),
        (255, 123, 114),
        (86, 211, 100),
        (227, 179, 65),
        (121, 192, 255),
        (210, 168, 255),
        (86, 212, 221),
        (230, 237, 243),
    ],
)
"""Background, foreground, the eight colours: each at least 4.5:1 on the background but black, which no page uses.

The window brings its own background, so it reads the same on a light page and on a dark one.
"""


def on_terminal(arguments: list[str], environment: Mapping[str, str]) -> str:
    """What the command prints where standard output is a terminal, with its colours."""
    leader, follower = pty.openpty()
    received: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(leader, 65536):
                received.append(part)
        except OSError:  # on Linux, how the other end says that it was closed
            return

    reader = Thread(target=read)
    reader.start()
    with (
        os.fdopen(follower, "w", encoding="utf-8") as terminal,
        redirect_stdout(terminal),
        patch.dict(os.environ, environment),
    ):
        code = app(arguments, standalone_mode=False)
    reader.join()
    os.close(leader)
    assert not code, arguments
    return b"".join(received).decode().replace("\r\n", "\n")


def screenshot(command: str) -> str:
    """The command and its page as an SVG of a terminal; without rich's web fonts, so that it loads nothing."""
    program, *arguments = shlex.split(command)
    assert program == "melange-cloud", command
    page = on_terminal(arguments, {**SHELL, "COLUMNS": str(COLUMNS), "TERM": "xterm-256color"})
    console = Console(record=True, width=COLUMNS + 1, file=StringIO(), force_terminal=True, color_system="256")
    console.print(Text(f"$ {command}\n", style="bold"))
    console.print(Text.from_ansi(page.rstrip("\n")))  # rich 15 takes a last line break for another line
    svg = console.export_svg(title="melange-cloud", unique_id="melange-cloud", theme=THEME)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
