"""Offers, MaxTput figures and buckets become a Problem: plain numbers, with everything that cannot serve set aside.

What is left out is never dropped in silence: each instance type that has a price and may not enter comes back with its
reason, and a workload that no GPU here can serve is refused with bucket, GPU, reason and share of the traffic.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import (
    Bucket,
    IneligibleType,
    Kind,
    MaxTput,
    Offer,
    OfferNumbers,
    Problem,
    Quotas,
    UnservableSize,
    charged_rates,
)
from melange_cloud.planner.eligibility import EligibilityRules, eligible_offers

MaxTputTable = Mapping[tuple[str, Kind], MaxTput | UnservableSize]
"""By (bucket name, kind): every bucket with traffic, every kind that has a profile."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a kind from serving alone what the router sends it.

    Attributes:
        reason: why it cannot serve ``bucket``, or any size; one clause.
        bucket: the bucket with most traffic that it cannot serve; None if one reason keeps it from every size.
        more_sizes: how many other buckets it cannot serve.
        requests_share: fraction of requests in all of them.
    """

    reason: str
    bucket: Bucket | None = None
    more_sizes: int = 0
    requests_share: float = 1.0

    def __str__(self) -> str:
        if self.bucket is None:
            return self.reason
        sizes = f"{self.more_sizes} more size{'s' if self.more_sizes > 1 else ''}"
        others = f" and {sizes}, {percent(self.requests_share)} in all" if self.more_sizes else ""
        return f"{describe_bucket(self.bucket)} ({percent(self.bucket.share)} of requests{others}): {self.reason}"


@dataclass(frozen=True, slots=True)
class PosedProblem:
    """A Problem, or why there is none.

    Attributes:
        problem: None if nothing can serve the workload.
        reason: why not, one clause; empty if there is a problem.
        no_data: the reason is that figures are missing, not that the fleet is impossible.
        left_out: instance types with a price that may not enter, sorted by name.
        refused_kinds: kinds that are offered here and cannot serve alone what the router sends them, and why.
        unknown_kinds: those of them of which it is not known whether they can.
        entering: the offers that may be rented, sorted by name: also those that others make needless.
        coarser: the same question for routers that know less, where one of those may have a cheaper fleet (see
            ``row_loads``): a router that knows more can do what they do, so that each answer to one of these is one to
            ``problem`` too. Empty if no fleet can be cheaper for it.
        both_limits: the question itself where a replica may serve rows that its engine limits and others that its front
            end does: both hold (see ``with_both_limits``). None where ``problem`` is as exact.
    """

    problem: Problem | None
    reason: str
    no_data: bool
    left_out: tuple[IneligibleType, ...]
    refused_kinds: Mapping[Kind, Obstacle]
    unknown_kinds: frozenset[Kind] = frozenset()
    entering: tuple[OfferNumbers, ...] = ()
    coarser: tuple[Problem, ...] = ()
    both_limits: Problem | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All ways of posing the question: the least of their costs is its own; empty if there is no problem."""
        if self.problem is None:
            return ()
        return (self.problem, *self.coarser, *(() if self.both_limits is None else (self.both_limits,)))


def row_of_bucket(buckets: Iterable[Bucket], router: str) -> dict[str, str]:
    """What the router can tell apart: each bucket (oracle), each input range (prompt), nothing (plain)."""
    if router == "plain":
        return {bucket.name: "all" for bucket in buckets}
    return {bucket.name: bucket.name if router == "oracle" else bucket.input_name for bucket in buckets}


def pose(
    offers: Sequence[Offer],
    max_tput: MaxTputTable,
    no_profile: Mapping[str, str],
    buckets: Sequence[Bucket],
    planned_requests_per_s: float,
    rules: EligibilityRules,
) -> PosedProblem:
    """Pose one region's question.

    Args:
        offers: of one region and one purchase.
        max_tput: for every bucket and every kind that has a profile.
        no_profile: GPU -> why it has no profile for this model and precision.
        buckets: with traffic; shares sum to 1.
        planned_requests_per_s: peak rate with headroom, requests/s.
        rules: what may enter.
    """
    row_of = row_of_bucket(buckets, rules.router)
    eligible = eligible_offers(offers, {kind for _, kind in max_tput}, no_profile, rules)
    candidates, left_out, kinds_here = eligible.offers, list(eligible.left_out), sorted(eligible.kinds)
    useful, refused_kinds = _split_by_service(kinds_here, max_tput, buckets, row_of)
    unknown = frozenset(kind for kind in refused_kinds if _may_serve(kind, max_tput, buckets, row_of))
    useful = without_needless_degrees(useful, candidates, max_tput, buckets)
    entering: list[Offer] = []
    for offer in candidates:
        if any(offer.instance_type.replicas_per_instance(kind) for kind in useful):
            entering.append(offer)
        else:
            left_out.append(_cannot_serve(offer, refused_kinds, unknown))
    left_out.sort(key=lambda item: item.instance_type)

    def refused(reason: str, *, no_data: bool = False) -> PosedProblem:
        return PosedProblem(None, reason, no_data, tuple(left_out), refused_kinds, unknown)

    if not offers:
        return refused("no data: no price here for this purchase", no_data=True)
    if all(item.code == "gpu_not_asked" for item in left_out) and not candidates:
        return refused("no data: no price here for the GPUs asked for", no_data=True)
    if not candidates:
        return refused(_why_no_candidate(left_out))
    if not entering:
        return refused(_why_nothing_serves(refused_kinds, candidates), no_data=bool(unknown))
    unserved = _unserved_row(useful, max_tput, buckets, row_of)
    if unserved is not None:
        return refused(unserved, no_data=any(_may_serve(kind, max_tput, buckets, row_of) for kind in kinds_here))
    numbers = [
        OfferNumbers(
            name=offer.instance_type.name,
            gpu=offer.instance_type.gpu,
            gpu_count=offer.instance_type.gpu_count,
            vcpus=offer.instance_type.vcpus,
            quota_family=offer.instance_type.quota_family,
            usd_per_instance_hour=offer.usd_per_instance_hour,
        )
        for offer in entering
    ]
    planned = {bucket.name: planned_requests_per_s * bucket.share for bucket in buckets}
    problem = Problem(
        offers=tuple(prune(numbers, rules.quotas)),
        kinds=tuple(useful),
        planned_requests_per_s=planned,
        row_of_bucket=row_of,
        max_tput_requests_per_s=charged_rates(max_tput, useful, planned, row_of),
        quotas=rules.quotas,
        spare=rules.spare,
    )
    every_offer = tuple(sorted(numbers, key=lambda offer: offer.name))
    coarser = coarser_of(problem, max_tput, buckets, rules.router)
    both_limits = with_both_limits(problem, max_tput)
    return PosedProblem(problem, "", False, tuple(left_out), refused_kinds, unknown, every_offer, coarser, both_limits)


def charged_anew(problem: Problem, max_tput: MaxTputTable) -> Problem:
    """The same question with other figures for its kinds."""
    rates = charged_rates(max_tput, problem.kinds, problem.planned_requests_per_s, problem.row_of_bucket)
    return replace(problem, max_tput_requests_per_s=rates)


def with_both_limits(problem: Problem, max_tput: MaxTputTable) -> Problem | None:
    """The question with a replica's two limits apart; None if that is the same question, as it is with one row.

    ``problem`` charges each row by the larger of its two sums, which is too much where one replica serves rows of both
    kinds: safe, and up to 11 % too dear. Its answers, and those of ``coarser``, have more even shares.
    """
    if len(problem.rows) == 1:
        return None
    cells = {
        key: cell
        for key, rate in problem.max_tput_requests_per_s.items()
        if isinstance(cell := max_tput[key], MaxTput) and rate > 0
    }
    engines = {key: cell.engine_requests_per_s for key, cell in cells.items()}
    if engines == problem.max_tput_requests_per_s:
        return None
    front_ends = {key: cell.front_end_requests_per_s for key, cell in cells.items()}
    return replace(problem, max_tput_requests_per_s=engines, front_end_requests_per_s=front_ends)


def posings_of(problem: Problem, max_tput: MaxTputTable, buckets: Sequence[Bucket], router: str) -> tuple[Problem, ...]:
    """The question in all its ways: see ``PosedProblem.problems``."""
    apart = with_both_limits(problem, max_tput)
    return (problem, *coarser_of(problem, max_tput, buckets, router), *(() if apart is None else (apart,)))


def coarser_of(problem: Problem, max_tput: MaxTputTable, buckets: Sequence[Bucket], router: str) -> tuple[Problem, ...]:
    """The question for routers that know less than ``router`` and may be cheaper; see ``PosedProblem.coarser``."""
    found = []
    for less in {"oracle": ("prompt", "plain"), "prompt": ("plain",)}.get(router, ()):
        coarse = charged_anew(replace(problem, row_of_bucket=row_of_bucket(buckets, less)), max_tput)
        pairs = coarse.load_of_rows()
        kinds = {kind for _, kind in pairs}
        served = {row for row, _ in pairs} == set(coarse.rows)
        before = problem.max_tput_requests_per_s
        differs = any(rate != before[key] for key, rate in coarse.max_tput_requests_per_s.items() if key[1] in kinds)
        # Where no kind's limit changes from row to row, the rows' loads add up to the coarser question's.
        if served and differs:
            found.append(
                replace(
                    coarse,
                    kinds=tuple(kind for kind in coarse.kinds if kind in kinds),
                    offers=tuple(o for o in coarse.offers if any(o.replicas_per_instance(kind) for kind in kinds)),
                )
            )
    return tuple(found)


def prune(offers: Iterable[OfferNumbers], quotas: Quotas) -> list[OfferNumbers]:
    """Drop offers that another of the same GPU makes needless: at least as many GPUs at no higher price.

    Never against an offer that a quota limits: when that one is used up, the more expensive one is left. Of two that
    are alike the first by name stays.
    """
    by_name = sorted(offers, key=lambda offer: offer.name)

    def limited(offer: OfferNumbers) -> bool:
        return (
            offer.name in quotas.max_instances or offer.gpu in quotas.max_gpus or offer.quota_family in quotas.max_vcpus
        )

    def dominates(other: OfferNumbers, offer: OfferNumbers) -> bool:
        if other.gpu != offer.gpu or limited(other):
            return False
        if other.gpu_count < offer.gpu_count or other.usd_per_instance_hour > offer.usd_per_instance_hour:
            return False
        alike = other.gpu_count == offer.gpu_count and other.usd_per_instance_hour == offer.usd_per_instance_hour
        return not alike or other.name < offer.name or limited(offer)

    return [offer for offer in by_name if not any(dominates(other, offer) for other in by_name if other is not offer)]


def without_needless_degrees(
    kinds: Sequence[Kind], offers: Iterable[Offer], max_tput: MaxTputTable, buckets: Sequence[Bucket]
) -> list[Kind]:
    """Drop a tensor parallel degree when a smaller one of the same GPU serves as much per GPU, size by size.

    As much both of what engines do and of what front ends take. Whatever fleet uses the larger degree, its instances
    given to the smaller one host (larger / smaller) times the replicas, which together carry at least the same and
    leave no less when an instance is lost. So the cost never rises, and of fleets that cost the same the one with the
    simpler replicas is found. Holds where the larger degree divides every instance's GPUs; others are kept.
    """

    def serves_no_more(kind: Kind, smaller: Kind) -> bool:
        for bucket in buckets:
            cell, smaller_cell = max_tput[bucket.name, kind], max_tput[bucket.name, smaller]
            if isinstance(cell, UnservableSize):
                continue
            if isinstance(smaller_cell, UnservableSize):
                return False
            times = kind.tensor_parallel / smaller.tensor_parallel
            if cell.engine_requests_per_s > times * smaller_cell.engine_requests_per_s:
                return False
            if cell.front_end_requests_per_s > times * smaller_cell.front_end_requests_per_s:
                return False
        return True

    counts: dict[str, set[int]] = {}
    for offer in offers:
        counts.setdefault(offer.instance_type.gpu, set()).add(offer.instance_type.gpu_count)

    def needless(kind: Kind) -> bool:
        whole = all(count % kind.tensor_parallel == 0 for count in counts[kind.gpu] if count >= kind.tensor_parallel)
        return whole and any(
            smaller.gpu == kind.gpu
            and smaller.tensor_parallel < kind.tensor_parallel
            and kind.tensor_parallel % smaller.tensor_parallel == 0
            and serves_no_more(kind, smaller)
            for smaller in kinds
        )

    return [kind for kind in kinds if not needless(kind)]


def _cannot_serve(offer: Offer, refused_kinds: Mapping[Kind, Obstacle], unknown: frozenset[Kind]) -> IneligibleType:
    machine = offer.instance_type
    for kind, obstacle in refused_kinds.items():
        if machine.replicas_per_instance(kind):
            return IneligibleType(machine.name, f"{kind}: {obstacle}", "no_data" if kind in unknown else "cannot_serve")
    return IneligibleType(
        machine.name, f"{machine.gpu_count} {machine.gpu}: the model needs more together", "cannot_serve"
    )


def _split_by_service(
    kinds: Iterable[Kind], max_tput: MaxTputTable, buckets: Sequence[Bucket], row_of: Mapping[str, str]
) -> tuple[list[Kind], dict[Kind, Obstacle]]:
    """Kinds that can serve at least one row whole, and those that cannot, with the largest obstacle."""
    useful: list[Kind] = []
    refused: dict[Kind, Obstacle] = {}
    rows = set(row_of.values())
    for kind in kinds:
        obstacles = [bucket for bucket in buckets if isinstance(max_tput[bucket.name, kind], UnservableSize)]
        if {row_of[bucket.name] for bucket in obstacles} != rows:
            useful.append(kind)
        else:
            refused[kind] = _largest_obstacle(kind, obstacles, max_tput)
    return useful, refused


def _may_serve(kind: Kind, max_tput: MaxTputTable, buckets: Sequence[Bucket], row_of: Mapping[str, str]) -> bool:
    """Whether nothing but missing data keeps a kind from some row."""
    missing: set[str] = set()
    impossible: set[str] = set()
    for bucket in buckets:
        cell = max_tput[bucket.name, kind]
        if isinstance(cell, UnservableSize):
            (missing if cell.no_data else impossible).add(row_of[bucket.name])
    return bool(missing - impossible)


def why_not_alone(kind: Kind, buckets: Sequence[Bucket], max_tput: MaxTputTable) -> Obstacle | None:
    """Why a kind cannot serve every bucket; None if it can."""
    obstacles = [bucket for bucket in buckets if isinstance(max_tput[bucket.name, kind], UnservableSize)]
    return _largest_obstacle(kind, obstacles, max_tput) if obstacles else None


def _largest_obstacle(kind: Kind, obstacles: Sequence[Bucket], max_tput: MaxTputTable) -> Obstacle:
    """The obstacle with most traffic, and the share of requests that all of them hold."""
    total = sum(bucket.share for bucket in obstacles)
    reasons = {cell.reason for bucket in obstacles if isinstance(cell := max_tput[bucket.name, kind], UnservableSize)}
    if len(reasons) == 1 and total > 1 - 1e-9:
        return Obstacle(reasons.pop())
    worst = max(obstacles, key=lambda bucket: (bucket.share, bucket.name))
    cell = max_tput[worst.name, kind]
    return Obstacle(cell.reason if isinstance(cell, UnservableSize) else "", worst, len(obstacles) - 1, total)


def describe_bucket(bucket: Bucket) -> str:
    """The bucket's ranges for people: ``input 2,001-4,000 output 251-500``."""
    return (
        f"input {bucket.input_low_tokens + 1:,}-{bucket.input_high_tokens:,} "
        f"output {bucket.output_low_tokens + 1:,}-{bucket.output_high_tokens:,}"
    )


def percent(fraction: float) -> str:
    """A share of traffic, never rounded to a nothing that it is not."""
    return f"{100 * fraction:.1f} %" if fraction >= 0.0005 else "< 0.1 %"


def _unserved_row(
    kinds: Sequence[Kind], max_tput: MaxTputTable, buckets: Sequence[Bucket], row_of: Mapping[str, str]
) -> str | None:
    """The row with most traffic that no kind serves whole, in words; None where each has one."""
    unserved: dict[str, list[Bucket]] = {}
    for bucket in buckets:
        unserved.setdefault(row_of[bucket.name], []).append(bucket)
    for kind in kinds:
        obstacles = {row_of[b.name] for b in buckets if isinstance(max_tput[b.name, kind], UnservableSize)}
        unserved = {row: members for row, members in unserved.items() if row in obstacles}
    if not unserved:
        return None
    members = max(unserved.values(), key=lambda row: (sum(bucket.share for bucket in row), row[0].name))
    reasons = []
    for kind in kinds:
        refused = [bucket for bucket in members if isinstance(max_tput[bucket.name, kind], UnservableSize)]
        reasons.append(f"{kind}: {_largest_obstacle(kind, refused, max_tput)}")
    total = sum(bucket.share for row in unserved.values() for bucket in row)
    return f"no GPU here serves all sizes ({percent(total)} of requests have none); " + "; ".join(reasons)


def _why_no_candidate(left_out: Sequence[IneligibleType]) -> str:
    shown = "; ".join(f"{item.instance_type}: {item.reason}" for item in left_out[:3])
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return f"every instance type is left out: {shown}{more}"


def _why_nothing_serves(refused_kinds: Mapping[Kind, Obstacle], candidates: Iterable[Offer]) -> str:
    if not refused_kinds:
        gpus = sorted({offer.instance_type.gpu for offer in candidates})
        return f"no instance here hosts a replica on {', '.join(gpus)}: the model needs more GPUs together"
    named: dict[str, list[str]] = {}
    for gpu in sorted({kind.gpu for kind in refused_kinds}):
        *smaller, largest = sorted(kind for kind in refused_kinds if kind.gpu == gpu)
        obstacle = refused_kinds[largest]
        # Each degree has a reason of its own; that of the largest, which comes closest, is given for all.
        others = [str(kind.tensor_parallel) for kind in smaller if refused_kinds[kind] != obstacle]
        name = gpu if smaller and not others else str(largest)
        nor = f" (nor at TP {' or '.join(others)})" if others else ""
        named.setdefault(f"{obstacle}{nor}", []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in named.items())
