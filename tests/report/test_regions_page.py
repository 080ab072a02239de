"""Several regions: order, groups, dates, what is folded away, and whether there is a winner."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from melange_cloud.domain import (
    Availability,
    Confidence,
    CostOrder,
    FleetWithSpare,
    OrderBasis,
    Plan,
    QuotaNeed,
    RegionName,
    RegionPlan,
    Status,
)
from melange_cloud.planner.ranking.rank_regions import compared_with_base
from melange_cloud.report.pages.region_groups import groups
from tests.report import forms, plans
from tests.report.plans import A2, G2, G5, G6, allocation, no_plan, plan, region_plan

REGIONS = plans.mix_of_regions()


def page(plan: Plan, width: int = 80, *, all_rows: bool = False) -> str:
    return forms.table(plan, width=width, colour=False, all_rows=all_rows)


def verdict(plan: Plan) -> str:
    return " ".join(page(plan, 200).split())


def test_equal_plans_of_one_provider_are_one_group() -> None:
    grouped = [[region.region for region in group] for group in groups(plan(*REGIONS))]
    assert grouped == [
        ["us-east-1", "us-east-2", "us-west-2"],
        ["us-central1", "us-east1"],
        ["eu-north-1"],
        ["sa-east-1"],
    ]


def test_equal_cost_is_no_group_where_fleet_or_provider_differ() -> None:
    one = region_plan((allocation(G5, 4, price=1.0),), region="a")
    other_fleet = region_plan((allocation(G6, 4, price=1.0),), region="b")
    other_provider = region_plan((allocation(G5, 4, price=1.0),), region="c", provider="gcp")
    assert [len(group) for group in groups(plan(one, other_fleet, other_provider))] == [1, 1, 1]
    barely = region_plan((allocation(G5, 4, price=1.0 + 1e-9),), region="d")
    assert [len(group) for group in groups(plan(one, barely))] == [2]
    just_not = region_plan((allocation(G5, 4, price=1.0 + 1e-5),), region="d")
    assert [len(group) for group in groups(plan(one, just_not))] == [1, 1]


def test_ranks_count_the_regions_above() -> None:
    shown = page(plan(*REGIONS))
    ranks = re.findall(r"^ +(\d+)  (?:aws|gcp) ", shown, re.MULTILINE)
    assert ranks == ["1", "4", "6", "7"]
    # One spare of each: 9,048 + 1.212 and 0.9776 USD/h, 9,102 + 3.673385 and 0.853624.
    assert re.search(r"^ +1 +aws us-east-1 +9,048 +- +10,646 ", shown, re.MULTILINE)
    assert re.search(r"^ +4 +gcp us-central1,? +9,102 +\+0.6 % +12,407 ", shown, re.MULTILINE)
    assert re.search(r"us-east-2,? +9,048 +0 % +10,646 +.*same", shown)


def test_order_is_by_cost_whatever_the_order_given() -> None:
    assert page(plan(*reversed(REGIONS))) == page(plan(*REGIONS))


def test_old_prices_are_marked_and_the_mark_explained() -> None:
    narrow, wide = page(plan(*REGIONS)), page(plan(*REGIONS), 120)
    assert re.search(r"eu-north-1 .*306d!$", narrow, re.MULTILINE)
    assert re.search(r"us-central1, .*115d$", narrow, re.MULTILINE)
    assert re.search(r"us-east-2 .*2026-01-20 !$", wide, re.MULTILINE)
    assert "! price older than 180 days" in narrow
    assert "older than" not in page(plan(REGIONS[0], REGIONS[3]))


@pytest.mark.parametrize(("day", "marked"), [(date(2026, 5, 26), False), (date(2026, 5, 25), True)])
def test_a_price_is_old_after_180_days(day: date, marked: bool) -> None:
    region = region_plan((allocation(G5, 2), allocation(G6, 1, as_of=day)))
    assert ("d!" in page(plan(region, REGIONS[3]))) is marked


def test_the_date_is_that_of_the_oldest_price_until_which_it_was_true() -> None:
    line = plans.changed(allocation(G6, 1), as_of_from=date(2024, 1, 1), as_of_to=date(2026, 7, 1))
    region = region_plan((allocation(G5, 2), line))
    assert "2026-07-01" in page(plan(region, REGIONS[3]), 120)


def test_the_best_single_type_is_set_against_the_plan() -> None:
    assert re.search(r"us-east-1 .*A10G \+8 %  2026-07-20", page(plan(*REGIONS), 160))


def test_long_lists_are_folded_and_the_last_stays() -> None:
    folded, whole = page(plans.forty_regions()), page(plans.forty_regions(), all_rows=True)
    assert len(re.findall(r"^ .*\d+ +aws aa-north-\d+", folded, re.MULTILINE)) == 12
    assert "aa-north-35" in folded
    assert re.search(r"\.\.\. 24 more:", folded)
    assert len(re.findall(r"^ .*\d+ +aws aa-north-\d+", whole, re.MULTILINE)) == 36
    assert "--all-rows" not in whole


def test_regions_without_a_plan_stay_with_their_reason_and_no_money() -> None:
    for width in (80, 120):
        shown = page(plans.forty_regions(), width)
        for region in ("zz-0", "zz-1", "zz-2", "zz-3"):
            assert region in shown
        assert re.search(r"^ +- +aws zz-0, zz-2 +- +- ", shown, re.MULTILINE)
    assert "infeasible: H100 <= 1 is too few" in page(plans.forty_regions(), 200)


def test_many_regions_without_a_plan_are_counted_in_the_table_and_named_below() -> None:
    bare = [no_plan(f"zz-{at}") for at in range(9)]
    for width in (60, 80, 120):
        shown = page(plan(REGIONS[0], *bare), width)
        assert re.search(r"^ - +9 aws regions +- .* infeasible:", shown, re.MULTILINE)
        named = " ".join(shown[shown.index("No plan in") :].split())
        assert named.startswith("No plan in aws zz-0, zz-1, zz-2, zz-3, zz-4, zz-5, zz-6, zz-7, zz-8 ")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_names_of_regions_and_types_are_not_folded(width: int) -> None:
    line = replace(allocation(G5, 123), instance_type="a2-ultragpu-16g")
    region = region_plan((line, allocation(G6, 4)), provider="gcp", region="northamerica-northeast1")
    shown = page(plan(REGIONS[0], region), width)
    assert "northamerica-northeast1" in shown
    assert "a2-ultragpu-16g" in shown


def test_missing_data_is_not_called_infeasible() -> None:
    shown = page(plans.pages()["commitment"], 200)
    assert "unknown: no 1-year" in shown
    assert "infeasible" not in shown


def test_an_unproven_region_says_so_in_its_row() -> None:
    region = plans.changed(REGIONS[0], status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=12.0)
    assert "not proven, at most +3.3 %" in " ".join(page(plan(region, REGIONS[3]), 200).split())


def fleet(usd_per_hour: dict[str, float], region: str, **changes: Any) -> RegionPlan:
    machines = {"A10G": G5, "L4": G6, "A100-40GB": A2}
    lines = [allocation(machines[gpu], 1, price=price) for gpu, price in usd_per_hour.items()]
    return region_plan(lines, region=region, **changes)


def names(regions: Sequence[RegionName | RegionPlan]) -> list[str]:
    return [region.region for region in regions]


def test_the_same_fleet_at_a_higher_price_is_decided_whatever_the_profiles_do() -> None:
    cheap, dear = fleet({"A10G": 10.0, "L4": 5.0}, "a"), fleet({"A10G": 10.5, "L4": 5.0}, "b")
    found = plan(cheap, dear).first_rank
    assert found is not None
    assert names(found.ties) == ["a"]
    assert found.clear
    assert "#1 is clearly cheapest" in verdict(plan(cheap, dear))


def test_regions_that_cannot_be_distinguished_are_named_with_their_spread() -> None:
    cheap = fleet({"A10G": 10.0}, "a")
    near, far = fleet({"L4": 15.5}, "b"), fleet({"L4": 19.0}, "c")
    found = plan(cheap, near, far).first_rank
    assert found is not None
    assert names(found.ties) == ["a", "b"]
    assert found.spread_fraction == pytest.approx(0.55)
    assert not found.clear
    assert "1 and 2 lie within 55.0 %" in verdict(plan(cheap, near, far))
    assert "No clear winner." in verdict(plan(cheap, near, far))


def test_ranks_that_tie_need_not_be_neighbours() -> None:
    cheap = fleet({"A10G": 10.0}, "a")
    same_dearer = fleet({"A10G": 12.0}, "b")
    other = fleet({"L4": 13.0}, "c")
    assert "1 and 3 lie within 30.0 %" in verdict(plan(cheap, same_dearer, other))


def test_equal_regions_alone_do_not_blur_the_winner() -> None:
    found = plan(*REGIONS[:3], REGIONS[5]).first_rank
    assert found is not None
    assert names(found.ties) == names(REGIONS[:3])
    assert found.clear
    assert found.prices_apart_days == 181
    words = verdict(plan(*REGIONS[:3], REGIONS[5]))
    assert "1 to 3 are equally cheap; the others cost more" in words
    assert "No clear winner among them: their prices are up to 181 days apart." in words


def test_dates_that_lie_close_are_not_mentioned() -> None:
    words = verdict(plan(REGIONS[0], REGIONS[3]))
    assert "No clear winner" in words
    assert "days apart" not in words


def test_a_region_that_was_not_finished_keeps_number_one_from_being_clear() -> None:
    cheap, dear = fleet({"A10G": 10.0}, "a"), fleet({"A10G": 11.0}, "b", status=Status.FEASIBLE)
    open_ = plans.changed(dear, fleet_lower_bound_usd_per_hour=9.0)
    found = plan(cheap, open_).first_rank
    assert found is not None
    assert names(found.unproven) == ["b"]
    assert "clearly" not in verdict(plan(cheap, open_))
    assert "aws b is not proven and could cost less." in verdict(plan(cheap, open_))
    closed = plans.changed(dear, fleet_lower_bound_usd_per_hour=10.5)
    assert "clearly cheapest" in verdict(plan(cheap, closed))
    unknown = no_plan("c", status=Status.UNKNOWN, reason="nothing found in 1 s")
    assert "aws c is not proven" in verdict(plan(cheap, closed, unknown))
    assert "clearly cheapest" in verdict(plan(cheap, closed, no_plan("c")))
    no_data = no_plan("c", status=Status.UNKNOWN, reason="no price here", solver="")
    assert "clearly cheapest" in verdict(plan(cheap, closed, no_data))


def test_nothing_is_said_of_a_winner_where_nothing_competes() -> None:
    assert plan(REGIONS[0], no_plan("b")).first_rank is None
    assert plan(no_plan("a"), no_plan("b")).first_rank is None
    assert plan().first_rank is None
    assert "cheapest" not in verdict(plan(REGIONS[0], no_plan("b")))


def test_degrees_tell_fleets_apart() -> None:
    four, eight = (region_plan((allocation(plans.P4DE, 1, degree=degree),), region=f"r{degree}") for degree in (4, 8))
    assert len(groups(plan(four, eight))) == 2
    shown = page(plan(four, eight), 120)
    assert "1 p4de.24xlarge^ TP4" in shown
    assert "1 p4de.24xlarge^ TP8" in shown


def test_a_fleet_like_the_one_above_is_same_only_within_a_provider() -> None:
    lines = (allocation(G2, 3),)
    shown = page(plan(region_plan(lines, region="a"), region_plan(lines, region="b", provider="gcp")))
    assert "same" not in shown
    assert "The cheapest of 2 regions; another costs as much" in " ".join(shown.split())


def test_a_legend_is_there_only_with_its_column() -> None:
    pages = [page(plans.pages()["several-regions"], width) for width in (60, 80, 100, 120)]
    headers = [next(line for line in shown.splitlines() if line.split()[:2] == ["#", "Region"]) for shown in pages]
    there = ["Sure" in header for header in headers]
    assert ["Sure: " in shown for shown in pages] == there
    assert set(there) == {True, False}
    # Where the column is not there, the regions that it would doubt are named.
    doubted = "The order is not certain against #1: gcp us-central1 and gcp us-east1."
    assert [doubted in " ".join(shown.split()) for shown in pages] == [not here for here in there]


def test_rows_of_regions_that_were_named_are_never_folded_away() -> None:
    answer = plans.forty_regions()
    named = replace(answer, named=(RegionName("aws", "aa-north-20"), RegionName("aws", "aa-north-34")))
    shown = page(named)
    rows = re.findall(r"^ +\d+ +aws (aa-north-\d+)", shown, re.MULTILINE)
    # Twelve rows: the two that were named, the last, and the nine cheapest.
    assert rows == [f"aa-north-{at}" for at in (*range(9), 20, 34, 35)]
    assert re.search(r"\.\.\. 24 more:", shown)
    assert shown.index("24 more") < shown.index("aa-north-20")
    base = page(replace(answer, against=RegionName("aws", "aa-north-30")))
    assert "aa-north-30" in base
    everything = tuple(region.region_name for region in answer.regions)
    assert len(re.findall(r"(?m)^ .*\d+ +aws aa-north-\d+", page(replace(answer, named=everything)))) == 36


def test_what_is_hard_to_get_is_marked_and_the_quota_is_next_to_the_fleet() -> None:
    need = (QuotaNeed("Running On-Demand P instances", 384, "vCPU", "P"),)
    hard = plans.changed(allocation(plans.P5, 2), availability=Availability.OFTEN_UNAVAILABLE)
    region = region_plan((hard,), region="x", quota_needs=need)
    narrow, wide = (" ".join(page(plan(REGIONS[0], region), width).split()) for width in (80, 160))
    assert re.search(r"2 p5\.48xlarge\^ (125d )?\(384 vCPU of P\)", narrow)
    assert "2 p5.48xlarge^ 384 vCPU of P" in wide
    for shown in (narrow, wide):
        assert "^ hard to get: p5.48xlarge (often unavailable)" in shown
        assert "not checked" in shown
    assert "hard to get" not in page(plan(REGIONS[0], REGIONS[3]))


def test_with_a_spare_in_the_question_there_is_no_second_cost() -> None:
    assert "--spare 1:" in page(plan(*REGIONS))
    assert "--spare 1:" not in page(plan(*REGIONS, spare=1))


def against(base: str) -> Plan:
    """Two regions at 10 and 12 USD/h; with one more instance at 20 and 24."""
    cheap, dear = fleet({"A10G": 10.0}, "a"), fleet({"A10G": 12.0}, "b")
    answer = replace(plan(cheap, dear), against=RegionName("aws", base))
    order = next(region.difference for region in answer.regions if region.difference is not None)
    other = {"a": "b", "b": "a"}[base]
    return compared_with_base(answer, {RegionName("aws", other): order})


def test_against_a_base_percent_and_difference_are_its_own() -> None:
    shown = page(against("b"), 120)
    # 10 against 12 USD/h is 16.7 % less, and 2 x 730 USD a month.
    assert re.search(r"^ +1 +aws a .* 7,300 +-16\.7 % +-1,460 ", shown, re.MULTILINE)
    assert re.search(r"^ +2 +aws b .* 8,760 +- +- ", shown, re.MULTILINE)
    assert "base: aws b (--against)." in shown
    said = " ".join(shown.split())
    # With one more instance on both sides 20 against 24 USD/h: 4 x 730.
    moving = "Moving from aws b to aws a saves $1,460 a month (-16.7 %), and $2,920 with --spare 1 on both sides."
    assert moving in said
    best = " ".join(page(against("a"), 120).split())
    assert "No region costs less than aws a." in best
    assert "+20.0 % +1,460" in best


def test_a_base_without_a_plan_is_said() -> None:
    answer = replace(plan(REGIONS[0], REGIONS[3], no_plan("zz")), against=RegionName("aws", "zz"))
    shown = " ".join(page(answer).split())
    assert "aws zz has no plan, so nothing is compared with it." in shown
    assert "vs #1" in shown


def test_the_cheapest_with_a_spare_is_named_where_it_is_another() -> None:
    # One at 10 USD/h with a spare at 20, or four at 3 USD/h with a fifth: 12 and 15.
    one, many = fleet({"A10G": 10.0}, "a"), region_plan((allocation(G6, 4, price=3.0),), region="b")
    apart = plan(one, many)
    assert apart.first_rank is not None
    assert names(apart.first_rank.with_spare) == ["b"]
    assert "1 and 2 lie within 20.0 %" in verdict(apart)
    assert "With --spare 1, aws b costs least: $10,950." in verdict(apart)
    assert "costs least" not in verdict(plan(one, fleet({"L4": 12.0}, "b")))
    level = plan(one, region_plan((allocation(G6, 4, price=2.5),), region="b"))
    assert "are equally cheap." in verdict(level)
    assert "aws b costs less with --spare 1 on both sides" in verdict(level)


def test_a_cost_with_a_spare_that_was_not_searched_to_its_end_loses_to_no_other() -> None:
    one = fleet({"A10G": 10.0}, "a")
    assert one.with_spare is not None
    at_most = replace(one, with_spare=replace(one.with_spare, status=Status.FEASIBLE, proven=False))
    many = region_plan((allocation(G6, 4, price=3.0),), region="b")
    found = plan(at_most, many).first_rank
    assert found is not None
    assert found.with_spare == ()


def test_an_order_that_was_not_decided_with_a_spare_keeps_number_one_from_being_clear() -> None:
    cheap, dear = fleet({"A10G": 10.0}, "a"), fleet({"A10G": 20.0}, "b")
    undecided = replace(dear, difference=CostOrder(Confidence.NOT_PROVEN, OrderBasis.OFFERS))
    found = plan(cheap, undecided).first_rank
    assert found is not None
    assert (names(found.unproven), found.clear) == (["b"], False)
    assert "clearly" not in verdict(plan(cheap, undecided))


def test_a_saving_without_a_fleet_that_survives_a_loss_says_so() -> None:
    cheap, dear = fleet({"A10G": 10.0}, "a"), fleet({"A10G": 12.0}, "b")
    order = CostOrder(Confidence.TURNS_WITH_SPARE, OrderBasis.OFFERS)
    alone = replace(cheap, with_spare=FleetWithSpare(Status.INFEASIBLE, "a quota", None, None, {}, proven=True))
    moved = replace(plan(alone, replace(dear, difference=order)), against=RegionName("aws", "b"))
    said = " ".join(page(compared_with_base(moved, {RegionName("aws", "a"): order})).split())
    assert "to aws a saves $1,460 a month (-16.7 %), but there is no fleet with --spare 1." in said


def test_regions_share_a_row_only_if_their_order_is_as_certain() -> None:
    # The offers that are not rented may decide whether an order is certain, so that equal fleets differ in it.
    cheap, *same = (fleet({"A10G": usd}, name) for usd, name in ((10.0, "a"), (20.0, "b"), (20.0, "c"), (20.0, "d")))
    sure = (Confidence.CLEAR, Confidence.WITHIN_PROFILE_ERROR, Confidence.CLEAR)
    others = [replace(one, difference=CostOrder(is_sure)) for one, is_sure in zip(same, sure, strict=True)]
    shown = page(plan(cheap, *others))
    assert re.search(r"aws b, d .* yes ", shown)
    assert re.search(r"aws c .* no ", shown)


def test_ten_times_as_much_is_said_in_times() -> None:
    shown = page(plan(fleet({"A10G": 1.0}, "a"), fleet({"A10G": 9.9}, "b"), fleet({"A10G": 12.0}, "c")))
    assert re.search(r"aws b .* \+890 % ", shown)
    assert re.search(r"aws c .* 12 x ", shown)


@pytest.mark.parametrize(("values", "lasts"), [({}, "all month"), ({"hours_per_month": 200.0}, "all 200 h billed")])
def test_the_answer_says_how_long_the_peak_is_taken_to_last(values: dict[str, Any], lasts: str) -> None:
    shown = " ".join(forms.screen(plan(*REGIONS, **values)).split())
    assert f" a month in aws us-east-1, if the peak lasts {lasts} The cheapest of " in shown


def test_the_first_screen_has_the_table_and_leaves_the_rest_to_full() -> None:
    answer = plan(*REGIONS)
    short, whole = forms.screen(answer), page(answer)
    for both in ("--spare 1", "vs #1", "1 to 5 lie within 0.6 %", "EXAMPLE TRAFFIC", "SNAPSHOT PRICES"):
        assert both in short
        assert both in whole
    for only_whole in ("Kubernetes", "weighted load balancer"):
        assert only_whole in whole
        assert only_whole not in short
    assert "More: --full" in short
    assert len(short.splitlines()) < len(whole.splitlines())
