"""One rule for every command that writes: without --force a file that is there is refused, before any work."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from melange_cloud.cli.app import app

NOWHERE = "no-such-region"
"""A command that begins its work complains of it."""

WRITERS = {
    ("plan",): ("--region", NOWHERE),
    ("sensitivity",): ("--region", NOWHERE, "--over", "rate"),
    ("gpus",): ("--region", NOWHERE),
    ("regions",): ("--provider", "no-such-cloud"),
    ("solve",): ("no-such-file.json",),
    ("schema",): ("plan",),
    ("completion",): ("bash",),
    ("prices", "list"): ("--region", NOWHERE),
    ("prices", "diff"): ("no-such-side",),
    ("prices", "export"): ("--region", NOWHERE),
    ("prices", "doctor"): ("--offline",),
    ("prices", "refresh"): ("--region", NOWHERE),
    ("profiles", "list"): (),
    ("profiles", "show"): ("--gpu", "no-such-gpu"),
    ("profiles", "evidence"): ("--gpu", "no-such-gpu"),
    ("profiles", "heatmap"): ("--region", NOWHERE),
    ("profiles", "estimate"): ("--config", "no-such-file", "--gpu", "L4"),
    ("profiles", "import"): ("no-such-file",),
    ("profiles", "measure"): ("--url", "http://127.0.0.1:9", "--gpu", "L4"),
    ("workloads", "list"): (),
    ("workloads", "show"): ("no-such-file",),
    ("workloads", "from-trace"): ("no-such-file",),
    ("workloads", "from-counts"): ("--histogram", "no-such-file"),
    ("workloads", "mix"): ("no-such-file=1",),
    ("workloads", "scale"): ("no-such-file", "--times", "2"),
    ("maintain", "validate"): (),
    ("maintain", "calibrate"): (),
}
"""Command -> arguments with which it fails otherwise, once it begins its work."""

OF_FOLDERS = {("maintain", "build"), ("maintain", "renew-prices")}
CHEAP = {
    ("schema",): ("plan",),
    ("workloads", "list"): (),
    ("workloads", "mix"): ("chat=1",),
    ("workloads", "scale"): ("code-week", "--times", "2"),
    ("workloads", "show"): ("chat",),
    ("profiles", "list"): (),
}
OTHER_SUFFIX: dict[tuple[str, ...], str] = {("prices", "export"): ".csv", ("maintain", "calibrate"): ".toml"}


def with_output() -> Iterator[tuple[str, ...]]:
    stack: list = [((), get_command(app))]
    while stack:
        words, command = stack.pop()
        if any("--output" in option.opts for option in command.params):
            yield words
        stack += [((*words, name), one) for name, one in getattr(command, "commands", {}).items()]


def run(*arguments: str):
    return CliRunner().invoke(app, list(arguments), prog_name="melange-cloud", env={"COLUMNS": "80"})


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a file of the user's for each suffix."""
    monkeypatch.chdir(tmp_path)
    for suffix in (".json", ".csv", ".toml"):
        (tmp_path / f"kept{suffix}").write_text("mine")
    return tmp_path


def test_every_command_that_writes_is_tested_here() -> None:
    assert set(with_output()) == WRITERS.keys() | OF_FOLDERS


@pytest.mark.parametrize("command", WRITERS, ids=" ".join)
def test_a_file_that_is_there_is_refused_before_any_work(there: Path, command: tuple[str, ...]) -> None:
    name = f"kept{OTHER_SUFFIX.get(command, '.json')}"
    said = run(*command, *WRITERS[command], "-o", name)
    assert (said.exit_code, said.stdout) == (2, "")
    assert (
        said.stderr == f"melange-cloud: --output {name} already exists: give --force to overwrite it, or another name\n"
    )
    assert (there / name).read_text() == "mine"


@pytest.mark.parametrize("command", CHEAP, ids=" ".join)
def test_force_overwrites_it(there: Path, command: tuple[str, ...]) -> None:
    said = run(*command, *CHEAP[command], "-o", "kept.json", "--force")
    assert said.exit_code == 0, said.stderr
    assert (there / "kept.json").read_text() != "mine"


def test_measured_rows_and_built_profiles_follow_the_rule(there: Path) -> None:
    said = run("profiles", "measure", "--url", "http://127.0.0.1:9", "--gpu", "L4", "--evidence", "kept.csv")
    assert (said.exit_code, said.stderr.count("--evidence kept.csv already exists: give --force")) == (2, 1)
    (there / "fingerprints.csv").write_text("mine")
    said = run("maintain", "build", "-o", ".")
    assert (said.exit_code, said.stderr.count("fingerprints.csv already exists: give --force")) == (2, 1)
    assert (there / "fingerprints.csv").read_text() == "mine"


def test_what_is_no_file_is_written_to_as_always(there: Path) -> None:
    for place in ("/dev/null", "/dev/stdout"):
        assert run("workloads", "list", "-o", place).exit_code == 0
    (there / "link.json").symlink_to("kept.json")
    said = run("workloads", "list", "-o", "link.json")
    assert (said.exit_code, (there / "kept.json").read_text()) == (2, "mine")


def test_the_settings_file_cannot_overwrite(there: Path) -> None:
    (there / "melange-cloud.toml").write_text("[plan]\nforce = true\n")
    said = run("plan", "--region", NOWHERE, "-o", "kept.json")
    assert said.exit_code == 2
    assert "force" in said.stderr
    assert (there / "kept.json").read_text() == "mine"
