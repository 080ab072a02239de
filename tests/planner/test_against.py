"""Regions against the one that runs today, and winners that must win with a spare too."""

import csv

import pytest

from melange_cloud.domain import Confidence, RegionName, Status
from melange_cloud.errors import BadInput
from tests.questions import ask

PAIR = ("us-east-1", "us-central1")
P4D_USD_PER_H, A2_USD_PER_H = 21.957642, 3.673385
"""On demand in us-east-1 and us-central1 (../pricing/on_demand.csv)."""


@pytest.fixture(scope="module")
def pair():
    """The week's peak keeps 11.8 A100-40GB busy (tests/estimates_by_hand.py): 2 p4d of 8, or 12 GPUs of Google's."""
    asked = {"workload": "conversation-week", "peak_requests_per_s": "peak", "gpus": ("A100-40GB",)}
    answer = ask(*PAIR, against="us-central1", **asked)
    return answer, {plan.region: plan for plan in answer.regions}


def test_percent_and_difference_are_those_against_the_base(pair):
    answer, plans = pair
    assert answer.against == RegionName("gcp", "us-central1")
    aws = plans["us-east-1"].against
    # Spares: three p4d against 13 GPUs, of which the least that can be lost at once is one.
    usd, base = 2 * P4D_USD_PER_H, 12 * A2_USD_PER_H
    spared, base_spared = 3 * P4D_USD_PER_H, 13 * A2_USD_PER_H
    assert aws.difference_usd_per_month == pytest.approx(730 * (usd - base))
    assert aws.difference_fraction == pytest.approx(usd / base - 1)
    assert aws.difference_fraction < 0
    assert aws.with_spare_difference_usd_per_month == pytest.approx(730 * (spared - base_spared))
    assert aws.with_spare_difference_fraction == pytest.approx(spared / base_spared - 1)
    assert (aws.order, aws.sure) == (plans["us-central1"].difference, Confidence.WITHIN_PROFILE_ERROR)
    assert aws.prices_apart_days == 10


def test_the_base_itself_differs_by_nothing(pair):
    _, plans = pair
    own = plans["us-central1"].against
    assert (own.difference_fraction, own.difference_usd_per_month, own.order) == (0, 0, None)
    assert (own.with_spare_difference_fraction, own.sure) == (0, Confidence.EQUAL)


def test_a_base_between_two_others_is_compared_with_both():
    asked = {"gpus": ("A10G",), "provider": "aws"}
    plans = {
        plan.region: plan for plan in ask("us-east-1", "eu-west-1", "sa-east-1", against="eu-west-1", **asked).regions
    }
    cheap, own, dear = (plans[name] for name in ("us-east-1", "eu-west-1", "sa-east-1"))
    assert cheap.against.difference_usd_per_month == pytest.approx(cheap.usd_per_month - own.usd_per_month)
    assert cheap.against.difference_usd_per_month < 0 < dear.against.difference_usd_per_month
    assert dear.against.order is not None
    # Against the cheapest nothing changes.
    assert dear.comparison.saving_usd_per_month == pytest.approx(dear.usd_per_month - cheap.usd_per_month)


def test_a_base_without_a_fleet_compares_with_nothing():
    answer = ask(*PAIR, against="aws:us-east-1", gpus=("A100-40GB",), max_instances={"p4d.24xlarge": 0})
    assert answer.against == RegionName("aws", "us-east-1")
    assert [plan.against for plan in answer.regions] == [None, None]


@pytest.mark.parametrize(
    ("regions", "against", "message"),
    [
        (PAIR, "us-est-1", "--against us-est-1: unknown region; did you mean us-east-1"),
        (PAIR, "all", "--against all: unknown region; there are us-central1, us-east-1"),
        (PAIR, "eu-west-1", "--against eu-west-1: not one of the regions to compare; add --region eu-west-1"),
        (PAIR, "gcp:us-east-1", "--against gcp:us-east-1: unknown region; did you mean us-east-1"),
        (("us-east-1",), "us-east-1", "--against us-east-1: it compares regions, and --region selects only one"),
    ],
)
def test_a_base_that_cannot_be_is_refused(regions, against, message):
    with pytest.raises(BadInput) as fault:
        ask(*regions, against=against)
    assert str(fault.value).startswith(message)


def test_the_answer_knows_which_regions_were_named():
    named = ask("us-central1", "aws:eu-west-*", "AWS:us-east-1", gpus=("L4",)).named
    assert named == (RegionName("aws", "us-east-1"), RegionName("gcp", "us-central1"))


def two_prices(path, p4d, g6):
    """A sheet with one machine of eight GPUs in us-east-1, and machines of one GPU in us-east-2."""
    with path.open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow(("provider", "region", "instance_type", "purchase", "usd_per_hour"))
        sheet.writerow(("aws", "us-east-1", "p4d.24xlarge", "on_demand", p4d))
        sheet.writerow(("aws", "us-east-2", "g6.2xlarge", "on_demand", g6))
    return {"prices": path, "accept_odd_prices": True}


@pytest.mark.parametrize(("p4d", "sure"), [(10.8, Confidence.EQUAL), (6.0, Confidence.TURNS_WITH_SPARE)])
def test_a_machine_that_costs_less_only_until_it_is_lost_is_no_clear_winner(tmp_path, p4d, sure):
    # 12 L4 at 0.9 cost 10.8 USD/h and 13 survive a loss (test_ranking). One p4d serves too; in its region two survive,
    # or 13 L4 at the list price of 0.9776.
    sheet = two_prices(tmp_path / "sheet.csv", p4d, 0.9)
    asked = {"workload": "chat", "peak_requests_per_s": 25, "gpus": ("A100-40GB", "L4")}
    answer = ask("us-east-1", "us-east-2", **asked, **sheet)
    plans = {plan.region: plan for plan in answer.regions}
    assert plans["us-east-1"].instance_counts == {"p4d.24xlarge": 1}
    assert plans["us-east-2"].difference.sure is sure
    assert plans["us-east-2"].comparison.premium_with_spare_fraction == pytest.approx(
        13 * 0.9 / min(2 * p4d, 13 * 0.9776) - 1
    )
    assert answer.first_rank.with_spare == (RegionName("aws", "us-east-2"),)
    assert not answer.first_rank.clear


@pytest.mark.parametrize("rate", [7, 16, 24])
def test_a_clear_winner_wins_with_a_spare_too(rate):
    answer = ask(*PAIR, "europe-west4", peak_requests_per_s=rate)
    assert all(plan.status is Status.OPTIMAL for plan in answer.regions)
    cheapest, *others = answer.regions
    wins = all(plan.with_spare.usd_per_month >= cheapest.with_spare.usd_per_month - 1e-3 for plan in others)
    assert wins or not answer.first_rank.clear
    for plan in others:
        if plan.comparison.sure is Confidence.CLEAR:
            assert plan.comparison.premium_with_spare_fraction >= -1e-9
