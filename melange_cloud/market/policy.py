"""How old a price may be, and how ages are written."""

from dataclasses import dataclass
from datetime import timedelta

from melange_cloud.clouds.deadline import PLAN_S
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_whole

DEFAULT_MAX_AGE = timedelta(days=1)
"""On-demand prices move a few times a year; a day-old spot price is of about the right size, and says its age."""

_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class PricePolicy:
    """Which prices are acceptable, and how they may be fetched.

    Attributes:
        offline: never touch the network.
        refresh: ask the clouds, however fresh the cache is.
        require_fresh: refuse to answer with anything older than ``max_age``.
        max_age: how old a cached price may be.
        deadline_s: how long all that asks the network may take together, seconds.

    Raises:
        BadInput: offline and refresh together.
    """

    offline: bool = False
    refresh: bool = False
    require_fresh: bool = False
    max_age: timedelta = DEFAULT_MAX_AGE
    deadline_s: float = PLAN_S

    def __post_init__(self) -> None:
        if self.offline and self.refresh:
            raise BadInput("--offline and --refresh contradict each other: drop one")


def age_of(text: str) -> timedelta:
    """What ``--max-age`` says: ``90m``, ``12h`` or ``3d``.

    Raises:
        BadInput: anything else.
    """
    number, unit = text.strip()[:-1], text.strip()[-1:].lower()
    try:
        count = parse_whole(number, 0, 99_999)
    except NotANumber:
        count = -1
    if unit not in _UNITS or count < 0:
        raise BadInput(f"--max-age {echoed(text)}: give whole minutes, hours or days, such as 90m, 12h or 3d")
    return count * _UNITS[unit]


def words_of_age(age: timedelta) -> str:
    """``under 1 min``, ``12 min``, ``3 h`` or ``4 days``."""
    minutes = int(age / timedelta(minutes=1))
    if minutes < 1:
        return "under 1 min"
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
