"""Expected failures, each with the exit code that the CLI returns for it.

Everything that a user can cause or fix is a MelangeError. Its text is one line (or one line per fault) that says where
(file, line, field), what is wrong, and how to fix it. Anything else is a bug and keeps its traceback.

Code branches on the type of an error, on its Finding or its Faults, never on their text: the text is for people.
"""

import reprlib
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ECHOED = 60
"""Characters of an untrusted value that a message repeats."""

LONGEST_LINE = 299
"""Characters of the longest error line."""


def echoed(value: object, most: int = ECHOED) -> str:
    """An untrusted value as a message may repeat it: on one line, nothing unprintable, cut to ``most``."""
    text = str(value)
    text = "".join(char if char.isprintable() else "\ufffd" for char in " ".join(text[: 4 * most].split()))
    return text if len(text) <= most else f"{text[: most - 3]}..."


def shown(value: object, most: int = ECHOED) -> str:
    """A value of a parsed file as a message may repeat it: as Python writes it, cut to ``most``.

    Only the beginning of the value is read, however large it is.
    """
    writer = reprlib.Repr()
    writer.maxlevel, writer.maxstring, writer.maxlong, writer.maxother = 6, 4 * most, 4 * most, 4 * most
    writer.maxlist = writer.maxtuple = writer.maxset = writer.maxfrozenset = writer.maxdict = most
    return echoed(writer.repr(value), most)


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    """A message made safe to print: nothing unprintable; cut in the middle if it is too long.

    The beginning of a message says where and its end holds the cure, so both are kept.
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
        what: a clause that says what is wrong, with its subject.
        cure: how to fix it; empty if ``what`` says so, or if nothing helps.
    """

    what: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.cure}" if self.cure else self.what

    def of(self, subject: str) -> "Finding":
        """The same finding, with its subject in front: ``aws: no credentials``."""
        return Finding(f"{subject}: {self.what}", self.cure)


class MelangeError(Exception):
    """An expected failure (exit code 1). Its text is printable, whatever went into it.

    Args:
        finding: what is wrong, as a Finding or in words.
        cure: how to fix it, if ``finding`` is text that does not say so.
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
    """A solver was not found, was killed or returned an invalid answer (exit code 1)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one file.

    Attributes:
        path: the file.
        what: what is wrong, a clause.
        line: counted from 1; None if the fault is not on one line.
        field: the column, key or section; None if the fault is not in one field.
        cure: how to fix it; empty if ``what`` says so.
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
        """The finding with its place in front: ``prices.csv, line 3, usd_per_hour: is negative``."""
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
        faults: at least one; printed one per line, at most ``shown`` of them.
        shown: how many faults are printed; the rest are counted.
        more: True if reading stopped early, so the file may have more faults.
    """

    def __init__(self, faults: Iterable[Fault], shown: int = 10, *, more: bool = False) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:shown]]
        if len(self.faults) > shown:
            lines.append(f"... and {'at least ' if more else ''}{len(self.faults) - shown} more faults")
        super().__init__("\n".join(lines))
