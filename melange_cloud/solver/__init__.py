"""The only place that knows Pyomo: a Problem goes in, a verified Solution comes out."""

from melange_cloud.solver.answer import cheapest_single_kind, solve
from melange_cloud.solver.checks import MOST_REPLICAS, verify
from melange_cloud.solver.least_change import least_change
from melange_cloud.solver.programs import SOLVERS, Program, find_programs
from melange_cloud.solver.shares import most_traffic

__all__ = [
    "MOST_REPLICAS",
    "SOLVERS",
    "Program",
    "cheapest_single_kind",
    "find_programs",
    "least_change",
    "most_traffic",
    "solve",
    "verify",
]
