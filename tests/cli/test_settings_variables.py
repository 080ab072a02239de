"""An environment variable with a slip in its name is not ignored in silence."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli import options_to_question
from melange_cloud.cli.app import app
from melange_cloud.settings import VARIABLES, unused_variables

PACKAGE = Path(options_to_question.__file__).parent.parent


def test_a_slip_is_named_with_what_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELANGE_CLOUD_TPOT_MSS", "50")
    result = CliRunner().invoke(app, ["workloads", "list"])
    assert result.exit_code == 0
    assert "MELANGE_CLOUD_TPOT_MSS is set but not used: did you mean MELANGE_CLOUD_TPOT_MS" in result.stderr
    assert "TPOT_MSS" not in result.stdout


def test_what_is_read_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MELANGE_CLOUD_RATE", "MELANGE_CLOUD_CACHE_DIR", "MELANGE_CLOUD_CURRENT"):
        monkeypatch.setenv(name, "1")
    assert unused_variables(options_to_question.variables()) == []


def test_every_variable_that_the_package_names_is_known() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    named = set(re.findall(r"MELANGE_CLOUD_[A-Z][A-Z_]*[A-Z]", text))
    assert named <= VARIABLES | set(options_to_question.variables())
