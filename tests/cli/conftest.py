import json

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.examples import NOW


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """An empty folder, and none of the user's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MELANGE_CLOUD_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def run():
    """Runs the CLI with a fixed clock at 100 columns; ``run.json`` gives the parsed answer."""

    def invoke(*arguments, **environment):
        return CliRunner().invoke(app, list(arguments), env={**NOW, "COLUMNS": "100", **environment})

    def as_json(*arguments):
        result = invoke(*arguments, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    invoke.json = as_json
    return invoke
