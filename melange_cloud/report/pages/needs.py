"""What a fleet in a row of a comparison needs: account quotas, and machines that are hard to get; not checked."""

from collections.abc import Iterable, Mapping

from melange_cloud.domain import Availability, QuotaNeed, RegionPlan
from melange_cloud.report.pages.getting_it import of_quota
from melange_cloud.report.text import GLUE, glued, joined, once

NOT_CHECKED = "In brackets: the account quota that the fleet needs; whether you have it, and capacity, is not checked."
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
    number, _, words = text.partition(GLUE)
    return f"{number}{GLUE}{words.replace(GLUE, ' ')}"


def mark(availability: Availability | None) -> str:
    """The mark after an instance type that is hard to get; empty for the others."""
    return f"{GLUE}{_MARK}" if availability in _HARD_TO_GET else ""


def legend_of_marks(fleets: Iterable[Mapping[str, Availability]]) -> str:
    """What the mark means, for the types of these fleets; empty without any."""
    named: dict[Availability, list[str]] = {}
    for fleet in fleets:
        for name, availability in fleet.items():
            if availability in _HARD_TO_GET:
                named.setdefault(availability, []).append(glued(name))
    parts = [f"{joined(sorted(once(names)))} ({_HARD_TO_GET[which]})" for which, names in sorted(named.items())]
    return f"{_MARK} hard to get: {'; '.join(parts)}" if parts else ""
