"""How many requests/s a replica's HTTP front end takes, and by how much it slows the engine.

Profiles are of the engine. In front of it is a server process that reads requests, tokenizes them and sends every token
of the answers; it works alongside the GPU, and the slower of the two sets the pace. The calibration fitted what it
needs of each step (``roofline.py``, ``front_end`` in calibration.toml)::

    front_end(b) = step_s + (b per_request_s + b / (O - 1) per_prefill_s) / api_servers

With b requests in a step, b / (O - 1) begin and end in it. The part per step fades as more share a step, so that a
server takes less than, and nearly::

    most = api_servers / (per_prefill_s + (O - 1) per_request_s)

``per_prefill_s`` includes a part per layer of the model where an engine has one. Both work at the same time; where both
are busy they slow each other down, in the measured runs as fourth powers add::

    step_behind(b) = (step^4 + front_end(b)^4)^(1/4)

With as many requests in flight all steps take longer by that, so that TPOT, TTFT and the time of a request grow as the
rate falls (``FrontEndLimit.slowed``). Where both are as busy, a server loses 16 % of its rate.

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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from melange_cloud.domain import FrontEndCeiling, MaxTput
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.domain.question import DEFAULT_API_SERVERS
from melange_cloud.estimator.roofline import behind_front_end
from melange_cloud.estimator.spec_files import load_calibrations, load_models
from melange_cloud.estimator.specs import ENGINE_NAMES, Calibration, FrontEnd
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.points import Point

MOST_API_SERVERS = 64
"""More processes than an instance has cores to spare for them."""

_GRADE_WHERE_FITTED, _GRADE_ELSEWHERE = "B", "D"
_FELT = 0.9
"""A front end that takes less than this of the engine's rate is named as the limit: more servers would help."""
_LAYERS = 64
"""Of a model whose shape is not known: as many as a large one has, since more need more time."""


@dataclass(frozen=True, slots=True)
class FrontEndLimit:
    """The front end of one replica.

    Attributes:
        law: what a server process needs.
        servers: processes (``--api-servers``); more where a measurement shows more.
        grade, error: of the law, where it is the limit.
        fastest: the law of the engine whose front end needs the least, where the engine is not known; else None.
    """

    law: FrontEnd
    servers: float
    grade: str
    error: float
    fastest: FrontEnd | None = None

    def most_requests_per_s(self, output_tokens: float) -> float:
        """Requests/s of a size that it takes at most."""
        return self.servers / request_s(self.law, output_tokens)

    def _ceiling(self, requests_per_s: float, error: float, output_tokens: float) -> FrontEndCeiling:
        up = 0.0
        if self.fastest is not None:
            up = max(request_s(self.law, output_tokens) / request_s(self.fastest, output_tokens) - 1, 0.0)
        return FrontEndCeiling(requests_per_s, self.grade, error, up)

    def within(self, served: MaxTput, output_tokens: float) -> MaxTput:
        """What an engine does, with a front end before it that does not slow it."""
        most, error = self.most_requests_per_s(output_tokens), self.error
        if served.engine_origin == "measured" and served.engine_requests_per_s <= most:
            # A measurement through the user's own front end says of both how fast they are at least.
            error = min(error, served.engine_error)
        return replace(served, front_end=self._ceiling(most, error, output_tokens))

    def limited(self, alone: MaxTput, both: MaxTput, saturated: MaxTput, output_tokens: float) -> MaxTput:
        """What an engine does behind the front end.

        The rate of both together replaces that of the side that is slower without a target: were it the slower one at
        this target, a looser target would change sides, and could make the load of a mixture larger.

        Args:
            alone: what the engine does within the same targets without a front end.
            both: what its slowed operating points give.
            saturated: what the engine does without targets and without a front end.
        """
        most = self.most_requests_per_s(output_tokens)
        requests_per_s = min(alone.engine_requests_per_s, both.engine_requests_per_s)
        slowed = replace(both, engine_requests_per_s=requests_per_s)
        if saturated.engine_requests_per_s <= most:
            return self.within(slowed, output_tokens)
        is_felt = requests_per_s < _FELT * alone.engine_requests_per_s
        ceiling = self._ceiling(min(requests_per_s, most), self.error, output_tokens)
        return replace(alone if is_felt else slowed, front_end=ceiling)

    def slowed(self, points: Sequence[Point], output_tokens: float) -> list[Point]:
        """An engine's operating points of a size with this front end before it: all their steps take longer.

        As many requests are in flight as before, so that rates fall as latencies rise. A request that decodes sees
        itself and the others' part, as in the closed loop that the law was fitted with (``closed_loop.py``).
        """
        steps = max(output_tokens - 1, 1.0)
        law, servers = self.law, self.servers
        each = FrontEnd(law.step_s, law.per_request_s / servers, law.per_prefill_s / servers)
        found = []
        for point in points:
            if point.tpot_ms in (0.0, math.inf):
                found.append(point)
                continue
            tpot_s, others = point.tpot_ms / 1000, 1 - 1 / max(point.in_flight, 1.0)
            begun = point.requests_per_s * tpot_s
            mean = behind_front_end(tpot_s, each, max(begun * steps, 1.0), begun) / tpot_s
            seen = behind_front_end(tpot_s, each, 1 + others * begun * steps, others * begun) / tpot_s
            tpot_ms, e2e_ms = point.tpot_ms * seen, point.e2e_ms * mean
            ttft_ms = math.inf if e2e_ms == math.inf else e2e_ms - (output_tokens - 1) * tpot_ms
            found.append(Point(tpot_ms, point.requests_per_s / mean, ttft_ms, e2e_ms, point.p99_tpot_ms * seen))
        return found


def request_s(law: FrontEnd, output_tokens: float) -> float:
    """Time of a server process that a request with this many output tokens takes, s."""
    return law.per_prefill_s + max(output_tokens - 1, 0.0) * law.per_request_s


@dataclass(frozen=True, slots=True)
class FrontEndLaw:
    """What a calibration says of an engine's front end.

    Attributes:
        law: of the engine; of the one whose front end needs the most where none is asked for.
        fitted_on: the GPU whose hosts were measured; empty if its part per prompt was chosen, not fitted.
        fastest: of the engine whose front end needs the least, where none is asked for; else None.
    """

    law: FrontEnd
    fitted_on: str
    fastest: FrontEnd | None

    def before(self, layers: int, gpu: str, servers: float) -> FrontEndLimit:
        """So many server processes before a model with so many layers on a GPU."""
        grade = _GRADE_WHERE_FITTED if gpu == self.fitted_on else _GRADE_ELSEWHERE
        fastest = None if self.fastest is None else self.fastest.of_layers(layers)
        return FrontEndLimit(self.law.of_layers(layers), servers, grade, ERROR_OF_GRADE[grade], fastest)


@cache
def front_end_law(era: str, precision: str, engine: str = MEAN_OF_ENGINES) -> FrontEndLaw | None:
    """The law of an era and precision; None if there is none.

    Args:
        engine: without one the law of the engine whose front end needs the most.
    """
    constants = "fp8" if precision == "fp8" else "fp16"
    for (_, of_era, of_precision), row in sorted(load_calibrations().items()):
        if (of_era, of_precision) == (era, constants) and row.front_end.per_prefill_s > 0:
            return law_in(row, engine)
    return None


def law_in(row: Calibration, engine: str = MEAN_OF_ENGINES) -> FrontEndLaw:
    """The law that a calibration has of an engine's front end."""
    name = ENGINE_NAMES.get(engine, engine)
    law, fastest = row.of_engine(name).front_end, None
    if name == MEAN_OF_ENGINES:
        fastest = min(row.engine_front_end.values(), key=lambda each: each.of_layers(_LAYERS).per_prefill_s)
    is_chosen = f"front_end.per_prefill_s @ {name}" in row.chosen
    return FrontEndLaw(law, "" if is_chosen else row.gpu, fastest)


def front_end_of(profile: Profile, api_servers: int = DEFAULT_API_SERVERS) -> FrontEndLimit | None:
    """The front end of a profile's replicas; None if the profile includes it already.

    Args:
        api_servers: server processes of each replica, at least 1.
    """
    found = front_end_law(profile.era, profile.precision, profile.engine)
    if found is None:
        return None
    layers = _layers(profile)
    servers = max(float(api_servers), _servers_seen(profile, found.law.of_layers(layers)))
    return found.before(layers, profile.kind.gpu, servers)


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


def no_front_end(era: str, precision: str) -> bool:
    """Whether profiles of an era and precision include the front end already, so that its processes change nothing."""
    return front_end_law(era, precision) is None


__all__ = [
    "DEFAULT_API_SERVERS",
    "MOST_API_SERVERS",
    "FrontEndLaw",
    "FrontEndLimit",
    "front_end_law",
    "front_end_of",
    "law_in",
    "no_front_end",
    "note_of",
    "request_s",
]
