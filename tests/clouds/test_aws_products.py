"""Which products become prices, and which are refused and why; no network at all."""

import copy
import json
from decimal import Decimal

import pytest

from melange_cloud.clouds.aws.products import PriceList, parsed
from tests.clouds.aws_cloud import Product, dimension, product, recorded
from tests.questions import NOW

PURCHASES = ("on_demand", "commit_1y", "commit_3y")


def prices_of(*products: Product, regions: tuple[str, ...] | None = None, names: tuple[str, ...] = ()) -> PriceList:
    known = names or ("g5.2xlarge", "g6.xlarge", "p4d.24xlarge", "p5.48xlarge")
    read = PriceList(known, PURCHASES, regions)
    for made in products:
        read.add(parsed(json.dumps(made)))
    return read


def test_recorded_reserved_terms_become_effective_prices() -> None:
    [made] = recorded("reserved_terms.json")
    made["product"]["attributes"]["instanceFamily"] = "GPU instance"
    priced, refused = prices_of(made, names=("m4.large",)).settle()
    assert refused == ()
    assert [(price.purchase, price.contract, price.usd_per_instance_hour) for price in priced] == [
        ("commit_1y", "RI 1y standard no upfront", Decimal("0.0819000000")),
        ("commit_3y", "RI 3y standard no upfront", Decimal("0.0605000000")),
        ("on_demand", "", Decimal("0.1200000000")),
    ]


@pytest.mark.parametrize(
    ("dropped", "contract", "one_year", "three_years"),
    [
        # 0.039 + 342 / 8760 and 0.028 + 736 / 26280
        (("No Upfront",), "partial upfront", "0.078041", "0.056006"),
        # 670 / 8760 and 1383 / 26280
        (("No Upfront", "Partial Upfront"), "all upfront", "0.076484", "0.052626"),
    ],
)
def test_an_upfront_part_is_spread_over_the_term(
    dropped: tuple[str, ...], contract: str, one_year: str, three_years: str
) -> None:
    [made] = recorded("reserved_terms.json")
    terms = made["terms"]["Reserved"]
    made["terms"]["Reserved"] = {
        key: term for key, term in terms.items() if term["termAttributes"]["PurchaseOption"] not in dropped
    }
    priced, refused = prices_of(made, names=("m4.large",)).settle()
    assert refused == ()
    assert {price.purchase: (price.contract, price.usd_per_instance_hour) for price in priced if price.contract} == {
        "commit_1y": (f"RI 1y standard {contract}", Decimal(one_year)),
        "commit_3y": (f"RI 3y standard {contract}", Decimal(three_years)),
    }


def test_convertible_terms_are_not_standard_ones() -> None:
    [made] = recorded("reserved_terms.json")
    terms = made["terms"]["Reserved"]
    made["terms"]["Reserved"] = {
        key: term for key, term in terms.items() if term["termAttributes"]["OfferingClass"] == "convertible"
    }
    priced, refused = prices_of(made, names=("m4.large",)).settle()
    assert [price.purchase for price in priced] == ["on_demand"]
    assert refused == ()


def test_capacity_block_and_free_trial_are_no_price() -> None:
    capacity_block, free_trial = recorded("traps.json")
    real = product("p5.48xlarge", usd="55.0400000000")
    priced, refused = prices_of(capacity_block, real, free_trial).settle()
    assert [(price.instance_type, price.usd_per_instance_hour) for price in priced] == [
        ("p5.48xlarge", Decimal("55.04"))
    ]
    assert refused == ()


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("marketoption", "CapacityBlock"),
        ("capacitystatus", "UnusedCapacityReservation"),
        ("capacitystatus", "AllocatedCapacityReservation"),
        ("tenancy", "Dedicated"),
        ("tenancy", "Host"),
        ("preInstalledSw", "SQL Std"),
        ("operatingSystem", "Windows"),
        ("operatingSystem", "RHEL"),
        ("licenseModel", "Bring your own license"),
        ("locationType", "AWS Local Zone"),
        ("operation", "RunInstances:CB"),
        ("regionCode", ""),
        ("instanceType", ""),
    ],
)
def test_a_product_with_another_attribute_never_gets_in(attribute: str, value: str) -> None:
    other = product(usd="0.0100000000", sku="OTHER")
    other["product"]["attributes"][attribute] = value
    priced, refused = prices_of(other, product()).settle()
    assert [price.sku for price in priced] == ["SKU0000000000001"]
    assert refused == ()


def test_two_products_for_one_pair_are_an_error_with_both_skus() -> None:
    read = prices_of(product(sku="AAA", usd="0.80"), product(sku="BBB", usd="0.90"), product("g5.2xlarge", sku="CCC"))
    priced, [refusal] = read.settle()
    assert [price.instance_type for price in priced] == ["g5.2xlarge"]
    assert refusal.where == "g6.xlarge in us-east-1 (SKU AAA and BBB)"


def test_the_same_product_on_two_pages_is_one_product() -> None:
    priced, refused = prices_of(product(), product()).settle()
    assert len(priced) == 1
    assert refused == ()


def test_one_sku_with_two_prices_is_refused() -> None:
    priced, [refusal] = prices_of(product(usd="0.80"), product(usd="0.90")).settle()
    assert priced == ()
    assert refusal.where == "g6.xlarge in us-east-1 (SKU SKU0000000000001)"
    assert "twice with different prices" in refusal.why


@pytest.mark.parametrize("usd", ["0.0000000000", "-1.5", "0"])
def test_a_price_of_nothing_is_refused_with_its_sku(usd: str) -> None:
    priced, [refusal] = prices_of(product(usd=usd)).settle()
    assert priced == ()
    assert refusal.where == "g6.xlarge on_demand in us-east-1 (SKU SKU0000000000001)"
    assert "is not a price" in refusal.why


@pytest.mark.parametrize("usd", ["NaN", "Infinity", "cheap", "", None, [], "1,5"])
def test_a_price_that_is_no_number_is_refused(usd: object) -> None:
    made = product()
    dimension(made)["pricePerUnit"] = {"USD": usd}
    priced, refused = prices_of(made).settle()
    assert priced == ()
    assert len(refused) == 1


def test_a_foreign_currency_and_a_foreign_unit_are_refused() -> None:
    yuan, daily = product(sku="YUAN"), product("g5.2xlarge", sku="DAILY")
    dimension(yuan)["pricePerUnit"] = {"CNY": "5.7"}
    dimension(daily)["unit"] = "Days"
    priced, refused = prices_of(yuan, daily).settle()
    assert priced == ()
    assert {(refusal.sku, refusal.why) for refusal in refused} == {
        ("YUAN", "is priced in CNY, not in USD"),
        ("DAILY", "is priced per 'Days', not per hour"),
    }


def test_tiers_and_free_hours_are_refused() -> None:
    tiers, free = product(sku="TIERS"), product("g5.2xlarge", sku="FREE")
    [term] = tiers["terms"]["OnDemand"].values()
    term["priceDimensions"]["second"] = copy.deepcopy(dimension(tiers))
    dimension(free)["endRange"] = "750"
    priced, refused = prices_of(tiers, free).settle()
    assert priced == ()
    assert {refusal.sku for refusal in refused} == {"TIERS", "FREE"}


@pytest.mark.parametrize("spoil", ["negative upfront", "no hourly part", "two terms", "foreign unit"])
def test_a_faulty_reserved_term_leaves_the_other_prices(spoil: str) -> None:
    [made] = recorded("reserved_terms.json")
    key = next(
        key
        for key, term in made["terms"]["Reserved"].items()
        if list(term["termAttributes"].values()) == ["1yr", "standard", "No Upfront"]
    )
    term = made["terms"]["Reserved"][key]
    [(rate, hourly)] = term["priceDimensions"].items()
    if spoil == "negative upfront":
        hourly["pricePerUnit"] = {"USD": "-0.1"}
    elif spoil == "no hourly part":
        del term["priceDimensions"][rate]
    elif spoil == "two terms":
        made["terms"]["Reserved"]["again"] = copy.deepcopy(term)
    else:
        hourly["unit"] = "Months"
    priced, [refusal] = prices_of(made, names=("m4.large",)).settle()
    assert {price.purchase for price in priced} == {"on_demand", "commit_3y"}
    assert (refusal.purchase, refusal.sku) == ("commit_1y", "ABFDCPB959KUGRH8")


def test_an_unknown_gpu_type_is_noted_and_a_plain_one_is_not() -> None:
    read = prices_of(
        product("p9.48xlarge", sku="NEW"), product("m9.large", sku="M", instanceFamily="General purpose"), product()
    )
    assert read.unknown == {("us-east-1", "p9.48xlarge")}
    assert len(read.settle()[0]) == 1


def test_other_regions_than_asked_for_are_passed_over() -> None:
    priced, _ = prices_of(product(), product(region="eu-west-1", sku="EU"), regions=("eu-west-1",)).settle()
    assert [price.region for price in priced] == ["eu-west-1"]


@pytest.mark.parametrize("terms", [[], {"OnDemand": []}, {"OnDemand": {"t": {}}}, {"OnDemand": {"t": None}}])
def test_terms_of_another_shape_are_refused_by_name(terms: object) -> None:
    made = product()
    made["terms"] = terms
    priced, refused = prices_of(made).settle()
    assert priced == ()
    assert {refusal.sku for refusal in refused} == {"SKU0000000000001"}


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"product": {}}', '{"product": {"sku": "A"}}', None, 5])
def test_an_item_that_is_no_product_is_an_error(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json's own message or ours
        parsed(text)


def starting(made: Product, *dates: str) -> Product:
    """A product whose on-demand price is listed once for each day on which it begins: 1, 2, ... USD/h."""
    [(key, term)] = made["terms"]["OnDemand"].items()
    made["terms"]["OnDemand"] = {}
    for number, day in enumerate(dates, 1):
        later = copy.deepcopy(term) | {"effectiveDate": day}
        dimension({"terms": {"OnDemand": {key: later}}})["pricePerUnit"] = {"USD": str(number)}
        made["terms"]["OnDemand"][f"{key}.{number}"] = later
    return made


@pytest.mark.parametrize(
    ("dates", "usd_or_why"),
    [
        (["2026-09-01T00:00:00Z", "2027-01-01T00:00:00Z"], 1),
        (["2027-01-01T00:00:00Z", "2026-09-01T00:00:00Z"], 2),
        (["2027-01-01"], "is not valid before 2027-01-01"),
        (["soon\x1b[31m"], "is valid from 'soon\ufffd[31m', which is not a date"),
        (["2026-09-01", "2026-10-01"], "has 2 on-demand prices instead of one"),
    ],
)
def test_a_price_that_begins_later_is_not_todays(dates: list[str], usd_or_why: int | str) -> None:
    read = PriceList(("g6.xlarge",), ("on_demand",), None, NOW)
    read.add(parsed(json.dumps(starting(product(), *dates))))
    priced, refused = read.settle()
    found = [int(price.usd_per_instance_hour) for price in priced] + [refusal.why for refusal in refused]
    assert found == [usd_or_why]


@pytest.mark.parametrize("usd", ["1e999999", "9" * 5000, "\u0663", "0x10", "1_0", "\x1b[31m1", "Infinity", " ", "nan"])
def test_an_amount_that_is_no_number_is_refused_in_few_words(usd: str) -> None:
    made = product()
    dimension(made)["pricePerUnit"] = {"USD": usd}
    _, [refused] = prices_of(made).settle()
    assert refused.why.endswith("USD, which is not a price")
    assert len(refused.why) < 100
    assert "\x1b" not in refused.why


@pytest.mark.parametrize("text", ["[" * 100_000, '{"product":' * 100_000, '{"a": ' + "9" * 5000 + "}"])
def test_a_deep_or_giant_item_is_not_a_product(text: str) -> None:
    with pytest.raises(ValueError, match=r"nested more than 64 levels|more than 20 digits|is not JSON"):
        parsed(text)


def test_an_amount_too_small_for_a_double_is_no_price() -> None:
    made = product()
    dimension(made)["pricePerUnit"] = {"USD": "1e-999"}
    _, [refused] = prices_of(made).settle()
    assert refused.why == "is 0 USD/h, which is not a price"
