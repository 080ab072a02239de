"""The same question bought in every way, each solved in its own right, and what a commitment must run to pay."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum

from melange_cloud import catalog
from melange_cloud.domain import Offer, PurchasePlan, Region, RegionPlan, Request
from melange_cloud.domain.doubt import days_apart, doubt_usd, errors_of_kinds, how_sure, side
from melange_cloud.plan import Surroundings, with_fleet, without_fleet
from melange_cloud.planner.evaluated import Evaluated
from melange_cloud.planner.market import Market
from melange_cloud.planner.question import DEFAULT_HOURS_PER_MONTH, LEAST_HOURS_OF_A_MONTH, Asked
from melange_cloud.planner.region import pose_here
from melange_cloud.planner.solving import Solving

ORDER = ("on_demand", "commit_1y", "commit_3y", "spot")
"""PURCHASES as they are compared: what is obliged for longer later, what can be taken away last."""


def compare_purchases(
    region: Region, asked: Asked, markets: Mapping[str, Market], evaluated: Evaluated, solving: Solving
) -> tuple[PurchasePlan, ...]:
    """One region's question under each of ORDER.

    Args:
        asked: the question; its own purchase and ``current`` play no part.
        markets: by purchase.
        evaluated: of the GPUs in any of the markets.
    """
    bought = {
        purchase: _solved(
            region,
            replace(asked, request=replace(asked.request, purchase=purchase)),
            markets[purchase],
            evaluated,
            solving,
        )
        for purchase in ORDER
    }
    on_demand = bought["on_demand"]
    prices = _can_be_bought(markets["on_demand"].offers[region], asked.request)
    return tuple(_purchase_plan(asked.request, purchase, bought[purchase], on_demand, prices) for purchase in ORDER)


def billed_hours_per_month(purchase: str, hours_per_month: float) -> float:
    """Hours that a month is billed for: a commitment runs on while the fleet is switched off."""
    if purchase.startswith("commit_") and hours_per_month < LEAST_HOURS_OF_A_MONTH:
        return DEFAULT_HOURS_PER_MONTH
    return hours_per_month


def _solved(region: Region, asked: Asked, market: Market, evaluated: Evaluated, solving: Solving) -> RegionPlan:
    """The region's cheapest fleet under the purchase of ``asked``, with nothing around it."""
    request, offers = asked.request, market.offers[region]
    here = pose_here(region, asked, market, evaluated)
    around = Surroundings(left_out=here.left_out)
    if here.posed.problem is None:
        return without_fleet(region, request, here.status, here.reason, "", around)
    solution = solving.solve(here.posed.problem)
    if not solution.status.has_fleet:
        return without_fleet(
            region, request, solution.status, solution.reason, solution.solver or request.solver, around
        )
    by_name = {offer.instance_type.name: offer for offer in offers}
    ages = {name: market.ages[catalog.key_of(offer)] for name, offer in by_name.items()}
    buckets = asked.workload.buckets
    return with_fleet(region, request, here.posed.problem, solution, by_name, ages, buckets, evaluated.max_tput, around)


def _can_be_bought(offers: Sequence[Offer], request: Request) -> dict[str, float]:
    """USD/h on demand, by instance type; only of those that may enter a plan."""
    return {
        offer.instance_type.name: offer.usd_per_hour
        for offer in offers
        if offer.sold_as not in ("unknown", "capacity_block") or request.sold_as == "any"
    }


def _without_price(plan: RegionPlan, on_demand: RegionPlan) -> tuple[str, ...]:
    """Types whose price is missing and that would not have been refused for another reason."""
    refused = {item.instance_type for item in on_demand.left_out}
    missing = {item.instance_type for item in plan.left_out if item.code == "no_data"}
    return tuple(sorted(missing - refused))


def _purchase_plan(
    request: Request, purchase: str, plan: RegionPlan, on_demand: RegionPlan, prices: Mapping[str, float]
) -> PurchasePlan:
    hours = billed_hours_per_month(purchase, request.hours_per_month)
    usd_per_hour, cheapest = plan.usd_per_hour, on_demand.usd_per_hour
    fleet, commitment = plan.instance_counts, purchase.startswith("commit_")
    same_fleet = None
    if usd_per_hour is not None and purchase != "on_demand" and set(fleet) <= set(prices):
        same_fleet = fsum(prices[name] * count for name, count in fleet.items())
    part = _part(usd_per_hour, same_fleet) if commitment else None
    part_of_cheapest = _part(usd_per_hour, cheapest) if commitment else None
    made = PurchasePlan(
        purchase=purchase,
        contracts=tuple(sorted({line.contract for line in plan.allocations if line.contract})),
        status=plan.status,
        reason=plan.reason,
        solver=plan.solver,
        usd_per_hour=usd_per_hour,
        lower_bound_usd_per_hour=plan.lower_bound_usd_per_hour,
        billed_hours_per_month=hours,
        usd_per_month=None if usd_per_hour is None else usd_per_hour * hours,
        instances=fleet,
        saving_usd_per_month=None,
        sure=None,
        profile_error_usd_per_month=None,
        prices_apart_days=None,
        on_demand_usd_per_hour=same_fleet,
        break_even_fraction=part,
        break_even_hours_per_month=None if part is None else part * hours,
        break_even_of_cheapest_fraction=part_of_cheapest,
        break_even_of_cheapest_hours_per_month=None if part_of_cheapest is None else part_of_cheapest * hours,
        without_price=_without_price(plan, on_demand),
        price_as_of_to=min((line.price_as_of_to for line in plan.allocations), default=None),
    )
    if usd_per_hour is None or cheapest is None or purchase == "on_demand":
        return made
    one, other = side(on_demand, request.hours_per_month), side(plan, hours)
    errors = errors_of_kinds((on_demand, plan))
    return replace(
        made,
        saving_usd_per_month=one.usd - other.usd,
        sure=how_sure(one, other, errors),
        profile_error_usd_per_month=doubt_usd(one, other, errors),
        prices_apart_days=days_apart(one, other),
    )


def _part(usd_per_hour: float | None, of_usd_per_hour: float | None) -> float | None:
    return None if usd_per_hour is None or of_usd_per_hour is None else usd_per_hour / of_usd_per_hour
