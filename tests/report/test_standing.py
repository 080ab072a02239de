"""Each region against the cheapest: premium, saving, how sure, how old; in the table, JSON and CSV alike."""

import csv
import io
import json
import re
from datetime import date
from typing import Any

import pytest

from melange_cloud.domain import Confidence, Plan, RegionName, RegionPlan, RegionStanding, Status
from melange_cloud.report.ranking_sentences import reasons
from tests.report import forms, plans
from tests.report.plans import A2, G5, G6, allocation, no_plan, plan, region_plan

MACHINES = {"A10G": G5, "L4": G6, "A100-40GB": A2}


def fleet(usd_per_hour: dict[str, float], region: str, as_of: date = date(2026, 7, 20), **changes: Any) -> RegionPlan:
    lines = [allocation(MACHINES[gpu], 1, price=price, as_of=as_of) for gpu, price in usd_per_hour.items()]
    return region_plan(lines, region=region, **changes)


CHEAP = fleet({"A10G": 10.0}, "a")


def standings(answer: Plan) -> dict[RegionName, RegionStanding]:
    found = {region.region_name: region.comparison for region in answer.regions}
    return {key: standing for key, standing in found.items() if standing is not None}


def of(answer: Plan, region: str) -> RegionStanding:
    return standings(answer)[RegionName("aws", region)]


def test_premium_and_saving_are_the_difference_to_the_cheapest() -> None:
    answer = plan(fleet({"A10G": 11.0}, "b"), CHEAP, hours_per_month=700.0)
    there = of(answer, "b")
    assert there.premium_fraction == pytest.approx(0.1)
    assert there.saving_usd_per_month == pytest.approx(700.0)
    assert there.profile_error_usd_per_month is None
    assert (of(answer, "a").premium_fraction, of(answer, "a").saving_usd_per_month) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("other", "sure"),
    [
        (fleet({"A10G": 11.0}, "b"), Confidence.CLEAR),
        (fleet({"A10G": 10.0}, "b"), Confidence.EQUAL),
        (fleet({"L4": 11.0}, "b"), Confidence.WITHIN_PROFILE_ERROR),
        (fleet({"A10G": 11.0}, "b", as_of=date(2026, 4, 20)), Confidence.PRICES_APART),
        (fleet({"A10G": 11.0}, "b", as_of=date(2026, 4, 21)), Confidence.CLEAR),
        (
            fleet({"A10G": 11.0}, "b", status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=9.9),
            Confidence.NOT_PROVEN,
        ),
        (fleet({"A10G": 11.0}, "b", status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=10.5), Confidence.CLEAR),
        (
            fleet({"A10G": 11.0}, "b", status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=None),
            Confidence.NOT_PROVEN,
        ),
    ],
)
def test_how_sure_follows_its_cause(other: RegionPlan, sure: Confidence) -> None:
    answer = plan(CHEAP, other)
    assert of(answer, "b").sure is sure
    assert of(answer, "a").sure is sure


def test_the_cheapest_is_as_sure_as_the_least_sure_other_allows() -> None:
    answer = plan(CHEAP, fleet({"A10G": 11.0}, "b"), fleet({"L4": 11.0}, "c"), fleet({"L4": 99.0}, "d"))
    assert [of(answer, name).sure.value for name in "abcd"] == [
        "within_profile_error",
        "clear",
        "within_profile_error",
        "clear",
    ]
    assert reasons(answer)[RegionName("aws", "a")].startswith("one other region could turn out cheaper")
    open_ = plan(CHEAP, fleet({"A10G": 11.0}, "b"), no_plan("c", status=Status.UNKNOWN, reason="nothing found in 1 s"))
    assert of(open_, "a").sure is Confidence.NOT_PROVEN


def test_standings_and_the_verdict_never_disagree() -> None:
    for name, answer in plans.pages().items():
        first_rank = answer.first_rank
        found = standings(answer)
        assert (first_rank is None) is (found == {}), name
        if first_rank is not None:
            level = {
                key
                for key, standing in found.items()
                if standing.premium_fraction == 0
                or standing.sure in (Confidence.EQUAL, Confidence.WITHIN_PROFILE_ERROR)
            }
            assert level == set(first_rank.ties), name


def test_the_reason_tells_both_ages() -> None:
    answer = plan(CHEAP, fleet({"A10G": 11.0}, "b", as_of=date(2026, 1, 20)))
    there = of(answer, "b")
    assert (there.price_age_days, there.prices_apart_days) == (306, 181)
    assert reasons(answer)[RegionName("aws", "b")] == (
        "costs more than aws a whatever the profiles' errors, as long as both prices hold; "
        "prices 306 days old, those of aws a 125 days, 181 days apart"
    )


def test_the_table_and_its_legend() -> None:
    answer = plan(CHEAP, fleet({"L4": 11.0}, "b"), fleet({"A10G": 12.0}, "c", as_of=date(2026, 1, 20)))
    shown = forms.table(answer, width=160, colour=False)
    rows = {line.split()[2]: line for line in shown.splitlines() if "g5.2" in line or "g6.2" in line}
    # One instance more doubles what one costs: 11 and 12 USD/h.
    assert re.search(r" 730 +16,060 +no ", rows["b"])
    assert re.search(r" 1,460 +17,520 +if prices hold ", rows["c"])
    assert "no = within the profiles' errors the order reverses, or may" in shown
    assert "yes = " not in shown
    same = forms.table(plan(CHEAP, plans.changed(CHEAP, region="b")), width=160, colour=False)
    assert "Sure:" not in same


def test_a_winner_by_prices_that_are_far_apart_says_so() -> None:
    answer = plan(CHEAP, fleet({"A10G": 12.0}, "c", as_of=date(2026, 1, 20)))
    shown = " ".join(forms.table(answer, width=160, colour=False).split())
    assert "That one region costs more is certain only if prices up to 181 days apart still hold." in shown
    fresh = plan(CHEAP, fleet({"A10G": 12.0}, "c"))
    assert "still hold" not in forms.table(fresh, width=160, colour=False)


def test_where_nothing_is_compared_there_are_no_such_columns() -> None:
    alone = plan(CHEAP, no_plan("b"))
    assert standings(alone) == {}
    shown = forms.table(alone, width=160, colour=False)
    assert "Move saves" not in shown
    assert "Sure" not in shown
    assert [region["comparison"] for region in json.loads(forms.as_json(alone))["regions"]] == [None, None]


def test_json_and_csv_hold_the_same() -> None:
    answer = plan(*plans.mix_of_regions(), no_plan("zz"))
    document = json.loads(forms.as_json(answer))
    found = {
        RegionName(region["provider"], region["region"]): region["comparison"]
        for region in document["regions"]
        if region["comparison"] is not None
    }
    expected = standings(answer)
    assert set(found) == set(expected)
    for key, standing in expected.items():
        assert found[key]["sure"] == standing.sure.value
        assert found[key]["reason"] == reasons(answer)[key]
        assert found[key]["saving_usd_per_month"] == standing.saving_usd_per_month
    for row in csv.DictReader(io.StringIO(forms.as_csv(answer))):
        here = expected.get(RegionName(row["provider"], row["region"]))
        if here is None:
            assert row["region_sure"] == row["region_premium_fraction"] == row["region_price_age_days"] == ""
        else:
            assert row["region_sure"] == here.sure.value
            assert float(row["region_premium_fraction"]) == here.premium_fraction
            assert int(row["region_price_age_days"]) == here.price_age_days
