"""Which SKU prices which part: wording, unit, currency, tiers, and the look-alikes."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.clouds.gcp.skus import part_prices, read_sku
from tests.clouds.gcp_recorded import message, sku, skus
from tests.properties import examples
from tests.questions import NOW


def part_of(description, group="GPU", usage="OnDemand", **more):
    found = read_sku(message(sku(description, group, usage, **more)))
    return found and (found.part, found.purchase)


@pytest.mark.parametrize(
    ("description", "group", "usage", "part", "purchase"),
    [
        ("G2 Instance Core running in Americas", "CPU", "OnDemand", "G2 vCPU", "on_demand"),
        ("A2 INSTANCE RAM RUNNING IN PARIS", "RAM", "OnDemand", "A2 memory", "on_demand"),
        ("A3 Instance Core running in Americas", "CPU", "OnDemand", "A3 vCPU", "on_demand"),
        ("A3Plus Instance Core running in Americas", "CPU", "OnDemand", "A3Plus vCPU", "on_demand"),
        ("Nvidia L4 GPU running in Americas", "GPU", "OnDemand", "L4 GPU", "on_demand"),
        ("Nvidia Tesla A100 GPU running in Americas", "GPU", "OnDemand", "A100 40GB GPU", "on_demand"),
        ("Nvidia Tesla A100 80GB GPU running in Tokyo", "GPU", "OnDemand", "A100 80GB GPU", "on_demand"),
        ("Nvidia H100 80GB GPU running in Americas", "GPU", "OnDemand", "H100 GPU", "on_demand"),
        ("Nvidia H100 80GB Mega GPU running in Seoul", "GPU", "OnDemand", "H100 Mega GPU", "on_demand"),
        ("Nvidia H100 Mega 80GB GPU running in Seoul", "GPU", "OnDemand", "H100 Mega GPU", "on_demand"),
        ("Nvidia H100 80GB Plus GPU running in Americas", "GPU", "OnDemand", "H100 Mega GPU", "on_demand"),
        ("Spot Preemptible A2 Instance Ram running in Americas", "RAM", "Preemptible", "A2 memory", "spot"),
        ("Nvidia Tesla A100 GPU attached to Spot Preemptible VMs running in Americas", "GPU", "Preemptible",
         "A100 40GB GPU", "spot"),
        ("Nvidia H100 80GB Mega GPU attached to Spot Preemptible VMs running in Seoul", "GPU", "Preemptible",
         "H100 Mega GPU", "spot"),
        ("Commitment v1: G2 Cpu in Berlin for 1 Year", "CPU", "Commit1Yr", "G2 vCPU", "commit_1y"),
        ("Commitment v1: G2 Ram in Berlin for 1 year", "RAM", "Commit1Yr", "G2 memory", "commit_1y"),
        ("Commitment v1: A3 Cpu in Americas for 3 Years", "CPU", "Commit3Yr", "A3 vCPU", "commit_3y"),
        ("Commitment v1: Nvidia Tesla A100 GPU in Iowa for 3 Year", "GPU", "Commit3Yr", "A100 40GB GPU", "commit_3y"),
        ("Commitment v1: Nvidia L4 GPU running in Americas for 1 Year", "GPU", "Commit1Yr", "L4 GPU", "commit_1y"),
        ("Commitment v1: Nvidia H100 80GB Mega GPU running in Seoul for 1 Year", "GPU", "Commit1Yr",
         "H100 Mega GPU", "commit_1y"),
    ],
)  # fmt: skip
def test_a_wording_of_google_is_the_part_it_means(description, group, usage, part, purchase):
    unit = "GiBy.h" if group == "RAM" else "h"
    assert part_of(description, group, usage, unit=unit) == (part, purchase)


@pytest.mark.parametrize(
    ("description", "usage", "purchase"),
    [
        ("SSD backed Local Storage", "OnDemand", "on_demand"),
        ("SSD backed Local Storage in Bangkok", "OnDemand", "on_demand"),
        ("SSD backed Local Storage attached to Spot Preemptible VMs", "Preemptible", "spot"),
        ("SSD backed Local Storage attached to Spot Preemptible VMs running in Paris", "Preemptible", "spot"),
        ("Commitment v1: Local SSD In Americas for 3 Years", "Commit3Yr", "commit_3y"),
    ],
)
def test_local_ssd(description, usage, purchase):
    assert part_of(description, "LocalSSD", usage, unit="GiBy.mo") == ("local SSD", purchase)


@pytest.mark.parametrize("lookalike", skus("lookalikes.json")[:-1], ids=lambda found: found["description"])
def test_a_lookalike_prices_nothing(lookalike):
    assert read_sku(message(lookalike)) is None


@pytest.mark.parametrize(
    ("description", "group", "usage", "family"),
    [
        ("Nvidia L4 GPU running in Americas", "GPU", "Preemptible", "Compute"),
        ("Nvidia L4 GPU attached to Spot Preemptible VMs running in Americas", "GPU", "OnDemand", "Compute"),
        ("Nvidia L4 GPU running in Americas", "GPU", "OnDemand", "Storage"),
        ("A2 Instance Core running in Americas", "RAM", "OnDemand", "Compute"),
        ("Commitment v1: A2 Cpu in Americas for 3 Years", "CPU", "Commit1Yr", "Compute"),
        ("A20 Instance Core running in Americas", "CPU", "OnDemand", "Compute"),
        ("Discount on A2 Instance Core running in Americas", "CPU", "OnDemand", "Compute"),
        ("A2 Instance Core", "CPU", "OnDemand", "Compute"),
        ("SSD backed Local Storage Snapshots in Paris", "LocalSSD", "OnDemand", "Storage"),
        ("Commitment v1: A2 Cpu in Americas for 1 Year and a half", "CPU", "Commit1Yr", "Compute"),
    ],
)
def test_text_usage_family_and_group_must_all_agree(description, group, usage, family):
    assert part_of(description, group, usage, family=family) is None


def one_price(**of_sku):
    return read_sku(message(sku(**of_sku)))


def test_units_is_a_string_or_a_number_and_nanos_are_billionths():
    assert one_price(units="9", nanos=796550569).usd_per_part_hour == Decimal("9.796550569")
    assert one_price(units=9, nanos=796550569).usd_per_part_hour == Decimal("9.796550569")


def test_gigabytes_become_gibibytes_and_months_hours():
    ram = {"description": "A2 Instance Ram running in Americas", "group": "RAM", "nanos": 4237000}
    assert one_price(**ram, unit="GiBy.h").usd_per_part_hour == Decimal("0.004237")
    assert one_price(**ram, unit="GBy.h").usd_per_part_hour == Decimal("0.004237") * Decimal("1.073741824")
    ssd = one_price(description="SSD backed Local Storage", group="LocalSSD", nanos=80000000, unit="GiBy.mo")
    assert float(ssd.usd_per_part_hour) == pytest.approx(0.08 / 730, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"currency": "IDR", "units": "508"}, "is priced in 'IDR', not in USD"),
        ({"unit": "mo"}, "is priced per 'mo', not per h"),
        ({"nanos": 0}, "has the price 0"),
        ({"nanos": -1000000}, "has the price -0.001"),
    ],
)
def test_a_price_that_cannot_be_right_is_refused(change, fault):
    found = one_price(**change)
    assert (found.usd_per_part_hour, found.fault) == (None, fault)


def test_only_the_first_tier_counts_and_must_be_there():
    tiered = sku()
    first = tiered["pricingInfo"][0]["pricingExpression"]["tieredRates"]
    first.insert(0, {"startUsageAmount": 100, "unitPrice": {"currencyCode": "USD", "units": "0", "nanos": 1}})
    assert read_sku(message(tiered)).usd_per_part_hour == Decimal("0.560040239")
    first.pop()
    assert read_sku(message(tiered)).fault == "has 0 prices for the first unit, not one"


def test_the_newest_price_counts_in_whatever_order():
    old, new = sku(nanos=1000, when="2024-01-01T00:00:00Z"), sku(nanos=2000, when="2026-01-01T00:00:00.5Z")
    for order in ((old, new), (new, old)):
        both = {**old, "pricingInfo": [info for one in order for info in one["pricingInfo"]]}
        assert read_sku(message(both)).usd_per_part_hour == Decimal("0.000002")
    assert read_sku(message({**old, "pricingInfo": []})).fault == "has no price"


def entries(*priced):
    """One SKU with several prices: (nanos, when each begins)."""
    made = [sku(nanos=nanos, when=when) for nanos, when in priced]
    return {**made[0], "pricingInfo": [info for one in made for info in one["pricingInfo"]]}


def test_a_price_that_begins_later_is_not_todays():
    """0.7068 today and 0.4468 from 2027 on, as Google listed it."""
    listed = entries((706800000, "2026-07-30T00:00:00Z"), (446800000, "2027-01-01T00:00:00Z"))
    for one in (listed, {**listed, "pricingInfo": listed["pricingInfo"][::-1]}):
        assert read_sku(message(one), NOW).usd_per_part_hour == Decimal("0.7068")
        assert read_sku(message(one), datetime(2027, 1, 1, tzinfo=UTC)).usd_per_part_hour == Decimal("0.4468")
        assert read_sku(message(one), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)).usd_per_part_hour == Decimal(
            "0.7068"
        )


@pytest.mark.parametrize(
    ("priced", "fault"),
    [
        ([(1000, "2027-01-01T00:00:00Z")], "has no valid price before 2027-01-01"),
        (
            [(1000, "2028-01-01T00:00:00Z"), (900, "2027-03-01T00:00:00Z")],
            "has no valid price before 2027-03-01",
        ),
        (
            [(1000, "2026-01-01T00:00:00Z"), (900, "2026-01-01T00:00:00Z")],
            "has 2 prices that take effect at the same moment",
        ),
    ],
)
def test_without_a_price_in_force_there_is_no_price(priced, fault):
    found = read_sku(message(entries(*priced)), NOW)
    assert (found.usd_per_part_hour, found.fault) == (None, fault)


def test_a_price_that_is_listed_twice_is_one_price():
    twice = entries((1000, "2026-01-01T00:00:00Z"), (1000, "2026-01-01T00:00:00Z"))
    assert read_sku(message(twice), NOW).usd_per_part_hour == Decimal("0.000001")


def test_converted_money_and_impossible_money_are_refused():
    converted = sku()
    converted["pricingInfo"][0]["currencyConversionRate"] = 0.92
    assert read_sku(message(converted)).fault == "is converted at 0.92 from another currency"
    assert "is not an amount of money" in one_price(units="0", nanos=2_000_000_000).fault
    assert "is not an amount of money" in one_price(units="1", nanos=-5).fault


def test_what_google_writes_is_cut_and_cleaned_before_it_is_repeated():
    nasty = read_sku(message(sku("Nvidia L4 GPU running in \x1b]0;owned\x07" + "x" * 5000, currency="\x1b[31mEUR")))
    assert "\x1b" not in nasty.description + nasty.fault
    assert len(nasty.description) <= 100


def test_the_place_in_the_text_says_nothing():
    parts = part_prices([message(sku("Nvidia L4 GPU running in Netherlands", regions=["us-east4", "me-west1"]))])
    assert {region for region, _, _ in parts.usd_per_part_hour} == {"us-east4", "me-west1"}


@pytest.mark.parametrize("same_price", [True, False])
def test_two_skus_of_one_part_are_an_error_that_names_both(same_price):
    first = sku(sku_id="AAAA", regions=["us-central1", "us-east1"])
    second = sku(sku_id="BBBB", nanos=560040239 if same_price else 1, regions=["us-central1"])
    for order in ((first, second), (second, first)):
        parts = part_prices(map(message, order))
        assert list(parts.usd_per_part_hour) == [("us-east1", "on_demand", "L4 GPU")]
        fault = parts.faults["us-central1", "on_demand", "L4 GPU"]
        assert "AAAA" in fault
        assert "BBBB" in fault


def test_a_zero_price_does_not_give_way_to_another_sku():
    parts = part_prices([message(sku(sku_id="FREE", nanos=0)), message(sku(sku_id="PAID"))])
    assert not parts.usd_per_part_hour
    assert "FREE" in parts.faults["us-central1", "on_demand", "L4 GPU"]


def test_a_page_sent_twice_changes_nothing():
    once = part_prices(map(message, skus()))
    assert part_prices(map(message, skus() + skus())) == once
    assert not once.faults


def test_an_unknown_wording_of_our_gpus_is_remembered_and_a_lookalike_is_not():
    renamed = sku("Nvidia H100 80GB Ultra GPU running in Americas", sku_id="NEW")
    parts = part_prices(map(message, [renamed, *skus("lookalikes.json")[:3]]))
    assert parts.unread == {("us-central1", "on_demand"): ("SKU NEW 'Nvidia H100 80GB Ultra GPU running in Americas'",)}


@settings(max_examples=examples(20))
@given(st.permutations(range(len(skus()))))
def test_the_order_of_the_skus_does_not_matter(order):
    listed = [message(found) for found in skus()]
    assert part_prices(listed[at] for at in order) == part_prices(listed)
