"""The buckets of a workload file."""

import math

from melange_cloud.domain import Bucket
from melange_cloud.inputs.json_fields import JsonObject
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS, SUM_TOLERANCE, TokenRange, clashes, holds

_BUCKET_REQUIRED = ("input_tokens", "output_tokens", "mean_input_tokens", "mean_output_tokens", "share")
_BUCKET_OPTIONAL = ("longest_total_tokens",)


def ranges_of(bucket: Bucket) -> tuple[TokenRange, TokenRange]:
    """The bucket's input and output range, by which buckets are sorted."""
    return (
        (bucket.input_low_tokens, bucket.input_high_tokens),
        (bucket.output_low_tokens, bucket.output_high_tokens),
    )


def bucket_list(fields: JsonObject) -> list[Bucket]:
    """The buckets under ``buckets``."""
    parsed = [
        None if inner is None else _bucket(inner)
        for inner in fields.objects_at("buckets", _BUCKET_REQUIRED, _BUCKET_OPTIONAL)
    ]
    buckets = {position: bucket for position, bucket in enumerate(parsed) if bucket is not None}
    positions = list(buckets)
    for clash in clashes([ranges_of(bucket) for bucket in buckets.values()]):
        fields.fault(f"buckets[{positions[clash.position]}]", clash.what, "ranges must be equal or disjoint")
    if parsed and len(buckets) == len(parsed):
        total = math.fsum(bucket.share for bucket in buckets.values())
        if not total:
            fields.fault("buckets", "all shares are 0", "a workload needs traffic")
        elif round(abs(total - 1), 12) > SUM_TOLERANCE:
            cure = f"they must sum to 1; divide each by {total:.9g}"
            fields.fault("buckets", f"the shares sum to {total:.9g}", cure)
    return list(buckets.values())


def _bucket(fields: JsonObject) -> Bucket | None:
    input_tokens = fields.whole_range("input_tokens", LONGEST_TOKENS)
    output_tokens = fields.whole_range("output_tokens", LONGEST_TOKENS)
    mean_input = fields.number("mean_input_tokens", 0, LONGEST_TOKENS)
    mean_output = fields.number("mean_output_tokens", 0, LONGEST_TOKENS)
    share = fields.number("share", 0, 1)
    if input_tokens is None or output_tokens is None or mean_input is None or mean_output is None or share is None:
        return None
    longest = fields.whole("longest_total_tokens") if fields.given("longest_total_tokens") else None
    if share:
        for kind, tokens, mean in (("input", input_tokens, mean_input), ("output", output_tokens, mean_output)):
            if not holds(tokens, mean):
                fields.fault(
                    f"mean_{kind}_tokens",
                    f"is {mean:.12g}",
                    f"must be in its range, above {tokens[0]:,} and at most {tokens[1]:,}",
                )
        # Allow half a token, since the means may have been rounded to whole tokens.
        if longest is not None and not mean_input + mean_output - 1 <= longest <= input_tokens[1] + output_tokens[1]:
            fields.fault(
                "longest_total_tokens",
                f"is {longest:,}",
                "must be between the sum of the mean sizes and the sum of the upper edges, "
                f"{mean_input + mean_output:,.6g} to {input_tokens[1] + output_tokens[1]:,}",
            )
    return Bucket(*input_tokens, *output_tokens, mean_input, mean_output, share, longest)
