"""What the answer rests on, bucket by bucket: measured, interpolated, estimated, out of reach or without data."""

import math

from melange_cloud.domain import Coverage, OutsideBucket, RegionPlan, TrafficShare
from melange_cloud.report.text import GLUE, clean, number

_SHOWN = 3


def coverage_lines(region: RegionPlan) -> tuple[str, ...]:
    """The shares of requests and tokens, and the sizes that are out of reach by name; none where nothing is known."""
    found = region.coverage
    if found is None:
        return ()
    lines = [_shares(found)]
    lines += [_outside(bucket) for bucket in found.outside[:_SHOWN]]
    if len(found.outside) > _SHOWN:
        rest = found.outside[_SHOWN:]
        share = math.fsum(bucket.requests_share for bucket in rest)
        lines.append(f"and {len(rest)} more sizes, {_percent(share)} of requests (--format json lists them)")
    return tuple(lines)


def _shares(found: Coverage) -> str:
    unknown = [bucket for bucket in found.outside if bucket.no_data]
    no_data = TrafficShare(
        math.fsum(bucket.requests_share for bucket in unknown), math.fsum(bucket.tokens_share for bucket in unknown)
    )
    reached_by_none = TrafficShare(
        found.unreached.requests_share - no_data.requests_share, found.unreached.tokens_share - no_data.tokens_share
    )
    parts = [
        f"{_percent(part.requests_share)} of requests ({_percent(part.tokens_share)} of tokens) {words}"
        for part, words in (
            (found.measured, "measured"),
            (found.interpolated, "between measured sizes"),
            (found.estimated, "on estimated points"),
            (reached_by_none, "out of reach"),
            (no_data, "without data"),
        )
        if part.requests_share > 1e-12  # what a difference of equal shares may leave
    ]
    return "; ".join(parts)


def _outside(bucket: OutsideBucket) -> str:
    ranges = " ".join(
        f"{kind}{GLUE}{number(low + 1)}-{number(high)}"
        for kind, (low, high) in (("input", bucket.input_tokens), ("output", bucket.output_tokens))
    )
    unserved = "not known to be served" if bucket.no_data else "not served"
    what = f"dropped, {unserved}" if bucket.dropped else unserved
    reason = clean(bucket.reason)
    reason = reason if len(reason) <= 160 else f"{reason[:157]}..."
    return f"{what}: {ranges}, {_percent(bucket.requests_share)} of requests: {reason}"


def _percent(share: float) -> str:
    if 0 < share < 0.0005:
        return f"<0.1{GLUE}%"
    # Never 100 % while something is missing.
    return f"{number(min(100 * share, 99.9) if share < 1 - 1e-9 else 100.0, 0 if share > 1 - 1e-9 else 1)}{GLUE}%"
