"""Which part of the traffic the profiles measured, interpolated or do not reach, and the plan without the last."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import (
    Bucket,
    Coverage,
    Kind,
    MaxTput,
    MaxTputTable,
    Offer,
    OutsideBucket,
    RegionPlan,
    Status,
    TrafficShare,
    UnservableSize,
)
from melange_cloud.planner.eligibility import eligible_offers, rules_of
from melange_cloud.planner.obstacles import describe_bucket, percent
from melange_cloud.planner.resolve import ResolvedQuestion
from melange_cloud.profiles import Profile

_SHOWN = 2
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no kind in question can serve a bucket; ``no_data`` where some kind might, but its profile does not say."""

    reason: str
    no_data: bool


_Sizes = tuple[tuple[int, int], tuple[int, int]]
"""(low, high] input and output tokens of a bucket."""

Outside = Mapping[str, Refusal]
"""Bucket name -> why no kind in question can serve it."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """The buckets as they were requested, and those among them that no GPU in question is known to serve.

    ``dropped`` where the plan does without the latter.
    """

    buckets: Sequence[Bucket]
    outside: Outside
    dropped: bool


def kinds_in_question(offers: Collection[Offer], max_tput: MaxTputTable, asked: ResolvedQuestion) -> frozenset[Kind]:
    """The kinds that some offer may host: profiled, requested, really sold, with enough host memory."""
    rules = rules_of(asked.basis, asked.may_use, offers)
    return eligible_offers(offers, {kind for _, kind in max_tput}, {}, rules).kinds


def traffic_of(asked: ResolvedQuestion, offers: Collection[Offer], max_tput: MaxTputTable, *, drop: bool) -> Traffic:
    """The requested buckets, and those that no kind of any offer can serve.

    Args:
        offers: of all regions, so that every region has to carry the same traffic.
        drop: whether the plan may do without buckets that none can serve; never without all of them.
    """
    kinds = kinds_in_question(offers, max_tput, asked)
    buckets = asked.workload.buckets
    beyond: dict[str, Refusal] = {}
    for bucket in buckets:
        refusals = _refusals(bucket, kinds, max_tput)
        if kinds and sum(map(len, refusals.values())) == len(kinds):
            beyond[bucket.name] = Refusal(_in_words(refusals), _is_unknown(bucket, kinds, max_tput))
    return Traffic(buckets, beyond, drop and 0 < len(beyond) < len(buckets))


def without(asked: ResolvedQuestion, beyond: Outside) -> ResolvedQuestion:
    """The question without the buckets that lie outside: less traffic, and its own mean sizes.

    Shares are of what is left; the request says which part of the requested traffic that is.
    """
    kept = [bucket for bucket in asked.workload.buckets if bucket.name not in beyond]
    share = math.fsum(bucket.share for bucket in kept)
    workload = replace(asked.workload, buckets=tuple(replace(bucket, share=bucket.share / share) for bucket in kept))
    tokens = _tokens(kept) / _tokens(asked.workload.buckets)
    traffic = replace(
        asked.basis.traffic,
        mean_input_tokens=workload.mean_input_tokens,
        mean_output_tokens=workload.mean_output_tokens,
        planned_requests_per_s=asked.basis.traffic.planned_requests_per_s * share,
        served_requests_share=share,
        served_tokens_share=tokens,
    )
    return replace(asked, workload=workload, basis=replace(asked.basis, traffic=traffic))


def unreached_notice(traffic: Traffic) -> tuple[str, ...]:
    """The sentences that must go with a plan whose traffic is not reached whole; none where it is.

    One for what no GPU can serve, one for what none is known to serve.
    """
    beyond = [bucket for bucket in traffic.buckets if bucket.name in traffic.outside]
    no_data = [bucket for bucket in beyond if traffic.outside[bucket.name].no_data]
    out_of_reach = [bucket for bucket in beyond if not traffic.outside[bucket.name].no_data]
    cure = "; --drop-unservable plans without them" if len(beyond) < len(traffic.buckets) else ""
    notices = []
    for buckets, banner, cannot in (
        (out_of_reach, "OUT OF REACH - no GPU here can serve", "that no GPU here can serve"),
        (no_data, "NO DATA - no GPU here is known to serve", "that no GPU here is known to serve (no data)"),
    ):
        if buckets and traffic.dropped:
            part, named = _named(buckets, traffic)
            rest = "every figure is of the rest (--drop-unservable)"
            notices.append(f"DROPPED, NOT SERVED - {part} {cannot}: {named}; {rest}")
        elif buckets:
            part, named = _named(buckets, traffic)
            if len(buckets) == len(traffic.buckets):
                part = "any request"  # "cannot serve 100 %" could mean that it serves some of them
            why = f" ({traffic.outside[_largest(buckets)[0].name].reason})" if buckets is no_data else ""
            notices.append(f"{banner} {part}: {named}{why}{cure}")
    return tuple(notices)


def _named(buckets: Sequence[Bucket], traffic: Traffic) -> tuple[str, str]:
    """Which part of the traffic buckets are, and the largest of them by name."""
    requests = math.fsum(bucket.share for bucket in buckets)
    tokens = _tokens(buckets) / _tokens(traffic.buckets)
    named = "; ".join(f"{describe_bucket(bucket)} ({percent(bucket.share)})" for bucket in _largest(buckets)[:_SHOWN])
    more = f"; and {len(buckets) - _SHOWN} more sizes" if len(buckets) > _SHOWN else ""
    return f"{percent(requests)} of requests ({percent(tokens)} of tokens)", f"{named}{more}"


def _largest(buckets: Sequence[Bucket]) -> list[Bucket]:
    return sorted(buckets, key=lambda bucket: (-bucket.share, bucket.name))


def coverage(
    plan: RegionPlan,
    traffic: Traffic,
    kinds: Collection[Kind],
    max_tput: MaxTputTable,
    profiles: Mapping[Kind, Profile],
) -> Coverage:
    """What the plan of a region rests on.

    Args:
        traffic: as it was requested.
        kinds: those that the region's offers may host; counted where no kind serves a bucket in the plan.
        max_tput: of every requested bucket.
        profiles: which sizes they hold tells measured from interpolated.
    """
    all_tokens = _tokens(traffic.buckets)
    lines: dict[_Sizes, dict[Kind, float]] = {}
    for line in plan.fleet.routing:
        lines.setdefault((line.input_tokens, line.output_tokens), {})[Kind(line.gpu, line.tensor_parallel)] = line.share
    sums = {name: [0.0, 0.0] for name in ("measured", "interpolated", "estimated", "unreached")}
    beyond = []
    for bucket in traffic.buckets:
        tokens = _tokens([bucket]) / all_tokens
        refusal = traffic.outside.get(bucket.name)
        serving = _serving(lines, bucket, kinds, max_tput) if refusal is None else {}
        parts: dict[str, float] = {}
        for kind, part in serving.items():
            name = _stands_on(bucket, kind, max_tput, profiles)
            parts[name] = parts.get(name, 0.0) + part
        if not serving:
            parts = {"unreached": 1.0}
            here = Refusal(_in_words(_refusals(bucket, kinds, max_tput)), _is_unknown(bucket, kinds, max_tput))
            if not kinds:
                here = _nothing_to_rent(plan)
            found, dropped = refusal or here, traffic.dropped and refusal is not None
            beyond.append(OutsideBucket(*_sizes(bucket), bucket.share, tokens, found.reason, dropped, found.no_data))
        for name, part in parts.items():
            sums[name][0] += part * bucket.share
            sums[name][1] += part * tokens
    beyond.sort(key=lambda item: (-item.requests_share, item.input_tokens, item.output_tokens))
    shares = {name: TrafficShare(requests, tokens) for name, (requests, tokens) in sums.items()}
    return Coverage(**shares, outside=tuple(beyond))


def _nothing_to_rent(plan: RegionPlan) -> Refusal:
    """Why no offer of the region hosts any kind: prices are missing, or there is no such GPU."""
    missing = {item.reason for item in plan.left_out if item.code == "no_data"}
    if missing:
        return Refusal(min(missing) if len(missing) == 1 else plan.outcome.reason, no_data=True)
    if plan.status is Status.UNKNOWN:
        return Refusal(plan.outcome.reason, no_data=True)
    return Refusal("no GPU with a profile is for rent here", no_data=False)


def _serving(
    lines: Mapping[_Sizes, Mapping[Kind, float]], bucket: Bucket, kinds: Collection[Kind], max_tput: MaxTputTable
) -> dict[Kind, float]:
    """kind -> part of the bucket that it serves; without a fleet, what each kind that could would share equally."""
    served = dict(lines.get(_sizes(bucket), {}))
    if not served:
        able = sorted(kind for kind in kinds if isinstance(max_tput[bucket.name, kind], MaxTput))
        served = {kind: 1 / len(able) for kind in able}
    whole = math.fsum(served.values())
    return {kind: part / whole for kind, part in served.items()}


def _stands_on(bucket: Bucket, kind: Kind, max_tput: MaxTputTable, profiles: Mapping[Kind, Profile]) -> str:
    cell = max_tput[bucket.name, kind]
    if isinstance(cell, UnservableSize):
        return "unreached"
    if cell.origin != "measured":
        return "estimated"
    inside = any(
        bucket.input_low_tokens < input_tokens <= bucket.input_high_tokens
        and bucket.output_low_tokens < output_tokens <= bucket.output_high_tokens
        for input_tokens, output_tokens in profiles[kind].sizes
    )
    return "measured" if inside else "interpolated"


def _refusals(bucket: Bucket, kinds: Collection[Kind], max_tput: MaxTputTable) -> dict[str, list[str]]:
    """reason -> the kinds that cannot serve the bucket for it."""
    refusals: dict[str, list[str]] = {}
    for kind in sorted(kinds):
        cell = max_tput[bucket.name, kind]
        if isinstance(cell, UnservableSize):
            refusals.setdefault(cell.reason, []).append(str(kind))
    return refusals


def _is_unknown(bucket: Bucket, kinds: Collection[Kind], max_tput: MaxTputTable) -> bool:
    """Whether some kind might serve the bucket, had its profile the data."""
    cells = (max_tput[bucket.name, kind] for kind in kinds)
    return any(isinstance(cell, UnservableSize) and cell.no_data for cell in cells)


def _in_words(refusals: Mapping[str, list[str]]) -> str:
    """The reasons, each with its kinds; of many kinds those that most share are "the others"."""
    groups = sorted(refusals.items(), key=lambda item: len(item[1]))
    words = [f"{', '.join(kinds)}: {reason}" for reason, kinds in groups]
    if groups and len(groups[-1][1]) > _NAMED:
        words[-1] = f"the others: {groups[-1][0]}" if len(groups) > 1 else groups[-1][0]
    return "; ".join(words)


def _sizes(bucket: Bucket) -> tuple[tuple[int, int], tuple[int, int]]:
    return (
        (bucket.input_low_tokens, bucket.input_high_tokens),
        (bucket.output_low_tokens, bucket.output_high_tokens),
    )


def _tokens(buckets: Sequence[Bucket]) -> float:
    return math.fsum(bucket.share * (bucket.mean_input_tokens + bucket.mean_output_tokens) for bucket in buckets)
