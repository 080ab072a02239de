"""How instances can be had: which are often sold out, and which may not be sold that way at all."""

import csv
from datetime import date
from fnmatch import fnmatchcase

import pytest

from melange_cloud import catalog
from melange_cloud.domain import Availability, InstanceType, Offer
from melange_cloud.shipped import shipped

OFTEN_SOLD_OUT = {
    *("p4d.24xlarge", "p4de.24xlarge", "p5.4xlarge", "p5.48xlarge"),
    *("a3-highgpu-8g", "a3-megagpu-8g"),
}


def found(region: str, name: str, purchase: str = "on_demand") -> Availability:
    (offer,) = (
        one for one in catalog.load_snapshot(purchase).offers if (one.region, one.instance_type.name) == (region, name)
    )
    return catalog.availability_of(offer)


def test_large_gpus_are_often_unavailable_and_others_are_not_checked() -> None:
    sure = [one for one in catalog.load_snapshot("on_demand").offers if one.sold_as == "on_demand"]
    often = {one.instance_type.name for one in sure if catalog.availability_of(one) == "often_unavailable"}
    assert often == OFTEN_SOLD_OUT
    assert {catalog.availability_of(one) for one in sure} == {
        Availability.OFTEN_UNAVAILABLE,
        Availability.NOT_CHECKED,
    }


@pytest.mark.parametrize(
    ("region", "name", "purchase", "availability"),
    [
        ("us-east-1", "p5.4xlarge", "on_demand", "unconfirmed"),
        ("ap-northeast-1", "p5.4xlarge", "on_demand", "often_unavailable"),
        ("us-east-1", "g5.2xlarge", "on_demand", "not_checked"),
        ("us-east-1", "p4d.24xlarge", "spot", "interruptible"),
        ("us-east-1", "p4d.24xlarge", "commit_1y", "often_unavailable"),
        ("us-central1", "a3-highgpu-8g", "commit_3y", "often_unavailable"),
        ("us-central1", "g2-standard-8", "commit_3y", "not_checked"),
    ],
)
def test_each_way_of_buying(region: str, name: str, purchase: str, availability: str) -> None:
    assert found(region, name, purchase) == availability


def test_a_capacity_block_is_said_first() -> None:
    machine = InstanceType("aws", "p5.48xlarge", "H100", 8, 192, 2048.0, "aws:P")
    day = date(2026, 9, 25)
    offer = Offer(machine, "us-east-1", "on_demand", "capacity_block", 41.5, 41.5, "live", "test", day, day)
    assert catalog.availability_of(offer) is Availability.CAPACITY_BLOCK


def test_every_pattern_names_a_shipped_instance_type() -> None:
    types = catalog.load_instance_types()
    with (shipped("pricing") / "availability.csv").open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            for pattern in row["instance_types"].split("|"):
                assert any(of == row["provider"] and fnmatchcase(name, pattern) for of, name in types), pattern
