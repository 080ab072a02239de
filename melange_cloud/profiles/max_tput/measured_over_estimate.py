"""A profile with measured points pinned over its estimate.

Measured sizes are scattered, not a grid. Within 10 % of one the measurement counts; from there to twice and half of it
in either dimension, the measured rate is moved to the requested size as the estimate moves, and fades into the latter:

    rate(x) = estimate(x)^(1 - Σ weight_s) · Π_s (measured_s · saturation(x) / saturation(s))^weight_s

with ``saturation`` the estimate's rate without a target. The weights depend on sizes alone and measured and estimated
rates only rise with a target, so that no looser target ever gives a lower rate. What a measurement does not show is
left to the estimate: points without TPOT bound a rate under a target but never raise it, unless the estimate says that
saturation, not the target, is the limit; a size measured at low loads only never lowers its neighbours. A user's own
rate at the highest load measured is the most that it vouches for; a published run often stopped before any limit, and
beyond it the estimate goes on, as much faster or slower as the run was with its b requests decoding:

    rate(T) = estimate(T) · estimated TPOT with b / measured TPOT, and at least the rate measured at its highest load

(Not by the estimate's rates at the two targets: near the floor, where a run of few requests ends, these are as good as
nothing, and their ratio is anything.)

Between measured sizes that make a cell, all measured to their limit, the measurements alone count
(``measured_profile``).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.profiles.files.profile_file import ProfileFile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_profile import CELL, EXACT, EnclosedRate, MeasuredProfile, distance
from melange_cloud.profiles.max_tput.prefix_cache import PrefixCache
from melange_cloud.profiles.max_tput.profile import NO_TARGET, GridCell, Profile
from melange_cloud.profiles.max_tput.size_rates import Size
from melange_cloud.profiles.user_profiles import together

REACH = math.log(2)
"""A measurement says nothing about sizes that differ by a factor of 2: prefill, cache and batch weigh differently."""


@dataclass(frozen=True, eq=False)
class PinnedProfile(Profile):
    """An estimate with measured points pinned over it; ``file`` is the estimate's.

    Attributes:
        estimate: what counts where nothing was measured.
        measured: what was measured.
        prefix_cache: what moves the rates, where the engine has one; the estimate and the measurements are without.
        estimate_as_measured: the estimate under the conditions of the measurements, where ``estimate`` is with a prefix
            cache; None where both are the same.
    """

    estimate: GridProfile = field(kw_only=True)
    measured: MeasuredProfile = field(kw_only=True)
    prefix_cache: PrefixCache | None = field(default=None, kw_only=True)
    estimate_as_measured: GridProfile | None = field(default=None, kw_only=True)

    @property
    def max_total_tokens(self) -> int:
        """Longest input + output that the engine was started for, tokens."""
        return self.estimate.max_total_tokens

    @property
    def source(self) -> str:
        """Where the points come from."""
        return f"{self.measured.source}, pinned over: {self.estimate.source}"

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The sizes that have operating points, estimated or measured, sorted."""
        return tuple(sorted({*self.estimate.sizes, *self.measured.sizes}))

    @cached_property
    def points(self) -> Mapping[Size, tuple[OperatingPoint, ...]]:
        """Every operating point, by size; measured ones replace the estimated ones of their size.

        With a prefix cache only what was measured at sizes that are not on the grid is without it.
        """
        if self.prefix_cache is not None:
            return {**self.measured.points, **self.prefix_cache.estimate.points}
        return {**self.estimate.points, **self.measured.points}

    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """What the estimate says, corrected by what was measured near the size; as ``Profile.max_tput``."""
        size = (input_tokens, output_tokens)
        found = self._pinned(size, slo, longest_total_tokens)
        if self._with_cache is None or self.prefix_cache is None:
            return found
        before = self.estimate.max_tput(*size, slo, longest_total_tokens)
        after = self._with_cache._pinned(size, slo, longest_total_tokens)  # noqa: SLF001 of its own class
        return self.prefix_cache.moved(found, before, after, size, slo, longest_total_tokens)

    @cached_property
    def _with_cache(self) -> "PinnedProfile | None":
        if self.prefix_cache is None:
            return None
        return replace(self, estimate=self.prefix_cache.estimate, estimate_as_measured=self.estimate, prefix_cache=None)

    @property
    def _as_measured(self) -> GridProfile:
        return self.estimate_as_measured or self.estimate

    def _pinned(
        self, size: tuple[float, float], slo: Slo, longest_total_tokens: int | None
    ) -> MaxTput | UnservableSize:
        base = self.estimate.max_tput(*size, slo, longest_total_tokens)
        if self._is_impossible(size, longest_total_tokens, slo):
            return base
        nearest = self.measured.nearest(*size)
        away = distance(nearest, size)
        enclosed = None if away <= CELL + EXACT else self._enclosed(size, slo)
        if away > REACH and enclosed is None:
            return base
        if min(slo.ttft_ms, slo.e2e_ms) < math.inf and not self.measured.knows_ttft(nearest):
            return self._within_tpot_alone(size, base, slo, longest_total_tokens)
        if away <= CELL + EXACT:
            return self._at_measured(nearest, size, base, slo)
        return base if isinstance(base, UnservableSize) else self._near_measured(size, base, slo, enclosed)

    def _enclosed(self, size: tuple[float, float], slo: Slo) -> EnclosedRate | None:
        found = self.measured.enclosed(*size, slo)
        return None if found is None else replace(found, served=found.served.times(self._shape(size, size)))

    def _within_tpot_alone(
        self, size: tuple[float, float], base: MaxTput | UnservableSize, slo: Slo, longest_total_tokens: int | None
    ) -> MaxTput | UnservableSize:
        """Where no TTFT was measured: the TPOT targets as measured, the others as estimated, whichever is lower."""
        known = Slo(slo.tpot_ms, slo.p99_tpot_ms)
        within_tpot = self._pinned(size, known, longest_total_tokens)
        rest = self.estimate.max_tput(*size, Slo(ttft_ms=slo.ttft_ms, e2e_ms=slo.e2e_ms), longest_total_tokens)
        if isinstance(rest, UnservableSize):
            return base
        return rest if rest.limited_by in ("ttft", "e2e") and _lower(rest, within_tpot) else within_tpot

    def _at_measured(
        self, measured: Size, size: tuple[float, float], base: MaxTput | UnservableSize, slo: Slo
    ) -> MaxTput | UnservableSize:
        """At a size that counts as a measured one."""
        pinned = self.measured.at(measured, slo)
        if isinstance(pinned, MaxTput):
            moved = self._moved(measured, size, pinned)
            return moved if isinstance(base, UnservableSize) else self._or_more(measured, pinned, moved, base)
        if isinstance(base, UnservableSize):
            return base
        if not pinned.no_data and self.measured.shows_lightest_load(measured):
            return pinned
        rate = min(self._blended(size, base, slo), self._implied(measured, size, base, slo))
        return replace(base, engine_requests_per_s=rate)

    def _or_more(self, measured: Size, pinned: MaxTput, moved: MaxTput, base: MaxTput) -> MaxTput:
        """The measured rate; the estimate takes over where the measurement stopped before any limit."""
        if self._stopped_early(measured, pinned):
            return replace(base, engine_requests_per_s=self._beyond(measured, moved.requests_per_s, base))
        only_at_least = pinned.limited_by == "load" and not self.measured.knows_tpot(measured)
        return base if only_at_least and base.requests_per_s > moved.requests_per_s else moved

    def _near_measured(
        self, size: tuple[float, float], base: MaxTput, slo: Slo, enclosed: EnclosedRate | None
    ) -> MaxTput:
        """Between measured sizes or near them: the rate in a cell of them, else the estimate as they correct it."""
        rate = self._blended(size, base, slo)
        if enclosed is not None:
            between = enclosed.served.requests_per_s
            if enclosed.at_most and not enclosed.at_least:
                rate = min(rate, between)
            elif not enclosed.at_most and not (enclosed.at_least and rate > between):
                return enclosed.served
        return replace(base, engine_requests_per_s=rate)

    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """MaxTput at every size that has points, estimated or measured, sorted by size."""
        estimate = self.estimate if self.prefix_cache is None else self.prefix_cache.estimate
        cells = {(cell.input_tokens, cell.output_tokens): cell for cell in estimate.cells(slo)}
        cells.update({(cell.input_tokens, cell.output_tokens): cell for cell in self.measured.cells(slo)})
        found = []
        for size in self.sizes:
            served, tpot_ms = self.max_tput(*size, slo), None
            if isinstance(served, MaxTput):
                is_moved = self.prefix_cache is not None and served.engine_origin == "estimated"
                tpot_ms = None if is_moved else cells[size].tpot_ms
                tpot_ms = tpot_ms or estimate.tpot_ms(*size, slo)
            found.append(replace(cells[size], served=served, tpot_ms=tpot_ms))
        return found

    def _is_impossible(self, size: tuple[float, float], longest_total_tokens: int | None, slo: Slo) -> bool:
        """Whether no measurement can make it possible: the engine's reach, memory, the time to read the weights."""
        if self.weight_read_ms is not None and self.weight_read_ms > slo.tpot_ms:
            return True
        return self.estimate.beyond_reach(*size, longest_total_tokens) is not None

    def _moved(self, measured: Size, size: tuple[float, float], served: MaxTput) -> MaxTput:
        return served.times(self._shape(measured, size))

    def _shape(self, measured: tuple[float, float], size: tuple[float, float]) -> float:
        """How much higher the estimate's saturation is at a size than at a measured one; 1 where it has none."""
        here = self.estimate.max_tput(size[0], size[1], NO_TARGET)
        there = self._as_measured.max_tput(measured[0], measured[1], NO_TARGET)
        if isinstance(here, MaxTput) and isinstance(there, MaxTput):
            return here.requests_per_s / there.requests_per_s
        return 1.0

    def _blended(self, size: tuple[float, float], base: MaxTput, slo: Slo) -> float:
        exponent = 0.0
        for measured, weight in weights_near(self.measured.sizes, size):
            implied = self._implied(measured, size, base, slo)
            exponent += weight * math.log(implied / base.requests_per_s)
        return base.requests_per_s * math.exp(exponent)

    def _stopped_early(self, measured: Size, served: MaxTput) -> bool:
        """Whether a published run stopped before the target or the replica was its limit."""
        early = served.limited_by == "load" and measured in self.measured.published
        return early and self.measured.knows_tpot(measured)

    def _beyond(self, measured: Size, rate: float, base: MaxTput) -> float:
        """The rate at a looser target than that of the highest load measured, requests/s.

        Args:
            rate: at that load, moved to the size.
        """
        fastest = self.measured.fastest(measured)
        decoding = fastest.requests_per_s * (measured[1] - 1) * fastest.tpot_ms / 1000
        estimated_ms = self._as_measured.tpot_ms_with(*measured, decoding)
        pace = 1.0 if estimated_ms is None else estimated_ms / fastest.tpot_ms
        return max(rate, base.requests_per_s * pace)

    def _implied(self, measured: Size, size: tuple[float, float], base: MaxTput, slo: Slo) -> float:
        """The rate that a measured size implies at a size near it, requests/s."""
        shape = self._shape(measured, size)
        served = self.measured.at(measured, slo)
        if isinstance(served, MaxTput):
            rate = served.requests_per_s * shape
            if self._stopped_early(measured, served):
                return self._beyond(measured, rate, base)
            outside = distance(measured, size) > CELL + EXACT
            return max(rate, base.requests_per_s) if served.limited_by == "load" and outside else rate
        rate = self.measured.bound(measured, served) * shape
        if served.no_data and base.limited_by == "saturation" and rate < math.inf:
            return rate
        return min(rate, base.requests_per_s)


def pin(
    estimates: Mapping[Kind, GridProfile],
    shipped: Sequence[ProfileFile],
    own: Sequence[ProfileFile],
    engine: str = MEAN_OF_ENGINES,
    caches: Mapping[Kind, PrefixCache] | None = None,
) -> dict[Kind, Profile]:
    """Estimates with the measurements over them, by kind; a kind without an estimate has its measurements alone.

    Args:
        estimates: without a prefix cache.
        shipped: measured profiles that come with the package.
        own: the user's, oldest first; they outrank the shipped ones, size by size.
        engine: whose speed the estimates are.
        caches: what a prefix cache changes, by kind; None where the engine has none.
    """
    caches = caches or {}
    profiles: dict[Kind, Profile] = {**estimates, **{kind: cache.estimate for kind, cache in caches.items()}}
    for kind in {kind for file in (*shipped, *own) for kind in file.rows}:
        merged = together(shipped, own, kind)
        files = [file for file in (*shipped, *own) if kind in file.rows]
        widest = max(files, key=lambda file: file.header.max_total_tokens)
        estimate, cache = estimates.get(kind), caches.get(kind)
        measured = MeasuredProfile(
            widest,
            kind,
            engine="" if estimate is None and engine == MEAN_OF_ENGINES else engine,
            measured=merged.points,
            published=merged.shipped,
            own=merged.own,
            shipped=tuple(shipped),
            notes=merged.notes,
        )
        if estimate is None:
            profiles[kind] = measured
        else:
            profiles[kind] = PinnedProfile(
                estimate.table if cache is None else cache.estimate.table,
                kind,
                engine=engine,
                estimate=estimate,
                measured=measured,
                prefix_cache=cache,
                notes=merged.notes,
            )
    return profiles


def _lower(one: MaxTput | UnservableSize, other: MaxTput | UnservableSize) -> bool:
    if isinstance(one, UnservableSize) or isinstance(other, UnservableSize):
        return isinstance(one, UnservableSize)
    return one.requests_per_s < other.requests_per_s


def weights_near(measured: tuple[Size, ...], size: tuple[float, float]) -> Iterator[tuple[Size, float]]:
    """Measured sizes that tell of a size, with weights that sum to 1 up to CELL from one and fade to 0 at REACH."""
    near = {held: distance(held, size) for held in measured if distance(held, size) < REACH}
    if not near:
        return
    least = max(min(near.values()), EXACT)
    fade = min(1.0, (REACH - least) / (REACH - CELL))
    # Shepard's weights: infinite at a measured size, 0 where its reach ends, so that nothing jumps in between.
    weights = {held: ((REACH - away) / max(away, EXACT)) ** 2 for held, away in near.items()}
    total = math.fsum(weights.values())
    for held, weight in weights.items():
        yield held, fade * weight / total
