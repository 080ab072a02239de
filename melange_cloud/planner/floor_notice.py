"""Whether a fleet's cost rests on rates that are near a latency floor, said in one sentence."""

import math
from collections.abc import Collection, Iterable
from typing import NamedTuple

from melange_cloud.domain import GPUS, Kind, RegionPlan, Slo, row_loads
from melange_cloud.planner.error_bars import profile_errors
from melange_cloud.planner.max_tput_table import ProfileEvaluation
from melange_cloud.planner.obstacles import percent
from melange_cloud.planner.posed_problem import row_of_bucket

_WORTH_SAYING = 0.005
_WIDE = 0.5
"""Errors above this, more and less alike, are those of rates near a floor: other grades state no more."""


class FloorErrors(NamedTuple):
    """What a GPU of a fleet may serve less and more, fractions; of several the worst is said.

    ``may_be_none_share``: part of its requests in mixes with sizes of which it may serve none.
    """

    gpu: str
    may_be_none_share: float
    error_down: float
    error: float


def floors_in_plans(plans: Iterable[RegionPlan]) -> list[FloorErrors]:
    """Of the fleets' kinds."""
    uses = [use for plan in plans for use in plan.fleet.kinds]
    return [FloorErrors(use.gpu, use.may_be_none_share, use.error_down, use.error) for use in uses]


def floors_of_kinds(evaluated: ProfileEvaluation, kinds: Iterable[Kind], router: str) -> list[FloorErrors]:
    """Of kinds that would serve all that they can of the workload."""
    row_of, shares = (
        row_of_bucket(evaluated.buckets, router),
        {bucket.name: bucket.share for bucket in evaluated.buckets},
    )
    found = []
    for kind in sorted(set(kinds)):
        errors = profile_errors(kind, evaluated.stated, evaluated.buckets, row_of)
        rows = row_loads(evaluated.stated, [kind], shares, row_of)
        served = {name: share for name, share in sorted(shares.items()) if (row_of[name], kind) in rows}
        none = [share for name, share in served.items() if rows[row_of[name], kind].may_be_none]
        requests = math.fsum(served.values())
        found.append(FloorErrors(kind.gpu, math.fsum(none) / requests if requests else 0.0, errors.less, errors.more))
    return found


def floor_notice(floors: Iterable[FloorErrors], able: Collection[str], slo: Slo) -> tuple[str, ...]:
    """Which GPUs of the fleets may serve far less than planned, or none, and what to do; empty if none may.

    Args:
        able: GPUs that can serve the traffic alone: only with one of those the advice is to plan without the others.
    """
    found: dict[str, FloorErrors] = {}
    for errors in floors:
        found[errors.gpu] = max(errors, found.get(errors.gpu, errors))
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


def _is_near(errors: FloorErrors) -> bool:
    return errors.may_be_none_share >= _WORTH_SAYING or min(errors.error, errors.error_down) > _WIDE + 1e-9


def _how_little(errors: FloorErrors) -> str:
    if errors.may_be_none_share > 1 - _WORTH_SAYING:
        return "none of this traffic"
    if errors.may_be_none_share >= _WORTH_SAYING:
        return f"none of {percent(errors.may_be_none_share)} of its requests"
    return f"as little as {math.floor(100 * (1 - errors.error_down) + 1e-6)} % of what is planned"
