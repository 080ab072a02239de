"""Finds the step law of any profile.

- An estimate has the law of its calibration.
- With measured points pinned over it, that law is scaled by one factor for each measured size, which fades with
  distance like the measured rates.
- If the user measured enough, or if one factor per size does not match the measurements, seven terms are fitted to
  them.
- For an estimate of which only the operating points are left (``profiles estimate --save``), the law is fitted to
those.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from melange_cloud.domain import OperatingPoint
from melange_cloud.domain.stated_law import ReplicaLimits, ScaledSize
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.errors import Finding
from melange_cloud.estimator.closed_loop import ClosedLoop, rounded
from melange_cloud.estimator.replica import Replica
from melange_cloud.estimator.spec_files import load_eras, load_gpus
from melange_cloud.profiles.estimates.estimate_table import EstimateTable
from melange_cloud.profiles.law.fitted_terms import (
    LEAST_POINTS,
    LEAST_SPAN,
    NEAR_START,
    fitted_to,
    is_determined,
    law_by_data_sheet,
)
from melange_cloud.profiles.law.profile_law import ProfileLaw
from melange_cloud.profiles.law.step_evidence import StepEvidence, evidence_of, residual_of
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.max_tput.size_rates import Size
from melange_cloud.profiles.user_profiles import own_folder

MOST_RESIDUAL = 0.15
"""A law that is off by more at one measured point in ten would promise what the points do not show: real closed loops
of one engine are met within 6 % there (18 replicas, 379 runs on H100)."""


def law_of(profile: Profile) -> ProfileLaw | Finding:
    """The step law of a profile, or why it has none and the cure.

    Raises:
        BadFile: a row of the profile is broken.
    """
    if isinstance(profile, PinnedProfile):
        return _pinned(profile)
    if isinstance(profile, MeasuredProfile):
        return _measured(profile)
    if isinstance(profile, GridProfile):
        return _estimated(profile)
    raise TypeError(type(profile))


def _estimated(profile: GridProfile) -> ProfileLaw | Finding:
    replica, limits = _replica(profile), _limits(profile)
    if replica is not None:
        return ProfileLaw(replica.law, limits, "calibration", cached_input=replica.cached_input)
    evidence = evidence_of(point for points in profile.points.values() for point in points)
    return _fitted(profile, evidence)


def _measured(profile: MeasuredProfile) -> ProfileLaw | Finding:
    evidence = evidence_of(point for points in profile.measured.values() for point in points)
    if not is_determined(evidence):
        return _too_few(profile, evidence)
    return _fitted(profile, evidence)


def _pinned(profile: PinnedProfile) -> ProfileLaw | Finding:
    estimated = _estimated(profile.estimate)
    if isinstance(estimated, Finding):
        return estimated
    cached = None if profile.prefix_cache is None else _replica(profile.prefix_cache.estimate)
    if cached is not None:
        # The measurements, and the estimate with which they are compared, were without a prefix cache.
        estimated = replace(estimated, cached_input=cached.cached_input)
    measured = profile.measured
    own = evidence_of(
        point for size, points in measured.measured.items() if size not in measured.published for point in points
    )
    return _fitted(profile, own, estimated) if is_determined(own) else _scaled(profile, estimated, own)


def _fitted(
    profile: Profile, evidence: Sequence[StepEvidence], estimated: ProfileLaw | None = None
) -> ProfileLaw | Finding:
    """The law that fits the points within MOST_RESIDUAL, from the first start that leads there (estimates first)."""
    limits = _limits(profile) if estimated is None else estimated.limits
    sizes = {(each.point.input_tokens, each.point.output_tokens) for each in evidence}
    starts: list[tuple[StepLaw, float]] = []
    if estimated is not None and (len(sizes) == 1 or not is_determined(evidence)):
        starts.append((estimated.law, NEAR_START))
    if estimated is not None:
        starts.append((estimated.law, 1.0))
    starts.append((_by_data_sheet(profile, evidence), 1.0))
    for start, looseness in starts:
        law = fitted_to(evidence, start, limits.max_num_batched_tokens, looseness)
        by_law_s = [each.predicted_s(law, limits.max_num_batched_tokens) for each in evidence]
        residual = residual_of(made_s / each.tpot_s - 1 for made_s, each in zip(by_law_s, evidence, strict=True))
        if residual.p90 <= MOST_RESIDUAL:
            cached_input = 0.0 if estimated is None else estimated.cached_input
            return ProfileLaw(law, limits, "fitted", len(evidence), len(sizes), residual, cached_input=cached_input)
    made_s, worst = max(zip(by_law_s, evidence, strict=True), key=lambda pair: abs(pair[0] / pair[1].tpot_s - 1))
    odd = f"{worst.words} {1000 * worst.tpot_s:.3g} ms TPOT, by the others {1000 * made_s:.3g}"
    return _contradictory(profile, len(evidence), residual.p90, odd)


def _by_data_sheet(profile: Profile, evidence: Sequence[StepEvidence]) -> StepLaw:
    gpu, mixed_steps = load_gpus()[profile.kind.gpu], load_eras()[profile.era].mixed_steps
    return law_by_data_sheet(gpu, profile.precision, min(each.tpot_s for each in evidence), mixed_steps=mixed_steps)


def _scaled(profile: PinnedProfile, estimated: ProfileLaw, own: Sequence[StepEvidence]) -> ProfileLaw | Finding:
    """One factor per measured size: the geometric mean over its points, of TPOT if it was measured."""
    sizes: list[ScaledSize] = []
    off: list[tuple[float, str]] = []
    for size, points in profile.measured.measured.items():
        ratios = _ratios(profile.estimate, estimated, size, points)
        if not ratios:
            continue
        factor = rounded(math.exp(math.fsum(math.log(ratio) for ratio, _ in ratios) / len(ratios)))
        sizes.append(ScaledSize(*size, factor))
        off += [(factor / ratio - 1, words) for ratio, words in ratios]
    if not off:
        return estimated
    residual = residual_of(error for error, _ in off)
    if residual.p90 > MOST_RESIDUAL:
        # The engine's steps have proportions other than the estimate's, or the points contradict each other.
        evidence = own or evidence_of(point for points in profile.measured.measured.values() for point in points)
        if evidence:
            return _fitted(profile, evidence, estimated)
        error, worst = max(off, key=lambda pair: abs(pair[0]))
        odd = f"{worst} steps {1 / (1 + error):.2g} times as long as at the other points of its size"
        return _contradictory(profile, len(off), residual.p90, odd)
    scaled = replace(estimated, basis="scaled", points=len(off), point_sizes=len(sizes))
    return replace(scaled, residual=residual, sizes=tuple(sizes))


def _ratios(
    estimate: GridProfile, estimated: ProfileLaw, size: Size, points: Iterable[OperatingPoint]
) -> list[tuple[float, str]]:
    """How much longer steps took than a law says, for each point of one size, with a description of the point."""
    law, step_tokens, held = estimated.law, estimated.limits.max_num_batched_tokens, list(points)
    timed = [(each.tpot_s / each.predicted_s(law, step_tokens), each.words) for each in evidence_of(held)]
    if timed:
        return timed
    most = _most_in_flight(estimate, size)
    if not most:
        return []
    saturated = ClosedLoop(law, size, step_tokens).at(most).requests_per_s
    return [
        (saturated / point.requests_per_s, f"{size[0]:,} + {size[1]:,} tokens, saturated,")
        for point in held
        if point.tpot_ms is None
    ]


def _replica(profile: GridProfile) -> Replica | None:
    """The replica for which an estimate is computed; None for a saved one."""
    return profile.table.replicas[profile.kind] if isinstance(profile.table, EstimateTable) else None


def _most_in_flight(profile: GridProfile, size: Size) -> int | None:
    replica = _replica(profile)
    return _limits(profile).most_in_flight(*size) if replica is None else replica.largest_concurrency(*size)


def _limits(profile: Profile) -> ReplicaLimits:
    """The limits of an estimate's engine; for other profiles those that they state, or else the era's defaults."""
    replica = _replica(profile) if isinstance(profile, GridProfile) else None
    era, gpu = load_eras()[profile.era], load_gpus()[profile.kind.gpu]
    named = profile.engine if profile.engine in era.engines else None
    engine = era.settings(gpu, named) if replica is None else replica.limits
    return ReplicaLimits(
        max_num_seqs=profile.max_num_seqs,
        max_total_tokens=profile.max_total_tokens,
        cache_tokens=profile.cache_tokens,
        block_tokens=engine.block_tokens,
        growth=engine.growth,
        max_num_batched_tokens=engine.max_num_batched_tokens,
    )


def _too_few(profile: Profile, evidence: Sequence[StepEvidence]) -> Finding:
    return Finding(
        f"{_name(profile)}: {len(evidence)} measured points with a TPOT are not enough to tell how long a step takes",
        f"measure at least {LEAST_POINTS}, with the largest load {LEAST_SPAN:g} times the smallest "
        "(melange-cloud profiles measure), or estimate the model too (profiles estimate --save)",
    )


def _contradictory(profile: Profile, points: int, p90: float, worst: str) -> Finding:
    return Finding(
        f"{_name(profile)}: {points} measured points contradict each other: one in ten is {p90:.0%} or more off the "
        f"best law for them (at most {MOST_RESIDUAL:.0%} is allowed); for example, {worst}",
        f"measure again (melange-cloud profiles measure), or delete what is wrong{_in(profile)}",
    )


def _in(profile: Profile) -> str:
    """The user's files behind a profile, as the end of a clause."""
    measured = profile.measured if isinstance(profile, PinnedProfile) else profile
    names = [file.path.name for file in measured.own] if isinstance(measured, MeasuredProfile) else []
    return f" in {', '.join(names)} ({own_folder()})" if names else ""


def _name(profile: Profile) -> str:
    return f"{profile.model} on {profile.kind}"
