"""The fleet that changes least: never more changes than any other fleet within the budget, never over it."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Problem, Quotas, Status
from melange_cloud.planner.sweep.stretches import scaled_rates
from melange_cloud.solver import least_change, most_traffic, solve, verify
from melange_cloud.solver.checks import breaches
from melange_cloud.solver.even_shares import even_shares
from melange_cloud.solver.least_change import changes
from melange_cloud.solver.programs.find import find_highs
from tests.properties import examples
from tests.solver.problems import A10G, A100, problems, toy


def test_the_running_fleet_is_kept_where_it_is_cheap_enough() -> None:
    problem = toy()
    cheapest = solve(problem)
    today = {name: count for (name, _), count in cheapest.instances.items()}
    kept = least_change(problem, today, cheapest.fleet_usd_per_hour or 0.0)
    assert changes(problem, today, dict(kept.instances)) == 0
    assert kept.fleet_usd_per_hour == cheapest.fleet_usd_per_hour


def test_a_little_money_saves_changes() -> None:
    problem = toy()
    cheapest = solve(problem)
    assert dict(cheapest.instances) == {("A100-80GB", A100): 1, ("A10G", A10G): 1}
    today = {"A100-80GB": 2}
    tight = least_change(problem, today, cheapest.fleet_usd_per_hour or 0.0)
    loose = least_change(problem, today, (cheapest.fleet_usd_per_hour or 0.0) * 2)
    assert changes(problem, today, dict(tight.instances)) == 2
    assert dict(loose.instances) == {("A100-80GB", A100): 2}
    assert (loose.fleet_usd_per_hour or 0.0) == pytest.approx(7.34)


def test_equal_changes_take_the_cheaper_fleet() -> None:
    problem = toy()
    found = least_change(problem, {}, 100.0)
    assert dict(found.instances) == {("A100-80GB", A100): 1, ("A10G", A10G): 1}  # two A100 are two instances as well


def test_a_fleet_far_larger_than_needed_survives_a_loss_and_is_kept() -> None:
    problem = replace(toy(), spare=1)
    kept = least_change(problem, {"A10G": 60, "A100-80GB": 2}, 1000.0)
    assert {name: count for (name, _), count in kept.instances.items()} == {"A10G": 60, "A100-80GB": 2}


@settings(max_examples=examples(24))
@given(
    problem=problems(quotas=False, spare=0),
    today=st.lists(st.integers(0, 4), min_size=3, max_size=3),
    more=st.sampled_from((0.0, 0.05, 0.5)),
)
def test_against_the_cheapest_fleet(problem: Problem, today: list[int], more: float) -> None:
    """The cheapest fleet is itself within the budget, so nothing may change more than it does."""
    cheapest = solve(problem, solver="highs")
    assume(cheapest.status is Status.OPTIMAL)
    current = {offer.name: count for offer, count in zip(problem.offers, today, strict=False)}
    budget = (cheapest.fleet_usd_per_hour or 0.0) * (1 + more)
    found = least_change(problem, current, budget, solver="highs")
    assert found.status is Status.OPTIMAL
    assert verify(problem, found) == []
    assert (found.fleet_usd_per_hour or 0.0) <= budget + 1e-5
    assert changes(problem, current, dict(found.instances)) <= changes(problem, current, dict(cheapest.instances))


@settings(max_examples=examples(25))
@given(problem=problems(quotas=False))
def test_a_fleet_is_full_where_most_traffic_says(problem: Problem) -> None:
    """Just below the factor the fleet serves, just above it does not: both judged in plain arithmetic."""
    found = solve(problem, solver="highs")
    assume(found.status is Status.OPTIMAL)
    factor = most_traffic(problem, found.instances, solver="highs")
    assert factor >= 1 - 1e-6
    program = find_highs()
    assert program is not None
    free = replace(problem, quotas=Quotas())
    below, beyond = scaled_rates(free, factor * (1 - 1e-5)), scaled_rates(free, factor * (1 + 1e-4))
    assert not breaches(below, found.instances, even_shares(below, found.instances, program) or {})
    assert breaches(beyond, found.instances, even_shares(beyond, found.instances, program) or {})
