"""The next-cheapest fleets that differ in kind.

Fleets that differ by one instance are not a real choice. An alternative here does without some GPU that each
cheaper fleet listed before it uses. Children of a fleet in a search tree each forbid one more of its GPUs, and the
cheapest leaf comes next, so a fleet that differs in kind is never skipped for a more expensive one.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import Alternative, Kind, Problem, Solution, Status
from melange_cloud.planner.problem_solver import ProblemSolver


@dataclass(frozen=True, slots=True)
class AlternativeFleet:
    """The cheapest fleet without some GPUs; ``solution`` always has a fleet, and answers ``problem``."""

    without: frozenset[str]
    solution: Solution
    problem: Problem


def other_fleets(
    problem: Problem, solution: Solution, solving: ProblemSolver, count: int, others: Sequence[Problem] = ()
) -> list[AlternativeFleet]:
    """At most ``count`` fleets that differ in kind from ``solution`` and from one another, cheapest first.

    Args:
        others: the question posed in other ways (see ``PosedProblem.problems``).
    """
    problems = (problem, *others)
    found: list[AlternativeFleet] = []
    gpus_used = [_gpus(solution)]
    waiting: list[tuple[float, int, list[str], Solution]] = []
    seen: set[frozenset[str]] = set()

    def branch(forbidden: frozenset[str], used: frozenset[str]) -> None:
        for gpu in sorted(used):
            fewer = forbidden | {gpu}
            if fewer in seen:
                continue
            seen.add(fewer)
            answer = solving.cost_of_any(without_gpus(one, fewer) for one in problems)
            if answer.fleet_usd_per_hour is not None:
                heapq.heappush(waiting, (round(answer.fleet_usd_per_hour, 6), len(fewer), sorted(fewer), answer))

    branch(frozenset(), gpus_used[0])
    while waiting and len(found) < count:
        _, _, names, answer = heapq.heappop(waiting)
        forbidden, used = frozenset(names), _gpus(answer)
        # What uses all that an earlier one uses differs from it in number, not in kind.
        if not any(earlier <= used for earlier in gpus_used):
            gpus_used.append(used)
            answered, fleet = solving.solve_any_aside([without_gpus(one, forbidden) for one in problems])
            found.append(AlternativeFleet(forbidden, fleet, answered))
        branch(forbidden, used)
    return found


def without_gpus(problem: Problem, forbidden: frozenset[str]) -> Problem:
    """The same question without some GPUs."""
    return replace(
        problem,
        kinds=tuple(kind for kind in problem.kinds if kind.gpu not in forbidden),
        offers=tuple(offer for offer in problem.offers if offer.gpu not in forbidden),
    )


def as_alternative(other: AlternativeFleet, plan_usd_per_hour: float) -> Alternative:
    """An alternative in the user's words."""
    cost = other.solution.fleet_usd_per_hour or 0.0
    return Alternative(
        without=tuple(sorted(other.without)),
        instances=other.solution.instance_counts,
        fleet_usd_per_hour=cost,
        busy_fleet_usd_per_hour=busy_fleet_usd_per_hour(other.problem, other.solution),
        more_fraction=cost / plan_usd_per_hour - 1,
        proven=other.solution.status is Status.OPTIMAL,
    )


def busy_fleet_usd_per_hour(problem: Problem, solution: Solution) -> float:
    """The part of a fleet's cost that its load keeps busy, USD/h."""
    cost, replicas, busy = usd_and_replicas(problem, solution)
    return math.fsum(cost[kind] * min(1.0, busy.get(kind, 0.0) / replicas[kind]) for kind in sorted(cost))


def usd_and_replicas(
    problem: Problem, solution: Solution
) -> tuple[dict[Kind, float], dict[Kind, int], dict[Kind, float]]:
    """By kind of the fleet: what it costs, USD/h; its replicas; the replicas that the load keeps busy."""
    offers = {offer.name: offer for offer in problem.offers}
    cost: dict[Kind, float] = {}
    replicas: dict[Kind, int] = {}
    busy: dict[Kind, float] = {}
    for (name, kind), count in sorted(solution.instances.items()):
        cost[kind] = cost.get(kind, 0.0) + offers[name].usd_per_instance_hour * count
        replicas[kind] = replicas.get(kind, 0) + offers[name].replicas_per_instance(kind) * count
    loads = problem.load_of_rows()
    for (row, kind), share in sorted(solution.shares.items()):
        busy[kind] = busy.get(kind, 0.0) + share * loads[row, kind]
    return cost, replicas, busy


def _gpus(solution: Solution) -> frozenset[str]:
    return frozenset(kind.gpu for _, kind in solution.instances)
