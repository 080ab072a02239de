"""Which account quota an instance type draws on, by the vendor's own name.

Names as the consoles and documents of the vendors spell them in 2025-26 (pricing/quotas.csv); what an account has been
granted is not known here.
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
    """The quota that an instance type bought so draws on; None where we know none (a user's own type)."""
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
