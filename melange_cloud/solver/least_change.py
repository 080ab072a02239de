"""The fleet with the fewest changes from today's, among those that cost at most a given amount."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from melange_cloud.domain import Problem, Solution, Status
from melange_cloud.domain.money import equal_within
from melange_cloud.errors import SolverFailed
from melange_cloud.solver.checks import breaches, fleet_cost_usd_per_hour, refuse_numbers, with_traffic
from melange_cloud.solver.even_shares import even_shares
from melange_cloud.solver.model import create_model
from melange_cloud.solver.programs.find import SolverProgram, programs_for
from melange_cloud.solver.programs.run import failure, run
from melange_cloud.solver.programs.solver_output import UnusableOutput
from melange_cloud.solver.whole_fleet import Instances, read_values


def least_change(
    problem: Problem,
    current: Mapping[str, int],
    most_usd_per_hour: float,
    *,
    solver: str = "auto",
    time_limit_s: int | None = None,
) -> Solution:
    """Find the fleet with the fewest instances rented or given back, then the lowest cost.

    Args:
        problem: the question; there must be a fleet that costs at most ``most_usd_per_hour``.
        current: today's instances, by offer name; names that are not in the problem are not counted.
        most_usd_per_hour: upper limit of the fleet's cost.
        solver, time_limit_s: as for ``solve``; the limit applies to each of two solves.

    Returns:
        OPTIMAL if the fewest changes and their lowest cost are proven; FEASIBLE if time ran out before; UNKNOWN if
        nothing was found. ``lower_bound_usd_per_hour`` is the cost itself, since cheaper fleets do not matter here.

    Raises:
        SolverFailed: no solver was found or could be started, or its answer is wrong.
    """
    problem = with_traffic(problem)
    refuse_numbers(problem)
    most = most_usd_per_hour + equal_within(most_usd_per_hour)
    failures: list[SolverFailed] = []
    best: Solution | None = None
    programs = programs_for(solver)
    for program in reversed(programs) if solver == "auto" else programs:
        try:
            found = _through(problem, current, most, program, time_limit_s)
        except SolverFailed as failed:
            if program.variable is not None:  # the user named it, so do not silently continue without it
                raise
            failures.append(failed)
            continue
        if found.status is Status.OPTIMAL:
            return found
        best = found if best is None or found.status.has_fleet else best
    if best is None:
        raise SolverFailed("; ".join(str(failed) for failed in failures))
    return best


def _through(
    problem: Problem, current: Mapping[str, int], most: float, program: SolverProgram, time_limit_s: int | None
) -> Solution:
    """Run one program: first for the fewest changes, then for the lowest cost with that number."""
    fewest = _ask(problem, current, most, None, program, time_limit_s)
    if fewest is None:
        return Solution(Status.UNKNOWN, solver=program.solver, reason="no fleet was found in time")
    instances, proven = fewest
    cheapest = _ask(problem, current, most, changes(problem, current, instances), program, time_limit_s)
    if cheapest is not None:
        instances, proven = cheapest[0], proven and cheapest[1]
    shares = even_shares(problem, instances, program)
    if shares is None or (wrong := breaches(problem, instances, shares)):
        why = "it is too small" if shares is None else wrong[0]
        raise failure(program, f"the fleet with the fewest changes is wrong: {why}")
    cost = fleet_cost_usd_per_hour(problem, instances)
    status = Status.OPTIMAL if proven else Status.FEASIBLE
    return Solution(status, instances, shares, cost, cost, program.solver)


def changes(problem: Problem, current: Mapping[str, int], instances: Instances) -> int:
    """The number of instances rented and given back, among the problem's offers."""
    planned: dict[str, int] = {}
    for (name, _), count in instances.items():
        planned[name] = planned.get(name, 0) + count
    return sum(abs(planned.get(offer.name, 0) - current.get(offer.name, 0)) for offer in problem.offers)


def _ask(
    problem: Problem,
    current: Mapping[str, int],
    most_usd_per_hour: float,
    most_changes: int | None,
    program: SolverProgram,
    time_limit_s: int | None,
) -> tuple[Instances, bool] | None:
    model = _model(problem, current, most_usd_per_hour, most_changes)
    ending = run(program, model, time_limit_s)
    if ending.status is Status.INFEASIBLE:
        raise failure(program, "it calls a feasible question infeasible")
    if not ending.status.has_fleet:
        return None
    try:
        values = read_values(problem, model, None, replace(ending, objective=None))
    except UnusableOutput as nonsense:
        raise failure(program, str(nonsense)) from None
    return values.instances, ending.status is Status.OPTIMAL


def _model(problem: Problem, current: Mapping[str, int], most_usd_per_hour: float, most_changes: int | None) -> Any:
    """``create_model`` with the following additions for each offer o.

    rented[o], given_back[o] >= 0    instances more or fewer than today
    instances_change[o]              Σ_k instances[o, k] - current[o] = rented[o] - given_back[o]
    cost_stays_within                usd_per_hour <= most_usd_per_hour
    a_kept_offer_is_used[o, k]       with a spare: ``a_rented_offer_is_used``, allowing as many instances as today

    and as objective the changes, or the cost with at most that number.
    """
    import pyomo.core as pyo

    model = create_model(problem, to_be_rented=problem.kinds)
    model.rented = pyo.Var(model.OFFERS, domain=pyo.NonNegativeReals)
    model.given_back = pyo.Var(model.OFFERS, domain=pyo.NonNegativeReals)
    model.instances_change = pyo.Constraint(
        model.OFFERS,
        rule=lambda m, o: (
            sum(m.instances[p, k] for p, k in m.HOSTING if p == o) - current.get(o, 0) == m.rented[o] - m.given_back[o]
        ),
    )
    if problem.spare:
        # A cheapest fleet never has more than enough_instances; today's fleet may, and may be kept.
        model.a_rented_offer_is_used.deactivate()
        model.a_kept_offer_is_used = pyo.Constraint(
            model.HOSTING,
            rule=lambda m, o, k: m.instances[o, k] <= max(m.enough_instances[o, k], current.get(o, 0)) * m.used[o, k],
        )
    all_changes = sum(model.rented[o] + model.given_back[o] for o in model.OFFERS)
    model.cost_stays_within = pyo.Constraint(expr=model.usd_per_hour.expr <= most_usd_per_hour)
    if most_changes is None:
        model.usd_per_hour.deactivate()
        model.all_changes = pyo.Objective(expr=all_changes, sense=pyo.minimize)
    else:
        model.changes_stay_within = pyo.Constraint(expr=all_changes <= most_changes + 0.5)
    return model
