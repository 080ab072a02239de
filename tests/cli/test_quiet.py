"""--quiet: no notes on stderr; what is needed to read the answer right, and errors, stay."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app

PLAN = ("plan", "--offline", "--region", "us-east-1", "--gpu", "L4:1", "--spare", "0")


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), prog_name="melange-cloud", env={"COLUMNS": "100"})


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_was_written_and_which_settings_were_read_are_notes(alone: Path) -> None:
    (alone / "melange-cloud.toml").write_text("[plan]\nrate = 2\n")
    loud = run(*PLAN, "-o", "a.json")
    assert loud.stderr.splitlines() == ["settings from melange-cloud.toml: rate", "wrote a.json"]
    quiet = run(*PLAN, "-o", "b.json", "--quiet")
    assert (quiet.exit_code, quiet.stderr) == (0, "")
    assert (alone / "a.json").exists()
    assert (alone / "b.json").exists()


def test_banners_warnings_and_errors_stay(alone: Path) -> None:
    banners = run(*PLAN, "-f", "csv", "-q").stderr
    assert "EXAMPLE TRAFFIC, NOT YOURS" in banners
    assert "SNAPSHOT PRICES, NOT LIVE" in banners
    (alone / "log.csv").write_text("input_tokens,output_tokens\n10,20\n10,x\n")
    loud, quiet = (run("workloads", "from-trace", "log.csv", *more).stderr.splitlines() for more in ((), ("-q",)))
    assert [line for line in quiet if line.startswith("left out: ")]
    assert set(quiet) < set(loud)
    assert run(*PLAN, "-q", "--rate", "none").stderr.startswith("melange-cloud: --rate none")
    assert run("workloads", "shw", "-q").stderr.startswith("melange-cloud: no command")


def test_it_may_come_before_the_command(alone: Path) -> None:
    assert run("-q", "workloads", "list", "-o", "a.json").stderr == ""
    assert run("--quiet", *PLAN, "-o", "b.json").stderr == ""


def test_quiet_is_forgotten_in_the_next_call(alone: Path) -> None:
    run("workloads", "list", "-q", "-o", "a.json")
    assert run("workloads", "list", "-o", "b.json").stderr == "wrote b.json\n"
