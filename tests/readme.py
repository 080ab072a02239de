"""Runs what the README, the guides and the reference pages show.

A block after `<!-- run -->` is a console block: `$ command` (lines that end in a backslash go on), then what a terminal
of 80 columns shows. After `<!-- run exit 3 -->` the command ends with that code. After `<!-- run first 9 -->` a block
shows only so many lines, and after `<!-- run from "A" to "B" -->` those from the first that holds A to the last before
one that holds B ("" is the end). The blocks of a page are run from top to bottom in one folder that holds those of the
project, so that a command finds what an earlier one wrote. A block after `<!-- python -->` is Python, and the block
after it is what it prints.

The picture of the table is made here too.
"""

import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.examples import SHELL
from tests.screenshot import screenshot

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = ROOT / "examples" / "conversation-us-east-1" / "table.svg"
PICTURED = "melange-cloud plan --region us-east-1"
RUN = re.compile(
    r"<!-- run(?: exit (?P<exit>\d))?(?: first (?P<count>\d+))?"
    r"(?: from \"(?P<first>[^\"\n]+)\" to \"(?P<last>[^\"\n]*)\")? -->\n"
    r"```console\n\$ (?P<command>(?:[^\n]*\\\n)*[^\n]+)\n(?P<output>.*?)```\n",
    re.DOTALL,
)
PYTHON = re.compile(r"<!-- python -->\n```python\n(?P<code>.*?)```\n\n```text\n(?P<output>.*?)```\n", re.DOTALL)
COLUMNS = 80
FOLDERS = ("examples", "pricing", "profiles")
OWN_PROFILES = "your-data-folder/profiles"
"""Where the pages' commands save profiles, since the user's own data folder is another on every system."""


def pages() -> list[Path]:
    """Every page in Markdown that the project holds."""
    places = (ROOT, ROOT / ".github")
    return [
        *(path for place in places for path in sorted(place.glob("*.md"))),
        *(path for folder in (*FOLDERS, "tests") for path in sorted((ROOT / folder).rglob("*.md"))),
    ]


def name_of(page: Path) -> str:
    """A page's path from the project's root."""
    return page.relative_to(ROOT).as_posix()


def pages_that_run() -> list[Path]:
    """The pages with a block that is run."""
    texts = {page: page.read_text(encoding="utf-8") for page in pages()}
    return [page for page, text in texts.items() if RUN.search(text) or PYTHON.search(text)]


@contextmanager
def shell() -> Iterator[Path]:
    """A folder to run commands in: the project's folders are in it, and nothing that is written there stays."""
    with (
        tempfile.TemporaryDirectory() as name,
        pytest.MonkeyPatch.context() as monkeypatch,
        chdir(name),
    ):
        for folder in FOLDERS:
            Path(folder).symlink_to(ROOT / folder)
        for variable, value in SHELL.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("MELANGE_CLOUD_PROFILES", OWN_PROFILES)
        yield Path(name)


def output_of(command: str, exit_code: int = 0) -> str:
    """What a command shows on a terminal, run in the current folder."""
    words = shlex.split(command.replace("\\\n", " "))
    variables = {}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    program, *arguments = words
    if program == "cat":
        return Path(arguments[0]).read_text(encoding="utf-8")
    assert program == "melange-cloud", command
    result = CliRunner().invoke(app, arguments, env={**SHELL, **variables, "COLUMNS": str(COLUMNS), "NO_COLOR": "1"})
    assert result.exit_code == exit_code, result.output
    return result.output


def picture() -> str:
    """The first plan as it looks on a terminal."""
    return screenshot(PICTURED)


def shown_output(block: re.Match[str]) -> str:
    """What a block has to show now."""
    output = output_of(block["command"], int(block["exit"] or 0))
    lines = output.splitlines(keepends=True)
    begin, end = 0, int(block["count"] or len(lines))
    if block["first"] is not None:
        begin = _where(lines, block["first"], block["command"])
        end = begin + 1 + _where(lines[begin + 1 :], block["last"], block["command"]) if block["last"] else len(lines)
    text = "".join([" ...\n" * (begin > 0), *lines[begin:end]])
    return text if end >= len(lines) else text.rstrip() + "\n ...\n"


def _where(lines: list[str], words: str, command: str) -> int:
    found = [at for at, line in enumerate(lines) if words in line]
    assert found, f"{command} prints no line with {words!r}"
    return found[0]


def printed_by(code: str) -> str:
    """What Python code prints."""
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "page", "exec"), {"__name__": "__page__"})  # noqa: S102  (our own page)
    return printed.getvalue()


def with_outputs(text: str) -> str:
    """A page with every shown output as it is now."""

    def run_again(block: re.Match[str]) -> str:
        head, _, _ = block[0].partition(f"$ {block['command']}\n")
        return f"{head}$ {block['command']}\n{shown_output(block)}```\n"

    def print_again(block: re.Match[str]) -> str:
        return f"<!-- python -->\n```python\n{block['code']}```\n\n```text\n{printed_by(block['code'])}```\n"

    with shell():
        return PYTHON.sub(print_again, RUN.sub(run_again, text))


def kept() -> Iterator[tuple[Path, str]]:
    """The pages and the picture, as they are now."""
    for page in pages_that_run():
        yield page, with_outputs(page.read_text(encoding="utf-8"))
    yield PICTURE, picture()
