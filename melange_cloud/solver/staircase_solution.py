"""A staircase's bundle as a Solution, and the limits against which a solver's answer is checked."""

from dataclasses import dataclass, replace

from melange_cloud.domain import Problem, Quotas, Solution, Status
from melange_cloud.domain.money import equal_within
from melange_cloud.solver.checks import fleet_cost_usd_per_hour, quota_uses
from melange_cloud.solver.covering import NodeBudgetSpent
from melange_cloud.solver.even_shares import even_shares_of_one_row
from melange_cloud.solver.staircase import staircase_of

TOLERATED = 2e-5
"""The error of a demand from solvers' tolerances, as a fraction: GLPK treats 1.00001 instances as one."""


@dataclass(frozen=True, slots=True)
class StaircaseSolution:
    """The counted answer to a question.

    Attributes:
        solution: the optimal answer, with the staircase's fleet.
        tolerated_fleet_usd_per_hour: cost of the cheapest fleet that a solver may accept within its tolerances.
    """

    solution: Solution
    tolerated_fleet_usd_per_hour: float

    def contradicts(self, usd_per_hour: float) -> bool:
        """True if a solver that reports this lowest cost is wrong by more than its tolerances explain."""
        known = self.solution.fleet_usd_per_hour or 0.0
        within = equal_within(known)
        return not self.tolerated_fleet_usd_per_hour - within <= usd_per_hour <= known + within


def counted(problem: Problem) -> StaircaseSolution | None:
    """The cheapest fleet from the staircase; None if that is not exact for this question, or takes too long.

    Quotas can only make a fleet more expensive, so the cheapest without them is the answer if it is within them.

    Args:
        problem: with traffic in each bucket and finite numbers.
    """
    staircase = staircase_of(replace(problem, quotas=Quotas()))
    if staircase is None:
        return None
    try:
        step, tolerated = staircase.cheapest(), staircase.cheapest(1 - TOLERATED)
    except NodeBudgetSpent:
        return None
    if step is None or tolerated is None:
        return None
    if any(used > most for used, most in quota_uses(problem, step.instances).values()):
        return None
    shares = even_shares_of_one_row(problem, step.instances)
    if shares is None:
        return None
    cost = fleet_cost_usd_per_hour(problem, step.instances)
    solution = Solution(Status.OPTIMAL, dict(step.instances), shares, cost, cost, "staircase")
    return StaircaseSolution(solution, fleet_cost_usd_per_hour(problem, tolerated.instances))
