"""Invariants of the shipped snapshot, on every provider alike, and the totals that a changed figure would move."""

import csv
import subprocess
import sys
import tomllib
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from melange_cloud.catalog import load_instance_types, load_regions, load_snapshot
from melange_cloud.domain import GPUS, PROVIDERS, PURCHASES, Offer
from melange_cloud.errors import BadInput
from melange_cloud.shipped import shipped

# AWS publishes spot prices with 4 decimals and on-demand prices with 5 or more.
SPOT_ROUNDING_USD = 5e-5

# Cells where spot is no cheaper than on demand in the source itself: no discount, or no capacity, at that moment.
SPOT_EQUALS_ON_DEMAND = {
    ("aws", "ap-northeast-1", "g5.24xlarge"),
    ("aws", "ap-northeast-1", "g5.48xlarge"),
    ("aws", "ap-northeast-1", "p5.4xlarge"),
    ("aws", "ap-south-1", "p4d.24xlarge"),
    ("aws", "ap-south-1", "p5.4xlarge"),
    ("aws", "ap-southeast-2", "g5.24xlarge"),
    ("aws", "ap-southeast-2", "g5.48xlarge"),
    ("aws", "ap-southeast-3", "p5.48xlarge"),
    ("aws", "ap-southeast-3", "p5.4xlarge"),
    ("aws", "ca-central-1", "p5.48xlarge"),
    ("aws", "eu-west-2", "g5.24xlarge"),
    ("aws", "eu-west-2", "g5.48xlarge"),
    ("aws", "eu-west-2", "p5.4xlarge"),
    ("aws", "me-central-1", "g5.24xlarge"),
    ("aws", "me-central-1", "g5.48xlarge"),
}

each_provider = pytest.mark.parametrize("provider", PROVIDERS)


def offers_of(provider: str) -> list[Offer]:
    return [offer for offer in load_snapshot().offers if offer.instance_type.provider == provider]


def price_of(provider: str, region: str, name: str, purchase: str = "on_demand") -> float:
    (offer,) = [
        offer
        for offer in load_snapshot(purchase).offers_in(provider, region, purchase)
        if offer.instance_type.name == name
    ]
    return offer.usd_per_instance_hour


def shipped_rows(name: str) -> list[dict[str, str]]:
    with (shipped("pricing") / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


@pytest.mark.parametrize(
    ("file", "rows", "sum_usd_per_hour"),
    [
        ("on_demand.csv", {"aws": 368, "gcp": 234}, "7687.407413"),
        ("spot.csv", {"aws": 236, "gcp": 282}, "3246.268670"),
        ("commitments.csv", {"aws": 334, "gcp": 424}, "5522.053222"),
    ],
)
def test_no_figure_was_lost_or_changed(file: str, rows: dict[str, int], sum_usd_per_hour: str) -> None:
    read = shipped_rows(file)
    assert Counter(row["provider"] for row in read) == rows
    assert sum(Decimal(row["usd_per_hour"]) for row in read) == Decimal(sum_usd_per_hour)


def test_624_pairs_are_left_out_each_for_a_reason() -> None:
    assert Counter(row["reason"] for row in shipped_rows("excluded.csv")) == {
        "no_machine_type": 564,
        "no_on_demand": 48,
        "not_offered": 9,
        "local_zone": 3,
    }


@pytest.mark.parametrize("file", ["on_demand.csv", "spot.csv", "commitments.csv"])
def test_price_files_are_sorted_and_hold_each_cell_once(file: str) -> None:
    keys = [
        tuple(row[name] for name in ("provider", "region", "instance_type", "purchase")) for row in shipped_rows(file)
    ]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize("file", ["instance_types.csv", "regions.csv", "excluded.csv"])
def test_other_files_are_sorted_and_hold_each_key_once(file: str) -> None:
    keys = [
        tuple(row[name] for name in ("provider", "region", "instance_type") if name in row)
        for row in shipped_rows(file)
    ]
    assert keys == sorted(set(keys))


def test_every_source_and_reason_is_explained_and_used() -> None:
    tables = tomllib.loads((shipped("pricing") / "sources.toml").read_text(encoding="utf-8"))
    prices = [row for file in ("on_demand.csv", "spot.csv", "commitments.csv") for row in shipped_rows(file)]
    assert {row["source"] for row in prices} == set(tables["source"])
    assert {row["reason"] for row in shipped_rows("excluded.csv")} == set(tables["reason"])
    for source in tables["source"].values():
        assert set(source) == {"source", "what", "checked", "derived"}


def test_derived_rows_say_so() -> None:
    derived = [offer for offer in load_snapshot("on_demand").offers if "derived" in offer.source]
    composed = [offer for offer in load_snapshot("on_demand").offers if "composed" in offer.source]
    assert (len(derived), len(composed)) == (51, 2)


def test_every_file_of_the_folder_is_described_in_its_readme() -> None:
    readme = (shipped("pricing") / "README.md").read_text(encoding="utf-8")
    for path in shipped("pricing").iterdir():
        assert f"`{path.name}`" in readme or path.name == "README.md", path.name


@each_provider
def test_prices_are_positive_and_list_is_net(provider: str) -> None:
    for offer in offers_of(provider):
        assert 0 < offer.usd_per_instance_hour == offer.list_usd_per_instance_hour, offer


@each_provider
def test_purchases_and_sold_as_belong_together(provider: str) -> None:
    allowed = {
        "on_demand": {"on_demand", "unknown"},
        "spot": {"spot"},
        "commit_1y": {"commitment"},
        "commit_3y": {"commitment"},
    }
    for offer in offers_of(provider):
        assert offer.sold_as in allowed[offer.purchase], offer
        assert bool(offer.contract) == offer.purchase.startswith("commit"), offer


@each_provider
def test_dates_are_ordered_and_not_of_the_future(provider: str) -> None:
    for offer in offers_of(provider):
        assert date(2025, 8, 1) <= offer.as_of_from <= offer.as_of_to <= date(2026, 11, 22), offer


@each_provider
def test_every_instance_type_is_known_and_whole(provider: str) -> None:
    types = {name: known for (owner, name), known in load_instance_types().items() if owner == provider}
    assert {offer.instance_type.name for offer in offers_of(provider)} == set(types)
    for known in types.values():
        assert known.gpu in GPUS, known
        assert known.gpu_count >= 1, known
        assert known.vcpus >= 4, known
        assert known.memory_gib >= 16, known


@each_provider
def test_every_region_is_known(provider: str) -> None:
    known = {region.name for region in load_regions() if region.provider == provider}
    assert {offer.region for offer in offers_of(provider)} <= known


@each_provider
def test_an_excluded_pair_is_not_sold_on_demand(provider: str) -> None:
    catalog = load_snapshot("on_demand")
    offered = {(offer.region, offer.instance_type.name) for offer in catalog.offers}
    excluded = {(pair.region, pair.instance_type) for pair in catalog.excluded if pair.provider == provider}
    assert excluded
    assert not offered & excluded


@each_provider
def test_spot_is_cheaper_than_on_demand_save_in_listed_cells(provider: str) -> None:
    on_demand = {
        (offer.region, offer.instance_type.name): offer.usd_per_instance_hour
        for offer in offers_of(provider)
        if offer.purchase == "on_demand"
    }
    compared = 0
    for offer in offers_of(provider):
        full = on_demand.get((offer.region, offer.instance_type.name))
        if offer.purchase == "spot" and full is not None:
            compared += 1
            if (provider, offer.region, offer.instance_type.name) in SPOT_EQUALS_ON_DEMAND:
                assert offer.usd_per_instance_hour == pytest.approx(full, abs=SPOT_ROUNDING_USD, rel=0), offer
            else:
                assert offer.usd_per_instance_hour < full - SPOT_ROUNDING_USD, offer
    assert compared > 200


@each_provider
def test_a_commitment_is_cheaper_than_on_demand_and_a_longer_one_than_a_shorter(provider: str) -> None:
    prices = {
        (offer.region, offer.instance_type.name, offer.purchase): offer.usd_per_instance_hour
        for offer in offers_of(provider)
    }
    for (region, name, purchase), price in prices.items():
        if purchase.startswith("commit"):
            assert price < prices[region, name, "on_demand"]
        if purchase == "commit_3y":
            assert price < prices[region, name, "commit_1y"]


@each_provider
def test_no_on_demand_price_is_far_from_the_same_type_elsewhere(provider: str) -> None:
    by_type: dict[str, list[float]] = {}
    for offer in offers_of(provider):
        if offer.purchase == "on_demand":
            by_type.setdefault(offer.instance_type.name, []).append(offer.usd_per_instance_hour)
    for name, prices in by_type.items():
        assert max(prices) < 2 * min(prices), name


def test_headline_prices() -> None:
    headlines = {
        "g6.xlarge": 0.8048,
        "g5.xlarge": 1.006,
        "gr6.4xlarge": 1.5392,
        "p4d.24xlarge": 21.957642,
        "p4de.24xlarge": 27.44705,
        "p5.4xlarge": 6.88,
        "p5.48xlarge": 55.04,
    }
    assert {name: price_of("aws", "us-east-1", name) for name in headlines} == headlines
    headlines = {
        "g2-standard-4": 0.706832,
        "a2-highgpu-1g": 3.673385,
        "a2-ultragpu-1g": 5.068798,
        "a3-highgpu-8g": 88.490000,
        "a3-megagpu-8g": 92.871804,
    }
    assert {name: round(price_of("gcp", "us-central1", name), 6) for name in headlines} == pytest.approx(
        headlines, abs=5e-5
    )


def test_h100_mega_is_an_h100() -> None:
    assert load_instance_types()["gcp", "a3-megagpu-8g"].gpu == "H100"


def test_p5_4xlarge_is_sold_on_demand_in_four_regions_only() -> None:
    proven = {
        offer.region
        for offer in load_snapshot("on_demand").offers
        if offer.instance_type.name == "p5.4xlarge" and offer.sold_as == "on_demand"
    }
    assert proven == {"ap-northeast-1", "ap-south-1", "ap-southeast-3", "eu-west-2"}
    unknown = {offer.instance_type.name for offer in load_snapshot("on_demand").offers if offer.sold_as == "unknown"}
    assert unknown == {"p5.4xlarge"}


def test_quota_families() -> None:
    families = {(kind.provider, name): kind.quota_family for (_, name), kind in load_instance_types().items()}
    assert families["aws", "gr6.4xlarge"] == "aws:G"
    assert families["aws", "p4de.24xlarge"] == "aws:P"
    assert families["gcp", "a2-ultragpu-8g"] == "gcp:A2"
    assert set(families.values()) == {"aws:G", "aws:P", "gcp:G2", "gcp:A2", "gcp:A3"}


def test_only_govcloud_is_government() -> None:
    assert {region.name for region in load_regions() if region.government} == {"us-gov-east-1", "us-gov-west-1"}
    assert all(region.place for region in load_regions())
    assert max(len(region.place) for region in load_regions()) <= 26


@pytest.mark.parametrize("purchase", PURCHASES)
def test_one_purchase_is_the_same_part_of_the_whole(purchase: str) -> None:
    part = load_snapshot(purchase)
    assert part.offers == tuple(offer for offer in load_snapshot().offers if offer.purchase == purchase)
    assert part.offers
    assert {offer.origin for offer in part.offers} == {"snapshot"}


def test_an_unknown_purchase_is_refused() -> None:
    with pytest.raises(BadInput, match="unknown purchase 'reserved': use on_demand, spot, commit_1y, commit_3y"):
        load_snapshot("reserved")


def test_loading_imports_nothing_heavy() -> None:
    heavy = ["pandas", "numpy", "pyomo", "typer", "rich", "boto3", "google"]
    code = (
        "import sys; from melange_cloud import catalog; catalog.load_snapshot('on_demand'); "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
