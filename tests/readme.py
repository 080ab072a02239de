"""Runs what the README shows.

A block after `<!-- run -->` is a console block: `$ command`, then what it prints at 80 columns. After
`<!-- run from "A" to "B" -->` it shows only the lines from the first that holds A to the last before one that holds B.
The picture of the table is made here too.
"""

import re
import shlex
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.examples import SHELL

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "examples" / "conversation-us-east-1" / "table.svg"
PICTURED = "melange-cloud plan --region us-east-1"
RUN = re.compile(
    r"<!-- run(?P<part> from \"(?P<first>[^\"\n]+)\" to \"(?P<last>[^\"\n]+)\")? -->\n"
    r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```\n",
    re.DOTALL,
)
COLUMNS = 80


def output_of(command: str) -> str:
    """What a README command prints, relative to the project's root."""
    program, *arguments = shlex.split(command)
    if program == "cat":
        return (ROOT / arguments[0]).read_text(encoding="utf-8")
    assert program == "melange-cloud", command
    result = CliRunner().invoke(app, arguments, env={**SHELL, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"})
    assert result.exit_code == 0, result.output
    return result.stdout


def picture() -> str:
    """The first plan as an SVG of a terminal; without rich's web fonts, so that it loads nothing."""
    console = Console(record=True, width=COLUMNS, file=StringIO())
    console.print(Text(f"$ {PICTURED}\n", style="bold"))
    console.print(Text(output_of(PICTURED)))
    svg = console.export_svg(title="melange-cloud", unique_id="melange-cloud")
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def shown_output(block: re.Match[str]) -> str:
    """What a block has to show now."""
    output = output_of(block["command"])
    if block["part"] is None:
        return output
    lines = output.splitlines(keepends=True)
    begin = next(at for at, line in enumerate(lines) if block["first"] in line)
    end = next(at for at, line in enumerate(lines) if at > begin and block["last"] in line)
    return "".join([" ...\n", *lines[begin:end]]).rstrip() + "\n"


def with_outputs(text: str) -> str:
    """The README with every shown output as it is now."""

    def anew(block: re.Match[str]) -> str:
        head = f"<!-- run{block['part'] or ''} -->\n```console\n$ {block['command']}\n"
        return f"{head}{shown_output(block)}```\n"

    return RUN.sub(anew, text)


def kept() -> Iterator[tuple[Path, str]]:
    """The README and its picture, as they are now."""
    yield README, with_outputs(README.read_text(encoding="utf-8"))
    yield PICTURE, picture()
