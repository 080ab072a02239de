"""The checks of ``prices doctor``, and what a refresh of the cache read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

OLD_PRICE_DAYS = 180
"""Prices that are older are marked wherever prices are compared."""


@dataclass(frozen=True, slots=True)
class DoctorCheck:
    """One thing that was checked.

    Attributes:
        about: a provider, ``cache``, ``snapshot`` or ``plug-ins``.
        what: what was checked.
        status: ``ok``; ``missing``: not set up, which may be intended; ``old``: cached prices older than a day, shipped
            ones that a plan does not use or marks as old; ``failed``: set up but not working.
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
    """One cloud's answer to a refresh.

    Attributes:
        regions: number of regions with a price.
        prices: purchase -> number of prices.
        seconds: how long it took.
    """

    provider: str
    regions: int
    prices: Mapping[str, int]
    seconds: float
