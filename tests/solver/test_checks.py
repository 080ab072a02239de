"""The plain arithmetic that every answer must pass, and the shares of a chosen fleet."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from melange_cloud.domain import OfferNumbers, Quotas, Status
from melange_cloud.solver import find_programs, solve, verify
from melange_cloud.solver.checks import (
    busy_replicas_of,
    fleet_lower_bound_usd_per_hour,
    replicas_of,
    usable_replicas_of,
)
from melange_cloud.solver.even_shares import even_shares
from melange_cloud.solver.model import create_share_model
from melange_cloud.solver.programs.run import run
from tests.properties import examples
from tests.solver.problems import A10G, A100, L4, one_row, problems, toy

HIGHS = find_programs()["highs"]
GLPK = find_programs()["glpk"]


def damaged(problem, **changes):
    return verify(problem, replace(solve(problem), **changes))


def test_an_answer_is_verified_before_it_is_shown():
    problem = toy("plain")
    solution = solve(problem)
    assert verify(problem, solution) == []
    assert "the cost is" in damaged(problem, fleet_usd_per_hour=3.0)[0]
    assert "bound" in damaged(problem, fleet_lower_bound_usd_per_hour=100.0)[0]
    assert "bound" in damaged(problem, fleet_lower_bound_usd_per_hour=None)[0]
    assert "may fill only 0" in damaged(problem, instances={}, fleet_usd_per_hour=0.0)[0]
    assert "instead of 1" in damaged(problem, shares={pair: s / 2 for pair, s in solution.shares.items()})[0]
    assert "instead of 1" in damaged(problem, shares=dict.fromkeys(solution.shares, 1.0))[0]
    assert "-1 instances" in damaged(problem, instances={("A10G", A10G): -1})[0]
    assert "L4" in damaged(problem, instances={("A10G", L4): 1})[0]
    assert "share" in damaged(problem, shares={("all", A10G): -0.5, ("all", A100): 1.5})[0]
    assert "--max-gpus A10G=0 is exceeded" in verify(replace(problem, quotas=Quotas(max_gpus={"A10G": 0})), solution)[0]
    assert verify(replace(problem, spare=1), solution)


@settings(max_examples=examples(60))
@given(problems())
def test_no_fleet_costs_less_than_the_lower_bound(problem):
    solution = solve(problem)
    if solution.fleet_usd_per_hour is not None:
        assert fleet_lower_bound_usd_per_hour(problem) <= solution.fleet_usd_per_hour * (1 + 1e-9)


@settings(max_examples=examples(60))
@given(problems(quotas=False))
def test_shares_are_the_same_whichever_solver_chose_the_fleet(problem):
    solution = solve(problem)
    shares = even_shares(problem, solution.instances, GLPK)
    assert shares == solution.shares
    assert sum(shares.values()) == pytest.approx(len(problem.rows), abs=1e-12)


def test_a_plain_router_keeps_all_replicas_equally_busy():
    offers = (OfferNumbers("a", "A10G", 1, 4, "aws:G", 1.0), OfferNumbers("l", "L4", 1, 4, "aws:G", 0.9))
    problem = one_row(offers, {A10G: 4.0, L4: 12.0})
    instances = {("a", A10G): 3, ("l", L4): 6}
    shares = even_shares(problem, instances, HIGHS)
    busy, replicas = busy_replicas_of(problem, shares), replicas_of(problem, instances)
    assert busy[A10G] / replicas[A10G] == pytest.approx(0.8)
    assert busy[L4] / replicas[L4] == pytest.approx(0.8)


def test_a_spare_caps_what_a_kind_may_be_given():
    offers = (OfferNumbers("a", "A10G", 4, 4, "aws:G", 1.0), OfferNumbers("l", "L4", 1, 4, "aws:G", 0.9))
    problem = one_row(offers, {A10G: 9.0, L4: 9.0}, spare=1)
    instances = {("a", A10G): 2, ("l", L4): 7}
    shares = even_shares(problem, instances, HIGHS)
    busy = busy_replicas_of(problem, shares)
    assert usable_replicas_of(problem, instances) == {A10G: 4, L4: 6}
    assert busy[A10G] == pytest.approx(4.0)
    assert busy[L4] == pytest.approx(5.0)


def test_a_fleet_that_is_too_small_has_no_shares():
    problem = one_row((OfferNumbers("a", "A10G", 1, 4, "aws:G", 1.0),), {A10G: 4.0})
    assert even_shares(problem, {("a", A10G): 3}, HIGHS) is None
    assert even_shares(problem, {}, HIGHS) is None
    alone = even_shares(toy(), {("A10G", A10G): 5}, HIGHS)
    assert "may fill only 5" in damaged(toy(), instances={("A10G", A10G): 5}, shares=alone)[0]


def test_several_rows_are_shared_so_that_the_busiest_kind_is_least_busy():
    problem = toy("oracle")
    instances = {("A10G", A10G): 4, ("A100-80GB", A100): 1}
    shares = even_shares(problem, instances, HIGHS)
    busy, replicas = busy_replicas_of(problem, shares), replicas_of(problem, instances)
    assert busy[A10G] / replicas[A10G] == pytest.approx(busy[A100] / replicas[A100])


def highest_busy_share(problem, instances, shares):
    busy, replicas = busy_replicas_of(problem, shares), replicas_of(problem, instances)
    return max(busy[kind] / replicas[kind] for kind in busy)


@settings(max_examples=examples(60))
@given(problems(quotas=False))
def test_no_shares_keep_the_busiest_kind_less_busy(problem):
    solution = solve(problem)
    replicas, usable = replicas_of(problem, solution.instances), usable_replicas_of(problem, solution.instances)
    model = create_share_model(problem, replicas, usable, 1.0)
    assert run(HIGHS, model).status is Status.OPTIMAL
    found = highest_busy_share(problem, solution.instances, solution.shares)
    assert found == pytest.approx(model.highest_busy_share.value, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("spare", [0, 1])
@pytest.mark.parametrize("program", [HIGHS, GLPK])
def test_three_kinds_and_several_rows_are_shared_by_the_linear_program(spare, program, monkeypatch):
    monkeypatch.setattr("melange_cloud.solver.even_shares.find_highs", lambda: None)
    problem = toy("oracle", spare=spare)
    max_tput = {(bucket, L4): 0.5 + 0.25 * n for n, bucket in enumerate(problem.row_of_bucket)}
    problem = replace(
        problem,
        kinds=(A100, A10G, L4),
        offers=(*problem.offers, OfferNumbers("L4", "L4", 2, 8, "gcp:G2", 1.4)),
        max_tput_requests_per_s={**problem.max_tput_requests_per_s, **max_tput},
    )
    instances = {("A100-80GB", A100): 1 + spare, ("A10G", A10G): 3, ("L4", L4): 2}
    shares = even_shares(problem, instances, program)
    busy, usable = busy_replicas_of(problem, shares), usable_replicas_of(problem, instances)
    assert set(busy) == set(usable) == {A100, A10G, L4}
    assert all(busy[kind] <= usable[kind] + 1e-9 for kind in usable)
    even = busy[A100] / (1 + spare)
    assert busy[A10G] / 3 == pytest.approx(even)
    assert busy[L4] / 4 == pytest.approx(even)
