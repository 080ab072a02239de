"""A profile behind the HTTP front end of its replicas: what a user of the server sees.

The front end slows every step of the engine (``front_end.py``), so the *operating points* of the estimate are slowed,
and then compared with all the targets at once, as those of the engine alone are. What was measured stays as it is: a
user's own runs went through their own front end, and of published runs only those are pinned that theirs slowed by 3 %
at most.

A MaxTput has two numbers, since a replica that serves several sizes is held by two sums (``domain/row_loads.py``): what
the engine does, and what the front end takes. Of one size a replica serves the lower of the two. So the rate that both
reach together replaces the engine's if that is the slower one without a target, else the front end's.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.profiles.files.profile_header import Header
from melange_cloud.profiles.front_end import DEFAULT_API_SERVERS, FrontEndLimit, front_end_of
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import PinnedProfile
from melange_cloud.profiles.max_tput.point_table import PointTable
from melange_cloud.profiles.max_tput.prefix_cache import PrefixCache
from melange_cloud.profiles.max_tput.profile import NO_TARGET, GridCell, Profile
from melange_cloud.profiles.points import SizePoints

_PROFILES_KEPT = 256


@dataclass(frozen=True, eq=False)
class SlowedTable:
    """The estimated operating points of a table, behind a front end."""

    engine: PointTable
    front_end: FrontEndLimit

    @property
    def any_size(self) -> bool:
        """Whether it knows every size."""
        return self.engine.any_size

    @property
    def header(self) -> Header:
        """What it declares of itself."""
        return self.engine.header

    def sizes(self, kind: Kind) -> tuple[tuple[int, int], ...]:
        """The (input, output) tokens that it lists."""
        return self.engine.sizes(kind)

    def points(self, kind: Kind, size: tuple[int, int]) -> tuple[OperatingPoint, ...]:
        """The operating points of the engine alone."""
        return self.engine.points(kind, size)

    def rates(self, kind: Kind, size: tuple[float, float]) -> SizePoints:
        """What MaxTput needs of a size."""
        held = self.engine.rates(kind, size)
        if held.origin == "measured":
            return held
        return held._replace(points=self.front_end.slowed(held.points, size[1]))


@dataclass(frozen=True, eq=False)
class ServedProfile:
    """A profile, and what becomes of it behind its front end.

    Attributes:
        engine: without a front end.
        front_end: None if the profile includes it already.
    """

    engine: Profile
    front_end: FrontEndLimit | None
    slowed: Profile

    def max_tput(
        self, size: tuple[float, float], slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """The highest rate that one replica behind its front end sustains.

        Args:
            size: mean input and output tokens.
            slo, longest_total_tokens: as for ``Profile.max_tput``.
        """
        alone = self.engine.max_tput(*size, slo, longest_total_tokens)
        if self.front_end is None:
            return alone
        if isinstance(alone, MaxTput) and alone.engine_origin == "measured":
            return self.front_end.within(alone, size[1])
        both = self.slowed.max_tput(*size, slo, longest_total_tokens)
        if isinstance(both, UnservableSize):
            few = both.may_be
            return both if few is None else replace(both, may_be=self.front_end.within(few, size[1]))
        if isinstance(alone, UnservableSize):
            return alone
        saturated = self.engine.max_tput(*size, NO_TARGET, longest_total_tokens)
        return self.front_end.limited(alone, both, saturated if isinstance(saturated, MaxTput) else alone, size[1])

    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """``Profile.cells`` behind the front end, with the TPOT of both together."""
        return [
            replace(cell, served=self.max_tput((cell.input_tokens, cell.output_tokens), slo))
            for cell in self.slowed.cells(slo)
        ]


def behind(profile: Profile, front_end: FrontEndLimit | None) -> ServedProfile:
    """A profile behind a front end."""
    return ServedProfile(profile, front_end, profile if front_end is None else _slowed(profile, front_end))


@lru_cache(_PROFILES_KEPT)
def served_profile(profile: Profile, api_servers: int = DEFAULT_API_SERVERS) -> ServedProfile:
    """A profile behind the front end of its replicas.

    Args:
        api_servers: server processes of each replica.
    """
    return behind(profile, front_end_of(profile, api_servers))


def served_max_tput(
    profile: Profile,
    size: tuple[float, float],
    slo: Slo,
    longest_total_tokens: int | None = None,
    api_servers: int = DEFAULT_API_SERVERS,
) -> MaxTput | UnservableSize:
    """``ServedProfile.max_tput`` of a profile behind so many server processes."""
    return served_profile(profile, api_servers).max_tput(size, slo, longest_total_tokens)


def _slowed(profile: Profile, front_end: FrontEndLimit) -> Profile:
    """A profile with its estimates behind a front end."""
    if isinstance(profile, GridProfile):
        return _slowed_estimate(profile, front_end)
    if not isinstance(profile, PinnedProfile):
        return profile
    cache = profile.prefix_cache
    return replace(
        profile,
        table=SlowedTable(profile.table, front_end),
        estimate=_slowed_estimate(profile.estimate, front_end),
        prefix_cache=None
        if cache is None
        else PrefixCache(_slowed_estimate(cache.estimate, front_end), _slowed_estimate(cache.decode_alone, front_end)),
    )


def _slowed_estimate(estimate: GridProfile, front_end: FrontEndLimit) -> GridProfile:
    return replace(estimate, table=SlowedTable(estimate.table, front_end))
