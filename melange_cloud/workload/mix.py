"""Makes workloads from request sizes and from other workloads. Nothing is clamped or dropped."""

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import SupportsIndex

from melange_cloud.domain import Bucket, Workload, WorkloadFile
from melange_cloud.errors import BadInput
from melange_cloud.workload.buckets.ranges import (
    INPUT_EDGES_TOKENS,
    LONGEST_TOKENS,
    OUTPUT_EDGES_TOKENS,
    SUM_TOLERANCE,
    TokenRange,
    clashes,
    range_of,
)
from melange_cloud.workload.hourly_counts import NO_RATES


def workload_from_requests(
    input_tokens: Sequence[int],
    output_tokens: Sequence[int],
    *,
    name: str,
    title: str,
    source: str,
    licence: str,
    notes: Iterable[str] = (),
) -> Workload:
    """A workload from the sizes of single requests; each bucket has the exact mean sizes of its requests.

    Edges are the paper's, extended as far as the sizes go. Requests of 0 tokens count in the first range, and as 0 in
    its mean; a note says how many there are.

    Args:
        input_tokens: input tokens of each request, whole numbers.
        output_tokens: output tokens of the same requests in the same order.

    Raises:
        BadInput: no requests, unequal lengths, or a size that is not a whole number from 0 to 1,000,000,000.
    """
    requests = len(input_tokens)
    if requests != len(output_tokens):
        raise BadInput(f"{requests} input sizes and {len(output_tokens)} output sizes: each request needs both")
    if not requests:
        raise BadInput("a workload needs at least one request")
    cells: dict[tuple[TokenRange, TokenRange], list[int]] = {}
    without_input = without_output = 0
    for position, sizes in enumerate(zip(input_tokens, output_tokens, strict=True)):
        size_in, size_out = _whole(sizes[0], "input", position), _whole(sizes[1], "output", position)
        without_input += size_in == 0
        without_output += size_out == 0
        key = range_of(size_in, INPUT_EDGES_TOKENS), range_of(size_out, OUTPUT_EDGES_TOKENS)
        cell = cells.setdefault(key, [0, 0, 0, 0])
        cell[0] += 1
        cell[1] += size_in
        cell[2] += size_out
        cell[3] = max(cell[3], size_in + size_out)
    zero_notes = [
        f"{count:,} of {requests:,} requests have 0 {kind} tokens; they count in the first {kind} range with size 0"
        for kind, count in (("input", without_input), ("output", without_output))
        if count
    ]
    buckets = tuple(
        Bucket(
            *key[0],
            *key[1],
            mean_input_tokens=inputs / count,
            mean_output_tokens=outputs / count,
            share=count / requests,
            longest_total_tokens=longest,
        )
        for key, (count, inputs, outputs, longest) in sorted(cells.items())
    )
    return Workload(name, title, buckets, source, licence, requests, (*notes, *zero_notes))


def mix(parts: Mapping[str, tuple[Workload, float]], name: str, title: str, *, notes: Iterable[str] = ()) -> Workload:
    """Several workloads as one: equal buckets are merged, with the share-weighted mean of their mean sizes.

    Args:
        parts: name (for the mixture's source, licence and notes) -> a workload and its weight, its fraction of the
            mixture's requests.

    Raises:
        BadInput: no parts, a weight that is not positive, weights that do not sum to 1, or parts with ranges that
            overlap without being equal.
    """
    weights = {part: weight for part, (_, weight) in parts.items()}
    for part, weight in weights.items():
        if not 0 < weight <= 1 + SUM_TOLERANCE:
            raise BadInput(f"the weight of {part} is {weight:g}: must be above 0 and at most 1")
    total = math.fsum(weights.values())
    if round(abs(total - 1), 12) > SUM_TOLERANCE:
        raise BadInput(f"the weights sum to {total:.9g}: they must sum to 1")
    cells: dict[tuple[TokenRange, TokenRange], list[Bucket]] = {}
    shares: dict[tuple[TokenRange, TokenRange], list[float]] = {}
    for workload, weight in parts.values():
        for bucket in workload.buckets:
            key = (
                (bucket.input_low_tokens, bucket.input_high_tokens),
                (bucket.output_low_tokens, bucket.output_high_tokens),
            )
            if share := bucket.share * weight / total:  # A share near 1e-300 may vanish in the product.
                cells.setdefault(key, []).append(bucket)
                shares.setdefault(key, []).append(share)
    keys = sorted(cells)
    if faults := clashes(keys):
        raise BadInput(f"cannot mix {' and '.join(parts)}: {faults[0].what}; give them the same edges")
    percent = {part: f"{100 * weight:g} % {part}" for part, weight in weights.items()}
    licences = {workload.licence for workload, _ in parts.values()}
    return Workload(
        name,
        title,
        tuple(_merged(key, cells[key], shares[key]) for key in keys),
        source="; ".join(f"{percent[part]}: {workload.source}" for part, (workload, _) in parts.items()),
        licence=(
            licences.pop()
            if len(licences) == 1
            else "; ".join(f"{part}: {workload.licence}" for part, (workload, _) in parts.items())
        ),
        requests=None,
        notes=(*notes, *(f"{part}: {note}" for part, (workload, _) in parts.items() for note in workload.notes)),
    )


def mixed_cached_input(parts: Iterable[tuple[WorkloadFile, float]]) -> float | None:
    """The share of a mixture's input tokens that came from a prompt cache; None if it is unknown for a part.

    Args:
        parts: with their weights, their fractions of the mixture's requests.
    """
    tokens: list[float] = []
    cached: list[float] = []
    for held, weight in parts:
        if held.cached_input_share is None:
            return None
        tokens.append(weight * held.workload.mean_input_tokens)
        cached.append(tokens[-1] * held.cached_input_share)
    total = math.fsum(tokens)
    return math.fsum(cached) / total if total else None


def rates_left_out(parts: Mapping[str, tuple[WorkloadFile, float]]) -> list[str]:
    """A note on the arrival rates of the parts, which a mixture by weights has not; empty where no part has any.

    Args:
        parts: by name, with their weights.
    """
    names = ", ".join(part for part, (held, _) in parts.items() if held.arrival_rates is not None)
    return [f"{NO_RATES}: those of {names} are not mixed; plan with --rate"] if names else []


def _whole(size: SupportsIndex, kind: str, position: int) -> int:
    try:
        tokens = operator.index(size)
    except TypeError:
        tokens = -1
    if not 0 <= tokens <= LONGEST_TOKENS:
        raise BadInput(
            f"request {position + 1}: {kind} size is {size!r}: must be a whole number from 0 to {LONGEST_TOKENS:,}"
        )
    return int(tokens)


def _merged(key: tuple[TokenRange, TokenRange], buckets: list[Bucket], shares: list[float]) -> Bucket:
    longest = [bucket.longest_total_tokens for bucket in buckets]
    known = [total for total in longest if total is not None]
    return Bucket(
        *key[0],
        *key[1],
        mean_input_tokens=_weighted_mean([bucket.mean_input_tokens for bucket in buckets], shares),
        mean_output_tokens=_weighted_mean([bucket.mean_output_tokens for bucket in buckets], shares),
        share=math.fsum(shares),
        longest_total_tokens=max(known) if len(known) == len(longest) else None,
    )


def _weighted_mean(means: list[float], weights: list[float]) -> float:
    mean = math.fsum(map(operator.mul, means, weights)) / math.fsum(weights)
    # Rounding may move the mean of equal numbers past them, and so out of the bucket.
    return min(max(mean, min(means)), max(means))
