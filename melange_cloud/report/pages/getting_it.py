"""What stands between a line of a fleet and its machines: the account quota, and how they can be had."""

from melange_cloud.domain import Availability, QuotaNeed
from melange_cloud.report.text import GLUE, clean, glued, number


def longest_clause(cell: str) -> int:
    """The longest part of the cell that stays on one line: other columns go first."""
    return max(len(part.strip()) for part in cell.split("; "))


def getting_it(quota_need: QuotaNeed | None, availability: Availability, purchase: str, *, wide: bool) -> str:
    """The quota that the line draws on, and what is known to make renting it difficult."""
    quota = f"quota not{GLUE}known" if quota_need is None else f"{of_quota(quota_need, wide=wide)}, not{GLUE}checked"
    on_demand = f"{GLUE}on{GLUE}demand" if purchase == "on_demand" else ""
    obstacle = {
        Availability.OFTEN_UNAVAILABLE: f"often{GLUE}unavailable{on_demand}",
        Availability.UNCONFIRMED: f"availability{GLUE}unconfirmed",
        Availability.CAPACITY_BLOCK: f"only{GLUE}by{GLUE}Capacity{GLUE}Block",
    }.get(availability, "")
    return f"{quota}; {obstacle}" if obstacle else quota


def of_quota(need: QuotaNeed, *, wide: bool) -> str:
    """How much of which quota: ``64 vCPU of G``, ``9 L4 GPUs``; where wide by the vendor's own name."""
    unit = f"GPU{'' if need.needed == 1 else 's'}" if need.unit == "GPU" else glued(need.unit)
    amount = f"{number(need.needed)}{GLUE}{unit}"
    if wide or not need.short:
        return f'{amount} of "{clean(need.name)}"'
    if need.unit == "vCPU":
        return f"{amount} of{GLUE}{glued(need.short)}"
    return f"{number(need.needed)}{GLUE}{glued(need.short)}{GLUE}{unit}"
