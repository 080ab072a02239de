"""How sure a difference of cost is, in a word or two, and what those words mean."""

from collections.abc import Iterable

from melange_cloud.domain import Sure
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.report.text import GLUE, UNKNOWN

_CELLS = {
    Sure.CLEAR: "yes",
    Sure.EQUAL: "equal",
    Sure.PRICES_APART: f"if{GLUE}prices hold",
    Sure.NOT_PROVEN: f"not{GLUE}proven",
    Sure.TURNS_WITH_SPARE: f"not{GLUE}with{GLUE}a{GLUE}spare",
    Sure.WITHIN_PROFILE_ERROR: "no",
}
_MEANING = {
    Sure.CLEAR: "yes = the order holds whatever the profiles' errors, with --spare 1 on both sides too",
    Sure.PRICES_APART: f"if prices hold = yes, but the prices are over {PRICES_APART_DAYS} days apart",
    Sure.NOT_PROVEN: "not proven = the search stopped early; the order may turn",
    Sure.TURNS_WITH_SPARE: "not with a spare = with --spare 1 on both sides the order turns",
    Sure.WITHIN_PROFILE_ERROR: "no = within the profiles' errors the order turns, or may turn",
}


def cell(sure: Sure | None) -> str:
    """The word under "Sure"; ``-`` where nothing is compared."""
    return UNKNOWN if sure is None else _CELLS[sure]


def legend(shown: Iterable[Sure | None]) -> str:
    """What the words under "Sure" mean, as far as they are there; empty where none needs an explanation."""
    there = set(shown)
    text = "; ".join(meaning for sure, meaning in _MEANING.items() if sure in there)
    return f"Sure: {text}." if text else ""
