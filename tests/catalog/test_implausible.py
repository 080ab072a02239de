"""A whole table that has moved by one factor, and tables that have not."""

from dataclasses import replace

import pytest

from melange_cloud import catalog

AWS = [one for one in catalog.load_snapshot("on_demand").offers if one.instance_type.provider == "aws"]
SPOT = [one for one in catalog.load_snapshot("spot").offers if one.instance_type.provider == "aws"]
EAST = [one for one in AWS if one.region == "us-east-1"]


def scaled(offers, factor, of=lambda offer: True):
    """The offers, those that are meant at ``factor`` times their price; to the micro-USD, as clouds list them."""
    return [
        replace(one, usd_per_instance_hour=usd, list_usd_per_instance_hour=usd)
        for one in offers
        for usd in [round(one.list_usd_per_instance_hour * (factor if of(one) else 1), 6)]
    ]


@pytest.mark.parametrize("factor", [0.5, 0.1, 1.2, 0.86, 7.1, 100.0, 1.05])
@pytest.mark.parametrize("offers", [AWS, EAST], ids=["all regions", "one region"])
def test_a_table_times_one_factor_has_shifted(factor, offers):
    (shift,) = catalog.shifts(scaled(offers, factor), AWS)
    assert shift.factor == pytest.approx(factor, rel=1e-3)
    assert (shift.purchase, shift.moved, shift.compared) == ("on_demand", len(offers), len(offers))


def test_most_of_a_table_is_enough_and_each_purchase_counts_alone():
    changed = [*scaled(EAST, 0.5, lambda one: one.instance_type.gpu != "H100"), *SPOT]
    (shift,) = catalog.shifts(changed, [*AWS, *SPOT])
    assert (shift.purchase, shift.factor) == ("on_demand", 0.5)
    assert shift.moved < shift.compared == len(EAST)


def test_what_real_tables_do_is_no_shift():
    """Nothing at all; AWS's cut of the P types of 2025-06-23 (-33 and -44 %); one family; spot prices that scatter."""
    cut = scaled(AWS, 0.67, lambda one: one.instance_type.name.startswith("p4"))
    cut = scaled(cut, 0.56, lambda one: one.instance_type.name.startswith("p5"))
    only_g6 = [one for one in scaled(EAST, 0.9) if one.instance_type.gpu == "L4"]
    factors = [0.4 + at % 7 / 10 for at in range(len(SPOT))]
    scattered = [
        replace(one, list_usd_per_instance_hour=one.list_usd_per_instance_hour * factor)
        for one, factor in zip(SPOT, factors, strict=True)
    ]
    for offers in (AWS, scaled(AWS, 1.02), cut, only_g6, scattered, scaled(EAST, 0.5)[:2], []):
        assert list(catalog.shifts(offers, [*AWS, *SPOT])) == []


def test_what_was_not_known_before_is_not_compared():
    assert list(catalog.shifts(scaled(EAST, 0.5), [])) == []


def test_a_renewal_whose_prices_all_moved_alike_is_worth_a_look():
    after = scaled(AWS, 0.86)
    renewal = catalog.FolderRenewal(
        catalog.Catalog(tuple(AWS)), catalog.Catalog(tuple(after)), frozenset(map(catalog.key_of, after)), ()
    )
    found = catalog.difference(renewal.before, renewal.after, both_whole=True)
    (line,) = [line for line in catalog.worth_a_look(found, renewal) if "times those before" in line]
    assert line.startswith(f"aws on_demand: {len(AWS)} of {len(AWS)} prices are 0.86 times those before")
