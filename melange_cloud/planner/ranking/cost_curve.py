"""What one side of a comparison costs while its profiles are off by a part of their errors.

It is a ``turning_point.CostSteps``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from melange_cloud import solver
from melange_cloud.domain import Bucket, Kind, MaxTput, MaxTputTable, Problem, row_load
from melange_cloud.planner.posed_problem import with_max_tput
from melange_cloud.planner.problem_solver import ProblemSolver
from melange_cloud.solver import WHOLE_TOLERANCE, NodeBudgetSpent, Staircase, staircase_of

HALVINGS = 50
"""Of an interval of t, to find where a fleet is full: what is left is below the floating point of t."""


@dataclass
class CostCurve:
    """The least cost of one side while the kinds of ``moved`` are off by t of their errors, the others as stated."""

    problem: Problem
    stated: MaxTputTable
    buckets: Sequence[Bucket]
    moved: frozenset[Kind]
    hours: float
    solving: ProblemSolver
    _solved: dict[float, tuple[float | None, Callable[[float], bool]]] = field(default_factory=dict)
    _loads: dict[tuple[Kind, float], float] = field(default_factory=dict)
    _staircase: Staircase | None = None

    def __post_init__(self) -> None:
        self._staircase = staircase_of(self._problem_at(0.0, set(self.problem.kinds)))

    def usd(self, t: float) -> float | None:
        """See ``turning_point.CostSteps``."""
        cost, _ = self._at(t)
        return None if cost is None else cost * self.hours

    def serves_from(self, t: float, low: float) -> float:
        """See ``turning_point.CostSteps``."""
        _, serves_at = self._at(t)
        if serves_at(low):
            return low
        fails, serves = low, t
        for _ in range(HALVINGS):
            middle = (fails + serves) / 2
            if serves_at(middle):
                serves = middle
            else:
                fails = middle
        return serves

    def _at(self, t: float) -> tuple[float | None, Callable[[float], bool]]:
        """The least cost at t, USD/h, and whether the fleet that has it serves at another value."""
        if t not in self._solved:
            self._solved[t] = self._on_staircase(t) if self._staircase is not None else self._by_solver(t)
        return self._solved[t]

    def _on_staircase(self, t: float) -> tuple[float | None, Callable[[float], bool]]:
        if self._staircase is None:
            raise ValueError("there is no staircase")
        try:
            serving = {kind: load for kind, load in self._loads_at(t).items() if math.isfinite(load)}
            step = self._staircase.with_loads(serving).cheapest()
        except NodeBudgetSpent:
            return self._by_solver(t)
        if step is None:
            return None, lambda _: True

        def serves(other: float) -> bool:
            loads = self._loads_at(other)
            capacity = math.fsum(held / loads[kind] for kind, held in step.replicas.items())
            return capacity >= 1 - WHOLE_TOLERANCE

        return step.fleet_usd_per_hour, serves

    def _by_solver(self, t: float) -> tuple[float | None, Callable[[float], bool]]:
        serving = {kind for kind, load in self._loads_at(t).items() if math.isfinite(load)}
        if not serving:
            return None, lambda _: True
        solution = self.solving.solve_for_cost(self._problem_at(t, serving))
        used = {kind for _, kind in solution.instances}

        def serves(other: float) -> bool:
            if not all(math.isfinite(self._load_at(kind, self._part_of(kind, other))) for kind in used):
                return False
            return not used or solver.most_traffic(self._problem_at(other, used), solution.instances) >= 1

        return solution.fleet_usd_per_hour, serves

    def _loads_at(self, t: float) -> dict[Kind, float]:
        """Replicas that each kind keeps busy by serving everything; infinite where it may serve none of some size."""
        return {kind: self._load_at(kind, self._part_of(kind, t)) for kind in self.problem.kinds}

    def _part_of(self, kind: Kind, t: float) -> float:
        return t if kind in self.moved else 0.0

    def _load_at(self, kind: Kind, t: float) -> float:
        if (kind, t) not in self._loads:
            planned = self.problem.planned_requests_per_s
            parts = [
                (planned[bucket.name], self.stated[bucket.name, kind].off_by(t))
                for bucket in self.buckets
                if planned[bucket.name] > 0
            ]
            served = [(rate, cell) for rate, cell in parts if isinstance(cell, MaxTput)]
            self._loads[kind, t] = row_load(served).charged if len(served) == len(parts) else math.inf
        return self._loads[kind, t]

    def _problem_at(self, t: float, kinds: set[Kind]) -> Problem:
        held = tuple(kind for kind in self.problem.kinds if kind in kinds)
        table = {
            (bucket.name, kind): self.stated[bucket.name, kind].off_by(self._part_of(kind, t))
            for kind in held
            for bucket in self.buckets
        }
        return with_max_tput(replace(self.problem, kinds=held), table)
