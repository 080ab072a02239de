"""The cost of the cheapest fleet, if its shares of the traffic are not needed.

On a staircase the answer is counted, exactly and instantly; everything else is solved.
"""

from melange_cloud.domain import Problem, Solution, Status
from melange_cloud.solver.checks import refuse_numbers, why_impossible, with_traffic
from melange_cloud.solver.search import refuse_options, solve
from melange_cloud.solver.staircase_solution import counted


def solve_for_cost(problem: Problem, *, solver: str = "auto", time_limit_s: int | None = None) -> Solution:
    """The cheapest fleet, with even shares or not.

    Args, Returns and Raises are those of ``solver.solve``; ``solver`` is ``staircase`` if none was needed.
    """
    refuse_options(time_limit_s, None)
    with_some = with_traffic(problem)
    refuse_numbers(with_some)
    if reason := why_impossible(with_some):
        return Solution(Status.INFEASIBLE, reason=reason)
    found = counted(with_some)
    return solve(problem, solver=solver, time_limit_s=time_limit_s, even=False) if found is None else found.solution
