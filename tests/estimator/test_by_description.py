"""The estimator against its description (``tests/estimates_by_hand.py``), at any size of every kind."""

import math
import random

import pytest

from melange_cloud import profiles
from melange_cloud.domain import Kind, MaxTput, Slo
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.served_profile import served_max_tput
from tests.estimates_by_hand import HandReplica, HandServer, toml

REPLICAS = [
    HandReplica(model, gpu, degree, precision)
    for model, precisions in toml("eras")["2025"]["models"].items()
    for precision in precisions
    for gpu, sheet in toml("gpus").items()
    for degree in (1, 2, 4, 8)
    if precision != "fp8" or "fp8_tflops" in sheet
]
NAMES = [f"{each.model}-{each.precision}-{each.gpu}-{each.degree}" for each in REPLICAS]


def estimate_of(by_hand: HandReplica) -> GridProfile | None:
    """What the package estimates, without any measurement."""
    found, _ = profiles.load_profiles(by_hand.model, by_hand.precision, gpus=[by_hand.gpu])
    profile = found.get(Kind(by_hand.gpu, by_hand.degree))
    estimate = profile.estimate if isinstance(profile, PinnedProfile) else profile
    assert estimate is None or isinstance(estimate, GridProfile)
    return estimate


def a_size(chance: random.Random, reach: int) -> tuple[int, int]:
    """A request size that fits, small as often as large."""
    input_tokens = round(math.exp(chance.uniform(math.log(25), math.log(0.7 * reach))))
    most = min(reach - input_tokens, 8192)
    return input_tokens, math.floor(math.exp(chance.uniform(math.log(25), math.log(most))))


@pytest.mark.parametrize("by_hand", REPLICAS, ids=NAMES)
def test_an_estimate_is_what_its_description_says(by_hand: HandReplica) -> None:
    profile = estimate_of(by_hand)
    assert (profile is not None) == by_hand.fits
    if profile is None:
        return
    assert profile.cache_tokens == by_hand.cache_tokens
    chance = random.Random(f"{by_hand}")  # noqa: S311 sizes, not secrets
    size = a_size(chance, min(by_hand.cache_tokens, by_hand.shape["max_model_len"]))
    points, expected = profile.table.points(profile.kind, size), by_hand.points(*size)
    assert [point.concurrency for point in points] == [n for n, _, _ in expected]
    before = 0.0
    for point, (_, tpot_ms, requests_per_s) in zip(points, expected, strict=True):
        assert point.requests_per_s == pytest.approx(requests_per_s, rel=1e-4)
        if requests_per_s > before * (1 + 1e-4):
            # Where the rate stays, to its five digits, whether more are in flight or wait is open.
            assert point.tpot_ms == pytest.approx(tpot_ms, rel=1e-4)
        before = requests_per_s


@pytest.mark.parametrize("by_hand", REPLICAS[::3], ids=NAMES[::3])
@pytest.mark.parametrize("target_ms", [40.0, 90.0])
def test_a_rate_behind_its_front_end_is_what_its_description_says(by_hand: HandReplica, target_ms: float) -> None:
    profile = estimate_of(by_hand)
    if profile is None:
        return
    chance = random.Random(f"{by_hand} {target_ms}")  # noqa: S311 sizes, not secrets
    size = a_size(chance, min(by_hand.cache_tokens, by_hand.shape["max_model_len"]))
    engine, server = HandServer(by_hand).served(*size, target_ms)
    found = served_max_tput(profile, size, Slo(tpot_ms=target_ms))
    if not engine:
        assert not isinstance(found, MaxTput)
        return
    assert isinstance(found, MaxTput)
    assert found.engine_requests_per_s == pytest.approx(engine, rel=2e-4)
    assert found.front_end_requests_per_s == pytest.approx(server, rel=2e-4)
