"""Judges the unit of times without a date by the request rate and the time span that each unit would imply.

Milliseconds read as seconds, or the other way round, make a rate wrong by a factor of a thousand. If the unit does
not follow from a name or the size of the numbers, one is used only if the others are far less plausible; otherwise the
user must choose.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SECONDS_PER_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

UNITS_S = {**SECONDS_PER_UNIT, "min": 60.0, "h": 3600.0, "d": 86_400.0}
"""Units that a name or the user may give; minutes and longer ones are never guessed."""

UNIT_WORDS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}

ORDINARY_REQUESTS_PER_S = (0.01, 300.0)
"""Mean rates of public traces are between 0.27 (BurstGPT) and 83 (Azure, hourly), except for whole providers."""

ORDINARY_SPAN_S = (1800.0, 366 * 86_400.0)
"""Published traces span an hour to two months."""

MARGIN = 1.0
"""A unit must be more plausible than any other by so many powers of ten to be used without asking."""

FRACTIONS, KNOWN_SOURCE, MOONCAKE, IN_BATCHES = 0.5, 1.2, 0.5, 0.7
"""Further evidence for a unit, in powers of ten: times with decimals (seconds; clocks with smaller units count whole
ones), a source known for its unit, the column names of Mooncake's files, which have milliseconds, and requests that
share their time as in those files."""

_LEAST_SPAN_S = 60
"""Shorter traces have no rates, whatever the unit."""


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Requests and the time between the first and the last of them, in units of the source."""

    requests: int
    units: float

    def meaning(self, unit: str) -> str:
        """What a unit would mean: ``288 requests in 24 h, 0.0033/s``."""
        span_s = self.units * SECONDS_PER_UNIT[unit]
        rate = self.requests / span_s if span_s else 0.0
        shown = f"{rate:,.0f}" if rate >= 100 else f"{rate:.2g}"
        return f"{self.requests:,} requests in {_span(span_s)}{f', {shown}/s' if rate else ''}"


def leanings(names: Sequence[str], input_name: str, output_name: str, times: Sequence[float]) -> dict[str, float]:
    """Evidence for units other than rate and span, in powers of ten.

    Args:
        names: the column names of the source, normalised.
        input_name, output_name: the columns of sizes, normalised.
        times: the first times.
    """
    lean = dict.fromkeys(SECONDS_PER_UNIT, 0.0)
    known_in_s = (
        {"chat_id", "parent_chat_id"} <= set(names)  # Alibaba's Bailian traces
        or (input_name, output_name) == ("request_tokens", "response_tokens")  # BurstGPT
        or (input_name, output_name) == ("num_prefill_tokens", "num_decode_tokens")  # Vidur
    )
    has_decimals = any(time != math.floor(time) for time in times)
    if known_in_s:
        lean["s"] += KNOWN_SOURCE
    elif has_decimals:
        lean["s"] += FRACTIONS
    elif (input_name, output_name) == ("input_length", "output_length"):
        shared = sum(one == other for one, other in pairwise(times))
        in_batches = "hash_ids" in names and 3 * shared >= len(times)
        lean["ms"] += MOONCAKE + (IN_BATCHES if in_batches else 0.0)
    return lean


def unit_of(stretch: TimeSpan, lean: Mapping[str, float]) -> str | None:
    """The unit that is far more plausible than all others; None if there is none."""
    ranked = _ranked(stretch, lean)
    best = ranked[0]
    rivals = [unit for score, unit in ranked[1:] if score > best[0] - MARGIN]
    if not rivals:
        return best[1]
    longest = max(stretch.units * SECONDS_PER_UNIT[unit] for unit in (best[1], *rivals))
    return best[1] if longest < _LEAST_SPAN_S else None


def candidates(stretch: TimeSpan, lean: Mapping[str, float]) -> tuple[str, ...]:
    """The possible units, the most plausible first."""
    ranked = _ranked(stretch, lean)
    return tuple(unit for score, unit in ranked if score > ranked[0][0] - MARGIN)


def _ranked(stretch: TimeSpan, lean: Mapping[str, float]) -> list[tuple[float, str]]:
    order = list(SECONDS_PER_UNIT)
    scores = [(lean.get(unit, 0.0) - _oddity(stretch, unit), unit) for unit in order]
    return sorted(scores, key=lambda scored: (-scored[0], order.index(scored[1])))


def _oddity(stretch: TimeSpan, unit: str) -> float:
    """How far rate and span are outside the usual range, in powers of ten."""
    span_s = stretch.units * SECONDS_PER_UNIT[unit]
    if span_s <= 0:
        return 0.0
    return _outside(stretch.requests / span_s, ORDINARY_REQUESTS_PER_S) + _outside(span_s, ORDINARY_SPAN_S)


def _outside(value: float, ordinary: tuple[float, float]) -> float:
    low, high = ordinary
    return max(0.0, math.log10(low / value), math.log10(value / high))


def _span(seconds: float) -> str:
    for size_s, unit in ((86_400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms")):
        if seconds >= 2 * size_s:
            return f"{seconds / size_s:,.3g} {unit}" if seconds < 1000 * size_s else f"{seconds / size_s:,.0f} {unit}"
    return f"{seconds:.2g} s"
