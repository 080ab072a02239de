"""A sweep says of every value what a solve at that value says."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from melange_cloud.domain import FrontEndCeiling, MaxTput, MaxTputTable, Problem, Status, Stretch, UnservableSize
from melange_cloud.errors import BadInput
from melange_cloud.market.policy import PricePolicy
from melange_cloud.planner import Question, answer
from melange_cloud.planner.posed_problem import with_max_tput
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.sweep import stretches
from melange_cloud.planner.sweep.sensitivity import sensitivity
from melange_cloud.planner.sweep.stretches import (
    STEP,
    over_easing,
    over_price,
    over_rate,
    scaled_engines,
    scaled_price,
    scaled_rates,
)
from tests.properties import examples
from tests.solver.problems import problems, toy


def cost_at(stretches: tuple[Stretch, ...], at: float) -> float | None:
    return next(part.fleet_usd_per_hour(at) for part in stretches if part.low <= at <= part.high)


def far_from_a_change(stretches: tuple[Stretch, ...], at: float) -> bool:
    return all(abs(at - part.low) > 10 * STEP * at and abs(at - part.high) > 10 * STEP * at for part in stretches)


def table_of(problem: Problem, front_end: float | None = None) -> MaxTputTable:
    """The problem's rates as figures, whose front ends take so many times as much; None have no front end."""
    return {
        (bucket, kind): UnservableSize("")
        if (rate := problem.max_tput_requests_per_s.get((bucket, kind))) is None
        else MaxTput(
            rate, "C", 0.3, "estimated", "tpot", FrontEndCeiling(front_end * rate, "B", 0.25) if front_end else None
        )
        for bucket in problem.planned_requests_per_s
        for kind in problem.kinds
    }


def solving() -> ProblemSolver:
    return ProblemSolver("highs", None)


def test_the_toy_over_rate_by_hand() -> None:
    """On the paper's toy an A10G alone is full at 1 / (.2/2 + .1/1 + .5/5 + .2/2) = 2.5 requests/s."""
    stretches = over_rate(toy("plain", 1.0), 0.5, 12.0, solving().solve_for_cost, "highs")
    assert dict(stretches[0].instances) == {"A10G": 1}
    assert stretches[0].high == pytest.approx(2.5)
    assert dict(stretches[1].instances) == {"A10G": 2}
    assert stretches[1].high == pytest.approx(5.0)
    assert stretches[-1].high == 12.0
    assert all(one.high == two.low for one, two in pairwise(stretches))


@settings(max_examples=examples(12))
@given(problem=problems(spare=0), at=st.floats(0.3, 3.0))
def test_over_rate_is_what_a_solve_says(problem: Problem, at: float) -> None:
    answers = solving()
    stretches = over_rate(problem, 0.3, 3.0, answers.solve_for_cost, "highs")
    assume(far_from_a_change(stretches, at))
    assert cost_at(stretches, at) == pytest.approx(answers.solve_for_cost(scaled_rates(problem, at)).fleet_usd_per_hour)


@settings(max_examples=examples(12))
@given(problem=problems(spare=1, quotas=False), at=st.floats(0.3, 3.0))
def test_over_rate_with_a_spare(problem: Problem, at: float) -> None:
    answers = solving()
    stretches = over_rate(problem, 0.3, 3.0, answers.solve_for_cost, "highs")
    assume(far_from_a_change(stretches, at))
    assert cost_at(stretches, at) == pytest.approx(answers.solve_for_cost(scaled_rates(problem, at)).fleet_usd_per_hour)


@settings(max_examples=examples(12))
@given(problem=problems(), at=st.floats(0.2, 4.0))
def test_over_price_is_what_a_solve_says(problem: Problem, at: float) -> None:
    answers = solving()
    gpu = problem.offers[0].gpu
    stretches = over_price(problem, gpu, 0.2, 4.0, answers.solve_for_cost)
    assert cost_at(stretches, at) == pytest.approx(
        answers.solve_for_cost(scaled_price(problem, gpu, at)).fleet_usd_per_hour
    )


@settings(max_examples=examples(12))
@given(problem=problems(), at=st.floats(0.5, 2.0))
def test_over_throughput_is_what_a_solve_says(problem: Problem, at: float) -> None:
    answers = solving()
    gpu = problem.offers[0].gpu

    def scaled(factor: float) -> Problem:
        return with_max_tput(problem, scaled_engines(table_of(problem), gpu, factor))

    stretches = over_easing(lambda factor: (scaled(factor),), 0.5, 2.0, answers.solve_for_cost, "highs")
    assume(far_from_a_change(stretches, at))
    changed = scaled(at)
    assert cost_at(stretches, at) == pytest.approx(answers.solve_for_cost(changed).fleet_usd_per_hour)


def test_a_faster_gpu_waits_for_its_front_end() -> None:
    problem = toy("plain", 1.0)
    gpu = problem.offers[0].gpu
    rates = problem.max_tput_requests_per_s
    table = table_of(problem, front_end=1.5)
    for factor, expected in ((0.5, 0.5), (1.2, 1.2), (2.0, 1.5)):
        changed = with_max_tput(problem, scaled_engines(table, gpu, factor)).max_tput_requests_per_s
        for key, rate in rates.items():
            assert changed[key] == pytest.approx(rate * (expected if key[1].gpu == gpu else 1))


def test_a_rate_that_no_quota_allows_ends_the_sweep_with_its_reason() -> None:
    limited = replace(toy("plain", 1.0), quotas=replace(toy().quotas, max_gpus={"A10G": 2, "A100-80GB": 0}))
    stretches = over_rate(limited, 0.5, 12.0, solving().solve_for_cost, "highs")
    assert stretches[-1].status is Status.INFEASIBLE
    assert stretches[-1].low == pytest.approx(5.0)
    assert stretches[-1].fleet_usd_per_hour(6.0) is None
    assert "--max-gpus" in stretches[-1].reason


@pytest.mark.parametrize("over", ["rate", "throughput:L4"])
def test_a_sweep_that_ends_early_is_refused_and_says_how_far_it_came(
    over: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretches, "MOST_STRETCHES", 3)
    question = Question(regions=("us-east-1",), trust=PricePolicy(offline=True), gpus=("L4:1",), solver="highs")
    with pytest.raises(BadInput, match=r"fleets change more than .* in this range; narrow it, such as --from"):
        sensitivity(question, over, 0.5, 20.0)


def test_the_ends_of_a_sweep_are_the_error_bars_of_the_plan() -> None:
    """At the plan's own value, over the rate and over a price alike."""
    question = Question(regions=("us-east-1",), trust=PricePolicy(offline=True), solver="highs")
    bars = answer(question).regions[0].context.error_bars
    assert bars is not None
    for over, low, high in (("rate", 9.5, 10.5), ("price:A10G", 0.9, 1.1)):
        swept = sensitivity(question, over, low, high)
        hours = swept.basis.calculation.hours_per_month
        assert swept.sweep.asked is not None
        for ends, bar in ((swept.sweep.better, bars.better), (swept.sweep.worse, bars.worse)):
            cost = cost_at(ends, swept.sweep.asked)
            assert cost is not None
            assert cost * hours == pytest.approx(bar.usd_per_month)
