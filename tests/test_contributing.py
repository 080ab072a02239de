"""What CONTRIBUTING names is there: files, kept answers, commands."""

import re
from pathlib import Path

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
