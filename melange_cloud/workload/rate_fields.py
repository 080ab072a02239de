"""Token figures, drift and arrival rates of a workload file."""

import math
from datetime import UTC, datetime

from melange_cloud.domain import ArrivalRates, Drift, TokenFigures
from melange_cloud.inputs.json_fields import FieldChecker, shown
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS

_QUANTILES = ("p50", "p90", "p99")
_DRIFT = ("window_s", "windows", "mean", "max")
_RATES = ("window_s", "windows", "mean", "p95", "peak")
_RATES_OPTIONAL = ("starts_at", "source", "requests_by_window", "hour_of_week")
_CLOSE = 1e-6
"""What rounding to 12 digits, and scaling, may leave between figures that are given twice."""


def token_figures(checker: FieldChecker, document: dict[str, object], key: str) -> TokenFigures | None:
    """The figures under ``input_tokens`` or ``output_tokens``; faults go to the checker."""
    value = _object(checker, document, key, ("mean",), _QUANTILES)
    if value is None:
        return None
    mean = checker.number(value, "mean", f"{key}.", 0, LONGEST_TOKENS)
    given = {q: checker.whole(value, q, f"{key}.", 0) for q in _QUANTILES if value.get(q) is not None}
    known = [quantile for quantile in given.values() if quantile is not None]
    if known != sorted(known):
        checker.fault(key, f"is {shown(value)}: p50, p90 and p99 must not fall")
    return None if mean is None else TokenFigures(mean, given.get("p50"), given.get("p90"), given.get("p99"))


def drift(checker: FieldChecker, document: dict[str, object]) -> Drift | None:
    """The drift under ``drift``; faults go to the checker."""
    value = _object(checker, document, "drift", _DRIFT, ())
    if value is None:
        return None
    window_s = checker.whole(value, "window_s", "drift.", 1)
    windows = checker.whole(value, "windows", "drift.", 2)
    mean, most = (checker.number(value, key, "drift.", 0, 1) for key in ("mean", "max"))
    if window_s is None or windows is None or mean is None or most is None:
        return None
    if mean > most:
        checker.fault("drift.mean", f"is {mean:g}: must not be above max")
    return Drift(window_s, windows, mean, most)


def arrival_rates(checker: FieldChecker, document: dict[str, object]) -> ArrivalRates | None:
    """The rates under ``requests_per_s``; faults go to the checker."""
    value = _object(checker, document, "requests_per_s", _RATES, _RATES_OPTIONAL)
    if value is None:
        return None
    where = "requests_per_s."
    window_s = checker.whole(value, "window_s", where, 1)
    windows = checker.whole(value, "windows", where, 1)
    mean, p95, peak = (checker.number(value, key, where, 0, 1e9) for key in ("mean", "p95", "peak"))
    counts = _numbers(checker, value, "requests_by_window", where)
    week = _numbers(checker, value, "hour_of_week", where)
    starts_at = _moment(checker, value, where)
    source = value.get("source", "")
    if not isinstance(source, str):
        checker.fault(f"{where}source", f"is {shown(source)}: must be a text")
        source = ""
    if window_s is None or windows is None or mean is None or p95 is None or peak is None:
        return None
    if peak < max(mean, p95) or peak == 0:
        checker.fault(f"{where}peak", f"is {peak:g}: must be above 0 and not below mean or p95")
    rates = ArrivalRates(window_s, windows, mean, p95, peak, counts, starts_at, source)
    _check_windows(checker, rates, where)
    if week and not checker.faults and not _alike(week, rates.hour_of_week()):
        checker.fault(f"{where}hour_of_week", "does not follow from requests_by_window: leave it out, or write it anew")
    return rates


def _check_windows(checker: FieldChecker, rates: ArrivalRates, where: str) -> None:
    known = [count for count in rates.requests_by_window if count is not None]
    if not rates.requests_by_window:
        return
    if len(known) != rates.windows:
        message = f"is {rates.windows:,}: requests_by_window has {len(known):,} that are not null"
        checker.fault(f"{where}windows", message)
        return
    told = (
        ("mean", rates.mean_requests_per_s, math.fsum(known) / len(known) / rates.window_s),
        ("p95", rates.p95_requests_per_s, rates.quantile(95)),
        ("peak", rates.peak_requests_per_s, max(known) / rates.window_s),
    )
    for key, given, found in told:
        if found is not None and abs(given - found) > _CLOSE * max(given, found):
            checker.fault(f"{where}{key}", f"is {given:g}: requests_by_window makes it {found:.9g}")


def _alike(given: tuple[float | None, ...], found: tuple[float | None, ...]) -> bool:
    return len(given) == len(found) and all(
        one == other if one is None or other is None else abs(one - other) <= _CLOSE * max(one, other, 1e-9)
        for one, other in zip(given, found, strict=True)
    )


def _object(
    checker: FieldChecker, document: dict[str, object], key: str, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, object] | None:
    value = document.get(key)
    if value is None:
        return None
    if not isinstance(value, dict):
        checker.fault(key, f"is {shown(value)}: must be an object with {', '.join(required)}")
        return None
    checker.known_fields(value, f"{key}.", required, optional)
    return value


def _numbers(checker: FieldChecker, owner: dict[str, object], key: str, where: str) -> tuple[float | None, ...]:
    values = owner.get(key)
    if values is None:
        return ()
    if not isinstance(values, list):
        checker.fault(f"{where}{key}", f"is {shown(values)}: must be a list of numbers and nulls")
        return ()
    for position, value in enumerate(values):
        sound = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e15
        if value is not None and not sound:
            checker.fault(f"{where}{key}[{position}]", f"is {shown(value)}: must be a number of 0 or more, or null")
            return ()
    return tuple(values)


def _moment(checker: FieldChecker, owner: dict[str, object], where: str) -> datetime | None:
    value = owner.get("starts_at")
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        checker.fault(f"{where}starts_at", f"is {shown(value)}: must be a time with its zone, 2024-05-10T00:00:00Z")
        return None
    return moment.astimezone(UTC)
