"""One region's plan: the fleet, and what else it could be."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from melange_cloud import catalog, profiles
from melange_cloud.domain import (
    FRONT_END,
    Exclusion,
    Explanation,
    IneligibleType,
    Kind,
    MaxTput,
    Offer,
    PlanBasis,
    Problem,
    QuotaNeed,
    Quotas,
    Region,
    RegionPlan,
    SingleGpuFleet,
    Solution,
    Status,
    WhatIf,
)
from melange_cloud.market.markets import Market
from melange_cloud.planner.current_fleet import current_fleet, least_changed, with_offers_of
from melange_cloud.planner.error_bars import MaxTputRange, error_bars
from melange_cloud.planner.explanation.explain import explain
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.pose import EligibilityRules, MaxTputTable, PosedProblem, pose, why_not_alone
from melange_cloud.planner.problem_solver import ProblemSolver, best_of, only_gpu, serves_all
from melange_cloud.planner.region_plan import Surroundings, instance_counts, single_gpu_fleet, with_fleet, without_fleet
from melange_cloud.planner.resolve import ResolvedQuestion

_NAMED = 6


def plan_region(
    region: Region,
    asked: ResolvedQuestion,
    market: Market,
    evaluated: ProfileEvaluation,
    solving: ProblemSolver,
    *,
    detailed: bool,
) -> RegionPlan:
    """Plan one region.

    Args:
        detailed: also ask what a spare, a tighter target and smaller hosts would cost; a comparison of many regions
            does without.
    """
    basis, offers = asked.basis, market.offers[region]

    def pose_with(table: MaxTputTable, changed: EligibilityRules) -> PosedProblem:
        return pose_in(asked, offers, evaluated, table, changed)

    today = None
    if asked.detail.current is not None:
        known = {machine.name for machine in market.machines if machine.provider == region.provider}
        today = catalog.read_fleet(Path(asked.detail.current), region, known)
    here = pose_here(region, asked, market, evaluated)
    posed, rules, left_out = here.posed, here.rules, here.left_out
    if posed.problem is None:
        surroundings = Surroundings(single_gpu=_refused_alone(posed), left_out=left_out)
        return without_fleet(region, basis, here.status, here.reason, "", surroundings)
    # A router that knows more can do what one that knows less does: theirs is the answer where it is cheaper.
    answered, solution = solving.solve_any(posed.problems)
    problem, planned = answered, solution
    if today is not None and solution.status.has_fleet:
        problem = with_offers_of(problem, posed.entering, today)
        planned = least_changed(problem, solution, today, asked.detail.stay_within, solving)
    alone = _alone(asked, evaluated, posed, solving, planned.usd_per_hour)
    if not solution.status.has_fleet:
        surroundings = Surroundings(single_gpu=alone, left_out=left_out)
        solver = solution.solver or basis.calculation.solver
        return without_fleet(region, basis, solution.status, solution.reason, solver, surroundings)
    by_name = {offer.instance_type.name: offer for offer in offers}
    current = None
    if today is not None:
        current = current_fleet(problem, solution, planned, today, asked.detail.stay_within, by_name, left_out, solving)
    bars = error_bars(
        MaxTputRange(evaluated.better, evaluated.stated, evaluated.worse),
        lambda table: pose_with(table, rules),
        planned,
        asked.workload.buckets,
        solving,
        basis.calculation.hours_per_month,
        detailed=detailed,
    )
    routers = _routers(evaluated, posed, solving, pose_with, rules)
    why = _explained(answered, posed, solution, asked, evaluated, solving) if _explains(asked, detailed) else None
    surroundings = Surroundings(
        single_gpu=alone,
        what_if=(
            *(_what_ifs(basis, evaluated, posed, solving, pose_with, rules) if detailed else ()),
            *(_more_servers(basis, evaluated, solution, posed, solving, pose_with, rules) if detailed else ()),
        ),
        routers={router: solution.usd_per_hour for router, solution in routers.items()},
        routers_proven={router: _is_proven(solution) for router, solution in routers.items()},
        error_bars=bars,
        explanation=why,
        current=current,
        left_out=left_out,
        quota_needs=_quota_needs(region, by_name, planned),
    )
    ages = {offer.instance_type.name: market.ages[catalog.key_of(offer)] for offer in offers}
    return with_fleet(
        region,
        basis,
        problem,
        planned,
        by_name,
        ages,
        asked.workload.buckets,
        evaluated.max_tput,
        surroundings,
    )


@dataclass(frozen=True, slots=True)
class Here:
    """A region's question, posed; ``status`` and ``reason`` say why there is no fleet where there is no Problem."""

    posed: PosedProblem
    rules: EligibilityRules
    left_out: tuple[IneligibleType, ...]
    status: Status
    reason: str


def pose_here(region: Region, asked: ResolvedQuestion, market: Market, evaluated: ProfileEvaluation) -> Here:
    """Pose a region's question with what can be bought there as asked, and say what cannot."""
    basis, offers = asked.basis, market.offers[region]
    rules = rules_of(asked, offers)
    posed = pose_in(asked, offers, evaluated, evaluated.max_tput, rules)
    set_aside = _excluded(market.excluded[region], offers)
    unpriced = _without_price(region, basis, [*offers, *market.stale[region]], set_aside, asked.may_use)
    stale = market.stale[region]
    left_out = (*posed.left_out, *_too_old(stale, market.moment.date()), *set_aside, *unpriced)
    status, reason = Status.INFEASIBLE, posed.reason
    gpus = None if asked.may_use is None else {kind.gpu for kind in asked.may_use}
    priced = any(gpus is None or offer.instance_type.gpu in gpus for offer in offers)
    if stale and not priced:
        newest = max(offer.as_of_to for offer in stale)
        status = Status.UNKNOWN
        reason = (
            f"no data: the newest spot price here is of {newest}, {(market.moment.date() - newest).days} days ago; "
            "refresh it (prices refresh) or give your own (--prices)"
        )
    elif unpriced and not (priced and posed.no_data):
        # What cannot be ruled out for want of a price is not impossible.
        status = Status.UNKNOWN
        names = _few(item.instance_type for item in unpriced) if offers else "any instance type here"
        reason = f"no data: no {_bought(basis)} price for {names}"
        if priced:
            reason = f"{reason}; of those with a price, {posed.reason}"
    elif posed.no_data:
        status = Status.UNKNOWN
    return Here(posed, rules, left_out, status, reason)


def _too_old(stale: Sequence[Offer], today: date) -> list[IneligibleType]:
    """What has only a price that says nothing of today's."""
    return [
        IneligibleType(
            offer.instance_type.name,
            f"no data: its {offer.purchase} price is {(today - offer.as_of_to).days} days old",
            "no_data",
        )
        for offer in stale
    ]


def rules_of(asked: ResolvedQuestion, offers: Sequence[Offer]) -> EligibilityRules:
    """What may enter a region's plan, and what the router knows."""
    basis = asked.basis
    return EligibilityRules(
        router=basis.fleet.router,
        sold_as_any=basis.fleet.sold_as == "any",
        host_memory_floor_gib=basis.fleet.host_memory_floor_gib,
        may_use=asked.may_use,
        quotas=_quotas_here(basis, offers),
        spare=basis.fleet.spare,
    )


def pose_in(
    asked: ResolvedQuestion,
    offers: Sequence[Offer],
    evaluated: ProfileEvaluation,
    table: MaxTputTable,
    rules: EligibilityRules,
) -> PosedProblem:
    """A region's question, under a table and rules that may differ from the asked ones."""
    planned = asked.basis.traffic.planned_requests_per_s
    return pose(offers, table, evaluated.no_profile, asked.workload.buckets, planned, rules)


def _explains(asked: ResolvedQuestion, detailed: bool) -> bool:
    return detailed if asked.detail.explain is None else asked.detail.explain


def _explained(
    problem: Problem,
    posed: PosedProblem,
    solution: Solution,
    asked: ResolvedQuestion,
    evaluated: ProfileEvaluation,
    solving: ProblemSolver,
) -> Explanation:
    return explain(
        problem,
        solution,
        posed.entering,
        asked.workload.buckets,
        evaluated.max_tput,
        evaluated.profiles,
        solving,
        asked.detail.alternatives,
        [other for other in posed.problems if other is not problem],
    )


PoseWith = Callable[[MaxTputTable, EligibilityRules], PosedProblem]


def _what_ifs(
    basis: PlanBasis,
    evaluated: ProfileEvaluation,
    posed: PosedProblem,
    solving: ProblemSolver,
    pose_with: PoseWith,
    rules: EligibilityRules,
) -> tuple[WhatIf, ...]:
    """A spare, half the TPOT target, and hosts of any memory, each alone."""
    answers = []
    if rules.spare == 0:
        spared = pose_with(evaluated.max_tput, replace(rules, spare=1))
        answers.append(_what_if("survive losing any one instance", "--spare 1", spared, solving))
    half_ms = f"{basis.targets.tpot_ms / 2:g}"
    tighter = pose_with(evaluated.at(replace(basis.targets.slo, tpot_ms=basis.targets.tpot_ms / 2)), rules)
    answers.append(_what_if(f"TPOT {half_ms} ms", f"--tpot-ms {half_ms}", tighter, solving, _lost(posed, tighter)))
    small = {item.instance_type for item in posed.left_out if item.code == "host_memory"}
    if small:
        any_host = pose_with(evaluated.max_tput, replace(rules, host_memory_floor_gib=0.0))
        relaxed = _what_if("hosts of any memory", "--min-host-memory-gib 0", any_host, solving)
        entering = sorted(small & set(relaxed.instances))
        if entering:
            answers.append(replace(relaxed, name=f"with {', '.join(entering)} (less host memory)"))
    return tuple(answers)


def _more_servers(
    basis: PlanBasis,
    evaluated: ProfileEvaluation,
    cheapest: Solution,
    posed: PosedProblem,
    solving: ProblemSolver,
    pose_with: PoseWith,
    rules: EligibilityRules,
) -> tuple[WhatIf, ...]:
    """Twice as many API servers, where that makes the fleet cheaper: the front end limits it, or one that would be.

    Args:
        cheapest: the answer as asked; not the fleet that changes least against today's, which may cost more.
    """
    servers = min(2 * basis.served.api_servers, profiles.MOST_API_SERVERS)
    kinds = set() if posed.problem is None else set(posed.problem.kinds)
    limited = any(
        kind in kinds and isinstance(cell, MaxTput) and cell.limited_by == FRONT_END
        for (_, kind), cell in evaluated.max_tput.items()
    )
    if posed.problem is None or not limited or servers == basis.served.api_servers:
        return ()
    more = pose_with(evaluated.at(basis.targets.slo, api_servers=servers), rules)
    change = _what_if(f"{servers} HTTP server processes per replica", f"--api-servers {servers}", more, solving)
    cheaper = (change.usd_per_hour or math.inf) < (cheapest.usd_per_hour or 0.0) * (1 - 1e-7)
    return (change,) if cheaper else ()


def _lost(posed: PosedProblem, tighter: PosedProblem) -> str:
    """Which kinds a tighter target rules out; with the reason where it is one for all sizes."""
    before = set() if posed.problem is None else set(posed.problem.kinds)
    lost = {kind: reason for kind, reason in sorted(tighter.refused_kinds.items()) if kind in before}
    short = [f"{kind} cannot ({reason})" for kind, reason in lost.items() if "of requests" not in reason]
    others = [str(kind) for kind, reason in lost.items() if "of requests" in reason]
    return "; ".join([*short, *([f"{', '.join(others)} cannot"] if others else [])])


def _alone(
    asked: ResolvedQuestion,
    evaluated: ProfileEvaluation,
    posed: PosedProblem,
    solving: ProblemSolver,
    plan_usd_per_hour: float | None,
) -> tuple[SingleGpuFleet, ...]:
    """The cheapest fleet of each GPU alone, in whatever degrees, or why it has none."""
    if posed.problem is None:
        return _refused_alone(posed)
    gpus = sorted({kind.gpu for kind in posed.problem.kinds})
    # A GPU that serves with one degree is not refused for another that cannot.
    fleets = [fleet for fleet in _refused_alone(posed) if fleet.gpu not in gpus]
    for gpu in gpus:
        alone = [only_gpu(problem, gpu) for problem in posed.problems]
        obstacles = _obstacles(alone[0], asked, evaluated)
        if obstacles:
            fleets += [single_gpu_fleet(gpu, kind.tensor_parallel, solution, None) for kind, solution in obstacles]
            continue
        solution = best_of([solving.solve_one_gpu(one) for one in alone if serves_all(one)])
        degrees = {kind.tensor_parallel for _, kind in solution.instances}
        fleets.append(single_gpu_fleet(gpu, degrees.pop() if len(degrees) == 1 else None, solution, plan_usd_per_hour))
    return tuple(sorted(fleets, key=lambda fleet: (fleet.gpu, fleet.tensor_parallel or 0)))


def _obstacles(alone: Problem, asked: ResolvedQuestion, evaluated: ProfileEvaluation) -> list[tuple[Kind, Solution]]:
    """Why a GPU cannot serve everything, by degree; empty where its degrees together can."""
    if serves_all(alone):
        return []
    reasons = {kind: why_not_alone(kind, asked.workload.buckets, evaluated.max_tput) for kind in alone.kinds}
    return [(kind, Solution(Status.INFEASIBLE, reason=reason)) for kind, reason in reasons.items() if reason]


def _refused_alone(posed: PosedProblem) -> tuple[SingleGpuFleet, ...]:
    return tuple(
        single_gpu_fleet(
            kind.gpu,
            kind.tensor_parallel,
            Solution(Status.UNKNOWN if kind in posed.unknown_kinds else Status.INFEASIBLE, reason=reason),
            None,
        )
        for kind, reason in sorted(posed.refused_kinds.items())
    )


def _routers(
    evaluated: ProfileEvaluation,
    posed: PosedProblem,
    solving: ProblemSolver,
    pose_with: PoseWith,
    rules: EligibilityRules,
) -> dict[str, Solution]:
    """The cheapest fleet under each router, the asked one included.

    A router that knows more never costs more (oracle <= prompt <= plain; see ``PosedProblem.coarser``), so where the
    best and the least informed cost the same, the one between them does too.
    """

    def solved(router: str) -> Solution:
        other = posed if router == rules.router else pose_with(evaluated.max_tput, replace(rules, router=router))
        if other.problem is None:
            return Solution(Status.INFEASIBLE, reason=other.reason)
        return solving.cost_of_any(other.problems)

    ends = {router: solved(router) for router in ("plain", "oracle")}
    decided = all(solution.status is Status.OPTIMAL for solution in ends.values())
    level = decided and ends["plain"].usd_per_hour == ends["oracle"].usd_per_hour
    prompt = ends["plain"] if level else solved("prompt")
    return {"plain": ends["plain"], "prompt": prompt, "oracle": ends["oracle"]}


def _is_proven(solution: Solution) -> bool:
    """Whether the search was carried to its end: to the cheapest fleet, or to the proof that there is none."""
    return solution.status in (Status.OPTIMAL, Status.INFEASIBLE)


def _what_if(name: str, option: str, posed: PosedProblem, solving: ProblemSolver, note: str = "") -> WhatIf:
    solution = (
        Solution(Status.INFEASIBLE, reason=posed.reason)
        if posed.problem is None
        else solving.cost_of_any(posed.problems)
    )
    return WhatIf(
        name=name,
        option=option,
        status=solution.status,
        reason=solution.reason or note,
        usd_per_hour=solution.usd_per_hour,
        instances=instance_counts(solution),
    )


def _excluded(excluded: Sequence[Exclusion], offers: Sequence[Offer]) -> list[IneligibleType]:
    priced = {offer.instance_type.name for offer in offers}
    return [
        IneligibleType(pair.instance_type, pair.reason, "excluded")
        for pair in excluded
        if pair.instance_type not in priced
    ]


def _bought(basis: PlanBasis) -> str:
    return {"commit_1y": "1-year commitment", "commit_3y": "3-year commitment"}.get(
        basis.fleet.purchase, basis.fleet.purchase
    )


def _few(names: Iterable[str]) -> str:
    """The first names, and how many more there are."""
    every = tuple(names)
    more = f" and {len(every) - _NAMED} more" if len(every) > _NAMED + 1 else ""
    return ", ".join(every[:_NAMED] if more else every) + more


def _without_price(
    region: Region,
    basis: PlanBasis,
    offers: Sequence[Offer],
    set_aside: Sequence[IneligibleType],
    may_use: frozenset[Kind] | None,
) -> list[IneligibleType]:
    """Instance types that are sold on demand here and have no price for the purchase asked for, nor a reason for it."""
    known = {offer.instance_type.name for offer in offers} | {item.instance_type for item in set_aside}
    gpus = None if may_use is None else {kind.gpu for kind in may_use}
    sold = catalog.load_snapshot("on_demand").offers_in(region.provider, region.name, "on_demand")
    return [
        IneligibleType(offer.instance_type.name, f"no data: no {_bought(basis)} price", "no_data")
        for offer in sold
        if offer.instance_type.name not in known
        and offer.sold_as == "on_demand"
        and (gpus is None or offer.instance_type.gpu in gpus)
    ]


def _quotas_here(basis: PlanBasis, offers: Sequence[Offer]) -> Quotas:
    """The quotas that touch an offer of this region."""
    machines = [offer.instance_type for offer in offers]

    def touching(limits: Mapping[str, int], names: set[str]) -> dict[str, int]:
        return {name: limit for name, limit in limits.items() if name in names}

    return Quotas(
        max_gpus=touching(basis.fleet.max_gpus, {machine.gpu for machine in machines}),
        max_instances=touching(basis.fleet.max_instances, {machine.name for machine in machines}),
        max_vcpus=touching(basis.fleet.max_vcpus, {machine.quota_family for machine in machines}),
    )


def _quota_needs(region: Region, offers: Mapping[str, Offer], solution: Solution) -> tuple[QuotaNeed, ...]:
    """The account quotas that the fleet draws on, by the vendor's names."""
    needed: dict[tuple[str, str], int] = {}
    for name, count in instance_counts(solution).items():
        offer = offers[name]
        quota = catalog.quota_of(region.provider, name, offer.purchase)
        if quota is not None:
            each = offer.instance_type.vcpus if quota.unit == "vCPU" else offer.instance_type.gpu_count
            needed[quota.name, quota.unit] = needed.get((quota.name, quota.unit), 0) + each * count
    return tuple(QuotaNeed(name, count, unit) for (name, unit), count in sorted(needed.items()))
