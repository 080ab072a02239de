"""The load of a mix on a replica: the larger of two sums, worked out by hand, and what the routers make of it."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil

import pytest

import melange_cloud
from melange_cloud.domain import FrontEndCeiling, MaxTput, Status, UnservableSize, row_load
from melange_cloud.market.policy import PricePolicy
from melange_cloud.planner.pose import pose
from melange_cloud.planner.posed_problem import with_max_tput
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.solver import verify
from tests.builders import A10G, H100, L4, LONG, SHORT, bucket, offer, rules


def cell(engine, front_end, error=0.3):
    return MaxTput(engine, "C", error, "estimated", "tpot", FrontEndCeiling(front_end, "B", 0.25))


SLOW, FAST = cell(10.0, 40.0), cell(100.0, 40.0)


@pytest.mark.parametrize(
    ("slow_per_s", "fast_per_s", "engine", "front_end"),
    [
        (8.0, 20.0, 0.8 + 0.2, 0.2 + 0.5),  # size by size it would be 0.8 + 0.5
        (2.0, 36.0, 0.2 + 0.36, 0.05 + 0.9),  # 0.2 + 0.9
    ],
)
def test_a_mix_costs_the_larger_of_two_sums(slow_per_s, fast_per_s, engine, front_end):
    load = row_load([(slow_per_s, SLOW), (fast_per_s, FAST)])
    assert (load.engine, load.front_end) == pytest.approx((engine, front_end))
    assert load.charged == max(load.engine, load.front_end)
    assert load.front_end_binds is (front_end > engine)
    assert load.rate_of(FAST) == (40 if front_end > engine else 100)


def posed(router, shares, requests_per_s):
    buckets = [bucket(0, 100, 0, 100, shares[0]), bucket(1000, 2000, 0, 100, shares[1])]
    table = {(buckets[0].name, L4): FAST, (buckets[1].name, L4): SLOW}
    return pose([offer()], table, {}, buckets, requests_per_s, rules(router)), table


def test_a_problem_is_charged_by_row():
    """20/s of 100 and 8/s of 10 keep one engine busy, and 0.7 of a front end; apart they need 0.5 and 0.8 replicas."""
    plain, table = posed("plain", (20 / 28, 8 / 28), 28.0)
    assert plain.coarser == ()
    assert dict(plain.problem.load_of_rows()) == {("all", L4): pytest.approx(1.0)}
    prompt, _ = posed("prompt", (20 / 28, 8 / 28), 28.0)
    assert sorted(prompt.problem.load_of_rows().values()) == pytest.approx([0.5, 0.8])
    (coarser,) = prompt.coarser
    assert coarser == plain.problem == with_max_tput(coarser, table)
    # What the engines need alone leaves nothing to choose.
    alike, _ = posed("oracle", (5 / 13, 8 / 13), 13.0)
    table_alike = {key: cell(each.engine_requests_per_s, 400.0) for key, each in table.items()}
    assert sorted(alike.problem.load_of_rows().values()) == pytest.approx([5 / 40, 0.8])
    assert pose([offer()], table_alike, {}, [SHORT, LONG], 13.0, rules("oracle")).coarser == ()


@pytest.mark.parametrize("router", ["prompt", "oracle"])
def test_a_router_that_knows_more_does_what_one_that_knows_less_can(router):
    question, _ = posed(router, (20 / 28, 8 / 28), 28.0)
    solving = ProblemSolver("auto", None)
    assert solving.solve(question.problem).instances == {("m1", L4): 2}
    problem, solution = solving.solve_any(question.problems)
    assert (problem, solution.instances, solution.fleet_usd_per_hour) == (question.coarser[-1], {("m1", L4): 1}, 1.0)
    assert verify(problem, solution) == []
    assert solving.cost_of_any(question.problems).fleet_usd_per_hour == 1.0


def test_an_error_moves_the_engine_and_only_lowers_the_front_end():
    high, low = FAST.off_by(1), FAST.off_by(-1)
    assert (high.engine_requests_per_s, high.front_end_requests_per_s) == pytest.approx((130, 40))
    assert (low.engine_requests_per_s, low.front_end_requests_per_s) == pytest.approx((70, 30))
    assert FAST.off_by(-1, most_error=0.1).engine_requests_per_s == pytest.approx(90)
    parts = [(2.0, SLOW), (36.0, FAST)]
    assert row_load((rate, each.off_by(1)) for rate, each in parts).charged == pytest.approx(0.95)
    assert row_load((rate, each.off_by(-1)) for rate, each in parts).charged == pytest.approx(38 / 30)
    assert row_load([(8.0, SLOW.off_by(1)), (20.0, FAST.off_by(1))]).charged == pytest.approx(1.0 / 1.3)


def test_a_row_is_served_only_if_each_of_its_sizes_is():
    near = replace(SLOW, engine_error_down=0.97)
    assert (near.engine_down, near.may_be_none, near.error_down) == (1, True, 1)
    assert isinstance(near.off_by(-1), UnservableSize)
    row = row_load([(2.0, near), (36.0, FAST)])
    assert (row.may_be_none, row.error_down_of(FAST), row.error_down_of(near)) == (True, 1, 1)
    assert not row_load([(0.0, near), (36.0, FAST)]).may_be_none
    apart = replace(SLOW, engine_error_down=0.6)
    row = row_load([(2.0, apart), (36.0, FAST)])
    assert (row.error_down_of(apart), row.error_of(apart)) == ((0.25, 0.25) if row.front_end_binds else (0.6, 0.3))


SIZES = [bucket(i, i + 500, o, o + 200, 0.25) for i in (0, 500) for o in (0, 200)]
KINDS = (L4, A10G, H100)
OFFERS = [
    offer("g6", "L4", 1, 1.0),
    offer("g6x4", "L4", 4, 3.7),
    offer("g5", "A10G", 1, 1.3),
    offer("p5", "H100", 1, 6.0),
]


@pytest.mark.parametrize("seed", range(12))
def test_knowing_more_never_costs_more_and_no_replica_is_over_full(seed):
    draw = random.Random(seed)  # noqa: S311
    table = {
        (size.name, kind): cell(draw.choice((draw.uniform(3, 18), draw.uniform(60, 200))), draw.uniform(20, 50))
        for size in SIZES
        for kind in KINDS
    }
    per_s = draw.uniform(5, 300)
    solving, costs, mixed = ProblemSolver("auto", None), {}, 0
    for router in ("plain", "prompt", "oracle"):
        question = pose(OFFERS, table, {}, SIZES, per_s, rules(router, spare=seed % 2))
        mixed += len(question.coarser)
        problem, solution = solving.solve_any(question.problems)
        assert verify(problem, solution) == []
        costs[router] = solution.fleet_usd_per_hour
        assert solving.cost_of_any(question.problems).fleet_usd_per_hour == pytest.approx(costs[router])
        for kind in KINDS:
            hosts = {"g6x4": 4}
            replicas = sum(n * hosts.get(name, 1) for (name, of), n in solution.instances.items() if of == kind)
            for side in ("engine_requests_per_s", "front_end_requests_per_s"):
                busy = sum(
                    per_s
                    * size.share
                    * solution.shares.get((problem.row_of_bucket[size.name], kind), 0)
                    / getattr(table[size.name, kind], side)
                    for size in SIZES
                )
                assert busy <= replicas + 1e-6
    assert costs["oracle"] <= costs["prompt"] + 1e-6 <= costs["plain"] + 2e-6
    assert mixed > 0


@pytest.mark.parametrize("seed", range(6))
def test_of_one_kind_alone_a_plain_fleet_holds_exactly_both_sums(seed):
    draw = random.Random(seed)  # noqa: S311
    table = {(size.name, L4): cell(draw.uniform(3, 200), draw.uniform(20, 50)) for size in SIZES}
    per_s = draw.uniform(5, 300)
    sums = [
        sum(per_s / 4 / getattr(table[size.name, L4], side) for size in SIZES)
        for side in ("engine_requests_per_s", "front_end_requests_per_s")
    ]
    question = pose([offer()], table, {}, SIZES, per_s, rules())
    solution = ProblemSolver("auto", None).cost_of_any(question.problems)
    assert solution.instances == {("m1", L4): ceil(max(sums))}


@pytest.mark.parametrize(
    ("region", "workload", "rate", "router", "spare", "usd_per_hour"),
    [
        # Found with HiGHS by a program of its own, with two rows of capacity per kind: engines, and front ends.
        ("us-east-1", "m-mid", 275.5, "prompt", 0, 32.865642),
        ("us-east-1", "m-mid", 275.5, "oracle", 0, 32.396842),
        ("us-east-1", "m-mid", 275.5, "prompt", 1, 56.035284),
        ("us-east-1", "m-mid", 500, "prompt", 0, 56.778484),
        ("us-central1", "m-mid", 60, "prompt", 0, 9.054018),
        ("asia-east1", "sharegpt", 49.9, "oracle", 0, 105.324016),
    ],
)
def test_a_router_that_knows_sizes_fills_engines_and_front_ends_exactly(
    region, workload, rate, router, spare, usd_per_hour
):
    asked = melange_cloud.Question(
        regions=(region,),
        workload=workload,
        peak_requests_per_s=rate,
        router=router,
        spare=spare,
        trust=PricePolicy(offline=True),
    )
    (plan,) = melange_cloud.answer(asked, now=datetime(2026, 11, 27, tzinfo=UTC)).regions
    assert plan.status is Status.OPTIMAL
    assert plan.fleet_usd_per_hour == pytest.approx(usd_per_hour, abs=1e-6)
