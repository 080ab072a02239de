"""The regions of a plan against the cheapest of them: what each costs more, how certain that is, which is first.

Where the question names a base, such as the region that runs today, they are compared with that one too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import (
    AgainstBase,
    Confidence,
    CostOrder,
    FirstRank,
    Plan,
    RegionName,
    RegionPlan,
    RegionStanding,
    Status,
)
from melange_cloud.domain.comparison import LEAST_SURE_FIRST
from melange_cloud.domain.money import is_cheaper, same_cost
from melange_cloud.market.markets import Market
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.ranking.cost_order import Contender, CostComparer, compare, days_apart
from melange_cloud.planner.region_question import region_question
from melange_cloud.planner.resolve import ResolvedQuestion


@dataclass(frozen=True, slots=True)
class RegionOrders:
    """How each region that has a fleet differs from the cheapest one, and from the base; each of these is left out.

    Empty where fewer than two regions have a fleet; ``from_base`` also where there is no base, or it has none.
    """

    from_cheapest: Mapping[RegionName, CostOrder]
    from_base: Mapping[RegionName, CostOrder]


def rank(
    plans: Sequence[RegionPlan],
    asked: ResolvedQuestion,
    market: Market,
    evaluated: ProfileEvaluation,
    solving: ProblemSolver,
) -> RegionOrders:
    """Compare each region that has a fleet with the cheapest, and with the market's base."""
    priced = cheapest_first(plans)
    if len(priced) < 2:
        return RegionOrders({}, {})
    by_name = {RegionName(region.provider, region.name): region for region in market.regions}
    curves = CostComparer(asked, evaluated, solving)

    def contender(plan: RegionPlan) -> Contender:
        region = by_name[plan.region_name]
        question = region_question(region, asked, market, evaluated, solving)
        return Contender(plan, question, asked.basis.calculation.hours_per_month)

    def differences(reference: RegionPlan) -> dict[RegionName, CostOrder]:
        side = contender(reference)
        return {plan.region_name: compare(side, contender(plan), curves) for plan in priced if plan is not reference}

    from_cheapest, from_base = differences(priced[0]), {}
    base = None if market.base is None else RegionName(market.base.provider, market.base.name)
    for plan in priced:
        if plan.region_name == base:
            from_base = from_cheapest if plan is priced[0] else differences(plan)
    return RegionOrders(from_cheapest, from_base)


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


def compared_with_base(plan: Plan, from_base: Mapping[RegionName, CostOrder]) -> Plan:
    """The plan with each of its regions against ``plan.against``; unchanged where that one has no fleet."""
    bases = [region for region in plan.regions if region.region_name == plan.against]
    if not bases or bases[0].fleet_usd_per_hour is None:
        return plan
    hours = plan.basis.calculation.hours_per_month
    regions = tuple(
        replace(region, against=_against(region, bases[0], from_base.get(region.region_name), hours))
        if region is bases[0] or region.region_name in from_base
        else region
        for region in plan.regions
    )
    return replace(plan, regions=regions)


def _against(region: RegionPlan, base: RegionPlan, order: CostOrder | None, hours: float) -> AgainstBase:
    ours, theirs = region.fleet_usd_per_hour or 0.0, base.fleet_usd_per_hour or 0.0
    days = [side.fleet.price_as_of_to for side in (region, base)]
    if days[0] is None or days[1] is None:
        raise ValueError("a fleet has prices")
    spared = [None if side.with_spare is None else side.with_spare.usd_per_month for side in (region, base)]
    return AgainstBase(
        difference_fraction=_more_by(ours, theirs) or 0.0,
        difference_usd_per_month=(ours - theirs) * hours,
        with_spare_difference_fraction=_more_by(*spared),
        with_spare_difference_usd_per_month=None if spared[0] is None or spared[1] is None else spared[0] - spared[1],
        sure=Confidence.EQUAL if order is None else order.sure,
        prices_apart_days=days_apart(days[0], days[1]),
        order=order,
    )


def _more_by(usd: float | None, reference_usd: float | None) -> float | None:
    """By what fraction one cost is above the other; None where either is not known."""
    return None if usd is None or not reference_usd else usd / reference_usd - 1


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
        with_spare=tuple(region.region_name for region in priced[1:] if _undercuts_with_spare(region, cheapest)),
        unproven=tuple(
            region.region_name
            for region in plans
            if region.region_name not in tied
            and (_may_undercut(region, lowest) or _sure(region) is Confidence.NOT_PROVEN)
        ),
    )


def _undercuts_with_spare(region: RegionPlan, cheapest: RegionPlan) -> bool:
    """Whether a region surely costs less than the cheapest where both must survive losing any one instance."""
    if _sure(region) is Confidence.TURNS_WITH_SPARE:
        return True
    ours, theirs = region.with_spare, cheapest.with_spare
    if ours is None or theirs is None or ours.fleet_usd_per_hour is None:
        return False
    if theirs.fleet_usd_per_hour is None:
        return theirs.status is Status.INFEASIBLE
    return theirs.proven and is_cheaper(ours.fleet_usd_per_hour, theirs.fleet_usd_per_hour)


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
            premium_fraction=_more_by(ours, theirs) or 0.0,
            premium_with_spare_fraction=_more_with_spare(region, cheapest),
            saving_usd_per_month=saving,
            profile_error_usd_per_month=difference.moved_by_usd(saving),
            sure=difference.sure,
            price_age_days=own_age,
            prices_apart_days=abs(own_age - age),
        )
    sure = _sure_of_cheapest(list(found.values()), first_rank)
    own = RegionStanding(0.0, _more_with_spare(cheapest, cheapest), 0.0, None, sure, age, 0)
    return {cheapest.region_name: own, **found}


def _more_with_spare(region: RegionPlan, cheapest: RegionPlan) -> float | None:
    ours, theirs = region.with_spare, cheapest.with_spare
    if ours is None or theirs is None:
        return None
    return _more_by(ours.fleet_usd_per_hour, theirs.fleet_usd_per_hour)


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
