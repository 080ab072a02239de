"""The same question bought in every way: each exact in its own right, never mixed, unknown where it is unknown."""

import csv
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import melange_cloud
from melange_cloud import catalog
from melange_cloud.domain import PURCHASES, Confidence, Status
from melange_cloud.domain.purchases import NoSaving
from melange_cloud.errors import BadInput
from melange_cloud.market.policy import PricePolicy
from melange_cloud.planner import exit_code
from melange_cloud.planner.purchases import billed_hours_per_month
from melange_cloud.planner.sweep.sensitivity import exit_code as sensitivity_exit_code
from melange_cloud.planner.sweep.sensitivity import sensitivity
from tests.properties import examples
from tests.questions import NOW, ask

GPUS = ("L4", "A10G")
COLUMNS = ("provider", "region", "instance_type", "purchase", "usd_per_hour", "contract")


def bought(*regions, **question):
    region = ask(*regions, **question, compare_purchases=True).regions[0]
    return {plan.purchase: plan for plan in region.purchases}


def on_demand_prices(region="us-east-1"):
    offers = catalog.load_snapshot("on_demand").offers_in("aws", region, "on_demand")
    return {offer.instance_type.name: offer.usd_per_instance_hour for offer in offers if offer.sold_as == "on_demand"}


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    """Writes commitments at given parts of the on-demand prices; all types, so that no other price is left."""
    path = tmp_path_factory.mktemp("prices") / "ours.csv"

    def write(parts, skip=()):
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(COLUMNS)
            for name, usd in on_demand_prices().items():
                for purchase, part in parts.items():
                    if (purchase, name) not in skip:
                        contract = "Our contract" if purchase.startswith("commit") else ""
                        rows.writerow(("aws", "us-east-1", name, purchase, repr(part * usd), contract))
        return {"prices": path, "accept_odd_prices": True}

    return write


@settings(max_examples=examples(16))
@given(
    one=st.floats(0.05, 0.95),
    three=st.floats(0.05, 1.5),
    rate=st.floats(0.5, 60),
    router=st.sampled_from(["plain", "prompt"]),
)
def test_commitments_at_a_part_of_on_demand_cost_that_part(sheet, one, three, rate, router):
    prices = sheet({"on_demand": 1.0, "commit_1y": one, "commit_3y": three})
    found = bought(peak_requests_per_s=rate, router=router, gpus=GPUS, **prices)
    base = found["on_demand"].cost.usd_per_month
    for purchase, part in (("commit_1y", one), ("commit_3y", three)):
        plan = found[purchase]
        assert plan.outcome.status is Status.OPTIMAL
        assert plan.cost.usd_per_month == pytest.approx(part * base, rel=1e-4)
        # A sheet's prices are kept to the micro-dollar.
        assert plan.break_even.fraction == pytest.approx(part, rel=1e-4)
        assert plan.break_even.hours_per_month == pytest.approx(part * 730, rel=1e-4)
        assert plan.break_even.of_cheapest_fraction == pytest.approx(part, rel=1e-4)
        assert plan.against_on_demand.saving_usd_per_month == pytest.approx(base - plan.cost.usd_per_month)
        assert plan.contracts == ("Our contract",)
        # What is signed: every hour of 365-day years, used or not.
        years = {"commit_1y": 1, "commit_3y": 3}[purchase]
        assert plan.cost.obligation_usd == pytest.approx(plan.outcome.fleet_usd_per_hour * 24 * 365 * years)
        assert plan.with_spare.usd_per_month >= plan.cost.usd_per_month


def test_every_purchase_is_what_a_plan_of_that_purchase_alone_says():
    for region in ("us-east-1", "us-central1"):
        found = bought(region, compare_spot=True)
        assert set(found) == set(PURCHASES)
        for purchase, plan in found.items():
            alone = ask(region, purchase=purchase).regions[0]
            assert (plan.with_spare, plan.quota_needs) == (alone.with_spare, alone.context.quota_needs)
            assert (plan.outcome.status, plan.cost.usd_per_month) == (alone.status, alone.usd_per_month)
            assert plan.instances == alone.instance_counts
            assert plan.contracts == tuple(sorted({line.contract for line in alone.allocations if line.contract}))


def test_asking_for_it_changes_nothing_else():
    plain = ask("us-east-1", "us-central1", "eu-west-3")
    compared = ask("us-east-1", "us-central1", "eu-west-3", compare_purchases=True)
    assert tuple(replace(region, purchases=None) for region in compared.regions) == plain.regions
    assert {region.purchases for region in plain.regions} == {None}


def test_the_banner_covers_the_prices_of_every_purchase_shown():
    (banner,) = (text for text in ask(compare_purchases=True).notices if text.startswith("SNAPSHOT"))
    assert "AWS list of 2025-11-30 to 2026-07-20" in banner
    (banner,) = (text for text in ask().notices if text.startswith("SNAPSHOT"))
    assert "2025-11-30" not in banner


def test_a_price_that_is_not_known_is_no_data_and_never_another_purchases_price(sheet):
    aws = bought()["commit_3y"]
    assert (aws.outcome.status, aws.outcome.solver, aws.cost.usd_per_month) == (Status.UNKNOWN, "", None)
    assert aws.outcome.reason.startswith("no 3-year commitment price")
    assert (aws.against_on_demand.sure, aws.break_even.fraction, aws.break_even.of_cheapest_fraction) == (
        None,
        None,
        None,
    )
    assert "p5.48xlarge" in bought()["commit_1y"].without_price
    # A type without a committed price cannot be part of a committed fleet, however cheap it is on demand.
    cheap = max(bought()["on_demand"].instances)
    prices = sheet({"on_demand": 1.0, "commit_3y": 0.5}, skip={("commit_3y", cheap)})
    without = bought(**prices)["commit_3y"]
    assert cheap not in without.instances
    assert cheap in without.without_price
    # Such a fleet pays later against the cheapest on demand than against itself on demand.
    assert without.break_even.fraction == pytest.approx(0.5)
    assert without.break_even.of_cheapest_fraction > 0.5


def test_types_refused_for_another_reason_are_not_called_without_a_price():
    found = bought()["commit_3y"]
    assert not {"g5.xlarge", "g6.xlarge"} & set(found.without_price)


def test_a_more_expensive_commitment_never_pays(sheet):
    found = bought(gpus=GPUS, **sheet({"on_demand": 1.0, "commit_3y": 1.25}))["commit_3y"]
    assert found.break_even.fraction == pytest.approx(1.25)
    assert found.against_on_demand.saving_usd_per_month < 0


def test_a_commitment_is_billed_while_the_fleet_is_off(sheet):
    prices = sheet({"on_demand": 1.0, "commit_3y": 0.5})
    whole, part = bought(gpus=GPUS, **prices), bought(gpus=GPUS, hours_per_month=300.0, **prices)
    assert part["commit_3y"].cost.usd_per_month == whole["commit_3y"].cost.usd_per_month
    assert part["on_demand"].cost.usd_per_month == pytest.approx(whole["on_demand"].cost.usd_per_month * 300 / 730)
    assert (
        part["commit_3y"].against_on_demand.saving_usd_per_month
        < 0
        < whole["commit_3y"].against_on_demand.saving_usd_per_month
    )
    # Half the price pays from half of the month on.
    at = part["commit_3y"].break_even.of_cheapest_hours_per_month
    just = bought(gpus=GPUS, hours_per_month=at, **prices)["commit_3y"]
    assert just.against_on_demand.saving_usd_per_month == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize(
    ("purchase", "hours", "billed"),
    [
        ("commit_1y", 300, 730),
        ("commit_3y", 671.9, 730),
        ("commit_1y", 672, 672),
        ("commit_1y", 744, 744),
        ("spot", 300, 300),
    ],
)
def test_billed_hours(purchase, hours, billed):
    assert billed_hours_per_month(purchase, hours) == billed


def test_a_plan_under_a_commitment_is_not_billed_for_a_part_of_a_month():
    with pytest.raises(BadInput, match="--hours-per-month 300: a commitment is billed for every hour"):
        ask(purchase="commit_1y", hours_per_month=300.0)


def test_how_sure_a_saving_is_looks_at_the_fleets(sheet):
    # The same day and the same prices but for a part: nothing is left to doubt.
    ours = bought(gpus=GPUS, **sheet({"on_demand": 1.0, "commit_3y": 0.5}))["commit_3y"]
    assert ours.against_on_demand.sure is Confidence.CLEAR
    assert ours.against_on_demand.prices_apart_days == 0
    same = bought(gpus=GPUS, **sheet({"on_demand": 1.0, "commit_3y": 1.0}))["commit_3y"]
    assert same.against_on_demand.sure is Confidence.EQUAL


def test_the_comparison_looks_at_the_cheapest_fleets_not_at_the_one_of_today(tmp_path):
    today = tmp_path / "fleet.csv"
    today.write_text("instance_type,instances\ng5.2xlarge,14\n", encoding="utf-8")
    kept = ask(current=today, stay_within=5.0, compare_purchases=True).regions[0]
    by_purchase = {plan.purchase: plan for plan in kept.purchases}
    assert by_purchase["on_demand"].cost.usd_per_month == ask().regions[0].usd_per_month < kept.usd_per_month


def test_frames_have_one_row_per_purchase():
    frame = melange_cloud.frames(ask("us-east-1", "us-central1", compare_purchases=True))["purchases"]
    assert list(frame["purchase"]) == ["on_demand", "commit_1y", "commit_3y"] * 2


def test_spot_is_compared_only_where_it_is_requested():
    without = {"on_demand", "commit_1y", "commit_3y"}
    assert set(bought()) == without
    assert set(bought(compare_spot=True)) == without | {"spot"}
    assert {one.purchase for one in ask(compare_spot=True).regions[0].purchases} == without | {"spot"}
    assert set(bought(purchase="spot")) == without | {"spot"}


def dated(path, rows):
    """A sheet of L4 in us-east-1 only: purchase, USD/h, day."""
    with path.open("w", newline="") as file:
        sheet = csv.writer(file)
        sheet.writerow((*COLUMNS, "as_of_to"))
        for purchase, usd, day in rows:
            contract = "Our contract" if purchase.startswith("commit") else ""
            sheet.writerow(("aws", "us-east-1", "g6.2xlarge", purchase, usd, contract, day))
    others = {name: 0 for name in on_demand_prices() if name.startswith(("g6.", "gr6.")) and name != "g6.2xlarge"}
    return {"prices": path, "accept_odd_prices": True, "gpus": ("L4",), "max_instances": others}


@pytest.mark.parametrize(("day", "days"), [("2026-10-23", 29), ("2026-10-22", 30), ("2026-11-21", 0)])
def test_a_rate_of_30_days_ago_shows_its_price_and_no_saving(tmp_path, day, days):
    rows = [("on_demand", 1.0, "2026-11-21"), ("commit_1y", 0.6, day)]
    found = bought(**dated(tmp_path / "sheet.csv", rows))["commit_1y"]
    against = found.against_on_demand
    on_demand_usd = found.on_demand_fleet_usd_per_hour
    assert found.cost.usd_per_month == pytest.approx(0.6 * on_demand_usd * 730)
    assert against.rates_apart_days == days
    if days < 30:
        assert against.saving_usd_per_month == pytest.approx(0.4 * on_demand_usd * 730)
        assert (found.break_even.fraction, against.no_saving) == (pytest.approx(0.6), None)
    else:
        assert (against.saving_usd_per_month, against.sure, against.no_saving) == (None, None, NoSaving.RATES_APART)
        assert found.break_even.fraction is found.break_even.of_cheapest_hours_per_month is None


def test_a_spot_price_seen_once_never_saves(tmp_path):
    rows = [("on_demand", 1.0, "2026-11-22"), ("spot", 0.3, "2026-11-22")]
    found = bought(compare_spot=True, **dated(tmp_path / "sheet.csv", rows))["spot"]
    assert found.cost.usd_per_month is not None
    assert found.against_on_demand.saving_usd_per_month is None
    assert found.against_on_demand.no_saving is NoSaving.ONE_OBSERVATION
    assert found.cost.obligation_usd is None


def test_what_is_signed_by_hand():
    # 10 requests/s keep 2 A100-40GB of Google busy: CUDs of 1 and 3 years at 2 x 2.314207 and 2 x 1.285708 USD/h.
    found = bought("us-central1")
    rates = {"commit_1y": 2.314207, "commit_3y": 1.285708}
    for purchase, years in (("commit_1y", 1), ("commit_3y", 3)):
        plan = found[purchase]
        assert plan.outcome.fleet_usd_per_hour == pytest.approx(2 * rates[purchase], rel=1e-4)
        assert plan.cost.obligation_usd == pytest.approx(2 * rates[purchase] * 8760 * years, rel=1e-4)
    assert [need.needed for need in found["commit_1y"].quota_needs] == [2]
    assert found["on_demand"].cost.obligation_usd is None


def test_what_is_sold_here_and_has_no_price_is_never_said_to_be_no_gpu_for_rent():
    """Every purchase, provider and GPU alike: a missing price is "no data" with exit code 5."""
    words = {"commit_1y": "1-year commitment", "commit_3y": "3-year commitment"}
    cases = []
    for provider, region in (("aws", "us-east-1"), ("aws", "eu-west-3"), ("gcp", "us-central1")):
        for purchase in PURCHASES:
            for gpu in ("", "H100", "A100-80GB", "L4"):
                sold, priced = (
                    sorted(
                        offer.instance_type.name
                        for offer in catalog.load_snapshot(bought_as).offers_in(provider, region, bought_as)
                        if gpu in ("", offer.instance_type.gpu) and offer.sold_as in ("on_demand", "commitment", "spot")
                    )
                    for bought_as in ("on_demand", purchase)
                )
                if sold and not priced:
                    cases.append((provider, region, purchase, gpu, sold))
    assert {("aws", "us-east-1", "commit_3y", ""), ("gcp", "us-central1", "commit_1y", "A100-80GB")} <= {
        case[:4] for case in cases
    }
    for provider, region, purchase, gpu, sold in cases:
        plan = ask(f"{provider}:{region}", purchase=purchase, gpus=(gpu,) if gpu else ())
        (found,) = plan.regions
        word = words.get(purchase, purchase)
        assert (found.status, exit_code(plan)) == (Status.UNKNOWN, 5)
        assert found.outcome.reason.startswith(f"no {word} price for ")
        assert "any instance type here" in found.outcome.reason or any(name in found.outcome.reason for name in sold)
        assert found.coverage is not None
        assert {(one.reason, one.no_data) for one in found.coverage.outside} == {(f"no {word} price", True)}


def test_a_sweep_without_a_price_is_no_data_too():
    asked = melange_cloud.Question(regions=("us-east-1",), trust=PricePolicy(offline=True), purchase="commit_3y")
    for over in ("rate", "tpot", "router"):
        swept = sensitivity(asked, over, now=NOW)
        reasons = {one.reason for one in swept.sweep.stretches} | {one.reason for one in swept.sweep.choices}
        assert all(reason.startswith("no 3-year commitment price for ") for reason in reasons)
        assert sensitivity_exit_code(swept) == 5
