"""`import melange_cloud`: the same answer as the CLI, as objects and frames; and what the planner promises."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import melange_cloud
from melange_cloud import planner
from melange_cloud.domain import Status
from melange_cloud.errors import BadInput
from tests.examples import EXAMPLES, run
from tests.properties import examples
from tests.questions import ask
from tests.report import forms
from tests.report.plans import changed


def cost(*regions, **question):
    return ask(*regions, **question).regions[0].fleet_usd_per_hour


def test_the_objects_and_the_cli_agree():
    document = run(EXAMPLES / "conversation-us-east-1")
    assert json.loads(forms.as_json(ask(explain=True)))["regions"] == document["regions"]


@pytest.mark.parametrize(
    ("region", "question"),
    [
        ("us-east-1", {"peak_requests_per_s": 5}),
        ("us-east-1", {"peak_requests_per_s": 10}),
        ("us-east-1", {"peak_requests_per_s": 7, "spare": 1}),
        ("us-central1", {"peak_requests_per_s": 5, "workload": "mixed"}),
        ("us-east-1", {"peak_requests_per_s": 2, "workload": "document", "router": "oracle"}),
        ("eu-west-1", {"peak_requests_per_s": 20, "workload": "sharegpt", "max_gpus": {"A10G": 40}}),
    ],
)
def test_a_gpu_alone_costs_what_a_plan_of_it_alone_costs(region, question):
    """At 5 requests/s 4 degrees of the A10G were asked one by one, and it looked 5.6 % too dear."""
    (plan,) = ask(region, **question).regions
    fleets = [fleet for fleet in plan.context.single_gpu if fleet.fleet_usd_per_hour is not None]
    assert len({fleet.gpu for fleet in fleets}) == len(fleets) >= 1
    for fleet in fleets:
        (alone,) = ask(region, **question, gpus=(fleet.gpu,)).regions
        assert fleet.fleet_usd_per_hour == pytest.approx(alone.fleet_usd_per_hour, rel=1e-7)
        degrees = {line.tensor_parallel for line in alone.allocations}
        assert fleet.tensor_parallel in ({None} if len(degrees) > 1 else degrees)


def test_the_mix_saves_as_much_as_it_saves():
    """By hand: L4 alone are 1 g6.12xlarge with 2 replicas of x2 and 3 g6.2xlarge, 4.6016 + 3 x 0.9776 USD/h, 730 hours.

    6 requests/s keep 7.194 L4 or 3.189 pairs of them busy (tests/estimates_by_hand.py): 2 / 3.189 + 3 / 7.194 = 1.04;
    7 g6.2xlarge are 0.97, and 8 cost more. The mix has 3 g5.2xlarge and 2 g6.2xlarge, 3 x 1.212 + 2 x 0.9776 USD/h.
    """
    (plan,) = ask(peak_requests_per_s=5).regions
    (l4,) = [fleet for fleet in plan.context.single_gpu if fleet.gpu == "L4"]
    assert l4.instances == {"g6.12xlarge": 1, "g6.2xlarge": 3}
    assert l4.tensor_parallel is None
    assert l4.fleet_usd_per_hour * 730 == pytest.approx((4.6016 + 3 * 0.9776) * 730)
    assert l4.saving_fraction == pytest.approx(1 - (3 * 1.212 + 2 * 0.9776) / 7.5344)


def test_frames_hold_what_the_objects_hold():
    plan = ask("us-east-1", "us-central1", workload="chat", peak_requests_per_s=20)
    frames = melange_cloud.frames(plan)
    assert list(frames["regions"]["region"]) == [region.region for region in plan.regions]
    assert frames["regions"]["usd_per_month"].tolist() == [region.usd_per_month for region in plan.regions]
    total = frames["allocations"].groupby("region")["usd_per_hour"].sum()
    assert all(total[region.region] == pytest.approx(region.fleet_usd_per_hour) for region in plan.regions)
    covered = frames["routing"].groupby(["region", "input_tokens", "output_tokens"])["share"].sum()
    assert covered.tolist() == pytest.approx([1.0] * len(covered))


def test_a_mean_rate_divides_the_price_per_token():
    peak, mean = ask(peak_requests_per_s=10), ask(peak_requests_per_s=10, mean_requests_per_s=5)
    assert mean.regions[0].fleet_usd_per_hour == peak.regions[0].fleet_usd_per_hour
    assert mean.regions[0].cost.usd_per_million_tokens == pytest.approx(2 * peak.regions[0].cost.usd_per_million_tokens)
    region = peak.regions[0]
    tokens = 10 * 3600 * 730 * (peak.basis.traffic.mean_input_tokens + peak.basis.traffic.mean_output_tokens) / 1e6
    assert region.cost.million_tokens_per_month == pytest.approx(tokens)
    assert region.usd_per_month / tokens == pytest.approx(region.cost.usd_per_million_tokens)


def test_cheapest_first_and_regions_without_a_plan_last():
    plan = ask("all", gpus=("A10G",))
    costs = [region.fleet_usd_per_hour for region in plan.regions]
    known = [usd for usd in costs if usd is not None]
    assert costs[: len(known)] == sorted(known)
    assert None in costs
    assert not any(region.region.startswith("us-gov") for region in plan.regions)


def test_govcloud_is_planned_when_named():
    assert ask("us-gov-west-1").regions[0].status is Status.OPTIMAL


def test_relaxing_host_memory_gives_what_the_plan_promised():
    promised = {what.option: what.fleet_usd_per_hour for what in ask().regions[0].context.what_if}
    assert cost(min_host_memory_gib=0.0) == pytest.approx(promised["--min-host-memory-gib 0"])


def test_doubtful_offers_enter_only_when_asked():
    with_any = ask(sold_as="any", gpus=("H100",)).regions[0]
    proven = ask(gpus=("H100",)).regions[0]
    assert with_any.instance_counts == {"p5.4xlarge": 1}
    assert "p5.4xlarge" not in proven.instance_counts
    assert {"p5.4xlarge"} == {item.instance_type for item in proven.left_out if item.code == "sold_as"}


@pytest.mark.parametrize(
    ("region", "rules", "said"),
    [
        ("us-east-1", {"gpus": ("H100",)}, {"p5.48xlarge": "often_unavailable"}),
        ("us-east-1", {"gpus": ("H100",), "sold_as": "any"}, {"p5.4xlarge": "unconfirmed"}),
        ("us-east-1", {"gpus": ("L4",)}, {"g6.2xlarge": "not_checked"}),
        ("us-central1", {"gpus": ("H100",)}, {"a3-highgpu-8g": "often_unavailable"}),
    ],
)
def test_each_line_says_how_it_can_be_had(region, rules, said):
    (plan,) = ask(region, **rules).regions
    assert said.items() <= {line.instance_type: line.availability for line in plan.allocations}.items()


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        (("optimal",), 0),
        (("optimal", "infeasible"), 0),
        (("feasible",), 6),
        (("feasible", "infeasible"), 0),
        (("infeasible", "no data"), 5),
        (("infeasible", "unknown"), 6),
        (("infeasible",), 3),
    ],
)
def test_exit_codes(rules, code):
    from dataclasses import replace

    plan = ask()
    regions = tuple(
        changed(plan.regions[0], status=Status.UNKNOWN, solver="")
        if word == "no data"
        else changed(plan.regions[0], status=Status(word), solver="glpk")
        for word in rules
    )
    assert planner.exit_code(replace(plan, regions=regions)) == code


def test_question_that_cannot_be_right():
    with pytest.raises(BadInput, match="--tpot-ms -1"):
        ask(tpot_ms=-1.0)


@settings(max_examples=examples(12))
@given(
    rate=st.floats(0.01, 300),
    router=st.sampled_from(["plain", "prompt"]),
    tpot_ms=st.sampled_from([60.0, 100.0, 150.0]),
    name=st.sampled_from(["chat", "conversation", "mixed"]),
)
def test_what_a_user_expects_of_any_plan(rate, router, tpot_ms, name):
    asked = {"workload": name, "router": router, "tpot_ms": tpot_ms}
    region = ask(peak_requests_per_s=rate, **asked).regions[0]
    assert region.status is Status.OPTIMAL
    slack = 1e-6
    assert cost(peak_requests_per_s=rate * 1.5, **asked) >= region.fleet_usd_per_hour - slack
    assert cost(peak_requests_per_s=rate, **{**asked, "tpot_ms": tpot_ms * 1.5}) <= region.fleet_usd_per_hour + slack
    assert cost(peak_requests_per_s=rate, spare=1, **asked) >= region.fleet_usd_per_hour - slack
    assert cost(peak_requests_per_s=rate, max_gpus={"H100": 8}, **asked) >= region.fleet_usd_per_hour - slack
    assert cost(peak_requests_per_s=rate, gpus=("A10G", "A100-40GB"), **asked) >= region.fleet_usd_per_hour - slack
    low, high = region.cost.usd_per_month_range
    assert low - slack <= region.usd_per_month <= high + slack


@pytest.mark.parametrize("rate", [40, 70])
def test_what_a_router_knows_never_makes_a_plan_more_expensive(rate):
    """With front ends that bind some sizes and engines that bind others; `routers` says what each plan then costs."""
    plans = {}
    for router in ("plain", "prompt", "oracle"):
        (plans[router],) = ask("us-central1", workload="chat", peak_requests_per_s=rate, router=router).regions
    costs = {router: plan.fleet_usd_per_hour for router, plan in plans.items()}
    assert costs["oracle"] <= costs["prompt"] + 1e-6 <= costs["plain"] + 2e-6
    for router, plan in plans.items():
        assert plan.context.routers == pytest.approx(costs)
        assert plan.context.error_bars.stated.usd_per_month == pytest.approx(plan.usd_per_month)
        for use in plan.fleet.kinds:
            kind = (use.gpu, use.tensor_parallel)
            lines = [line for line in plan.fleet.routing if (line.gpu, line.tensor_parallel) == kind]
            http = sum(
                line.share * line.bucket_requests_per_s * (0.0217 + (line.mean_output_tokens - 1) * 2.14e-5)
                for line in lines
            )
            assert http <= use.busy_replicas + 1e-6 <= use.replicas + 2e-6, (router, kind)
