"""The regions of a plan against the cheapest of them: what each costs more, how certain that is, which is first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from melange_cloud.domain import Confidence, CostOrder, FirstRank, Plan, RegionName, RegionPlan, RegionStanding, Status
from melange_cloud.domain.comparison import LEAST_SURE_FIRST
from melange_cloud.domain.money import same_cost
from melange_cloud.market.markets import Market
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.ranking.cost_order import Contender, CostComparer, compare, days_apart
from melange_cloud.planner.region_question import region_question
from melange_cloud.planner.resolve import ResolvedQuestion


def rank(
    plans: Sequence[RegionPlan],
    asked: ResolvedQuestion,
    market: Market,
    evaluated: ProfileEvaluation,
    solving: ProblemSolver,
) -> dict[RegionName, CostOrder]:
    """How each region that has a fleet differs from the cheapest; that one is left out.

    Empty where fewer than two regions have a fleet.
    """
    priced = cheapest_first(plans)
    if len(priced) < 2:
        return {}
    by_name = {RegionName(region.provider, region.name): region for region in market.regions}
    curves = CostComparer(asked, evaluated, solving)

    def contender(plan: RegionPlan) -> Contender:
        region = by_name[plan.region_name]
        question = region_question(region, asked, market, evaluated, solving)
        return Contender(plan, question, asked.basis.calculation.hours_per_month)

    cheapest = contender(priced[0])
    return {plan.region_name: compare(cheapest, contender(plan), curves) for plan in priced[1:]}


def cheapest_first(plans: Iterable[RegionPlan]) -> list[RegionPlan]:
    """The regions that have a fleet; those of one cost by name."""
    return sorted(
        (region for region in plans if region.fleet_usd_per_hour is not None),
        key=lambda region: (region.fleet_usd_per_hour or 0.0, region.region_name),
    )


def ranked(plan: Plan) -> Plan:
    """The plan with the comparison of its regions, which follows from how each differs from the cheapest."""
    first_rank = first_rank_of(plan.regions)
    standings = {} if first_rank is None else _standings(plan, first_rank)
    regions = tuple(replace(region, comparison=standings.get(region.region_name)) for region in plan.regions)
    return replace(plan, regions=regions, first_rank=first_rank)


def first_rank_of(plans: Sequence[RegionPlan]) -> FirstRank | None:
    """Which regions compete for the first rank; None if no region was compared with the cheapest."""
    priced = cheapest_first(plans)
    if all(region.difference is None for region in priced[1:]):
        return None
    cheapest = priced[0]
    lowest = cheapest.fleet_usd_per_hour or 0.0
    ties = [
        cheapest,
        *(region for region in priced[1:] if _sure(region) in (Confidence.EQUAL, Confidence.WITHIN_PROFILE_ERROR)),
    ]
    dates = sorted(region.fleet.price_as_of_to for region in ties if region.fleet.price_as_of_to is not None)
    dearest = ties[-1].fleet_usd_per_hour or 0.0
    tied = {region.region_name for region in ties}
    return FirstRank(
        ties=tuple(region.region_name for region in ties),
        level=same_cost(lowest, dearest),
        spread_fraction=dearest / lowest - 1 if lowest else 0.0,
        prices_apart_days=days_apart(dates[0], dates[-1]) if dates else 0,
        with_spare=tuple(region.region_name for region in priced[1:] if _sure(region) is Confidence.TURNS_WITH_SPARE),
        unproven=tuple(
            region.region_name for region in plans if region.region_name not in tied and _may_undercut(region, lowest)
        ),
    )


def _may_undercut(region: RegionPlan, usd_per_hour: float) -> bool:
    """Whether a search that was cut short leaves room for a fleet that costs less."""
    cut_short = region.status is Status.FEASIBLE or (region.status is Status.UNKNOWN and bool(region.outcome.solver))
    bound = region.cost.fleet_lower_bound_usd_per_hour
    return cut_short and (bound is None or bound < usd_per_hour)


def _standings(plan: Plan, first_rank: FirstRank) -> Mapping[RegionName, RegionStanding]:
    """Of the regions that were compared with the cheapest, and of that one."""
    cheapest, *others = cheapest_first(plan.regions)
    age = _price_age_days(plan, cheapest)
    found = {}
    for region in others:
        difference = region.difference
        if difference is None:
            continue
        ours, theirs = region.fleet_usd_per_hour or 0.0, cheapest.fleet_usd_per_hour or 0.0
        saving = (ours - theirs) * plan.basis.calculation.hours_per_month
        own_age = _price_age_days(plan, region)
        found[region.region_name] = RegionStanding(
            premium_fraction=ours / theirs - 1 if theirs else 0.0,
            saving_usd_per_month=saving,
            profile_error_usd_per_month=difference.moved_by_usd(saving),
            sure=difference.sure,
            price_age_days=own_age,
            prices_apart_days=abs(own_age - age),
        )
    sure = _sure_of_cheapest(list(found.values()), first_rank)
    return {cheapest.region_name: RegionStanding(0.0, 0.0, None, sure, age, 0), **found}


def _sure_of_cheapest(others: Sequence[RegionStanding], first_rank: FirstRank) -> Confidence:
    """The cheapest region is as sure as the least sure of the others, and those that have no fleet yet, allow."""
    sure = min((standing.sure for standing in others), key=LEAST_SURE_FIRST.index)
    if first_rank.unproven and sure not in (Confidence.WITHIN_PROFILE_ERROR, Confidence.TURNS_WITH_SPARE):
        return Confidence.NOT_PROVEN
    return sure


def _price_age_days(plan: Plan, region: RegionPlan) -> int:
    if region.fleet.price_as_of_to is None:
        raise ValueError("a fleet has prices")
    return plan.age_days(region.fleet.price_as_of_to)


def _sure(region: RegionPlan) -> Confidence | None:
    return None if region.difference is None else region.difference.sure
