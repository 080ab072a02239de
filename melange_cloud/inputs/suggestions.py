"""Did you mean: the known words that are close to one that is not known."""

import difflib
from collections.abc import Iterable

_LONGEST_WORD = 100
"""Nothing known to us is longer than 40 characters, and the comparison takes time by the length of the word."""


def close_matches(word: str, known: Iterable[str]) -> str:
    """``did you mean A or B?``, or ``there are ...`` with the whole list where nothing is close."""
    names = sorted(known)
    lowered = {name.lower(): name for name in names}
    near = difflib.get_close_matches(word.lower(), lowered, n=3, cutoff=0.6) if len(word) <= _LONGEST_WORD else []
    close = [lowered[match] for match in near]
    return f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(names)}"
