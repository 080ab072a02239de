"""Expected failures, each with the exit code that the CLI returns for it.

Everything that a user can cause or fix is a MelangeError whose text is one line (or one line per fault): where (file,
line, field), what is wrong, and the cure. Anything else is a bug and keeps its traceback.

Code decides on the type of an error, on its Finding or its Faults, never on their text: the text is for people.
"""

import reprlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ECHOED = 60
"""Characters that a message repeats of a value that is not ours."""

LONGEST_LINE = 299
"""Characters of the longest error line."""


def echoed(value: object, most: int = ECHOED) -> str:
    """A value that is not ours as a message may repeat it: on one line, nothing unprintable, cut to ``most``."""
    text = str(value)
    text = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text[: 4 * most].split()))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def shown(value: object, most: int = ECHOED) -> str:
    """A value of a parsed file as a message may repeat it: as Python writes it, cut to ``most``.

    However large the value is, only its beginning is read.
    """
    writer = reprlib.Repr()
    writer.maxlevel, writer.maxstring, writer.maxlong, writer.maxother = 6, 4 * most, 4 * most, 4 * most
    writer.maxlist = writer.maxtuple = writer.maxset = writer.maxfrozenset = writer.maxdict = most
    return echoed(writer.repr(value), most)


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    """A message as it may be printed: nothing unprintable; where it is too long, cut in the middle.

    The beginning of a message says where, the end holds the cure; both are kept.
    """
    text = "".join(char if char.isprintable() else "\ufffd" for char in text)
    if len(text) <= most:
        return text
    head = 2 * most // 3
    return f"{text[:head]} ... {text[head + 5 - most :]}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and its cure.

    Attributes:
        what: a clause that says what is wrong, and of what.
        cure: what to do about it; empty where ``what`` says it, or nothing helps.
    """

    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.cure}" if self.cure else self.what

    def of(self, subject: str) -> "Finding":
        """The same with what it is about before it: ``aws: no credentials``."""
        return Finding(f"{subject}: {self.what}", self.cure)


class MelangeError(Exception):
    """An expected failure (exit code 1); its text holds nothing unprintable, whatever was put into it.

    Args:
        finding: what is wrong, as a Finding or in words.
        cure: what to do about it, where ``finding`` is words that do not say so.
    """

    exit_code = 1

    def __init__(self, finding: Finding | str, *, cure: str = "") -> None:
        self.finding = finding if isinstance(finding, Finding) else Finding(finding, cure)
        super().__init__(str(self.finding))

    def __str__(self) -> str:
        return "\n".join(one_line(line, sys.maxsize) for line in super().__str__().split("\n"))


class BadInput(MelangeError):
    """Wrong usage, or a file or value that cannot be right (exit code 2)."""

    exit_code = 2


class NoPlan(MelangeError):
    """No fleet can serve this workload (exit code 3)."""

    exit_code = 3


class PricesUnavailable(MelangeError):
    """Prices are missing or too old for the question (exit code 5)."""

    exit_code = 5


class SolverFailed(MelangeError):
    """A solver was not found, was killed or answered nonsense (exit code 1)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with one file.

    Attributes:
        path: the file.
        what: what is wrong, a clause.
        line: counted from 1; None if no single line is at fault.
        field: the column, key or section; None if no single one is at fault.
        cure: what to do about it; empty where ``what`` says it.
    """

    path: Path | str
    what: str
    line: int | None = None
    field: str | None = None
    cure: str = ""

    @property
    def finding(self) -> Finding:
        """What is wrong and its cure, without the place."""
        return Finding(self.what, self.cure)

    @property
    def placed(self) -> Finding:
        """The finding with its place before it: ``prices.csv, line 3, usd_per_hour: is negative``."""
        place = echoed(self.path, 150)
        if self.line is not None:
            place += f", line {self.line}"
        if self.field is not None:
            place += f", {echoed(self.field, 80)}"
        return self.finding.of(place)

    def __str__(self) -> str:
        return one_line(str(self.placed))


class BadFile(BadInput):
    """All the faults of a file (or of several), reported together.

    Args:
        faults: at least one; shown one per line, at most ``shown`` of them.
        shown: how many are printed before the rest is counted.
        more: the file may have more faults that were not looked for.
    """

    def __init__(self, faults: Iterable[Fault], shown: int = 10, *, more: bool = False) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:shown]]
        if len(self.faults) > shown:
            lines.append(f"... and {'at least ' if more else ''}{len(self.faults) - shown} more faults")
        super().__init__("\n".join(lines))
