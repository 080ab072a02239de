"""The page of one region: the fleet, its money, what else it could be, and what the answer leaves out."""

from collections.abc import Iterator

from melange_cloud.domain import ROUTERS, IneligibleType, Plan, RegionPlan, SingleGpuFleet, Status
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, TitledSheet, without
from melange_cloud.report.pages.coverage import coverage_lines
from melange_cloud.report.pages.current_fleet import current_lines
from melange_cloud.report.pages.error_bars import error_lines
from melange_cloud.report.pages.explanation import why
from melange_cloud.report.pages.front_end import front_end_lines
from melange_cloud.report.pages.purchases import purchases_of_one
from melange_cloud.report.pages.routing import routing_sheet
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    by_number,
    clean,
    difference,
    error_range,
    fleet,
    glued,
    joined,
    number,
    once,
    percent,
    percents_of_whole,
    quantity,
    usd_per_month,
)

_UNPROVEN = " (at most; not proven cheapest)"

_BETTER_ROUTER = {
    "prompt": "a router that sends by prompt length (--router prompt)",
    "oracle": "a router that also knew answer lengths: the limit (--router oracle)",
}
_REASONS_IN_FULL = 2
_CODES = ("sold_as", "host_memory", "cannot_serve", "no_profile", "excluded", "gpu_not_asked")


def one_region(plan: Plan, region: RegionPlan, *, wide: bool, show: frozenset[str] = frozenset()) -> Iterator[Block]:
    """The blocks of the page; ``wide`` where there is room for every column, ``show`` as for ``report.table``."""
    if plan.notices:
        yield Notices(sentences.notices(plan))
    place = f" - {clean(region.place)}" if region.place else ""
    name = f"{clean(region.region_name.provider)} {clean(region.region)}{place}"
    where = f"{name}: {sentences.bought(plan, region.allocations)}"
    yield Paragraph((where, *sentences.question(plan, region.fleet.kinds), *sentences.legend(plan)))
    if region.status.has_fleet:
        yield fleet_sheet(plan, region, wide=wide)
        yield Paragraph(tuple(_answer(plan, region)), strong=True)
    else:
        yield Paragraph((f"No plan - {sentences.no_fleet(region)}",), strong=True)
    if region.fleet.routing and "routing" in show:
        yield TitledSheet("Which sizes go where", routing_sheet(region, wide=wide))
    else_ = what_else(plan, region, wide=wide)
    if else_.rows:
        yield TitledSheet("Alternatives", else_)
    yield from purchases_of_one(plan, region)
    yield from why(plan, region, wide=wide)
    if region.left_out and "left-out" in show:
        yield TitledSheet("Left out", left_out_sheet(region))
    yield LabelledLines(tuple(_foot(plan, region, grouped="left-out" not in show)))


def fleet_sheet(plan: Plan, region: RegionPlan, *, wide: bool) -> Sheet:
    """One row per allocation.

    Requests and tokens are split over the allocations of one kind by replicas: equal replicas get equal traffic, so
    these are the weights to give a load balancer.
    """
    uses = {(use.gpu, use.tensor_parallel): use for use in region.fleet.kinds}
    parts = []
    for line in region.allocations:
        use = uses.get((line.gpu, line.tensor_parallel))
        parts.append((use, line.replicas / use.replicas if use is not None and use.replicas else 0.0))
    requests = percents_of_whole(use.requests_share * part if use else 0.0 for use, part in parts)
    tokens = percents_of_whole(use.tokens_share * part if use else 0.0 for use, part in parts)
    hours = plan.basis.calculation.hours_per_month
    rows = tuple(
        (
            clean(line.instance_type),
            f"{number(line.gpu_count)}{GLUE}{glued(line.gpu)}" if line.gpu_count > 1 else glued(line.gpu),
            f"{line.tensor_parallel}",
            number(line.instances),
            number(line.instances * line.gpu_count),
            number(line.replicas),
            number(line.instances * line.vcpus),
            quantity(line.memory_gib),
            percent(line.busy),
            number(line.usd_per_instance_hour, 4),
            number(line.line_usd_per_hour, 2),
            usd_per_month(line.line_usd_per_hour * hours),
            requests[at],
            tokens[at],
            UNKNOWN
            if (use := parts[at][0]) is None
            else f"{glued(use.grade)}{GLUE}{error_range(use.error, use.error_down)}",
        )
        for at, line in enumerate(region.allocations)
    )
    total = (
        "Total",
        "",
        "",
        number(sum(line.instances for line in region.allocations)),
        number(sum(line.instances * line.gpu_count for line in region.allocations)),
        number(sum(line.replicas for line in region.allocations)),
        number(sum(line.instances * line.vcpus for line in region.allocations)),
        "",
        "",
        "",
        number(region.fleet_usd_per_hour, 2),
        usd_per_month(region.usd_per_month),
        percent(sum(use.requests_share for use in region.fleet.kinds)),
        percent(sum(use.tokens_share for use in region.fleet.kinds)),
        "",
    )
    columns = (
        Column("Instance", least=16),
        Column("GPU", drop=1),
        Column("TP", right=True),
        Column("Count", right=True),
        Column("GPUs", right=True, drop=8),
        Column("Replicas", right=True, drop=7),
        Column("vCPU", right=True, drop=4),
        Column("Host GiB", right=True, drop=9),
        Column("Busy", right=True, drop=2),
        Column("$/h each", right=True, drop=3),
        Column("$/h", right=True, drop=5),
        Column("$/month", right=True),
        Column("Requests" if wide else "Traffic", right=True, drop=1),
        Column("Tokens", right=True, drop=10),
        Column("Profile", right=True, drop=6),
    )
    sheet = without(Sheet(columns, rows, total), frozenset({"TP"}), only_if="1")
    return sheet if wide else without(sheet, frozenset({"GPUs", "Replicas", "Host GiB", "Tokens", "Profile"}))


def _answer(plan: Plan, region: RegionPlan) -> list[str]:
    tokens = sentences.per_million(plan, region)
    lines = [
        " ".join(once([sentences.proof(region, plan.basis.calculation.hours_per_month), tokens])),
        *error_lines(plan, region),
        *front_end_lines(plan, region),
        sentences.against_single(region),
        sentences.list_price(plan, region),
        *sentences.odd_sales(region),
        *current_lines(plan, region),
    ]
    return once(lines)


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
        Column("Alternative", least=20, hang=2),
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


def left_out_groups(region: RegionPlan) -> list[tuple[str, list[str]]]:
    """The reasons with the types that they keep out, by the code of the reason, then as written."""

    def place(entry: IneligibleType) -> tuple[int, list[tuple[int, str]], list[tuple[int, str]]]:
        code = _CODES.index(entry.code) if entry.code in _CODES else len(_CODES)
        return code, by_number(clean(entry.reason)), by_number(clean(entry.instance_type))

    groups: dict[str, list[str]] = {}
    for entry in sorted(region.left_out, key=place):
        groups.setdefault(clean(entry.reason), []).append(glued(entry.instance_type))
    return [(reason, once(names)) for reason, names in groups.items()]


def left_out_sheet(region: RegionPlan) -> Sheet:
    """Every type that is left out, one a row."""
    rows = [(name, reason) for reason, names in left_out_groups(region) for name in names]
    return Sheet((Column("Instance", least=16), Column("Why", least=20, hang=2)), tuple(rows))


def _foot(plan: Plan, region: RegionPlan, *, grouped: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    if coverage := coverage_lines(region):
        yield "Coverage", coverage
    if grouped and region.left_out:
        yield "Left out", tuple(f"{', '.join(names)}: {reason}" for reason, names in left_out_groups(region))
    if region.context.quota_needs:
        yield (
            "Quota",
            tuple(
                f'"{clean(need.name)}" >={GLUE}{number(need.needed)}{GLUE}{clean(need.unit)}; not checked'
                for need in region.context.quota_needs
            ),
        )
    if region.allocations:
        yield "Prices", sentences.price_lines(region)
    yield from sentences.not_included(plan)
