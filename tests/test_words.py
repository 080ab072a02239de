"""Words that made the English of this project read as translated do not come back.

They are looked for in everything that people read: messages, docstrings, comments and help of the package, and the
guides. Names in code are not text: ``dearer_usd_per_month`` is a key of the JSON.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import melange_cloud

ROOT = Path(__file__).parent.parent
PACKAGE = Path(melange_cloud.__file__).parent
GUIDES = sorted(
    path
    for pattern in ("*.md", "pricing/**/*.md", "profiles/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)

INSTEAD = {
    r"anew": "again",
    r"besides?": "next to, in addition to",
    r"(?<!no )dearer": "more expensive",
    r"hence|thereby|whereby|thereof|wherein": "so, by that",
    r"(?<!there )(is|are) no (?!data|longer|more|older|other|reason)\w+": "is not a",
    r"(?<!for )(?<!a )lacks?": "has no, does not have",
    r"mend(s|ed|ing)?": "fix",
    r"neither": "not ... or",
    r"nobody": "no one, or say who",
    r"passed over": "skipped, ignored",
    r"stands? (in|at|on|there|twice|beside)": "is",
    r"such as is": "rebuild the sentence",
    r"told": "shown, reported, says",
    r"torn": "damaged, incomplete",
    r"whosever|whatsoever|aught|naught": "rebuild the sentence",
}
"""A pattern of whole words -> what to write instead."""

ALLOWED = {
    ("examples/paper/report.md", "neither"): "generated, with the two profiles in the same sentence",
    ("profiles/workloads/README.md", "stand in"): "repeats a note in a shipped workload file",
}
"""(file, matched text) -> why it is right there."""


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """(line, text) of everything in a file that people read: all of a guide; strings and comments of a module."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from enumerate(source.splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind in ("COMMENT", "STRING", "FSTRING_MIDDLE"):  # Python 3.12 takes f-strings apart
            literal = re.sub(r"{[^{}]*}", "{}", token.string) if kind == "STRING" else token.string
            yield from enumerate(literal.splitlines(), token.start[0])


@cache
def lines() -> list[tuple[str, int, str]]:
    """(file, line, text) of the package and the guides."""
    return [
        (path.relative_to(ROOT if path.suffix == ".md" else PACKAGE).as_posix(), line, text)
        for path in (*sorted(PACKAGE.rglob("*.py")), *GUIDES)
        for line, text in texts(path)
    ]


@pytest.mark.parametrize("pattern", INSTEAD)
def test_a_word_that_reads_as_translated_does_not_come_back(pattern):
    word = re.compile(rf"(?<![\w`.-])({pattern})(?![\w`:-])", re.IGNORECASE)
    found = [
        f"{name}:{line}: {match.group()!r} in {text.strip()!r}; write {INSTEAD[pattern]}"
        for name, line, text in lines()
        for match in word.finditer(text)
        if (name, match.group()) not in ALLOWED
    ]
    assert not found, "\n".join(found)
