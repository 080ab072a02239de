import pytest

from melange_cloud.domain import Bucket
from melange_cloud.profiles.measure import RequestSize, longest_s, sizes_of
from melange_cloud.profiles.measure.pace import LEAST_REQUESTS, ROUNDS, enough, load_point
from tests.profiles.measuring import QUESTION, a_run

SIZE = RequestSize(128, 100)


def test_the_first_point_is_paced_by_a_request_alone():
    load = load_point(SIZE, 1, {}, seconds_per_point=20, seconds_per_token=0.01)
    assert (load.requests, load.warm_up_requests, load.ramp_up_s) == (20, 2, 0.0)
    assert load.limit_s > 4 * 22


def test_slow_requests_are_counted_not_timed():
    load = load_point(SIZE, 1, {}, seconds_per_point=1, seconds_per_token=0.1)
    assert load.requests == LEAST_REQUESTS
    assert load.limit_s > 100  # ten requests of 10 s


def test_a_point_lasts_its_seconds_even_if_twice_the_load_is_twice_as_fast():
    below = {4: a_run(4, requests_per_s=10.0, tpot_ms=10.0, output_tokens=100.0)}
    load = load_point(SIZE, 8, below, seconds_per_point=20, seconds_per_token=0.01)
    assert load.requests == 20 * 20
    assert load.warm_up_requests == 8
    assert load.ramp_up_s == pytest.approx((0.1 + 1.0) * 7 / 8)


def test_each_in_flight_makes_room_for_several():
    below = {64: a_run(64, requests_per_s=0.5)}
    assert load_point(SIZE, 128, below, 1, 0.01).requests == ROUNDS * 128


def test_no_two_points_send_the_same_prompts():
    points = [load_point(size, n, {}, 1, 0.01) for size in (SIZE, RequestSize(100, 128)) for n in (1, 2, 4)]
    assert len({point.seed for point in points}) == len(points)
    assert load_point(SIZE, 2, {}, 1, 0.01).seed == points[1].seed


def test_enough_is_what_the_rule_says():
    load = load_point(SIZE, 8, {}, 1, 0.01)
    assert enough(a_run(8, 1.0, completed=ROUNDS * 8), load)
    assert not enough(a_run(8, 1.0, completed=ROUNDS * 8 - 1), load)


def test_the_estimate_grows_with_sizes_and_tokens():
    small = longest_s(QUESTION, 0.01, 15)
    assert small == pytest.approx((3 + 2) * (15 + 6 * 2 * 0.01 * 8))
    assert longest_s(QUESTION, 0.02, 15) > small


def _bucket(mean_input, mean_output, share):
    return Bucket(0, 10_000, 0, 10_000, mean_input, mean_output, share)


def test_a_workload_becomes_a_grid_that_spans_it():
    buckets = [_bucket(50.2, 20, 0.2), _bucket(700, 150, 0.6), _bucket(3000.1, 900, 0.2), _bucket(9000, 9000, 0.0)]
    sizes = sizes_of(buckets)
    assert sizes[0] == (51, 20)
    assert sizes[-1] == (3001, 900)
    assert {size.input_tokens for size in sizes} == {51, 700, 3001}
    assert len(sizes) == 9


def test_a_workload_of_one_size_is_one_size():
    assert sizes_of([_bucket(500, 100, 1.0)]) == ((500, 100),)
