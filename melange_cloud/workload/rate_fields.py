"""Token figures, drift and arrival rates of a workload file."""

import math
from datetime import UTC, datetime

from melange_cloud.domain import ArrivalRates, Drift, TokenFigures
from melange_cloud.inputs.json_fields import JsonObject, json_shown
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS

_QUANTILES = ("p50", "p90", "p99")
_DRIFT = ("window_s", "windows", "mean", "max")
_RATES = ("window_s", "windows", "mean", "p95", "peak")
_RATES_OPTIONAL = ("starts_at", "source", "requests_by_window", "hour_of_week")
_CLOSE = 1e-6
"""How much two versions of a figure may differ because of rounding to 12 digits and scaling."""


def token_figures(fields: JsonObject, key: str) -> TokenFigures | None:
    """The figures under ``input_tokens`` or ``output_tokens``."""
    inner = fields.object_at(key, ("mean",), _QUANTILES)
    if inner is None:
        return None
    mean = inner.number("mean", 0, LONGEST_TOKENS)
    p50, p90, p99 = (inner.whole(quantile) if inner.given(quantile) else None for quantile in _QUANTILES)
    known = [quantile for quantile in (p50, p90, p99) if quantile is not None]
    if known != sorted(known):
        fields.fault(key, f"is {json_shown(fields.value(key))}", "p50, p90 and p99 must not decrease")
    return None if mean is None else TokenFigures(mean, p50, p90, p99)


def drift(fields: JsonObject) -> Drift | None:
    """The drift under ``drift``."""
    inner = fields.object_at("drift", _DRIFT)
    if inner is None:
        return None
    window_s, windows = inner.whole("window_s", 1), inner.whole("windows", 2)
    mean, most = inner.number("mean", 0, 1), inner.number("max", 0, 1)
    if window_s is None or windows is None or mean is None or most is None:
        return None
    if mean > most:
        inner.fault("mean", f"is {mean:g}", "must not be above max")
    return Drift(window_s, windows, mean, most)


def arrival_rates(fields: JsonObject) -> ArrivalRates | None:
    """The rates under ``requests_per_s``."""
    inner = fields.object_at("requests_per_s", _RATES, _RATES_OPTIONAL)
    if inner is None:
        return None
    window_s, windows = inner.whole("window_s", 1), inner.whole("windows", 1)
    mean, p95, peak = (inner.number(key, 0, 1e9) for key in ("mean", "p95", "peak"))
    counts = inner.numbers_or_nulls("requests_by_window")
    week = inner.numbers_or_nulls("hour_of_week")
    starts_at = _moment(inner)
    source = inner.value("source") if inner.has("source") else ""
    if not isinstance(source, str):
        inner.fault("source", f"is {json_shown(source)}", "must be a string")
        source = ""
    if window_s is None or windows is None or mean is None or p95 is None or peak is None:
        return None
    if peak < max(mean, p95) or peak == 0:
        inner.fault("peak", f"is {peak:g}", "must be above 0 and not below mean or p95")
    rates = ArrivalRates(window_s, windows, mean, p95, peak, counts, starts_at, source)
    _check_windows(inner, rates)
    if week and not fields.faults and not _alike(week, rates.hour_of_week()):
        inner.fault("hour_of_week", "does not follow from requests_by_window", "leave it out, or write it again")
    return rates


def _check_windows(fields: JsonObject, rates: ArrivalRates) -> None:
    known = [count for count in rates.requests_by_window if count is not None]
    if not rates.requests_by_window:
        return
    if len(known) != rates.windows:
        cure = f"requests_by_window has {len(known):,} non-null windows"
        fields.fault("windows", f"is {rates.windows:,}", cure)
        return
    figures = (
        ("mean", rates.mean_requests_per_s, math.fsum(known) / len(known) / rates.window_s),
        ("p95", rates.p95_requests_per_s, rates.quantile(95)),
        ("peak", rates.peak_requests_per_s, max(known) / rates.window_s),
    )
    for key, given, found in figures:
        if found is not None and abs(given - found) > _CLOSE * max(given, found):
            fields.fault(key, f"is {given:g}", f"requests_by_window gives {found:.9g}")


def _alike(given: tuple[float | None, ...], found: tuple[float | None, ...]) -> bool:
    return len(given) == len(found) and all(
        one == other if one is None or other is None else abs(one - other) <= _CLOSE * max(one, other, 1e-9)
        for one, other in zip(given, found, strict=True)
    )


def _moment(fields: JsonObject) -> datetime | None:
    value = fields.value("starts_at")
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        fields.fault("starts_at", f"is {json_shown(value)}", "must be a time with a zone, such as 2024-05-10T00:00:00Z")
        return None
    return moment.astimezone(UTC)
