"""How many requests/s a replica's HTTP front end takes, and MaxTput within that.

Profiles are of the engine. In front of it is a server process that reads requests, tokenizes them and sends every token
of the answers; it works alongside the GPU, and the slower of the two sets the pace. The calibration fitted what it
needs of each step (``roofline.py``, ``front_end`` in calibration.toml)::

    front_end(b) = step_s + (b per_request_s + b / (O - 1) per_prefill_s) / api_servers

With b requests in a step, b / (O - 1) begin and end in it. The part per step fades as more share a step, so that a
server takes less than, and nearly::

    most = api_servers / (per_prefill_s + (O - 1) per_request_s)

``per_prefill_s`` includes a part per layer of the model where an engine has one. Both work at the same time; where both
are busy they slow each other down, in the measured runs as fourth powers add: TPOT = (engine^4 + front_end^4)^(1/4).
That is what a TPOT target is compared with. Without one, MaxTput at a size is the smaller of what the engine and the
front end do: where both are as busy, servers lose up to 16 % to each other, which is within the law's error.

The law was fitted by engine (``--engine``); without one the engine counts whose front end needs the most, since a
ceiling must hold for each. It is the same in 16 bits and in fp8: HTTP does not know the precision. Of 379 measured
closed loops on H100 (39.4 requests/s at most) one did 1.4 % more than it, the others less. It is a law of processes,
not of GPUs: grade B where it was fitted, D elsewhere, since hosts have other processors. Published saturated runs
queued their requests in the engine's process, without a server: they are held to it too.

A replica that serves several sizes carries the larger of two sums, over the engine's rates and over the front end's
(``domain/row_loads.py``).

In era ``vllm-0.2.7`` the server ran in the engine's own process and slowed every step: its profiles include it already
(``server_share``). What users measured went through their own front end: it is never cut, and shows at least how fast
that is.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from melange_cloud.domain import FRONT_END, FrontEndCeiling, MaxTput, Slo, UnservableSize
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.domain.question import DEFAULT_API_SERVERS
from melange_cloud.estimator.roofline import behind_front_end
from melange_cloud.estimator.spec_files import load_calibrations, load_models
from melange_cloud.estimator.specs import FrontEnd
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from melange_cloud.profiles.max_tput.profile import NO_TARGET, GridCell, Profile
from melange_cloud.profiles.points import on_line

MOST_API_SERVERS = 64
"""More processes than an instance has cores to spare for them."""

_GRADE_WHERE_FITTED, _GRADE_ELSEWHERE = "B", "D"
_FELT = 1e-3
"""A slowdown by less is not looked into."""
_HALVINGS = 20
"""Of the TPOT that is looked for: with 12, rates near a latency floor were off by up to 0.9 %."""
_LAYERS = 64
"""Of a model whose shape is not known: as many as a large one has, since more need more time."""


@dataclass(frozen=True, slots=True)
class FrontEndLimit:
    """The front end of one replica.

    Attributes:
        law: what a server process needs.
        servers: processes (``--api-servers``); more where a measurement shows more.
        grade, error: of the law, where it is the limit.
    """

    law: FrontEnd
    servers: float
    grade: str
    error: float

    def most_requests_per_s(self, output_tokens: float) -> float:
        """Requests/s of a size that it takes at most."""
        return self.servers / request_s(self.law, output_tokens)

    def within(self, served: MaxTput, output_tokens: float) -> MaxTput:
        """What the engine does, with the front end before it, where no TPOT target holds."""
        most, error = self.most_requests_per_s(output_tokens), self.error
        if served.engine_origin == "measured" and served.engine_requests_per_s <= most:
            # A measurement through the user's own front end says of both how fast they are at least.
            error = min(error, served.engine_error)
        return replace(served, front_end=FrontEndCeiling(most, self.grade, error))

    def within_target(
        self, ask: Callable[[Slo], MaxTput | UnservableSize], output_tokens: float, slo: Slo
    ) -> MaxTput | UnservableSize:
        """What engine and front end do together within the targets.

        Args:
            ask: what the engine does within targets.
        """
        served = ask(slo)
        if isinstance(served, UnservableSize):
            few = served.may_be
            return served if few is None else replace(served, may_be=self.within(few, output_tokens))
        if served.engine_origin == "measured" or slo.tpot_ms == math.inf:
            return self.within(served, output_tokens)
        if served.engine_limited_by != "tpot" or self._slowdown(served, slo.tpot_ms, output_tokens) < _FELT:
            return self.within(served, output_tokens)
        tpot_ms = self._engine_tpot_ms(ask, output_tokens, slo)
        found = ask(replace(slo, tpot_ms=tpot_ms))
        if isinstance(found, UnservableSize):
            return self.within(served, output_tokens)
        alone, both = served.engine_requests_per_s, found.engine_requests_per_s * min(tpot_ms / slo.tpot_ms, 1.0)
        most = self.most_requests_per_s(output_tokens)
        if alone > most:
            return replace(served, front_end=FrontEndCeiling(min(both, most), self.grade, self.error))
        return self.within(replace(served, engine_requests_per_s=min(both, alone)), output_tokens)

    def _slowdown(self, served: MaxTput, tpot_ms: float, output_tokens: float) -> float:
        """By how much a TPOT of the engine grows behind the front end, a fraction."""
        steps = max(output_tokens - 1, 1.0)
        decoding = served.engine_requests_per_s * steps * tpot_ms / 1000
        law, servers = self.law, self.servers
        front_end = FrontEnd(law.step_s, law.per_request_s / servers, law.per_prefill_s / servers)
        each_s = behind_front_end(tpot_ms / 1000, front_end, max(decoding, 1.0), decoding / steps)
        return 1000 * each_s / tpot_ms - 1

    def _engine_tpot_ms(self, ask: Callable[[Slo], MaxTput | UnservableSize], output_tokens: float, slo: Slo) -> float:
        """The TPOT of the engine alone at which both together reach the target, ms."""
        low, high = 0.0, slo.tpot_ms
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            served = ask(replace(slo, tpot_ms=middle))
            if isinstance(served, UnservableSize):
                low = middle
            elif middle * (1 + self._slowdown(served, middle, output_tokens)) > slo.tpot_ms:
                high = middle
            else:
                low = middle
        return low


def request_s(law: FrontEnd, output_tokens: float) -> float:
    """Time of a server process that a request with this many output tokens takes, s."""
    return law.per_prefill_s + max(output_tokens - 1, 0.0) * law.per_request_s


@cache
def front_end_law(era: str, precision: str, engine: str = MEAN_OF_ENGINES) -> tuple[FrontEnd, str] | None:
    """The fitted law of an era and precision, and the GPU on which it was fitted; None if there is none.

    Args:
        engine: without one the law of the engine whose front end needs the most.
    """
    constants = "fp8" if precision == "fp8" else "fp16"
    for (gpu, of_era, of_precision), row in sorted(load_calibrations().items()):
        if (of_era, of_precision) == (era, constants) and row.front_end.per_prefill_s > 0:
            return row.of_engine(engine).front_end, gpu
    return None


def front_end_of(profile: Profile, api_servers: int = DEFAULT_API_SERVERS) -> FrontEndLimit | None:
    """The front end of a profile's replicas; None if the profile includes it already.

    Args:
        api_servers: server processes of each replica, at least 1.
    """
    found = front_end_law(profile.era, profile.precision, profile.engine)
    if found is None:
        return None
    law, fitted_on = found[0].of_layers(_layers(profile)), found[1]
    return limit_on(profile.kind.gpu, law, fitted_on, max(float(api_servers), _servers_seen(profile, law)))


def limit_on(gpu: str, law: FrontEnd, fitted_on: str, servers: float) -> FrontEndLimit:
    """The front end of a replica on a GPU, by a law that was fitted on that GPU or on another."""
    grade = _GRADE_WHERE_FITTED if gpu == fitted_on else _GRADE_ELSEWHERE
    return FrontEndLimit(law, servers, grade, ERROR_OF_GRADE[grade])


def _layers(profile: Profile) -> int:
    """The layers of a profile's model."""
    known = load_models().get(profile.model)
    if profile.table.header.layers is not None:
        return profile.table.header.layers
    return _LAYERS if known is None else known.layers


def _servers_seen(profile: Profile, law: FrontEnd) -> float:
    """As many processes of the law as the user's own measurements needed at least; 0 without any."""
    measured = profile.measured if isinstance(profile, PinnedProfile) else profile
    if not isinstance(measured, MeasuredProfile):
        return 0.0
    return max(
        (
            point.requests_per_s * request_s(law, point.output_tokens)
            for size, points in measured.measured.items()
            if size not in measured.published
            for point in points
        ),
        default=0.0,
    )


def note_of(profile: Profile, api_servers: int = DEFAULT_API_SERVERS) -> str:
    """What to tell where the user's own measurements show a faster front end; empty if they do not."""
    front_end = front_end_of(profile, api_servers)
    if front_end is None or front_end.servers <= api_servers:
        return ""
    return (
        f"{profile.model} on {profile.kind}: your measurements show a front end that takes {front_end.servers:.2g} "
        f"times what one API server takes in the calibration; that is used, not --api-servers {api_servers}"
    )


def served_max_tput(
    profile: Profile,
    size: tuple[float, float],
    slo: Slo,
    longest_total_tokens: int | None = None,
    api_servers: int = DEFAULT_API_SERVERS,
) -> MaxTput | UnservableSize:
    """The highest rate that one replica behind its front end sustains.

    Args:
        size: mean input and output tokens.
        slo, longest_total_tokens: as for ``Profile.max_tput``, which says what the engine does.
        api_servers: server processes of each replica.
    """

    def engine(targets: Slo) -> MaxTput | UnservableSize:
        return profile.max_tput(*size, targets, longest_total_tokens)

    front_end = front_end_of(profile, api_servers)
    return engine(slo) if front_end is None else front_end.within_target(engine, size[1], slo)


def served_cells(profile: Profile, slo: Slo = NO_TARGET, api_servers: int = DEFAULT_API_SERVERS) -> list[GridCell]:
    """``Profile.cells`` behind the front end: the TPOT is that at the rate that it lets through."""
    front_end = front_end_of(profile, api_servers)
    cells = profile.cells(slo)
    if front_end is None:
        return cells
    found = []
    for cell in cells:
        size = cell.input_tokens, cell.output_tokens
        served = served_max_tput(profile, size, slo, api_servers=api_servers)
        tpot_ms = cell.tpot_ms
        if isinstance(served, MaxTput) and served.limited_by == FRONT_END:
            tpot_ms = _tpot_ms_at(profile, cell, served)
        found.append(replace(cell, served=served, tpot_ms=tpot_ms))
    return found


def _tpot_ms_at(profile: Profile, cell: GridCell, served: MaxTput) -> float | None:
    """The engine's mean TPOT at a rate, on a line between its operating points; None if they do not tell."""
    points = sorted(
        (point.requests_per_s, point.tpot_ms)
        for point in profile.points[cell.input_tokens, cell.output_tokens]
        if point.tpot_ms is not None
    )
    return on_line(points, served.requests_per_s)


def no_front_end(era: str, precision: str) -> bool:
    """Whether profiles of an era and precision include the front end already, so that its processes change nothing."""
    return front_end_law(era, precision) is None


__all__ = [
    "DEFAULT_API_SERVERS",
    "MOST_API_SERVERS",
    "FrontEndLimit",
    "front_end_law",
    "front_end_of",
    "limit_on",
    "no_front_end",
    "note_of",
    "request_s",
    "served_cells",
    "served_max_tput",
]
