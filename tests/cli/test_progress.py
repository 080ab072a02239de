"""Progress says what is done, on a terminal's stderr alone, and is gone when it is over or interrupted."""

import re
from pathlib import Path

from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.cli.terminal import seen_at_a_terminal

PLAN = ("plan", "--offline", "--gpu", "L4", "--workload", "chat", "--rate", "2")
SHOWN_AGAIN, CLEARED = "\x1b[?25h", "\x1b[2K"
"""What a terminal receives: to show its cursor, to clear its line."""


def test_regions_are_counted_and_nothing_stays(tmp_path: Path) -> None:
    code, seen = seen_at_a_terminal(*PLAN, "--region", "us-east-1", "--region", "us-east-2", folder=tmp_path)
    assert code == 0
    assert "planning us-east-1, region 1 of 2" in seen
    assert "planning us-east-2, region 2 of 2" in seen
    assert seen.rindex("planning") < seen.rindex(CLEARED)
    assert seen.rindex("planning") < seen.rindex(SHOWN_AGAIN)


def read_a_log(folder: Path, *more: str, kind: str = "xterm") -> tuple[int, str]:
    (folder / "log.csv").write_text("input_tokens,output_tokens\n" + "10,20\n" * 20_000)
    return seen_at_a_terminal("workloads", "from-trace", "log.csv", *more, folder=folder, kind=kind)


def test_the_file_that_is_read_is_named(tmp_path: Path) -> None:
    code, seen = read_a_log(tmp_path)
    assert code == 0
    assert "reading log.csv" in seen
    assert "20,000 requests" in seen


def test_without_a_terminal_there_is_none() -> None:
    ran = CliRunner().invoke(app, [*PLAN, "--region", "us-east-1"])
    assert (ran.exit_code, ran.stderr) == (0, "")


def test_a_dumb_terminal_has_notes_alone(tmp_path: Path) -> None:
    code, seen = read_a_log(tmp_path, kind="dumb")
    assert code == 0
    assert "reading log.csv" not in seen
    assert "20,000 requests" in seen


def test_quiet_has_none_at_a_terminal(tmp_path: Path) -> None:
    code, seen = read_a_log(tmp_path, "--quiet")
    assert code == 0
    assert "\x1b" not in seen
    assert "20,000 requests" not in seen


def test_ctrl_c_leaves_one_line_and_a_cursor(tmp_path: Path) -> None:
    code, seen = seen_at_a_terminal(*PLAN, "--region", "all", "-o", "a.json", folder=tmp_path, interrupt_at="planning ")
    assert code == 130
    after = seen[seen.rindex("planning") :]
    assert SHOWN_AGAIN in after
    left = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", after[after.rindex(CLEARED) :]).split()
    assert " ".join(left) == "melange-cloud: interrupted, nothing was written"
    assert list(tmp_path.iterdir()) == []
