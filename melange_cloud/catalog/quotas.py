"""The account quota that an instance type counts against, by the vendor's own name.

Names are spelled as in the vendors' consoles and documents of 2025-26 (pricing/quotas.csv). What an account has been
granted is unknown.
"""

import csv
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from melange_cloud.shipped import shipped


@dataclass(frozen=True, slots=True)
class AccountQuota:
    """An account quota: its name, what it counts (``vCPU`` or ``GPU``), and what a narrow table calls it."""

    name: str
    unit: str
    short: str


def quota_of(provider: str, instance_type: str, purchase: str) -> AccountQuota | None:
    """The quota that an instance type counts against when bought this way; None if unknown (a user's own type)."""
    for row in _rules():
        if (
            row["provider"] == provider
            and purchase in row["purchases"].split("|")
            and any(fnmatchcase(instance_type, pattern) for pattern in row["instance_types"].split("|"))
        ):
            return AccountQuota(row["quota"], row["unit"], row["short"])
    return None


@cache
def _rules() -> tuple[dict[str, str], ...]:
    with (shipped("pricing") / "quotas.csv").open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))
