"""How old a price may be, and how ages are written."""

from dataclasses import dataclass
from datetime import timedelta

from melange_cloud.clouds.deadline import PLAN_S
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber
from melange_cloud.inputs.written_quantities import seconds

DEFAULT_MAX_AGE = timedelta(days=1)
"""On-demand prices change a few times a year; a day-old spot price is roughly right, and its age is shown."""

_MOST_AGE_S = 99_999 * 86_400.0


@dataclass(frozen=True, slots=True)
class PricePolicy:
    """Which prices are acceptable, and how they may be fetched.

    Attributes:
        offline: never touch the network.
        refresh: query the clouds, however fresh the cache is.
        require_fresh: refuse to answer with anything older than ``max_age``.
        max_age: how old a cached price may be.
        deadline_s: how long all network calls may take together, seconds.

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
    """The value of ``--max-age``: ``90m``, ``12h``, ``3d`` or ``1h30m``.

    Raises:
        BadInput: anything else.
    """
    try:
        age_s = seconds(text, unit_needed=True)
    except NotANumber:
        age_s = -1.0
    if not 0 <= age_s <= _MOST_AGE_S:
        raise BadInput(f"--max-age {echoed(text)}: give minutes, hours or days, such as 90m, 12h or 3d")
    return timedelta(seconds=age_s)


def words_of_age(age: timedelta) -> str:
    """``under 1 min``, ``12 min``, ``3 h`` or ``4 days``."""
    minutes = int(age / timedelta(minutes=1))
    if minutes < 1:
        return "under 1 min"
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
