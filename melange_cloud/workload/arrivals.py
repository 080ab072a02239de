"""Arrival rates of a trace: by hour, or by minute if the trace is short.

Only complete windows count: those in which the trace begins or ends are left out.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from melange_cloud.domain import ArrivalRates
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.errors import BadInput

if TYPE_CHECKING:
    from melange_cloud.workload.request_tally import Tally

MINUTE_S = 60
HOURS_FROM = 6
"""Traces with at least this many complete hours are counted by hour; shorter ones by minute."""

CERTAIN_REQUESTS = 10_000
"""If the usual window has this many requests, an empty one is a gap in the collection, not quiet traffic."""


def arrival_rates(
    tally: "Tally", *, absolute: bool, zeros: str = "auto", unit_may_err: bool = True
) -> ArrivalRates | None:
    """The arrival rates of a trace; None if it has no times or spans less than a minute.

    If times have a date, hours are those of the clock (UTC); otherwise they count from the minute of the first arrival.
    Minutes count from the second of the first arrival.

    Args:
        absolute: True if the times have a date.
        zeros: how to count a window without requests: ``gap``, ``rate`` (quiet traffic) or ``auto`` (CERTAIN_REQUESTS).
        unit_may_err: True if times are numbers, so that their unit may be wrong.

    Raises:
        BadInput: the times span too many years to be right.
    """
    first, last = tally.by_second.least, tally.by_second.most
    if first is None or last is None:
        return None
    if tally.by_minute.too_wide:
        unit = ", name their unit with --time-unit (s, ms, us, ns)" if unit_may_err else ""
        raise BadInput(
            f"the times run from {_moment(first, absolute)} to {_moment(last, absolute)}, more than ten years: fix "
            f"the wrong ones{unit}, or ignore the times with --ignore-times"
        )
    start, hours = whole_hours(first, last, absolute)
    if hours >= HOURS_FROM:
        counts = tally.by_minute.stretch(start // MINUTE_S, hours * 60).reshape(hours, 60).sum(axis=1).tolist()
        return rates_of(counts, SECONDS_PER_HOUR, start if absolute else None, zeros)
    if last - first < MINUTE_S:
        return None
    minutes = (last - first) // MINUTE_S
    counts = tally.by_second.stretch(first, minutes * MINUTE_S).reshape(minutes, MINUTE_S).sum(axis=1).tolist()
    return rates_of(counts, MINUTE_S, first if absolute else None, zeros)


def rates_of(
    counts: Sequence[float | None], window_s: int, start_s: int | None, zeros: str = "auto"
) -> ArrivalRates | None:
    """The rates of windows with these numbers of requests (None: a gap); None if no window has any requests."""
    known = [count for count in counts if count is not None]
    if not known or not any(known):
        return None
    if zeros == "gap" or (zeros == "auto" and 0 in known and median(known) >= CERTAIN_REQUESTS):
        counts = [count or None for count in counts]
        known = [count for count in counts if count is not None]
    bare = ArrivalRates(window_s, len(known), 0.0, 0.0, 0.0, tuple(counts))
    return ArrivalRates(
        window_s=window_s,
        windows=len(known),
        mean_requests_per_s=math.fsum(known) / len(known) / window_s,
        p95_requests_per_s=bare.quantile(95) or 0.0,
        peak_requests_per_s=max(known) / window_s,
        requests_by_window=tuple(counts),
        starts_at=None if start_s is None else datetime.fromtimestamp(start_s, UTC),
    )


def scaled(rates: ArrivalRates, factor: float) -> ArrivalRates:
    """The same arrivals, ``factor`` times as many."""
    return ArrivalRates(
        rates.window_s,
        rates.windows,
        rates.mean_requests_per_s * factor,
        rates.p95_requests_per_s * factor,
        rates.peak_requests_per_s * factor,
        tuple(None if count is None else count * factor for count in rates.requests_by_window),
        rates.starts_at,
        rates.source,
    )


def whole_hours(first: int, last: int, absolute: bool) -> tuple[int, int]:
    """Start (seconds) and number of the complete hours of the trace, to the minute."""
    if absolute:
        start = first // SECONDS_PER_HOUR * SECONDS_PER_HOUR
        if first - start >= MINUTE_S:
            start += SECONDS_PER_HOUR
    else:
        start = first // MINUTE_S * MINUTE_S
    return start, max(0, (last + MINUTE_S - start) // SECONDS_PER_HOUR)


def _moment(second: int, absolute: bool) -> str:
    if not absolute:
        return f"{second:,} s"
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)).date().isoformat()
    except OverflowError:  # beyond the calendar
        return f"{second:,} s"
