"""Solves Problems, each different one once: regions with the same prices share their answers."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from melange_cloud import solver
from melange_cloud.domain import Kind, Problem, Quotas, Solution, Status
from melange_cloud.domain.money import equal_within


@dataclass(frozen=True, slots=True)
class ProblemSolver:
    """A solver with its limits, and what it has answered so far.

    Attributes:
        time_limit_s: of every solve; None means no limit.
        line_limit_s: of a solve for a figure next to the plan, if that is less; None means no limit.
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
        """The cheapest fleet of a Problem, when its shares are not needed."""
        key = problem.key
        if ("mix", key) in self._answers:
            return self._answers["mix", key]
        return self._once(("cost", key), lambda: self._explained(problem, self._solved_for_cost(problem)))

    def solve_any(self, problems: Sequence[Problem]) -> tuple[Problem, Solution]:
        """The cheapest fleet of a question, and the Problem whose answer it is (see ``PosedProblem.problems``)."""
        answers = [self.solve(problems[0]), *(self.solve_for_cost(problem) for problem in problems[1:])]
        return self._chosen(problems, answers, self.solve)

    def solve_any_aside(self, problems: Sequence[Problem]) -> tuple[Problem, Solution]:
        """``solve_any``, as a figure next to the plan."""
        return self._chosen(problems, [self.solve_for_cost(problem) for problem in problems], self.solve_aside)

    def _chosen(
        self, problems: Sequence[Problem], answers: list[Solution], solve: Callable[[Problem], Solution]
    ) -> tuple[Problem, Solution]:
        best = _cheapest(answers)
        answers[best] = solve(problems[best])
        return problems[best], _proven_by(answers, best)

    def cost_of_any(self, problems: Iterable[Problem]) -> Solution:
        """``solve_any``, when the shares are not needed."""
        return best_of([self.solve_for_cost(problem) for problem in problems])

    def _solved_for_cost(self, problem: Problem) -> Solution:
        return solver.solve_for_cost(problem, solver=self.solver, time_limit_s=self._line_limit_s)

    @property
    def _line_limit_s(self) -> int | None:
        limits = [limit for limit in (self.time_limit_s, self.line_limit_s) if limit is not None]
        return min(limits, default=None)

    def solve_aside(self, problem: Problem) -> Solution:
        """The cheapest fleet of a Problem with even shares, as a figure next to the plan."""
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
        """With the quotas to blame, if they are why there is no fleet."""
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


def best_of(answers: Sequence[Solution]) -> Solution:
    """The cheapest of the answers to one question posed in several ways (see ``PosedProblem.problems``)."""
    return _proven_by(answers, _cheapest(answers))


def _cheapest(answers: Sequence[Solution]) -> int:
    """Which answer costs least; of those that cost the same, or where none has a fleet, the first."""
    best = 0
    for at, answer in enumerate(answers[1:], 1):
        cost, least = answer.fleet_usd_per_hour, answers[best].fleet_usd_per_hour
        if cost is not None and (least is None or cost < least - equal_within(least)):
            best = at
    return best


def _proven_by(answers: Sequence[Solution], best: int) -> Solution:
    """The best of the answers to one question: proven as far as no other could still turn out cheaper."""
    found = answers[best]
    cost, bound = found.fleet_usd_per_hour, found.fleet_lower_bound_usd_per_hour
    if cost is None:
        return found
    others = [answer for answer in answers if answer is not found and answer.status is not Status.INFEASIBLE]
    for other in others:
        bound = (
            None
            if bound is None or other.fleet_lower_bound_usd_per_hour is None
            else min(bound, other.fleet_lower_bound_usd_per_hour)
        )
    if bound is not None and bound >= cost - equal_within(cost):
        return found
    return replace(found, status=Status.FEASIBLE, fleet_lower_bound_usd_per_hour=bound)


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


def serves_all(problem: Problem) -> bool:
    """Whether each row has a kind that serves it whole."""
    return {row for row, _ in problem.load_of_rows()} == set(problem.rows)


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
