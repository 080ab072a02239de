"""Shells complete commands, options and values from what ships; bash is driven for real, as a person would."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from melange_cloud import catalog, planner, profiles, workload
from melange_cloud.cli.app import app
from melange_cloud.cli.completion import values
from melange_cloud.cli.completion.candidates import candidates, words_of
from melange_cloud.cli.completion.scripts import OF_SHELL, for_bash
from melange_cloud.solver import SOLVERS

ROOT = get_command(app)
MAIN = "from melange_cloud.cli.start import main; main()"


def after(line: str) -> list[str]:
    """The words that may come, for a line without the program's name."""
    return [candidate.word for candidate in candidates(ROOT, words_of(f"melange-cloud {line}")[1:]).words]


def test_commands_are_completed_without_hidden_ones() -> None:
    assert {"plan", "prices", "workloads", "profiles", "completion"} <= set(after(""))
    assert not {"maintain", "__complete"} & set(after(""))
    assert after("prices re") == ["refresh"]


def test_options_are_completed_but_not_twice() -> None:
    assert after("plan --regi") == ["--region"]
    assert "--region" in after("plan --region us-east-1 ")  # it may be repeated
    assert "--rate" not in after("plan --rate 3 ")
    assert after("plan ")[0] == "--region"
    assert "--help" in after("plan -")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plan --region ", ["all", *sorted({region.name for region in catalog.load_regions()})]),
        ("plan --region=us-south", ["--region=us-south1"]),
        ("plan --region us-east-1,us-south", ["us-east-1,us-south1"]),
        ("plan --region aws:us-e", ["aws:us-east-1", "aws:us-east-2"]),
        ("plan --region us-east-1,gcp:us-south", ["us-east-1,gcp:us-south1"]),
        ("plan --against gcp:us-s", ["gcp:us-south1"]),
        ("plan --model aws:", []),
        ("plan --show routing,left", ["routing,left-out"]),
        ("plan --model ", sorted(profiles.load_models())),
        ("profiles show --era ", sorted(profiles.load_eras())),
        ("plan --workload ", list(workload.list_workloads())),
        ("workloads scale ", list(workload.list_workloads())),
        ("plan --gpu a100", ["A100-40GB", "A100-80GB"]),
        ("plan --max-gpus h", ["H100="]),
        ("plan --engine ", ["mean", "vllm", "sglang", "tensorrt-llm"]),
        ("plan --precision ", ["bf16", "fp16", "fp8"]),
        ("plan --purchase c", ["commit_1y", "commit_3y"]),
        ("plan --format ", ["table", "json", "csv", "markdown"]),
        ("sensitivity --over price:H", ["price:H100"]),
        ("workloads mix chat=0.5 do", ["document="]),
        ("regions us-gov", ["us-gov-east-1", "us-gov-west-1"]),
        ("gpus --gpu H", ["H100"]),
        ("plan --headroom ", []),
        ("plan --offline --solver g", ["glpk"]),
        ("plan -o a.json --router o", ["oracle"]),
        ("workloads from-trace -- --g", []),
        ("no-such-command ", []),
        ("prices no-such-command ", []),
    ],
)
def test_values_are_completed(line: str, expected: list[str]) -> None:
    assert after(line) == expected


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("plan --output ", True),
        ("plan --workload c", True),
        ("workloads from-trace ", True),
        ("plan --region ", False),
        ("plan ", False),
    ],
)
def test_files_are_offered_where_a_file_may_be_given(line: str, files: bool) -> None:
    assert candidates(ROOT, words_of(f"melange-cloud {line}")[1:]).files is files


NAMES_OF_THE_USER = {"--name", "--served-model", "--result-model"}


def every_parameter():
    stack: list = [ROOT]
    while stack:
        command = stack.pop()
        yield from command.params
        stack += getattr(command, "commands", {}).values()


def test_every_option_that_takes_a_name_is_completed_and_no_list_is_left_over() -> None:
    parameters = list(every_parameter())
    assert values.OF_OPTIONS.keys() <= {name for one in parameters for name in one.opts}
    assert values.OF_ARGUMENTS.keys() <= {str(one.metavar) for one in parameters}
    named = [one for one in parameters if one.metavar in ("NAME", "GPU", "REGION", "SECTION", "NAME|FILE", "GPU=N")]
    assert len(named) > 30
    for one in named:
        assert values.values_of(one) or NAMES_OF_THE_USER & set(one.opts), one.opts


def test_the_words_are_those_that_the_planner_takes() -> None:
    assert values.SOLVERS == SOLVERS
    for word in values.SOLD_AS:
        planner.Question(regions=("us-east-1",), sold_as=word)
    assert after("plan --show ")


ODD = ("", "plan", "plan --regi", "prices list --region 'us-e", 'x "', "\\", "plan --=", "--")


@pytest.mark.parametrize("line", ODD)
def test_no_line_is_too_odd(line: str) -> None:
    ran = CliRunner().invoke(app, ["__complete", "bash", " =:", f"melange-cloud {line}"])
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[0] in ("words", "files", "go-on")


def test_bash_gets_what_follows_the_last_word_break() -> None:
    found = candidates(ROOT, ["sensitivity", "--over=price:H"])
    assert for_bash(found, "--over=price:H", " =:").splitlines() == ["words", "H100"]
    assert for_bash(found, "--over=price:H", " =").splitlines() == ["words", "price:H100"]
    assert for_bash(found, "--over=price:H", " ").splitlines() == ["words", "--over=price:H100"]

    regions = candidates(ROOT, ["plan", "--region", "aws:us-e"])
    assert for_bash(regions, "aws:us-e", " =:").splitlines() == ["words", "us-east-1", "us-east-2"]


@pytest.mark.parametrize("shell", OF_SHELL)
def test_the_command_prints_the_script_of_a_shell(shell: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["completion", shell]).stdout == OF_SHELL[shell]
    assert CliRunner().invoke(app, ["completion"], env={"SHELL": f"/usr/bin/{shell}"}).stdout == OF_SHELL[shell]
    out = tmp_path / "not" / "there" / "script"
    assert CliRunner().invoke(app, ["completion", shell, "-o", str(out)]).exit_code == 0
    assert out.read_text() == OF_SHELL[shell]
    again = CliRunner().invoke(app, ["completion", shell, "-o", str(out)])
    assert (again.exit_code, "already exists" in again.stderr) == (2, True)


def test_a_shell_that_is_not_known_is_refused() -> None:
    said = CliRunner().invoke(app, ["completion"], env={"SHELL": "/bin/tcsh"})
    assert (said.exit_code, said.stderr) == (
        2,
        "melange-cloud: name your shell: melange-cloud completion bash, zsh or fish\n",
    )


def test_completing_imports_nothing_heavy_and_opens_no_socket() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise AssertionError('a socket')\n"
        "socket.socket.connect = refuse\n"
        "from melange_cloud.cli.app import app\n"
        "for option in ('region', 'model', 'workload', 'max-vcpus', 'max-instances'):\n"
        "    try: app(['__complete', 'bash', ' =:', f'melange-cloud plan --{option} '])\n"
        "    except SystemExit as end: assert not end.code\n"
        "heavy = {'pandas', 'numpy', 'pyomo', 'highspy', 'boto3', 'botocore', 'google', 'matplotlib'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "HEAVY []"


# a real shell


def program(folder: Path) -> Path:
    """``melange-cloud`` as this test's Python runs it."""
    script = folder / "melange-cloud"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{MAIN}' \"$@\"\n")
    script.chmod(0o755)
    return script


class Bash:
    """An interactive bash that has loaded our script, at a terminal."""

    def __init__(self, folder: Path) -> None:
        program(folder)
        (folder / "requests.csv").touch()
        environment = {
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "PS1": "> ",
            "TERM": "dumb",
            "INPUTRC": os.devnull,
            "COLUMNS": "200",
        }
        self.terminal, theirs = pty.openpty()
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=folder, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(self.terminal, b"source <(melange-cloud completion bash); echo rea''dy\n")
        self.read_until("ready\r\n> ")

    def read_until(self, mark: str) -> str:
        seen = ""
        while mark not in seen:
            ready, _, _ = select.select([self.terminal], [], [], 60)
            assert ready, seen
            seen += os.read(self.terminal, 65536).decode()
        return seen

    def line_after(self, keys: str) -> str:
        """What stands on the prompt's line after ``keys``, which end in a tab."""
        # Ctrl-A and Ctrl-E go to its begin and end: it becomes the argument of an echo.
        os.write(self.terminal, f"{keys}\001echo [\005]\n".encode())
        lines: list[str] = re.findall(r"\[(.*)\]\r$", self.read_until("]\r\n> "), re.MULTILINE)
        return lines[-1]

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.terminal)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_a_tab_in_bash_completes(tmp_path: Path) -> None:
    bash = Bash(tmp_path)
    try:
        for keys, line in (
            ("melange-cloud pla", "melange-cloud plan "),
            ("melange-cloud plan --region us-south", "melange-cloud plan --region us-south1 "),
            ("melange-cloud plan --region=us-south", "melange-cloud plan --region=us-south1 "),
            ("melange-cloud sensitivity --over price:A10", "melange-cloud sensitivity --over price:A10"),
            ("melange-cloud sensitivity --over price:L", "melange-cloud sensitivity --over price:L4 "),
            ("melange-cloud plan --max-gpus H", "melange-cloud plan --max-gpus H100="),
            ("melange-cloud workloads from-trace req", "melange-cloud workloads from-trace requests.csv "),
        ):
            assert bash.line_after(f"{keys}\t") == line
    finally:
        bash.end()
