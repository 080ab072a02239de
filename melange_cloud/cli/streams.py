"""Standard output is for the answer alone: whatever a library or a program of ours prints there goes to stderr."""

import contextlib
import os
import sys
from dataclasses import dataclass
from typing import IO, TextIO

_STDIN, _STDOUT, _STDERR = 0, 1, 2


@dataclass(slots=True)
class _OriginalStdout:
    """The one stream of the process that leads to the standard output it was started with."""

    taken: bool = False
    stream: TextIO | None = None


_kept = _OriginalStdout()


def answers() -> TextIO | None:
    """The stream for the answer; None if the program was started without a standard output."""
    return _kept.stream if _kept.taken else sys.stdout


def take_stdout() -> None:
    """Keep standard output for ``answers()``; from here on descriptor 1 and ``sys.stdout`` lead to stderr.

    HiGHS 1.16 prints a banner through C's stdio, and so may any library, by Python, by C or by a program that it
    starts, while it is imported, while it works or while the process ends. So this is never undone. The kept descriptor
    is not inherited by programs. What is printed is not lost: an error of a library stays visible on stderr.
    """
    if _kept.taken:
        return
    for descriptor in (_STDIN, _STDERR):  # or the next one to be opened would be taken for it
        _open_or_nowhere(descriptor)
    original = sys.stdout
    if original is not None:
        original.flush()
        with contextlib.suppress(OSError):
            _kept.stream = os.fdopen(os.dup(_STDOUT), "w", encoding=original.encoding, errors=original.errors)
    _kept.taken = True
    os.dup2(_STDERR, _STDOUT)
    sys.stdout = sys.stderr


def discard(stream: TextIO) -> None:
    """Let what ``stream`` still holds go nowhere, so that Python does not try it once more at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether the stream is a terminal; a closed one is None."""
    return stream is not None and stream.isatty()


def _open_or_nowhere(descriptor: int) -> None:
    try:
        os.fstat(descriptor)
    except OSError:
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != descriptor:
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
