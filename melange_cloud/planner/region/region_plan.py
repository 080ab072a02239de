"""Problem + Solution -> RegionPlan: what the numbers mean to the user."""

import math
from collections.abc import Sequence
from dataclasses import replace

from melange_cloud import catalog, profiles
from melange_cloud.domain import (
    Allocation,
    Bucket,
    Fleet,
    FleetContext,
    FleetCost,
    FleetOutcome,
    Kind,
    KindUse,
    MaxTput,
    MaxTputTable,
    Offer,
    PlanBasis,
    Problem,
    QuotaNeed,
    RegionName,
    RegionPlan,
    RoutingLine,
    SingleGpuFleet,
    Solution,
    UnservableSize,
    row_loads,
)
from melange_cloud.domain.purchases import obligation_usd
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.planner.region_question import RegionQuestion


def million_tokens_per_month(basis: PlanBasis) -> float:
    """Input + output tokens served in a month, in millions: the mean rate where known, else the peak, no headroom."""
    requests_per_s = (
        basis.traffic.mean_requests_per_s or basis.traffic.peak_requests_per_s
    ) * basis.traffic.served_requests_share
    tokens_per_request = basis.traffic.mean_input_tokens + basis.traffic.mean_output_tokens
    return requests_per_s * SECONDS_PER_HOUR * basis.calculation.hours_per_month * tokens_per_request / 1e6


def without_fleet(
    question: RegionQuestion, single_gpu: tuple[SingleGpuFleet, ...] = (), solution: Solution | None = None
) -> RegionPlan:
    """A region's place in the answer if there is no fleet to show.

    Args:
        solution: that of a search which found none; None where there was nothing to search.
    """
    region = question.region
    outcome = FleetOutcome(question.status, question.reason, "", None)
    if solution is not None:
        solver = solution.solver or question.basis.calculation.solver
        outcome = FleetOutcome(solution.status, solution.reason, solver, None)
    return RegionPlan(
        region_name=RegionName(region.provider, region.name),
        place=region.place,
        outcome=outcome,
        cost=FleetCost(
            usd_per_month=None,
            usd_per_month_range=(None, None),
            fleet_lower_bound_usd_per_hour=None,
            usd_per_million_tokens=None,
            million_tokens_per_month=million_tokens_per_month(question.basis),
        ),
        fleet=Fleet(),
        left_out=question.left_out,
        context=FleetContext(single_gpu=single_gpu),
    )


def with_fleet(
    question: RegionQuestion, problem: Problem, solution: Solution, context: FleetContext | None = None
) -> RegionPlan:
    """The answer for one region where a fleet was found.

    Args:
        problem: what ``solution`` is the answer to.
        context: what is shown with the fleet; None is nothing.
    """
    region, basis, offers = question.region, question.basis, question.offer_by_name
    buckets, max_tput = question.asked.workload.buckets, question.evaluated.max_tput
    context = context or FleetContext()
    if solution.fleet_usd_per_hour is None:
        raise ValueError("a solution with a fleet has a cost")
    routing = _routing(problem, solution, buckets, max_tput)
    kinds = _kinds(problem, solution, buckets, max_tput, routing)
    busy = {Kind(use.gpu, use.tensor_parallel): use.busy_replicas / use.replicas for use in kinds}
    allocations = tuple(
        _allocation(offers[name], question.price_age(offers[name]), kind, count, busy.get(kind, 0.0))
        for (name, kind), count in sorted(solution.instances.items(), key=lambda item: (item[0][1], item[0][0]))
    )
    hours = basis.calculation.hours_per_month
    million_tokens = million_tokens_per_month(basis)
    bars = context.error_bars
    return RegionPlan(
        region_name=RegionName(region.provider, region.name),
        place=region.place,
        outcome=FleetOutcome(solution.status, "", solution.solver, solution.fleet_usd_per_hour),
        cost=FleetCost(
            usd_per_month=solution.fleet_usd_per_hour * hours,
            usd_per_month_range=(None, None) if bars is None else (bars.better.usd_per_month, bars.worse.usd_per_month),
            fleet_lower_bound_usd_per_hour=solution.fleet_lower_bound_usd_per_hour,
            usd_per_million_tokens=solution.fleet_usd_per_hour * hours / million_tokens,
            million_tokens_per_month=million_tokens,
            obligation_usd=obligation_usd(basis.fleet.purchase, solution.fleet_usd_per_hour),
        ),
        fleet=Fleet(allocations, kinds, routing),
        left_out=question.left_out,
        context=context,
    )


def quota_needs(question: RegionQuestion, solution: Solution) -> tuple[QuotaNeed, ...]:
    """The account quotas that the fleet draws on, by the vendor's names."""
    offers = question.offer_by_name
    total: dict[str, QuotaNeed] = {}
    for name, count in solution.instance_counts.items():
        need = _quota_need(offers[name], count)
        if need is not None:
            before = total[need.name].needed if need.name in total else 0
            total[need.name] = replace(need, needed=before + need.needed)
    return tuple(need for _, need in sorted(total.items()))


def _quota_need(offer: Offer, instances: int) -> QuotaNeed | None:
    """What so many instances draw on which account quota; None where none is known."""
    machine = offer.instance_type
    quota = catalog.quota_of(machine.provider, machine.name, offer.purchase)
    if quota is None:
        return None
    each = machine.vcpus if quota.unit == "vCPU" else machine.gpu_count
    return QuotaNeed(quota.name, each * instances, quota.unit, quota.short)


def _allocation(offer: Offer, price_age: str, kind: Kind, instances: int, busy: float) -> Allocation:
    machine = offer.instance_type
    return Allocation(
        instance_type=machine.name,
        gpu=machine.gpu,
        gpu_count=machine.gpu_count,
        tensor_parallel=kind.tensor_parallel,
        purchase=offer.purchase,
        sold_as=offer.sold_as,
        contract=offer.contract,
        instances=instances,
        replicas=instances * machine.replicas_per_instance(kind),
        vcpus=machine.vcpus,
        memory_gib=machine.memory_gib,
        quota_family=machine.quota_family,
        busy=busy,
        usd_per_instance_hour=offer.usd_per_instance_hour,
        list_usd_per_instance_hour=offer.list_usd_per_instance_hour,
        line_usd_per_hour=offer.usd_per_instance_hour * instances,
        price=offer.provenance(price_age),
        availability=catalog.availability_of(offer),
        quota=_quota_need(offer, instances),
        gpu_memory_gib=profiles.load_gpus()[machine.gpu].memory_gib,
    )


def _routing(
    problem: Problem,
    solution: Solution,
    buckets: Sequence[Bucket],
    max_tput: MaxTputTable,
) -> tuple[RoutingLine, ...]:
    lines = []
    for bucket in buckets:
        row = problem.row_of_bucket[bucket.name]
        for kind in problem.kinds:
            share = solution.shares.get((row, kind), 0.0)
            cell = max_tput[bucket.name, kind]
            if share > 0 and isinstance(cell, MaxTput):
                lines.append(
                    RoutingLine(
                        input_tokens=(bucket.input_low_tokens, bucket.input_high_tokens),
                        output_tokens=(bucket.output_low_tokens, bucket.output_high_tokens),
                        mean_input_tokens=bucket.mean_input_tokens,
                        mean_output_tokens=bucket.mean_output_tokens,
                        bucket_requests_per_s=problem.planned_requests_per_s[bucket.name],
                        gpu=kind.gpu,
                        tensor_parallel=kind.tensor_parallel,
                        max_tput_requests_per_s=cell.requests_per_s,
                        share=share,
                        limited_by=cell.limited_by,
                        load_requests_per_s=problem.max_tput_requests_per_s[bucket.name, kind],
                    )
                )
    return tuple(lines)


def _kinds(
    problem: Problem,
    solution: Solution,
    buckets: Sequence[Bucket],
    max_tput: MaxTputTable,
    routing: Sequence[RoutingLine],
) -> tuple[KindUse, ...]:
    replicas: dict[Kind, int] = {}
    offer_by_name = {offer.name: offer for offer in problem.offers}
    for (name, kind), count in solution.instances.items():
        replicas[kind] = replicas.get(kind, 0) + count * offer_by_name[name].replicas_per_instance(kind)
    bucket_by_size = {
        (bucket.input_low_tokens, bucket.output_low_tokens, bucket.input_high_tokens, bucket.output_high_tokens): bucket
        for bucket in buckets
    }
    all_requests = math.fsum(problem.planned_requests_per_s.values())
    all_tokens = math.fsum(
        problem.planned_requests_per_s[bucket.name] * (bucket.mean_input_tokens + bucket.mean_output_tokens)
        for bucket in buckets
    )
    rows = row_loads(max_tput, sorted(replicas), problem.planned_requests_per_s, problem.row_of_bucket)
    uses = []
    for kind in sorted(replicas):
        lines = [line for line in routing if Kind(line.gpu, line.tensor_parallel) == kind]
        loads_by_grade: dict[str, float] = {}
        load = weighted_error = weighted_down = requests = tokens = limited_load = limited_requests = maybe_none = 0.0
        origins = set()
        for line in lines:
            bucket = bucket_by_size[
                line.input_tokens[0], line.output_tokens[0], line.input_tokens[1], line.output_tokens[1]
            ]
            cell = max_tput[bucket.name, kind]
            if isinstance(cell, UnservableSize):
                raise ValueError(f"{kind} was given {bucket.name}, which it cannot serve")  # noqa: TRY004
            row = rows[problem.row_of_bucket[bucket.name], kind]
            grade = row.grade_of(cell)
            part = line.share * line.bucket_requests_per_s
            busy = part / line.load_requests_per_s
            load += busy
            weighted_error += busy * row.error_of(cell)
            weighted_down += busy * row.error_down_of(cell)
            maybe_none += part if row.may_be_none else 0.0
            loads_by_grade[grade] = loads_by_grade.get(grade, 0.0) + busy
            requests += part
            tokens += part * (bucket.mean_input_tokens + bucket.mean_output_tokens)
            origins.add(row.origin_of(cell))
            if row.front_end_binds:
                limited_load += busy
                limited_requests += part
        uses.append(
            KindUse(
                gpu=kind.gpu,
                tensor_parallel=kind.tensor_parallel,
                replicas=replicas[kind],
                busy_replicas=load,
                requests_share=requests / all_requests,
                tokens_share=tokens / all_tokens,
                # Ties go to the worse grade: grades sort from A (best) to D.
                grade=max(loads_by_grade, key=lambda grade: (loads_by_grade[grade], grade), default="-"),
                error=weighted_error / load if load else 0.0,
                error_down=weighted_down / load if load else 0.0,
                origin="measured" if origins == {"measured"} else "estimated",
                front_end_load_share=limited_load / load if load else 0.0,
                front_end_requests_per_s=limited_requests / limited_load if limited_load else None,
                may_be_none_share=maybe_none / requests if requests else 0.0,
            )
        )
    return tuple(uses)
