"""Did you mean: known words that are spelled like an unknown one. No other module compares spellings."""

import difflib
import re
from collections.abc import Iterable

_LONG_WORD = 8
_LONGEST_WORD = 100
"""No word that we know is longer than 40 characters, and comparing takes longer the longer the word is."""


def closest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """At most ``most`` of the known words that may be meant, closest first; case does not matter."""
    if len(word) > _LONGEST_WORD:
        return []
    by_lower = {name.lower(): name for name in sorted(known)}
    return [by_lower[match] for match in difflib.get_close_matches(word.lower(), by_lower, n=most, cutoff=0.6)]


def family_of(name: str) -> str:
    """The part of an instance type or a quota before its size: ``p5`` of ``p5.48xlarge``, ``aws`` of ``aws:G``."""
    return re.split(r"[.:-]", name.strip().lower())[0]


def closest_of_family(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """As ``closest``, of names of the same family alone: p5e is close to p5 by its letters, and has another GPU."""
    family = family_of(word[:_LONGEST_WORD])
    return closest(word, (name for name in known if family_of(name) == family), most)


def slips_of(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known words that ``word`` is a slip of: one letter off (two in a long word), and every digit the same.

    Names of products are compared so. H200 is close to H100 by its letters, and another GPU.
    """
    plain = word.strip().lower()
    if len(plain) > _LONGEST_WORD:
        return []
    allowed = 1 if len(plain) < _LONG_WORD else 2
    near = {name: _edits(plain, name.lower(), allowed) for name in known if _digits(name) == _digits(plain)}
    close = (name for name, edits in near.items() if edits <= allowed)
    return sorted(close, key=lambda name: (near[name], name))[:most]


def known_are(names: Iterable[str]) -> str:
    """``known are A, B and C``; at least one, in the order to list them."""
    *others, last = names
    return f"known are {', '.join(others)} and {last}" if others else f"the only known one is {last}"


def not_supported(known: Iterable[str], way_on: str = "") -> str:
    """``not supported; known are A, B and C``, as a clause.

    Args:
        known: at least one, in the order to list them.
        way_on: what else can be done, a clause.
    """
    return f"not supported; {known_are(known)}{way_on and '; '}{way_on}"


def slip_or_not_supported(word: str, known: Iterable[str], way_on: str = "") -> str:
    """``did you mean A?`` where a word is a slip of a known one, else as ``not_supported``."""
    names = list(known)
    return did_you_mean(slips_of(word, names)) or not_supported(names, way_on)


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


def _digits(word: str) -> str:
    return re.sub(r"[^0-9]+", " ", word).strip()


def _edits(word: str, other: str, most: int) -> int:
    """Letters to add, drop, change or swap with the next to make one word of the other; above ``most``, any number."""
    if abs(len(word) - len(other)) > most:
        return most + 1
    before_last: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        current = [row]
        for column, wanted in enumerate(other, 1):
            edits = min(last[column] + 1, current[-1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and word[row - 2] == wanted:
                edits = min(edits, before_last[column - 2] + 1)
            current.append(edits)
        before_last, last = last, current
    return last[-1]
