"""Did you mean: the known words that are close to one that is not known. No other module compares spellings."""

import difflib
from collections.abc import Iterable

_LONGEST_WORD = 100
"""Nothing known to us is longer than 40 characters, and the comparison takes time by the length of the word."""


def closest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """At most ``most`` of the known words that may be meant, the closest first, whatever their case."""
    if len(word) > _LONGEST_WORD:
        return []
    by_lower = {name.lower(): name for name in sorted(known)}
    return [by_lower[match] for match in difflib.get_close_matches(word.lower(), by_lower, n=most, cutoff=0.6)]


def one_of(words: Iterable[str]) -> str:
    """``A, B or C``; empty if there is none."""
    *others, last = list(words) or [""]
    return f"{', '.join(others)} or {last}" if others else last


def did_you_mean(words: Iterable[str]) -> str:
    """``did you mean A, B or C?``; empty if there is no word to suggest."""
    listed = one_of(words)
    return f"did you mean {listed}?" if listed else ""


def close_matches(word: str, known: Iterable[str]) -> str:
    """``did you mean A or B?``; ``there are ...`` with the whole list if nothing is close. A tuple keeps its order."""
    names = list(known) if isinstance(known, tuple) else sorted(known)
    return did_you_mean(closest(word, names)) or f"there are {', '.join(names)}"
