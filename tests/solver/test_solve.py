"""Answers against brute force, against each other, and against what must hold for every question."""

from dataclasses import replace
from math import isclose

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, OfferNumbers, Problem, Quotas, Status
from melange_cloud.errors import BadInput
from melange_cloud.solver import MOST_REPLICAS, cheapest_single_kind, find_programs, solve, solve_for_cost, verify
from melange_cloud.solver.model import create_model
from tests.properties import examples
from tests.solver.problems import A10G, A100, H100X4, L4, brute_force_usd_per_hour, one_row, problems, toy

HERE = sorted(find_programs())
G5 = OfferNumbers("g5.xlarge", "A10G", 1, 4, "aws:G", 1.006)
G5_8 = OfferNumbers("g5.48xlarge", "A10G", 8, 192, "aws:G", 16.288)
P5 = OfferNumbers("p5.48xlarge", "H100", 8, 192, "aws:P", 55.04)


def usd(problem, **options):
    """The proven least cost; infinite where no fleet will do."""
    solution = solve(problem, **options)
    assert solution.status in (Status.OPTIMAL, Status.INFEASIBLE)
    return float("inf") if solution.fleet_usd_per_hour is None else solution.fleet_usd_per_hour


def at_most(one, other):
    return one <= other or isclose(one, other, rel_tol=1e-7, abs_tol=1e-6)


def test_glpk_and_highs_come_with_the_installation():
    assert {"glpk", "highs"} <= set(HERE)


@pytest.mark.parametrize("solver", HERE)
@pytest.mark.parametrize(("slices", "expected"), [(None, 4.68), (1, 6.70), (2, 5.69), (3, 4.68), (4, 5.69)])
def test_the_toy_input_of_the_paper(solver, slices, expected):
    solution = solve(toy(), solver=solver, slices=slices)
    assert solution.status is Status.OPTIMAL
    assert solution.fleet_usd_per_hour == expected
    assert solution.fleet_lower_bound_usd_per_hour == expected
    assert solution.solver == solver
    if slices:
        assert all(isclose(share * slices, round(share * slices)) for share in solution.shares.values())


@pytest.mark.parametrize("solver", HERE)
def test_brute_force_agrees(solver):
    @settings(max_examples=examples(60))
    @given(problems())
    def check(problem):
        solution = solve(problem, solver=solver)
        cost = float("inf") if solution.fleet_usd_per_hour is None else solution.fleet_usd_per_hour
        assert solution.status in (Status.OPTIMAL, Status.INFEASIBLE)
        assert verify(problem, solution) == []
        assert at_most(brute_force_usd_per_hour(problem, 1e-6), cost)
        assert at_most(cost, brute_force_usd_per_hour(problem, -1e-6))

    check()


@settings(max_examples=examples(40))
@given(problems(), st.sampled_from([None, None, 2, 5]))
def test_all_solvers_agree_on_the_cost_and_how_it_ends(problem, slices):
    solutions = [solve(problem, solver=solver, slices=slices) for solver in (*HERE, "auto")]
    assert len({solution.status for solution in solutions}) == 1
    costs = [solution.fleet_usd_per_hour for solution in solutions if solution.fleet_usd_per_hour is not None]
    assert not costs or at_most(max(costs), min(costs))


@settings(max_examples=examples(60))
@given(problems())
def test_what_it_costs_is_what_the_fleet_costs_that_is_searched(problem):
    """Any router, quota and spare: counted where that is exact, solved elsewhere."""
    searched, counted = solve(problem), solve_for_cost(problem)
    assert counted.status == searched.status
    assert bool(counted.reason) == bool(searched.reason)
    assert verify(problem, counted) == []
    if counted.fleet_usd_per_hour is not None:
        assert at_most(counted.fleet_usd_per_hour, searched.fleet_usd_per_hour)
        assert at_most(searched.fleet_usd_per_hour, counted.fleet_usd_per_hour)


@settings(max_examples=examples(30))
@given(problems(router="oracle"))
def test_a_router_that_knows_more_never_pays_more(problem):
    def behind(router):
        rows = {b: {"oracle": b, "prompt": b.split("_")[0], "plain": "all"}[router] for b in problem.row_of_bucket}
        return usd(replace(problem, row_of_bucket=rows))

    oracle, prompt, plain = behind("oracle"), behind("prompt"), behind("plain")
    assert at_most(oracle, prompt)
    assert at_most(prompt, plain)


@settings(max_examples=examples(30))
@given(problems(), st.integers(1, 5))
def test_continuous_shares_never_cost_more_than_slices(problem, slices):
    assert at_most(usd(problem), usd(problem, slices=slices))


@settings(max_examples=examples(30))
@given(problems(), st.floats(1, 3), st.data())
def test_more_traffic_never_costs_less(problem, factor, data):
    grown = dict(problem.planned_requests_per_s)
    grown[data.draw(st.sampled_from(sorted(grown)))] *= factor
    assert at_most(usd(problem), usd(replace(problem, planned_requests_per_s=grown)))


@settings(max_examples=examples(30))
@given(problems(), st.sampled_from((1, 2, 4, 8)), st.integers(30, 5000))
def test_a_new_offer_never_raises_the_cost(problem, gpu_count, cents):
    offer = problem.offers[0]
    new = OfferNumbers("z.new", offer.gpu, gpu_count, 4 * gpu_count, offer.quota_family, cents / 100)
    assert at_most(usd(replace(problem, offers=(*problem.offers, new))), usd(problem))


@settings(max_examples=examples(30))
@given(problems(), st.floats(0.2, 50))
def test_scaling_all_prices_scales_the_cost(problem, factor):
    scaled = replace(
        problem,
        offers=tuple(replace(o, usd_per_instance_hour=o.usd_per_instance_hour * factor) for o in problem.offers),
    )
    expected = usd(problem) * factor
    assert usd(scaled) == pytest.approx(expected, rel=1e-7, abs=1e-6)


@settings(max_examples=examples(30))
@given(problems(spare=0))
def test_a_spare_is_never_cheaper(problem):
    assert at_most(usd(problem), usd(replace(problem, spare=1)))


@settings(max_examples=examples(30))
@given(problems(quotas=True))
def test_quotas_are_never_cheaper(problem):
    assert at_most(usd(replace(problem, quotas=Quotas())), usd(problem))


@settings(max_examples=examples(40))
@given(problems(servable=True))
def test_one_kind_alone_is_answered_like_any_other_question(problem):
    assume(len(problem.kinds) > 1)
    for kind in problem.kinds:
        alone = replace(
            problem, kinds=(kind,), offers=tuple(o for o in problem.offers if o.replicas_per_instance(kind))
        )
        single, expected = cheapest_single_kind(problem, kind), solve(alone)
        assert single.status == expected.status
        assert single.fleet_usd_per_hour == expected.fleet_usd_per_hour
        assert bool(single.reason) == (single.status is Status.INFEASIBLE)
        assert at_most(usd(problem), expected.fleet_usd_per_hour or float("inf"))
        assert verify(alone, single) == []


@settings(max_examples=examples(25))
@given(problems())
def test_the_same_question_has_the_same_answer(problem):
    assert solve(problem) == solve(problem)


@pytest.mark.parametrize("solver", HERE)
@pytest.mark.parametrize("router", ["plain", "prompt", "oracle"])
@pytest.mark.parametrize(("spare", "expected"), [(0, 1.01), (1, 2.02)])
def test_the_smallest_traffic_still_rents_an_instance(solver, router, spare, expected):
    solution = solve(toy(router, requests_per_s=1e-7, spare=spare), solver=solver)
    assert solution.status is Status.OPTIMAL
    assert solution.fleet_usd_per_hour == expected


@pytest.mark.parametrize("solver", HERE)
@pytest.mark.parametrize("router", ["prompt", "oracle"])
def test_no_part_of_the_traffic_is_served_by_nothing_however_small(solver, router):
    """Buckets of ordinary traffic beside some that keep only 1e-9 of a replica busy."""

    @settings(max_examples=examples(50))
    @given(problems(router=router), st.data())
    def check(problem, data):
        small = st.sampled_from((1.0, 1e-3, 1e-6, 1e-8))
        planned = {bucket: rate * data.draw(small) for bucket, rate in problem.planned_requests_per_s.items()}
        problem = replace(problem, planned_requests_per_s=planned)
        for even in (True, False):
            solution = solve(problem, solver=solver, even=even)
            cost = float("inf") if solution.fleet_usd_per_hour is None else solution.fleet_usd_per_hour
            assert solution.status in (Status.OPTIMAL, Status.INFEASIBLE)
            assert verify(problem, solution) == []
            assert at_most(brute_force_usd_per_hour(problem, 1e-6), cost)
            assert at_most(cost, brute_force_usd_per_hour(problem, -1e-6))

    check()


def test_rows_are_only_asked_for_where_a_share_has_no_replica(monkeypatch):
    asked = []

    def listening(problem, slices, to_be_rented):
        asked.append(to_be_rented)
        return create_model(problem, slices, to_be_rented)

    monkeypatch.setattr("melange_cloud.solver.search.create_model", listening)
    assert solve(toy(), solver="glpk").fleet_usd_per_hour == 4.68
    assert asked == [frozenset()]
    asked.clear()
    lonely = Problem(
        offers=(G5, P5),
        kinds=(A10G, H100X4),
        planned_requests_per_s={"large": 3.5, "small": 1e-6},
        row_of_bucket={"large": "large", "small": "small"},
        max_tput_requests_per_s={("large", A10G): 1.0, ("large", H100X4): 1.0, ("small", H100X4): 1.0},
    )
    found = solve(lonely, solver="glpk")
    # 55.04 for the H100s that the small bucket needs, two of which then serve 2 of the 3.5 large ones.
    assert found.status is Status.OPTIMAL
    assert found.fleet_usd_per_hour == pytest.approx(55.04 + 2 * 1.006)
    assert asked == [frozenset(), frozenset({H100X4})]


@pytest.mark.parametrize("solver", HERE)
@pytest.mark.parametrize("replicas", [100_000, 999_990])
@pytest.mark.parametrize("spare", [0, 1])
def test_a_million_replicas_are_still_counted_right(solver, replicas, spare):
    problem = one_row((G5, G5_8, P5), {A10G: replicas + 0.5, H100X4: replicas / 3}, spare=spare)
    solution = solve(problem, solver=solver, time_limit_s=3600)
    assert solution.status is Status.OPTIMAL
    assert solution.fleet_usd_per_hour == pytest.approx((replicas + 1 + spare) * 1.006, rel=1e-9)


def test_more_replicas_than_a_solver_can_count_are_refused():
    with pytest.raises(BadInput, match=f"{MOST_REPLICAS:,}"):
        solve(one_row((G5,), {A10G: MOST_REPLICAS * 1.01}))


def test_exact_covering_finds_26_instances_where_134_cost_the_same():
    eight = OfferNumbers("g5.big", "A10G", 8, 192, "aws:G", 8 * 1.006)
    for solver in HERE:
        assert solve(one_row((G5, eight), {A10G: 202.0}), solver=solver).instances == {
            ("g5.big", A10G): 25,
            ("g5.xlarge", A10G): 2,
        }


def test_a_load_that_fits_exactly_needs_no_further_instance():
    for solver in HERE:
        assert solve(one_row((G5,), {A10G: 0.1 * 30}), solver=solver).instances == {("g5.xlarge", A10G): 3}


@pytest.mark.parametrize("solver", HERE)
def test_a_load_just_over_what_fits_needs_a_further_instance(solver):
    """GLPK takes 1.000006 instances for a whole number of them."""
    solution = solve(one_row((G5_8,), {A10G: 8 * 1.000006}), solver=solver)
    assert solution.status is Status.OPTIMAL
    assert solution.instances == {("g5.48xlarge", A10G): 2}


def test_instances_are_whole_and_no_replica_spans_two():
    four = OfferNumbers("p5.small", "H100", 6, 96, "aws:P", 30.0)
    solution = solve(one_row((four,), {H100X4: 1.5}))
    assert solution.instances == {("p5.small", H100X4): 2}


def test_an_instance_is_given_to_one_degree_of_tensor_parallelism():
    whole = Kind("H100", 8)
    problem = one_row((P5,), {H100X4: 2.0, whole: 3.0}, quotas=Quotas(max_instances={"p5.48xlarge": 1}))
    assert solve(problem).instances == {("p5.48xlarge", H100X4): 1}


def test_quotas_hold_over_all_degrees_and_all_gpus_of_a_family():
    two = one_row((P5,), {H100X4: 4.0, Kind("H100", 8): 3.0}, quotas=Quotas(max_gpus={"H100": 16}))
    assert solve(two).instances == {("p5.48xlarge", H100X4): 2}
    assert solve(replace(two, quotas=Quotas(max_gpus={"H100": 15}))).status is Status.INFEASIBLE
    l4 = OfferNumbers("g6.xlarge", "L4", 1, 4, "aws:G", 0.8)
    mixed = one_row((l4, G5), {L4: 4.0, A10G: 2.0}, quotas=Quotas(max_vcpus={"aws:G": 11}))
    assert solve(mixed).instances == {("g5.xlarge", A10G): 2}
    assert solve(replace(mixed, quotas=Quotas(max_vcpus={"aws:G": 7}))).status is Status.INFEASIBLE


@pytest.mark.parametrize("solver", [*HERE, "auto"])
def test_a_quota_that_makes_it_impossible_is_named_with_what_it_would_need(solver):
    """GLPK says "status ok" of an infeasible model."""
    solution = solve(toy(quotas=Quotas(max_gpus={"A10G": 1, "A100-80GB": 0})), solver=solver)
    assert solution.status is Status.INFEASIBLE
    assert solution.instances == {}
    assert solution.fleet_usd_per_hour is None
    assert "--max-gpus A100-80GB=0 (it needs 1)" in solution.reason
    assert "A10G" not in solution.reason
    alone = cheapest_single_kind(toy(quotas=Quotas(max_instances={"A10G": 1})), A10G)
    assert "--max-instances A10G=1 (it needs 12)" in alone.reason


def test_what_cannot_be_asked_is_infeasible_with_its_reason():
    problem = toy()
    assert "no traffic" in solve(replace(problem, planned_requests_per_s={})).reason
    assert "no traffic" in solve(toy(requests_per_s=0.0)).reason
    assert "no offers" in solve(replace(problem, offers=())).reason
    unserved = {pair: t for pair, t in problem.max_tput_requests_per_s.items() if pair[0] != "in1_out0"}
    stranded = solve(replace(problem, max_tput_requests_per_s=unserved))
    assert stranded.status is Status.INFEASIBLE
    assert "in1_out0" in stranded.reason
    only_a10g = {p: t for p, t in problem.max_tput_requests_per_s.items() if p[1] == A10G or p[0] != "in1_out0"}
    unable = cheapest_single_kind(replace(problem, max_tput_requests_per_s=only_a10g), A100)
    assert "in1_out0" in unable.reason
    assert "no offer hosts L4" in cheapest_single_kind(problem, L4).reason


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1.0])
def test_a_number_that_cannot_be_right_is_refused_by_name(number):
    problem = toy()
    planned = {**problem.planned_requests_per_s, "in0_out0": number}
    max_tput = {**problem.max_tput_requests_per_s, ("in0_out0", A10G): number}
    offers = (problem.offers[0], replace(problem.offers[1], usd_per_instance_hour=number))
    with pytest.raises(BadInput, match="planned rate of in0_out0"):
        solve(replace(problem, planned_requests_per_s=planned))
    with pytest.raises(BadInput, match="MaxTput of A10G at in0_out0"):
        solve(replace(problem, max_tput_requests_per_s=max_tput))
    with pytest.raises(BadInput, match="price of A10G"):
        solve(replace(problem, offers=offers))


@pytest.mark.parametrize(
    "options", [{"time_limit_s": 0}, {"time_limit_s": 1.5}, {"slices": 0}, {"slices": 2.5}, {"solver": "cplex"}]
)
def test_an_option_that_cannot_be_right_is_refused(options):
    with pytest.raises(BadInput, match=str(next(iter(options.values())))):
        solve(toy(), **options)


def test_a_time_limit_that_suffices_changes_nothing():
    assert solve(toy(), time_limit_s=3600) == solve(toy())
