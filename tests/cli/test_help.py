"""Every help page: each option in a panel, in plain words, with whole commands as examples, at any width."""

import re
import shlex

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.cli.help_page import Look, broken, help_page, help_text, option_row


def commands():
    """(words, command) of every command that help shows, and of the groups."""
    stack: list = [((), get_command(app))]
    while stack:
        words, command = stack.pop()
        yield words, command
        for name, one in getattr(command, "commands", {}).items():
            if not one.hidden:
                stack.append(((*words, name), one))


EVERY = dict(commands())


def page(*words, columns=80):
    ran = CliRunner().invoke(app, [*words, "--help"], prog_name="melange-cloud", env={"COLUMNS": str(columns)})
    assert (ran.exit_code, ran.stderr) == (0, "")
    return ran.stdout


def joined(text):
    """A page's commands in one line each."""
    return re.sub(r" \\\n +", " ", text)


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_a_page_says_what_it_does_and_shows_a_command_to_copy(words):
    text = page(*words)
    assert text.startswith(f"Usage: {' '.join(('melange-cloud', *words))}")
    examples = joined(text).partition("\nExample")[2].splitlines()[1:]
    assert examples
    for example in examples:
        program, *rest = shlex.split(example)
        assert program == "melange-cloud"
        assert tuple(rest[: len(words)]) == words


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("words", [(), ("plan",), ("workloads", "from-trace"), ("profiles", "measure")], ids=" ".join)
def test_no_line_is_wider_than_the_page(words, columns):
    for line in page(*words, columns=columns).splitlines():
        assert len(line) <= min(columns, 100)


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_every_option_is_explained_in_plain_words(words):
    text = page(*words, columns=100)
    context = EVERY[words].make_context("it", [], resilient_parsing=True)
    assert not re.search(r"<[\w\[\]|]+>", text)
    for option in (one for one in EVERY[words].params if not getattr(one, "hidden", False)):
        assert option.help, option.name
        if option.param_type_name == "option":
            shown = option_row(option, context).text
            assert shown.endswith("."), shown
            assert "[default: None]" not in shown
            assert "[default: ]" not in shown
            assert next(name for name in option.opts if name.startswith("--")) in text


def test_the_most_used_options_of_a_plan_come_first():
    text = page("plan")
    titles = re.findall(r"^(\w.*):$", text, re.MULTILINE)
    assert titles == [
        *("Question", "Latency target", "GPUs and limits", "Model and engine", "Prices", "Solver", "Output"),
        "Examples",
    ]
    options = re.findall(r"^  (?:-\w, )?(--[\w-]+)", text, re.MULTILINE)
    assert options[:3] == ["--region", "--workload", "--rate"]
    assert options[-1] == "--help"


def test_on_a_terminal_panels_have_borders_and_colour():
    command = EVERY["workloads", "mix"]
    context = command.make_context("mix", [], resilient_parsing=True)
    bare = help_page(command, context, Look(70))
    framed = help_page(command, context, Look(70, colour=True, borders=True))
    plain = re.sub(r"\x1b\[[0-9;]*m", "", framed)
    assert "\x1b[1;38;5;30m-o, --output\x1b[0m FILE" in framed
    inside = [line for line in plain.splitlines() if line.startswith(("╭", "│", "╰"))]
    assert inside
    assert {len(line) for line in inside} == {70}
    words = re.findall(r"[\w-]+", re.sub("[╭╮╰╯│─]", " ", plain))
    assert words == re.findall(r"[\w-]+", bare)


def test_a_long_command_goes_on_after_a_backslash_before_an_option():
    command = "melange-cloud plan --region us-east-1 --rate 40 --current fleet.csv --stay-within 2% 'a b'"
    assert broken(command, 60) == [
        "  melange-cloud plan --region us-east-1 --rate 40 \\",
        "      --current fleet.csv --stay-within 2% 'a b'",
    ]
    for width in (20, 40, 60, 200):
        assert shlex.split(" ".join(broken(command, width)).replace(" \\ ", " ")) == shlex.split(command)


def test_paragraphs_and_examples_are_told_apart():
    epilog = "More.\n\nExamples: melange-cloud c; melange-cloud d"
    parsed = help_text("Does it.\n\nExample:\n\nmelange-cloud a --b 1", epilog)
    assert (parsed.paragraphs, parsed.after) == (("Does it.",), ("More.",))
    assert parsed.examples == ("melange-cloud a --b 1", "melange-cloud c", "melange-cloud d")
