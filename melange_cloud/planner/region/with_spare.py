"""The cheapest fleet of a question that survives losing any one instance, by which fleets are compared as equals."""

from melange_cloud.domain import FleetWithSpare, Solution
from melange_cloud.planner.region_question import RegionQuestion


def cheapest_with_spare(question: RegionQuestion, cheapest: Solution, billed_hours_per_month: float) -> FleetWithSpare:
    """The question with ``--spare 1``; its own answer where that is what was asked.

    Args:
        cheapest: the question's own answer, with a fleet.
        billed_hours_per_month: hours that a month is billed for.
    """
    found = cheapest if question.rules.spare else question.cost_of(question.posed_with(spare=1))
    usd_per_hour = found.fleet_usd_per_hour
    return FleetWithSpare(
        status=found.status,
        reason="" if usd_per_hour is not None else found.reason,
        fleet_usd_per_hour=usd_per_hour,
        usd_per_month=None if usd_per_hour is None else usd_per_hour * billed_hours_per_month,
        instances=found.instance_counts,
        proven=found.is_proven,
    )
