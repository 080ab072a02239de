"""The first screen: what stands on it, that it fits one, and that the numbers on it add up."""

import json
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from melange_cloud import report
from melange_cloud.domain import Availability, ErrorBars, FleetAtThroughput, IneligibleType, Plan, ProfileSwing, Status
from melange_cloud.report.pages.region import SECTIONS
from tests.golden import how_to_accept
from tests.report import forms, golden_pages, plans

PAGES = plans.pages()
ONE_REGION = sorted(name for name, plan in PAGES.items() if len(plan.regions) == 1)


def lines(plan: Plan, width: int = 80) -> list[str]:
    return forms.screen(plan, width=width).splitlines()


@pytest.mark.parametrize("name", golden_pages.FIRST_SCREENS)
def test_the_screen_is_the_golden_one(name: str) -> None:
    golden = golden_pages.screen_file(name).read_text(encoding="utf-8")
    assert forms.screen(PAGES[name]) == golden, how_to_accept("pages")


@pytest.mark.parametrize("name", ["one-region", "one-machine", "seventy-b", "infeasible", "unknown"])
def test_a_fleet_of_up_to_three_lines_fills_one_screen(name: str) -> None:
    assert len(lines(PAGES[name])) <= 24


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("name", ONE_REGION)
def test_nothing_is_wider_than_the_terminal(name: str, width: int) -> None:
    page = forms.screen(PAGES[name], width=width, colour=True, show=report.SHOW)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", page)
    assert max(map(cell_len, bare.splitlines())) <= width


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_no_amount_is_cut_at_any_width(width: int) -> None:
    def amounts(page: str) -> set[str]:
        return set(re.findall(r"\$?\d{1,3}(?:,\d{3})+", page))

    assert amounts(forms.screen(PAGES["one-region"], width=width)) == amounts(forms.screen(PAGES["one-region"]))


def test_the_cost_of_the_month_is_the_first_figure_and_the_banners_stand_before_it() -> None:
    first, second, empty, answer, *_ = lines(PAGES["one-region"])
    assert "EXAMPLE TRAFFIC, NOT YOURS" in first
    assert "SNAPSHOT PRICES, NOT LIVE" in second
    assert empty == ""
    assert answer == " $9,048 a month for Llama-3.1-8B*, if the peak lasts all month"


def test_a_search_that_stopped_early_is_called_that_on_the_first_screen() -> None:
    first = ProfileSwing("A10G", 1, 0.3, 0.3, True, 7_000.0, 12_000.0, 5_000.0, "measure it", proven=False)
    stated = FleetAtThroughput(9_000.0, {"g5.2xlarge": 10}, True, proven=False)
    bars = ErrorBars(FleetAtThroughput(None, {}, None, proven=False), stated, stated, (first,))
    region = plans.changed(plans.us_east_1(), error_bars=bars)
    shown = " ".join(forms.screen(plans.plan(region, pessimistic=True)).split())
    assert "$9,000 (at most; not proven) if the GPUs are as fast as estimated, no fleet found if they are" in shown
    assert "Measure first: A10G, whose error alone moves the cost by $5,000 (not proven)" in shown


def test_a_month_of_fewer_hours_is_not_called_all_of_it() -> None:
    fewer = plans.plan(plans.us_east_1(), hours_per_month=200.0)
    assert lines(fewer)[3].endswith(" a month for Llama-3.1-8B*, if the peak lasts all 200 h billed")
    assert "1M tokens in+out if the peak lasts all 200 h billed (" in " ".join(forms.table(fewer, width=120).split())


def test_fleet_and_range_follow_the_cost() -> None:
    _, _, _, _, fleet, ends, *_ = lines(PAGES["one-region"])
    assert fleet == " 7 x g5.2xlarge (A10G) + 4 x g6.2xlarge (L4) in aws us-east-1, on demand*"
    assert ends == " $6,741 to $12,414 if the GPUs are faster or slower than estimated"


@pytest.mark.parametrize("name", ONE_REGION)
def test_nothing_is_called_proven_next_to_an_estimated_cost(name: str) -> None:
    assert not re.search(r"(?<!not )(?<!Not )[Pp]roven cheapest", forms.screen(PAGES[name]))


def test_the_whole_page_says_what_the_proof_rests_on() -> None:
    assert "Proven cheapest if speeds are as estimated." in forms.table(PAGES["one-region"], width=80)
    region = plans.us_east_1()
    measured = plans.changed(region, kinds=tuple(replace(use, origin="measured") for use in region.fleet.kinds))
    assert "Proven cheapest if speeds are as measured." in forms.table(plans.plan(measured), width=80)
    assert "faster or slower than measured" in forms.screen(plans.plan(measured))


def test_a_plan_without_proof_says_so_on_the_first_screen() -> None:
    assert "Not proven: at most 5.3 % above the cheapest" in forms.screen(PAGES["seventy-b"])


def test_a_fleet_of_one_machine_says_that_nothing_serves_without_it() -> None:
    assert "One machine: if it fails, nothing serves" in forms.screen(PAGES["one-machine"])
    assert "One machine" not in forms.screen(PAGES["one-region"])


def test_what_is_often_sold_out_says_so_on_its_line() -> None:
    page = " ".join(forms.screen(PAGES["one-machine"]).split())
    assert "96 vCPU of P, not checked; often unavailable on demand" in page
    assert "often unavailable" not in forms.screen(PAGES["one-region"])
    line = replace(plans.allocation(plans.G5, 3), availability=Availability.UNCONFIRMED)
    assert "availability unconfirmed" in forms.screen(plans.plan(plans.region_plan((line,))))


def test_quotas_are_named_in_short_and_where_there_is_room_in_full() -> None:
    assert "56 vCPU of G, not checked" in forms.screen(PAGES["one-region"])
    assert '56 vCPU of "Running On-Demand G and VT instances", not checked' in forms.screen(
        PAGES["one-region"], width=120
    )
    google = plans.plan(plans.region_plan((plans.allocation(plans.G2, 6),), provider="gcp", region="us-central1"))
    assert "6 L4 GPUs, not checked" in forms.screen(google)


@pytest.mark.parametrize("width", [80, 110, 115, 120])
def test_the_name_of_a_quota_takes_no_other_column_away(width: int) -> None:
    page = forms.screen(PAGES["one-region"], width=width)
    assert re.search(r"^ Instance +GPU +Count +\$/h each +\$/month +Traffic +Getting it$", page, re.MULTILINE)


def test_a_fleet_of_many_types_is_counted_in_its_line() -> None:
    machines = (plans.G5, plans.G5_4, plans.G6, plans.P4D, plans.P5)
    plan = plans.plan(plans.region_plan(tuple(plans.allocation(machine, 2) for machine in machines)))
    assert " 10 instances of 5 types in aws us-east-1, on demand*\n" in forms.screen(plan)


def test_the_rows_of_the_table_sum_to_the_month() -> None:
    """Three lines of $10.60 a month: rounded one by one they would be 33, their sum is 31.8."""
    price = 10.6 / plans.HOURS
    machines = (plans.G5, plans.G5_4, plans.G6)
    plan = plans.plan(plans.region_plan(tuple(plans.allocation(machine, 1, price=price) for machine in machines)))
    page = forms.screen(plan)
    months = [int(found) for found in re.findall(r"^ g\d\S+ .*? (\d+) +\d+ % ", page, re.MULTILINE)]
    assert page.count("$32 a month") == 1
    assert sorted(months) == [10, 11, 11]


def test_decisions_are_named_with_what_to_type_and_what_they_change() -> None:
    rows = "\n".join(lines(PAGES["one-region"]))
    assert "which our host-memory rule leaves out" in rows
    assert re.search(r"survive losing one instance: --spare 1 +10,646 +\+17\.7 %", rows)
    assert re.search(r"half the TPOT, 50 ms: --tpot-ms 50 +10,617 +\+17\.3 %", rows)
    assert re.search(r"a router that sends by prompt length: --router prompt +8,876 +-1\.9 %", rows)


def test_notes_that_warn_of_nothing_are_counted_and_a_warning_is_shown() -> None:
    minor, warning = "live prices need credentials", "DROPPED, NOT SERVED - 4 % of requests"
    plan = plans.plan(plans.us_east_1(), notices=(plans.EXAMPLE, plans.SNAPSHOT, minor, warning))
    plan = replace(plan, minor_notices=(minor,))
    page = forms.screen(plan)
    assert warning in page
    assert minor not in page
    assert "1 note: --show notes" in page
    shown = forms.screen(plan, show=frozenset({"notes"}))
    assert minor in shown
    assert minor in forms.table(plan, width=80)
    assert "--show notes" not in forms.screen(PAGES["one-region"])


def test_the_star_is_explained_once_and_only_where_there_is_one() -> None:
    assert forms.screen(PAGES["one-region"]).count("* default, not yours") == 1
    assert "*" not in forms.screen(replace(PAGES["one-region"], defaulted=(), notices=()))


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((100.0, 200.0), "$100 to $200 if the GPUs are faster or slower than estimated"),
        ((100.0, 100.0), "Still $100 if the GPUs are faster or slower than estimated"),
        ((100.0, None), "$100 if the GPUs are faster than estimated; if slower, no fleet was found"),
        ((None, 200.0), "$200 if the GPUs are slower than estimated; if faster, no fleet was found"),
        ((None, None), "What it costs if the GPUs are faster or slower than estimated: no data"),
    ],
)
def test_a_missing_end_of_the_range_is_said(ends: tuple[float | None, float | None], expected: str) -> None:
    assert expected in forms.screen(plans.plan(plans.us_east_1(usd_per_month_range=ends)))


def test_without_a_plan_the_reason_comes_first_and_no_amount_is_invented() -> None:
    for name in ("infeasible", "unknown"):
        page = forms.screen(PAGES[name])
        assert f"No plan - {PAGES[name].regions[0].status}: " in page
        assert "$" not in page
    assert "Each GPU alone: --show alternatives" in forms.screen(PAGES["infeasible"])
    shown = forms.screen(PAGES["infeasible"], show=frozenset({"alternatives"}))
    assert "A10G only: quota aws:G <= 8 vCPU" in shown


def test_what_is_left_out_by_a_rule_is_named_without_a_plan_and_what_the_reason_says_is_not() -> None:
    entries = (
        IneligibleType("p5.4xlarge", "only by Capacity Block here", "sold_as"),
        IneligibleType("g6.2xlarge", "L4: too slow for this target", "cannot_serve"),
        IneligibleType("p4d.24xlarge", "A100-40GB not requested (--gpu)", "gpu_not_asked"),
    )
    page = forms.screen(plans.plan(plans.no_plan("us-east-1", left_out=entries)))
    assert "p5.4xlarge: only by Capacity Block here" in page
    assert "g6.2xlarge" not in page
    assert "p4d.24xlarge" not in page


def test_a_commitment_says_what_is_signed_and_for_how_long() -> None:
    region = PAGES["commitment"].regions[0]
    region = replace(region, cost=replace(region.cost, obligation_usd=59_084.6))
    signed = plans.plan(region, purchase="commit_1y")
    page = " ".join(forms.screen(signed).split())
    assert "1-year commitment (RI 1y standard no upfront) after your discounts: a 24x7 obligation for 1 year, $" in page
    assert "for 1 year, $59,085 in all" in page
    assert "a month for Llama-3.1-8B*, used or not" in page
    assert "if the peak lasts" not in page


def test_every_section_can_be_shown_by_its_name_and_an_empty_one_says_so() -> None:
    bare = forms.screen(PAGES["one-region"])
    for name in SECTIONS:
        shown = forms.screen(PAGES["one-region"], show=frozenset({name}))
        assert shown.startswith(bare)
        assert len(shown) > len(bare)
    assert "reasons: nothing to show for this plan" in forms.screen(PAGES["one-region"], show=frozenset({"reasons"}))


def test_the_sections_together_hold_all_that_the_whole_page_holds() -> None:
    whole = forms.table(PAGES["one-region"], width=200)
    shown = forms.screen(PAGES["one-region"], width=200, show=report.SHOW)
    assert {line.split("  ")[-1].strip() for line in whole.splitlines()} - {
        line.split("  ")[-1].strip() for line in shown.splitlines()
    } <= {"g5.xlarge, g6.xlarge: 16 GiB host < 24", "p5.4xlarge: only by Capacity Block here"}


def test_markdown_is_the_first_screen_too_unless_the_whole_is_asked_for() -> None:
    short, whole = (forms.as_markdown(PAGES["one-region"], full=full) for full in (False, True))
    assert "Worth a decision" in short
    assert "Alternatives" not in short
    assert "Alternatives" in whole


def test_the_brief_document_has_the_figures_of_the_screen() -> None:
    document = json.loads(forms.as_json(PAGES["one-region"], brief=True))
    (region,) = document["regions"]
    assert region["usd_per_month"] == pytest.approx((7 * 1.212 + 4 * 0.9776) * 730)
    assert [line["instances"] for line in region["fleet"]] == [7, 4]
    assert region["fleet"][0]["quota"]["needed"] == 56
    assert sum(line["requests_share"] for line in region["fleet"]) == pytest.approx(1)
    assert [one["changes"] for one in region["worth_deciding"]] == ["min_host_memory_gib", "spare", "tpot_ms", "router"]
    assert document["notices"] == list(PAGES["one-region"].notices)
    assert not region["is_one_machine"]


def test_an_unknown_status_keeps_its_brief_document_whole() -> None:
    (region,) = json.loads(forms.as_json(PAGES["unknown"], brief=True))["regions"]
    assert region["status"] == Status.UNKNOWN
    assert region["reason"]
    assert region["fleet"] == []
    assert region["usd_per_month"] is None
