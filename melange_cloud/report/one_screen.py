"""One screen of a plan: what of the whole answer it holds."""

from melange_cloud.domain import Plan, RegionPlan
from melange_cloud.domain.brief_plan import BriefLine, BriefPlan, BriefQuestion, BriefRegion
from melange_cloud.report.sentences import notices
from melange_cloud.report.text import clean, once


def brief_plan(plan: Plan) -> BriefPlan:
    """The plan as one screen shows it."""
    basis = plan.basis
    important = important_notices(plan)
    return BriefPlan(
        generated_at=plan.generated_at,
        notices=important,
        more_notices=len(notices(plan)) - len(important),
        defaulted=plan.defaulted,
        question=BriefQuestion(
            model=basis.served.model,
            precision=basis.served.precision,
            workload=basis.traffic.workload,
            mean_input_tokens=basis.traffic.mean_input_tokens,
            mean_output_tokens=basis.traffic.mean_output_tokens,
            peak_requests_per_s=basis.traffic.peak_requests_per_s,
            headroom=basis.traffic.headroom,
            tpot_ms=basis.targets.tpot_ms,
            p99_tpot_ms=basis.targets.p99_tpot_ms,
            ttft_ms=basis.targets.ttft_ms,
            e2e_ms=basis.targets.e2e_ms,
            router=basis.fleet.router,
            purchase=basis.fleet.purchase,
            spare=basis.fleet.spare,
            hours_per_month=basis.calculation.hours_per_month,
        ),
        regions=tuple(brief_region(plan, region) for region in plan.regions),
    )


def important_notices(plan: Plan) -> tuple[str, ...]:
    """The notices that every page shows, each once."""
    return tuple(once(clean(notice) for notice in plan.important_notices))


def brief_region(plan: Plan, region: RegionPlan) -> BriefRegion:
    """One region as one screen shows it."""
    bars = region.context.error_bars
    first = bars.profiles[0] if bars is not None and bars.profiles else None
    return BriefRegion(
        region_name=region.region_name,
        place=region.place,
        status=region.status,
        reason=region.outcome.reason,
        usd_per_month=region.usd_per_month,
        usd_per_month_range=region.cost.usd_per_month_range,
        with_spare_usd_per_month=None if region.with_spare is None else region.with_spare.usd_per_month,
        obligation_usd=region.cost.obligation_usd,
        sure=None if region.comparison is None else region.comparison.sure,
        gap=region.gap,
        is_one_machine=sum(line.instances for line in region.allocations) == 1,
        fleet=_lines(plan, region),
        worth_deciding=region.context.worth_deciding,
        measure_first=None if first is None or first.swing_usd_per_month == 0 else first,
        current=region.context.current,
    )


def _lines(plan: Plan, region: RegionPlan) -> tuple[BriefLine, ...]:
    hours = plan.basis.calculation.hours_per_month
    return tuple(
        BriefLine(
            instance_type=line.instance_type,
            gpu=line.gpu,
            gpu_count=line.gpu_count,
            tensor_parallel=line.tensor_parallel,
            instances=line.instances,
            usd_per_instance_hour=line.usd_per_instance_hour,
            usd_per_month=line.line_usd_per_hour * hours,
            requests_share=requests_share,
            availability=line.availability,
            quota=line.quota,
        )
        for line, (requests_share, _) in zip(region.allocations, traffic_shares(region), strict=True)
    )


def traffic_shares(region: RegionPlan) -> list[tuple[float, float]]:
    """The parts of all requests, and of all tokens, that each allocation serves.

    Those of a kind are split over its allocations by replicas: equal replicas get equal traffic, so these are the
    weights to give a load balancer.
    """
    uses = {(use.gpu, use.tensor_parallel): use for use in region.fleet.kinds}
    shares = []
    for line in region.allocations:
        use = uses.get((line.gpu, line.tensor_parallel))
        part = line.replicas / use.replicas if use is not None and use.replicas else 0.0
        shares.append((0.0, 0.0) if use is None else (use.requests_share * part, use.tokens_share * part))
    return shares
