"""How long the clouds are waited for, and how ``--deadline`` says it."""

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_number

PLAN_S = 60.0
"""For a question: someone is waiting for it at the screen. All regions of both clouds took under 20 s."""
BULK_S = 900.0
"""For filling the cache, with public lists of 300 MB a region among them."""

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_S = 24 * 3600.0


def deadline_of(text: str) -> float:
    """What ``--deadline`` says, in seconds: ``90s``, ``15m``, ``1h``, or a number of seconds.

    Raises:
        BadInput: anything else, or more than a day.
    """
    word = text.strip().lower()
    unit = word[-1:] if word[-1:] in _UNITS else ""
    try:
        return parse_number(word.removesuffix(unit), 0.001, _MOST_S / _UNITS.get(unit, 1.0)) * _UNITS.get(unit, 1.0)
    except NotANumber:
        raise BadInput(
            f"--deadline {echoed(text)}: give seconds, minutes or hours up to a day, such as 90s, 15m or 1h"
        ) from None
