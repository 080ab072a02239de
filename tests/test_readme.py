"""The README's commands give what it shows, its Python runs, and what it names is there."""

import re
import subprocess
import sys

import pytest

from melange_cloud.cli.app import app
from tests import readme
from tests.golden import how_to_accept

TEXT = readme.README.read_text(encoding="utf-8")


@pytest.mark.parametrize("block", list(readme.RUN.finditer(TEXT)), ids=lambda block: block["command"])
def test_shown_output_is_what_the_command_prints(block, monkeypatch):
    monkeypatch.chdir(readme.ROOT)
    assert readme.shown_output(block) == block["output"], how_to_accept("readme")


def test_the_picture_is_the_table(monkeypatch):
    monkeypatch.chdir(readme.ROOT)
    assert readme.PICTURE.read_text(encoding="utf-8") == readme.picture(), how_to_accept("readme")


def test_the_readme_shows_at_least_these():
    shown = {block["command"] for block in readme.RUN.finditer(TEXT)}
    assert "melange-cloud plan --region us-east-1" in shown
    assert "melange-cloud solve examples/paper-toy/input.json" in shown


def test_the_python_example_runs(tmp_path):
    (code,) = re.findall(r"<!-- python -->\n```python\n(.*?)```", TEXT, re.DOTALL)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "instance_type" in ran.stdout


OF_OTHER_TOOLS = {"--metadata", "--request-rate", "--save-result"}
"""Options of ``vllm bench serve``, whose results can be imported."""


def test_every_option_that_the_readme_names_exists():
    from typer.main import get_command

    known = {"--version", "--help"}
    stack = [get_command(app)]
    while stack:
        command = stack.pop()
        known.update(option for parameter in command.params for option in parameter.opts)
        stack.extend(getattr(command, "commands", {}).values())
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    assert named - known == OF_OTHER_TOOLS


def test_the_two_set_up_lines_are_the_first_code():
    lines = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
    assert lines[0] == "python3 -m pip install . && melange-cloud plan --region us-east-1"
    assert lines[1] == 'python3 -m pip install ".[test]" && python3 -m pytest'
