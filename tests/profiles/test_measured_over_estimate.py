"""Measured points over an estimate: exact where measured, fading around, never more than they show."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.profiles import Profile, load_profiles, read_profile_file
from melange_cloud.profiles.files.profile_format import MEASURED_COLUMNS, MEASURED_FORMAT
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile, pin
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from tests.properties import examples

KIND = Kind("A10G", 1)
ESTIMATE: Any = load_profiles("llama-3.1-8b", gpus=["A10G"])[0][KIND]


def point(
    size: tuple[int, int],
    requests_per_s: float,
    tpot_ms: float | None = None,
    concurrency: int | None = None,
    p99_ms: float | None = None,
) -> OperatingPoint:
    ttft_ms = None if tpot_ms is None else 100.0
    return OperatingPoint(*size, concurrency, requests_per_s, tpot_ms, ttft_ms, "measured", "A", 0.1, p99_ms)


def measured(*points: OperatingPoint) -> MeasuredProfile:
    by_size: dict[tuple[int, int], tuple[OperatingPoint, ...]] = {}
    for held in points:
        size = (held.input_tokens, held.output_tokens)
        by_size[size] = (*by_size.get(size, ()), held)
    return MeasuredProfile(ESTIMATE.table, KIND, measured=by_size)


def pinned(*points: OperatingPoint) -> PinnedProfile:
    return PinnedProfile(ESTIMATE.table, KIND, estimate=ESTIMATE, measured=measured(*points))


def rate(of: Profile, size: tuple[float, float], slo: Slo) -> float:
    answer = of.max_tput(*size, slo)
    assert isinstance(answer, MaxTput), answer
    return answer.requests_per_s


SIZE = (500, 250)
SWEEP = [
    point(SIZE, 0.4, 42, 1, 45),
    point(SIZE, 1.4, 55, 7, 70),
    point(SIZE, 2.2, 80, 20, 120),
    point(SIZE, 2.5, 140, 60, 300),
    point(SIZE, 2.5, 190, 120, 500),
]
FULL = Slo(tpot_ms=100)


def test_at_a_measured_size_the_measurement_counts() -> None:
    answer = pinned(*SWEEP).max_tput(*SIZE, Slo(tpot_ms=80))
    assert answer == MaxTput(2.2, "A", 0.1, "measured", "tpot")
    between = pinned(*SWEEP).max_tput(*SIZE, Slo(tpot_ms=110))
    assert isinstance(between, MaxTput)
    assert (between.requests_per_s, between.limited_by) == (pytest.approx(2.35), "tpot")
    assert pinned(*SWEEP).max_tput(*SIZE, Slo(tpot_ms=500)) == MaxTput(2.5, "A", 0.1, "measured", "saturation")


def test_p99_is_known_where_it_was_measured_and_nowhere_else() -> None:
    of = pinned(*SWEEP)
    answer = of.max_tput(*SIZE, Slo(p99_tpot_ms=95))
    assert isinstance(answer, MaxTput)
    assert (answer.requests_per_s, answer.limited_by) == (pytest.approx(1.8), "p99_tpot")
    far = of.max_tput(4000, 1000, Slo(p99_tpot_ms=95))
    assert isinstance(far, UnservableSize)
    assert far.no_data


def test_measured_is_said_within_ten_percent_only() -> None:
    of = pinned(*SWEEP)
    for size, origin in (((540, 270), "measured"), ((460, 230), "measured"), ((560, 250), "estimated")):
        answer = of.max_tput(*size, FULL)
        assert isinstance(answer, MaxTput)
        assert answer.origin == origin, size
        assert (answer.grade == "A") == (origin == "measured")


def test_the_correction_fades_to_the_plain_estimate_at_a_factor_of_two() -> None:
    of = pinned(*(replace(held, requests_per_s=0.8 * held.requests_per_s) for held in SWEEP))
    ratios = [rate(of, (500 * f, 250), FULL) / rate(ESTIMATE, (500 * f, 250), FULL) for f in (1, 1.2, 1.5, 1.9, 2.0, 3)]
    towards = [abs(math.log(ratio)) for ratio in ratios]
    assert towards[0] > 0.01
    assert towards[1:] == sorted(towards[1:], reverse=True)
    assert towards[3] < 0.2 * towards[1]
    assert ratios[-2:] == [1, 1]


def test_saturation_alone_never_promises_a_rate_under_a_target() -> None:
    slo = Slo(tpot_ms=60)
    base = ESTIMATE.max_tput(*SIZE, slo)
    assert isinstance(base, MaxTput)
    assert base.limited_by == "tpot"
    assert pinned(point(SIZE, 50)).max_tput(*SIZE, slo) == base
    low = pinned(point(SIZE, 0.5)).max_tput(*SIZE, slo)
    assert isinstance(low, MaxTput)
    assert low.requests_per_s == pytest.approx(0.5), "what it cannot reach without a target it cannot reach with one"
    assert rate(pinned(point(SIZE, 50)), SIZE, Slo()) == 50
    assert rate(pinned(point(SIZE, 50)), SIZE, Slo(tpot_ms=1e6)) == pytest.approx(50), "saturation is the limit there"


def test_ten_requests_at_once_change_nothing_under_a_target() -> None:
    of = pinned(point(SIZE, 0.1, None, 10))
    for size in (SIZE, (600, 300)):
        assert of.max_tput(*size, Slo(tpot_ms=1e6)) == ESTIMATE.max_tput(*size, Slo(tpot_ms=1e6))


def test_a_lone_low_load_is_the_most_there_but_lowers_no_neighbour() -> None:
    of = pinned(point(SIZE, 0.6, 50, 3))
    answer = of.max_tput(*SIZE, FULL)
    assert isinstance(answer, MaxTput)
    assert (answer.requests_per_s, answer.limited_by, answer.origin) == (0.6, "load", "measured")
    assert rate(of, (600, 300), FULL) == pytest.approx(rate(ESTIMATE, (600, 300), FULL))


def test_a_load_that_missed_the_target_bounds_the_rate() -> None:
    of = pinned(point(SIZE, 0.7, 130, 12), point(SIZE, 0.8, 160, 30))
    answer = of.max_tput(*SIZE, FULL)
    assert isinstance(answer, MaxTput)
    assert answer.requests_per_s == pytest.approx(0.7)
    assert answer.origin == "estimated"


def test_one_request_alone_that_missed_the_target_is_final() -> None:
    of = pinned(point(SIZE, 1 / (0.1 + 249 * 0.12), 120, 1), point(SIZE, 0.8, 160, 30))
    answer = of.max_tput(*SIZE, FULL)
    assert isinstance(answer, UnservableSize)
    assert "120 ms per token at its lightest load" in answer.reason


def test_no_measurement_beats_the_time_to_read_the_weights() -> None:
    assert ESTIMATE.weight_read_ms is not None
    impossible = pinned(point(SIZE, 5, 5, 2), point(SIZE, 9, 8, 20))
    assert isinstance(impossible.max_tput(*SIZE, Slo(tpot_ms=0.9 * ESTIMATE.weight_read_ms)), UnservableSize)
    assert isinstance(impossible.max_tput(*SIZE, FULL, longest_total_tokens=10**9), UnservableSize)


def grid(rates: dict[tuple[int, int], float]) -> list[OperatingPoint]:
    return [
        held
        for size, top in rates.items()
        for held in (point(size, 0.8 * top, 60, 20), point(size, top, 90, 40), point(size, 1.01 * top, 150, 80))
    ]


GRID = {(200, 100): 5.0, (400, 100): 4.0, (200, 200): 2.6, (400, 200): 2.2}


def test_between_four_measured_sizes_it_is_measured() -> None:
    of = pinned(*grid(GRID))
    answer = of.max_tput(300, 150, Slo(tpot_ms=90))
    assert isinstance(answer, MaxTput)
    assert answer.requests_per_s == pytest.approx(4 / sum(1 / top for top in GRID.values()))
    assert (answer.origin, answer.grade) == ("measured", "A")
    coarse = {(100, 100): 8.0, (400, 100): 4.0, (100, 400): 2.0, (400, 400): 1.2}
    wide = pinned(*grid(coarse)).max_tput(200, 200, Slo(tpot_ms=90))
    assert isinstance(wide, MaxTput)
    assert (wide.origin, wide.grade) == ("measured", "B")


def test_without_an_estimate_only_what_was_measured_is_served() -> None:
    of = measured(*grid(GRID))
    assert rate(of, (210, 100), FULL) == pytest.approx(5.0, rel=0.1)
    assert rate(of, (300, 150), Slo(tpot_ms=90)) == pytest.approx(4 / sum(1 / top for top in GRID.values()))
    small = of.max_tput(20, 10, Slo(tpot_ms=90))
    assert isinstance(small, MaxTput)
    assert (small.requests_per_s, small.grade) == (5.0, "D"), (
        "a shorter request is no slower than the shortest measured"
    )
    beyond = of.max_tput(1000, 500, Slo(tpot_ms=90))
    assert isinstance(beyond, UnservableSize)
    assert beyond.no_data
    assert "the nearest is 400 + 200" in beyond.reason


def test_cells_hold_both_and_say_which() -> None:
    of = pinned(*SWEEP)
    cells = {(cell.input_tokens, cell.output_tokens): cell for cell in of.cells(Slo(tpot_ms=80))}
    assert cells.keys() >= {SIZE, *ESTIMATE.sizes}
    served = cells[SIZE].served
    assert isinstance(served, MaxTput)
    assert (served.origin, served.requests_per_s, cells[SIZE].tpot_ms) == ("measured", 2.2, 80)
    assert set(of.points) == set(of.sizes)


rates = st.floats(0.05, 8)
sizes = st.tuples(st.integers(60, 3000), st.integers(60, 1000))


@st.composite
def measurements(draw: st.DrawFn) -> list[OperatingPoint]:
    points = []
    for size in draw(st.lists(sizes, min_size=1, max_size=4, unique=True)):
        if draw(st.booleans()):
            points.append(point(size, draw(rates), None, draw(st.sampled_from([None, 10]))))
        tpot_ms, load, top = draw(st.floats(30, 120)), draw(st.integers(1, 8)), draw(rates)
        for _ in range(draw(st.integers(0 if points and points[-1].tpot_ms is None else 1, 4))):
            points.append(point(size, top, tpot_ms, load))
            tpot_ms, load, top = tpot_ms * 1.3, load * 2, top * draw(st.floats(1, 1.6))
    return points


@given(measurements(), st.data(), st.floats(30, 300), st.one_of(st.floats(0, 200), st.just(math.inf)))
@settings(max_examples=examples(400))
def test_a_looser_target_never_lowers_the_rate(
    points: list[OperatingPoint], data: st.DataObject, tpot_ms: float, slack: float
) -> None:
    of = pinned(*points)
    near = data.draw(st.sampled_from([(p.input_tokens, p.output_tokens) for p in points]))
    size = (near[0] * data.draw(st.floats(0.5, 2)), near[1] * data.draw(st.floats(0.5, 2)))
    tight, loose = of.max_tput(*size, Slo(tpot_ms)), of.max_tput(*size, Slo(tpot_ms + slack))
    if isinstance(tight, MaxTput):
        assert isinstance(loose, MaxTput)
        assert loose.requests_per_s >= tight.requests_per_s * (1 - 1e-9)


@given(measurements(), st.floats(30, 300))
@settings(max_examples=examples(200))
def test_where_measured_never_more_than_the_highest_rate_seen(points: list[OperatingPoint], tpot_ms: float) -> None:
    of = pinned(*points)
    for size in of.measured.sizes:
        answer = of.max_tput(*size, Slo(tpot_ms))
        if isinstance(answer, MaxTput) and answer.origin == "measured":
            assert answer.requests_per_s <= max(p.requests_per_s for p in of.measured.measured[size]) * (1 + 1e-9)
            assert answer.grade == "A"


def test_pinning_keeps_the_other_kinds(tmp_path: Path) -> None:
    header = {
        "format": MEASURED_FORMAT, "model": "llama-3.1-8b", "precision": "bf16", "gpu": "A10G", "era": "2025",
        "max_total_tokens": "8192", "max_num_seqs": "256", "source": "x", "calibration": "none", "made by": "a test",
    }  # fmt: skip
    lines = [f"# {key}: {value}" for key, value in header.items()]
    path = tmp_path / "A10G.csv"
    path.write_text(
        "\n".join([*lines, ",".join(MEASURED_COLUMNS), "2,500,250,,3.5,,,,measured,A,0.1,2026-03-01,vllm x.json", ""])
    )
    estimates: dict[Kind, Any] = load_profiles("llama-3.1-8b", gpus=["A10G"])[0]
    held = pin(estimates, [], [read_profile_file(path)])
    assert held[KIND] is estimates[KIND]
    assert rate(held[Kind("A10G", 2)], SIZE, Slo()) == 3.5
    alone = pin({}, [], [read_profile_file(path)])
    assert list(alone) == [Kind("A10G", 2)]
