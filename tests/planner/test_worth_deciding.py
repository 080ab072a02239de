"""What of the changed questions is worth a decision: which, in which order, and never more than four."""

from dataclasses import replace

import pytest

from melange_cloud.domain import Status, WhatIf
from melange_cloud.planner.worth_deciding import MOST, worth_deciding
from tests.questions import ask

PLAN_USD_PER_HOUR = 10.0
HOURS = 730.0


def what_if(changes, usd_per_hour, *types, status=Status.OPTIMAL):
    return WhatIf(changes, f"--{changes}", status, "", usd_per_hour, {}, changes, types)


HOST = what_if("min_host_memory_gib", 9.0, "g5.xlarge")
SOLD = what_if("sold_as", 6.0, "p5.4xlarge")
SPARE = what_if("spare", 12.0)
SERVERS = what_if("api_servers", 8.0)
CACHE = what_if("cached_input", 15.0)
TARGET = what_if("tpot_ms", 10.0)


def decided(*changed, routers=None, router="plain", set_by_user=(), instances=9):
    return worth_deciding(
        changed,
        routers or {},
        {"prompt": False},
        router=router,
        fleet_instances=instances,
        fleet_usd_per_hour=PLAN_USD_PER_HOUR,
        hours_per_month=HOURS,
        set_by_user=frozenset(set_by_user),
    )


def names(found):
    return [one.changes for one in found]


def test_rules_of_ours_come_first_and_the_most_expensive_rule_before_the_others():
    assert names(decided(TARGET, SPARE, HOST, SOLD)) == ["sold_as", "min_host_memory_gib", "spare", "tpot_ms"]
    assert [one.our_rule for one in decided(SPARE, HOST)] == [True, False]


def test_the_order_is_the_documented_one_whatever_the_order_of_the_questions():
    everything = [CACHE, TARGET, SERVERS, SPARE, HOST]
    assert names(decided(*everything)) == ["min_host_memory_gib", "spare", "api_servers", "cached_input"]
    assert decided(*everything) == decided(*reversed(everything))


def test_there_are_never_more_than_four():
    found = decided(HOST, SOLD, SPARE, SERVERS, CACHE, TARGET, routers={"prompt": 5.0})
    assert len(found) == MOST == 4


@pytest.mark.parametrize(("usd_per_hour", "named"), [(9.51, False), (9.49, True), (11.0, False)])
def test_a_rule_that_costs_less_than_five_percent_is_not_worth_a_test(usd_per_hour, named):
    assert bool(decided(what_if("min_host_memory_gib", usd_per_hour, "g5.xlarge"))) is named


def test_a_floor_that_the_user_set_is_not_a_rule_of_ours():
    assert decided(HOST, set_by_user=["min_host_memory_gib"]) == ()


def test_what_has_no_fleet_is_not_offered():
    assert decided(what_if("spare", None, status=Status.INFEASIBLE), what_if("tpot_ms", None)) == ()


def test_a_tighter_target_that_costs_nothing_is_worth_knowing():
    (only,) = decided(TARGET)
    assert only.change_fraction == 0


@pytest.mark.parametrize(
    ("router", "cost", "named"), [("plain", 9.8, True), ("plain", 9.95, False), ("prompt", 9.0, False)]
)
def test_a_router_is_offered_where_it_knows_more_and_saves(router, cost, named):
    found = decided(routers={"prompt": cost, "oracle": 5.0}, router=router)
    assert names(found) == (["router"] if named else [])


def test_money_is_of_a_month_and_against_the_plan():
    (spare,) = decided(SPARE)
    assert spare.usd_per_month == 12.0 * 730
    assert spare.change_fraction == pytest.approx(0.2)
    assert spare.option == "--spare"


def test_a_search_that_stopped_early_is_called_that():
    (spare,) = decided(what_if("spare", 12.0, status=Status.FEASIBLE))
    assert not spare.proven
    (better,) = decided(routers={"prompt": 9.0})
    assert not better.proven


def test_the_same_price_is_the_same_decision_at_any_number_of_hours():
    short = worth_deciding(
        [SPARE], {}, {}, router="plain", fleet_instances=9, fleet_usd_per_hour=10.0, hours_per_month=300.0
    )
    assert short[0].usd_per_month == 3600.0
    assert short[0].change_fraction == decided(SPARE)[0].change_fraction


@pytest.mark.parametrize(
    ("sold_as", "why", "named"),
    [("unknown", "availability unconfirmed", True), ("capacity_block", "sold by Capacity Block only", False)],
)
def test_what_is_sold_by_capacity_block_only_is_not_tried_on_demand(tmp_path, sold_as, why, named):
    # At 3 USD/h one H100 is cheaper than the 12 A10G at 1.212 that 15 requests/s take, so that the rule has a cost.
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(
        f"provider,region,instance_type,purchase,usd_per_hour,sold_as\naws,us-east-1,p5.4xlarge,on_demand,3,{sold_as}\n"
    )
    asked = {"prices": sheet, "accept_odd_prices": True, "gpus": ("H100", "A10G"), "peak_requests_per_s": 15}
    (plan,) = ask("us-east-1", **asked).regions
    (change,) = (one for one in plan.context.what_if if one.changes == "sold_as")
    assert change.name == f"with p5.4xlarge ({why})"
    assert ("sold_as" in names(plan.context.worth_deciding)) is named


@pytest.mark.parametrize(("plan_instances", "instances", "alone"), [(9, 1, True), (9, 2, False), (1, 1, False)])
def test_one_machine_against_several_is_called_that(plan_instances, instances, alone):
    changed = replace(SOLD, instances={"p5.4xlarge": instances}, with_spare_usd_per_hour=12.0 if alone else None)
    (only,) = decided(changed, instances=plan_instances)
    assert only.is_one_machine is alone
    assert only.with_spare_usd_per_month == (12.0 * 730 if alone else None)
