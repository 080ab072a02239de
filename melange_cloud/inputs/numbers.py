"""Numbers as people and tools write them: ASCII digits, finite, and of a plausible size."""

import math
import re
from typing import TypeGuard

from melange_cloud.errors import echoed

MOST = 1e15
"""No quantity of ours is larger: tokens, requests/s, USD, bytes. Times in nanoseconds are read by their own reader."""

_LONGEST = 60
"""Characters of the longest number that is read; a double in full has 24, an exact decimal price a few more."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")


class NotANumber(ValueError):
    """Why a text is not the requested number, as a clause: ``'1_0' is not a number``."""


class OutOfRange(NotANumber):
    """The text is a number, but outside the requested range."""


def parse_number(text: str, low: float = -MOST, high: float = MOST) -> float:
    """Read a finite decimal number in [low, high], more strictly than ``float``: no ``nan``, ``inf`` or ``1_000``.

    Raises:
        NotANumber: the text is not a number.
        OutOfRange: the number is outside the range.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise NotANumber(f"'{echoed(text)}' is not a number")
    value = float(text) if len(text) <= _LONGEST else math.inf
    if not math.isfinite(value) or not low <= value <= high:
        raise OutOfRange(f"'{echoed(text)}' is outside the range {low:,g} to {high:,g}")
    return value


def parse_whole(text: str, low: int = 0, high: int = int(MOST)) -> int:
    """Read a whole number in [low, high], written in ASCII digits without a point.

    Raises:
        NotANumber: the text is not a number.
        OutOfRange: the number is outside the range.
    """
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise NotANumber(f"'{echoed(text)}' is not a whole number")
    # More digits than any bound has must be out of range; Python refuses to convert more than 4,300 of them.
    if len(text) > _LONGEST or not low <= (value := int(text)) <= high:
        raise OutOfRange(f"'{echoed(text)}' is outside the range {low:,} to {high:,}")
    return value


def is_number(value: object, low: float = -MOST, high: float = MOST) -> TypeGuard[int | float]:
    """True if a value from a parsed file is a number in [low, high]; true, false, NaN and infinity are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
