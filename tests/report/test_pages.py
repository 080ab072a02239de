"""The pages as a terminal shows them: golden files, widths, colour, and what must stand on them."""

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from melange_cloud import report
from melange_cloud.domain import IneligibleType, Plan, Status
from melange_cloud.report.text import usd_per_month
from tests.golden import how_to_accept
from tests.report import forms, golden_pages, plans

PAGES = plans.pages()
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def one(plan: Plan, width: int = 120, *show: str) -> str:
    return forms.table(plan, width=width, colour=False, show=frozenset(show))


@pytest.mark.parametrize("width", golden_pages.WIDTHS)
@pytest.mark.parametrize("name", golden_pages.NAMES)
def test_the_page_is_the_golden_one(name: str, width: int) -> None:
    golden = golden_pages.file(name, width).read_text(encoding="utf-8")
    assert one(PAGES[name], width) == golden, how_to_accept("pages")


def test_no_golden_page_is_left_over() -> None:
    assert set(golden_pages.FOLDER.iterdir()) == {path for path, _ in golden_pages.kept()}


@pytest.mark.parametrize("colour", [False, True])
@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_wider_than_asked(name: str, width: int, colour: bool) -> None:
    page = forms.table(PAGES[name], width=width, colour=colour, show=report.SHOW, all_rows=True)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", page)
    assert max(cell_len(line) for line in bare.splitlines()) <= width
    assert "\x1b" not in bare
    assert ("\x1b" in page) is colour
    assert page.endswith("\n")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_colour_changes_no_character(name: str) -> None:
    page = forms.table(PAGES[name], width=90, colour=True)
    stripped = "\n".join(line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", page).splitlines())
    assert stripped == one(PAGES[name], 90).rstrip("\n")


def test_the_environment_does_not_change_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    before = forms.table(PAGES["one-region"], width=80, colour=True)
    for name, value in {"COLUMNS": "20", "LINES": "3", "NO_COLOR": "1", "TERM": "dumb", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    assert forms.table(PAGES["one-region"], width=80, colour=True) == before
    assert "\x1b" not in one(PAGES["one-region"], 80)


def amounts(page: str) -> set[str]:
    return {found for found in NUMBER.findall(page) if "," in found}


@pytest.mark.parametrize("name", ["one-region", "several-regions", "forty-regions", "seventy-b", "spot"])
def test_a_narrow_page_cuts_no_amount(name: str) -> None:
    narrow, wide = (amounts(forms.table(PAGES[name], width=width, colour=False, all_rows=True)) for width in (60, 109))
    # What moving saves is the difference of two amounts on the page, and may go.
    compared = [region.comparison for region in PAGES[name].regions if region.comparison is not None]
    savings = {usd_per_month(standing.saving_usd_per_month) for standing in compared}
    assert narrow - savings == wide - savings


def test_banners_come_first_and_each_notice_appears_once() -> None:
    plan = plans.plan(plans.us_east_1(), notices=(plans.EXAMPLE, plans.SNAPSHOT, "third", plans.SNAPSHOT))
    lines = one(plan).splitlines()
    assert [line.strip() for line in lines[:3]] == [" ".join(plans.EXAMPLE.split()), plans.SNAPSHOT, "third"]
    assert one(plan).count("SNAPSHOT PRICES") == 1


def test_banner_lines_are_those_of_the_table() -> None:
    plan = PAGES["one-region"]
    for width in (60, 80, 120):
        banner = report.banner_lines(plan, width)
        assert one(plan, width).splitlines()[: len(banner)] == banner
    assert report.banner_lines(plans.plan(plans.us_east_1(), notices=()), 80) == []


def test_defaults_are_marked_and_what_was_set_is_not() -> None:
    everything = one(PAGES["one-region"])
    for marked in ("8B* ", "bf16*", "engine era vLLM 2026*", "conversation*", "10 req/s*", "20 % headroom*", "100 ms*"):
        assert marked in everything
    assert "router plain*: weighted" in everything
    assert "730 h/month*" in everything
    nothing = one(replace(PAGES["one-region"], defaulted=(), notices=()))
    assert "*" not in nothing


def test_what_narrows_the_answer_is_repeated() -> None:
    asked = plans.plan(
        plans.us_east_1(),
        gpus=("A10G", "L4"),
        spare=1,
        headroom=0.125,
        min_host_memory_gib=12.5,
        max_gpus={"L4": 4},
        max_instances={"g5.2xlarge": 9},
        max_vcpus={"aws:G": 96},
    )
    page = one(asked, 200)
    assert "+ 12.5 % headroom = 12;" in page
    assert (
        "asked for: only A10G and L4; the fleet survives losing any one instance; host memory >= 12.5 GiB; "
        "quota L4 <= 4 GPUs, g5.2xlarge <= 9, aws:G <= 96 vCPU\n"
    ) in page
    assert "asked for" not in one(PAGES["one-region"])


def test_the_star_is_explained_once() -> None:
    assert one(PAGES["one-region"]).count(" * default\n") == 1
    assert "* default" not in one(replace(PAGES["one-region"], defaulted=()))


def test_the_total_is_100_percent_and_allocations_of_one_kind_split_by_replicas() -> None:
    page = one(PAGES["spot"], 80)
    shares = [int(found) for found in re.findall(r"^ g\d\S+ .*?(\d+) %$", page, re.MULTILINE)]
    assert len(shares) == 3
    assert sum(shares) == 100
    three_singles, one_of_four = shares[0], shares[1]
    assert abs(three_singles * 4 - one_of_four * 3) <= 4
    assert re.search(r"Total .*100 %", page)


def test_a_plan_without_proof_says_by_how_much_it_may_be_too_dear() -> None:
    cost = PAGES["seventy-b"].regions[0].fleet_usd_per_hour
    assert cost is not None
    bound = cost * 0.95 * plans.HOURS
    assert f"Not proven: at most 5.3 % above the cheapest (bound ${bound:,.0f})." in one(PAGES["seventy-b"], 200)
    unbounded = plans.us_east_1(status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=None)
    assert "Not proven cheapest: no bound was found." in one(plans.plan(unbounded))
    assert "Proven cheapest" not in one(plans.plan(unbounded))


def test_the_divisor_of_a_million_tokens_is_published() -> None:
    assert "if the peak lasts all month (35,893 million/month)" in one(PAGES["one-region"], 200)
    assert "at the mean rate (11,964 million/month)" in one(PAGES["seventy-b"], 200)


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((100.0, 200.0), "If profiles are 30 % better or worse: $100 to $200."),
        ((100.0, None), "If profiles are 30 % better: $100; if 30 % worse: no fleet was found."),
        ((None, 200.0), "If profiles are 30 % worse: $200; if 30 % better: no fleet was found."),
        ((None, None), "What the profiles' errors do to the cost: no data."),
    ],
)
def test_a_missing_end_of_the_range_is_said(ends: tuple[float | None, float | None], expected: str) -> None:
    assert expected in one(plans.plan(plans.us_east_1(usd_per_month_range=ends)))


def test_a_saving_inside_the_profile_error_is_called_that() -> None:
    assert "The mix saves 7.0 % against A10G alone, less than the profiles' ±30 %." in one(PAGES["one-region"])
    cost = plans.us_east_1().fleet_usd_per_hour or 0.0
    far = plans.us_east_1(single_gpu=(plans.single("L4", cost * 2, {"g6.2xlarge": 30}, cost=cost),))
    assert "The mix saves 50.0 % against L4 alone.\n" in one(plans.plan(far))
    level = plans.us_east_1(single_gpu=(plans.single("L4", cost, {"g6.2xlarge": 30}, cost=cost),))
    assert "saves" not in one(plans.plan(level))


def test_degrees_of_one_gpu_collapse_to_the_cheapest() -> None:
    page = one(PAGES["one-region"], 80)
    assert "1 p4d.24xlarge (A100-40GB only)" in page
    assert "2 p4d.24xlarge" not in page
    assert "L4 only: x4 140 GiB of weights do not fit; x8 no instance type here has 8" in one(PAGES["seventy-b"])


@pytest.mark.parametrize(
    ("router", "shown"), [("plain", ("prompt", "oracle")), ("prompt", ("oracle",)), ("oracle", ())]
)
def test_only_better_routers_are_offered(router: str, shown: tuple[str, ...]) -> None:
    page = one(plans.plan(plans.us_east_1(), router=router))
    assert set(re.findall(r"--router (\w+)", page)) == set(shown)


def test_a_router_without_an_answer_is_no_data() -> None:
    page = one(plans.plan(plans.us_east_1(routers={"plain": 12.0, "prompt": None})))
    assert re.search(r"\(--router prompt\): no data +- +-\n", page)
    assert "oracle" not in page


def test_left_out_is_grouped_by_reason_or_one_a_line() -> None:
    grouped = one(PAGES["one-region"])
    assert "p5.4xlarge: only by Capacity Block here\n           g5.xlarge, g6.xlarge: 16 GiB host < 24\n" in grouped
    listed = one(PAGES["one-region"], 120, "left-out")
    assert re.search(r"^ g5.xlarge +16 GiB host < 24$", listed, re.MULTILINE)
    assert re.search(r"^ g6.xlarge +16 GiB host < 24$", listed, re.MULTILINE)
    assert "g5.xlarge, g6.xlarge" not in listed


def test_reasons_that_differ_by_a_number_stand_in_its_order() -> None:
    entries = tuple(IneligibleType(f"t{gib}", f"{gib} GiB host < 139", "host_memory") for gib in (128, 16, 64))
    page = one(plans.plan(plans.us_east_1(left_out=entries)))
    assert re.findall(r"(\d+) GiB host", page) == ["16", "64", "128"]


def test_a_plan_of_one_gpu_is_named_among_the_single_ones() -> None:
    region = plans.region_plan((plans.allocation(plans.G5, 11),))
    cost = region.fleet_usd_per_hour or 0.0
    plan = plans.plan(plans.changed(region, single_gpu=(plans.single("A10G", cost, {"g5.2xlarge": 11}, cost=cost),)))
    assert re.search(r"11 g5.2xlarge \(A10G only\): this plan +9,732 +0 %", one(plan, 80))
    assert "this plan" not in one(PAGES["one-region"], 80)


def test_routing_is_shown_when_asked() -> None:
    assert "Which sizes go where" not in one(PAGES["one-region"])
    narrow = one(PAGES["one-region"], 80, "routing")
    assert re.search(r"^ +101-1,000 +26-250 +480 / 110 +6 +66 % +34 %$", narrow, re.MULTILINE)
    assert re.search(r"66 % +34 % +1.3 +1.2$", one(PAGES["one-region"], 120, "routing"), re.MULTILINE)
    many = " ".join(one(PAGES["seventy-b"], 80, "routing").split())
    assert "A100-80GB x4 40 %, A100-80GB x8 20 %, H100 x4 40 %" in many


def test_a_region_without_a_plan_has_reasons_and_no_invented_number() -> None:
    for name, status in (("infeasible", "infeasible"), ("unknown", "unknown")):
        page = one(PAGES[name])
        assert f"No plan - {status}: " in page
        assert "$/h" not in page
        assert not re.search(r"\$\d", page)
        assert "Proven" not in page
    assert "A10G only: quota aws:G <= 8 vCPU" in one(PAGES["infeasible"])


def test_degrees_stand_in_the_fleet_only_where_a_replica_spans_gpus() -> None:
    assert re.search(r"^ Instance .* TP ", one(PAGES["seventy-b"], 80), re.MULTILINE)
    assert not re.search(r"^ Instance .* TP ", one(PAGES["one-region"]), re.MULTILINE)


def test_spot_and_commitments_are_named_for_what_they_are() -> None:
    assert "Spot      interruptible, price at one moment." in one(PAGES["spot"])
    signed = one(plans.plan(PAGES["commitment"].regions[0], purchase="commit_1y"), 200)
    assert "1-year commitment (RI 1y standard no upfront), billed 730 h/month* after your discounts" in signed
    assert "a 24x7 obligation for 1 year, used or not." in signed
    assert "Your discounts change the list price of $6,334 by -10.0 %." in signed


def test_what_cannot_simply_be_bought_is_flagged() -> None:
    line = replace(plans.allocation(plans.P5, 1), sold_as="unknown")
    page = one(plans.plan(plans.region_plan((line,)), sold_as="any"))
    assert "p5.48xlarge: listed, but availability is unconfirmed." in page
    assert "asked for: however it is sold" in page


def test_the_quota_is_named_and_not_checked() -> None:
    assert '"Running On-Demand G and VT instances" >= 88 vCPU; not checked' in one(PAGES["one-region"])


def test_what_is_not_included_is_said_on_every_page() -> None:
    for name, plan in PAGES.items():
        page = " ".join(one(plan, 80).split())
        assert "Not included: disks, load balancer, egress, Kubernetes, support, tax." in page, name
        assert "Nights are billed like peaks." in page, name


def test_names_from_outside_stay_text() -> None:
    page = forms.table(PAGES["hostile"], width=200, colour=True)
    assert "[red]x|y \ufffd[31m`*_<b>&$9" in page
    assert "\x1b[31m" not in page


def test_a_spare_that_serves_nothing_has_no_profile_to_trust() -> None:
    region = plans.us_east_1()
    idle = replace(region.fleet.kinds[1], requests_share=0.0, tokens_share=0.0, busy_replicas=0.0, grade="-", error=0.0)
    page = one(plans.plan(plans.changed(region, kinds=(replace(region.fleet.kinds[0], requests_share=1.0), idle))))
    assert "±30 % on A10G\n" in page
