"""A staircase's bundle as a Solution, and what a solver's answer to the same question is held against."""

from dataclasses import dataclass, replace

from melange_cloud.domain import Problem, Quotas, Solution, Status
from melange_cloud.domain.money import equal_within
from melange_cloud.solver.checks import fleet_cost_usd_per_hour, quota_uses
from melange_cloud.solver.covering import NodeBudgetSpent
from melange_cloud.solver.even_shares import even_shares_of_one_row
from melange_cloud.solver.staircase import staircase_of

TOLERATED = 2e-5
"""What solvers' tolerances may make of a demand, as a fraction: GLPK takes 1.00001 instances for one."""


@dataclass(frozen=True, slots=True)
class StaircaseSolution:
    """A question whose answer is counted and not searched.

    Attributes:
        solution: the answer: optimal, its fleet the staircase's.
        tolerated_fleet_usd_per_hour: what the cheapest fleet costs that a solver's tolerances may let pass.
    """

    solution: Solution
    tolerated_fleet_usd_per_hour: float

    def contradicts(self, usd_per_hour: float) -> bool:
        """Whether a solver that calls this the least cost is wrong by more than tolerances explain."""
        known = self.solution.fleet_usd_per_hour or 0.0
        within = equal_within(known)
        return not self.tolerated_fleet_usd_per_hour - within <= usd_per_hour <= known + within


def counted(problem: Problem) -> StaircaseSolution | None:
    """The cheapest fleet by the staircase; None if that does not answer the question exactly, or not soon.

    Quotas can only make a fleet more expensive: the cheapest without them is the answer where it keeps them.

    Args:
        problem: with traffic in each bucket, and numbers that are finite.
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
