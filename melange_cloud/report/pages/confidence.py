"""How certain a difference of cost is, in a word or two, and what those words mean."""

from collections.abc import Iterable

from melange_cloud.domain import Confidence
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.report.text import GLUE, UNKNOWN

_CELLS = {
    Confidence.CLEAR: "yes",
    Confidence.EQUAL: "equal",
    Confidence.PRICES_APART: f"if{GLUE}prices hold",
    Confidence.NOT_PROVEN: f"not{GLUE}proven",
    Confidence.TURNS_WITH_SPARE: f"not{GLUE}with{GLUE}a{GLUE}spare",
    Confidence.WITHIN_PROFILE_ERROR: "no",
}
_MEANING = {
    Confidence.CLEAR: "yes = the order holds whatever the profiles' errors, with --spare 1 as estimated",
    Confidence.PRICES_APART: f"if prices hold = yes, but the prices are over {PRICES_APART_DAYS} days apart",
    Confidence.NOT_PROVEN: "not proven = the search stopped early; the order may reverse",
    Confidence.TURNS_WITH_SPARE: "not with a spare = with --spare 1 on both sides the order reverses",
    Confidence.WITHIN_PROFILE_ERROR: "no = within the profiles' errors the order reverses, or may",
}


def cell(sure: Confidence | None) -> str:
    """The word under "Sure"; ``-`` where nothing is compared."""
    return UNKNOWN if sure is None else _CELLS[sure]


def legend(shown: Iterable[Confidence | None]) -> str:
    """What the words under "Sure" mean, as far as they are there; empty if none needs an explanation."""
    there = set(shown)
    text = "; ".join(meaning for sure, meaning in _MEANING.items() if sure in there)
    return f"Sure: {text}." if text else ""
