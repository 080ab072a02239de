"""Cells that set a region against the reference: the region that --against names, or else the cheapest one."""

from melange_cloud.domain import AgainstBase, Confidence, Plan, RegionPlan, RegionStanding
from melange_cloud.report.pages.confidence import cell
from melange_cloud.report.pages.region_groups import names_of
from melange_cloud.report.text import GLUE, UNKNOWN, difference, joined, number, region_title, usd_per_month

_NAMED_REGIONS = 6
_TIMES_FROM = 9
"""Of a fraction more: from ten times as much on, percents say less than times."""
_CERTAIN = (Confidence.CLEAR, Confidence.EQUAL, Confidence.PRICES_APART)


def has_base(plan: Plan) -> bool:
    """Whether the regions are compared with one that --against names, instead of with the cheapest."""
    return any(region.against is not None for region in plan.regions)


def name_of_base(plan: Plan) -> str:
    """The region that --against names; empty without one."""
    return "" if plan.against is None else region_title(plan.against.provider, plan.against.region)


def compared(plan: Plan, region: RegionPlan) -> AgainstBase | RegionStanding | None:
    """How a region compares with the base, or else with the cheapest; None for these themselves."""
    if has_base(plan):
        return None if region.region_name == plan.against else region.against
    found = region.comparison
    return None if found is None or (not found.premium_fraction and found.sure is not Confidence.EQUAL) else found


def is_reference(plan: Plan, region: RegionPlan) -> bool:
    """Whether it is the region that the others are compared with: the base, or else the cheapest one."""
    if has_base(plan):
        return region.region_name == plan.against
    return plan.first_rank is None or region.region_name == plan.first_rank.ties[0]


def versus(plan: Plan, region: RegionPlan) -> tuple[str, str]:
    """By how much it is more expensive than the reference; what moving to the cheapest saves, or the difference."""
    if is_reference(plan, region):
        return UNKNOWN, UNKNOWN
    if has_base(plan):
        if region.against is None:
            return UNKNOWN, UNKNOWN
        usd = region.against.difference_usd_per_month
        change = "0" if abs(usd) < 0.005 else f"{'+' if usd > 0 else '-'}{usd_per_month(abs(usd))}"
        return _more_by(region.against.difference_fraction), change
    if region.comparison is None:
        return UNKNOWN, UNKNOWN
    saving = region.comparison.saving_usd_per_month
    return _more_by(region.comparison.premium_fraction), usd_per_month(saving) if saving >= 0.005 else "0"


def _more_by(fraction: float) -> str:
    """``+7.6 %``; ten times as much and more as ``15 x``."""
    return difference(1 + fraction, 1.0) if fraction < _TIMES_FROM else f"{number(1 + fraction)}{GLUE}x"


def how_sure(plan: Plan, region: RegionPlan) -> str:
    """The cell under "Sure"."""
    found = None if is_reference(plan, region) else compared(plan, region)
    return UNKNOWN if found is None else cell(found.sure)


def not_certain(plan: Plan, shown: list[RegionPlan]) -> str:
    """The regions shown whose order against the reference may be the other way round; empty if there are none."""
    doubted = [
        region
        for region in shown
        if not is_reference(plan, region)
        and (found := compared(plan, region)) is not None
        and found.sure not in _CERTAIN
    ]
    if not doubted:
        return ""
    few = [names_of([region]) for region in doubted[:_NAMED_REGIONS]]
    more = len(doubted) - len(few)
    who = joined([*few, f"{more}{GLUE}more"] if more else few)
    return f"The order is not certain against {'the base' if has_base(plan) else '#1'}: {who}."
