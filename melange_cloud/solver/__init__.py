"""The only place that knows Pyomo: a Problem goes in, a verified Solution comes out."""

from melange_cloud.solver.cheapest_cost import solve_for_cost
from melange_cloud.solver.checks import MOST_REPLICAS, WHOLE_TOLERANCE, fleet_lower_bound_usd_per_hour, verify
from melange_cloud.solver.covering import NodeBudgetSpent
from melange_cloud.solver.even_shares import most_traffic
from melange_cloud.solver.least_change import least_change
from melange_cloud.solver.programs.find import SOLVERS, SolverProgram, find_programs
from melange_cloud.solver.search import cheapest_single_kind, solve
from melange_cloud.solver.staircase import Staircase, Step, Tread, staircase_of

__all__ = [
    "MOST_REPLICAS",
    "SOLVERS",
    "WHOLE_TOLERANCE",
    "NodeBudgetSpent",
    "SolverProgram",
    "Staircase",
    "Step",
    "Tread",
    "cheapest_single_kind",
    "find_programs",
    "fleet_lower_bound_usd_per_hour",
    "least_change",
    "most_traffic",
    "solve",
    "solve_for_cost",
    "staircase_of",
    "verify",
]
