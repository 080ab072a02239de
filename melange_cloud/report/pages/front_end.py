"""Where the HTTP front end limits a fleet, in one sentence per kind."""

from melange_cloud.domain import Kind, KindUse, Plan, RegionPlan
from melange_cloud.report.sentences import star
from melange_cloud.report.text import difference, dollars, glued, number, percent, quantity, usd_per_month

OPTION = "--api-servers"
LEAST_SHARE = 0.005
"""A smaller part of a kind's load is not worth a line: it is shown as 0 %."""


def front_end_lines(plan: Plan, region: RegionPlan) -> list[str]:
    """What the front end lets through, and what more API servers would do; nothing if it limits nothing."""
    limited = [use for use in region.fleet.kinds if use.front_end_load_share >= LEAST_SHARE]
    if not limited:
        return []
    servers = plan.basis.served.api_servers
    each = f"{number(servers)} API server{'' if servers == 1 else 's'}{star(plan, 'api_servers')} per replica"
    kinds = "; ".join(_kind(use) for use in limited)
    return [f"The HTTP front end ({each}) limits {kinds}{_with_more(plan, region)}."]


def _kind(use: KindUse) -> str:
    name = glued(Kind(use.gpu, use.tensor_parallel))
    rate = quantity(float(f"{use.front_end_requests_per_s or 0.0:.3g}"))
    part = "" if use.front_end_load_share > 1 - LEAST_SHARE else f" for {percent(use.front_end_load_share)} of its load"
    return f"{name} to {rate} requests/s{part}"


def _with_more(plan: Plan, region: RegionPlan) -> str:
    """What twice as many do; a comparison of regions does not ask."""
    more = next((change for change in region.context.what_if if change.option.startswith(OPTION)), None)
    if more is not None and more.fleet_usd_per_hour is not None:
        month = dollars(usd_per_month(more.fleet_usd_per_hour * plan.basis.calculation.hours_per_month))
        return (
            f"; {more.option} would make it {month} ({difference(more.fleet_usd_per_hour, region.fleet_usd_per_hour)})"
        )
    if more is not None or len(plan.regions) > 1:
        return ""
    return f"; more of them ({OPTION} {2 * plan.basis.served.api_servers}) would not make the fleet cheaper"
