"""What keeps kinds from serving: which size, why, and how much of the traffic that is, in words."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from melange_cloud.domain import Bucket, IneligibleType, Kind, MaxTputTable, Offer, UnservableSize
from melange_cloud.inputs.suggestions import one_of


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


_REASONS_SHOWN = 3


def split_by_service(
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


def may_serve(kind: Kind, max_tput: MaxTputTable, buckets: Sequence[Bucket], row_of: Mapping[str, str]) -> bool:
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
    total = math.fsum(bucket.share for bucket in obstacles)
    reasons = {cell.reason for bucket in obstacles if isinstance(cell := max_tput[bucket.name, kind], UnservableSize)}
    if len(reasons) == 1 and total > 1 - 1e-9:
        return Obstacle(reasons.pop())
    worst = max(obstacles, key=lambda bucket: (bucket.share, bucket.name))
    cell = max_tput[worst.name, kind]
    return Obstacle(cell.reason if isinstance(cell, UnservableSize) else "", worst, len(obstacles) - 1, total)


def cannot_serve(offer: Offer, refused_kinds: Mapping[Kind, Obstacle], unknown: frozenset[Kind]) -> IneligibleType:
    """Why an instance type may not enter, none of whose kinds serves anything; ``unknown`` as in ``PosedProblem``."""
    machine = offer.instance_type
    for kind, obstacle in refused_kinds.items():
        if machine.replicas_per_instance(kind):
            return IneligibleType(machine.name, f"{kind}: {obstacle}", "no_data" if kind in unknown else "cannot_serve")
    return IneligibleType(
        machine.name, f"{machine.gpu_count} {machine.gpu}: the model needs more together", "cannot_serve"
    )


def unserved_row(
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
    members = max(unserved.values(), key=lambda row: (math.fsum(bucket.share for bucket in row), row[0].name))
    reasons = []
    for kind in kinds:
        refused = [bucket for bucket in members if isinstance(max_tput[bucket.name, kind], UnservableSize)]
        reasons.append(f"{kind}: {_largest_obstacle(kind, refused, max_tput)}")
    total = math.fsum(bucket.share for row in unserved.values() for bucket in row)
    return f"no GPU here serves all sizes ({percent(total)} of requests have none); " + "; ".join(reasons)


def why_no_candidate(left_out: Sequence[IneligibleType]) -> str:
    """Why no instance type may enter, in words."""
    return f"every instance type is left out: {grouped_reasons(left_out)}"


def grouped_reasons(left_out: Sequence[IneligibleType]) -> str:
    """Why instance types may not enter, each reason once with one of its types."""
    named: dict[str, list[str]] = {}
    # What was not asked for explains least.
    for item in sorted(left_out, key=lambda item: item.code == "gpu_not_asked"):
        named.setdefault(item.reason, []).append(item.instance_type)
    shown = "; ".join(f"{_some(names)}: {reason}" for reason, names in [*named.items()][:_REASONS_SHOWN])
    rest = len(named) - _REASONS_SHOWN
    more = f"; and {rest} more reason{'' if rest == 1 else 's'}" if rest > 0 else ""
    return f"{shown}{more}"


def _some(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def why_nothing_serves(refused_kinds: Mapping[Kind, Obstacle], candidates: Iterable[Offer]) -> str:
    """Why no kind that ``candidates`` host serves anything, in words."""
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
        nor = f" (nor at TP {one_of(others)})" if others else ""
        # Where it can serve no size at all, the sizes and their shares say nothing more.
        why = obstacle.reason if obstacle.requests_share > 1 - 1e-9 else str(obstacle)
        named.setdefault(f"{why}{nor}", []).append(name)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in named.items())


def describe_bucket(bucket: Bucket) -> str:
    """The bucket's ranges for people: ``input 2,001-4,000 output 251-500``."""
    return (
        f"input {bucket.input_low_tokens + 1:,}-{bucket.input_high_tokens:,} "
        f"output {bucket.output_low_tokens + 1:,}-{bucket.output_high_tokens:,}"
    )


def percent(fraction: float) -> str:
    """A share of traffic, never rounded to a nothing that it is not."""
    return f"{100 * fraction:.1f} %" if fraction >= 0.0005 else "< 0.1 %"
