"""Request sizes and how often each occurs."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import cached_property

from melange_cloud.domain.units import HOURS_PER_WEEK, SECONDS_PER_HOUR


@dataclass(frozen=True)
class Bucket:
    """Requests with input tokens in (low, high] and output tokens in (low, high], with their mean sizes.

    ``longest_total_tokens`` is the largest input + output of its requests, if the source has single requests; None if
    only a histogram is known.
    """

    input_low_tokens: int
    input_high_tokens: int
    output_low_tokens: int
    output_high_tokens: int
    mean_input_tokens: float
    mean_output_tokens: float
    share: float
    longest_total_tokens: int | None = None

    @cached_property
    def name(self) -> str:
        """A plain key that sorts by size, such as ``in00025-00100_out00100-00250``."""
        return (
            f"in{self.input_low_tokens:06d}-{self.input_high_tokens:06d}"
            f"_out{self.output_low_tokens:06d}-{self.output_high_tokens:06d}"
        )

    @cached_property
    def input_name(self) -> str:
        """The key of the bucket's input range, the only thing that a ``prompt`` router can distinguish."""
        return f"in{self.input_low_tokens:06d}-{self.input_high_tokens:06d}"


@dataclass(frozen=True, slots=True)
class Workload:
    """Buckets with shares that sum to 1, with their source and its arrival rates (None: unknown)."""

    name: str
    title: str
    buckets: tuple[Bucket, ...]
    source: str
    licence: str
    requests: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def mean_input_tokens(self) -> float:
        """Mean input tokens per request."""
        return math.fsum(bucket.share * bucket.mean_input_tokens for bucket in self.buckets)

    @property
    def mean_output_tokens(self) -> float:
        """Mean output tokens per request."""
        return math.fsum(bucket.share * bucket.mean_output_tokens for bucket in self.buckets)


@dataclass(frozen=True, slots=True)
class TokenFigures:
    """Input or output tokens per request: the mean, and the smallest size that 50, 90, 99 % of requests do not exceed.

    None is unknown.
    """

    mean: float
    p50: int | None = None
    p90: int | None = None
    p99: int | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How much the mix changes: total variation distance between each window's histogram and that of the whole.

    From 0 (always the same mix) to 1 (nothing in common). Windows with few requests differ by chance alone.
    """

    window_s: int
    windows: int
    mean: float
    most: float


@dataclass(frozen=True, slots=True)
class ArrivalRates:
    """Arrival rates of a source, requests/s, counted in ``windows`` complete windows of ``window_s`` seconds.

    Attributes:
        p95_requests_per_s: interpolated linearly between the two windows next to it, as ``quantile`` does.
        requests_by_window: requests in each window in order of time, None for a gap in the collection (gaps count in
            no figure); empty if only the figures are known.
        starts_at: start of the first window, UTC; None if the source's times have no date.
        source: source of the arrivals, if it is not that of the sizes; otherwise empty.
    """

    window_s: int
    windows: int
    mean_requests_per_s: float
    p95_requests_per_s: float
    peak_requests_per_s: float
    requests_by_window: tuple[float | None, ...] = ()
    starts_at: datetime | None = None
    source: str = ""

    @property
    def gaps(self) -> int:
        """Windows in which the source was not collecting."""
        return sum(requests is None for requests in self.requests_by_window)

    @property
    def busiest_starts_at(self) -> datetime | None:
        """Start of the first window with the peak, UTC; None if the windows or their date are not known."""
        known = [(requests, -at) for at, requests in enumerate(self.requests_by_window) if requests is not None]
        if self.starts_at is None or not known:
            return None
        return self.starts_at + timedelta(seconds=-max(known)[1] * self.window_s)

    @property
    def span_s(self) -> int:
        """Length of all its windows together, without gaps, s."""
        return self.windows * self.window_s

    def quantile(self, percent: str | float) -> float | None:
        """The rate that ``percent`` % of the windows do not exceed, requests/s; None if only figures are known.

        Args:
            percent: from 0 to 100; text such as ``99.5`` is taken to its last digit.
        """
        requests = sorted(count for count in self.requests_by_window if count is not None)
        if not requests:
            return None
        # Computed in fractions, since 0.95 * 60 is not 57 in floating point.
        place = Fraction(str(percent)) / 100 * (len(requests) - 1)
        below = int(place)
        above = min(below + 1, len(requests) - 1)
        count = requests[below] + (requests[above] - requests[below]) * float(place - below)
        return count / self.window_s

    def hour_of_week(self) -> tuple[float | None, ...]:
        """Mean requests/s in each of the week's 168 hours, None for hours without data; empty below two days.

        Hour 0 is Monday 00:00 UTC if ``starts_at`` is known, otherwise the first hour of the source (weekday unknown).
        """
        if self.window_s != SECONDS_PER_HOUR or len(self.requests_by_window) < 48:
            return ()
        first = 0 if self.starts_at is None else self.starts_at.weekday() * 24 + self.starts_at.hour
        seen: list[list[float]] = [[] for _ in range(HOURS_PER_WEEK)]
        for position, requests in enumerate(self.requests_by_window):
            if requests is not None:
                seen[(first + position) % HOURS_PER_WEEK].append(requests)
        return tuple(math.fsum(counts) / len(counts) / self.window_s if counts else None for counts in seen)


@dataclass(frozen=True, slots=True)
class WorkloadFile:
    """The content of a workload file: the workload and further facts about its source (None: unknown).

    Attributes:
        rows_unreadable: rows of the source that were left out.
        input_tokens, output_tokens: statistics of the single requests, before bucketing.
        load_error: largest error of the load from charging buckets at their mean sizes, a fraction.
        dated: when the traffic was seen, in words; empty if unknown.
        cached_input_share: fraction of all input tokens that the source read from a prompt cache.
    """

    workload: Workload
    arrival_rates: ArrivalRates | None = None
    rows_unreadable: int | None = None
    input_tokens: TokenFigures | None = None
    output_tokens: TokenFigures | None = None
    drift: Drift | None = None
    load_error: float | None = None
    dated: str = ""
    cached_input_share: float | None = None
