"""A question as Problems: the ways in which it can be posed, of which the cheapest answer is its own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import (
    Bucket,
    IneligibleType,
    Kind,
    MaxTput,
    MaxTputTable,
    OfferNumbers,
    Problem,
    charged_rates,
)
from melange_cloud.planner.obstacles import Obstacle


def row_of_bucket(buckets: Iterable[Bucket], router: str) -> dict[str, str]:
    """What the router can tell apart: each bucket (oracle), each input range (prompt), nothing (plain)."""
    if router == "plain":
        return {bucket.name: "all" for bucket in buckets}
    return {bucket.name: bucket.name if router == "oracle" else bucket.input_name for bucket in buckets}


@dataclass(frozen=True, slots=True)
class PosedProblem:
    """A Problem, or why there is none.

    Attributes:
        problem: None if nothing can serve the workload.
        reason: why not, one clause; empty if there is a problem.
        no_data: the reason is that figures are missing, not that the fleet is impossible.
        left_out: instance types with a price that may not enter, sorted by name.
        refused_kinds: kinds that are offered here and cannot serve alone what the router sends them, and why.
        unknown_kinds: those of them of which it is not known whether they can.
        entering: the offers that may be rented, sorted by name: also those that others make needless.
        coarser: the same question for routers that know less, where one of those may have a cheaper fleet (see
            ``row_loads``): a router that knows more can do what they do, so that each answer to one of these is one to
            ``problem`` too. Empty if no fleet can be cheaper for it.
        both_limits: the question itself where a replica may serve rows that its engine limits and others that its front
            end does: both hold (see ``with_both_limits``). None where ``problem`` is as exact.
    """

    problem: Problem | None
    reason: str
    no_data: bool
    left_out: tuple[IneligibleType, ...]
    refused_kinds: Mapping[Kind, Obstacle]
    unknown_kinds: frozenset[Kind] = frozenset()
    entering: tuple[OfferNumbers, ...] = ()
    coarser: tuple[Problem, ...] = ()
    both_limits: Problem | None = None

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All ways of posing the question: the least of their costs is its own; empty if there is no problem."""
        if self.problem is None:
            return ()
        return (self.problem, *self.coarser, *(() if self.both_limits is None else (self.both_limits,)))


def with_max_tput(problem: Problem, max_tput: MaxTputTable) -> Problem:
    """The same question with other figures for its kinds."""
    rates = charged_rates(max_tput, problem.kinds, problem.planned_requests_per_s, problem.row_of_bucket)
    return replace(problem, max_tput_requests_per_s=rates)


def posings_of(problem: Problem, max_tput: MaxTputTable, buckets: Sequence[Bucket], router: str) -> tuple[Problem, ...]:
    """The question in all its ways: see ``PosedProblem.problems``."""
    apart = with_both_limits(problem, max_tput)
    return (problem, *coarser_of(problem, max_tput, buckets, router), *(() if apart is None else (apart,)))


def with_both_limits(problem: Problem, max_tput: MaxTputTable) -> Problem | None:
    """The question with a replica's two limits apart; None if that is the same question, as it is with one row.

    ``problem`` charges each row by the larger of its two sums, which is too much where one replica serves rows of both
    kinds: safe, and up to 11 % too dear. Its answers, and those of ``coarser``, have more even shares.
    """
    if len(problem.rows) == 1:
        return None
    cells = {
        key: cell
        for key, rate in problem.max_tput_requests_per_s.items()
        if isinstance(cell := max_tput[key], MaxTput) and rate > 0
    }
    engines = {key: cell.engine_requests_per_s for key, cell in cells.items()}
    if engines == problem.max_tput_requests_per_s:
        return None
    front_ends = {key: cell.front_end_requests_per_s for key, cell in cells.items()}
    return replace(problem, max_tput_requests_per_s=engines, front_end_requests_per_s=front_ends)


def coarser_of(problem: Problem, max_tput: MaxTputTable, buckets: Sequence[Bucket], router: str) -> tuple[Problem, ...]:
    """The question for routers that know less than ``router`` and may be cheaper; see ``PosedProblem.coarser``."""
    found = []
    for less in {"oracle": ("prompt", "plain"), "prompt": ("plain",)}.get(router, ()):
        coarse = with_max_tput(replace(problem, row_of_bucket=row_of_bucket(buckets, less)), max_tput)
        pairs = coarse.load_of_rows()
        kinds = {kind for _, kind in pairs}
        served = {row for row, _ in pairs} == set(coarse.rows)
        before = problem.max_tput_requests_per_s
        differs = any(rate != before[key] for key, rate in coarse.max_tput_requests_per_s.items() if key[1] in kinds)
        # Where no kind's limit changes from row to row, the rows' loads add up to the coarser question's.
        if served and differs:
            found.append(
                replace(
                    coarse,
                    kinds=tuple(kind for kind in coarse.kinds if kind in kinds),
                    offers=tuple(o for o in coarse.offers if any(o.replicas_per_instance(kind) for kind in kinds)),
                )
            )
    return tuple(found)
