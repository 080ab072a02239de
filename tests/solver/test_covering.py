"""Exact covering against trying everything."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.solver.covering import CoveringItem, NodeBudgetSpent, cover, nano_usd, uses
from tests.properties import examples

G5_1, G5_8 = CoveringItem("g5.xlarge", 1, 1_006_000_000), CoveringItem("g5.48xlarge", 8, 16_288_000_000)


@st.composite
def questions(draw, quotas):
    items = []
    for number in range(draw(st.integers(1, 3))):
        size = draw(st.sampled_from((1, 2, 3, 4)))
        limits = (("gpus", size), (f"item{number}", 1)) if quotas else ()
        items.append(CoveringItem(f"item{number}", size, draw(st.integers(1, 12)), limits))
    left = draw(st.dictionaries(st.sampled_from(("gpus", "item0", "item1")), st.integers(0, 12))) if quotas else {}
    return items, draw(st.integers(1, 7)), left, draw(st.integers(0, 1))


def by_trying_all(items, demand, left, spare):
    """(cost, instances) of the best; None where none will do."""
    best = None
    for counts in product(*(range(demand + 2) for _ in items)):
        held = sum(item.replicas_per_instance * n for item, n in zip(items, counts, strict=True))
        used = [item.replicas_per_instance for item, n in zip(items, counts, strict=True) if n]
        need = uses(items, dict(zip([item.name for item in items], counts, strict=True)))
        if held - spare * max(used, default=0) >= demand and all(need.get(q, 0) <= most for q, most in left.items()):
            rank = (sum(i.nano_usd_per_instance_hour * n for i, n in zip(items, counts, strict=True)), sum(counts))
            best = rank if best is None else min(best, rank)
    return best


def rank(items, counts):
    return sum(i.nano_usd_per_instance_hour * counts.get(i.name, 0) for i in items), sum(counts.values())


@pytest.mark.parametrize("quotas", [False, True])
def test_a_covering_is_the_cheapest_and_of_those_the_one_with_fewest_instances(quotas):
    @settings(max_examples=examples(150))
    @given(questions(quotas))
    def check(question):
        items, demand, left, spare = question
        counts = cover(items, demand, left, spare)
        assert (None if counts is None else rank(items, counts)) == by_trying_all(items, demand, left, spare)
        assert counts is None or all(count > 0 for count in counts.values())

    check()


@given(questions(quotas=True))
def test_the_order_of_the_items_does_not_matter(question):
    items, demand, left, spare = question
    assert cover(items, demand, left, spare) == cover(items[::-1], demand, left, spare)


def test_of_equal_costs_the_fewest_instances_are_taken():
    eight_at_the_same_price = CoveringItem("g5.big", 8, 8 * G5_1.nano_usd_per_instance_hour)
    assert cover([G5_1, eight_at_the_same_price], 202) == {"g5.big": 25, "g5.xlarge": 2}


def test_of_equal_costs_and_instances_the_first_name_is_taken():
    assert cover([CoveringItem("b", 2, 5), CoveringItem("a", 2, 5)], 3) == {"a": 2}


def test_a_billion_replicas_are_covered_at_once():
    assert cover([G5_1, G5_8], 10**9) == {"g5.xlarge": 10**9}
    cheap_eight = CoveringItem("g5.big", 8, 8_000_000_000)
    assert cover([G5_1, cheap_eight], 10**9 + 3, spare=1) == {"g5.big": 10**9 // 8 + 1, "g5.xlarge": 3}


def test_a_quota_that_does_not_bind_changes_nothing():
    items = [CoveringItem("a", 3, 5, (("gpus", 3),)), CoveringItem("b", 2, 4, (("gpus", 2),))]
    assert cover(items, 10**6, {"gpus": 10**7}) == cover(items, 10**6)


def test_quotas_are_shared_between_items():
    items = [CoveringItem("a", 3, 5, (("gpus", 4),)), CoveringItem("b", 2, 4, (("gpus", 2),))]
    assert cover(items, 6) == {"a": 2}
    assert cover(items, 6, {"gpus": 7}) == {"b": 3}
    assert cover(items, 6, {"gpus": 5}) is None


def test_nothing_is_needed_for_no_demand_and_nothing_is_found_without_items():
    assert cover([G5_1], 0, spare=1) == {}
    assert cover([], 1) is None


def test_the_loss_of_the_largest_instance_is_survived():
    assert cover([G5_1], 3, spare=1) == {"g5.xlarge": 4}
    assert cover([CoveringItem("one", 1, 10), CoveringItem("eight", 8, 11)], 3, spare=1) == {"eight": 2}


def test_a_search_without_end_is_given_up():
    items = [
        CoveringItem(f"i{n}", 17 + n, 1000 + 59 * n - n % 5, ((f"i{n}", 1), ("all", 100 + n % 7))) for n in range(20)
    ]
    with pytest.raises(NodeBudgetSpent):
        cover(items, 2500, {"all": 10_000} | {f"i{n}": 6 for n in range(20)})


def test_prices_are_whole_nano_usd_so_that_discounts_keep_ties():
    one, eight = 1.006 * 0.8777, 8 * 1.006 * 0.8777
    assert nano_usd(eight) == 8 * nano_usd(one)
    assert cover([CoveringItem("one", 1, nano_usd(one)), CoveringItem("eight", 8, nano_usd(eight))], 8) == {"eight": 1}
