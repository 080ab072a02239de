"""The rate that is planned for: a number, or one of the workload's own (``mean``, ``p95``, ``peak``, ``p99.5``)."""

import math
import re
from dataclasses import dataclass
from datetime import datetime

from melange_cloud.domain import ArrivalRates
from melange_cloud.domain.question import DEFAULT_PEAK_REQUESTS_PER_S
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber
from melange_cloud.inputs.written_quantities import Ambiguous, requests_per_s
from melange_cloud.workload import WorkloadFile

_QUANTILE = re.compile(r"p([0-9]{1,2}(\.[0-9]{1,4})?|100)")
_WINDOW = {60: "minute", SECONDS_PER_HOUR: "hour"}
_DAY_S = 24 * SECONDS_PER_HOUR
_MOST_MINUTES = 120
"""Longer spans are given in hours."""


@dataclass(frozen=True, slots=True)
class PlannedRate:
    """A rate, requests/s, with the mean rate of the same source; ``words`` is where both come from.

    For a number ``words`` is empty, and the others are None.

    Attributes:
        arrivals: those of the workload that it is taken from.
        is_peak: whether it is their peak.
    """

    requests_per_s: float
    mean_requests_per_s: float | None
    words: str
    arrivals: ArrivalRates | None = None
    is_peak: bool = False

    @property
    def peak_window_starts_at(self) -> datetime | None:
        """Start of the busiest window, UTC, if the rate is the peak and the time is known."""
        return self.arrivals.busiest_starts_at if self.is_peak and self.arrivals is not None else None


def default_rate(held: WorkloadFile, *, workload_is_default: bool) -> PlannedRate:
    """The rate to plan for if none is given: the peak of the workload's own arrivals.

    Where the workload has none, or is a default too, it is DEFAULT_PEAK_REQUESTS_PER_S.
    """
    if held.arrival_rates is None or workload_is_default:
        return PlannedRate(DEFAULT_PEAK_REQUESTS_PER_S, None, "")
    return rate_of("peak", held)


def rate_of(rate: float | str, held: WorkloadFile) -> PlannedRate:
    """The rate that a number or a word asks for.

    Raises:
        BadInput: not a number or a rate that the workload's file has.
    """
    if not isinstance(rate, str):
        return PlannedRate(rate, None, "")
    word = rate.strip().lower()
    quantile = _QUANTILE.fullmatch(word)
    if word not in ("mean", "peak") and not quantile:
        try:
            return PlannedRate(requests_per_s(word, busiest=True), None, "")
        except Ambiguous as error:
            raise BadInput(f"--rate {echoed(rate)}: {error}") from None
        except NotANumber:
            raise BadInput(
                f"--rate {echoed(rate)}: give requests/s, such as 10 or 600/min, or mean, p95, peak or another "
                "quantile such as p99.5"
            ) from None
    arrivals, name = held.arrival_rates, held.workload.name
    if arrivals is None:
        raise BadInput(f"--rate {echoed(rate)}: {name} has no arrival rates; give requests/s")
    value = _value(word, arrivals)
    if value is None:
        raise BadInput(
            f"--rate {echoed(rate)}: {name} has only mean, p95 and peak; use one of them, or import its trace again"
        )
    if value < arrivals.mean_requests_per_s * (1 - 1e-12):
        raise BadInput(
            f"--rate {rate} is {value:.4g} requests/s, below the mean of {name}, {arrivals.mean_requests_per_s:.4g}: "
            "such a fleet cannot serve the mean; use mean, p95 or peak"
        )
    unit = f"{_WINDOW[arrivals.window_s]}s" if arrivals.window_s in _WINDOW else f"windows of {arrivals.window_s:,} s"
    words = f"{word} of the {arrivals.windows:,} {unit} of {name}"
    return PlannedRate(value, arrivals.mean_requests_per_s, words, arrivals, word in ("peak", "p100"))


def doubts_of(rate: PlannedRate) -> tuple[str, ...]:
    """What the peak of the workload's own arrivals leaves open, one clause each; empty for other rates."""
    arrivals = rate.arrivals
    if arrivals is None or not rate.is_peak:
        return ()
    if arrivals.window_s > SECONDS_PER_HOUR:
        hours = arrivals.window_s / SECONDS_PER_HOUR
        return (f"its rates are means over {hours:g} hours, and the busiest hour is higher: set it with --rate",)
    if arrivals.span_s < _DAY_S:
        minutes = round(arrivals.span_s / 60)
        span = f"{minutes} minutes" if minutes < _MOST_MINUTES else f"{arrivals.span_s / SECONDS_PER_HOUR:.3g} hours"
        return (f"its arrivals cover {span}, and the peak of a whole day may be higher: set it with --rate",)
    return ()


def _value(word: str, arrivals: ArrivalRates) -> float | None:
    if word == "mean":
        return arrivals.mean_requests_per_s
    if word in ("peak", "p100"):
        return arrivals.peak_requests_per_s
    if word == "p95":
        return arrivals.p95_requests_per_s
    found = arrivals.quantile(word[1:])
    return found if found is None or math.isfinite(found) else None
