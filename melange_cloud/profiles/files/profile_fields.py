"""Reads and checks fields of a profile file; every fault has its line and field."""

import math
from pathlib import Path

from melange_cloud.errors import Fault, shown
from melange_cloud.inputs import NotANumber, OutOfRange, parse_number, parse_whole

MOST_PER_S = 1e6
MOST_MS = 1e9
MOST_TOKENS = 1_000_000_000
"""Upper limits for one replica: requests/s, ms (eleven days), tokens of a request or requests in flight."""

LEAST = 1e-9
LONGEST_VALUE = 500
"""Characters of a value; a longer one is cut."""

_MOST_OF = {"requests_per_s": MOST_PER_S, "cache_tokens": 1e12, "weights_gib": 1e6, "error": 1e3}


def whole(path: Path, line: int | None, field: str, text: str, faults: list[Fault]) -> int:
    """A whole number from 1 to MOST_TOKENS; otherwise 1, with a fault."""
    digits = text.isascii() and text.isdigit()
    try:
        return parse_whole(text if digits else "", 1, MOST_TOKENS)
    except NotANumber:
        large = digits and text.strip("0") != ""
        wanted = f"at most {MOST_TOKENS:,}" if large else "a whole number above 0"
        faults.append(Fault(path, f"is {shown(text)}; it must be {wanted}", line, field))
        return 1


def positive(path: Path, line: int | None, field: str, text: str, faults: list[Fault]) -> float:
    """A number above 0 and up to the field's limit; otherwise 1, with a fault."""
    most = _MOST_OF.get(field, MOST_MS)
    try:
        value = parse_number(text)
    except OutOfRange:
        value = -1.0 if text.strip().startswith("-") else math.inf
    except NotANumber:
        value = 0.0
    if LEAST < value < most:
        return value
    wanted = "a number above 0" if value <= 0 else f"from {LEAST:g} to {most:,g}"
    faults.append(Fault(path, f"is {shown(text)}; it must be {wanted}", line, field))
    return 1.0


def word(path: Path, line: int | None, field: str, text: str, words: tuple[str, ...], faults: list[Fault]) -> str:
    """One of a few words; otherwise a fault."""
    if text not in words:
        faults.append(Fault(path, f"is {shown(text)}; it must be one of {', '.join(words)}", line, field))
    return text
