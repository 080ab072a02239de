"""Changes the rate of a workload, or drops its longest requests."""

import math
from dataclasses import replace

from melange_cloud.domain import Bucket, WorkloadFile
from melange_cloud.errors import BadInput
from melange_cloud.workload.arrivals import scaled


def scale(
    held: WorkloadFile, *, times: float | None = None, rate: float | None = None, at: str = "peak"
) -> WorkloadFile:
    """The workload with its arrivals multiplied.

    Args:
        times: the factor.
        rate: alternatively, the new value of the rate named by ``at`` (``mean``, ``p95`` or ``peak``), requests/s.

    Raises:
        BadInput: both or none are given, one is not positive, or the workload has no arrivals.
    """
    rates = held.arrival_rates
    if (times is None) == (rate is None):
        raise BadInput("give either a factor (--times 2) or a rate (--rate 25)")
    if rates is None:
        raise BadInput(
            f"{held.workload.name} has no arrival rates to scale: add them with "
            "melange-cloud workloads from-counts --rates, or plan with --rate"
        )
    if rate is not None:
        known = {"mean": rates.mean_requests_per_s, "p95": rates.p95_requests_per_s, "peak": rates.peak_requests_per_s}
        if not known[at]:
            raise BadInput(f"the {at} rate of {held.workload.name} is 0: scale by another (--at peak)")
        times = rate / known[at]
    if times is None or not 0 < times < 1e9:
        raise BadInput("a factor or rate must be above 0")
    return replace(held, arrival_rates=scaled(rates, times))


def without_longest(held: WorkloadFile, longest_tokens: int) -> WorkloadFile:
    """The workload without requests of more than ``longest_tokens`` (input + output).

    A bucket that may contain a longer request is dropped as a whole. A note says which share that was, and arrivals
    shrink by it. Statistics of the single requests no longer hold and are dropped too.

    Raises:
        BadInput: nothing is left.
    """
    kept = [bucket for bucket in held.workload.buckets if _longest(bucket) <= longest_tokens]
    if not kept:
        raise BadInput(f"--longest {longest_tokens:,} leaves no bucket of {held.workload.name}")
    if len(kept) == len(held.workload.buckets):
        return held
    share = math.fsum(bucket.share for bucket in kept)
    cached = held.cached_input_share
    dropped = [] if not cached else [f"its cached share ({100 * cached:.3g} % of the input) was of all its requests"]
    workload = replace(
        held.workload,
        buckets=tuple(replace(bucket, share=bucket.share / share) for bucket in kept),
        requests=None,
        notes=(
            *held.workload.notes,
            f"without the buckets that have a request over {longest_tokens:,} tokens: {100 * (1 - share):.3g} % of the "
            "requests",
            *dropped,
        ),
    )
    rates = None if held.arrival_rates is None else scaled(held.arrival_rates, share)
    return WorkloadFile(workload, rates, dated=held.dated)


def _longest(bucket: Bucket) -> int:
    longest = bucket.longest_total_tokens
    return bucket.input_high_tokens + bucket.output_high_tokens if longest is None else longest
