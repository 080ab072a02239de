"""The same question with one thing changed: no prefix cache, a spare, a tighter target, one rule less, front ends."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from melange_cloud import profiles
from melange_cloud.domain import FRONT_END, MaxTput, Solution, WhatIf
from melange_cloud.domain.money import is_cheaper
from melange_cloud.planner.max_tput_table import without_prefix_cache
from melange_cloud.planner.posed_problem import PosedProblem
from melange_cloud.planner.region_question import RegionQuestion

_SOLD_AS = {"unknown": "availability unconfirmed", "capacity_block": "sold by Capacity Block only"}
"""Why the rule on what is sold how keeps an offer out."""


def what_ifs(question: RegionQuestion, planned: Solution) -> tuple[WhatIf, ...]:
    """Without its prefix cache, a spare, half the TPOT target, hosts of any memory, offers however sold; each alone.

    Args:
        planned: the plan's fleet.
    """
    ask = partial(_what_if, question, planned)
    basis, posed = question.basis, question.posed
    answers = []
    if basis.traffic.cached_input:
        uncached = partial(question.posed_with, without_prefix_cache(basis, question.evaluated))
        cold = ask("nothing from the prefix cache", "--cached-input 0%", uncached)
        answers.append(replace(cold, changes="cached_input"))
    if question.rules.spare == 0:
        spared = ask("survive losing any one instance", "--spare 1", partial(question.posed_with, spare=1))
        answers.append(replace(spared, changes="spare"))
    half_ms = f"{basis.targets.tpot_ms / 2:g}"
    table = question.evaluated.at(replace(basis.targets.slo, tpot_ms=basis.targets.tpot_ms / 2))
    tighter = partial(question.posed_with, table)
    unit = "ms" if basis.targets.tpot_ms / 2 < 1 else ""  # a number below 1 could be seconds
    option = f"--tpot-ms {half_ms}{unit}"
    halved = ask(f"TPOT {half_ms} ms", option, tighter, partial(_lost, posed))
    answers.append(replace(halved, changes="tpot_ms"))
    if kept_out := _kept_out(posed, "host_memory"):
        small = partial(question.posed_with, host_memory_floor_gib=0.0)
        relaxed = ask("hosts of any memory", "--min-host-memory-gib 0", small)
        named = _entering(relaxed, kept_out, {"less host memory"})
        answers += [replace(one, changes="min_host_memory_gib") for one in named]
    if kept_out := _kept_out(posed, "sold_as"):
        relaxed = ask("however it is sold", "--sold-as any", partial(question.posed_with, sold_as_any=True))
        sold_as = {question.offer_by_name[name].sold_as for name in kept_out & set(relaxed.instances)}
        named = _entering(relaxed, kept_out, {_SOLD_AS[how] for how in sold_as})
        answers += [replace(one, changes="sold_as") for one in named]
    return tuple(answers)


def _kept_out(posed: PosedProblem, code: str) -> set[str]:
    """The instance types that the rule of this code keeps out."""
    return {item.instance_type for item in posed.left_out if item.code == code}


def _entering(relaxed: WhatIf, kept_out: set[str], why: set[str]) -> list[WhatIf]:
    """The fleet without a rule, by the names of the types that it rents then; none where it rents none of them."""
    entering = tuple(sorted(kept_out & set(relaxed.instances)))
    if not entering:
        return []
    return [replace(relaxed, name=f"with {', '.join(entering)} ({' or '.join(sorted(why))})", entering=entering)]


def more_servers(question: RegionQuestion, cheapest: Solution, planned: Solution) -> tuple[WhatIf, ...]:
    """Twice as many API servers, where that makes the fleet cheaper: the front end limits it, or one that would be.

    Args:
        cheapest: the answer as requested; not the fleet that changes least against today's, which may cost more.
        planned: the plan's fleet.
    """
    basis, evaluated, posed = question.basis, question.evaluated, question.posed
    servers = min(2 * basis.served.api_servers, profiles.MOST_API_SERVERS)
    kinds = set() if posed.problem is None else set(posed.problem.kinds)
    limited = any(
        kind in kinds and isinstance(cell, MaxTput) and cell.limited_by == FRONT_END
        for (_, kind), cell in evaluated.max_tput.items()
    )
    if posed.problem is None or not limited or servers == basis.served.api_servers:
        return ()
    more = partial(question.posed_with, evaluated.at(basis.targets.slo, api_servers=servers))
    name = f"{servers} HTTP server processes per replica"
    change = _what_if(question, planned, name, f"--api-servers {servers}", more)
    cheaper = is_cheaper(change.fleet_usd_per_hour or math.inf, cheapest.fleet_usd_per_hour or 0.0)
    return (replace(change, changes="api_servers"),) if cheaper else ()


def _lost(posed: PosedProblem, tighter: PosedProblem) -> str:
    """Which kinds a tighter target rules out; with the reason where it is one for every size."""
    before = set() if posed.problem is None else set(posed.problem.kinds)
    lost = {kind: obstacle for kind, obstacle in sorted(tighter.refused_kinds.items()) if kind in before}
    short = [f"{kind} cannot ({obstacle})" for kind, obstacle in lost.items() if obstacle.bucket is None]
    others = [str(kind) for kind, obstacle in lost.items() if obstacle.bucket is not None]
    return "; ".join([*short, *([f"{', '.join(others)} cannot"] if others else [])])


def _what_if(
    question: RegionQuestion,
    planned: Solution,
    name: str,
    option: str,
    pose: Callable[..., PosedProblem],
    note: Callable[[PosedProblem], str] | None = None,
) -> WhatIf:
    """The changed question's cheapest fleet.

    Args:
        planned: the plan's fleet.
        pose: the changed question, with rules of the caller's.
        note: of the changed question, what causes the difference.
    """
    posed = pose()
    solution = question.cost_of(posed)
    spared = None
    if sum(solution.instance_counts.values()) == 1 < sum(planned.instance_counts.values()):
        # One machine is cheap as it has no room to lose one; only with a spare is it like the plan.
        spared = question.cost_of(pose(spare=1)).fleet_usd_per_hour
    return WhatIf(
        name=name,
        option=option,
        status=solution.status,
        reason=solution.reason or ("" if note is None else note(posed)),
        fleet_usd_per_hour=solution.fleet_usd_per_hour,
        instances=solution.instance_counts,
        with_spare_usd_per_hour=spared,
    )
