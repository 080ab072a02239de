"""What was checked between the user and fresh prices, and what a refresh of the cache read."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that was checked.

    Attributes:
        about: a provider, ``cache``, ``snapshot`` or ``plug-ins``.
        what: what was checked.
        status: ``ok``; ``missing``: not set up, which may be meant; ``old``: older than a day; ``failed``: it is set up
            and does not work.
        found: what was found.
        cure: the one line that fixes it; empty if all is well.
    """

    about: str
    what: str
    status: str = field(metadata={"one_of": ("ok", "missing", "old", "failed")})
    found: str
    cure: str = ""


@dataclass(frozen=True, slots=True)
class CloudRefresh:
    """What one cloud answered to a refresh.

    Attributes:
        regions: how many regions there is a price of.
        prices: purchase -> how many prices of it.
        seconds: how long it took.
    """

    provider: str
    regions: int
    prices: Mapping[str, int]
    seconds: float
