from dataclasses import replace

import pytest

from melange_cloud.catalog import Catalog, difference, load_snapshot, with_sheet
from tests.builders import offer


def catalog(*offers):
    return Catalog(tuple(offers))


def test_a_catalog_does_not_differ_from_itself():
    snapshot = load_snapshot()
    found = difference(snapshot, snapshot)
    assert found.changes == ()
    assert found.same == len(snapshot.offers)
    assert not found.only_before
    assert not found.only_after


def test_what_moved_appeared_and_vanished():
    before = catalog(offer("a", usd_per_hour=2.0), offer("b", usd_per_hour=1.0), offer("c", usd_per_hour=5.0))
    after = catalog(offer("a", usd_per_hour=1.5), offer("b", usd_per_hour=1.0), offer("d", usd_per_hour=4.0))
    found = difference(before, after)
    assert [(one.word, one.offer.instance_type.name) for one in found.changes] == [
        ("moved", "a"),
        ("vanished", "c"),
        ("appeared", "d"),
    ]
    assert [one.fraction for one in found.changes] == [pytest.approx(-0.25), None, None]
    assert found.same == 1


def test_rounding_is_no_move():
    found = difference(catalog(offer("a", usd_per_hour=55.04)), catalog(offer("a", usd_per_hour=55.0400000001)))
    assert (found.changes, found.same) == ((), 1)


def test_what_one_side_does_not_cover_has_not_vanished():
    here, spot = offer("a"), offer("a", purchase="spot", sold_as="spot")
    there = replace(here, region="eu-west-1")
    found = difference(catalog(here, spot), catalog(here, there))
    assert (found.changes, found.same) == ((), 1)
    assert found.only_before == {("aws", "us-east-1", "spot")}
    assert found.only_after == {("aws", "eu-west-1", "on_demand")}


def test_between_whole_catalogs_it_has():
    here, spot = offer("a"), offer("a", purchase="spot", sold_as="spot")
    there = replace(here, region="eu-west-1")
    found = difference(catalog(here, spot), catalog(here, there), both_whole=True)
    assert sorted((one.word, one.offer.region, one.offer.purchase) for one in found.changes) == [
        ("appeared", "eu-west-1", "on_demand"),
        ("vanished", "us-east-1", "spot"),
    ]


def test_the_last_digit_of_six_is_no_move():
    found = difference(catalog(offer("a", usd_per_hour=0.516214)), catalog(offer("a", usd_per_hour=0.516213)))
    assert found.changes == ()


def test_the_other_way_round_is_the_mirror_image():
    snapshot = load_snapshot("on_demand")
    moved = [replace(one, usd_per_instance_hour=one.usd_per_instance_hour * 2) for one in snapshot.offers[::7]]
    there = difference(snapshot, with_sheet(snapshot, moved))
    back = difference(with_sheet(snapshot, moved), snapshot)
    assert len(there.changes) == len(moved)
    assert {one.fraction for one in there.changes} == {1.0}
    assert {one.fraction for one in back.changes} == {-0.5}
