"""What CONTRIBUTING names is there: files, kept answers, commands."""

import re
from pathlib import Path

from melange_cloud.estimator.spec_files import load_models
from melange_cloud.profiles.evidence.evidence_columns import COLUMNS
from melange_cloud.profiles.evidence.evidence_file import read_evidence
from tests import accept

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_every_path_exists() -> None:
    words = re.findall(r"`([^`\s]+)`", TEXT)
    paths = [word for word in words if "/" in word or word.endswith((".md", ".toml"))]
    assert len(paths) > 25
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_kept_answers_that_it_names_are_known() -> None:
    named = re.findall(r"python -m tests\.accept((?: [a-z]+)*)", TEXT)
    assert {name for names in named for name in names.split()} <= set(accept.KEPT)
    assert "" in named
    assert "python -m tests.accept pages lp" in TEXT


def test_its_checks_are_those_of_ci() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    (line,) = re.findall(r"^    (ruff check .*&&.*)", TEXT, re.MULTILINE)
    for command in re.sub(r"\s*#.*", "", line).split(" && "):
        assert re.search(rf"^\s*{re.escape(command)}(?: |$)", ci, re.MULTILINE), command


def test_every_column_of_a_measured_row_is_named_and_no_other() -> None:
    (table,) = re.findall(r"^\| \| columns \|\n.*?\n\n", TEXT, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`(\w+)`", table)) - {"closed", "poisson", "burst", "static", "true"}
    assert named == set(COLUMNS) - {"source", "held_out"}


def test_the_least_that_can_be_sent_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    lines = re.search(r"^    model,gpu.*\n    .*\n", TEXT, re.MULTILINE)
    assert lines is not None
    file.write_text("\n".join(line.strip() for line in lines.group().splitlines()))
    ((line, row),) = read_evidence(file, {}, load_models())
    assert (line, row.model, row.engine, row.tpot_mean_ms) == (2, "llama-3.1-8b", "vLLM", 44.1)
