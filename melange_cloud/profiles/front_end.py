"""How many requests/s a replica's HTTP front end takes, and MaxTput within that.

Profiles are of the engine. In front of it is a server process that reads requests, tokenizes them and sends every token
of the answers; it works alongside the GPU, and the slower of the two sets the pace. The calibration fitted what it
needs of each step (``roofline.py``, ``front_end`` in calibration.toml)::

    front_end(b) = step_s + b per_request_s + b / (O - 1) per_prefill_s

With b requests in a step, b / ((O - 1) front_end(b)) begin and end per second. The part per step fades as more share a
step, so that a server takes less than, and nearly::

    most = api_servers / (per_prefill_s + (O - 1) per_request_s)

Of 379 measured closed loops none did more (at most 98 % of it), and where the front end was at least as slow as the GPU
the law is off in TPOT by at most 20 % in 16 bits (15 runs on H100), by at most 11 % in fp8 (9): hence grade B. It is a
law of processes, not of GPUs: it holds for the other GPUs too, but their hosts have other processors: hence grade D.
Published saturated runs queued their requests in the engine's process, without a server: they are held to it too.

MaxTput at a size is the smaller of what the engine and the front end do. A replica that serves several sizes carries
the larger of two sums, over the engine's rates and over the front end's (``domain/row_loads.py``). Where both are as
busy, servers lose up to 16 % to each other (fourth powers add), which is within the law's error.

In era ``vllm-0.2.7`` the server ran in the engine's own process and slowed every step: its profiles include it already
(``server_share``). What users measured went through their own front end: it is never cut, and shows at least how fast
that is.
"""

from dataclasses import dataclass, replace

from melange_cloud.domain import FRONT_END, FrontEndCeiling, MaxTput, Slo, UnservableSize
from melange_cloud.domain.question import DEFAULT_API_SERVERS
from melange_cloud.estimator.spec_files import load_calibrations
from melange_cloud.estimator.specs import FrontEnd
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.measured_profile import MeasuredProfile
from melange_cloud.profiles.max_tput.profile import NO_TARGET, GridCell, Profile

MOST_API_SERVERS = 64
"""More processes than an instance has cores to spare for them."""

_GRADE_WHERE_FITTED, _GRADE_ELSEWHERE = "B", "D"


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
        """What the engine does, with the front end before it."""
        most = self.most_requests_per_s(output_tokens)
        error = self.error
        if served.engine_origin == "measured" and served.engine_requests_per_s <= most:
            # A measurement through the user's own front end says of both how fast they are at least.
            error = min(error, served.engine_error)
        return replace(served, front_end=FrontEndCeiling(most, self.grade, error))


def request_s(law: FrontEnd, output_tokens: float) -> float:
    """Time of a server process that a request with this many output tokens takes, s."""
    return law.per_prefill_s + max(output_tokens - 1, 0.0) * law.per_request_s


def front_end_law(era: str, precision: str) -> tuple[FrontEnd, str] | None:
    """The fitted law of an era and precision, and the GPU on which it was fitted; None if there is none."""
    constants = "fp8" if precision == "fp8" else "fp16"
    for (gpu, of_era, of_precision), row in sorted(load_calibrations().items()):
        if (of_era, of_precision) == (era, constants) and row.front_end.per_prefill_s > 0:
            return row.front_end, gpu
    return None


def front_end_of(profile: Profile, api_servers: int = DEFAULT_API_SERVERS) -> FrontEndLimit | None:
    """The front end of a profile's replicas; None if the profile includes it already.

    Args:
        api_servers: server processes of each replica, at least 1.
    """
    found = front_end_law(profile.era, profile.precision)
    if found is None:
        return None
    law, fitted_on = found
    grade = _GRADE_WHERE_FITTED if profile.kind.gpu == fitted_on else _GRADE_ELSEWHERE
    return FrontEndLimit(law, max(float(api_servers), _servers_seen(profile, law)), grade, ERROR_OF_GRADE[grade])


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
    served = profile.max_tput(*size, slo, longest_total_tokens)
    front_end = front_end_of(profile, api_servers)
    if front_end is None or isinstance(served, UnservableSize):
        return served
    return front_end.within(served, size[1])


def served_cells(profile: Profile, slo: Slo = NO_TARGET, api_servers: int = DEFAULT_API_SERVERS) -> list[GridCell]:
    """``Profile.cells`` behind the front end: the TPOT is that at the rate that it lets through."""
    front_end = front_end_of(profile, api_servers)
    cells = profile.cells(slo)
    if front_end is None:
        return cells
    found = []
    for cell in cells:
        if isinstance(cell.served, MaxTput):
            served = front_end.within(cell.served, cell.output_tokens)
            tpot_ms = cell.tpot_ms if served.limited_by != FRONT_END else _tpot_ms_at(profile, cell, served)
            found.append(replace(cell, served=served, tpot_ms=tpot_ms))
        else:
            found.append(cell)
    return found


def _tpot_ms_at(profile: Profile, cell: GridCell, served: MaxTput) -> float | None:
    """The engine's mean TPOT at a rate, on a line between its operating points; None if they do not tell."""
    points = sorted(
        (point.requests_per_s, point.tpot_ms)
        for point in profile.points[cell.input_tokens, cell.output_tokens]
        if point.tpot_ms is not None
    )
    below = [point for point in points if point[0] <= served.requests_per_s]
    above = [point for point in points if point[0] > served.requests_per_s]
    if not above:
        return None
    if not below:
        return above[0][1]
    (low, low_ms), (high, high_ms) = below[-1], above[0]
    return low_ms + (served.requests_per_s - low) / (high - low) * (high_ms - low_ms)


def no_front_end(era: str, precision: str) -> bool:
    """Whether profiles of an era and precision include the front end already, so that its processes change nothing."""
    return front_end_law(era, precision) is None


__all__ = [
    "DEFAULT_API_SERVERS",
    "MOST_API_SERVERS",
    "FrontEndLimit",
    "front_end_law",
    "front_end_of",
    "no_front_end",
    "note_of",
    "request_s",
    "served_cells",
    "served_max_tput",
]
