"""What each region costs at equal resilience: never less than without a spare, and what ``--spare 1`` itself costs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Status
from tests.properties import examples
from tests.questions import ask

REGIONS = ("us-east-1", "us-central1")


@settings(max_examples=examples(5))
@given(
    rate=st.floats(0.5, 60),
    gpus=st.sampled_from([("L4",), ("A10G", "L4"), ("A100-40GB", "L4"), ("A100-40GB", "A10G", "L4")]),
    workload=st.sampled_from(["chat", "conversation"]),
)
def test_surviving_a_loss_never_costs_less_and_costs_what_asking_for_it_costs(rate, gpus, workload):
    asked = {"peak_requests_per_s": rate, "gpus": gpus, "workload": workload}
    spared = {plan.region: plan for plan in ask(*REGIONS, spare=1, **asked).regions}
    for plan in ask(*REGIONS, **asked).regions:
        asked_for = spared[plan.region]
        found = plan.with_spare
        assert found.proven
        assert found.usd_per_month >= plan.usd_per_month
        assert found.usd_per_month == pytest.approx(asked_for.usd_per_month)
        # Where it was asked for, it is the plan.
        assert asked_for.with_spare.usd_per_month == asked_for.usd_per_month
        assert asked_for.with_spare.instances == asked_for.instance_counts


def test_one_machine_of_eight_gpus_needs_a_second_one():
    # One p4d serves this with 4.7 of its 8 GPUs to spare; to lose it, a second one is needed: twice 21.957642 USD/h.
    (plan,) = ask(gpus=("A100-40GB",)).regions
    assert plan.instance_counts == {"p4d.24xlarge": 1}
    assert plan.with_spare.instances == {"p4d.24xlarge": 2}
    assert plan.with_spare.usd_per_month == pytest.approx(2 * 21.957642 * 730)
    (change,) = (change for change in plan.context.what_if if change.option == "--spare 1")
    assert plan.with_spare.fleet_usd_per_hour == change.fleet_usd_per_hour


def test_where_a_quota_leaves_no_room_for_a_spare_the_reason_is_there():
    plans = {
        plan.region: plan for plan in ask(*REGIONS, gpus=("A100-40GB",), max_instances={"p4d.24xlarge": 1}).regions
    }
    aws = plans["us-east-1"]
    assert aws.status is Status.OPTIMAL
    assert (aws.with_spare.status, aws.with_spare.usd_per_month) == (Status.INFEASIBLE, None)
    assert "--max-instances p4d.24xlarge=1 is too low" in aws.with_spare.reason
    assert plans["us-central1"].with_spare.usd_per_month is not None


def test_without_a_fleet_there_is_none_with_a_spare():
    (plan,) = ask(max_gpus={"A10G": 0, "L4": 0, "H100": 0, "A100-40GB": 0, "A100-80GB": 0}).regions
    assert plan.fleet_usd_per_hour is None
    assert plan.with_spare is None
