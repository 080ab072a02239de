"""``melange-cloud solve``: the paper's own input, solved exactly."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.options import AnyFormat, Force, Out, Solver, TimeLimit
from melange_cloud.cli.output import show
from melange_cloud.cli.result_file import result_of
from melange_cloud.domain.question import DEFAULT_SOLVER
from melange_cloud.errors import BadInput, NoPlan
from melange_cloud.report.page import Format

TIME_LIMIT_REACHED = 6
_MOST_SLICES = 10_000
_MOST_SECONDS = 31_536_000


def solve(
    file: Annotated[Path, typer.Argument(help="JSON in the format of the paper's release (examples/paper/README.md).")],
    slices: Annotated[
        int | None,
        typer.Option("--slices", help="Cut every bucket into N equal slices, as the paper does; else shares."),
    ] = None,
    solver: Solver = DEFAULT_SOLVER,
    time_limit: TimeLimit = None,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Solve the paper's own input, exactly.

    It has GPU costs, MaxTput tables and a distribution over buckets.

    Example:

    melange-cloud solve examples/paper-toy/input.json --slices 3
    """
    result = result_of(out, format_, Format, force=force)
    if slices is not None and slices < 1:
        raise BadInput(f"--slices {slices}: a whole number of at least 1")
    if slices is not None and slices > _MOST_SLICES:
        raise BadInput(f"--slices {slices}: at most {_MOST_SLICES:,}")
    if time_limit is not None and not 1 <= time_limit <= _MOST_SECONDS:
        raise BadInput(f"--time-limit {time_limit}: whole seconds, at least 1 and at most {_MOST_SECONDS:,}")
    from melange_cloud import paper
    from melange_cloud import solver as solvers
    from melange_cloud.domain import Status
    from melange_cloud.report.pages.solution import paper_solution

    question = paper.read_paper_input(file)
    solution = solvers.solve(
        paper.to_problem(question), solver=solver.strip().lower(), time_limit_s=time_limit, slices=slices
    )
    if solution.status is Status.INFEASIBLE:
        raise NoPlan(f"{file}: {solution.reason}")
    show(paper_solution(solution, slices=slices, asked=question.slice_factor), result)
    if solution.status is not Status.OPTIMAL:
        raise typer.Exit(TIME_LIMIT_REACHED)
