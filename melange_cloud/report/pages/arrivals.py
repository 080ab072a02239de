"""Arrival rates in words, and as bars over the hours of the week or over the windows of the source."""

import math
from collections.abc import Iterator, Sequence

from melange_cloud.domain import ArrivalRates
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet, TitledSheet
from melange_cloud.report.text import GLUE, short_rate

_BARS = "▁▂▃▄▅▆▇█"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HOURS = "0     6     12    18"
_MOST_BARS, _MOST_BARS_NARROW = 100, 58
"""Bars in a row, where there is room and where there is not; a terminal has at least 60 columns, as a rule."""


def over_time(rates: ArrivalRates, *, wide: bool) -> Iterator[Block]:
    """The rate by hour of the week, else over the windows of the source; nothing where only figures are known."""
    week = rates.hour_of_week()
    if week:
        yield _week(week, dated=rates.starts_at is not None)
    elif rates.requests_by_window:
        yield Paragraph(_windows(rates, _MOST_BARS if wide else _MOST_BARS_NARROW))


def rates_in_words(rates: ArrivalRates) -> str:
    """The rates with the binning that they come from."""
    gaps = f", {rates.gaps:,} with gaps left out" if rates.gaps else ""
    return (
        f"mean {per_s(rates.mean_requests_per_s)}, p95 {per_s(rates.p95_requests_per_s)}, "
        f"peak {per_s(rates.peak_requests_per_s)} requests/s, over {rates.windows:,} windows of "
        f"{window_length(rates.window_s)}{gaps}"
    )


def per_s(rate: float) -> str:
    """A rate with two decimals, a low one with three significant digits: ``5.55``, ``0.00333``, ``0``."""
    return f"{rate:,.2f}" if rate >= 1 else f"{rate:.3g}"


def window_length(seconds: int) -> str:
    """A window's length: ``1 h``, ``10 min``, ``90 s``."""
    if seconds % SECONDS_PER_HOUR == 0:
        return f"{seconds // SECONDS_PER_HOUR} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def bars(values: Sequence[float | None], most: float) -> str:
    """One character per value, from nothing to ``most``; a blank where there is no value."""
    return "".join(
        GLUE if value is None else _BARS[min(len(_BARS) - 1, int(value / most * len(_BARS)))] if most else _BARS[0]
        for value in values
    )


def _week(week: Sequence[float | None], *, dated: bool) -> TitledSheet:
    """A row of 24 bars for each day."""
    days = _DAYS if dated else tuple(f"d{day}" for day in range(1, 8))
    most = max(rate for rate in week if rate is not None)
    rows = []
    for at, day in enumerate(days):
        hourly = week[24 * at : 24 * at + 24]
        known = [rate for rate in hourly if rate is not None]
        rows.append((day, bars(hourly, most), short_rate(math.fsum(known) / len(known) if known else None)))
    hours = "Hour of the week (UTC)" if dated else "Hour of the week, from the first hour"
    return TitledSheet(
        f"{hours}: requests/s, a full bar is {short_rate(most)}",
        Sheet((Column(""), Column(_HOURS.replace(" ", GLUE)), Column("mean", right=True)), tuple(rows)),
    )


def _windows(rates: ArrivalRates, most_bars: int) -> tuple[str, str]:
    columns = min(len(rates.requests_by_window), most_bars)
    step = -(-len(rates.requests_by_window) // columns)
    values = []
    for at in range(0, len(rates.requests_by_window), step):
        known = [count for count in rates.requests_by_window[at : at + step] if count is not None]
        values.append(math.fsum(known) / len(known) / rates.window_s if known else None)
    most = max(value for value in values if value is not None)
    return f"Rate over time: requests/s, a full bar is {short_rate(most)}", bars(values, most)
