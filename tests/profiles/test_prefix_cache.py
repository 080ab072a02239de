"""Measured rates with a prefix cache: moved as the estimate moves, never beyond what decoding alone allows."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, MaxTput, Slo, UnservableSize
from melange_cloud.estimator.spec_files import load_calibrations
from melange_cloud.profiles import (
    Profile,
    library,
    load_eras,
    load_gpus,
    load_models,
    load_profiles,
    rests_on,
    served_max_tput,
)
from melange_cloud.profiles.estimates.estimate_table import estimate_table
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.prefix_cache import PrefixCache
from tests.profiles.test_measured_over_estimate import ESTIMATE, KIND, SIZE, SWEEP, pinned, point
from tests.profiles.test_user_profiles import SWEEP as RUNS
from tests.profiles.test_user_profiles import save
from tests.properties import examples

SHARES = (0.0, 0.3, 0.6, 0.9, 1.0)


def loaded(gpu: str, share: float, precision: str = "bf16", degree: int = 1) -> Profile:
    return load_profiles("llama-3.1-8b", precision, gpus=[gpu], cached_input=share)[0][Kind(gpu, degree)]


def with_cache(of: PinnedProfile, share: float) -> PinnedProfile:
    estimate, alone = loaded("A10G", share), loaded("A10G", 1.0)
    assert isinstance(estimate, GridProfile)
    assert isinstance(alone, GridProfile)
    return replace(of, prefix_cache=PrefixCache(estimate, alone))


def rate(of: Profile, size: tuple[float, float], slo: Slo) -> float:
    answer = of.max_tput(*size, slo)
    return answer.requests_per_s if isinstance(answer, MaxTput) else 0.0


def test_a_measured_rate_is_moved_as_the_estimate_moves() -> None:
    slo = Slo(tpot_ms=80)
    answer = with_cache(pinned(*SWEEP), 0.6).max_tput(*SIZE, slo)
    ratio = rate(loaded("A10G", 0.6), SIZE, slo) / rate(ESTIMATE, SIZE, slo)
    assert ratio > 1.1
    # 2.2 requests/s is what was measured at 80 ms.
    assert rate(loaded("A10G", 1.0), SIZE, slo) > 2.2 * ratio
    assert isinstance(answer, MaxTput)
    assert answer.requests_per_s == pytest.approx(2.2 * ratio)
    assert (answer.origin, answer.grade, answer.limited_by) == ("estimated", "C", "tpot")
    assert answer.error > 0.1  # of the measurement


def test_beyond_what_decoding_alone_allows_nothing_is_added() -> None:
    slo = Slo(tpot_ms=80)
    alone = rate(loaded("A10G", 1.0), SIZE, slo)
    fast = pinned(point(SIZE, 0.4, 30, 1), point(SIZE, 1.05 * alone, 80, 20))
    assert with_cache(fast, 0.6).max_tput(*SIZE, slo) == fast.max_tput(*SIZE, slo)
    close = pinned(point(SIZE, 0.4, 30, 1), point(SIZE, 0.99 * alone, 80, 20))
    assert rate(with_cache(close, 0.6), SIZE, slo) == pytest.approx(alone)


def test_far_from_what_was_measured_the_estimate_counts_alone() -> None:
    far, slo = (4000, 1000), Slo(tpot_ms=100)
    assert with_cache(pinned(*SWEEP), 0.6).max_tput(*far, slo) == loaded("A10G", 0.6).max_tput(*far, slo)


def test_what_was_measured_to_miss_a_target_still_misses_it() -> None:
    slow = pinned(point(SIZE, 0.042, 95, 1), point(SIZE, 0.11, 140, 4))  # 0.1 s + 249 x 95 ms: one in flight
    slo = Slo(tpot_ms=90)
    assert isinstance(ESTIMATE.max_tput(*SIZE, slo), MaxTput)
    assert isinstance(with_cache(slow, 0.9).max_tput(*SIZE, slo), UnservableSize)


def test_a_ttft_target_that_no_computed_prompt_keeps_is_kept_with_a_cache() -> None:
    long, slo = (8000, 100), Slo(tpot_ms=100, ttft_ms=1000)
    assert isinstance(loaded("A10G", 0.0).max_tput(*long, slo), UnservableSize)
    assert rate(loaded("A10G", 0.95), long, slo) > 0
    of = pinned(replace(point(long, 0.1, 60, 2), ttft_ms=5000.0))
    assert isinstance(of.max_tput(*long, slo), UnservableSize)
    assert rate(with_cache(of, 0.95), long, slo) > 0


@given(
    st.sampled_from([("H100", "bf16"), ("H100", "fp8"), ("A100-80GB", "bf16"), ("L4", "fp8")]),
    st.integers(25, 12_000),
    st.integers(8, 2_000),
    st.sampled_from([Slo(), Slo(tpot_ms=25), Slo(tpot_ms=100), Slo(tpot_ms=100, ttft_ms=700), Slo(e2e_ms=20_000)]),
)
@settings(max_examples=examples(150))
def test_more_cached_is_never_slower_and_at_most_what_decoding_alone_gives(
    whose: tuple[str, str], input_tokens: int, output_tokens: int, slo: Slo
) -> None:
    gpu, precision = whose
    size = (input_tokens, output_tokens)
    rates = [rate(loaded(gpu, share, precision), size, slo) for share in SHARES]
    for less, more in itertools.pairwise(rates):
        assert more >= less * (1 - 1e-4)  # operating points have five digits
    profile = loaded(gpu, 1.0, precision)
    alone = (
        profile.prefix_cache.decode_alone if isinstance(profile, PinnedProfile) and profile.prefix_cache else profile
    )
    assert rates[-1] <= max(rates[0], rate(alone, size, slo)) * (1 + 1e-9)


@pytest.mark.parametrize(("size", "tpot_ms"), [((112, 10), 20), ((44, 18), 20), ((300, 40), 25)])
def test_behind_the_front_end_more_cached_is_never_slower(size: tuple[int, int], tpot_ms: float) -> None:
    kind, slo = Kind("H100", 2), Slo(tpot_ms=tpot_ms)
    rates = []
    for share in (0.0, 0.1, 0.4, 0.7, 0.95, 1.0):
        profile = load_profiles("qwen3-32b", "fp8", gpus=["H100"], cached_input=share)[0][kind]
        served = served_max_tput(profile, size, slo)
        assert isinstance(served, MaxTput)
        rates.append(served.requests_per_s)
    assert all(more >= less * (1 - 1e-4) for less, more in itertools.pairwise(rates))
    assert rates[-1] > rates[0]


def test_the_shipped_pins_have_the_weaker_grade_with_a_cache() -> None:
    profile = loaded("H100", 0.0, "fp8")
    assert isinstance(profile, PinnedProfile)
    measured = [size for size in profile.measured.sizes if size[0] >= 1000]
    assert measured
    for size in measured:
        before, after = (loaded("H100", share, "fp8").max_tput(*size, Slo()) for share in (0.0, 0.6))
        assert isinstance(before, MaxTput)
        assert isinstance(after, MaxTput)
        assert (before.origin, after.origin) == ("measured", "estimated")
        assert after.requests_per_s > before.requests_per_s
        assert after.grade >= before.grade
        assert after.error >= before.error


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MELANGE_CLOUD_PROFILES", str(tmp_path / "own"))
    return tmp_path / "own"


def test_the_users_own_rates_of_an_unknown_model_stay_and_say_so(own: Path) -> None:
    save(RUNS, model="ours")
    without, cached = (load_profiles("ours", gpus=["A10G"], cached_input=share)[0][KIND] for share in (0.0, 0.6))
    size, slo = (250, 200), Slo(tpot_ms=100)
    assert cached.max_tput(*size, slo) == without.max_tput(*size, slo)
    assert without.notes == ()
    (note,) = cached.notes
    assert note.startswith("ours on A10G: --cached-input does not change your own measured or saved rates")


def test_the_users_own_rates_of_a_known_model_are_moved_and_named(own: Path) -> None:
    save(RUNS)
    without, cached = (loaded("A10G", share) for share in (0.0, 0.6))
    size, slo = (250, 200), Slo(tpot_ms=100)
    assert rate(cached, size, slo) > rate(without, size, slo)
    assert [found.points for found in rests_on(cached, [(*size, None)], [slo])] == [4]
    assert rests_on(cached, [(8000, 1000, None)], [slo]) == ()


def test_a_saved_estimate_of_a_shipped_model_says_that_ours_is_moved(own: Path) -> None:
    kind = Kind("L4", 1)
    table = estimate_table(
        load_models()["llama-3.1-8b"],
        load_gpus()["L4"],
        load_eras()["2025"],
        "bf16",
        load_calibrations()["L4", "2025", "fp16"],
    )
    assert table is not None
    folder = own / "2025" / "llama-3.1-8b" / "bf16" / "L4"
    folder.mkdir(parents=True)
    (folder / "tp1-estimated.csv").write_text(
        replace(table, replicas={kind: table.replicas[kind]}).text, encoding="utf-8"
    )
    (note,) = loaded("L4", 0.6).notes
    assert note.startswith(
        "llama-3.1-8b on L4: --cached-input does not change the estimate that you saved; delete its file"
    )
    assert loaded("L4", 0.6, degree=2).notes == ()
    assert loaded("L4", 0.0).notes == ()
    (folder / "tp1-estimated.csv").unlink()
    assert loaded("L4", 0.6).notes == ()


def test_estimates_of_any_number_of_shares_are_kept_in_bounded_memory() -> None:
    for hundredths in range(1, 80):
        loaded("L4", hundredths / 100)
    held = library._prefix_caches.cache_info()
    assert held.maxsize is not None
    assert held.currsize <= held.maxsize < 80
