"""Nobody but ``inputs`` opens, decodes or parses what somebody else wrote; the few others are named, each with why."""

import ast
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app

PACKAGE = Path(__file__).resolve().parents[2] / "melange_cloud"
FORBIDDEN = {"json.load", "json.loads", "tomllib.load", "tomllib.loads", "gzip.open", "gzip.decompress", "open"}
FORBIDDEN_METHODS = {"read_text", "read_bytes", "open"}
ALLOWED = {
    "catalog/availability.py": "ships with the package",
    "catalog/quotas.py": "ships with the package",
    "catalog/snapshot.py": "ships with the package; a user's folder goes through inputs",
    "cli/streams.py": "standard streams",
    "clouds/aws/bulk.py": "a connection, whose answer is bounded there",
    "market/renew.py": "copies what ships",
    "calibration/build_profiles.py": "compares with what ships",
    "profiles/measure/gpu_readings.py": "writes the readings of our own process",
    "profiles/measure/load_generator.py": "writes the log of our own process",
    "solver/programs/highs.py": "standard output, while the solver runs",
    "solver/programs/solver_output.py": "the answer of a solver that we started, in our own folder",
    "solver/programs/run.py": "the log of a solver that we started, in our own folder",
}


def calls(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if name in FORBIDDEN or (isinstance(node.func, ast.Attribute) and node.func.attr in FORBIDDEN_METHODS):
            found.add(name)
    return found


def test_only_inputs_reads_what_is_not_ours():
    readers = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("inputs/") and name not in ALLOWED and (found := calls(path)):
            readers[name] = found
    assert readers == {}


def test_what_is_allowed_is_there_and_needed():
    assert {name for name in ALLOWED if not (PACKAGE / name).exists() or not calls(PACKAGE / name)} == set()


HERE = ("--region", "us-east-1", "--offline")
FILES = {
    "a price sheet": ("plan", *HERE, "--prices", "FILE.csv"),
    "a fleet as CSV": ("plan", *HERE, "--current", "FILE.csv"),
    "a fleet as JSON": ("plan", *HERE, "--current", "FILE.json"),
    "a workload": ("plan", *HERE, "--workload", "FILE.json"),
    "a histogram": ("workloads", "show", "FILE.csv"),
    "counts": ("workloads", "from-counts", "--histogram", "FILE.csv"),
    "rates": ("workloads", "from-counts", "--histogram", "chat", "--rates", "FILE.csv"),
    "a trace as CSV": ("workloads", "from-trace", "FILE.csv"),
    "a trace as JSON Lines": ("workloads", "from-trace", "FILE.jsonl"),
    "a trace as Parquet": ("workloads", "from-trace", "FILE.parquet"),
    "the paper's input": ("solve", "FILE.json"),
    "a config": ("profiles", "estimate", "--config", "FILE.json", "--gpu", "L4"),
    "a benchmark's result": ("profiles", "import", "FILE.json", "--gpu", "A10G", "--tp", "1", "--dry-run"),
    "prices to compare": ("prices", "diff", "snapshot", "FILE.csv"),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder"])
def test_what_never_ends_is_refused_at_once_wherever_a_file_is_named(what, kind, tmp_path):
    command = []
    for word in FILES[what]:
        if word.startswith("FILE"):
            path = tmp_path / word
            if kind == "a pipe":
                os.mkfifo(path)
            elif kind == "a folder":
                path.mkdir()
            else:
                path.symlink_to("/dev/zero")
            command.append(str(path))
        else:
            command.append(word)
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    assert all(len(line) < 300 and line.isprintable() for line in result.stderr.splitlines())


def test_a_pipe_as_settings_cache_or_profile_of_ones_own_does_not_hold_a_plan_up(tmp_path):
    folder = tmp_path / "profiles" / "2025" / "llama-3.1-8b" / "bf16" / "A10G"
    folder.mkdir(parents=True)
    (tmp_path / "cache").mkdir()
    for pipe in (tmp_path / "cache" / "aws.json", tmp_path / "cache" / "metadata.json", folder / "x.csv"):
        os.mkfifo(pipe)
    environment = {"MELANGE_CLOUD_CACHE_DIR": str(tmp_path / "cache")}
    listed = CliRunner().invoke(app, ["prices", "list", *HERE, "--gpu", "A10G"], env=environment)
    assert listed.exit_code == 0
    assert "aws.json: cannot be read (it is not a regular file)" in listed.stderr
    os.mkfifo(tmp_path / "settings.toml")
    for name, value in (("PROFILES", tmp_path / "profiles"), ("CONFIG", tmp_path / "settings.toml")):
        refused = CliRunner().invoke(app, ["plan", *HERE], env={f"MELANGE_CLOUD_{name}": str(value)})
        assert refused.exit_code == 2, refused.output
        assert all(len(line) < 300 for line in refused.stderr.splitlines())
