"""What else the fleet could be: each GPU alone, each changed question, each better router."""

from melange_cloud.domain import ROUTERS, Plan, RegionPlan, SingleGpuFleet, Status
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Column, Sheet, without
from melange_cloud.report.text import (
    UNKNOWN,
    clean,
    difference,
    fleet,
    joined,
    usd_per_month,
)

_UNPROVEN = " (at most; not proven cheapest)"

_BETTER_ROUTER = {
    "prompt": "a router that sends by prompt length (--router prompt)",
    "oracle": "a router that also knew answer lengths: the limit (--router oracle)",
}
_REASONS_IN_FULL = 2


def what_else(plan: Plan, region: RegionPlan, *, wide: bool) -> Sheet:
    """Every single-GPU fleet, every changed question, every better router: USD a month, and against the plan.

    A single-GPU fleet may use several degrees of its GPU. Without a plan there is nothing to compare with.
    """
    hours, cost = plan.basis.calculation.hours_per_month, region.fleet_usd_per_hour
    rows: list[tuple[str, str, str, str]] = []

    def add(label: str, instances: str, usd_per_hour: float | None) -> None:
        month = UNKNOWN if usd_per_hour is None else usd_per_month(usd_per_hour * hours)
        rows.append((label, instances, month, difference(usd_per_hour, cost)))

    for gpu in cheapest_of_each_gpu(region):
        best, kind = gpu[0], sentences.one_kind(region, gpu[0].gpu, gpu[0].tensor_parallel)
        if best.fleet_usd_per_hour is None:
            add(f"{clean(best.gpu)} only: {_why_not(gpu)}", "", None)
            continue
        unproven = _UNPROVEN if best.status is Status.FEASIBLE else ""
        itself = ": this plan" if best.instances == region.instance_counts else ""
        instances = fleet(best.instances)
        label = f"{kind} only" if wide else f"{instances} ({kind} only)"
        add(f"{label}{unproven}{itself}", instances, best.fleet_usd_per_hour)
    for change in region.context.what_if:
        option = f" ({clean(change.option)})" if change.option else ""
        reason = f": {clean(change.reason)}" if change.reason else ""
        reason += _UNPROVEN if change.status is Status.FEASIBLE else ""
        if not reason and change.fleet_usd_per_hour is None:
            reason = f": {clean(change.status)}"
        add(f"{clean(change.name)}{option}{reason}", fleet(change.instances), change.fleet_usd_per_hour)
    asked = ROUTERS.index(plan.basis.fleet.router) if plan.basis.fleet.router in ROUTERS else len(ROUTERS)
    for router in ROUTERS[asked + 1 :] if region.status.has_fleet else ():
        if router in region.context.routers:
            missing = "" if region.context.routers[router] is not None else ": no data"
            if not missing and not region.context.routers_proven.get(router, True):
                missing = _UNPROVEN
            add(f"{_BETTER_ROUTER[router]}{missing}", "", region.context.routers[router])
    columns = (
        Column("Alternatives", least=20, hang=2),
        Column("Fleet", drop=2, least=16),
        Column("$/month", right=True),
        Column("vs plan", right=True, drop=1),
    )
    sheet = Sheet(columns, tuple(rows))
    if not region.status.has_fleet:
        sheet = without(sheet, frozenset({"vs plan"}))
    return without(sheet, frozenset({"Fleet"}), only_if="" if wide else None)


def cheapest_of_each_gpu(region: RegionPlan) -> list[list[SingleGpuFleet]]:
    """The single-GPU fleets by GPU, the cheapest degree first; GPUs without a fleet last."""
    by_gpu: dict[str, list[SingleGpuFleet]] = {}
    for single in region.context.single_gpu:
        by_gpu.setdefault(single.gpu, []).append(single)

    def place(single: SingleGpuFleet) -> tuple[bool, float, str, int]:
        return (
            single.fleet_usd_per_hour is None,
            single.fleet_usd_per_hour or 0.0,
            single.gpu,
            single.tensor_parallel or 0,
        )

    degrees = [sorted(singles, key=place) for singles in by_gpu.values()]
    return sorted(degrees, key=lambda singles: place(singles[0]))


def _why_not(degrees: list[SingleGpuFleet]) -> str:
    reasons: dict[str, list[str]] = {}
    for single in degrees:
        missing = "cannot serve this" if single.status is Status.INFEASIBLE else "nothing was found in time"
        degree = clean(single.gpu) if single.tensor_parallel is None else f"x{single.tensor_parallel}"
        reasons.setdefault(clean(single.reason) or missing, []).append(degree)
    if len(reasons) == 1:
        return next(iter(reasons))
    if len(reasons) <= _REASONS_IN_FULL:
        return "; ".join(f"{joined(names)} {reason}" for reason, names in reasons.items())
    *others, (reason, names) = reasons.items()
    return f"{joined(names)} {reason}; {joined(name for _, smaller in others for name in smaller)} cannot either"
