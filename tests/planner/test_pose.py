"""What may enter a Problem, what is left out, and how impossible questions are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.domain import Kind, OfferNumbers, Quotas
from melange_cloud.planner.needless import prune
from melange_cloud.planner.pose import pose
from melange_cloud.planner.posed_problem import row_of_bucket
from tests.builders import A10G, H100, L4, LONG, SHORT, bucket, offer, rules, table

BUCKETS = (SHORT, LONG)


def numbers(name, gpu_count, usd_per_hour, gpu="L4", family="aws:G"):
    return OfferNumbers(name, gpu, gpu_count, 4, family, usd_per_hour)


def codes(posed):
    return {item.instance_type: item.code for item in posed.left_out}


def test_rates_are_the_planned_rate_split_by_share():
    posed = pose([offer()], table({(SHORT, L4): 5.0, (LONG, L4): 1.0}), {}, BUCKETS, 12.0, rules())
    assert posed.problem.planned_requests_per_s == {SHORT.name: 9.0, LONG.name: 3.0}
    assert posed.problem.load_of_rows() == {("all", L4): 9 / 5 + 3 / 1}


@pytest.mark.parametrize(("router", "rows"), [("plain", 1), ("prompt", 2), ("oracle", 3)])
def test_rows_are_what_the_router_can_tell_apart(router, rows):
    same_input = bucket(0, 100, 100, 250, 0.1)
    assert len(set(row_of_bucket((SHORT, same_input, LONG), router).values())) == rows


def test_plain_router_needs_a_gpu_for_every_size_oracle_does_not():
    figures = table({(SHORT, L4): 5.0, (LONG, L4): "54 ms > 50 ms", (SHORT, H100): 50.0, (LONG, H100): 9.0})
    offers = [offer("small", "L4"), offer("big", "H100", usd_per_hour=7.0)]
    plain = pose(offers, figures, {}, BUCKETS, 10.0, rules("plain"))
    assert plain.problem.kinds == (H100,)
    assert codes(plain) == {"small": "cannot_serve"}
    assert "input 1,001-2,000 output 1-100 (25.0 % of requests): 54 ms > 50 ms" in str(plain.refused_kinds[L4])
    oracle = pose(offers, figures, {}, BUCKETS, 10.0, rules("oracle"))
    assert oracle.problem.kinds == (H100, L4)
    assert (LONG.name, L4) not in oracle.problem.max_tput_requests_per_s


def test_refused_where_nothing_serves_naming_bucket_gpu_reason_and_share():
    figures = table({(SHORT, L4): 5.0, (LONG, L4): "no room", (SHORT, A10G): "too slow", (LONG, A10G): 2.0})
    posed = pose([offer("a", "L4"), offer("b", "A10G")], figures, {}, BUCKETS, 10.0, rules("plain"))
    assert posed.problem is None
    assert not posed.no_data
    assert "L4: input 1,001-2,000 output 1-100 (25.0 % of requests): no room" in posed.reason
    assert "A10G: input 1-100 output 1-100 (75.0 % of requests): too slow" in posed.reason


def test_a_row_that_no_kind_serves_is_named_though_each_kind_serves_something():
    figures = table({(SHORT, L4): 5.0, (LONG, L4): "no room"})
    posed = pose([offer()], figures, {}, BUCKETS, 10.0, rules("oracle"))
    assert posed.problem is None
    assert "25.0 % of requests have none" in posed.reason
    assert "L4: input 1,001-2,000" in posed.reason


def test_missing_prices_are_no_data_not_infeasible():
    posed = pose([], table({(SHORT, L4): 5.0, (LONG, L4): 1.0}), {}, BUCKETS, 10.0, rules())
    assert posed.problem is None
    assert posed.no_data
    assert posed.reason.startswith("no price here for ")


def test_each_reason_to_be_left_out():
    figures = table({(b, k): 5.0 for b in BUCKETS for k in (L4, A10G)})
    offers = [
        offer("block", "L4", sold_as="capacity_block"),
        offer("doubtful", "L4", sold_as="unknown"),
        offer("fine", "L4"),
        offer("other", "A10G"),
        offer("tiny", "L4", memory_gib=16.0),
        offer("unprofiled", "H100"),
    ]
    asked = rules(floor=23.0, may_use=frozenset({L4, H100}))
    posed = pose(offers, figures, {"H100": "fp8 only"}, BUCKETS, 1.0, asked)
    assert codes(posed) == {
        "block": "sold_as",
        "doubtful": "sold_as",
        "other": "gpu_not_asked",
        "tiny": "host_memory",
        "unprofiled": "no_profile",
    }
    assert {item.instance_type: item.reason for item in posed.left_out}["unprofiled"] == "H100: fp8 only"
    assert [o.name for o in posed.problem.offers] == ["fine"]
    anything = pose(offers, figures, {}, BUCKETS, 1.0, rules(sold_as_any=True))
    assert {"block", "doubtful"}.isdisjoint(codes(anything))


def test_an_instance_with_too_few_gpus_for_the_degree_is_left_out():
    pair = Kind("L4", 2)
    figures = table({(SHORT, pair): 5.0, (LONG, pair): 5.0})
    posed = pose([offer("one", gpu_count=1), offer("four", gpu_count=4)], figures, {}, BUCKETS, 1.0, rules())
    assert codes(posed) == {"one": "cannot_serve"}
    assert [o.name for o in posed.problem.offers] == ["four"]


def test_prune_keeps_more_gpus_and_cheaper_ones():
    kept = prune([numbers("a", 1, 1.0), numbers("b", 1, 1.5), numbers("c", 4, 3.9), numbers("d", 4, 5.0)], Quotas())
    assert [o.name for o in kept] == ["a", "c"]


def test_prune_drops_the_smaller_where_the_larger_costs_no_more():
    assert [o.name for o in prune([numbers("a", 1, 2.0), numbers("b", 2, 2.0)], Quotas())] == ["b"]


def test_prune_keeps_one_of_two_alike_and_never_both_nor_none():
    assert [o.name for o in prune([numbers("y", 1, 1.0), numbers("x", 1, 1.0)], Quotas())] == ["x"]


@pytest.mark.parametrize(
    "quotas", [Quotas(max_instances={"a": 3}), Quotas(max_gpus={"L4": 9}), Quotas(max_vcpus={"aws:G": 9})]
)
def test_prune_never_against_an_offer_that_a_quota_limits(quotas):
    assert [o.name for o in prune([numbers("a", 1, 1.0), numbers("b", 1, 1.5)], quotas)] == ["a", "b"]


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1.0, 2.0, 4.0, 7.5])), min_size=1, max_size=8)
)
def test_whatever_prune_drops_something_kept_replaces(shapes):
    offers = [numbers(f"o{i}", count, usd) for i, (count, usd) in enumerate(shapes)]
    kept = prune(offers, Quotas())
    assert kept
    for dropped in (o for o in offers if o not in kept):
        assert any(
            k.gpu_count >= dropped.gpu_count and k.usd_per_instance_hour <= dropped.usd_per_instance_hour for k in kept
        )


PAIR = Kind("L4", 2)


def kinds_posed(pair_tput, gpu_counts=(4,), **asked):
    figures = table({(SHORT, L4): 5.0, (LONG, L4): 1.0, (SHORT, PAIR): pair_tput, (LONG, PAIR): 2.0})
    offers = [offer(f"m{count}", gpu_count=count) for count in gpu_counts]
    return pose(offers, figures, {}, BUCKETS, 1.0, rules(**asked)).problem.kinds


def test_a_degree_that_serves_no_more_per_gpu_is_needless():
    assert kinds_posed(pair_tput=10.0) == (L4,)
    assert kinds_posed(pair_tput=10.1) == (L4, PAIR)


def test_a_degree_that_was_asked_for_or_does_not_divide_the_gpus_stays():
    assert kinds_posed(pair_tput=9.0, may_use=frozenset({PAIR})) == (PAIR,)
    assert kinds_posed(pair_tput=9.0, gpu_counts=(3,)) == (L4, PAIR)
