"""A replica that is simulated step by step with a profile's law does what the profile's operating points say."""

import math
from dataclasses import replace
from random import Random
from statistics import median

import pytest

from melange_cloud.domain.stated_law import ReplicaLimits
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.spec_files import load_eras
from melange_cloud.profiles import load_profiles
from melange_cloud.profiles.law import find_law
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from tests.profiles.one_replica import OneReplica

POINTS = 360


@pytest.fixture(scope="module")
def shipped():
    """Every shipped profile with its law."""
    profiles = [
        profile
        for era in load_eras().values()
        for model, precisions in era.models.items()
        for precision in precisions
        for profile in load_profiles(model, precision, era.name)[0].values()
    ]
    return [(profile, find_law.law_of(profile)) for profile in profiles]


def simulated(law, size, jump=True):
    return OneReplica(law.at(*size), law.limits, size, law.cached_input, jump)


def off_estimated(rng, profile, law):
    """Rate of the simulation over that of one estimated point, less 1."""
    estimate = profile
    if isinstance(profile, PinnedProfile):
        estimate = profile.estimate if profile.prefix_cache is None else profile.prefix_cache.estimate
    size = rng.choice(estimate.sizes)
    point = rng.choice(estimate.table.points(profile.kind, size))
    unscaled = replace(law, sizes=())  # the points of an estimate are not moved by what is pinned near them
    return simulated(unscaled, size).serve(point.concurrency).requests_per_s / point.requests_per_s - 1


def off_measured(profile, law, size, point):
    """Rate at a measured point's TPOT over the measured one, less 1; of a saturated point that with a full replica.

    Not at its concurrency: of those in flight many waited where the run began, or before the server.
    """
    replica = simulated(law, size)
    low, high = 1, replica.places
    if point.tpot_ms is None:
        return replica.serve(high).requests_per_s / point.requests_per_s - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if replica.serve(middle).tpot_ms <= point.tpot_ms else (low, middle)
    below, above = replica.serve(low), replica.serve(high)
    part = (point.tpot_ms - below.tpot_ms) / (above.tpot_ms - below.tpot_ms)
    return (below.requests_per_s + part * (above.requests_per_s - below.requests_per_s)) / point.requests_per_s - 1


def test_the_closed_loop_meets_the_operating_points_of_all_shipped_kinds(shipped):
    rng = Random(20261127)  # noqa: S311
    measured = [
        abs(off_measured(profile, law, size, point))
        for profile, law in shipped
        if isinstance(profile, PinnedProfile)
        for size, points in profile.measured.measured.items()
        for point in points
    ]
    off = [abs(off_estimated(rng, *rng.choice(shipped))) for _ in range(POINTS)]
    both = [*off, *rng.sample(measured, len(measured) // 3)]
    for errors, middle, most in ((off, 0.002, 0.02), (both, 0.01, 0.03), (measured, 0.03, 0.12)):
        errors.sort()
        assert median(errors) <= middle
        assert errors[math.ceil(0.9 * len(errors)) - 1] <= most


def test_so_does_that_of_one_engine_and_of_prompts_that_are_partly_cached():
    rng = Random(60)  # noqa: S311
    off = []
    for engine in ("vllm", "sglang", "tensorrt-llm"):
        profiles = load_profiles("llama-3.1-8b", "bf16", engine=engine, cached_input=0.6)[0]
        laws = [(profile, find_law.law_of(profile)) for profile in profiles.values()]
        assert all(getattr(law, "cached_input", None) == 0.6 for _, law in laws)
        off += [abs(off_estimated(rng, *rng.choice(laws))) for _ in range(40)]
    off.sort()
    assert median(off) <= 0.01
    assert off[math.ceil(0.9 * len(off)) - 1] <= 0.03


LAW = StepLaw(
    read_s=0.01, token_s=4e-5, moved_s=1e-6, cache_s=6e-8, windowed_cache_s=0.0, fixed_s=0.002, request_s=2e-5,
    prompt_s=0.0005, attention_s=1e-9,
)  # fmt: skip
LIMITS = ReplicaLimits(
    max_num_seqs=64, max_total_tokens=8192, cache_tokens=20_000, block_tokens=16, growth=1.0, max_num_batched_tokens=512
)


@pytest.mark.parametrize("mixed_steps", [True, False])
@pytest.mark.parametrize(("size", "in_flight"), [((100, 60), 1), ((700, 300), 7), ((2000, 30), 40), ((50, 500), 100)])
def test_steps_that_are_added_at_once_are_those_taken_one_by_one(size, in_flight, mixed_steps):
    law = replace(LAW, mixed_steps=mixed_steps, prefill_step_s=0.0 if mixed_steps else 0.002)
    at_once, one_by_one = (OneReplica(law, LIMITS, size, jump=jump).serve(in_flight) for jump in (True, False))
    assert at_once.requests_per_s == pytest.approx(one_by_one.requests_per_s, rel=1e-9)
    assert at_once.tpot_ms == pytest.approx(one_by_one.tpot_ms, rel=1e-9)


def test_one_request_alone_takes_what_its_steps_sum_up_to():
    """By hand: 1,000 tokens in chunks of 512 and 488, then nine steps at a context of 1,001 to 1,009 tokens."""
    prefill_s = math.hypot(0.01, 4e-5 * 512) + math.hypot(0.01, 4e-5 * 488) + 1000 * 1e-6 + 0.0005 + 1e-9 * 1000**2
    decode_s = 9 * (math.hypot(0.01, 4e-5) + 0.002 + 2e-5 + 1e-6) + 6e-8 * sum(range(1001, 1010))
    served = OneReplica(LAW, LIMITS, (1000, 10)).serve(1, warm_up=2, measured=3)
    assert served.requests_per_s == pytest.approx(1 / (prefill_s + decode_s), rel=1e-9)
    assert served.tpot_ms == pytest.approx(1000 * decode_s / 9, rel=1e-9)
    half_cached = OneReplica(LAW, LIMITS, (1000, 10), cached_input=0.5).serve(1, warm_up=2, measured=3)
    saved_s = math.hypot(0.01, 4e-5 * 512) + math.hypot(0.01, 4e-5 * 488) - math.hypot(0.01, 4e-5 * 500)
    saved_s += 500 * 1e-6 + 1e-9 * 500**2
    assert half_cached.requests_per_s == pytest.approx(1 / (prefill_s - saved_s + decode_s), rel=1e-9)


def test_requests_beyond_the_cache_wait():
    """A request of 700 + 300 tokens holds 63 blocks of 16; 1,250 blocks are 19 of them."""
    replica = OneReplica(LAW, LIMITS, (700, 300))
    assert replica.places == 19 == LIMITS.most_in_flight(700, 300)
    full, queued = replica.serve(19), replica.serve(57)
    assert queued.requests_per_s == pytest.approx(full.requests_per_s, rel=0.02)
    assert queued.tpot_ms == pytest.approx(full.tpot_ms, rel=0.02)
    assert OneReplica(LAW, LIMITS, (20, 20)).places == 64
