"""The maintainers' commands are a group of their own, which the users' help does not show."""

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app

MOVED = {
    ("prices", "renew"): "renew-prices",
    ("profiles", "calibrate"): "calibrate",
    ("profiles", "build"): "build",
    ("profiles", "check"): "check",
    ("profiles", "validate"): "validate",
}


def run(*arguments):
    return CliRunner().invoke(app, arguments, prog_name="melange-cloud", env={"COLUMNS": "80"})


def test_users_do_not_see_them():
    assert "maintain" not in run("--help").stdout
    for old in MOVED:
        assert f"  {old[1]} " not in run(old[0], "--help").stdout


def test_their_group_lists_them():
    shown = run("maintain", "--help")
    assert shown.exit_code == 0
    for now in MOVED.values():
        assert f"  {now} " in shown.stdout


@pytest.mark.parametrize("more", [(), ("--help",), ("--output", "x", "y")], ids=" ".join)
@pytest.mark.parametrize("old", MOVED, ids=" ".join)
def test_where_they_were_says_where_they_are(old, more):
    shown = run(*old, *more)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert (
        shown.stderr
        == f"melange-cloud: `melange-cloud {' '.join(old)}` has moved: use `melange-cloud maintain {MOVED[old]}`\n"
    )
