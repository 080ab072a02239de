"""Turns a solver's values into a fleet of whole instances: rounded, covered again, with even shares, and verified."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from melange_cloud.domain import Kind, Problem
from melange_cloud.solver.checks import (
    breaches,
    busy_replicas_of,
    fleet_cost_usd_per_hour,
    least_replicas,
    usable_replicas_of,
    whole_replicas,
)
from melange_cloud.solver.covering import CoveringItem, NodeBudgetSpent, cover, nano_usd, nano_usd_of, uses
from melange_cloud.solver.even_shares import Shares, cleaned, even_shares
from melange_cloud.solver.programs.find import SolverProgram
from melange_cloud.solver.programs.solver_output import SolverOutcome, UnusableOutput

ROUGHLY = 1e-3
"""The error that a solver's tolerances explain (GLPK: 1e-5 of an instance, so 8e-5 replicas); more is wrong."""

ROUGHLY_OF_LOAD = 1e-6
"""The same for rounding, as a fraction of everything served."""

SHARE_OF_NOTHING = 1e-7
"""The smallest share of a kind without replicas that a solver's tolerances on shares do not explain."""

Instances = dict[tuple[str, Kind], int]


@dataclass(frozen=True, slots=True)
class RecoveredValues:
    """The values of a solved model, cleaned of the solver's tolerances.

    Attributes:
        instances: whole, positive counts only.
        shares: of rented kinds, each row's scaled to sum to 1; a row without any is left out.
        served_by_nothing: kinds with a share but no replica to fill; their shares are not in ``shares``.
    """

    instances: Instances
    shares: Shares
    served_by_nothing: frozenset[Kind]


def read_values(problem: Problem, model: Any, slices: int | None, ending: SolverOutcome) -> RecoveredValues:
    """Read a solved model.

    Args:
        problem, model, slices: the question, and its solved model.
        ending: how it ended; its objective is checked against the fleet's cost, unless it is None.

    Raises:
        UnusableOutput: the values break the model by more than tolerances explain.
    """
    kinds = {str(kind): kind for kind in problem.kinds}
    instances: Instances = {}
    for name, k in model.HOSTING:
        count = _value(model.instances[name, k])
        if abs(count - round(count)) > ROUGHLY:
            raise UnusableOutput(f"it returns {count} instances of {name}, which is not a whole number")
        if round(count):
            instances[name, kinds[k]] = round(count)
    rented = {kind for _, kind in instances}
    usable = usable_replicas_of(problem, instances)
    shares: Shares = {}
    served_by_nothing = set()
    for row, k in model.SERVABLE:
        kind = kinds[k]
        share = _value(model.share[row, k]) if slices is None else round(_value(model.pieces[row, k])) / slices
        bound_to_replicas = (row, k) in model.TO_BE_RENTED
        if not -ROUGHLY <= share <= 1 + ROUGHLY or (share > ROUGHLY and kind not in rented and bound_to_replicas):
            raise UnusableOutput(
                f"it gives a share of {share} of {row} to {k}{'' if kind in rented else ', which has no instance'}"
            )
        if share > SHARE_OF_NOTHING and usable.get(kind, 0) < 1 and not bound_to_replicas:
            served_by_nothing.add(kind)
        if share > 0 and kind in rented:
            shares[row, kind] = min(share, 1.0)
    cost = fleet_cost_usd_per_hour(problem, instances)
    if ending.objective is not None and abs(ending.objective - cost) > ROUGHLY * (1 + cost):
        raise UnusableOutput(f"it reports {ending.objective} USD/h for a fleet of {cost} USD/h")
    # Spares use big-M constraints, which multiply the tolerances by M; missing replicas are added later.
    rough_fit = ROUGHLY * len(kinds) + ROUGHLY_OF_LOAD * least_replicas(problem)
    rough = breaches(replace(problem, spare=0), instances, shares, ROUGHLY * len(kinds), rough_fit)
    if rough and not served_by_nothing:
        raise UnusableOutput(f"its answer is wrong: {rough[0]}")
    return RecoveredValues(instances, cleaned(shares), frozenset(served_by_nothing))


def best_fleet(
    problem: Problem, instances: Instances, shares: Shares, program: SolverProgram, even: bool = True
) -> tuple[Instances, Shares] | None:
    """The cheapest instances for the same shares, with even shares; None if quotas do not allow it.

    Args:
        problem: the question.
        instances: the solver's, rounded; they may be too few because of its tolerances.
        shares: the solver's.
        program: solves the LP that evens the shares, if HiGHS is not installed.
        even: False keeps ``shares`` as they are, as needed for pieces.
    """
    usable = usable_replicas_of(problem, instances)
    busy = busy_replicas_of(problem, shares)
    if even and any(whole_replicas(load) > usable.get(kind, 0) for kind, load in busy.items()):
        shares = even_shares(problem, instances, program) or shares
        busy = busy_replicas_of(problem, shares)
    demand = {kind: whole_replicas(load) for kind, load in busy.items()}
    if not breaches(problem, instances, shares):
        demand = {kind: min(needed, usable[kind]) for kind, needed in demand.items()}
    covered = _recovered(problem, instances, demand)
    if even:
        shares = even_shares(problem, covered, program) or shares
    return None if breaches(problem, covered, shares) else (covered, shares)


def items_of(problem: Problem, kind: Kind) -> list[CoveringItem]:
    """The offers that host ``kind``, as items of a covering."""
    return [
        CoveringItem(
            offer.name,
            hosts,
            nano_usd(offer.usd_per_instance_hour),
            (
                (f"--max-gpus {offer.gpu}", offer.gpu_count),
                (f"--max-instances {offer.name}", 1),
                (f"--max-vcpus {offer.quota_family}", offer.vcpus),
            ),
        )
        for offer in problem.offers
        if (hosts := offer.replicas_per_instance(kind))
    ]


def quota_limits(problem: Problem) -> dict[str, int]:
    """Every quota by its option, named as in ``items_of``."""
    quotas = problem.quotas
    return (
        {f"--max-gpus {gpu}": most for gpu, most in quotas.max_gpus.items()}
        | {f"--max-instances {name}": most for name, most in quotas.max_instances.items()}
        | {f"--max-vcpus {family}": most for family, most in quotas.max_vcpus.items()}
    )


def _recovered(problem: Problem, instances: Mapping[tuple[str, Kind], int], demand: Mapping[Kind, int]) -> Instances:
    """Instances for ``demand`` replicas, one kind after another, each within the quotas left by the others."""
    limits = quota_limits(problem)
    usable = usable_replicas_of(problem, instances)
    items = {kind: items_of(problem, kind) for kind in problem.kinds}
    counts = {kind: {name: count for (name, k), count in instances.items() if k == kind} for kind in problem.kinds}
    for kind in problem.kinds:
        left = dict(limits)
        for other in problem.kinds:
            if other != kind:
                for quota, used in uses(items[other], counts[other]).items():
                    if quota in left:
                        left[quota] -= used
        needed = demand.get(kind, 0)
        try:
            cheapest = cover(items[kind], needed, left, problem.spare)
        except NodeBudgetSpent:
            continue
        if cheapest is None:
            continue
        costs_more = nano_usd_of(items[kind], cheapest) > nano_usd_of(items[kind], counts[kind])
        if not (costs_more and usable.get(kind, 0) >= needed):
            counts[kind] = cheapest
    return {(name, kind): count for kind in problem.kinds for name, count in sorted(counts[kind].items()) if count}


def _value(variable: Any) -> float:
    """A variable's value; one that is in no constraint never reaches the solver and has none."""
    return 0.0 if variable.value is None else float(variable.value)
