"""The integer program as Pyomo models: pure functions of a Problem. No file, no solver, no print.

Sets
    OFFERS o            offer names, sorted
    KINDS k             a GPU at one degree of tensor parallelism, as ``str(Kind)``: ``L4``, ``H100 x2``; sorted
    HOSTING (o, k)      pairs with replicas_per_instance[o, k] >= 1
    ROWS r              what the router can tell apart, sorted; rows with traffic only
    SERVABLE (r, k)     k has a MaxTput for every bucket with traffic in r
    TO_BE_RENTED (r, k) the pairs among them where a share needs a replica, however small the load
    LIMITED_GPUS g, LIMITED_OFFERS o, LIMITED_FAMILIES f    what has a quota and can be rented here

Parameters
    usd_per_hour_each[o]         price of one instance, USD/h
    replicas_per_instance[o, k]  replicas of k that one instance of o hosts
    load_of_row[r, k]            replicas of k kept busy by all of row r
    front_end_load_of_row[r, k]  replicas of k whose HTTP front ends it keeps busy, if those are a separate limit
    gpu_count[o], vcpus[o]       GPUs and vCPUs of one instance
    max_gpus[g], max_instances[o], max_vcpus[f]    quotas: GPUs, instances, vCPUs
    enough_instances[o, k]       instances with which k alone serves everything and survives losing one

Variables
    instances[o, k]  integer >= 0     instances of o that are given to k
    share[r, k]      0..1             part of row r's traffic that k serves
    pieces[r, k]     integer 0..N     with slices only: share[r, k] = pieces[r, k] / N
    used[o, k]       0 or 1           with a spare only: 1 where instances[o, k] > 0

Expressions
    replicas[k]      replicas of k in the fleet
    busy_replicas[k] replicas of k that its shares keep busy ("load" is a reserved word of Pyomo)
    busy_front_ends[k]  replicas of k whose front ends its shares keep busy

``create_share_model`` fixes the replicas and has one more variable:
    highest_busy_share  >= 0          the busy share of the busiest kind, in units of ``scale``
"""

from collections.abc import Collection, Mapping
from math import ceil, inf
from typing import Any

from melange_cloud.domain import Kind, Problem
from melange_cloud.solver.checks import load_alone


def create_model(problem: Problem, slices: int | None = None, to_be_rented: Collection[Kind] = ()) -> Any:
    """The cheapest fleet for ``problem``, as a Pyomo ConcreteModel.

    Args:
        problem: the question; every row must have a kind that can serve it.
        slices: None for continuous shares; N splits each row into N equal pieces.
        to_be_rented: kinds whose share needs a replica, however small the load; otherwise a load below a solver's
            tolerance is "served" by nothing. These constraints, one per row, cost a solver more than all others and
            most questions do not need them. So an answer is checked first, and they are added for the kinds that need
            them.
    """
    import pyomo.core as pyo

    model = pyo.ConcreteModel(name="cheapest_fleet")
    _declare_sets(model, problem)
    _declare_parameters(model, problem)

    model.instances = pyo.Var(model.HOSTING, domain=pyo.NonNegativeIntegers)
    _declare_shares(model, slices)
    model.replicas = pyo.Expression(model.KINDS, rule=_replicas)
    model.busy_replicas = pyo.Expression(model.KINDS, rule=_busy_replicas)

    model.usd_per_hour = pyo.Objective(rule=_fleet_usd_per_hour, sense=pyo.minimize)
    model.every_request_is_served = pyo.Constraint(model.ROWS, rule=_every_request_is_served)
    model.load_fits_in_replicas = pyo.Constraint(model.KINDS, rule=_load_fits_in_replicas)
    front_ends = problem.front_end_load_of_rows
    if front_ends:
        _declare_front_ends(model, problem)
        model.requests_fit_in_front_ends = pyo.Constraint(model.KINDS, rule=_requests_fit_in_front_ends)
    model.TO_BE_RENTED = pyo.Set(
        initialize=[pair for pair in model.SERVABLE if pair[1] in set(map(str, to_be_rented))], dimen=2
    )
    model.a_used_kind_is_rented = pyo.Constraint(model.TO_BE_RENTED, rule=_a_used_kind_is_rented)
    if problem.spare:
        model.used = pyo.Var(model.HOSTING, domain=pyo.Binary)
        model.a_rented_offer_is_used = pyo.Constraint(model.HOSTING, rule=_a_rented_offer_is_used)
        model.losing_one_instance_is_survived = pyo.Constraint(model.HOSTING, rule=_losing_one_instance_is_survived)
        if front_ends:
            model.losing_one_front_end_is_survived = pyo.Constraint(
                model.HOSTING, rule=_losing_one_front_end_is_survived
            )
        model.losing_one_instance_leaves_a_replica = pyo.Constraint(
            model.ROWS, model.HOSTING, rule=_losing_one_instance_leaves_a_replica
        )
    model.at_most_max_gpus = pyo.Constraint(model.LIMITED_GPUS, rule=_at_most_max_gpus)
    model.at_most_max_instances = pyo.Constraint(model.LIMITED_OFFERS, rule=_at_most_max_instances)
    model.at_most_max_vcpus = pyo.Constraint(model.LIMITED_FAMILIES, rule=_at_most_max_vcpus)
    return model


def create_share_model(
    problem: Problem,
    replicas: Mapping[Kind, int],
    usable_replicas: Mapping[Kind, float],
    scale: float,
    highest_busy_share: float | None = None,
) -> Any:
    """The shares for a given fleet: the lowest highest busy share, then the fewest busy replicas.

    Args:
        problem: the question.
        replicas: the fleet; kinds with replicas only.
        usable_replicas: the replicas of each kind that may be filled: all, minus the largest instance if a spare is
            required; infinite if the kind may take any load.
        scale: replicas; loads are divided by it, so that a solver sees tiny and huge workloads alike.
        highest_busy_share: None for the first question; its answer for the second.
    """
    import pyomo.core as pyo

    model = pyo.ConcreteModel(name="even_shares")
    _declare_sets(model, problem, {str(kind) for kind in replicas})
    model.load_of_row = pyo.Param(
        model.SERVABLE,
        initialize={
            (row, str(kind)): load / scale for (row, kind), load in problem.load_of_rows().items() if kind in replicas
        },
    )
    model.replicas = pyo.Param(model.KINDS, initialize={str(kind): count for kind, count in replicas.items()})
    model.usable_replicas = pyo.Param(
        model.KINDS, initialize={str(kind): count for kind, count in usable_replicas.items()}
    )
    _declare_shares(model, None)
    model.highest_busy_share = pyo.Var(bounds=(0, highest_busy_share))
    model.busy_replicas = pyo.Expression(model.KINDS, rule=_busy_replicas)

    if highest_busy_share is None:
        model.even = pyo.Objective(rule=_highest_busy_share, sense=pyo.minimize)
    else:
        model.lean = pyo.Objective(rule=_all_busy_replicas, sense=pyo.minimize)
    model.every_request_is_served = pyo.Constraint(model.ROWS, rule=_every_request_is_served)
    model.no_kind_is_busier = pyo.Constraint(model.KINDS, rule=_no_kind_is_busier)
    if problem.front_end_load_of_rows:
        _declare_front_ends(model, problem, scale)
        model.no_front_end_is_busier = pyo.Constraint(model.KINDS, rule=_no_front_end_is_busier)
        model.requests_fit_in_usable_front_ends = pyo.Constraint(
            model.KINDS, rule=lambda model, k: _fits_in_usable_replicas(model, k, model.busy_front_ends[k], scale)
        )
    model.load_fits_in_usable_replicas = pyo.Constraint(
        model.KINDS, rule=lambda model, k: _fits_in_usable_replicas(model, k, model.busy_replicas[k], scale)
    )
    return model


def _declare_sets(model: Any, problem: Problem, kinds: set[str] | None = None) -> None:
    import pyomo.core as pyo

    names = [str(kind) for kind in problem.kinds if kinds is None or str(kind) in kinds]
    servable = sorted((row, str(kind)) for row, kind in problem.load_of_rows() if str(kind) in names)
    hosting = [
        (offer.name, str(kind))
        for offer in problem.offers
        for kind in problem.kinds
        if offer.replicas_per_instance(kind) and str(kind) in names
    ]
    model.OFFERS = pyo.Set(initialize=[offer.name for offer in problem.offers])
    model.KINDS = pyo.Set(initialize=names)
    model.ROWS = pyo.Set(initialize=problem.rows)
    model.HOSTING = pyo.Set(initialize=hosting, dimen=2)
    model.SERVABLE = pyo.Set(initialize=servable, dimen=2)
    model.OFFERS_THAT_HOST = pyo.Set(model.KINDS, initialize=_grouped(hosting, names, 1))
    model.ROWS_THAT_FIT = pyo.Set(model.KINDS, initialize=_grouped(servable, names, 1))
    model.KINDS_THAT_SERVE = pyo.Set(model.ROWS, initialize=_grouped(servable, problem.rows, 0))
    quotas = problem.quotas
    gpus = {offer.gpu for offer in problem.offers}
    families = {offer.quota_family for offer in problem.offers}
    model.LIMITED_GPUS = pyo.Set(initialize=sorted(gpus & set(quotas.max_gpus)))
    model.LIMITED_OFFERS = pyo.Set(initialize=sorted({o.name for o in problem.offers} & set(quotas.max_instances)))
    model.LIMITED_FAMILIES = pyo.Set(initialize=sorted(families & set(quotas.max_vcpus)))


def _grouped(pairs: list[tuple[str, str]], keys: Any, key_at: int) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {key: [] for key in keys}
    for pair in pairs:
        groups[pair[key_at]].append(pair[1 - key_at])
    return groups


def _declare_parameters(model: Any, problem: Problem) -> None:
    import pyomo.core as pyo

    def by_offer(domain: Any, field: str) -> Any:
        return pyo.Param(
            model.OFFERS, within=domain, initialize={offer.name: getattr(offer, field) for offer in problem.offers}
        )

    hosted = {
        (offer.name, str(kind)): offer.replicas_per_instance(kind)
        for offer in problem.offers
        for kind in problem.kinds
        if offer.replicas_per_instance(kind)
    }
    loads = problem.load_of_rows()
    alone = {str(kind): load_alone(problem, kind) for kind in problem.kinds}
    model.usd_per_hour_each = by_offer(pyo.NonNegativeReals, "usd_per_instance_hour")
    model.gpu_count = by_offer(pyo.NonNegativeIntegers, "gpu_count")
    model.vcpus = by_offer(pyo.NonNegativeIntegers, "vcpus")
    model.gpu = by_offer(pyo.Any, "gpu")
    model.quota_family = by_offer(pyo.Any, "quota_family")
    model.replicas_per_instance = pyo.Param(model.HOSTING, initialize=hosted)
    model.load_of_row = pyo.Param(
        model.SERVABLE, initialize={(row, str(kind)): load for (row, kind), load in loads.items()}
    )
    # A valid bound: with more instances than this, one can be dropped and the rest can still lose one.
    model.enough_instances = pyo.Param(
        model.HOSTING, initialize={(o, k): ceil(alone[k] / hosts) + 1 for (o, k), hosts in hosted.items()}
    )
    quotas = problem.quotas
    model.max_gpus = pyo.Param(model.LIMITED_GPUS, initialize=lambda _, g: quotas.max_gpus[g])
    model.max_instances = pyo.Param(model.LIMITED_OFFERS, initialize=lambda _, o: quotas.max_instances[o])
    model.max_vcpus = pyo.Param(model.LIMITED_FAMILIES, initialize=lambda _, f: quotas.max_vcpus[f])


def _declare_front_ends(model: Any, problem: Problem, scale: float = 1.0) -> None:
    import pyomo.core as pyo

    loads = {(row, str(kind)): load / scale for (row, kind), load in problem.front_end_load_of_rows.items()}
    model.front_end_load_of_row = pyo.Param(model.SERVABLE, initialize={pair: loads[pair] for pair in model.SERVABLE})
    model.busy_front_ends = pyo.Expression(model.KINDS, rule=_busy_front_ends)


def _declare_shares(model: Any, slices: int | None) -> None:
    import pyomo.core as pyo

    if slices is None:
        model.share = pyo.Var(model.SERVABLE, bounds=(0, 1))
    else:
        model.pieces = pyo.Var(model.SERVABLE, domain=pyo.NonNegativeIntegers, bounds=(0, slices))
        model.share = pyo.Expression(model.SERVABLE, rule=lambda model, r, k: model.pieces[r, k] / slices)


def _replicas(model: Any, k: str) -> Any:
    """Σ_o replicas_per_instance[o, k] · instances[o, k]."""
    return sum(model.replicas_per_instance[o, k] * model.instances[o, k] for o in model.OFFERS_THAT_HOST[k])


def _busy_replicas(model: Any, k: str) -> Any:
    """Σ_r load_of_row[r, k] · share[r, k]."""
    return sum(model.load_of_row[r, k] * model.share[r, k] for r in model.ROWS_THAT_FIT[k])


def _fleet_usd_per_hour(model: Any) -> Any:
    """Σ_(o,k) usd_per_hour_each[o] · instances[o, k]."""
    return sum(model.usd_per_hour_each[o] * model.instances[o, k] for o, k in model.HOSTING)


def _highest_busy_share(model: Any) -> Any:
    """The busy share of the busiest kind."""
    return model.highest_busy_share


def _all_busy_replicas(model: Any) -> Any:
    """Σ_k busy_replicas[k]."""
    return sum(model.busy_replicas[k] for k in model.KINDS)


def _every_request_is_served(model: Any, r: str) -> Any:
    """Σ_k share[r, k] = 1."""
    return sum(model.share[r, k] for k in model.KINDS_THAT_SERVE[r]) == 1


def _load_fits_in_replicas(model: Any, k: str) -> Any:
    """busy_replicas[k] ≤ replicas[k]."""
    import pyomo.core as pyo

    return model.busy_replicas[k] <= model.replicas[k] if model.ROWS_THAT_FIT[k] else pyo.Constraint.Skip


def _busy_front_ends(model: Any, k: str) -> Any:
    """Σ_r front_end_load_of_row[r, k] · share[r, k]."""
    return sum(model.front_end_load_of_row[r, k] * model.share[r, k] for r in model.ROWS_THAT_FIT[k])


def _requests_fit_in_front_ends(model: Any, k: str) -> Any:
    """busy_front_ends[k] ≤ replicas[k]."""
    import pyomo.core as pyo

    return model.busy_front_ends[k] <= model.replicas[k] if model.ROWS_THAT_FIT[k] else pyo.Constraint.Skip


def _losing_one_front_end_is_survived(model: Any, o: str, k: str) -> Any:
    """busy_front_ends[k] + replicas_per_instance[o, k] · used[o, k] ≤ replicas[k]."""
    return model.busy_front_ends[k] + model.replicas_per_instance[o, k] * model.used[o, k] <= model.replicas[k]


def _a_used_kind_is_rented(model: Any, r: str, k: str) -> Any:
    """share[r, k] ≤ replicas[k]: a load below the solver's tolerance still needs an instance."""
    return model.share[r, k] <= model.replicas[k]


def _a_rented_offer_is_used(model: Any, o: str, k: str) -> Any:
    """instances[o, k] ≤ enough_instances[o, k] · used[o, k]."""
    return model.instances[o, k] <= model.enough_instances[o, k] * model.used[o, k]


def _losing_one_instance_is_survived(model: Any, o: str, k: str) -> Any:
    """busy_replicas[k] + replicas_per_instance[o, k] · used[o, k] ≤ replicas[k]."""
    return model.busy_replicas[k] + model.replicas_per_instance[o, k] * model.used[o, k] <= model.replicas[k]


def _losing_one_instance_leaves_a_replica(model: Any, r: str, o: str, k: str) -> Any:
    """share[r, k] + replicas_per_instance[o, k] · used[o, k] ≤ replicas[k]."""
    import pyomo.core as pyo

    if (r, k) not in model.TO_BE_RENTED:
        return pyo.Constraint.Skip
    return model.share[r, k] + model.replicas_per_instance[o, k] * model.used[o, k] <= model.replicas[k]


def _at_most_max_gpus(model: Any, g: str) -> Any:
    """Σ gpu_count[o] · instances[o, k] over the offers with GPU g ≤ max_gpus[g]."""
    return (
        sum(model.gpu_count[o] * model.instances[o, k] for o, k in model.HOSTING if model.gpu[o] == g)
        <= (model.max_gpus[g])
    )


def _at_most_max_instances(model: Any, o: str) -> Any:
    """Σ_k instances[o, k] ≤ max_instances[o]."""
    return sum(model.instances[p, k] for p, k in model.HOSTING if p == o) <= model.max_instances[o]


def _at_most_max_vcpus(model: Any, f: str) -> Any:
    """Σ vcpus[o] · instances[o, k] over the offers of family f ≤ max_vcpus[f]."""
    return (
        sum(model.vcpus[o] * model.instances[o, k] for o, k in model.HOSTING if model.quota_family[o] == f)
        <= (model.max_vcpus[f])
    )


def _fits_in_usable_replicas(model: Any, k: str, busy: Any, scale: float) -> Any:
    """busy ≤ usable_replicas[k] / scale; no constraint if the kind may take any load."""
    import pyomo.core as pyo

    usable = model.usable_replicas[k]
    return busy <= usable / scale if usable < inf else pyo.Constraint.Skip


def _no_front_end_is_busier(model: Any, k: str) -> Any:
    """busy_front_ends[k] ≤ highest_busy_share · replicas[k]."""
    return model.busy_front_ends[k] <= model.highest_busy_share * model.replicas[k]


def _no_kind_is_busier(model: Any, k: str) -> Any:
    """busy_replicas[k] ≤ highest_busy_share · replicas[k]."""
    return model.busy_replicas[k] <= model.highest_busy_share * model.replicas[k]
