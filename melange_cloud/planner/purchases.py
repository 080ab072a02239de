"""The same question bought in every way, each solved in its own right, and what a commitment must run to pay."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum

from melange_cloud.domain import FleetContext, Offer, PlanBasis, PurchasePlan, Region, RegionPlan
from melange_cloud.domain.purchases import (
    RATES_APART_DAYS,
    BreakEven,
    NoSaving,
    OnDemandComparison,
    PurchaseCost,
    obligation_usd,
)
from melange_cloud.domain.question import DEFAULT_HOURS_PER_MONTH
from melange_cloud.market.markets import Market
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.ranking.cost_order import Contender, CostComparer, compare, days_apart
from melange_cloud.planner.region.region_plan import quota_needs, with_fleet, without_fleet
from melange_cloud.planner.region.with_spare import cheapest_with_spare
from melange_cloud.planner.region_question import region_question
from melange_cloud.planner.resolve import LEAST_HOURS_OF_A_MONTH, ResolvedQuestion, default_spare

ORDER = ("on_demand", "commit_1y", "commit_3y", "spot")
"""PURCHASES as they are compared: what is obliged for longer later, what can be taken away last."""


def compare_purchases(
    region: Region,
    asked: ResolvedQuestion,
    markets: Mapping[str, Market],
    evaluated: ProfileEvaluation,
    solving: ProblemSolver,
) -> tuple[PurchasePlan, ...]:
    """One region's question under each purchase that there is a market of, in ORDER.

    Args:
        asked: the question; its own purchase and ``current`` play no part.
        markets: by purchase; on demand is among them.
        evaluated: of the GPUs in any of the markets.
    """
    order = [purchase for purchase in ORDER if purchase in markets]
    sides = {purchase: _side(region, asked, purchase, markets[purchase], evaluated, solving) for purchase in order}
    offers = _can_be_bought(markets["on_demand"].offers[region], asked.basis)
    curves = CostComparer(asked, evaluated, solving)
    return tuple(_purchase_plan(purchase, sides, offers, curves) for purchase in order)


def compared(purchase: str, *, spot: bool) -> tuple[str, ...]:
    """The purchases that a comparison holds: spot only where it was requested, as the question's own or in addition."""
    return tuple(other for other in ORDER if other != "spot" or spot or purchase == "spot")


def billed_hours_per_month(purchase: str, hours_per_month: float) -> float:
    """Hours that a month is billed for: a commitment runs on while the fleet is switched off."""
    if purchase.startswith("commit_") and hours_per_month < LEAST_HOURS_OF_A_MONTH:
        return DEFAULT_HOURS_PER_MONTH
    return hours_per_month


def _side(
    region: Region,
    asked: ResolvedQuestion,
    purchase: str,
    market: Market,
    evaluated: ProfileEvaluation,
    solving: ProblemSolver,
) -> Contender:
    """The region's cheapest fleet under one purchase, with nothing around it; on spot with an instance in reserve."""
    spare = max(asked.basis.fleet.spare, default_spare(purchase))
    fleet = replace(asked.basis.fleet, purchase=purchase, spare=spare)
    basis = replace(asked.basis, fleet=fleet)
    question = region_question(region, replace(asked, basis=basis), market, evaluated, solving)
    hours = billed_hours_per_month(purchase, basis.calculation.hours_per_month)
    if question.posed.problem is None:
        return Contender(without_fleet(question), question, hours)
    problem, solution = solving.solve_any(question.posed.problems)
    if not solution.status.has_fleet:
        return Contender(without_fleet(question, solution=solution), question, hours)
    plan = with_fleet(question, problem, solution, FleetContext(quota_needs=quota_needs(question, solution)))
    return Contender(replace(plan, with_spare=cheapest_with_spare(question, solution, hours)), question, hours)


def _can_be_bought(offers: Sequence[Offer], basis: PlanBasis) -> dict[str, Offer]:
    """The offers on demand, by instance type; only those that may enter a plan."""
    return {
        offer.instance_type.name: offer
        for offer in offers
        if offer.sold_as not in ("unknown", "capacity_block") or basis.fleet.sold_as == "any"
    }


def _without_price(plan: RegionPlan, on_demand: RegionPlan) -> tuple[str, ...]:
    """Types whose price is missing and that would not have been refused for another reason."""
    refused = {item.instance_type for item in on_demand.left_out}
    missing = {item.instance_type for item in plan.left_out if item.code == "no_data"}
    return tuple(sorted(missing - refused))


def _purchase_plan(
    purchase: str, sides: Mapping[str, Contender], offers: Mapping[str, Offer], curves: CostComparer
) -> PurchasePlan:
    plan, on_demand, hours = sides[purchase].plan, sides["on_demand"].plan, sides[purchase].hours
    usd_per_hour, cheapest = plan.fleet_usd_per_hour, on_demand.fleet_usd_per_hour
    fleet = plan.instance_counts
    same_fleet = None
    if usd_per_hour is not None and purchase != "on_demand" and set(fleet) <= set(offers):
        same_fleet = fsum(offers[name].usd_per_instance_hour * count for name, count in fleet.items())
    apart_days = None if usd_per_hour is None or cheapest is None else _rates_apart_days(plan, on_demand, offers)
    no_saving = _no_saving(purchase, apart_days)
    pays = purchase.startswith("commit_") and no_saving is None
    part = _part(usd_per_hour, same_fleet) if pays else None
    part_of_cheapest = _part(usd_per_hour, cheapest) if pays else None
    made = PurchasePlan(
        purchase=purchase,
        contracts=tuple(sorted({line.contract for line in plan.allocations if line.contract})),
        outcome=plan.outcome,
        cost=PurchaseCost(
            fleet_lower_bound_usd_per_hour=plan.cost.fleet_lower_bound_usd_per_hour,
            billed_hours_per_month=hours,
            usd_per_month=None if usd_per_hour is None else usd_per_hour * hours,
            obligation_usd=obligation_usd(purchase, usd_per_hour),
        ),
        instances=fleet,
        on_demand_fleet_usd_per_hour=same_fleet,
        break_even=BreakEven(
            fraction=part,
            hours_per_month=None if part is None else part * hours,
            of_cheapest_fraction=part_of_cheapest,
            of_cheapest_hours_per_month=None if part_of_cheapest is None else part_of_cheapest * hours,
        ),
        without_price=_without_price(plan, on_demand),
        spare=sides[purchase].question.rules.spare,
        price_as_of_to=plan.fleet.price_as_of_to,
        with_spare=plan.with_spare,
        quota_needs=plan.context.quota_needs,
        availability={line.instance_type: line.availability for line in plan.allocations},
    )
    if usd_per_hour is None or cheapest is None or purchase == "on_demand":
        return made
    prices_apart_days = days_apart(sides["on_demand"].oldest_price, sides[purchase].oldest_price)
    if no_saving is not None:
        unknown = OnDemandComparison(
            prices_apart_days=prices_apart_days, rates_apart_days=apart_days, no_saving=no_saving
        )
        return replace(made, against_on_demand=unknown)
    difference = compare(sides["on_demand"], sides[purchase], curves)
    saving = sides["on_demand"].usd_per_month - sides[purchase].usd_per_month
    against = OnDemandComparison(
        saving_usd_per_month=saving,
        sure=difference.sure,
        profile_error_usd_per_month=difference.moved_by_usd(abs(saving)),
        prices_apart_days=prices_apart_days,
        difference=difference,
        rates_apart_days=apart_days,
    )
    return replace(made, against_on_demand=against)


def _rates_apart_days(plan: RegionPlan, on_demand: RegionPlan, offers: Mapping[str, Offer]) -> int:
    """Most days between a rate of the fleet and a rate on demand that a saving would set it against."""
    cheapest = [line.price.as_of_to for line in on_demand.allocations]
    days = [0]
    for line in plan.allocations:
        partner = [offers[line.instance_type].as_of_to] if line.instance_type in offers else []
        days += [days_apart(line.price.as_of_to, day) for day in (*partner, *cheapest)]
    return max(days)


def _no_saving(purchase: str, rates_apart_days: int | None) -> NoSaving | None:
    """Why nothing can be said about a saving; None where it can, or where there is nothing to compare."""
    if purchase == "on_demand" or rates_apart_days is None:
        return None
    if purchase == "spot":
        return NoSaving.ONE_OBSERVATION
    return NoSaving.RATES_APART if rates_apart_days >= RATES_APART_DAYS else None


def _part(usd_per_hour: float | None, of_usd_per_hour: float | None) -> float | None:
    return None if usd_per_hour is None or of_usd_per_hour is None else usd_per_hour / of_usd_per_hour
