from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.domain import Slo
from melange_cloud.profiles.measure import rungs
from melange_cloud.profiles.measure.ladder import GROWTH, LadderEnd, broken, next_load
from tests.profiles.measuring import a_run


def climb(server, slo=Slo(), top=256):  # noqa: B008  frozen
    """Measures whatever is asked for; the loads in their order, and why it ended."""
    measured = {}
    while not isinstance(step := next_load(measured, slo, top), LadderEnd):
        assert step not in measured
        measured[step] = server(step)
    return measured, step


def saturating(at, tpot_ms=10.0):
    """Requests/s in step with those in flight until ``at``, TPOT rising from there."""
    return lambda n: a_run(n, min(n, at), tpot_ms * max(1.0, n / at))


def test_rungs_double_up_to_the_top_itself():
    assert rungs(1) == [1]
    assert rungs(8) == [1, 2, 4, 8]
    assert rungs(100) == [1, 2, 4, 8, 16, 32, 64, 100]


def test_the_climb_ends_where_throughput_stops_growing():
    measured, end = climb(saturating(16))
    assert sorted(measured) == [1, 2, 4, 8, 16, 32]
    assert end == LadderEnd("throughput stopped growing at 32 in flight")


def test_growth_just_above_the_bound_goes_on_and_just_below_ends():
    def grows_by(factor):
        return lambda n: a_run(n, factor ** (n.bit_length() - 1))

    assert sorted(climb(grows_by(1 + GROWTH + 0.001), top=8)[0]) == [1, 2, 4, 8]
    assert sorted(climb(grows_by(1 + GROWTH - 0.001), top=8)[0]) == [1, 2]


def test_the_step_over_the_slo_is_bisected_twice():
    measured, end = climb(lambda n: a_run(n, n, tpot_ms=n), Slo(tpot_ms=45))
    assert list(measured) == [1, 2, 4, 8, 16, 32, 64, 48, 40]
    assert end == LadderEnd("the SLO breaks at 48 in flight: TPOT 48 ms > 45 ms", by_slo=True)


def test_a_load_within_the_slo_moves_the_bisection_up():
    measured, end = climb(lambda n: a_run(n, n, tpot_ms=n), Slo(tpot_ms=60))
    assert list(measured)[-3:] == [64, 48, 56]
    assert end == LadderEnd("the SLO breaks at 64 in flight: TPOT 64 ms > 60 ms", by_slo=True)


def test_nothing_is_between_one_and_two():
    measured, end = climb(lambda n: a_run(n, n, tpot_ms=n), Slo(tpot_ms=1.5))
    assert list(measured) == [1, 2]
    assert end.by_slo


def test_the_lightest_load_may_miss_the_slo():
    measured, end = climb(lambda n: a_run(n, n, tpot_ms=50), Slo(tpot_ms=10))
    assert list(measured) == [1]
    assert end == LadderEnd("the lightest load already misses the SLO: TPOT 50 ms > 10 ms", by_slo=True)


def test_the_highest_load_is_distinguished_from_saturation():
    measured, end = climb(saturating(1000), top=6)
    assert list(measured) == [1, 2, 4, 6]
    assert end.reason == "throughput was still growing at the limit of 6 in flight (--max-concurrency)"


def test_every_target_counts_and_what_is_unknown_misses_none():
    run = a_run(1, 1.0, tpot_ms=40.0)  # TTFT 100 ms, p99 TPOT 50 ms, 8 tokens
    assert broken(run, Slo(tpot_ms=40, p99_tpot_ms=50, ttft_ms=100, e2e_ms=380)) == ""
    assert broken(run, Slo(tpot_ms=39)) == "TPOT 40 ms > 39 ms"
    assert broken(run, Slo(p99_tpot_ms=49)) == "p99 TPOT 50 ms > 49 ms"
    assert broken(run, Slo(ttft_ms=99)) == "TTFT 100 ms > 99 ms"
    assert broken(run, Slo(e2e_ms=379)) == "end to end 380 ms > 379 ms"
    assert broken(a_run(1, 1.0, p99_tpot_ms=None), Slo(p99_tpot_ms=1)) == ""


@given(
    at=st.integers(1, 300),
    tpot_ms=st.floats(1, 50),
    slo_ms=st.one_of(st.just(float("inf")), st.floats(1, 400)),
    top=st.integers(1, 300),
    stop=st.integers(0, 20),
)
def test_an_interrupted_climb_ends_as_one_that_was_not(at, tpot_ms, slo_ms, top, stop):
    server, slo = saturating(at, tpot_ms), Slo(tpot_ms=slo_ms)
    whole, end = climb(server, slo, top)
    kept = dict(list(whole.items())[:stop])
    while not isinstance(step := next_load(kept, slo, top), LadderEnd):
        kept[step] = server(step)
    assert (kept, step) == (whole, end)
    assert max(whole) <= top
    assert len(whole) <= len(rungs(top)) + 2
