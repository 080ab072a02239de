from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, MaxTput, Slo, UnservableSize
from melange_cloud.profiles import Profile, load_profiles, read_profile_file
from melange_cloud.profiles.files.profile_format import COLUMNS
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from tests.profiles.saved_profiles import saved
from tests.properties import examples

SHIPPED = [
    ("llama-3.1-8b", "bf16", "2025"),
    ("llama-3.1-8b", "fp8", "2025"),
    ("llama-3.1-70b", "bf16", "2025"),
    ("llama-3.1-70b", "fp8", "2025"),
    ("llama-2-7b", "fp16", "2025"),
    ("llama-2-7b", "fp16", "vllm-0.2.7"),
]
EVERY = [
    profile.estimate if isinstance(profile, PinnedProfile) else profile
    for names in SHIPPED
    for profile in load_profiles(*names)[0].values()
]
SAVED = [saved(profile) for profile in EVERY if profile.model == "llama-2-7b"]

HEADER = """\
# format: melange-cloud profile 1
# model: m
# precision: bf16
# gpu: L4
# era: 2025
# max_total_tokens: 1500
# max_num_seqs: 256
# source: a test
# calibration: none
# made by: a test
# weight_read_ms: 1=9
# cache_tokens: 1=1400
"""


def small(tmp_path: Path, *rows: str) -> Profile:
    path = tmp_path / "L4.csv"
    path.write_text(HEADER + ",".join(COLUMNS) + "\n" + "\n".join(rows) + "\n")
    return GridProfile(read_profile_file(path), Kind("L4", 1))


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return small(
        tmp_path,
        "1,100,100,1,1,10,5,estimated,B,0.25",
        "1,100,100,2,1.8,20,5,estimated,B,0.25",
        "1,100,100,4,3,40,5,estimated,B,0.25",
        "1,100,1000,1,0.1,10,5,measured,A,0.05",
        "1,100,1000,2,0.18,20,5,measured,A,0.05",
        "1,500,100,1,0.5,12,9,estimated,C,0.3",
        "1,500,100,2,0.9,24,9,estimated,C,0.3",
    )


def served(of: Profile, input_tokens: float, output_tokens: float, tpot_ms: float) -> MaxTput:
    answer = of.max_tput(input_tokens, output_tokens, Slo(tpot_ms))
    assert isinstance(answer, MaxTput)
    return answer


def refused(of: Profile, input_tokens: float, output_tokens: float, tpot_ms: float, longest: int | None = None) -> str:
    answer = of.max_tput(input_tokens, output_tokens, Slo(tpot_ms), longest_total_tokens=longest)
    assert isinstance(answer, UnservableSize)
    return answer.reason


def test_at_a_grid_point_the_rate_moves_on_a_line_between_pass_and_fail(profile: Profile) -> None:
    assert served(profile, 100, 100, 20).requests_per_s == 1.8
    assert served(profile, 100, 100, 30).requests_per_s == pytest.approx(2.4)
    assert served(profile, 100, 100, 30).limited_by == "tpot"
    assert served(profile, 100, 100, 50) == MaxTput(3, "B", 0.25, "estimated", "saturation")


def test_between_sizes_replica_seconds_are_interpolated(profile: Profile) -> None:
    halfway = served(profile, 300, 100, 100)
    assert halfway.requests_per_s == pytest.approx(1 / ((1 / 3 + 1 / 0.9) / 2))
    assert (halfway.grade, halfway.error, halfway.origin) == ("C", 0.3, "estimated")


def test_a_cell_with_its_far_corner_beyond_the_limit_is_a_triangle(profile: Profile) -> None:
    inside = served(profile, 200, 325, 100)
    assert inside.requests_per_s == pytest.approx(1 / (0.5 / 3 + 0.25 / 0.9 + 0.25 / 0.18))
    assert (inside.grade, inside.origin) == ("C", "estimated")
    assert "out of reach" in refused(profile, 450, 800, 100)


def test_grade_a_needs_every_corner_measured(profile: Profile) -> None:
    assert served(profile, 100, 1000, 100).origin == "measured"
    assert served(profile, 100, 999, 100).origin == "estimated"


def test_small_requests_count_as_the_smallest_of_the_grid(profile: Profile) -> None:
    assert served(profile, 1, 1, 100) == served(profile, 100, 100, 100)


def test_every_refusal_gives_its_numbers(profile: Profile) -> None:
    assert refused(profile, 900, 700, 100) == "a request of 1,600 tokens is longer than the model's context of 1,500"
    longest = refused(profile, 100, 100, 100, longest=20_100)
    assert longest == "a request of 20,100 tokens is longer than the model's context of 1,500"
    assert refused(profile, 500, 950, 100).startswith("no room for one request of 1,450 tokens")
    assert refused(profile, 600, 100, 100) == "the profile stops at 500 input tokens, needs 600"
    assert refused(profile, 100, 1001, 100) == "the profile stops at 1,000 output tokens, needs 1,001"
    assert refused(profile, 100, 100, 8) == "9 ms to read the weights > 8 ms"
    assert (
        refused(profile, 500, 100, 11)
        == "12 ms per token at its lightest load at 500 + 100 tokens > 11 ms (within its error: none or few)"
    )
    assert "lightest load" in refused(profile, 300, 100, 11)


def test_a_target_near_the_lightest_load_is_grade_d_where_estimated(profile: Profile) -> None:
    near = served(profile, 100, 100, 14)
    assert (near.grade, near.error) == ("D", 0.5)
    assert served(profile, 100, 100, 15).grade == "B"
    assert served(profile, 100, 1000, 14).grade == "A"


def test_more_concurrency_that_brings_nothing_is_saturation(tmp_path: Path) -> None:
    worse = small(tmp_path, "1,100,100,1,1,10,5,measured,A,0.1", "1,100,100,2,0.9,20,5,measured,A,0.1")
    for target_ms in (10, 15, 25):
        assert served(worse, 100, 100, target_ms) == MaxTput(1, "A", 0.1, "measured", "saturation")


sizes = st.tuples(st.floats(1, 20_000), st.floats(1, 4_096))
targets = st.floats(5, 300)


@given(st.sampled_from([*EVERY, *SAVED]), sizes, targets, st.floats(0, 100))
def test_a_looser_target_never_lowers_the_rate(
    of: Profile, size: tuple[float, float], tpot_ms: float, slack: float
) -> None:
    tight, loose = of.max_tput(*size, Slo(tpot_ms)), of.max_tput(*size, Slo(tpot_ms + slack))
    if isinstance(tight, MaxTput):
        assert isinstance(loose, MaxTput)
        assert loose.requests_per_s >= tight.requests_per_s * (1 - 1e-12)


@given(st.sampled_from(EVERY), sizes, targets)
def test_no_shipped_profile_promises_a_tpot_below_the_weight_read(
    of: Profile, size: tuple[float, float], tpot_ms: float
) -> None:
    assert of.weight_read_ms is not None
    answer = of.max_tput(*size, Slo(min(tpot_ms, 0.999 * of.weight_read_ms)))
    assert isinstance(answer, UnservableSize)


@given(st.sampled_from(EVERY), st.data(), targets)
def test_at_the_grid_points_maxtput_is_the_grids(of: Profile, data: st.DataObject, tpot_ms: float) -> None:
    size = data.draw(st.sampled_from(of.sizes))
    points = of.table.points(of.kind, size)
    answer = of.max_tput(*size, Slo(tpot_ms))
    passing = [point.requests_per_s for point in points if point.tpot_ms <= tpot_ms]
    if not passing:
        assert isinstance(answer, UnservableSize)
        return
    assert isinstance(answer, MaxTput)
    assert max(passing) <= answer.requests_per_s <= max(point.requests_per_s for point in points)


@given(st.sampled_from([*EVERY, *SAVED]), sizes, st.floats(0, 2000), st.floats(0, 500))
@settings(max_examples=examples(200))
def test_longer_requests_never_have_a_higher_rate(
    of: Profile, size: tuple[float, float], more_input: float, more_output: float
) -> None:
    shorter = of.max_tput(*size, Slo())
    longer = of.max_tput(size[0] + more_input, size[1] + more_output, Slo())
    if isinstance(shorter, MaxTput) and isinstance(longer, MaxTput):
        assert longer.requests_per_s <= shorter.requests_per_s * (1 + 1e-9)


@pytest.mark.parametrize(
    "of",
    [p for p in [*SAVED, *map(saved, EVERY[:20])] if p.kind == Kind("H100", 1)],
    ids=lambda of: f"{of.model} {of.era}",
)
def test_between_the_sizes_of_a_file_it_stays_near_the_estimator(of: Profile) -> None:
    from melange_cloud.estimator.replica import MemoryShortfall, Replica
    from melange_cloud.estimator.spec_files import load_calibrations
    from melange_cloud.profiles import load_eras, load_gpus, load_models

    constants = load_calibrations()[of.kind.gpu, of.era, "fp16"]
    model, gpu, era = load_models()[of.model], load_gpus()[of.kind.gpu], load_eras()[of.era]
    replica = Replica(model, gpu, of.kind.tensor_parallel, era, of.precision, constants)
    off = []
    for input_tokens in (40, 170, 400, 700, 1500, 3000, 5000, 7000):
        for output_tokens in (60, 150, 400, 700, 1500):
            exact = replica.estimate(input_tokens, output_tokens)
            if isinstance(exact, MemoryShortfall) or input_tokens + output_tokens > of.max_total_tokens:
                continue
            rate = served(of, input_tokens, output_tokens, 1e9).requests_per_s
            off.append(abs(rate / exact[-1].requests_per_s - 1))
    assert len(off) >= 25
    assert sorted(off)[len(off) // 2] < 0.035
    assert max(off) < 0.15


def test_llama_2_loses_nothing_below_its_4096_tokens() -> None:
    of = load_profiles("llama-2-7b", gpus=["H100"])[0][Kind("H100", 1)]
    for input_tokens in range(25, 4072, 37):
        for output_tokens in {25, 60, 333, 777, 1500, 4096 - input_tokens}:
            if output_tokens >= 25 and input_tokens + output_tokens <= 4096:
                assert isinstance(of.max_tput(input_tokens, output_tokens, Slo()), MaxTput), (
                    input_tokens,
                    output_tokens,
                )
    assert isinstance(of.max_tput(4000, 97, Slo()), UnservableSize)


def test_the_papers_ten_by_six_sizes_are_reached_where_memory_allows() -> None:
    for of in load_profiles("llama-2-7b", era="vllm-0.2.7", gpus=["A100-80GB", "H100"])[0].values():
        for input_tokens in (25, 100, 250, 500, 1000, 2000, 4000, 8000, 12000, 16000):
            for output_tokens in (25, 100, 250, 500, 1000, 2000):
                assert (input_tokens, output_tokens) in of.sizes
                assert isinstance(of.max_tput(input_tokens, output_tokens, Slo(), 18_000), MaxTput)
        assert refused(of, 17_000, 2_000, 120) == (
            "a request of 19,000 tokens is longer than the engine's limit of 18,000"
        )


def test_cells_are_the_grid(profile: Profile) -> None:
    cells = profile.cells(Slo(15))
    assert [(cell.input_tokens, cell.output_tokens) for cell in cells] == [(100, 100), (100, 1000), (500, 100)]
    assert all(cell.tpot_ms == 15 for cell in cells)
    assert [cell.tpot_ms for cell in profile.cells()] == [40, 20, 24]
    assert all(isinstance(cell.served, UnservableSize) and cell.tpot_ms is None for cell in profile.cells(Slo(1)))
    assert sorted(profile.points) == list(profile.sizes)


def test_seventy_billion_in_16_bits_under_a_target_is_trusted_as_far_as_it_was_served() -> None:
    """NVIDIA, November 2024: TensorRT-LLM 0.14 on four H100 served 8 requests/s of 467 + 256 tokens at 32 ms each."""
    of = load_profiles("llama-3.1-70b", gpus=["H100"])[0][Kind("H100", 4)]
    served, full = of.max_tput(467, 256, Slo(tpot_ms=32)), of.max_tput(467, 256, Slo())
    assert isinstance(served, MaxTput)
    assert isinstance(full, MaxTput)
    assert (served.grade, served.error_down, full.grade) == ("D", 0.5, "C")
    assert served.requests_per_s * (1 - served.error_down) < 8 < served.requests_per_s
    in_8_bits = load_profiles("llama-3.1-70b", "fp8", gpus=["H100"])[0][Kind("H100", 4)].max_tput(467, 256, Slo(32))
    assert isinstance(in_8_bits, MaxTput)
    assert in_8_bits.grade < "D"
