"""Turns a Problem into a verified Solution: which solver to use, what to trust, and how to make it exact."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import monotonic

from melange_cloud.domain import Kind, Problem, Quotas, Solution, Status
from melange_cloud.domain.money import equal_within
from melange_cloud.errors import BadInput, SolverFailed
from melange_cloud.solver.checks import (
    fleet_cost_usd_per_hour,
    fleet_lower_bound_usd_per_hour,
    load_alone,
    quota_uses,
    refuse_numbers,
    replicas_of,
    verify,
    whole_replicas,
    why_impossible,
    with_traffic,
)
from melange_cloud.solver.covering import NodeBudgetSpent, cover
from melange_cloud.solver.even_shares import Shares
from melange_cloud.solver.model import create_model
from melange_cloud.solver.programs.find import SolverProgram, find_highs, programs_for
from melange_cloud.solver.programs.run import failure, run
from melange_cloud.solver.programs.solver_output import SolverOutcome, UnusableOutput
from melange_cloud.solver.staircase_solution import counted
from melange_cloud.solver.whole_fleet import Instances, best_fleet, items_of, quota_limits, read_values

FIRST_TRY_S = 2
"""Seconds that ``auto`` gives GLPK: it proves most plans in hundredths of a second, the rest often not in an hour."""

CHECK_S = 10
"""Seconds for a solver if the answer is also counted: it only checks a count that is already proven."""

LOST_IN_TOLERANCES = 1e-3
"""Replicas that a solver may treat as none (GLPK: 1e-5 of an instance, so 8e-5 replicas)."""

CONTRADICTION = 1e-6
"""A proven bound that exceeds a known fleet's cost by more (a fraction, and USD/h) is wrong, not imprecise."""


def solve(
    problem: Problem,
    *,
    solver: str = "auto",
    time_limit_s: int | None = None,
    slices: int | None = None,
    even: bool = True,
) -> Solution:
    """The cheapest fleet for ``problem``, verified in plain arithmetic.

    Args:
        problem: the question.
        solver: one of SOLVERS.
        time_limit_s: whole seconds, at least 1, for the whole search; None for no limit.
        slices: None for continuous shares; N splits each row into N equal pieces.
        even: False skips the search for even shares, if only the cost is needed.

    If the answer can also be counted (``staircase_solution.py``), the solver's answer is checked against the count. The
    count is proven, so nothing is left open if the solver is stopped (after CHECK_S at the latest).

    Returns:
        OPTIMAL; FEASIBLE with a bound; INFEASIBLE with the reason; or UNKNOWN if no fleet was found in time.

    Raises:
        BadInput: an option or a number is invalid.
        SolverFailed: no solver was found or could be started, or its answer is wrong.
    """
    refuse_options(time_limit_s, slices)
    problem = with_traffic(problem)
    refuse_numbers(problem)
    programs = programs_for(solver)
    if reason := why_impossible(problem):
        return Solution(Status.INFEASIBLE, reason=reason)
    return _ProgramSearch(problem, solver, time_limit_s, slices, even).through(programs)


def cheapest_single_kind(
    problem: Problem, kind: Kind, *, solver: str = "auto", time_limit_s: int | None = None
) -> Solution:
    """The same question with ``kind`` alone: every share is 1, so an exact covering answers it.

    Args, Returns and Raises are those of ``solve``, which is used if quotas make the covering take too long.
    """
    refuse_options(time_limit_s, None)
    problem = with_traffic(problem)
    refuse_numbers(problem)
    alone = replace(
        problem,
        kinds=(kind,),
        offers=tuple(offer for offer in problem.offers if offer.replicas_per_instance(kind)),
    )
    if not alone.offers:
        return Solution(Status.INFEASIBLE, reason=f"no offer hosts {kind}")
    if reason := why_impossible(alone):
        return Solution(Status.INFEASIBLE, reason=reason)
    try:
        instances = _instances_of_one(alone, kind)
    except NodeBudgetSpent:
        return solve(alone, solver=solver, time_limit_s=time_limit_s)
    if instances is None:
        needed = _instances_of_one(replace(alone, quotas=Quotas()), kind) or {}
        return Solution(Status.INFEASIBLE, reason=_exceeded(alone, needed))
    cost = fleet_cost_usd_per_hour(alone, instances)
    shares = {(row, kind): 1.0 for row in alone.rows}
    return _verified(alone, Solution(Status.OPTIMAL, instances, shares, cost, cost, "covering"))


def _instances_of_one(problem: Problem, kind: Kind) -> Instances | None:
    """The cheapest instances with which ``kind`` alone serves everything; None if the quotas leave too little."""
    demand = whole_replicas(load_alone(problem, kind))
    counts = cover(items_of(problem, kind), demand, quota_limits(problem), problem.spare)
    return None if counts is None else {(name, kind): count for name, count in sorted(counts.items())}


def _best_of_one_kind(problem: Problem) -> Solution | None:
    """A first fleet, as an upper bound of the optimum: the cheapest of one kind; None if none is found quickly.

    Among fleets that cost the same, the one with the fewest instances, then the least busy one.
    """
    loads = problem.load_of_rows()
    found: list[tuple[float, int, float, Kind, Instances]] = []
    for kind in problem.kinds:
        if all((row, kind) in loads for row in problem.rows):
            try:
                instances = _instances_of_one(problem, kind)
            except NodeBudgetSpent:
                continue
            if instances:
                busy = load_alone(problem, kind) / replicas_of(problem, instances)[kind]
                cost = fleet_cost_usd_per_hour(problem, instances)
                found.append((round(cost, 6), sum(instances.values()), busy, kind, instances))
    if not found:
        return None
    *_, kind, instances = min(found)
    shares = {(row, kind): 1.0 for row in problem.rows}
    return Solution(Status.FEASIBLE, instances, shares, fleet_cost_usd_per_hour(problem, instances), None, "covering")


def _surely_to_be_rented(problem: Problem) -> frozenset[Kind]:
    """The kinds that a solver would serve with no instance; all kinds if there is only one row."""
    if len(problem.rows) == 1:
        return frozenset(problem.kinds)
    alone: dict[Kind, float] = {}
    for (_, kind), load in problem.load_of_rows().items():
        alone[kind] = alone.get(kind, 0.0) + load
    return frozenset(kind for kind, load in alone.items() if load < LOST_IN_TOLERANCES)


class _ProgramSearch:
    """One question, given to one program after another until an answer is proven or time is up."""

    def __init__(self, problem: Problem, solver: str, time_limit_s: int | None, slices: int | None, even: bool) -> None:
        self.problem, self.solver, self.time_limit_s, self.slices = problem, solver, time_limit_s, slices
        self.even = even
        self.ends_at = None if time_limit_s is None else monotonic() + time_limit_s
        self.bound = fleet_lower_bound_usd_per_hour(problem)
        self.best = _best_of_one_kind(problem)
        self.to_be_rented = _surely_to_be_rented(problem)
        self.counted = counted(problem) if slices is None else None

    def through(self, programs: Iterable[SolverProgram]) -> Solution:
        """The answer of the first program that proves one, otherwise the best of all."""
        queue = list(programs)
        failures: list[SolverFailed] = []
        answers = 0
        infeasible: list[SolverProgram] = []
        while queue:
            program = queue.pop(0)
            limit_s = self._time_for(program, last=not queue)
            if limit_s == 0:
                break
            try:
                ending = self._ask(program, limit_s)
            except SolverFailed as failed:
                if program.variable is not None:  # the user named it, so do not silently continue without it
                    raise
                failures.append(failed)
                continue
            answers += 1
            if ending.status is Status.INFEASIBLE:
                infeasible.append(program)
            if self._is_proven() or len(infeasible) > 1:
                break
            if self.counted is not None:
                break
            if ending.status in (Status.OPTIMAL, Status.INFEASIBLE) and not queue:
                queue += self._second_opinion(program)
        if failures and not answers:
            raise SolverFailed("; ".join(str(failed) for failed in failures))
        return self._conclusion(infeasible)

    def _second_opinion(self, program: SolverProgram) -> list[SolverProgram]:
        """HiGHS, to confirm answers for which one program is not trusted: no fleet, or one that depends on tolerances.

        CBC's development build (cbcbox 2.935) calls some feasible questions infeasible, and so does GLPK with millions
        of replicas. GLPK also treats 1.00001 instances as one, and has no option against it.
        """
        highs = find_highs()
        return [highs] if highs is not None and program.solver != "highs" else []

    def _conclusion(self, infeasible: list[SolverProgram]) -> Solution:
        if self.counted is not None:
            return _verified(self.problem, self._as_counted(self.counted.solution))
        if self.best is not None and self.best.fleet_usd_per_hour is not None:
            if self._is_proven():
                solution = replace(
                    self.best, status=Status.OPTIMAL, fleet_lower_bound_usd_per_hour=self.best.fleet_usd_per_hour
                )
            else:
                solution = replace(self.best, fleet_lower_bound_usd_per_hour=self.bound)
            return _verified(self.problem, solution)
        if infeasible:
            return Solution(Status.INFEASIBLE, solver=infeasible[-1].solver, reason=self._why_infeasible())
        within = f" within {self.time_limit_s} s" if self.time_limit_s else ""
        return Solution(Status.UNKNOWN, fleet_lower_bound_usd_per_hour=self.bound, reason=f"no fleet was found{within}")

    def _as_counted(self, exact: Solution) -> Solution:
        """The fleet found if its cost equals the count, which proves it cheapest; otherwise the counted fleet.

        The latter if time was up, or if the solver's fleet depends on its tolerances.
        """
        known = exact.fleet_usd_per_hour or 0.0
        if self.best is None or self.best.fleet_usd_per_hour is None:
            return exact
        if abs(self.best.fleet_usd_per_hour - known) > equal_within(known):
            return exact
        return replace(self.best, status=Status.OPTIMAL, fleet_lower_bound_usd_per_hour=self.best.fleet_usd_per_hour)

    def _time_for(self, program: SolverProgram, last: bool) -> int | None:
        left_s = None if self.ends_at is None else max(0, round(self.ends_at - monotonic()))
        if self.counted is not None:
            left_s = CHECK_S if left_s is None else min(CHECK_S, left_s)
        if self.solver == "auto" and program.solver == "glpk" and not last:
            return FIRST_TRY_S if left_s is None else min(FIRST_TRY_S, left_s)
        return left_s

    def _ask(self, program: SolverProgram, limit_s: int | None) -> SolverOutcome:
        """Get one program's answer and update ``best`` and ``bound``.

        If it serves a load below its tolerances with no instance, it is run again with more constraints. The earlier
        questions are relaxations, so their bounds hold.
        """
        ends_at = None if limit_s is None else monotonic() + limit_s
        while True:
            ending, served_by_nothing = self._ask_once(program, limit_s)
            if not served_by_nothing or self._is_proven():
                return ending
            self.to_be_rented |= served_by_nothing
            if ends_at is not None:
                limit_s = int(ends_at - monotonic())
                if limit_s < 1:
                    return SolverOutcome(Status.UNKNOWN, bound=ending.bound)

    def _ask_once(self, program: SolverProgram, limit_s: int | None) -> tuple[SolverOutcome, frozenset[Kind]]:
        """The answer, and the kinds that need a constraint on their replicas before it is valid."""
        model = create_model(self.problem, self.slices, self.to_be_rented)
        ending = run(program, model, limit_s)
        if ending.status is Status.INFEASIBLE and self.best is not None:
            raise failure(program, "it calls a feasible question infeasible")
        served_by_nothing: frozenset[Kind] = frozenset()
        if ending.status.has_fleet:
            try:
                values = read_values(self.problem, model, self.slices, ending)
            except UnusableOutput as nonsense:
                raise failure(program, str(nonsense)) from None
            served_by_nothing = values.served_by_nothing
            if ending.status is Status.OPTIMAL and not served_by_nothing:
                self._refuse_contradiction(program, fleet_cost_usd_per_hour(self.problem, values.instances))
            fleet = self._made_exact(values.instances, values.shares, program, ending)
            if fleet is not None:
                self._take(
                    Solution(
                        Status.FEASIBLE, *fleet, fleet_cost_usd_per_hour(self.problem, fleet[0]), None, program.solver
                    )
                )
        if ending.bound is not None:
            known = None if self.best is None else self.best.fleet_usd_per_hour
            if known is not None and ending.bound > known * (1 + CONTRADICTION) + CONTRADICTION:
                raise failure(
                    program,
                    f"it claims that no fleet costs less than {ending.bound:.6f} USD/h, but one costs {known:.6f}",
                )
            self.bound = max(self.bound, ending.bound)
        return ending, served_by_nothing

    def _refuse_contradiction(self, program: SolverProgram, usd_per_hour: float) -> None:
        if self.counted is not None and self.counted.contradicts(usd_per_hour):
            known = self.counted.solution.fleet_usd_per_hour or 0.0
            raise failure(
                program,
                f"it claims that {usd_per_hour:.6f} USD/h is the lowest cost, but counting finds {known:.6f}",
            )

    def _made_exact(
        self, instances: Instances, shares: Shares, program: SolverProgram, ending: SolverOutcome
    ) -> tuple[Instances, Shares] | None:
        """The solver's fleet, covered again and with even shares; None if a fleet of one kind is as good."""
        if ending.status is Status.OPTIMAL and not self._is_better(fleet_cost_usd_per_hour(self.problem, instances)):
            return None
        if self.slices is not None:
            return best_fleet(self.problem, instances, shares, program, even=False)
        fleet = None if self.even else best_fleet(self.problem, instances, shares, program, even=False)
        return fleet or best_fleet(self.problem, instances, shares, program, even=True)

    def _is_better(self, usd_per_hour: float) -> bool:
        """True if a fleet is cheaper than the best known one, which is simpler if they cost the same."""
        if self.best is None or self.best.fleet_usd_per_hour is None:
            return True
        return usd_per_hour < self.best.fleet_usd_per_hour - equal_within(self.best.fleet_usd_per_hour)

    def _take(self, found: Solution) -> None:
        if found.fleet_usd_per_hour is not None and self._is_better(found.fleet_usd_per_hour):
            self.best = found

    def _is_proven(self) -> bool:
        if self.best is None or self.best.fleet_usd_per_hour is None:
            return False
        return self.best.fleet_usd_per_hour <= self.bound + equal_within(self.best.fleet_usd_per_hour)

    def _why_infeasible(self) -> str:
        free = solve(
            replace(self.problem, quotas=Quotas()),
            solver=self.solver,
            time_limit_s=self.time_limit_s,
            slices=self.slices,
        )
        return _exceeded(self.problem, free.instances)


def _exceeded(problem: Problem, instances: Mapping[tuple[str, Kind], int]) -> str:
    """Why quotas leave no fleet, given the cheapest one without them (empty if that is unknown)."""
    over = [
        f"{option}={most} (it needs {used})"
        for option, (used, most) in quota_uses(problem, instances).items()
        if used > most
    ]
    reason = "the quotas leave too little for any fleet"
    return f"{reason}; the cheapest fleet without them exceeds {', '.join(over)}" if over else reason


def refuse_options(time_limit_s: int | None, slices: int | None) -> None:
    """Check the time limit and the number of slices: whole numbers of at least 1.

    Raises:
        BadInput: one of them is invalid.
    """
    if time_limit_s is not None and (time_limit_s != int(time_limit_s) or time_limit_s < 1):
        raise BadInput(f"--time-limit {time_limit_s}: give whole seconds, at least 1")
    if slices is not None and (slices != int(slices) or slices < 1):
        raise BadInput(f"--slices {slices}: give a whole number, at least 1")


def _verified(problem: Problem, solution: Solution) -> Solution:
    if wrong := verify(problem, solution):
        raise SolverFailed(f"{solution.solver} failed: its answer is wrong: {wrong[0]}; try another --solver")
    return solution
