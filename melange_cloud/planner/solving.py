"""Solves Problems, each different one once: regions with the same prices share their answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from melange_cloud import solver
from melange_cloud.domain import Kind, Problem, Quotas, Solution, Status

LINE_LIMIT_S = 10
"""Seconds for each figure beside the plan (a router, a changed question, an end of the errors), which are many; what is
not proven by then is said."""


@dataclass(frozen=True, slots=True)
class Solving:
    """A solver with its limits, and what it has answered so far.

    Attributes:
        time_limit_s: of every solve; None is none.
        line_limit_s: of a solve for a figure beside the plan, where that is less; None is none.
    """

    solver: str
    time_limit_s: int | None
    line_limit_s: int | None = None
    _answers: dict[object, Solution] = field(default_factory=dict)

    def solve(self, problem: Problem) -> Solution:
        """The cheapest fleet of a Problem."""
        return self._once(("mix", problem.key), lambda: self._explained(problem, self._solved(problem)))

    def _solved(self, problem: Problem) -> Solution:
        return solver.solve(problem, solver=self.solver, time_limit_s=self.time_limit_s)

    def solve_for_cost(self, problem: Problem) -> Solution:
        """The cheapest fleet of a Problem, where nobody will look at its shares."""
        key = problem.key
        if ("mix", key) in self._answers:
            return self._answers["mix", key]
        return self._once(("cost", key), lambda: self._explained(problem, self._solved_for_cost(problem)))

    def _solved_for_cost(self, problem: Problem) -> Solution:
        return solver.solve_for_cost(problem, solver=self.solver, time_limit_s=self._line_limit_s)

    @property
    def _line_limit_s(self) -> int | None:
        limits = [limit for limit in (self.time_limit_s, self.line_limit_s) if limit is not None]
        return min(limits, default=None)

    def solve_aside(self, problem: Problem) -> Solution:
        """The cheapest fleet of a Problem with even shares, as a figure beside the plan."""
        return self._once(
            ("aside", problem.key),
            lambda: self._explained(
                problem, solver.solve(problem, solver=self.solver, time_limit_s=self._line_limit_s)
            ),
        )

    def solve_alone(self, problem: Problem, kind: Kind) -> Solution:
        """The cheapest fleet of one kind alone."""
        return self._once(
            (kind, problem.key),
            lambda: solver.cheapest_single_kind(problem, kind, solver=self.solver, time_limit_s=self._line_limit_s),
        )

    def solve_one_gpu(self, problem: Problem) -> Solution:
        """The cheapest fleet of a Problem that ``only_gpu`` made: of any degrees, or a covering where it has one."""
        if len(problem.kinds) == 1:
            return self.solve_alone(problem, problem.kinds[0])
        return self.solve_for_cost(problem)

    def _explained(self, problem: Problem, solution: Solution) -> Solution:
        """With the quotas to blame, where there is no fleet because of them."""
        if solution.status is Status.INFEASIBLE and problem.quotas:
            return replace(solution, reason=self._blame_quotas(problem) or solution.reason)
        return solution

    def _once(self, key: object, compute: Callable[[], Solution]) -> Solution:
        if key not in self._answers:
            self._answers[key] = compute()
        return self._answers[key]

    def _blame_quotas(self, problem: Problem) -> str:
        """Which quota makes it impossible and what it would need, found by lifting each one alone, then all."""
        blamed = []
        for option, name, limit in limits_of(problem.quotas):
            lifted = self.solve_for_cost(replace(problem, quotas=without_limit(problem.quotas, option, name)))
            if lifted.status.has_fleet:
                needed = used_of(problem, lifted, option, name)
                blamed.append(f"{option} {name}={limit} is too low: the cheapest fleet without it uses {needed}")
        if blamed:
            return "; ".join(blamed)
        lifted = self.solve_for_cost(replace(problem, quotas=Quotas()))
        if not lifted.status.has_fleet:
            return ""
        needs = ", ".join(
            f"{option} {name}={used_of(problem, lifted, option, name)} (is {limit})"
            for option, name, limit in limits_of(problem.quotas)
            if used_of(problem, lifted, option, name) > limit
        )
        return f"the quotas together are too low: the cheapest fleet without them needs {needs}"


def limits_of(quotas: Quotas) -> list[tuple[str, str, int]]:
    """Every quota as (option, name, limit)."""
    named: dict[str, Mapping[str, int]] = {
        "--max-gpus": quotas.max_gpus,
        "--max-instances": quotas.max_instances,
        "--max-vcpus": quotas.max_vcpus,
    }
    return [(option, name, limit) for option, limits in named.items() for name, limit in sorted(limits.items())]


def without_limit(quotas: Quotas, option: str, name: str) -> Quotas:
    """The other quotas."""

    def less(limits: Mapping[str, int], of: str) -> dict[str, int]:
        return {key: limit for key, limit in limits.items() if (of, key) != (option, name)}

    return Quotas(
        max_gpus=less(quotas.max_gpus, "--max-gpus"),
        max_instances=less(quotas.max_instances, "--max-instances"),
        max_vcpus=less(quotas.max_vcpus, "--max-vcpus"),
    )


def only_gpu(problem: Problem, gpu: str) -> Problem:
    """The same question for one GPU alone, at all its degrees."""
    return replace(
        problem,
        kinds=tuple(kind for kind in problem.kinds if kind.gpu == gpu),
        offers=tuple(offer for offer in problem.offers if offer.gpu == gpu),
    )


def with_limit(quotas: Quotas, option: str, name: str, limit: int) -> Quotas:
    """The quotas with another limit for one of them."""
    others = without_limit(quotas, option, name)
    match option:
        case "--max-gpus":
            return replace(others, max_gpus={**others.max_gpus, name: limit})
        case "--max-instances":
            return replace(others, max_instances={**others.max_instances, name: limit})
    return replace(others, max_vcpus={**others.max_vcpus, name: limit})


def used_of(problem: Problem, solution: Solution, option: str, name: str) -> int:
    """What a fleet uses of a quota: GPUs, instances or vCPUs."""
    by_name = {offer.name: offer for offer in problem.offers}
    total = 0
    for (offer_name, _), count in solution.instances.items():
        offer = by_name[offer_name]
        if option == "--max-instances":
            total += count * (offer.name == name)
        elif option == "--max-gpus":
            total += count * offer.gpu_count * (offer.gpu == name)
        else:
            total += count * offer.vcpus * (offer.quota_family == name)
    return total
