"""What a command saves is saved before it prints: a reader that has gone (``| head -1``) loses nothing."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from melange_cloud.cli import output
from tests.estimator.test_config_json import LLAMA_8B

SWEEP = str(Path(__file__).parents[1] / "profiles" / "benchmark_files" / "vllm_sweep.jsonl")
ESTIMATE = ("profiles", "estimate", "--config", "config.json", "--gpu", "L4", "--model", "mine", "--save")
IMPORT = ("profiles", "import", SWEEP)


@pytest.fixture
def own(alone, monkeypatch):
    (alone / "config.json").write_text(json.dumps(LLAMA_8B))
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(alone / "own"))
    return alone / "own"


class Gone(StringIO):
    """A pipe whose reader has gone."""

    def write(self, _):
        raise BrokenPipeError


@pytest.mark.parametrize("format_", [(), ("--format", "json")])
@pytest.mark.parametrize("arguments", [ESTIMATE, IMPORT], ids=["estimate", "import"])
def test_nothing_is_lost_where_the_reader_has_gone(run, own, monkeypatch, arguments, format_):
    monkeypatch.setattr(output, "answers", Gone)
    assert run(*arguments, *format_).exit_code == 141
    (saved,) = own.rglob("*.csv")
    assert saved.stat().st_size > 0


def test_nothing_is_lost_where_stdout_is_closed(own):
    start = "from melange_cloud.cli.start import main; main()"
    ran = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" >&-', sys.executable, "-c", start, *ESTIMATE],
        env=dict(os.environ),
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 1
    assert "standard output is closed" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(list(own.rglob("*.csv"))) == 1
