"""Each explanation is checked by changing the cause and seeing the plan follow."""

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings

from melange_cloud.domain import Bucket, Kind, MaxTput, MaxTputTable, OfferNumbers, Problem, Quotas, Solution, Status
from melange_cloud.planner.explanation.alternatives import other_fleets
from melange_cloud.planner.explanation.entry_price import entry_price
from melange_cloud.planner.explanation.explain import AnsweredProblem, ProfiledTraffic, explain
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.profiles import load_profiles
from tests.properties import examples
from tests.solver.problems import problems, toy


def solving() -> ProblemSolver:
    return ProblemSolver("highs", None)


def rented(solution: Solution, name: str) -> int:
    return sum(count for (offer, _), count in solution.instances.items() if offer == name)


def with_price(problem: Problem, name: str, usd_per_hour: float) -> Problem:
    offers = tuple(replace(o, usd_per_instance_hour=usd_per_hour) if o.name == name else o for o in problem.offers)
    return replace(problem, offers=offers)


@settings(max_examples=examples(24))
@given(problem=problems(servable=True))
def test_an_absent_offer_enters_below_its_entry_price_and_not_above(problem: Problem) -> None:
    answers = solving()
    plan = answers.solve_for_cost(problem)
    assume(plan.status is Status.OPTIMAL)
    for offer in problem.offers:
        if rented(plan, offer.name):
            continue
        price, _ = entry_price(problem, answers, offer, plan.fleet_usd_per_hour or 0.0)
        if price is None:
            nearly_free = answers.solve_for_cost(with_price(problem, offer.name, 1e-3))
            assert nearly_free.fleet_usd_per_hour == pytest.approx(plan.fleet_usd_per_hour, abs=1e-5)
            continue
        assert price <= offer.usd_per_instance_hour * (1 + 1e-6)
        below = answers.solve_for_cost(with_price(problem, offer.name, price * 0.995))
        assert rented(below, offer.name) > 0
        assert (below.fleet_usd_per_hour or 0.0) < (plan.fleet_usd_per_hour or 0.0)
        above = answers.solve_for_cost(with_price(problem, offer.name, price * 1.005))
        assert above.fleet_usd_per_hour == pytest.approx(plan.fleet_usd_per_hour)


@settings(max_examples=examples(24))
@given(problem=problems(quotas=True))
def test_a_higher_quota_saves_what_was_promised(problem: Problem) -> None:
    answers = solving()
    plan = answers.solve(problem)
    assume(plan.status is Status.OPTIMAL)
    why = explain(AnsweredProblem(problem, plan, problem.offers), ProfiledTraffic([], {}, {}), answers, 1)
    for quota in why.quotas:
        limits = {"--max-gpus": "max_gpus", "--max-instances": "max_instances", "--max-vcpus": "max_vcpus"}
        field = limits[quota.option]

        def cost_at(limit: int, field: str = field, name: str = quota.name) -> float:
            raised = replace(problem.quotas, **{field: {**getattr(problem.quotas, field), name: limit}})
            return answers.solve_for_cost(replace(problem, quotas=raised)).fleet_usd_per_hour or 0.0

        cost = plan.fleet_usd_per_hour or 0.0
        assert cost - cost_at(quota.limit + 1) == pytest.approx(quota.saving_of_one_more_usd_per_hour, abs=1e-5)
        assert cost - cost_at(quota.next_useful_limit) == pytest.approx(quota.next_saving_usd_per_hour, abs=1e-5)
        assert quota.next_saving_usd_per_hour > 0
        assert cost_at(quota.next_useful_limit - 1) == pytest.approx(cost, abs=1e-5)


def test_quotas_that_do_not_bind_are_not_named() -> None:
    problem = toy(quotas=Quotas(max_gpus={"A10G": 50, "A100-80GB": 50}))
    answers = solving()
    assert (
        explain(
            AnsweredProblem(problem, answers.solve(problem), problem.offers), ProfiledTraffic([], {}, {}), answers, 1
        ).quotas
        == ()
    )


@settings(max_examples=examples(24))
@given(problem=problems(servable=True))
def test_alternatives_rise_in_cost_and_differ_in_kind(problem: Problem) -> None:
    answers = solving()
    plan = answers.solve(problem)
    assume(plan.status is Status.OPTIMAL)
    fleets = [plan, *(other.solution for other in other_fleets(problem, plan, answers, 5))]
    costs = [fleet.fleet_usd_per_hour or 0.0 for fleet in fleets]
    assert costs == sorted(costs)
    gpus = [{kind.gpu for _, kind in fleet.instances} for fleet in fleets]
    for at, used in enumerate(gpus):
        assert not any(earlier <= used for earlier in gpus[:at])


def test_the_first_alternative_is_the_cheapest_fleet_without_one_of_the_gpus() -> None:
    problem = toy()
    answers = solving()
    plan = answers.solve(problem)
    assert {kind.gpu for _, kind in plan.instances} == {"A10G", "A100-80GB"}
    alone = {
        gpu: answers.solve_for_cost(
            replace(
                problem,
                kinds=tuple(k for k in problem.kinds if k.gpu == gpu),
                offers=tuple(o for o in problem.offers if o.gpu == gpu),
            )
        ).fleet_usd_per_hour
        for gpu in ("A10G", "A100-80GB")
    }
    first, second = other_fleets(problem, plan, answers, 5)
    assert [first.solution.fleet_usd_per_hour, second.solution.fleet_usd_per_hour] == sorted(
        alone.values(), key=lambda cost: cost or 0.0
    )


def with_buckets(problem: Problem, limited_by: str) -> tuple[Problem, list[Bucket], MaxTputTable]:
    """The same problem with real ranges for its buckets, and the table that it could have come from."""
    names = sorted(problem.planned_requests_per_s)
    total = sum(problem.planned_requests_per_s.values())
    buckets = [
        Bucket(100 * at, 100 * at + 100, 0, 100, 100.0 * at + 50, 50.0, problem.planned_requests_per_s[name] / total)
        for at, name in enumerate(names)
    ]
    new = dict(zip(names, (bucket.name for bucket in buckets), strict=True))
    renamed = replace(
        problem,
        planned_requests_per_s={new[name]: rate for name, rate in problem.planned_requests_per_s.items()},
        row_of_bucket={new[name]: row for name, row in problem.row_of_bucket.items()},
        max_tput_requests_per_s={(new[b], kind): rate for (b, kind), rate in problem.max_tput_requests_per_s.items()},
    )
    table = {
        (bucket, kind): MaxTput(rate, "B", 0.2, "estimated", limited_by if bucket == new[names[0]] else "tpot")
        for (bucket, kind), rate in renamed.max_tput_requests_per_s.items()
    }
    return renamed, buckets, table


def test_bucket_costs_add_up_to_the_fleet() -> None:
    problem, buckets, table = with_buckets(toy("plain"), "tpot")
    answers = solving()
    plan = answers.solve(problem)
    profiles, _ = load_profiles("llama-2-7b")
    why = explain(AnsweredProblem(problem, plan, problem.offers), ProfiledTraffic(buckets, table, profiles), answers, 1)
    assert sum(size.cost_share for size in why.bucket_costs) == pytest.approx(1)
    per_hour = sum(size.usd_per_thousand_requests / 1000 * size.requests_share * 30 * 3600 for size in why.bucket_costs)
    assert per_hour == pytest.approx(plan.fleet_usd_per_hour)
    dearest = why.bucket_costs[0]
    assert dearest.usd_per_thousand_requests >= why.bucket_costs[-1].usd_per_thousand_requests
    assert 0 <= why.idle_fleet_usd_per_hour < (plan.fleet_usd_per_hour or 0.0)


@pytest.mark.parametrize(("limited_by", "told_as"), [("ttft", "ttft"), ("saturation", "batch")])
def test_limits_are_weighted_by_load(limited_by: str, told_as: str) -> None:
    """A full A100-80GB runs 256 short requests of Llama-2-7B, the engine's limit; on an A10G memory ends before."""
    problem, buckets, table = with_buckets(toy("plain"), limited_by)
    answers = solving()
    plan = answers.solve(problem)
    profiles, _ = load_profiles("llama-2-7b")
    why = explain(AnsweredProblem(problem, plan, problem.offers), ProfiledTraffic(buckets, table, profiles), answers, 1)
    for limits in why.limits:
        kind = Kind(limits.gpu, limits.tensor_parallel)
        loads = {
            bucket: rate / problem.max_tput_requests_per_s[bucket, kind]
            for bucket, rate in problem.planned_requests_per_s.items()
        }
        shares = {part.limited_by: part.load_share for part in limits.limits}
        expected = "memory" if limits.gpu == "A10G" and told_as == "batch" else told_as
        assert shares[expected] == pytest.approx(loads[buckets[0].name] / sum(loads.values()))
        assert limits.prefill_share is not None
        assert 0 < limits.prefill_share <= 1


def test_a_type_that_is_like_a_rented_one_enters_below_its_price() -> None:
    problem = toy("plain")
    answers = solving()
    plan = answers.solve(problem)
    twin = OfferNumbers("A10G-big-host", "A10G", 1, 16, "aws:G", 1.5)
    why = explain(AnsweredProblem(problem, plan, (*problem.offers, twin)), ProfiledTraffic([], {}, {}), answers, 1)
    (entry,) = [entry for entry in why.entry_prices if entry.instance_type == twin.name]
    assert entry.enters_below_usd_per_instance_hour == pytest.approx(1.01, abs=1e-4)
