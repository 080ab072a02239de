"""Workloads from request sizes, and mixtures."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.domain import Bucket, Workload
from melange_cloud.errors import BadInput
from melange_cloud.workload import (
    WorkloadFile,
    load_workload,
    mix,
    mixed_cached_input,
    without_longest,
    workload_from_requests,
    write_workload,
)
from melange_cloud.workload.file import parse_workload_file

sizes = st.one_of(
    st.integers(0, 30), st.integers(0, 70_000), st.sampled_from([0, 25, 26, 100, 16_000, 16_001, 32_001, 10**9])
)
requests = st.lists(st.tuples(sizes, sizes), min_size=1, max_size=60)


def workload_of(pairs: list[tuple[int, int]], name: str = "mine") -> Workload:
    return workload_from_requests(
        [size for size, _ in pairs], [size for _, size in pairs], name=name, title="t", source="s", licence="l"
    )


@given(requests)
def test_any_requests_become_a_workload_that_says_the_same(pairs: list[tuple[int, int]]) -> None:
    workload = workload_of(pairs)
    read = parse_workload_file(write_workload(WorkloadFile(workload)), "file").workload
    for each in (workload, read):
        assert abs(math.fsum(bucket.share for bucket in each.buckets) - 1) < 1e-9
        assert each.mean_input_tokens == pytest.approx(sum(a for a, _ in pairs) / len(pairs), rel=1e-9)
        assert each.mean_output_tokens == pytest.approx(sum(b for _, b in pairs) / len(pairs), rel=1e-9)
        for bucket in each.buckets:
            for low, mean, high in (
                (bucket.input_low_tokens, bucket.mean_input_tokens, bucket.input_high_tokens),
                (bucket.output_low_tokens, bucket.mean_output_tokens, bucket.output_high_tokens),
            ):
                assert low < mean <= high or low == mean == 0
    assert max(bucket.longest_total_tokens or 0 for bucket in workload.buckets) == max(a + b for a, b in pairs)


@given(requests, st.randoms(use_true_random=False))
def test_the_order_of_requests_does_not_matter(pairs: list[tuple[int, int]], random: Random) -> None:
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert workload_of(pairs) == workload_of(shuffled)


@given(requests, requests, st.floats(0.01, 0.99))
def test_a_mixture_has_the_weighted_mean_of_its_parts(
    first: list[tuple[int, int]], second: list[tuple[int, int]], weight: float
) -> None:
    one, two = workload_of(first), workload_of(second)
    mixed = mix({"one": (one, weight), "two": (two, 1 - weight)}, "mixed", "both")
    assert math.fsum(bucket.share for bucket in mixed.buckets) == pytest.approx(1, abs=1e-9)
    for kind in ("mean_input_tokens", "mean_output_tokens"):
        expected = weight * getattr(one, kind) + (1 - weight) * getattr(two, kind)
        assert getattr(mixed, kind) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    names = [bucket.name for bucket in mixed.buckets]
    assert names == sorted(set(names))
    parse_workload_file(write_workload(WorkloadFile(mixed)), "file")


def test_edges_are_the_papers_and_go_on_as_far_as_needed() -> None:
    workload = workload_of([(25, 25), (26, 26), (16_001, 2_001), (24_001, 4_001), (64_001, 16_001)])
    assert [(b.input_low_tokens, b.input_high_tokens) for b in workload.buckets] == [
        (0, 25),
        (25, 100),
        (16_000, 24_000),
        (24_000, 32_000),
        (64_000, 128_000),
    ]
    assert [(b.output_low_tokens, b.output_high_tokens) for b in workload.buckets] == [
        (0, 25),
        (25, 100),
        (2_000, 4_000),
        (4_000, 8_000),
        (16_000, 32_000),
    ]


def test_means_shares_and_longest_by_hand() -> None:
    workload = workload_of([(10, 30), (20, 50), (300, 5), (20, 40)])
    assert workload.buckets == (
        Bucket(0, 25, 25, 100, 50 / 3, 40.0, 0.75, 70),
        Bucket(250, 500, 0, 25, 300.0, 5.0, 0.25, 305),
    )
    assert workload.requests == 4


def test_requests_without_output_are_kept_and_said() -> None:
    workload = workload_of([(10, 0), (10, 0), (10, 20), (300, 0)])
    assert [(b.mean_output_tokens, b.share) for b in workload.buckets] == [(20 / 3, 0.75), (0.0, 0.25)]
    assert workload.notes == ("3 of 4 requests have 0 output tokens; they count in the first output range with size 0",)


@pytest.mark.parametrize(
    ("inputs", "outputs", "says"),
    [
        ([], [], "at least one request"),
        ([1, 2], [1], "2 input sizes and 1 output sizes"),
        ([1, -1], [1, 1], "request 2: input size is -1"),
        ([1], [1.5], "request 1: output size is 1.5"),
        ([10**9 + 1], [1], "request 1: input size is 1000000001"),
        ([1], [float("nan")], "output size is nan"),
    ],
)
def test_impossible_sizes_are_refused(inputs: list[int], outputs: list[int], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        workload_from_requests(inputs, outputs, name="n", title="t", source="s", licence="l")


def test_a_mixture_merges_equal_buckets() -> None:
    one, two = workload_of([(10, 10)]), workload_of([(20, 20), (300, 10)])
    mixed = mix({"one": (one, 0.6), "two": (two, 0.4)}, "mixed", "both", notes=["kept"])
    assert [bucket.name for bucket in mixed.buckets] == [bucket.name for bucket in two.buckets]
    assert mixed.buckets[0].share == pytest.approx(0.8)
    assert mixed.buckets[0].mean_input_tokens == pytest.approx((0.6 * 10 + 0.2 * 20) / 0.8)
    assert mixed.buckets[0].longest_total_tokens == 40
    assert mixed.source == "60 % one: s; 40 % two: s"
    assert mixed.licence == "l"
    assert mixed.notes == ("kept",)


def test_the_longest_request_of_a_mixture_is_unknown_where_one_part_does_not_know() -> None:
    known = workload_of([(10, 10)])
    unknown = Workload("h", "t", (Bucket(0, 25, 0, 25, 13.0, 13.0, 1.0),), "s", "l")
    mixed = mix({"a": (known, 0.5), "b": (unknown, 0.5)}, "mixed", "both")
    assert mixed.buckets[0].longest_total_tokens is None


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"chat": 0.8, "document": 0.3}, "the weights sum to 1.1"),
        ({"chat": 1.2, "document": -0.2}, "the weight of chat is 1.2"),
        ({"chat": 1.0, "document": 0.0}, "the weight of document is 0"),
        ({"chat": float("nan"), "document": 0.5}, "the weight of chat is nan"),
        ({}, "the weights sum to 0"),
    ],
)
def test_wrong_weights_are_refused(weights: dict[str, float], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        mix({name: (load_workload(name), weight) for name, weight in weights.items()}, "m", "t")


def test_parts_with_other_edges_are_refused() -> None:
    other = Workload("o", "t", (Bucket(0, 50, 0, 25, 30.0, 10.0, 1.0),), "s", "l")
    with pytest.raises(BadInput, match="cannot mix a and b: input range 1-50 overlaps 1-25"):
        mix({"a": (workload_of([(10, 10)]), 0.5), "b": (other, 0.5)}, "m", "t")


def test_the_cached_share_of_a_mixture_is_that_of_its_tokens() -> None:
    short, long = workload_of([(100, 10)], "short"), workload_of([(900, 10)], "long")
    cached = [(WorkloadFile(short, cached_input_share=0.5), 0.75), (WorkloadFile(long, cached_input_share=0.8), 0.25)]
    # 75 + 225 input tokens per request of the mixture, of which 37.5 + 180 are cached.
    assert mixed_cached_input(cached) == pytest.approx(217.5 / 300)
    assert mixed_cached_input([*cached, (WorkloadFile(short), 0.1)]) is None
    nothing = workload_of([(0, 10)], "nothing")
    assert mixed_cached_input([(WorkloadFile(nothing, cached_input_share=0.0), 1.0)]) is None


def test_without_its_longest_requests_a_workload_has_no_cached_share() -> None:
    held = WorkloadFile(workload_of([(100, 10), (9000, 10)]), cached_input_share=0.625)
    assert without_longest(held, 10_000).cached_input_share == 0.625
    shorter = without_longest(held, 1_000)
    assert shorter.cached_input_share is None
    assert shorter.workload.notes[-1] == "its cached share (62.5 % of the input) was of all its requests"
