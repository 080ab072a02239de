"""Operating points and what is derived from them."""

import math
from dataclasses import dataclass, replace
from datetime import date


@dataclass(frozen=True, slots=True)
class Slo:
    """A latency target, ms. Infinite where nothing is asked; all that are finite must hold.

    Attributes:
        tpot_ms: mean time per output token after the first.
        p99_tpot_ms: its 99th percentile over requests; only measured profiles know it.
        ttft_ms: mean time to the first token.
        e2e_ms: mean time from request to last token: TTFT + (output_tokens - 1) x TPOT.
    """

    tpot_ms: float = math.inf
    p99_tpot_ms: float = math.inf
    ttft_ms: float = math.inf
    e2e_ms: float = math.inf


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What one replica did at one concurrency for one request size.

    Attributes:
        concurrency: requests in flight on the replica, rounded; None where not known.
        requests_per_s: completed requests per second.
        tpot_ms: mean time per output token after the first, ms; None where not known, as at a rate "inf".
        ttft_ms: mean time to the first token, ms; None where not known.
        origin: ``measured`` or ``estimated``.
        grade: one of GRADES.
        error: the fraction by which ``requests_per_s`` may be off, either way.
        p99_tpot_ms: 99th percentile of TPOT over requests, ms; None where not known.
        source: of a measured point, the tool and its file; else empty.
        measured_on: of a measured point, the date; None where not known.
    """

    input_tokens: int
    output_tokens: int
    concurrency: int | None
    requests_per_s: float
    tpot_ms: float | None
    ttft_ms: float | None
    origin: str
    grade: str
    error: float
    p99_tpot_ms: float | None = None
    source: str = ""
    measured_on: date | None = None


FRONT_END = "front_end"
"""``MaxTput.limited_by`` where the server's HTTP front end is the limit."""


@dataclass(frozen=True, slots=True)
class MaxTput:
    """The highest rate that one replica sustains for a request size within the SLO.

    ``limited_by`` says what stops it there: a target (``tpot``, ``p99_tpot``, ``ttft``, ``e2e``), ``saturation``
    (memory, batch limit or compute: more requests in flight are not possible or bring nothing), ``load`` (no higher
    load was measured) or ``front_end`` (the server's HTTP front end takes no more).

    ``front_end_requests_per_s``: what the front end takes at most, whatever the engine does; infinite where the profile
    is of the whole server.
    """

    requests_per_s: float
    grade: str
    error: float
    origin: str
    limited_by: str
    front_end_requests_per_s: float = math.inf

    def times(self, factor: float) -> "MaxTput":
        """The same with ``factor`` times the rate, as far as the front end takes it."""
        most = max(self.requests_per_s, self.front_end_requests_per_s)
        return replace(self, requests_per_s=min(self.requests_per_s * factor, most))


@dataclass(frozen=True, slots=True)
class Unservable:
    """Why a kind cannot serve a request size: one clause, fit for "L4: ...".

    ``no_data`` where it is not known whether it can: the profile lacks what a target asks for.
    """

    reason: str
    no_data: bool = False
