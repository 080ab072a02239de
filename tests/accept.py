"""Renews every kept answer and prints what changed: ``python -m tests.accept [NAME ...]``.

Read the changes before you commit them: a kept answer is what the tool promises to its users.
"""

import argparse
import difflib
import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from tests import card_tables, examples, pictures, readme
from tests.isolation import isolate
from tests.report import golden_pages
from tests.solver import golden_models

ROOT = Path(__file__).resolve().parent.parent

KEPT: dict[str, Callable[[], Iterator[tuple[Path, str]]]] = {
    "examples": examples.kept,
    "pictures": pictures.kept,
    "paper": pictures.kept_of_paper,
    "card": card_tables.kept,
    "readme": readme.kept,
    "pages": golden_pages.kept,
    "lp": golden_models.kept,
}
"""Name -> each file with its new text."""


def changes(path: Path, before: str, after: str) -> Iterator[str]:
    """What differs, line by line; of a picture only its texts, as the rest of it says nothing to a reader."""
    if path.suffix == ".svg":
        old, new = pictures.texts(before), pictures.texts(after)
    else:
        old, new = before.splitlines(), after.splitlines()
    difference = difflib.unified_diff(old, new, lineterm="", n=0)
    yield from (f"    {line}" for line in islice(difference, 2, None))  # after the names of the files


def accept(name: str) -> int:
    """Renew the files of one name; how many changed."""
    changed = 0
    for path, text in KEPT[name]():
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == before:
            continue
        path.write_text(text, encoding="utf-8")
        print(f"{name}: {path.relative_to(ROOT)}", *changes(path, before, text), sep="\n")
        changed += 1
    return changed


def main() -> None:
    """Renew what is named, or everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.accept", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one or more of {', '.join(KEPT)}; default: all")
    names = parser.parse_args().names or list(KEPT)
    if unknown := [name for name in names if name not in KEPT]:
        parser.error(f"{unknown[0]!r} is not one of {', '.join(KEPT)}")
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as home, pytest.MonkeyPatch.context() as monkeypatch:
        isolate(monkeypatch, Path(home))
        changed = sum(accept(name) for name in names)
    print(f"{changed} files changed." if changed else "Nothing changed.")


if __name__ == "__main__":
    main()
