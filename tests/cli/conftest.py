import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.examples import SHELL

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def alone(tmp_path, monkeypatch):
    """An empty folder, and none of the user's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MELANGE_CLOUD_CONFIG", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def nimbus(tmp_path_factory):
    """The folder of installed packages of the example of a plug-in cloud, made by pip without a network."""
    target = tmp_path_factory.mktemp("nimbus")
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    example = ROOT / "examples" / "plug-in-cloud"
    subprocess.run([*install, "--target", str(target), str(example)], check=True, capture_output=True)
    return target


@pytest.fixture
def run():
    """Runs the CLI with a fixed clock at 100 columns; ``run.json`` gives the parsed answer."""

    def invoke(*arguments, **environment):
        return CliRunner().invoke(app, list(arguments), env={**SHELL, "COLUMNS": "100", **environment})

    def as_json(*arguments):
        result = invoke(*arguments, "--format", "json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    invoke.json = as_json  # type: ignore[attr-defined]
    return invoke
