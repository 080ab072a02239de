"""Standard output carries the answer and nothing else, whatever libraries and solvers print there."""

import csv
import io
import json
import os
import subprocess
import sys
import textwrap

import pytest

from melange_cloud.solver import find_programs
from melange_cloud.solver.programs.find import GLPSOL_VARIABLE
from tests.cli.conftest import ROOT
from tests.examples import SHELL

TOY = str(ROOT / "examples" / "paper-toy" / "input.json")
PLAN = (
    "plan",
    "--offline",
    "--region",
    "us-east-1",
    "--gpu",
    "L4",
    "--gpu",
    "A10G",
    "--workload",
    "chat",
    "--rate",
    "4",
)
SWEEP = ("sensitivity", "--offline", "--region", "us-east-1", "--gpu", "L4", "--over", "router", "--rate", "2")

NOISE = """
    import atexit, ctypes, os, subprocess, sys

    libc = ctypes.CDLL(None)

    def shout(who):
        print(f"NOISE {who} by print")
        sys.__stdout__.write(f"NOISE {who} by the first stdout\\n")
        os.write(1, f"NOISE {who} by write\\n".encode())
        libc.printf(f"NOISE {who} by printf, in C's buffer until the end\\n".encode())
        subprocess.run(["echo", f"NOISE {who} by a program"])

    class Finder:
        def find_spec(self, name, path=None, target=None):
            if name in ("typer", "rich.table", "highspy", "pyomo.core", "melange_cloud.planner"):
                shout(name)

    sys.meta_path.insert(0, Finder())
    atexit.register(shout, "at exit")
"""
"""A sitecustomize.py: libraries that print in five ways while they are imported and when the process ends."""


@pytest.fixture(scope="module")
def loud(tmp_path_factory):
    """Runs melange-cloud in a process of its own with loud libraries and a loud glpsol; gives the finished process."""
    folder = tmp_path_factory.mktemp("loud")
    (folder / "sitecustomize.py").write_text(textwrap.dedent(NOISE))
    glpsol = folder / "glpsol"
    program = find_programs()["glpk"]
    library = program.environment().get("LD_LIBRARY_PATH", "")
    glpsol.write_text(
        f"#!/bin/sh\necho NOISE glpsol\necho NOISE glpsol >&2\n"
        f'LD_LIBRARY_PATH="{library}" exec "{program.executable}" "$@"\n'
    )
    glpsol.chmod(0o755)

    def run(*arguments, redirect=""):
        main = "from melange_cloud.cli.start import main; main()"
        environment = {**os.environ, **SHELL, "PYTHONPATH": str(folder), GLPSOL_VARIABLE: str(glpsol)}
        return subprocess.run(
            ["sh", "-c", f'exec "$0" "$@" {redirect}', sys.executable, "-c", main, *arguments],
            env=environment,
            cwd=folder,
            capture_output=True,
            text=True,
        )

    return run


def rows(text):
    found = list(csv.DictReader(io.StringIO(text), strict=True))
    assert found
    assert all(None not in row and None not in row.values() for row in found), "every row as long as the header"
    return found


@pytest.mark.loud
@pytest.mark.parametrize(
    "arguments",
    [
        (*PLAN, "--solver", "highs", "--format", "json"),
        (*PLAN, "--solver", "glpk", "--format", "csv"),
        (*SWEEP, "--solver", "highs", "--format", "csv"),
        ("solve", TOY, "--solver", "highs", "--format", "json"),
        ("prices", "list", "--offline", "--region", "us-east-1", "--gpu", "L4", "--format", "csv"),
        ("prices", "doctor", "--offline", "--format", "json"),
        ("profiles", "show", "--gpu", "L4", "--format", "json"),
        ("workloads", "show", "chat", "--format", "json"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_nothing_but_the_answer_reaches_stdout(loud, arguments):
    ran = loud(*arguments)
    assert ran.returncode == 0, ran.stderr
    assert "NOISE" not in ran.stdout
    assert json.loads(ran.stdout) if arguments[-1] == "json" else rows(ran.stdout)
    assert "NOISE at exit by printf" in ran.stderr, "what was printed is not lost"


@pytest.mark.loud
def test_help_and_version_are_answers_too(loud):
    assert loud("--version").stdout.startswith("melange-cloud ")
    shown = loud("prices", "list", "--help")
    assert shown.stdout.startswith("Usage: ")
    assert "NOISE" not in shown.stdout


@pytest.mark.loud
def test_with_stderr_closed_the_answer_is_still_alone(loud):
    ran = loud("workloads", "show", "chat", "--format", "json", redirect="2>&-")
    assert ran.returncode == 0
    assert json.loads(ran.stdout)["name"] == "chat"


@pytest.mark.loud
def test_dev_stdout_is_the_real_one(loud):
    ran = loud("workloads", "show", "chat", "--format", "json", "-o", "/dev/stdout")
    assert json.loads(ran.stdout)["name"] == "chat"


@pytest.mark.parametrize("solver", sorted(find_programs()))
@pytest.mark.parametrize("format_", ["json", "csv"])
def test_answers_of_every_solver_parse_and_the_library_prints_nothing(run, capfd, solver, format_):
    for arguments in (PLAN, (*PLAN, "--explain"), SWEEP):
        result = run(*arguments, "--solver", solver, "--format", format_)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout) if format_ == "json" else rows(result.stdout)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("solver", sorted(find_programs()))
def test_the_papers_input_parses_with_every_solver(run, capfd, solver):
    assert run.json("solve", TOY, "--solver", solver)["status"] == "optimal"
    assert capfd.readouterr().out == ""


def test_json_and_csv_of_the_commands_that_solve_nothing_parse(run):
    for arguments, formats in (
        (("prices", "list", "--offline", "--region", "us-east-1"), ("json", "csv")),
        (("prices", "diff", "snapshot", "snapshot"), ("json",)),
        (("prices", "doctor", "--offline"), ("json",)),
        (("profiles", "list"), ("json",)),
        (("profiles", "show", "--gpu", "L4"), ("json",)),
        (("profiles", "heatmap", "--offline", "--gpu", "L4"), ("json", "csv")),
        (("workloads", "show", "conversation"), ("json",)),
    ):
        for format_ in formats:
            result = run(*arguments, "--format", format_)
            assert result.exit_code == 0, (arguments, result.output)
            assert json.loads(result.stdout) if format_ == "json" else rows(result.stdout)
    assert rows(run("prices", "export", "--offline", "--region", "us-east-1").stdout)
