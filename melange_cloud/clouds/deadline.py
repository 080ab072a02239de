"""How long we wait for the clouds, and how ``--deadline`` is written."""

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber
from melange_cloud.inputs.written_quantities import seconds

PLAN_S = 60.0
"""For a plan, since someone is waiting at the screen. All regions of both clouds took under 20 s."""
BULK_S = 900.0
"""For filling the cache, with public lists of 300 MB a region among them."""

_MOST_S = 24 * 3600.0


def deadline_of(text: str) -> float:
    """The value of ``--deadline`` in seconds: ``90s``, ``15m``, ``1h30m``, or a number of seconds.

    Raises:
        BadInput: anything else, or more than a day.
    """
    try:
        found = seconds(text)
    except NotANumber:
        found = 0.0
    if not 0.001 <= found <= _MOST_S:
        raise BadInput(f"--deadline {echoed(text)}: give seconds, minutes or hours up to a day, such as 90s, 15m or 1h")
    return found
