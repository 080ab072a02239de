"""What a fleet in a row of a comparison needs: account quotas, and machines that are hard to get; not checked."""

from collections.abc import Iterable, Mapping

from melange_cloud.domain import Availability, QuotaNeed, RegionPlan
from melange_cloud.report.text import GLUE, clean, glued, joined, number, once

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


def of_quota(need: QuotaNeed) -> str:
    """How much of which quota, in a few characters: ``72 vCPU of G``, ``2 A100 GPUs``."""
    short = clean(need.short or need.name)
    if need.unit == "vCPU":
        return f"{number(need.needed)}{GLUE}vCPU of{GLUE}{short}"
    return f"{number(need.needed)}{GLUE}{short} GPU{'' if need.needed == 1 else 's'}"


def in_brackets(needs: Iterable[QuotaNeed]) -> str:
    """The quotas after a fleet: `` (72 vCPU of G)``; empty where none is known."""
    known = ", ".join(map(of_quota, needs))
    return f" ({known})" if known else ""


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
