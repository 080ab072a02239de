"""A profile with measured points pinned over its estimate.

Measured sizes are scattered, not a grid. Within 10 % of one the measurement counts; from there to twice and half of it
in either dimension, the measured rate is moved to the size asked for as the estimate moves, and fades into the latter:

    rate(x) = estimate(x)^(1 - Σ weight_s) · Π_s (measured_s · saturation(x) / saturation(s))^weight_s

with ``saturation`` the estimate's rate without a target. The weights depend on sizes alone and measured and estimated
rates only rise with a target, so that no looser target ever gives a lower rate. What a measurement does not show is
left to the estimate: points without TPOT bound a rate under a target but never raise it, unless the estimate says that
saturation, not the target, is the limit; a size measured at low loads only never lowers its neighbours. A user's own
rate at the highest load measured is the most that it vouches for; a published run often stopped before any limit, and
beyond it the rate goes on as the estimate does:

    rate(T) = measured at its highest load · estimate(T) / estimate(TPOT there)

Between four measured sizes that make a cell, all measured to their limit, their rates are interpolated as in any
profile. Without an estimate there is nothing but that, and a size counts as the next larger one that was measured.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.profiles.points import BestRate, best_within, interpolated
from melange_cloud.profiles.profile import NO_TARGET, GridCell, Profile
from melange_cloud.profiles.profile_file import ProfileFile, SizePoints, rates_of
from melange_cloud.profiles.run_points import is_saturated
from melange_cloud.profiles.size_grid import Weights, cell
from melange_cloud.profiles.user_profiles import together

CELL = math.log(1.1)
"""A size within 10 % of a measured one in both dimensions is measured."""

REACH = math.log(2)
"""A measurement tells nothing of a size that differs by a factor of 2: prefill, cache and batch weigh differently."""

WIDEST_STEP = 2.5
"""Between measured sizes that are further apart than this factor, grade B: a rate bends there by more than 10 %."""

_ALONE = 1.05
_EXACT = 1e-9

Size = tuple[int, int]


@dataclass(frozen=True, eq=False)
class MeasuredProfile(Profile):
    """Measured points alone, at scattered sizes.

    Attributes:
        measured: by (input_tokens, output_tokens).
        published: the sizes that come with the package, whose runs may have stopped before any limit.
        own: the user's files that it is made of, oldest first.
        shipped: the measured profiles that come with the package.
    """

    measured: Mapping[Size, tuple[OperatingPoint, ...]] = field(kw_only=True)
    published: frozenset[Size] = field(default=frozenset(), kw_only=True)
    own: tuple[ProfileFile, ...] = field(default=(), kw_only=True)
    shipped: tuple[ProfileFile, ...] = field(default=(), kw_only=True)

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """The measured sizes, sorted."""
        return tuple(sorted(self.measured))

    @cached_property
    def points(self) -> Mapping[Size, tuple[OperatingPoint, ...]]:
        """Every operating point, by size."""
        return self.measured

    def _points_of(self, size: Size) -> SizePoints:
        if size not in self._rates:
            self._rates[size] = rates_of(self.measured[size])
        return self._rates[size]

    def _evaluate(self, size: Size, slo: Slo) -> MaxTput | UnservableSize:
        served = super()._evaluate(size, slo)
        if isinstance(served, MaxTput) and served.limited_by == "saturation" and not self._shows_limit(size, slo):
            return replace(served, engine_limited_by="load")
        return served

    def _shows_limit(self, size: Size, slo: Slo) -> bool:
        """Whether a higher load was measured than the targets allow, or one that brought no more."""
        best = best_within(self._points_of(size).points, slo)
        return is_saturated(self.measured[size]) or (isinstance(best, BestRate) and best.missed_beyond)

    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """The highest rate that the measurements alone vouch for; as ``Profile.max_tput``."""
        longest = max(input_tokens + output_tokens, longest_total_tokens or 0)
        too_long = self._too_long(math.ceil(longest - _EXACT))
        if too_long:
            return UnservableSize(too_long)
        size = self.nearest(input_tokens, output_tokens)
        if distance(size, (input_tokens, output_tokens)) <= CELL + _EXACT:
            return self._at(size, slo)
        enclosed = self.enclosed(input_tokens, output_tokens, slo)
        if enclosed is not None and not enclosed.at_most:
            return enclosed.served
        larger = [held for held in self.sizes if held[0] >= input_tokens and held[1] >= output_tokens]
        if not larger:
            return UnservableSize(
                f"nothing is measured near {input_tokens:,.0f} + {output_tokens:,.0f} tokens, the nearest is "
                f"{size[0]:,} + {size[1]:,}: measure it",
                no_data=True,
            )
        answers = [self._at(held, slo) for held in larger]
        rates = [answer for answer in answers if isinstance(answer, MaxTput)]
        if not rates:
            return answers[0]
        best = max(rates, key=lambda answer: answer.requests_per_s)
        return replace(best, engine_grade="D", engine_error=0.5)

    def nearest(self, input_tokens: float, output_tokens: float) -> Size:
        """The measured size that is nearest to a size."""
        return min(self.sizes, key=lambda size: (distance(size, (input_tokens, output_tokens)), size))

    def at(self, size: Size, slo: Slo) -> MaxTput | UnservableSize:
        """What was measured at a measured size."""
        return self._at(size, slo)

    def knows_tpot(self, size: Size) -> bool:
        """Whether the fastest point of a measured size has a TPOT."""
        return max(self._points_of(size).points, key=lambda point: point.requests_per_s).tpot_ms < math.inf

    def knows_ttft(self, size: Size) -> bool:
        """Whether the fastest point of a measured size that has a TPOT has a TTFT too."""
        timed = [point for point in self._points_of(size).points if point.tpot_ms < math.inf]
        return bool(timed) and max(timed, key=lambda point: point.requests_per_s).ttft_ms < math.inf

    def bound(self, size: Size, missed: UnservableSize) -> float:
        """A rate that a measured size which misses a target, or does not know its latency, cannot exceed, requests/s.

        The lowest measured rate, as that already misses; where the latency is not known the highest, if it was the
        limit, and else infinite.
        """
        rates = [(point.requests_per_s, point.tpot_ms < math.inf) for point in self._points_of(size).points]
        if any(known for _, known in rates) and not missed.no_data:
            return min(rate for rate, known in rates if known)
        return max(rate for rate, _ in rates) if is_saturated(self.measured[size]) else math.inf

    def enclosed(self, input_tokens: float, output_tokens: float, slo: Slo) -> "EnclosedRate | None":
        """The rate in a cell of four measured sizes, or on an edge of two; None where the size lies in no such cell."""
        corners = self._cell_about(input_tokens, output_tokens)
        if not corners:
            return None
        seconds, bounded, limits, error = 0.0, False, set(), 0.0
        for size, weight in corners:
            served = self._at(size, slo)
            if isinstance(served, MaxTput):
                seconds += weight / served.requests_per_s
                limits.add(served.limited_by)
                error = max(error, served.error)
            else:
                seconds += weight / self.bound(size, served)
                bounded = True
        if seconds == 0:
            return None
        wide = any(
            max(size[i] for size, _ in corners) > WIDEST_STEP * min(size[i] for size, _ in corners) for i in (0, 1)
        )
        grade, error = ("B", max(0.25, error)) if wide else ("A", error)
        limited_by = next(iter(sorted(limits - {"saturation"})), "saturation")
        return EnclosedRate(MaxTput(1 / seconds, grade, error, "measured", limited_by), bounded, "load" in limits)

    def _cell_about(self, input_tokens: float, output_tokens: float) -> Weights:
        """The measured sizes at the corners of a cell about a size, with weights above 0; none where one is missing.

        Nobody measures a grid: two numbers of input tokens and two of output tokens make a cell only where all four
        sizes were measured; of three the plane through them.
        """
        inputs, outputs = sorted({size[0] for size in self.sizes}), sorted({size[1] for size in self.sizes})
        if not (inputs[0] <= input_tokens <= inputs[-1] and outputs[0] <= output_tokens <= outputs[-1]):
            return []
        (low_in, high_in, u), (low_out, high_out, v) = cell(inputs, input_tokens), cell(outputs, output_tokens)
        weights = [
            ((low_in, low_out), (1 - u) * (1 - v)),
            ((high_in, low_out), u * (1 - v)),
            ((low_in, high_out), (1 - u) * v),
            ((high_in, high_out), u * v),
        ]
        if u * v > 0 and (high_in, high_out) not in self.measured and u + v <= 1 + _EXACT:
            weights = [((low_in, low_out), max(0.0, 1 - u - v)), ((high_in, low_out), u), ((low_in, high_out), v)]
        weights = [(size, weight) for size, weight in weights if weight > 0]
        return weights if all(size in self.measured for size, _ in weights) else []


@dataclass(frozen=True, slots=True)
class EnclosedRate:
    """What lies between measured sizes.

    Attributes:
        at_most: a size misses a target at its lowest measured load: the rate between is this or less.
        at_least: a size was measured at low loads only: the rate between is this or more.
    """

    served: MaxTput
    at_most: bool
    at_least: bool


@dataclass(frozen=True, eq=False)
class PinnedProfile(Profile):
    """An estimate with measured points pinned over it; ``file`` is the estimate's.

    Attributes:
        estimate: what counts where nothing was measured.
        measured: what was measured.
    """

    estimate: Profile = field(kw_only=True)
    measured: MeasuredProfile = field(kw_only=True)

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
        """Every operating point, by size; measured ones stand for the estimated ones of their size."""
        return {**self.estimate.points, **self.measured.points}

    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """The highest rate that one replica sustains for requests of a size within an SLO; as ``Profile.max_tput``."""
        base = self.estimate.max_tput(input_tokens, output_tokens, slo, longest_total_tokens)
        size = (input_tokens, output_tokens)
        nearest = self.measured.nearest(*size)
        enclosed = self.measured.enclosed(*size, slo)
        if distance(nearest, size) > REACH and enclosed is None:
            return base
        if self._is_impossible(max(input_tokens + output_tokens, longest_total_tokens or 0), slo):
            return base
        if min(slo.ttft_ms, slo.e2e_ms) < math.inf and not self.measured.knows_ttft(nearest):
            known = Slo(slo.tpot_ms, slo.p99_tpot_ms)
            within_tpot = self.max_tput(*size, known, longest_total_tokens)
            if base == self.estimate.max_tput(*size, known, longest_total_tokens):
                return within_tpot  # the other targets limit nothing
            return within_tpot if _lower(within_tpot, base) else base
        pinned = self.measured.at(nearest, slo) if distance(nearest, size) <= CELL + _EXACT else None
        if isinstance(base, UnservableSize):
            return self._moved(nearest, size, pinned) if isinstance(pinned, MaxTput) else base
        if isinstance(pinned, UnservableSize) and not pinned.no_data and self._is_lightest(nearest):
            return pinned
        if isinstance(pinned, MaxTput):
            moved = self._moved(nearest, size, pinned)
            if self._stopped_early(nearest, pinned):
                return replace(base, engine_requests_per_s=self._beyond(nearest, size, moved.requests_per_s, base))
            only_at_least = pinned.limited_by == "load" and not self.measured.knows_tpot(nearest)
            return base if only_at_least and base.requests_per_s > moved.requests_per_s else moved
        rate = self._blended(size, base, slo)
        if pinned is not None:
            return replace(base, engine_requests_per_s=min(rate, self._told(nearest, size, base, slo)))
        if enclosed is None or (enclosed.at_most and enclosed.at_least):
            return replace(base, engine_requests_per_s=rate)
        if enclosed.at_most:
            return replace(base, engine_requests_per_s=min(rate, enclosed.served.requests_per_s))
        if enclosed.at_least and rate > enclosed.served.requests_per_s:
            return replace(base, engine_requests_per_s=rate)
        return enclosed.served

    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """MaxTput at every size that has points, estimated or measured, sorted by size."""
        cells = {(cell.input_tokens, cell.output_tokens): cell for cell in self.estimate.cells(slo)}
        cells.update({(cell.input_tokens, cell.output_tokens): cell for cell in self.measured.cells(slo)})
        found = []
        for size in self.sizes:
            served, tpot_ms = self.max_tput(*size, slo), None
            if isinstance(served, MaxTput):
                tpot_ms = cells[size].tpot_ms or self._estimated_tpot_ms(size, slo)
            found.append(replace(cells[size], served=served, tpot_ms=tpot_ms))
        return found

    def _estimated_tpot_ms(self, size: Size, slo: Slo) -> float | None:
        """The TPOT that the estimate has within the targets, where a measurement gives none; None where it has none."""
        corners = self.estimate._around(*size)
        if isinstance(corners, UnservableSize):
            return None
        points = interpolated([(self.estimate._points_of(corner).points, weight) for corner, weight in corners])
        best = best_within(points, slo) if points else None
        return best.tpot_ms if isinstance(best, BestRate) and best.tpot_ms < math.inf else None

    def _is_impossible(self, longest: float, slo: Slo) -> bool:
        """Whether no measurement can make it possible: the engine's reach, memory, the time to read the weights."""
        if self.weight_read_ms is not None and self.weight_read_ms > slo.tpot_ms:
            return True
        return self.estimate._too_long(math.ceil(longest - _EXACT)) != ""

    def _is_lightest(self, size: Size) -> bool:
        """Whether a size was measured with one request in flight: what that misses, no load keeps."""
        return min(point.in_flight for point in self.measured._points_of(size).points) <= _ALONE

    def _moved(self, measured: Size, size: tuple[float, float], served: MaxTput) -> MaxTput:
        return served.times(self._shape(measured, size))

    def _shape(self, measured: Size, size: tuple[float, float]) -> float:
        """How much higher the estimate's saturation is at a size than at a measured one; 1 where it has none."""
        here, there = (self.estimate.max_tput(tokens[0], tokens[1], NO_TARGET) for tokens in (size, measured))
        if isinstance(here, MaxTput) and isinstance(there, MaxTput):
            return here.requests_per_s / there.requests_per_s
        return 1.0

    def _blended(self, size: tuple[float, float], base: MaxTput, slo: Slo) -> float:
        exponent = 0.0
        for measured, weight in _weights(self.measured.sizes, size):
            told = self._told(measured, size, base, slo)
            exponent += weight * math.log(told / base.requests_per_s)
        return base.requests_per_s * math.exp(exponent)

    def _stopped_early(self, measured: Size, served: MaxTput) -> bool:
        """Whether a published run stopped before the target or the replica was its limit."""
        early = served.limited_by == "load" and measured in self.measured.published
        return early and self.measured.knows_tpot(measured)

    def _beyond(self, measured: Size, size: tuple[float, float], rate: float, base: MaxTput) -> float:
        """A rate at the highest load measured, moved on to a looser target as the estimate moves, requests/s."""
        top = max(self.measured._points_of(measured).points, key=lambda point: point.requests_per_s)
        there = self.estimate.max_tput(*size, Slo(tpot_ms=top.tpot_ms))
        if isinstance(there, UnservableSize):
            return max(rate, base.requests_per_s)
        return rate * max(1.0, base.requests_per_s / there.requests_per_s)

    def _told(self, measured: Size, size: tuple[float, float], base: MaxTput, slo: Slo) -> float:
        """What a measured size says of the rate at a size near it, requests/s."""
        shape = self._shape(measured, size)
        served = self.measured.at(measured, slo)
        if isinstance(served, MaxTput):
            rate = served.requests_per_s * shape
            if self._stopped_early(measured, served):
                return self._beyond(measured, size, rate, base)
            outside = distance(measured, size) > CELL + _EXACT
            return max(rate, base.requests_per_s) if served.limited_by == "load" and outside else rate
        rate = self.measured.bound(measured, served) * shape
        if served.no_data and base.limited_by == "saturation" and rate < math.inf:
            return rate
        return min(rate, base.requests_per_s)


def pin(
    estimates: Mapping[Kind, Profile], shipped: Sequence[ProfileFile], own: Sequence[ProfileFile]
) -> dict[Kind, Profile]:
    """Estimates with the measurements over them, by kind; a kind without an estimate has its measurements alone.

    Args:
        shipped: measured profiles that come with the package.
        own: the user's, oldest first; they outrank the shipped ones, size by size.
    """
    profiles: dict[Kind, Profile] = dict(estimates)
    for kind in {kind for file in (*shipped, *own) for kind in file.rows}:
        told = together(shipped, own, kind)
        files = [file for file in (*shipped, *own) if kind in file.rows]
        widest = max(files, key=lambda file: file.header.max_total_tokens)
        measured = MeasuredProfile(
            widest,
            kind,
            measured=told.points,
            published=told.shipped,
            own=told.own,
            shipped=tuple(shipped),
            notes=told.notes,
        )
        estimate = estimates.get(kind)
        if estimate is None:
            profiles[kind] = measured
        else:
            profiles[kind] = PinnedProfile(estimate.file, kind, estimate=estimate, measured=measured, notes=told.notes)
    return profiles


def _lower(one: MaxTput | UnservableSize, other: MaxTput | UnservableSize) -> bool:
    if isinstance(one, UnservableSize) or isinstance(other, UnservableSize):
        return isinstance(one, UnservableSize)
    return one.requests_per_s < other.requests_per_s


def distance(measured: Size, size: tuple[float, float]) -> float:
    """The log of the factor between two sizes, in the dimension where it is larger."""
    return max(abs(math.log(max(1.0, tokens) / held)) for held, tokens in zip(measured, size, strict=True))


def _weights(measured: tuple[Size, ...], size: tuple[float, float]) -> Iterator[tuple[Size, float]]:
    """Measured sizes that tell of a size, with weights that sum to 1 up to CELL from one and fade to 0 at REACH."""
    near = {held: distance(held, size) for held in measured if distance(held, size) < REACH}
    if not near:
        return
    least = max(min(near.values()), _EXACT)
    fade = min(1.0, (REACH - least) / (REACH - CELL))
    # Shepard's weights: infinite at a measured size, 0 where its reach ends, so that nothing jumps in between.
    weights = {held: ((REACH - away) / max(away, _EXACT)) ** 2 for held, away in near.items()}
    total = sum(weights.values())
    for held, weight in weights.items():
        yield held, fade * weight / total
