"""The buckets of a workload file."""

import math

from melange_cloud.domain import Bucket
from melange_cloud.inputs.json_fields import FieldChecker, shown
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS, SUM_TOLERANCE, TokenRange, clashes, holds

_BUCKET_REQUIRED = ("input_tokens", "output_tokens", "mean_input_tokens", "mean_output_tokens", "share")
_BUCKET_OPTIONAL = ("longest_total_tokens",)


def ranges_of(bucket: Bucket) -> tuple[TokenRange, TokenRange]:
    """The bucket's input and output range, which sort buckets by size."""
    return (
        (bucket.input_low_tokens, bucket.input_high_tokens),
        (bucket.output_low_tokens, bucket.output_high_tokens),
    )


def bucket_list(checker: FieldChecker, document: dict[str, object]) -> list[Bucket]:
    """The buckets under ``buckets``; what is wrong with them is added to the checker's faults."""
    if "buckets" not in document:
        return []
    values = document["buckets"]
    if not isinstance(values, list) or not values:
        checker.fault("buckets", f"is {shown(values)}: must be a list of at least one bucket")
        return []
    parsed = [_bucket(checker, value, f"buckets[{position}]") for position, value in enumerate(values)]
    buckets = {position: bucket for position, bucket in enumerate(parsed) if bucket is not None}
    positions = list(buckets)
    for clash in clashes([ranges_of(bucket) for bucket in buckets.values()]):
        checker.fault(f"buckets[{positions[clash.position]}]", f"{clash.what}: ranges must be equal or disjoint")
    if len(buckets) == len(values):
        total = math.fsum(bucket.share for bucket in buckets.values())
        if round(abs(total - 1), 12) > SUM_TOLERANCE:
            checker.fault(
                "buckets",
                f"the shares sum to {total:.9g}: they must sum to 1; divide each by {total:.9g}"
                if total
                else "all shares are 0: a workload needs traffic",
            )
    return list(buckets.values())


def _bucket(checker: FieldChecker, value: object, place: str) -> Bucket | None:
    if not isinstance(value, dict):
        checker.fault(place, f"is {shown(value)}: must be an object with {', '.join(_BUCKET_REQUIRED)}")
        return None
    where = f"{place}."
    checker.known_fields(value, where, _BUCKET_REQUIRED, _BUCKET_OPTIONAL)
    input_tokens = checker.whole_range(value, "input_tokens", where, LONGEST_TOKENS)
    output_tokens = checker.whole_range(value, "output_tokens", where, LONGEST_TOKENS)
    mean_input = checker.number(value, "mean_input_tokens", where, 0, LONGEST_TOKENS)
    mean_output = checker.number(value, "mean_output_tokens", where, 0, LONGEST_TOKENS)
    share = checker.number(value, "share", where, 0, 1)
    if input_tokens is None or output_tokens is None or mean_input is None or mean_output is None or share is None:
        return None
    longest = None
    if value.get("longest_total_tokens") is not None:
        longest = checker.whole(value, "longest_total_tokens", where, 0)
    if share:
        for kind, tokens, mean in (("input", input_tokens, mean_input), ("output", output_tokens, mean_output)):
            if not holds(tokens, mean):
                checker.fault(
                    f"{where}mean_{kind}_tokens",
                    f"is {mean:.12g}: must lie in its range, above {tokens[0]:,} up to {tokens[1]:,}",
                )
        # Half a token of room: the means may have been rounded to whole tokens.
        if longest is not None and not mean_input + mean_output - 1 <= longest <= input_tokens[1] + output_tokens[1]:
            checker.fault(
                f"{where}longest_total_tokens",
                f"is {longest:,}: must lie between the mean sizes' sum and the sum of the upper edges, "
                f"{mean_input + mean_output:,.6g} to {input_tokens[1] + output_tokens[1]:,}",
            )
    return Bucket(*input_tokens, *output_tokens, mean_input, mean_output, share, longest)
