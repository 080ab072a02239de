"""What a renewal keeps, replaces and leaves out, row by row, and what it asks a maintainer to look at."""

import csv
import shutil
import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from melange_cloud.catalog import (
    CachedPrices,
    Catalog,
    FolderRenewal,
    difference,
    key_of,
    load_instance_types,
    load_snapshot,
    read_snapshot,
    renew_folder,
    worth_a_look,
)
from melange_cloud.domain import Exclusion, Offer
from melange_cloud.errors import BadInput
from melange_cloud.shipped import shipped

DAY = date(2026, 12, 1)
AT = datetime(2026, 12, 1, 12, tzinfo=UTC)
API = "AWS Price List API (GetProducts), published 2026-11-30"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(shipped("pricing"), tmp_path / "pricing")


def fresh(name="g6.xlarge", usd_per_hour=0.9, purchase="on_demand", sold_as="on_demand", region="us-east-1", **more):
    machine = load_instance_types()[more.pop("provider", "aws"), name]
    more = {"source": API, "contract": "", **more}
    return Offer(
        machine, region, purchase, sold_as, usd_per_hour, usd_per_hour, "live", as_of_from=DAY, as_of_to=DAY, **more
    )


def part(*offers, whole=True, excluded=(), region="us-east-1", purchase="on_demand"):
    return CachedPrices(region, purchase, AT, whole, tuple(offers), tuple(excluded))


def rows(folder, name):
    with (folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names_in(folder, region="us-east-1", purchase="on_demand"):
    return [offer.instance_type.name for offer in read_snapshot(folder).offers_in("aws", region, purchase)]


def test_reading_a_folder_gives_what_is_shipped(folder):
    assert read_snapshot(folder) == load_snapshot()


def test_no_answer_writes_the_same_rows(folder):
    renew_folder(folder, {})
    for name in ("on_demand.csv", "spot.csv", "commitments.csv", "excluded.csv"):
        assert (folder / name).read_bytes() == (shipped("pricing") / name).read_bytes()
    new, old = (tomllib.loads((place / "sources.toml").read_text()) for place in (folder, shipped("pricing")))
    assert new == old


def test_a_whole_answer_replaces_its_region_and_purchase_and_nothing_else(folder):
    renewal = renew_folder(folder, {"aws": [part(fresh())]})
    assert names_in(folder) == ["g6.xlarge"]
    assert renewal.renewed == {("aws", "us-east-1", "g6.xlarge", "on_demand")}
    assert len(names_in(folder, purchase="spot")) > 5
    assert len(names_in(folder, region="us-east-2")) > 10


def test_half_an_answer_lies_over_what_is_there(folder):
    before = names_in(folder)
    renew_folder(folder, {"aws": [part(fresh(), whole=False)]})
    assert names_in(folder) == before
    prices = {key_of(offer): offer.usd_per_instance_hour for offer in read_snapshot(folder).offers}
    assert prices["aws", "us-east-1", "g6.xlarge", "on_demand"] == 0.9
    assert prices["aws", "us-east-1", "g6.2xlarge", "on_demand"] == 0.9776


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (API, "aws-price-list-api"),
        ("EC2 spot price history, cheapest zone at 2026-12-01 12:00 UTC", "aws-ec2-spot-price-history"),
        ("AWS public price list (AmazonEC2 index.csv)", "aws-public-price-list"),
    ],
)
def test_a_source_is_named_without_what_changes_from_day_to_day(folder, source, name):
    renew_folder(folder, {"aws": [part(fresh(source=source))]})
    (row,) = [row for row in rows(folder, "on_demand.csv") if row["as_of_to"] == str(DAY)]
    assert (row["source"], row["usd_per_hour"]) == (name, "0.9")
    words = tomllib.loads((folder / "sources.toml").read_text())["source"][name]
    assert words["source"] == source.partition(",")[0]
    assert set(words) == {"source", "what", "checked", "derived"}


def test_unused_sources_and_reasons_are_removed(folder):
    every = {
        region: [one for one in load_snapshot("on_demand").offers if one.region == region]
        for region in ("us-east-1", "us-gov-east-1", "us-gov-west-1")
    }
    answers = [part(*(replace(one, source=API) for one in found), region=name) for name, found in every.items()]
    renew_folder(folder, {"aws": answers})
    sources = tomllib.loads((folder / "sources.toml").read_text())["source"]
    assert not [name for name in sources if "karpenter" in name]
    assert {
        row["source"] for file in ("on_demand", "spot", "commitments") for row in rows(folder, f"{file}.csv")
    } == set(sources)


def test_a_price_alone_brings_no_excluded_pair_back(folder):
    priced = [
        fresh("p4d.24xlarge", 26.0, sold_as="unknown", region="ap-southeast-1"),
        fresh("p4d.24xlarge", 17.0, "commit_1y", "commitment", "ap-southeast-1", contract="RI 1y standard no upfront"),
    ]
    answers = [
        part(priced[1], region="ap-southeast-1", purchase="commit_1y"),
        part(priced[0], region="ap-southeast-1"),
    ]
    renewal = renew_folder(folder, {"aws": answers})
    assert renewal.renewed == frozenset()
    assert ("ap-southeast-1", "p4d.24xlarge") in {
        (row["region"], row["instance_type"]) for row in rows(folder, "excluded.csv")
    }
    assert "still left out" in renewal.notes[0]


def test_a_reason_of_the_cloud_gets_a_code_and_keeps_it(folder):
    why = Exclusion("aws", "us-east-1", "p5.48xlarge", "AWS prices it, but EC2 does not list it: gone")
    renew_folder(folder, {"aws": [part(fresh(), excluded=[why])]})
    (row,) = [row for row in rows(folder, "excluded.csv") if row["region"] == "us-east-1"]
    assert row["reason"] == "aws_prices_it_but_ec2_does_not_list_it_gone"
    assert tomllib.loads((folder / "sources.toml").read_text())["reason"][row["reason"]] == why.reason
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    renew_folder(folder, {"aws": [part(fresh(), excluded=[why])]})
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_what_is_sold_on_demand_is_not_left_out_for_want_of_a_commitment(folder):
    why = Exclusion("aws", "us-east-1", "g6.xlarge", "no commit_3y price")
    renew_folder(folder, {"aws": [part(fresh(), excluded=[why])]})
    assert "g6.xlarge" in names_in(folder)
    assert not [row for row in rows(folder, "excluded.csv") if row["region"] == "us-east-1"]


def test_unknown_types_are_left_out_and_reported(folder):
    strange = Exclusion("aws", "us-east-1", "g99.xlarge", "unknown")
    renewal = renew_folder(
        folder, {"aws": [part(fresh(), excluded=[strange]), part(fresh(region="eu-north-9"), region="eu-north-9")]}
    )
    assert len(renewal.notes) == 2
    assert "aws eu-north-9: 1 prices left out" in renewal.notes[0]
    assert "aws g99.xlarge" in renewal.notes[1]
    assert not [row for row in rows(folder, "excluded.csv") if row["instance_type"] == "g99.xlarge"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("spot.csv", "nothing\n"),
        ("spot.csv", ""),
        ("sources.toml", "[source"),
        ("on_demand.csv", "provider,region\naws,us-east-1\n"),
    ],
)
def test_a_folder_that_cannot_be_read_is_bad_input_and_stays(folder, file, text):
    (folder / file).write_text(text)
    with pytest.raises(BadInput):
        renew_folder(folder, {"aws": [part(fresh())]})
    assert (folder / file).read_text() == text


def looked_at(*new, old=()):
    """What is said of a renewal from some offers to others."""
    before, after = Catalog(tuple(old)), Catalog(tuple(new))
    renewal = FolderRenewal(before, after, frozenset(key_of(offer) for offer in new), ())
    return worth_a_look(difference(before, after, both_whole=True), renewal)


def spot(usd_per_hour):
    return fresh(usd_per_hour=usd_per_hour, purchase="spot", sold_as="spot")


def commitment(purchase, usd_per_hour):
    return fresh(usd_per_hour=usd_per_hour, purchase=purchase, sold_as="commitment", contract="RI")


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        (
            [fresh(usd_per_hour=1.3)],
            [fresh(usd_per_hour=1.0)],
            "on demand moved by 20 % or more: us-east-1 g6.xlarge +30",
        ),
        (
            [fresh(usd_per_hour=0.7)],
            [fresh(usd_per_hour=1.0)],
            "on demand moved by 20 % or more: us-east-1 g6.xlarge -30",
        ),
        (
            [fresh(), fresh(region="us-west-2", usd_per_hour=1.8)],
            (),
            "on demand at least twice the same type's cheapest region",
        ),
        ([fresh(), spot(0.9)], (), "spot not below on demand: us-east-1 g6.xlarge"),
        ([fresh(), commitment("commit_1y", 0.95)], (), "commit_1y not below on demand"),
        ([commitment("commit_1y", 0.5), commitment("commit_3y", 0.5)], (), "commit_3y not below commit_1y"),
        ([fresh()], [fresh(), fresh("g6.2xlarge")], "aws on_demand: 1 of 2 prices vanished"),
    ],
)
def test_what_may_be_right_and_seldom_is_is_said(new, old, said):
    (line,) = looked_at(*new, old=old)
    assert line.startswith(said)


def test_what_is_usual_is_not_said():
    old = [fresh(), spot(0.4), commitment("commit_1y", 0.6), commitment("commit_3y", 0.4)]
    assert looked_at(*old, old=old) == ()
    assert looked_at(fresh(usd_per_hour=1.0), spot(0.1), *old[2:], old=old) == ()
