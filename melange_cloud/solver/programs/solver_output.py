"""Reads the output of GLPK and CBC: first how they ended, then the values."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from melange_cloud.domain import Status


class UnusableOutput(Exception):
    """A solver's output does not say how it ended; the text is a clause."""


@dataclass(frozen=True, slots=True)
class SolverOutcome:
    """How a solver run ended.

    Attributes:
        status: has a fleet only if there are values.
        objective: of the values, as reported by the solver.
        bound: the solver's lower bound of the objective; None if it has none.
        values: by the variable's name in the LP file.
    """

    status: Status
    objective: float | None = None
    bound: float | None = None
    values: dict[str, float] = field(default_factory=dict)


NO_FEASIBLE = re.compile(r"HAS NO (PRIMAL |INTEGER )?FEASIBLE SOLUTION")
GLPK_BOUND = re.compile(r"^[+\s]*\d+: (?:>>>>>|mip =)\s+(?:not found yet|\S+)\s+>=\s+(\S+)", re.MULTILINE)
CBC_LOWER_BOUND = re.compile(r"^Lower bound:\s+(\S+)", re.MULTILINE)
GLPK_PRINTS_TO = 1e-9
CBC_PRINTS_TO = 1e-5
"""Bounds are printed rounded (CBC 2.10: to three decimals), so they are lowered by this fraction of themselves."""


def read_glpk(log: str, columns: Path, answer: Path) -> SolverOutcome:
    """Read ``glpsol``'s log, the problem that it wrote with --wglp (for the names) and its --write file."""
    try:
        lines = answer.read_text(encoding="ascii").splitlines()
        verdict = next(line.split() for line in lines if line.startswith("s "))
        objective = float(verdict[-1])
        ended = "".join(verdict[4:-1])
        if verdict[1] not in ("mip", "bas"):
            raise UnusableOutput("its answer has an unknown form")
        if "n" in ended or NO_FEASIBLE.search(log):
            return SolverOutcome(Status.INFEASIBLE)
        bounds = [float(bound) for bound in GLPK_BOUND.findall(log) if bound not in ("-inf", "tree")]
        bound = bounds[-1] - abs(bounds[-1]) * GLPK_PRINTS_TO if bounds else None
        out_of_time = "TIME LIMIT EXCEEDED" in log
        if ended in ("u", "uu", "fu", "uf"):
            if not out_of_time:
                raise UnusableOutput(f"it stopped without an answer{_last_line(log)}")
            return SolverOutcome(Status.UNKNOWN, bound=bound)
        names = {}
        for line in columns.read_text(encoding="ascii").splitlines():
            if line.startswith("n j "):
                _, _, column, name = line.split()
                names[column] = name
        values = {}
        for line in lines:
            if line.startswith("j "):
                fields = line.split()
                values[names[fields[1]]] = float(fields[2] if verdict[1] == "mip" else fields[3])
        if ended in ("o", "ff"):
            return SolverOutcome(Status.OPTIMAL, objective, objective, values)
        if ended == "f":
            return SolverOutcome(Status.FEASIBLE, objective, bound, values)
        raise UnusableOutput(f"it ended in the unknown state {ended!r}")
    except FileNotFoundError:
        raise UnusableOutput(f"it ended without writing an answer{_last_line(log)}") from None
    except (StopIteration, KeyError, IndexError, ValueError):
        raise UnusableOutput("its answer cannot be read") from None


def read_cbc(log: str, answer: Path) -> SolverOutcome:
    """Read CBC's log and the solution file that it wrote with every variable."""
    try:
        first, *rest = answer.read_text(encoding="ascii").splitlines()
        verdict, _, number = first.partition(" - objective value ")
        objective = float(number)
        lower = [float(bound) for bound in CBC_LOWER_BOUND.findall(log)]
        bound = lower[-1] - max(abs(lower[-1]) * CBC_PRINTS_TO, 5e-4) if lower else None
        if verdict in ("Infeasible", "Integer infeasible"):
            return SolverOutcome(Status.INFEASIBLE)
        if "no integer solution" in verdict:
            return SolverOutcome(Status.UNKNOWN, bound=bound)
        values = {}
        for line in rest:
            fields = line.replace("**", " ").split()
            values[fields[1]] = float(fields[2])
        if verdict in ("Optimal", "Optimal (within gap tolerance)"):
            return SolverOutcome(Status.OPTIMAL, objective, objective, values)
        if verdict.startswith("Stopped on "):
            return SolverOutcome(Status.FEASIBLE, objective, bound, values)
        raise UnusableOutput(f"it ended in the unknown state {verdict!r}")
    except FileNotFoundError:
        raise UnusableOutput(f"it ended without writing an answer{_last_line(log)}") from None
    except (IndexError, ValueError):
        raise UnusableOutput("its answer cannot be read") from None


def _last_line(log: str) -> str:
    lines = log.strip().splitlines()
    return f' ("{lines[-1].strip()[:120]}")' if lines else ""
