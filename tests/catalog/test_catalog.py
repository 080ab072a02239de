"""What a catalog offers in a region, what it left out, and a user's offers in it."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.catalog import Catalog, load_snapshot, with_sheet
from melange_cloud.domain import Offer

SNAPSHOT = load_snapshot("on_demand")


def names(offers: tuple[Offer, ...]) -> list[str]:
    return [offer.instance_type.name for offer in offers]


def test_offers_come_sorted_by_instance_type() -> None:
    assert names(SNAPSHOT.offers_in("aws", "eu-west-1", "on_demand")) == sorted(
        names(SNAPSHOT.offers_in("aws", "eu-west-1", "on_demand"))
    )
    assert len(SNAPSHOT.offers_in("aws", "us-east-1", "on_demand")) == 22


def test_no_data_is_no_offers() -> None:
    assert SNAPSHOT.offers_in("aws", "af-south-1", "on_demand") == ()
    assert SNAPSHOT.offers_in("gcp", "us-east-1", "on_demand") == ()
    assert SNAPSHOT.offers_in("aws", "us-east-1", "spot") == ()


def test_excluded_pairs_come_with_their_reason() -> None:
    pairs = SNAPSHOT.excluded_in("gcp", "us-central1")
    assert [pair.instance_type for pair in pairs] == ["a3-highgpu-1g", "a3-highgpu-2g", "a3-highgpu-4g"]
    assert {pair.reason for pair in pairs} == {"not sold on demand: only as Spot, Flex-start or with a reservation"}
    assert SNAPSHOT.excluded_in("aws", "us-east-1") == ()


def test_what_is_sold_as_spot_is_not_left_out_of_spot() -> None:
    assert load_snapshot("spot").excluded_in("gcp", "us-central1") == ()
    whole = load_snapshot()
    assert whole.excluded_in("gcp", "us-central1") == ()
    assert len(whole.excluded_in("gcp", "us-central1", "on_demand")) == 3


def test_govcloud_prices_are_not_left_out() -> None:
    assert len(SNAPSHOT.offers_in("aws", "us-gov-west-1", "on_demand")) == 13
    assert SNAPSHOT.excluded_in("aws", "us-gov-west-1") == ()


def test_a_users_offer_replaces_ours_and_leaves_the_others() -> None:
    ours = SNAPSHOT.offers_in("aws", "us-east-1", "on_demand")
    theirs = replace(ours[0], usd_per_instance_hour=1.0, origin="user")
    merged = with_sheet(SNAPSHOT, [theirs])
    assert merged.offers_in("aws", "us-east-1", "on_demand") == (theirs, *ours[1:])
    assert len(merged.offers) == len(SNAPSHOT.offers)
    assert merged.excluded == SNAPSHOT.excluded


def test_a_users_offer_of_another_purchase_or_region_is_added() -> None:
    ours = SNAPSHOT.offers_in("aws", "us-east-1", "on_demand")[0]
    elsewhere = replace(ours, region="moon-1", origin="user")
    as_spot = replace(ours, purchase="spot", sold_as="spot", origin="user")
    merged = with_sheet(SNAPSHOT, [elsewhere, as_spot])
    assert merged.offers_in("aws", "moon-1", "on_demand") == (elsewhere,)
    assert merged.offers_in("aws", "us-east-1", "spot") == (as_spot,)
    assert ours in merged.offers
    assert merged.priced_regions == SNAPSHOT.priced_regions | {("aws", "moon-1")}


@given(st.lists(st.sampled_from(SNAPSHOT.offers), unique=True, max_size=20), st.randoms())
def test_the_order_of_a_users_offers_changes_nothing(offers: list[Offer], random: object) -> None:
    theirs = [replace(offer, usd_per_instance_hour=offer.usd_per_instance_hour / 2, origin="user") for offer in offers]
    shuffled = list(theirs)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    base = Catalog(SNAPSHOT.offers[::7])
    assert with_sheet(base, theirs) == with_sheet(base, shuffled)
    assert set(theirs) <= set(with_sheet(base, theirs).offers)
