"""Cells that rows of comparisons share: quotas, what is hard to get, the cost with a spare, what is signed in all."""

from collections.abc import Iterable, Mapping

from melange_cloud.domain import Availability, FleetWithSpare, QuotaNeed, RegionPlan, Status
from melange_cloud.domain.purchases import HOURS_PER_YEAR
from melange_cloud.report.pages.getting_it import of_quota
from melange_cloud.report.text import GLUE, UNKNOWN, glued, joined, number, once, usd_per_month

NOT_CHECKED = "In brackets: the account quota that the fleet needs; whether you have it, and capacity, is not checked."
WITH_SPARE = "--spare 1: $/month where the fleet must survive losing any one instance."
TOTAL = f"Total{GLUE}$"
_MARK = "^"
_HARD_TO_GET = {
    Availability.OFTEN_UNAVAILABLE: "often unavailable",
    Availability.UNCONFIRMED: "listed, but availability is unconfirmed",
    Availability.CAPACITY_BLOCK: "sold only by Capacity Block",
}


def availability_of_types(region: RegionPlan) -> dict[str, Availability]:
    """How each instance type of a region's fleet can be had."""
    return {line.instance_type: line.availability for line in region.allocations}


def in_brackets(needs: Iterable[QuotaNeed]) -> str:
    """The quotas after a fleet: `` (72 vCPU of G)``; empty where none is known."""
    known = ", ".join(_breakable(of_quota(need, wide=False)) for need in needs)
    return f" ({known})" if known else ""


def _breakable(text: str) -> str:
    """Text whose lines may break anywhere but after the number that it begins with."""
    amount, _, words = text.partition(GLUE)
    return f"{amount}{GLUE}{words.replace(GLUE, ' ')}"


def mark(availability: Availability | None) -> str:
    """The mark after an instance type that is hard to get; empty for the others."""
    return _MARK if availability in _HARD_TO_GET else ""


def legend_of_marks(fleets: Iterable[Mapping[str, Availability]]) -> str:
    """What the mark means, for the types of these fleets; empty without any."""
    named: dict[Availability, list[str]] = {}
    for fleet in fleets:
        for name, availability in fleet.items():
            if availability in _HARD_TO_GET:
                named.setdefault(availability, []).append(glued(name))
    parts = [f"{joined(sorted(once(names)))} ({_HARD_TO_GET[which]})" for which, names in sorted(named.items())]
    return f"{_MARK} hard to get: {'; '.join(parts)}" if parts else ""


def with_spare(spared: FleetWithSpare | None) -> str:
    """The cell under ``--spare 1``."""
    if spared is None:
        return UNKNOWN
    if spared.usd_per_month is None:
        return "none" if spared.status is Status.INFEASIBLE else f"not{GLUE}found"
    return usd_per_month(spared.usd_per_month)


def total_legend(obligations_usd: Iterable[float | None]) -> str:
    """What the total is; empty if nothing is signed."""
    if all(usd is None for usd in obligations_usd):
        return ""
    return f"{TOTAL}: what is signed in all: the rate x {number(HOURS_PER_YEAR)}{GLUE}h x years, used or not."
