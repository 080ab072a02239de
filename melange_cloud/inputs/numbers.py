"""Numbers as people and tools write them: ASCII digits, finite, of a size that can mean something here."""

import math
import re
from typing import TypeGuard

from melange_cloud.errors import echoed

MOST = 1e15
"""No quantity of ours is larger: tokens, requests/s, USD, bytes. Times in nanoseconds are read by their own reader."""

_LONGEST = 60
"""Characters of the longest number that is read; a double in full is 24, the exact decimal of a price some more."""

_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_WHOLE = re.compile(r"[+-]?[0-9]+")


class NotANumber(ValueError):
    """Why a text is not the requested number, as a clause: ``'1_0' is not a number``."""


class OutOfRange(NotANumber):
    """A number it is, but not one of the requested range."""


def parse_number(text: str, low: float = -MOST, high: float = MOST) -> float:
    """A finite decimal number in [low, high]. Stricter than ``float``: no ``nan``, ``inf``, ``1_000`` or Arabic digits.

    Raises:
        NotANumber: it is not a number.
        OutOfRange: it is outside the range.
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        raise NotANumber(f"'{echoed(text)}' is not a number")
    value = float(text) if len(text) <= _LONGEST else math.inf
    if not math.isfinite(value) or not low <= value <= high:
        raise OutOfRange(f"'{echoed(text)}' is not in the range {low:,g} to {high:,g}")
    return value


def parse_whole(text: str, low: int = 0, high: int = int(MOST)) -> int:
    """A whole number in [low, high], written in ASCII digits without a point.

    Raises:
        NotANumber: it is not a number.
        OutOfRange: it is outside the range.
    """
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise NotANumber(f"'{echoed(text)}' is not a whole number")
    # More digits than any bound has are out of range without being converted, which Python refuses from 4,300 on.
    if len(text) > _LONGEST or not low <= (value := int(text)) <= high:
        raise OutOfRange(f"'{echoed(text)}' is not in the range {low:,} to {high:,}")
    return value


def is_number(value: object, low: float = -MOST, high: float = MOST) -> TypeGuard[int | float]:
    """True if a value out of a parsed file is a number in [low, high]; true, false, NaN and infinity are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
