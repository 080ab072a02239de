"""One region's question: what is sold there, what may enter, and the problem that this makes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from melange_cloud import catalog
from melange_cloud.domain import Exclusion, IneligibleType, MaxTputTable, Offer, PlanBasis, Region, Solution, Status
from melange_cloud.market.markets import Market
from melange_cloud.planner.eligibility import EligibilityRules, rules_of
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.pose import pose
from melange_cloud.planner.posed_problem import PosedProblem
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.resolve import ResolvedQuestion

_NAMED = 6


@dataclass(frozen=True, slots=True)
class RegionQuestion:
    """A region's question, with all that answers it.

    Attributes:
        region: whose.
        asked: the question, of all regions.
        market: what is sold, by region.
        evaluated: what the profiles say of the workload.
        solving: the solver.
        rules: what may enter here.
        posed: the question as a Problem, or why there is none.
        left_out: instance types that have a price here, or had, and may not enter.
        status, reason: why there is no fleet, where there is no Problem.
    """

    region: Region
    asked: ResolvedQuestion
    market: Market
    evaluated: ProfileEvaluation
    solving: ProblemSolver
    rules: EligibilityRules
    posed: PosedProblem
    left_out: tuple[IneligibleType, ...]
    status: Status
    reason: str

    @property
    def basis(self) -> PlanBasis:
        """The question, defaults filled in."""
        return self.asked.basis

    @property
    def offers(self) -> Sequence[Offer]:
        """What is for sale here, whether it may enter or not."""
        return self.market.offers[self.region]

    @property
    def offer_by_name(self) -> Mapping[str, Offer]:
        """The same by instance type."""
        return {offer.instance_type.name: offer for offer in self.offers}

    def price_age(self, offer: Offer) -> str:
        """How old a price is, in words: ``live``, ``cached 3 h``, ``snapshot 2026-07-30``."""
        return self.market.ages[catalog.key_of(offer)]

    def posed_with(self, table: MaxTputTable | None = None, **rules: object) -> PosedProblem:
        """The question with another MaxTput table, or other rules."""
        max_tput = self.evaluated.max_tput if table is None else table
        changed = replace(self.rules, **rules)  # type: ignore[arg-type]
        return _posed(self.offers, self.asked, self.evaluated, max_tput, changed)

    def cost_of(self, posed: PosedProblem) -> Solution:
        """The cheapest fleet of a changed question, whose cost is what counts."""
        if posed.problem is None:
            return Solution(Status.INFEASIBLE, reason=posed.reason)
        return self.solving.cost_of_any(posed.problems)


def region_question(
    region: Region, asked: ResolvedQuestion, market: Market, evaluated: ProfileEvaluation, solving: ProblemSolver
) -> RegionQuestion:
    """Pose a region's question with what can be bought there as requested, and say what cannot."""
    basis, offers = asked.basis, market.offers[region]
    rules = rules_of(basis, asked.may_use, offers)
    posed = _posed(offers, asked, evaluated, evaluated.max_tput, rules)
    set_aside = _excluded(market.excluded[region], offers)
    unpriced = _without_price(region, basis, [*offers, *market.stale[region]], set_aside, rules)
    stale = market.stale[region]
    left_out = (*posed.left_out, *_too_old(stale, market.moment.date()), *set_aside, *unpriced)
    status, reason = Status.INFEASIBLE, posed.reason
    priced = any(rules.asks_for(offer.instance_type.gpu) for offer in offers)
    if stale and not priced:
        newest = max(offer.as_of_to for offer in stale)
        status = Status.UNKNOWN
        reason = (
            f"the newest spot price here is of {newest}, {(market.moment.date() - newest).days} days ago; "
            "refresh it (prices refresh) or give your own (--prices)"
        )
    elif unpriced and not (priced and posed.no_data):
        # What cannot be ruled out for lack of a price is not impossible.
        status = Status.UNKNOWN
        names = _few(item.instance_type for item in unpriced) if offers else "any instance type here"
        reason = f"no {_bought(basis)} price for {names}"
        if priced:
            reason = f"{reason}; of those with a price, {posed.reason}"
    elif posed.no_data:
        status = Status.UNKNOWN
    return RegionQuestion(region, asked, market, evaluated, solving, rules, posed, left_out, status, reason)


def _posed(
    offers: Sequence[Offer],
    asked: ResolvedQuestion,
    evaluated: ProfileEvaluation,
    max_tput: MaxTputTable,
    rules: EligibilityRules,
) -> PosedProblem:
    planned = asked.basis.traffic.planned_requests_per_s
    return pose(offers, max_tput, evaluated.no_profile, asked.workload.buckets, planned, rules)


def _too_old(stale: Sequence[Offer], today: date) -> list[IneligibleType]:
    """What has only a price that says nothing about today's."""
    return [
        IneligibleType(
            offer.instance_type.name,
            f"its {offer.purchase} price is {(today - offer.as_of_to).days} days old",
            "no_data",
        )
        for offer in stale
    ]


def _excluded(excluded: Sequence[Exclusion], offers: Sequence[Offer]) -> list[IneligibleType]:
    priced = {offer.instance_type.name for offer in offers}
    return [
        IneligibleType(pair.instance_type, pair.reason, "excluded")
        for pair in excluded
        if pair.instance_type not in priced
    ]


def _bought(basis: PlanBasis) -> str:
    return {"commit_1y": "1-year commitment", "commit_3y": "3-year commitment"}.get(
        basis.fleet.purchase, basis.fleet.purchase
    )


def _few(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = tuple(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED + 1 else ""
    return ", ".join(every[:_NAMED] if more else every) + more


def _without_price(
    region: Region,
    basis: PlanBasis,
    offers: Sequence[Offer],
    set_aside: Sequence[IneligibleType],
    rules: EligibilityRules,
) -> list[IneligibleType]:
    """Instance types that are sold on demand here and have no price for the requested purchase, nor a reason for it."""
    known = {offer.instance_type.name for offer in offers} | {item.instance_type for item in set_aside}
    sold = catalog.load_snapshot("on_demand").offers_in(region.provider, region.name, "on_demand")
    return [
        IneligibleType(offer.instance_type.name, f"no {_bought(basis)} price", "no_data")
        for offer in sold
        if offer.instance_type.name not in known
        and offer.sold_as == "on_demand"
        and rules.asks_for(offer.instance_type.gpu)
    ]
