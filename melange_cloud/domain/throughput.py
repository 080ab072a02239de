"""Operating points, and what is derived from them."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from melange_cloud.domain.gpu_kinds import Kind


@dataclass(frozen=True, slots=True)
class Slo:
    """Latency targets, ms. A target that is not set is infinite; all finite ones must hold.

    Attributes:
        tpot_ms: mean time per output token after the first.
        p99_tpot_ms: its 99th percentile over requests; only measured profiles have it.
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
        concurrency: requests in flight on the replica, rounded; None if unknown.
        requests_per_s: completed requests per second.
        tpot_ms: mean time per output token after the first, ms; None if unknown, for example at a rate "inf".
        ttft_ms: mean time to the first token, ms; None if unknown.
        origin: ``measured`` or ``estimated``.
        grade: one of GRADES.
        error: the fraction by which ``requests_per_s`` may be off, up or down.
        error_down: the fraction by which it may be lower; None means ``error``.
        p99_tpot_ms: 99th percentile of TPOT over requests, ms; None if unknown.
        source: the tool and its file for a measured point; otherwise empty.
        measured_on: the date of a measured point; None if unknown.
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
    error_down: float | None = None


MAY_BE_NONE = 0.95
"""A rate that may be lower by this fraction or more may be none at all: what would be left is negligible."""

FRONT_END = "front_end"
"""``MaxTput.limited_by`` if the server's HTTP front end is the limit."""


@dataclass(frozen=True, slots=True)
class FrontEndCeiling:
    """The most that a replica's HTTP front end can handle of a request size, requests/s, however fast the engine is.

    ``grade`` and ``error`` are those of its law. It may take less by ``error``, and more by ``error_up``: that of an
    engine takes no more than its law, however good the engine is; where the engine is not known, it may be another's.
    """

    requests_per_s: float
    grade: str
    error: float
    error_up: float = 0.0


@dataclass(frozen=True, slots=True)
class MaxTput:
    """The highest rate that one replica sustains for a request size within the SLO, by its engine and its front end.

    For one size a replica serves the lower of the two, which the properties return. For several sizes it is limited by
    two sums instead (see ``row_loads``).

    ``limited_by`` says what limits it: a target (``tpot``, ``p99_tpot``, ``ttft``, ``e2e``), ``saturation`` (memory,
    batch limit or compute: more requests in flight are impossible or do not help), ``load`` (no higher load was
    measured) or ``front_end`` (the server's HTTP front end cannot handle more).

    Attributes:
        engine_requests_per_s: the engine's rate, or the whole server's if the profile was measured on that.
        engine_grade, engine_origin, engine_limited_by: of the engine's rate.
        engine_error: the fraction by which it may be higher, and also lower unless stated otherwise; may exceed 1.
        front_end: None if the profile is of the whole server.
        engine_error_down: the fraction by which it may be lower, if that differs from ``engine_error``: near a latency
            floor up to 1, which is none at all; None if both are the same.
    """

    engine_requests_per_s: float
    engine_grade: str
    engine_error: float
    engine_origin: str
    engine_limited_by: str
    front_end: FrontEndCeiling | None = None
    engine_error_down: float | None = None

    @property
    def engine_down(self) -> float:
        """The fraction by which the engine's rate may be lower; 1 if it may be none at all."""
        down = self.engine_error if self.engine_error_down is None else self.engine_error_down
        return 1.0 if down >= MAY_BE_NONE else down

    @property
    def may_be_none(self) -> bool:
        """True if at the low end of its error the engine cannot serve this size within the targets."""
        return self.engine_down == 1

    @property
    def front_end_requests_per_s(self) -> float:
        """The most that the front end can handle; infinite if there is none."""
        return math.inf if self.front_end is None else self.front_end.requests_per_s

    @property
    def requests_per_s(self) -> float:
        """The rate for one size: the lower of the engine's and the front end's."""
        return min(self.engine_requests_per_s, self.front_end_requests_per_s)

    @property
    def grade(self) -> str:
        """The grade of the rate for one size; the worse of both if the low end is that of the side that is faster."""
        limit = self._limiting_front_end
        if limit is None:
            front_end = self.front_end
            if front_end is None or self._front_end_low >= self.engine_requests_per_s * (1 - self.engine_down):
                return self.engine_grade
            return max(self.engine_grade, front_end.grade)
        engine_is_enough = self.engine_requests_per_s * (1 - self.engine_down) >= limit.requests_per_s
        return limit.grade if engine_is_enough else max(self.engine_grade, limit.grade)

    @property
    def error(self) -> float:
        """By what fraction the rate of one size may be more.

        A front end that limits it is as much off as downward, or by its ``error_up`` if that is more. Unless its engine
        may be less for another reason, near a floor: that says nothing about how much more it may be.
        """
        limit = self._limiting_front_end
        if limit is None:
            return self.engine_error
        most = min(self.engine_requests_per_s * (1 + self.engine_error), limit.requests_per_s * (1 + limit.error_up))
        alike = self.error_down if self.engine_down <= self.engine_error else limit.error
        return max(alike, most / limit.requests_per_s - 1)

    @property
    def error_down(self) -> float:
        """By what fraction it may be lower: down to the lower of both low ends, whichever side limits it."""
        engine_low = self.engine_requests_per_s * (1 - self.engine_down)
        if self._limiting_front_end is None and engine_low <= self._front_end_low:
            return self.engine_down
        return 1 - min(engine_low, self._front_end_low) / self.requests_per_s

    @property
    def _front_end_low(self) -> float:
        return math.inf if self.front_end is None else self.front_end.requests_per_s * (1 - self.front_end.error)

    @property
    def origin(self) -> str:
        """The origin of the rate for one size; the front end's law is an estimate."""
        return self.engine_origin if self._limiting_front_end is None else "estimated"

    @property
    def limited_by(self) -> str:
        """What limits one size."""
        return self.engine_limited_by if self._limiting_front_end is None else FRONT_END

    @property
    def _limiting_front_end(self) -> FrontEndCeiling | None:
        front_end = self.front_end
        return front_end if front_end is not None and front_end.requests_per_s < self.engine_requests_per_s else None

    def times(self, factor: float) -> "MaxTput":
        """The same with ``factor`` times the engine's rate; the front end is unchanged."""
        return replace(self, engine_requests_per_s=self.engine_requests_per_s * factor)

    def off_by(self, part: float, most_error: float = math.inf) -> "MaxTput | UnservableSize":
        """The rate when it is off by a part of its error: 1 is its high end, -1 its low end.

        This is the engine's rate times (1 + part x error), with its error upward or downward. A rate that would be
        reduced by MAY_BE_NONE or more is none at all. A front end moves by its own errors, however good the engine is.

        Args:
            most_error: cap of the engine's error, if less than its own is wanted.
        """
        error = min(self.engine_error if part > 0 else self.engine_down, most_error)
        if -part * error >= MAY_BE_NONE:
            return UnservableSize(_NONE_AT_LOW_END)
        moved = self.times(1 + part * error)
        if self.front_end is None:
            return moved
        own = self.front_end.error_up if part > 0 else self.front_end.error
        taken = self.front_end.requests_per_s * (1 + part * own)
        return replace(moved, front_end=replace(self.front_end, requests_per_s=taken))


@dataclass(frozen=True, slots=True)
class UnservableSize:
    """Why a kind cannot serve a request size: one clause that fits after "L4: ".

    Attributes:
        no_data: it is unknown whether it can, since the profile does not have what a target needs.
        more_gpus_help: reading the weights takes longer than the target, and more GPUs per replica read them faster.
        may_be: what it serves at the high end of its error, if the target is just below its latency floor; None if it
            serves nothing there either.
    """

    reason: str
    no_data: bool = False
    more_gpus_help: bool = False
    may_be: MaxTput | None = None

    def off_by(self, part: float) -> "MaxTput | UnservableSize":
        """Like ``MaxTput.off_by``: a rate at the high end only, and none below it."""
        return self if self.may_be is None or part < 1 else self.may_be


_NONE_AT_LOW_END = "so near its latency floor that it may serve none within the target"

MaxTputTable = Mapping[tuple[str, Kind], MaxTput | UnservableSize]
"""By (bucket name, kind), for every bucket with traffic and every kind with a profile."""
