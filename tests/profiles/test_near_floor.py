"""Near a latency floor: ranges worked out by hand from a line of points, and held against measured rates."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.domain import Kind, MaxTput, Slo, UnservableSize
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.profiles import load_profiles
from melange_cloud.profiles.estimates.estimate_table import estimate_table
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.near_floor import FLOOR_LATENCY_ERROR
from melange_cloud.profiles.max_tput.size_rates import SizeRates
from melange_cloud.profiles.points import Point, SizePoints

STEPS = [(50.0, 1.0), (60.0, 3.0), (80.0, 5.0)]
"""Mean TPOT, ms, and requests/s of a replica whose floor is 50 ms; TTFT is 100 ms at every load."""


def at(tpot_ms: float = math.inf, *, origin: str = "estimated", **targets: float) -> MaxTput | UnservableSize:
    points = [Point(tpot, rate, 100.0, 100.0 + 99 * tpot) for tpot, rate in STEPS]
    held = SizePoints(points, "C", 0.3, origin)
    return SizeRates(lambda _: held).max_tput((100, 100), Slo(tpot_ms=tpot_ms, **targets))


@pytest.mark.parametrize(
    ("tpot_ms", "rate", "error", "error_down"),
    [
        (75.0, 4.5, 0.3, 0.3),  # 1.5 times the floor: not near it
        (72.0, 4.2, 0.5, 0.5),  # 3.0 at 60 ms: less by 29 %, which D's 50 % covers
        (63.0, 3.3, 0.5, 1 - 1.5 / 3.3),  # 1.5 at 52.5 ms; 4.56 at 75.6 ms: more by 38 %
        (60.0, 3.0, 0.5, 1 - 1 / 3),  # 1.0 at 50 ms
        (59.0, 2.8, 0.5, 1.0),  # none at 49.2 ms; 4.08 at 70.8 ms
        (52.5, 1.5, 3.3 / 1.5 - 1, 1.0),  # 3.3 at 63 ms
        (50.0, 1.0, 2.0, 1.0),  # 3.0 at 60 ms: three times as much, or none
    ],
)
def test_the_range_is_what_the_points_give_if_all_latencies_are_a_fifth_longer_or_shorter(
    tpot_ms: float, rate: float, error: float, error_down: float
) -> None:
    assert FLOOR_LATENCY_ERROR == 0.2
    served = at(tpot_ms)
    assert isinstance(served, MaxTput)
    assert served.requests_per_s == pytest.approx(rate)
    assert (served.error, served.error_down) == (pytest.approx(error), pytest.approx(error_down))
    assert served.grade == ("C" if error == 0.3 else "D")
    assert served.may_be_none == (error_down == 1)


def test_a_target_that_does_not_limit_the_rate_may_still_be_the_first_to_fail() -> None:
    # TTFT is 100 ms at every load: at 110 ms it limits nothing, and if it were 120 ms it would allow nothing.
    served = at(200.0, ttft_ms=110.0)
    assert isinstance(served, MaxTput)
    assert (served.limited_by, served.requests_per_s) == ("saturation", 5.0)
    # It is full: with shorter latencies too it does no more than its grade C says.
    assert (served.grade, served.error, served.error_down) == ("D", 0.3, 1.0)
    assert at(200.0, ttft_ms=160.0) == at(200.0)


def test_what_was_measured_has_its_latency() -> None:
    served = at(52.5, origin="measured")
    assert isinstance(served, MaxTput)
    assert (served.grade, served.error, served.error_down) == ("C", 0.3, 0.3)
    assert at(49.0, origin="measured") == UnservableSize(
        "50 ms per token at its lightest load at 100 + 100 tokens > 49 ms"
    )


def test_a_target_just_under_the_floor_is_none_or_few() -> None:
    missed = "50 ms per token at its lightest load at 100 + 100 tokens >"
    refused = at(42.0)
    assert isinstance(refused, UnservableSize)
    assert refused.reason == f"{missed} 42 ms (within its error: none or few)"
    # 1.08 requests/s at 50.4 ms: at the high end of its error alone
    few = refused.off_by(1)
    assert isinstance(few, MaxTput)
    assert (few.requests_per_s, few.grade, few.error, few.error_down) == (pytest.approx(1.08), "D", 0, 1)
    assert refused.off_by(0.999) == refused.off_by(-1) == refused
    assert at(41.0) == UnservableSize(f"{missed} 41 ms")


QWEN_7B = replace(
    load_models()["llama-3.1-8b"],
    name="qwen2.5-7b", parameters=7_615_616_512, layers=28, hidden=3584, heads=28, kv_heads=4, intermediate=18944,
    vocab=152_064,
)  # fmt: skip


@pytest.mark.parametrize(
    ("size", "tpot_ms", "requests_per_s"),
    [
        # ree2raz/inference-bench, results/summary.csv: SGLang 0.4.6, 4, 16 and 32 in flight
        ((45, 128), 58.9, 0.52164),
        ((45, 128), 60.1, 2.0427),
        ((45, 128), 64.9, 3.7759),
        # Aagam-Bothara/polyserve, results-l4: vLLM 0.11.0, 8 and 32 in flight, the first on two hosts
        ((158, 507), 60.16, 0.2569),
        ((158, 496), 59.58, 0.25858),
        ((158, 464), 69.31, 0.88391),
    ],
)
def test_what_an_l4_served_of_qwen_7b_is_within_the_range(
    size: tuple[int, int], tpot_ms: float, requests_per_s: float
) -> None:
    constants = load_calibrations()["L4", "2025", "fp16"]
    table = estimate_table(QWEN_7B, load_gpus()["L4"], load_eras()["2025"], "bf16", constants)
    assert table is not None
    served = GridProfile(table, Kind("L4", 1)).max_tput(*size, Slo(tpot_ms=tpot_ms))
    if isinstance(served, UnservableSize):
        assert "none or few" in served.reason
    else:
        assert served.may_be_none
        assert requests_per_s <= served.requests_per_s * (1 + served.error)


SHIPPED = [
    profile.estimate if isinstance(profile, PinnedProfile) else profile
    for names in (
        ("llama-3.1-8b", "bf16", "2025"),
        ("llama-3.1-70b", "fp8", "2025"),
        ("llama-2-7b", "fp16", "vllm-0.2.7"),
    )
    for profile in load_profiles(*names)[0].values()
]
SIZES = st.tuples(st.integers(25, 3500), st.integers(25, 1500))
TARGETS_MS = st.floats(8, 200)


@given(st.sampled_from(SHIPPED), SIZES, TARGETS_MS)
def test_a_range_holds_the_rates_of_replicas_a_fifth_slower_or_faster(
    of: GridProfile, size: tuple[int, int], tpot_ms: float
) -> None:
    stated = of.max_tput(*size, Slo(tpot_ms=tpot_ms))
    if isinstance(stated, UnservableSize):
        assert isinstance(of.max_tput(*size, Slo(tpot_ms=tpot_ms / 1.2)), UnservableSize)
        return
    assert 0 <= stated.error_down <= 1
    if stated.error_down == stated.error:
        return
    slower, faster = (of.max_tput(*size, Slo(tpot_ms=tpot_ms * factor)) for factor in (1 / 1.2, 1.2))
    assert isinstance(faster, MaxTput)
    assert faster.requests_per_s <= stated.requests_per_s * (1 + stated.error) * (1 + 1e-9)
    least = slower.requests_per_s if isinstance(slower, MaxTput) else 0.0
    assert least >= stated.requests_per_s * (1 - stated.error_down) * (1 - 1e-9) - 0.05 * stated.requests_per_s


@given(st.sampled_from(SHIPPED), SIZES, TARGETS_MS, st.floats(1, 1.5))
def test_a_looser_target_never_lowers_the_low_end(
    of: GridProfile, size: tuple[int, int], tpot_ms: float, looser: float
) -> None:
    def low(target_ms: float) -> float:
        served = of.max_tput(*size, Slo(tpot_ms=target_ms))
        return served.requests_per_s * (1 - served.error_down) if isinstance(served, MaxTput) else 0.0

    assert low(tpot_ms * looser) >= low(tpot_ms) * (1 - 1e-9)


@given(st.sampled_from(SHIPPED), SIZES, TARGETS_MS, st.floats(-1, 1))
def test_a_figure_off_by_a_part_of_its_error_is_within_its_range(
    of: GridProfile, size: tuple[int, int], tpot_ms: float, part: float
) -> None:
    stated = of.max_tput(*size, Slo(tpot_ms=tpot_ms))
    if isinstance(stated, UnservableSize):
        return
    off = stated.off_by(part)
    if isinstance(off, UnservableSize):
        assert stated.may_be_none
        assert part <= -0.95
    else:
        error = stated.error if part > 0 else stated.error_down
        assert off.requests_per_s == pytest.approx(stated.requests_per_s * (1 + part * error))
        assert off.requests_per_s > 0.04 * stated.requests_per_s


def test_rates_of_h100s_of_2024_may_be_less_by_60_percent_and_more_by_50() -> None:
    (profile,) = (of for of in SHIPPED if of.era == "vllm-0.2.7" and of.kind == Kind("H100", 1))
    served = profile.max_tput(500, 250, Slo(tpot_ms=150))
    assert isinstance(served, MaxTput)
    assert (served.grade, served.error, served.error_down) == ("D", 0.5, 0.6)
    assert {(point.error, point.error_down) for point in profile.table.points(profile.kind, (500, 250))} == {(0.5, 0.6)}
