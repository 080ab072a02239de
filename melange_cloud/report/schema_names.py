"""Names that mean the same in every document: what they hold, and the range that their unit allows.

A quantity carries its unit in its name, and the unit says which numbers can be right: a share is in [0, 1], a price
is not negative. A field that is an exception says so itself, by ``metadata={"schema": {...}}``.
"""

from collections.abc import Mapping

from melange_cloud.domain.gpu_kinds import PURCHASES, ROUTERS

Keywords = Mapping[str, object]
"""Keywords of JSON Schema."""

_NOT_NEGATIVE: Keywords = {"minimum": 0}
_POSITIVE: Keywords = {"exclusiveMinimum": 0}
_COUNT: Keywords = {"minimum": 1}
_NAME: Keywords = {"minLength": 1}
_SHARE: Keywords = {"minimum": 0, "maximum": 1.000001}
"""Shares are sums of floating-point numbers."""

MEANINGS: Mapping[str, str] = {
    "api_servers": "HTTP server processes of each replica, which limit its requests/s.",
    "cached_input": "Share of all input tokens that comes from the engine's prefix cache, 0 to 1.",
    "defaulted": "Names of the fields of the question that the user did not set.",
    "era": "Engine era of the profiles.",
    "generated_at": "When the answer was made, UTC.",
    "gpu": "GPU, such as A10G or A100-80GB.",
    "gpu_count": "GPUs per instance.",
    "input_tokens": "(low, high]: more than low, at most high input tokens.",
    "instance_type": "The vendor's name of the instance type.",
    "instances": "Instances by instance type.",
    "mean_input_tokens": "Mean input tokens per request.",
    "mean_output_tokens": "Mean output tokens per request.",
    "model": "Model.",
    "notices": "Sentences that must be shown with the answer; the banners first.",
    "origin": "measured or estimated.",
    "output_tokens": "(low, high]: more than low, at most high output tokens.",
    "place": "Where the region is, in words.",
    "precision": "Precision of the weights.",
    "price_age": "The origin with its age in words: live, cached 3 h, snapshot 2026-07-30.",
    "price_as_of_from": "First day on which the figure was true.",
    "price_as_of_to": "Last day on which the figure was known to be true.",
    "price_origin": "Where the price comes from.",
    "price_source": "Where the figure was read.",
    "provider": "aws, gcp, or the name of a plug-in's cloud.",
    "purchase": "How instances are bought.",
    "reason": "Why there is no fleet; empty if there is one.",
    "region": "The provider's own name of the region.",
    "requests_share": "Fraction of requests.",
    "solver": "The solver whose answer this is; empty if none was used.",
    "status": "How the search ended.",
    "tensor_parallel": "GPUs of one instance that one replica runs on.",
    "tokens_share": "Fraction of tokens, input + output.",
    "tpot_ms": "Target: mean time per output token after the first, ms.",
    "usd_per_hour": "Cost, USD/h; null if there is no fleet.",
}
"""What is said about a field of this name where its class does not say more."""

_RANGES: Mapping[str, Keywords] = {
    "api_servers": _COUNT,
    "busy": _NOT_NEGATIVE,
    "busy_replicas": _NOT_NEGATIVE,
    "cached_input": _SHARE,
    "defaulted": _NAME,
    "doubts": _NAME,
    "digest": {"pattern": "^[0-9a-f]{64}$"},
    "error": _NOT_NEGATIVE,
    "error_down": _SHARE,
    "file": _NAME,
    "gap": _NOT_NEGATIVE,
    "gpu": _NAME,
    "gpu_count": _COUNT,
    "gpus": _NAME,
    "headroom": _NOT_NEGATIVE,
    "instance_type": _NAME,
    "instances": _COUNT,
    "limit": _NOT_NEGATIVE,
    "max_gpus": _NOT_NEGATIVE,
    "max_instances": _NOT_NEGATIVE,
    "max_vcpus": _NOT_NEGATIVE,
    "measure": _NAME,
    "model": _NAME,
    "needed": _NOT_NEGATIVE,
    "notices": _NAME,
    "odd": _NAME,
    "points": _COUNT,
    "price_origin": {"enum": ["live", "cached", "snapshot", "user"]},
    "provider": _NAME,
    "purchase": {"enum": list(PURCHASES)},
    "ratio": _POSITIVE,
    "region": _NAME,
    "replicas": _COUNT,
    "replicas_per_instance": _COUNT,
    "router": {"enum": list(ROUTERS)},
    "routers": _NOT_NEGATIVE,
    "share": _SHARE,
    "spare": _NOT_NEGATIVE,
    "stay_within": _NOT_NEGATIVE,
    "tensor_parallel": _COUNT,
    "time_limit_s": _COUNT,
    "used": _NOT_NEGATIVE,
    "vcpus": _NOT_NEGATIVE,
    "without": _NAME,
}
_RANGES_BY_UNIT: tuple[tuple[str, Keywords], ...] = (
    ("usd_per_hour_each", _POSITIVE),
    ("usd_per_hour_at_low", _NOT_NEGATIVE),
    ("usd_per_hour_at_high", _NOT_NEGATIVE),
    ("usd_per_hour", _NOT_NEGATIVE),
    ("usd_per_month", _NOT_NEGATIVE),
    ("usd_per_month_range", _NOT_NEGATIVE),
    ("usd_per_month_if_better", _NOT_NEGATIVE),
    ("usd_per_month_if_worse", _NOT_NEGATIVE),
    ("usd_per_thousand_requests", _NOT_NEGATIVE),
    ("usd_per_million_tokens", _NOT_NEGATIVE),
    ("million_tokens_per_month", _NOT_NEGATIVE),
    ("hours_per_month", _POSITIVE),
    ("requests_per_s", _POSITIVE),
    ("tokens_per_s", _POSITIVE),
    ("_share", _SHARE),
    ("_fraction", _NOT_NEGATIVE),
    ("_tokens", _NOT_NEGATIVE),
    ("_gib", _NOT_NEGATIVE),
    ("_days", _NOT_NEGATIVE),
    ("_limit", _COUNT),
    ("_ms", _POSITIVE),
)


def range_of(key: str) -> Keywords:
    """What the name of a key says of its values, or of those in its array or object; empty if it says nothing."""
    named = _RANGES.get(key)
    if named is not None:
        return named
    return next((keywords for unit, keywords in _RANGES_BY_UNIT if key.endswith(unit)), {})
