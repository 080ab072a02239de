"""Expected failures, each with the exit code that the CLI returns for it.

Everything that a user can cause or mend is a MelangeError whose text is one line (or one line per fault): what is
wrong, where (file, line, field), and the cure. Anything else is a bug and keeps its traceback.
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

    However large the value is, only its beginning is looked at.
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


class MelangeError(Exception):
    """An expected failure (exit code 1); its text holds nothing unprintable, whatever was put into it."""

    exit_code = 1

    def __str__(self) -> str:
        return "\n".join(one_line(line, sys.maxsize) for line in super().__str__().split("\n"))


class BadInput(MelangeError):
    """Wrong usage, or a file or value that cannot be right (exit code 2)."""

    exit_code = 2


class NoPlan(MelangeError):
    """No fleet can serve this workload (exit code 3)."""

    exit_code = 3


class PricesUnavailable(MelangeError):
    """Prices are missing or too old for what was asked (exit code 5)."""

    exit_code = 5


class SolverFailed(MelangeError):
    """A solver was not found, was killed or answered nonsense (exit code 1)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with one file: where, what, and the cure, in words."""

    path: Path | str
    message: str
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = echoed(self.path, 150)
        if self.line is not None:
            place += f", line {self.line}"
        if self.field is not None:
            place += f", {echoed(self.field, 80)}"
        return one_line(f"{place}: {self.message}")


class BadFile(BadInput):
    """All the faults of a file (or of several), reported together.

    Args:
        faults: at least one; shown one per line, at most ``shown`` of them.
        shown: how many are printed before the rest is counted.
        more: the file has further faults that nobody looked for.
    """

    def __init__(self, faults: Iterable[Fault], shown: int = 10, *, more: bool = False) -> None:
        self.faults = tuple(faults)
        lines = [str(fault) for fault in self.faults[:shown]]
        if len(self.faults) > shown:
            lines.append(f"... and {'at least ' if more else ''}{len(self.faults) - shown} more faults")
        super().__init__("\n".join(lines))
