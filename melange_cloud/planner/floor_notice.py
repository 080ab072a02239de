"""Whether a fleet's cost rests on rates that are near a latency floor, said in one sentence."""

import math
from collections.abc import Iterable

from melange_cloud.domain import GPUS, KindUse, RegionPlan, Slo
from melange_cloud.planner.obstacles import percent

_WORTH_SAYING = 0.005
_WIDE = 0.5
"""Errors above this, more and less alike, are those of rates near a floor: other grades state no more."""


def floor_notice(plans: Iterable[RegionPlan], slo: Slo) -> tuple[str, ...]:
    """Which GPUs of the fleets may serve far less than planned, or none, and what to do; empty if none may.

    Advises to plan without them only where other GPUs can serve the traffic alone.
    """
    found: dict[str, KindUse] = {}
    able: set[str] = set()
    for plan in plans:
        able |= {single.gpu for single in plan.context.single_gpu if single.fleet_usd_per_hour is not None}
        for use in plan.fleet.kinds:
            if use.gpu not in found or _badness(use) > _badness(found[use.gpu]):
                found[use.gpu] = use
    near = [gpu for gpu in GPUS if gpu in found and _is_near(found[gpu])]
    if not near:
        return ()
    limits = [limit_ms for limit_ms in (slo.p99_tpot_ms, slo.ttft_ms, slo.e2e_ms) if limit_ms < math.inf]
    targets = "these targets" if limits else f"{slo.tpot_ms:g} ms per output token"
    others = [gpu for gpu in GPUS if gpu in able and gpu not in near]
    if len(near) == 1:
        (gpu,) = near
        subject, what, them = f"{gpu} is near its latency floor", f"it may serve {_how_little(found[gpu])}", "it"
    else:
        subject, them = f"{', '.join(near[:-1])} and {near[-1]} are near their latency floors", "them"
        what = ", ".join(f"{gpu} may serve {_how_little(found[gpu])}" for gpu in near)
    cure = f"plan without {them}: --gpu {','.join(others)}" if others else "take a looser target"
    return (f"{subject} at {targets}: {what}; measure {them}, or {cure}",)


def _badness(use: KindUse) -> tuple[float, float]:
    return use.may_be_none_share, use.error_down


def _is_near(use: KindUse) -> bool:
    return use.may_be_none_share >= _WORTH_SAYING or min(use.error, use.error_down) > _WIDE + 1e-9


def _how_little(use: KindUse) -> str:
    if use.may_be_none_share > 1 - _WORTH_SAYING:
        return "none of this traffic"
    if use.may_be_none_share >= _WORTH_SAYING:
        return f"none of {percent(use.may_be_none_share)} of its requests"
    return f"as little as {math.floor(100 * (1 - use.error_down) + 1e-6)} % of what is planned"
