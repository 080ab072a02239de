"""The cheapest plan that changes least against the fleet that runs today."""

import math
from collections.abc import Mapping
from dataclasses import replace

from melange_cloud import solver
from melange_cloud.domain import CurrentFleet, OfferNumbers, Problem, Quotas, Solution
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.region_question import RegionQuestion


def least_changed(
    problem: Problem, cheapest: Solution, today: Mapping[str, int], stay_within: float, solving: ProblemSolver
) -> Solution:
    """The fleet that changes least among those within ``stay_within`` of the cheapest; of those the cheapest.

    Args:
        problem: the question; it holds every offer of ``today`` that may be rented.
        cheapest: its answer, with a fleet.
        today: instances by instance type.
        stay_within: fraction of the cheapest cost.
    """
    budget = (cheapest.fleet_usd_per_hour or 0.0) * (1 + stay_within)
    found = solver.least_change(problem, today, budget, solver=solving.solver, time_limit_s=solving.time_limit_s)
    if not found.status.has_fleet:
        return cheapest
    return replace(
        found, fleet_lower_bound_usd_per_hour=cheapest.fleet_lower_bound_usd_per_hour, status=cheapest.status
    )


def with_offers_of(problem: Problem, entering: tuple[OfferNumbers, ...], today: Mapping[str, int]) -> Problem:
    """The problem with the offers that run today, which a cheaper one made needless."""
    held = {offer.name for offer in problem.offers}
    kept = [offer for offer in entering if offer.name in today and offer.name not in held]
    return replace(problem, offers=tuple(sorted((*problem.offers, *kept), key=lambda offer: offer.name)))


def current_fleet(
    question: RegionQuestion, problem: Problem, today: Mapping[str, int], cheapest: Solution, planned: Solution
) -> CurrentFleet:
    """What the fleet of today costs and whether it serves, and what the plan changes.

    Args:
        problem: as for ``least_changed``.
        today: instances by instance type.
        cheapest, planned: the cheapest fleet, and the one that is proposed.
    """
    offers, solving = question.offer_by_name, question.solving
    in_problem = {offer.name for offer in problem.offers}
    reasons = {entry.instance_type: entry.reason for entry in question.left_out}
    without = {name: reasons.get(name, "it has no price here") for name in sorted(today) if name not in in_problem}
    priced = all(name in offers for name in today)
    cost = (
        math.fsum(offers[name].usd_per_instance_hour * count for name, count in sorted(today.items()))
        if priced
        else None
    )
    serves = None
    if not without:
        kept = solver.least_change(
            replace(problem, quotas=Quotas()),
            today,
            max(cost or 0.0, cheapest.fleet_usd_per_hour or 0.0),
            solver=solving.solver,
            time_limit_s=solving.time_limit_s,
        )
        serves = kept.instance_counts == dict(today) if kept.status.has_fleet else None
    counts = planned.instance_counts
    names = sorted({*today, *counts})
    changes = {name: counts.get(name, 0) - today.get(name, 0) for name in names}
    return CurrentFleet(
        instances=dict(today),
        fleet_usd_per_hour=cost,
        without_price=without,
        serves=serves,
        changes={name: change for name, change in changes.items() if change},
        stay_within=question.asked.detail.stay_within,
        cheapest_fleet_usd_per_hour=cheapest.fleet_usd_per_hour or 0.0,
    )
