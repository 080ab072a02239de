"""The step law of every kind of profile, and when it is refused."""

import math
from collections import defaultdict
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.domain import Kind, OperatingPoint
from melange_cloud.domain.stated_law import ReplicaLimits
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.errors import Finding
from melange_cloud.profiles import load_profiles
from melange_cloud.profiles.files.profile_file import parse_profile
from melange_cloud.profiles.law import find_law
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from tests.profiles.one_replica import OneReplica
from tests.properties import examples

KIND = Kind("A10G", 2)
ESTIMATE: Any = load_profiles("llama-3.1-8b", gpus=["A10G"])[0][KIND]
TERMS = [field.name for field in fields(StepLaw) if field.name != "mixed_steps"]

# An engine that nobody calibrated: 20 ms to read, 8 ms on top, and so on; its replicas are simulated step by step.
ENGINE = StepLaw(
    read_s=0.020, token_s=9e-5, moved_s=0.0, cache_s=9e-8, windowed_cache_s=0.0, fixed_s=0.008, request_s=6e-5,
    prompt_s=0.004, attention_s=3e-9,
)  # fmt: skip
LIMITS = ReplicaLimits(
    max_num_seqs=256, max_total_tokens=32_768, cache_tokens=10**6, block_tokens=16, growth=1.0,
    max_num_batched_tokens=10**6,
)  # fmt: skip
SIZES = ((200, 100), (1500, 100), (500, 400))
LOADS = (1, 4, 16, 48)


def law_of(profile) -> Any:
    return find_law.law_of(profile)


def measured_point(size, concurrency, requests_per_s, tpot_ms):
    return OperatingPoint(size[0], size[1], concurrency, requests_per_s, tpot_ms, None, "measured", "A", 0.1)


def served(engine, size, concurrency):
    """A point of an engine, as a benchmark of it says."""
    found = OneReplica(engine, LIMITS, size).serve(concurrency)
    return measured_point(size, concurrency, found.requests_per_s, found.tpot_ms)


def by_size(points):
    held = defaultdict(tuple)
    for point in points:
        held[point.input_tokens, point.output_tokens] += (point,)
    return dict(held)


def alone(*points, kind=KIND):
    return MeasuredProfile(ESTIMATE.table, kind, measured=by_size(points))


def pinned(*points, published=frozenset()):
    measured = MeasuredProfile(ESTIMATE.table, KIND, measured=by_size(points), published=published)
    return PinnedProfile(ESTIMATE.table, KIND, estimate=ESTIMATE, measured=measured)


SWEEP = [served(ENGINE, size, load) for size in SIZES for load in LOADS]


def test_an_estimate_has_the_law_and_the_limits_of_its_replica():
    found, replica = law_of(ESTIMATE), ESTIMATE.table.replicas[KIND]
    assert (found.law, found.basis, found.points, found.residual) == (replica.law, "calibration", 0, None)
    for size in ((100, 100), (3000, 20), (50, 2000), (40_000, 1000)):
        assert found.limits.most_in_flight(*size) == replica.largest_concurrency(*size)


def test_the_law_of_an_unknown_engine_is_found_from_its_points():
    found = law_of(alone(*SWEEP))
    assert (found.basis, found.points) == ("fitted", 12)
    assert found.residual.median < 0.01
    for size in ((800, 200), (300, 300), (2500, 60)):  # none of them was measured
        for load in (2, 12, 40):
            real = OneReplica(ENGINE, LIMITS, size).serve(load)
            made = OneReplica(found.law, LIMITS, size).serve(load)
            assert made.requests_per_s == pytest.approx(real.requests_per_s, rel=0.05)
            assert made.tpot_ms == pytest.approx(real.tpot_ms, rel=0.05)


def test_a_law_over_an_estimate_is_fitted_to_what_the_user_measured():
    found = law_of(pinned(*SWEEP))
    assert (found.basis, found.points, found.sizes) == ("fitted", 12, ())
    assert found.residual.p90 < 0.03


def test_few_points_at_loads_that_one_factor_does_not_meet_are_fitted_near_the_estimate():
    found, estimate = law_of(pinned(*SWEEP[:4])), law_of(ESTIMATE).law
    assert (found.basis, found.points, found.point_sizes) == ("fitted", 4, 1)
    assert found.residual.p90 < 0.15
    assert all(
        0.3 < getattr(found.law, term) / getattr(estimate, term) < 3 for term in TERMS if getattr(estimate, term)
    )


def test_what_the_user_measured_outranks_what_was_published_at_another_size():
    """Published points of the estimate's own engine would contradict the user's; they are left aside."""
    published = [served(law_of(ESTIMATE).law, (3000, 300), load) for load in (1, 2, 4, 8)]
    mine = SWEEP[:4]
    found = law_of(pinned(*published, *mine, published=frozenset({(3000, 300)})))
    assert (found.basis, found.points) in {("fitted", 4), ("scaled", 8)}
    many = law_of(pinned(*published, *SWEEP, published=frozenset({(3000, 300)})))
    assert (many.basis, many.points) == ("fitted", 12)


def test_real_runs_of_one_engine_are_met_and_foretold_at_sizes_that_were_left_out():
    """TensorRT-LLM and SGLang on H100: served, through their own front ends."""
    rows = defaultdict(list)
    for row in load_measurements():
        if row.table == "closed_loop":
            rows[row.replica].append(row)
    errors, foretold, refused = [], [], 0
    for (_, gpu, degree, _, _), held in rows.items():
        kind = Kind(gpu, degree)
        points = []
        for row in held:
            tpot_ms, ttft_ms, n = row.known("tpot_ms"), row.known("ttft_ms"), row.known("concurrency")
            rate = 1000 * n / (ttft_ms + (row.output_tokens - 1) * tpot_ms)
            points.append(measured_point(row.size, round(n), rate, tpot_ms))
        sizes = {row.size for row in held}
        if len(points) < 15 or len(sizes) < 4:
            continue
        errors.append(law_of(alone(*points, kind=kind)).residual)
        left_out = max(sizes)
        kept = [point for point in points if (point.input_tokens, point.output_tokens) != left_out]
        law = getattr(law_of(alone(*kept, kind=kind)), "law", None)
        if law is None:
            refused += 1
            continue
        for point in by_size(points)[left_out]:
            decoding = point.requests_per_s * (point.output_tokens - 1) * point.tpot_ms / 1000
            foretold.append(abs(1000 * law.tpot_s(decoding, left_out, 1 - 1 / point.concurrency) / point.tpot_ms - 1))
    assert len(errors) >= 8
    assert refused <= 1
    assert sorted(error.median for error in errors)[len(errors) // 2] <= 0.03
    assert sorted(foretold)[len(foretold) // 2] <= 0.05
    assert sorted(foretold)[9 * len(foretold) // 10] <= 0.15


def test_a_saved_estimate_is_fitted_to_its_points(tmp_path):
    text = ESTIMATE.table.text
    file = parse_profile(tmp_path / "saved.csv", text)
    found = law_of(GridProfile(file, KIND))
    assert found.basis == "fitted"
    assert found.points == sum(len(points) for points in GridProfile(file, KIND).points.values())
    assert found.residual.median < 0.02
    known = law_of(ESTIMATE).law
    for size, load in (((500, 200), 30), ((2000, 500), 12), ((100, 100), 100)):
        real, made = (OneReplica(law, LIMITS, size).serve(load) for law in (known, found.law))
        assert made.requests_per_s == pytest.approx(real.requests_per_s, rel=0.05)


def test_one_measured_size_scales_the_law_near_it_and_no_farther():
    size = (1000, 200)
    law = law_of(ESTIMATE)
    few = [served(law.law.times(1.25), size, load) for load in (2, 8)]
    found = law_of(pinned(*few))
    assert (found.basis, found.points, found.law) == ("scaled", 2, law.law)
    (scaled,) = found.sizes
    assert (scaled.input_tokens, scaled.output_tokens) == size
    assert scaled.factor == pytest.approx(1.25, rel=0.01)
    assert found.residual.p90 < 0.01
    assert OneReplica(found.at(*size), LIMITS, size).serve(8).requests_per_s == pytest.approx(
        few[1].requests_per_s, rel=0.01
    )
    assert found.factor(1080, 190) == pytest.approx(scaled.factor)  # within a tenth it counts as measured
    assert 1 < found.factor(1400, 200) < scaled.factor
    assert found.at(2000, 200) is found.law
    assert found.at(1000, 100) is found.law


def test_a_saturated_point_scales_the_law_of_a_full_replica():
    size = (500, 500)
    law = law_of(ESTIMATE)
    full = OneReplica(law.law, law.limits, size)
    rate = full.serve(full.places).requests_per_s
    found = law_of(pinned(measured_point(size, None, 0.8 * rate, None)))
    assert found.sizes[0].factor == pytest.approx(1 / 0.8, rel=0.01)


def test_what_runs_in_no_batch_is_not_scaled_to():
    too_long = (30_000, 100)
    most = law_of(ESTIMATE).limits.cache_tokens
    assert most < 2_000_000
    found = law_of(pinned(measured_point((most, 100), None, 1.0, None)))
    assert found.basis == "calibration"
    assert law_of(pinned(measured_point(too_long, None, 0.01, None))).basis == "scaled"


def test_points_that_contradict_each_other_are_refused_with_the_cure():
    wrong = [replace(point, requests_per_s=point.requests_per_s / 2, tpot_ms=2 * point.tpot_ms) for point in SWEEP]
    for profile in (alone(*SWEEP, *wrong), pinned(*SWEEP, *wrong)):
        found = law_of(profile)
        assert isinstance(found, Finding)
        assert "24 measured points contradict each other" in found.what
        assert "at most 15%" in found.what
        assert "measure again" in found.cure
    scaled = law_of(pinned(SWEEP[1], wrong[1], wrong[2], published=frozenset(SIZES)))
    assert isinstance(scaled, Finding)
    assert "contradict" in scaled.what


def test_one_wrong_point_of_many_is_outvoted_and_two_of_twelve_are_named():
    one = [*SWEEP[:1], replace(SWEEP[1], tpot_ms=3 * SWEEP[1].tpot_ms), *SWEEP[2:]]
    assert law_of(alone(*one)).residual.median < 0.03
    two = [*one[:-3], replace(one[-3], tpot_ms=3 * one[-3].tpot_ms), *one[-2:]]
    found = law_of(alone(*two))
    assert isinstance(found, Finding)
    assert "tokens at 4 in flight" in found.what


@pytest.mark.parametrize("few", [SWEEP[:6], [served(ENGINE, (200 + 50 * at, 100), 8) for at in range(9)]])
def test_too_few_points_or_one_load_determine_nothing_alone_and_scale_an_estimate(few):
    found = law_of(alone(*few))
    assert isinstance(found, Finding)
    assert "are not enough to tell" in found.what
    assert "profiles measure" in found.cure
    assert law_of(pinned(*few)).basis == ("fitted" if len({point.concurrency for point in few}) > 1 else "scaled")


def test_every_step_of_the_old_era_that_prefills_is_its_own():
    profiles = load_profiles("llama-2-7b", "fp16", "vllm-0.2.7")[0]
    for profile in profiles.values():
        found = law_of(profile)
        assert not found.law.mixed_steps
        assert found.law.prefill_step_s > 0


@settings(max_examples=examples(30), deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(SIZES), st.integers(1, 300), st.floats(0.001, 200), st.none() | st.floats(0.5, 2000)),
        min_size=1,
        max_size=14,
    )
)
def test_whatever_was_measured_gives_a_law_that_keeps_its_residual_or_a_refusal(rows):
    points = [measured_point(size, load, rate, tpot_ms) for size, load, rate, tpot_ms in rows]
    for profile in (alone(*points), pinned(*points), pinned(*points, published=frozenset(SIZES))):
        found = law_of(profile)
        if isinstance(found, Finding):
            assert found.cure
            continue
        assert all(getattr(found.law, term) >= 0 and math.isfinite(getattr(found.law, term)) for term in TERMS)
        assert found.residual is None or 0 <= found.residual.median <= found.residual.p90 <= 0.15
