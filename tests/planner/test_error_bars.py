"""What the profiles' errors do to a plan, held against planning every profile at both ends; pessimistic plans."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, MaxTput, Status, UnservableSize
from melange_cloud.planner.error_bars import ErrorBarFinder, MaxTputRange, shifted, shifted_with_its_gpu
from melange_cloud.planner.pose import pose
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.planner.ranking.cost_curve import CostCurve
from tests.builders import A10G, H100, L4, LONG, SHORT, offer, rules
from tests.properties import examples
from tests.questions import ask

L4_2 = Kind("L4", 2)
OFFERS = [
    offer("g6", "L4", 1, 1.0),
    offer("g6x4", "L4", 4, 4.5),
    offer("g5", "A10G", 1, 1.3),
    offer("p5", "H100", 8, 40.0),
]
BUCKETS = (SHORT, LONG)
HOURS = 730.0


def rates(errors=(0.3, 0.3, 0.2, 0.5), rate=(4.0, 5.0, 40.0, 7.0)):
    kinds = (L4, A10G, H100, L4_2)
    return {
        (bucket.name, kind): MaxTput(rate[at] * (1 if bucket is SHORT else 0.4), "C", errors[at], "estimated", "tpot")
        for bucket in BUCKETS
        for at, kind in enumerate(kinds)
    }


def bars_of(table, requests_per_s, router="plain", *, planned=None, detailed=True):
    solving = ProblemSolver("auto", None)

    def posed(other):
        return pose(OFFERS, other, {}, BUCKETS, requests_per_s, rules(router))

    fleet = solving.solve(posed(planned or table).problem)
    ends = MaxTputRange(shifted(table, 1), table, shifted(table, -1))
    bars = ErrorBarFinder(posed, BUCKETS, solving, HOURS).bars(ends, fleet, detailed=detailed)
    return bars, fleet, lambda other: solving.solve_for_cost(posed(other).problem).fleet_usd_per_hour * HOURS


def test_shifted_moves_all_or_one():
    table = rates()
    low: Any = shifted(table, -1)
    assert low[SHORT.name, L4].requests_per_s == pytest.approx(4.0 * 0.7)
    assert low[SHORT.name, H100].requests_per_s == pytest.approx(40.0 * 0.8)
    one: Any = shifted(table, 1, A10G)
    assert one[LONG.name, A10G].requests_per_s == pytest.approx(5.0 * 0.4 * 1.3)
    assert {key: cell for key, cell in one.items() if key[1] != A10G} == {
        key: cell for key, cell in table.items() if key[1] != A10G
    }


def test_the_profile_to_measure_first_may_stand_outside_the_fleet():
    # The fleet is all L4; an H100 that is better by its error would replace most of it.
    table = rates(errors=(0.01, 0.01, 0.9, 0.01), rate=(4.0, 4.0, 17.0, 1.0))
    bars, fleet, _ = bars_of(table, 300)
    assert {kind for _, kind in fleet.instances} == {L4}
    first = bars.profiles[0]
    assert (first.gpu, first.in_fleet) == ("H100", False)
    assert first.usd_per_month_if_worse == pytest.approx(fleet.fleet_usd_per_hour * HOURS)
    assert first.usd_per_month_if_better < first.usd_per_month_if_worse
    assert not bars.better.same_mix
    assert bars.worse.same_mix


def test_a_profile_outside_the_fleet_that_matters_little_more_is_not_passed_over():
    # Alone, L4's 5 % move the cost from 72 to 79 USD/h; an H100 that is 45 % better makes it 66 instead of 75.
    table = rates(errors=(0.05, 0.01, 0.45, 0.01), rate=(4.0, 4.0, 17.0, 1.0))
    bars, fleet, _ = bars_of(table, 300 / 1.375)
    assert fleet.fleet_usd_per_hour == pytest.approx(75)
    assert [(one.gpu, round(one.swing_usd_per_month / HOURS)) for one in bars.profiles] == [("H100", 9), ("L4", 7)]


def test_a_degree_that_only_pays_if_it_is_better_enters_at_its_end():
    table = rates(errors=(0.05, 0.05, 0.05, 0.9), rate=(4.0, 1.0, 1.0, 6.0))
    bars, fleet, _ = bars_of(table, 40)
    assert {kind for _, kind in fleet.instances} == {L4}
    assert (bars.profiles[0].gpu, bars.profiles[0].tensor_parallel) == ("L4", 2)


def test_another_degree_of_the_same_gpu_is_no_way_out_of_an_error():
    # L4 x2 serves as much per GPU as L4 does: were its estimate not to fall with L4's, the cost would stay.
    table = rates(errors=(0.5, 0.1, 0.1, 0.5), rate=(4.0, 1.0, 1.0, 7.9))
    bars, fleet, _ = bars_of(table, 40)
    assert {kind for _, kind in fleet.instances} == {L4}
    first = bars.profiles[0]
    assert (first.gpu, first.tensor_parallel) == ("L4", 1)
    assert first.usd_per_month_if_worse == pytest.approx(bars.worse.usd_per_month)
    assert first.usd_per_month_if_worse > 1.5 * bars.stated.usd_per_month


def test_what_was_measured_of_another_degree_stays():
    table = rates(errors=(0.5, 0.1, 0.1, 0.2))
    moved: Any = shifted_with_its_gpu(table, -1, L4)
    assert moved[SHORT.name, L4_2].requests_per_s == pytest.approx(7.0 * 0.8)
    measured = {key: replace(cell, engine_origin="measured") if key[1] == L4_2 else cell for key, cell in table.items()}
    assert shifted_with_its_gpu(measured, -1, L4) == {
        key: replace(cell, engine_requests_per_s=cell.requests_per_s * 0.5) if key[1] == L4 else cell
        for key, cell in measured.items()
    }


@settings(max_examples=examples(25))
@given(
    errors=st.tuples(*[st.floats(0.02, 0.9)] * 4),
    rate=st.tuples(st.floats(1, 9), st.floats(1, 9), st.floats(20, 90), st.floats(2, 20)),
    requests_per_s=st.floats(0.5, 200),
    router=st.sampled_from(["plain", "prompt"]),
)
def test_the_largest_swing_is_that_of_planning_every_profile_at_both_ends(errors, rate, requests_per_s, router):
    table = rates(errors, rate)
    bars, fleet, cost = bars_of(table, requests_per_s, router)
    slack = 1e-5 * fleet.fleet_usd_per_hour * HOURS
    swings = {}
    for kind in (L4, A10G, H100, L4_2):
        at_end = shifted_with_its_gpu if kind in {used for _, used in fleet.instances} else shifted
        better, worse = cost(at_end(table, 1, kind)), cost(at_end(table, -1, kind))
        assert better - slack <= fleet.fleet_usd_per_hour * HOURS <= worse + slack
        swings[kind] = worse - better
    swing_of = {Kind(one.gpu, one.tensor_parallel): one.swing_usd_per_month for one in bars.profiles}
    for kind, swing in swing_of.items():
        assert swing == pytest.approx(swings[kind], abs=slack)
    assert max(swing_of.values(), default=0.0) == pytest.approx(max(swings.values()), abs=slack)
    assert [*swing_of.values()] == sorted(swing_of.values(), reverse=True)
    assert bars.better.usd_per_month <= bars.stated.usd_per_month + slack <= bars.worse.usd_per_month + 2 * slack
    assert bars.better.usd_per_month == pytest.approx(cost(shifted(table, 1)), abs=slack)


def test_a_pessimistic_plan_is_the_worse_end_of_the_stated_one():
    table = rates()
    stated, _, _ = bars_of(table, 30)
    low, fleet, _ = bars_of(table, 30, planned=shifted(table, -1))
    assert fleet.fleet_usd_per_hour * HOURS == pytest.approx(stated.worse.usd_per_month)
    assert [low.better.usd_per_month, low.stated.usd_per_month, low.worse.usd_per_month] == [
        stated.better.usd_per_month,
        stated.stated.usd_per_month,
        stated.worse.usd_per_month,
    ]
    assert low.profiles == stated.profiles
    assert low.worse.same_mix


def test_a_comparison_asks_for_the_ends_alone():
    bars, _, _ = bars_of(rates(), 30, detailed=False)
    assert bars.profiles == ()
    assert bars.worse.usd_per_month > bars.better.usd_per_month


def test_an_end_without_a_fleet_matters_most():
    enough = sum(ask(gpus=("L4:1",)).regions[0].instance_counts.values())
    region = ask(gpus=("L4:1",), max_gpus={"L4": enough}).regions[0]
    assert region.status is Status.OPTIMAL
    assert region.context.error_bars.worse.usd_per_month is None
    assert region.context.error_bars.worse.same_mix is None
    first = region.context.error_bars.profiles[0]
    assert (first.gpu, first.usd_per_month_if_worse, first.swing_usd_per_month) == ("L4", None, None)
    assert region.cost.usd_per_month_range[1] is None


def test_pessimistic_is_shown_and_uses_the_low_end_everywhere():
    stated, low = ask(peak_requests_per_s=10.0), ask(peak_requests_per_s=10.0, pessimistic=True)
    assert low.basis.served.pessimistic
    assert [notice for notice in low.notices if notice.startswith("PESSIMISTIC")]
    assert not [notice for notice in stated.notices if "PESSIMISTIC" in notice]
    one, other = stated.regions[0], low.regions[0]
    assert other.usd_per_month == pytest.approx(one.cost.usd_per_month_range[1])
    assert other.cost.usd_per_month_range == one.cost.usd_per_month_range
    assert other.context.error_bars.stated.usd_per_month == pytest.approx(one.usd_per_month)
    alone = {fleet.gpu: fleet.fleet_usd_per_hour for fleet in one.context.single_gpu}
    for fleet in other.context.single_gpu:
        if fleet.fleet_usd_per_hour is not None:
            assert fleet.fleet_usd_per_hour >= alone[fleet.gpu] - 1e-6
    for router, cost in other.context.routers.items():
        assert cost >= one.context.routers[router] - 1e-6


@settings(max_examples=examples(12))
@given(
    rate=st.floats(0.05, 30),
    router=st.sampled_from(["plain", "prompt"]),
    name=st.sampled_from(["chat", "conversation", "mixed"]),
    tpot_ms=st.sampled_from([70.0, 120.0]),
)
def test_pessimistic_is_never_cheaper(rate, router, name, tpot_ms):
    asked = {"peak_requests_per_s": rate, "router": router, "workload": name, "tpot_ms": tpot_ms}
    stated, low = ask(**asked).regions[0], ask(**asked, pessimistic=True).regions[0]
    assert low.fleet_usd_per_hour >= stated.fleet_usd_per_hour - 1e-6


@settings(max_examples=examples(10))
@given(
    target=st.sampled_from(["tpot_ms", "ttft_ms", "e2e_ms"]),
    limit_ms=st.floats(20, 20_000),
    tighter=st.floats(0.3, 0.99),
    rate=st.floats(0.5, 60),
    router=st.sampled_from(["plain", "prompt", "oracle"]),
)
def test_tightening_a_target_never_lowers_the_cost(target, limit_ms, tighter, rate, router):
    # Two regions: a comparison, which asks for no more than the plan.
    asked = {"peak_requests_per_s": rate, "router": router, "workload": "chat", "gpus": ("L4", "A10G", "A100-40GB")}
    loose, tight = (
        {
            region.region: region.fleet_usd_per_hour
            for region in ask("us-east-1", "us-central1", **asked, **targets).regions
        }
        for targets in ({target: limit_ms}, {target: limit_ms * tighter})
    )
    for region, cost in loose.items():
        assert tight[region] is None or (cost is not None and tight[region] >= cost - 1e-6)


def test_targets_that_do_not_bind_change_nothing():
    free = ask()
    wide = ask(ttft_ms=1e9, e2e_ms=1e9)
    assert (wide.basis.targets.ttft_ms, wide.basis.targets.e2e_ms, wide.basis.targets.p99_tpot_ms) == (1e9, 1e9, None)
    assert _without_what_ifs(wide.regions[0]) == _without_what_ifs(free.regions[0])
    assert len([notice for notice in wide.notices if "without queueing" in notice]) == 1
    assert not [notice for notice in free.notices if "without queueing" in notice]


def test_what_a_target_rules_out_is_named_with_its_reason():
    region = ask(ttft_ms=200.0).regions[0]
    assert region.status is Status.OPTIMAL
    reasons = {item.instance_type: item.reason for item in region.left_out if item.code == "cannot_serve"}
    assert "ms of TTFT at its lightest load" in reasons["g6.2xlarge"]
    assert "> 200 ms" in reasons["g6.2xlarge"]


def test_a_latency_that_no_profile_knows_is_no_data_and_not_infeasible():
    region = ask(p99_tpot_ms=200.0).regions[0]
    assert region.status is Status.UNKNOWN
    assert region.outcome.reason.endswith("no data: the profile has no p99 TPOT: measure it (melange-cloud "
                                  "profiles measure)")  # fmt: skip
    assert {fleet.status for fleet in region.context.single_gpu} == {Status.UNKNOWN}
    assert {item.code for item in region.left_out} == {"sold_as", "host_memory", "no_data"}
    from melange_cloud import planner

    assert planner.exit_code(ask(p99_tpot_ms=200.0)) == 5
    impossible = ask(p99_tpot_ms=200.0, tpot_ms=1.0)
    assert impossible.regions[0].status is not Status.OPTIMAL


@pytest.mark.parametrize("asked", [{"ttft_ms": 800.0, "gpus": ("A100-40GB",)}, {"pessimistic": True}])
def test_the_what_if_of_half_the_tpot_keeps_the_rest_of_the_question(asked):
    promised = {what.option: what.fleet_usd_per_hour for what in ask(**asked).regions[0].context.what_if}
    assert promised["--tpot-ms 50"] == pytest.approx(ask(**asked, tpot_ms=50.0).regions[0].fleet_usd_per_hour)


def _without_what_ifs(region):
    return replace(region, context=replace(region.context, what_if=()))


def near_floor(table, kind=L4):
    """The table with one kind so near its latency floor that it may serve none."""
    return {key: replace(cell, engine_error_down=1.0) if key[1] == kind else cell for key, cell in table.items()}


def test_a_kind_that_may_serve_none_is_no_part_of_the_worse_end():
    # 30 requests/s need 10.3125 L4 or 8.25 A10G: 8 of one and 2 of the other cost 8 x 1 + 2 x 1.3 USD/h. L4s that are
    # 30 % better: 7.9, so 8 USD/h. Without L4 9 A10G, 11.7 USD/h; 12 where A10G is 30 % worse, 15.6 USD/h.
    bars, fleet, _ = bars_of(near_floor(rates()), 30)
    assert fleet.instance_counts == {"g6": 8, "g5": 2}
    costs = [end.usd_per_month / HOURS for end in (bars.better, bars.stated, bars.worse)]
    assert costs == pytest.approx([8, 10.6, 15.6])
    assert bars.worse.instances == {"g5": 12}
    first = bars.profiles[0]
    assert (first.gpu, first.error, first.error_down, first.in_fleet) == ("L4", pytest.approx(0.3), 1, True)
    assert (first.usd_per_month_if_better / HOURS, first.usd_per_month_if_worse / HOURS) == pytest.approx((8, 11.7))


def test_where_nothing_else_serves_the_worse_end_has_no_fleet():
    table = {key: cell for key, cell in near_floor(rates()).items() if key[1] == L4}
    bars, _, _ = bars_of(table, 30)
    assert (bars.worse.usd_per_month, bars.worse.instances, bars.worse.proven) == (None, {}, True)
    (first,) = bars.profiles
    assert (first.gpu, first.usd_per_month_if_worse, first.swing_usd_per_month) == ("L4", None, None)


def test_one_size_that_may_be_none_is_enough_where_a_router_cannot_tell_it_apart():
    table = {key: cell if key[0] == LONG.name else rates()[key] for key, cell in near_floor(rates()).items()}
    low: Any = shifted(table, -1)
    assert (type(low[LONG.name, L4]).__name__, type(low[SHORT.name, L4]).__name__) == ("UnservableSize", "MaxTput")
    plain, _, _ = bars_of(table, 30)
    assert "g6" not in plain.worse.instances
    assert next(one for one in plain.profiles if one.gpu == "L4").error_down == 1
    # One that can still sends short requests there.
    prompt, _, _ = bars_of(table, 30, "prompt")
    assert "g6" in prompt.worse.instances
    assert prompt.worse.usd_per_month < plain.worse.usd_per_month


def test_a_cost_rises_to_no_fleet_at_all_as_a_rate_falls_to_none():
    table = {key: cell for key, cell in near_floor(rates()).items() if key[1] == L4}
    problem = pose(OFFERS, table, {}, BUCKETS, 30, rules("plain")).problem
    curve = CostCurve(problem, table, BUCKETS, frozenset({L4}), HOURS, ProblemSolver("auto", None))
    # 10.3125 replicas as stated; upward the error is 30 %.
    assert [curve.usd(t) / HOURS for t in (1.0, 0.0, -0.5, -0.9)] == pytest.approx([8, 11, 21, 104])
    assert [curve.usd(t) for t in (-0.95, -1.0)] == [None, None]
    # 11 replicas hold 10.3125 / (1 + t) from t = -0.0625 on.
    assert curve.serves_from(0.0, -1.0) == pytest.approx(-0.0625, abs=1e-6)


def test_a_kind_just_under_its_floor_enters_at_the_better_end_alone():
    # As stated 30 requests/s take 9 A10G, 11.7 USD/h. At the high end of its error an L4 serves 12 and 4.8 requests/s
    # of the two sizes: 30 x (0.75 / 12 + 0.25 / 4.8) = 3.4 of them, 4 USD/h.
    few = MaxTput(12.0, "D", 0.0, "estimated", "tpot", engine_error_down=1.0)
    table: Any = {
        key: UnservableSize("none", may_be=few if key[0] == SHORT.name else few.times(0.4)) if key[1] == L4 else cell
        for key, cell in rates().items()
        if key[1] in (L4, A10G)
    }
    bars, fleet, _ = bars_of(table, 30)
    assert fleet.instance_counts == {"g5": 9}
    assert bars.better.instances == {"g6": 4}
    first = bars.profiles[0]
    assert (first.gpu, first.in_fleet, first.error, first.error_down) == ("L4", False, 0, 1)
    assert first.swing_usd_per_month == pytest.approx((11.7 - 4) * HOURS)
    problem = pose(OFFERS, shifted(table, 1), {}, BUCKETS, 30, rules("plain")).problem
    curve = CostCurve(problem, table, BUCKETS, frozenset({L4}), HOURS, ProblemSolver("auto", None))
    assert [curve.usd(t) / HOURS for t in (-1.0, 0.0, 0.9, 1.0)] == pytest.approx([11.7, 11.7, 11.7, 4])
