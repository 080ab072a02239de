"""Regions that a page shows together: those of one fleet and one cost, and those without a fleet for one reason."""

from melange_cloud.domain import Plan, RegionPlan
from melange_cloud.domain.money import same_cost
from melange_cloud.report import sentences
from melange_cloud.report.text import clean, glued


def groups(plan: Plan) -> list[list[RegionPlan]]:
    """Regions with a fleet, cheapest first; those of one provider, one fleet and one cost are grouped."""
    priced = sorted(
        (region for region in plan.regions if region.fleet_usd_per_hour is not None),
        key=lambda region: (region.fleet_usd_per_hour or 0.0, region.region_name),
    )
    grouped: list[list[RegionPlan]] = []
    for region in priced:
        cost = region.fleet_usd_per_hour or 0.0
        home = next(
            (
                group
                for group in reversed(grouped)
                if group[0].region_name.provider == region.region_name.provider
                and same_cost(cost, group[0].fleet_usd_per_hour or 0.0)
                and fleet_key(group[0]) == fleet_key(region)
            ),
            None,
        )
        if home is None:
            grouped.append([region])
        else:
            home.append(region)
    return grouped


def without_plan(plan: Plan) -> dict[tuple[str, str], list[RegionPlan]]:
    """The regions without a fleet by provider and by what is said about them, sorted."""
    alike: dict[tuple[str, str], list[RegionPlan]] = {}
    for region in sorted(plan.regions, key=lambda region: region.region_name):
        if region.fleet_usd_per_hour is None:
            alike.setdefault((region.region_name.provider, sentences.no_fleet(region)), []).append(region)
    return alike


def names_of(regions: list[RegionPlan]) -> str:
    """The regions of one provider: ``gcp us-east1, us-west1``."""
    return f"{clean(regions[0].region_name.provider)} {', '.join(glued(region.region) for region in regions)}"


def fleet_key(region: RegionPlan) -> tuple[tuple[str, int, int], ...]:
    """The fleet as (instance type, degree, instances), whatever its prices; equal keys are equal fleets."""
    return tuple(sorted((line.instance_type, line.tensor_parallel, line.instances) for line in region.allocations))
