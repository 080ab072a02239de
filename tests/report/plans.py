"""Plans made by hand: plain ones in which cost, load and shares agree, and odd ones that must not break a page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from typing import Any, TypeVar

from melange_cloud.domain import (
    Allocation,
    Availability,
    Confidence,
    CostOrder,
    Fleet,
    FleetContext,
    FleetCost,
    FleetOutcome,
    FleetWithSpare,
    IneligibleType,
    KindUse,
    OrderBasis,
    Plan,
    PlanBasis,
    PriceProvenance,
    QuotaNeed,
    RegionName,
    RegionPlan,
    RoutingLine,
    SingleGpuFleet,
    Status,
    WhatIf,
)
from melange_cloud.domain.decision import Decision
from melange_cloud.domain.question import Calculation, FleetRules, LatencyTargets, PlannedTraffic, ServedModel
from melange_cloud.planner.ranking.rank_regions import ranked

Record = TypeVar("Record", Allocation, RegionPlan)

EXAMPLE = "EXAMPLE TRAFFIC, NOT YOURS - set --workload --rate --tpot-ms"
SNAPSHOT = "SNAPSHOT PRICES, NOT LIVE - AWS list of 2026-07-20, 125 days old"
DEFAULTED = (
    "model",
    "precision",
    "era",
    "engine",
    "workload",
    "peak_requests_per_s",
    "headroom",
    "cached_input",
    "tpot_ms",
    "router",
    "purchase",
    "hours_per_month",
    "spare",
)
HOURS = 730.0

BASIS = PlanBasis(
    ServedModel(model="Llama-3.1-8B", precision="bf16", era="vLLM 2026"),
    PlannedTraffic(
        workload="conversation",
        workload_title="Azure 2023 conversations, 19,366 requests",
        mean_input_tokens=1154.7,
        mean_output_tokens=211.1,
        peak_requests_per_s=10.0,
        mean_requests_per_s=None,
        headroom=0.2,
        planned_requests_per_s=12.0,
    ),
    LatencyTargets(tpot_ms=100.0),
    FleetRules(router="plain", purchase="on_demand", sold_as="proven", spare=0, host_memory_floor_gib=24.0),
    Calculation(hours_per_month=HOURS, solver="auto", time_limit_s=None),
)


def with_values(**values: Any) -> PlanBasis:
    """BASIS with other values, whichever part they are of."""
    parts = {}
    for part in fields(BASIS):
        before = getattr(BASIS, part.name)
        parts[part.name] = replace(before, **{n: v for n, v in values.items() if n in {f.name for f in fields(before)}})
    assert values.keys() <= {f.name for part in parts.values() for f in fields(part)}
    return PlanBasis(**parts)


@dataclass(frozen=True)
class Machine:
    name: str
    gpu: str
    gpu_count: int
    vcpus: int
    memory_gib: float
    family: str
    price: float


G5 = Machine("g5.2xlarge", "A10G", 1, 8, 32.0, "aws:G", 1.212)
G5_4 = Machine("g5.12xlarge", "A10G", 4, 48, 192.0, "aws:G", 5.672)
G6 = Machine("g6.2xlarge", "L4", 1, 8, 32.0, "aws:G", 0.9776)
P4D = Machine("p4d.24xlarge", "A100-40GB", 8, 96, 1152.0, "aws:P", 21.957642)
P4DE = Machine("p4de.24xlarge", "A100-80GB", 8, 96, 1152.0, "aws:P", 27.44705)
P5 = Machine("p5.48xlarge", "H100", 8, 192, 2048.0, "aws:P", 55.04)
A2 = Machine("a2-highgpu-1g", "A100-40GB", 1, 12, 85.0, "gcp:A2", 3.673385)
G2 = Machine("g2-standard-8", "L4", 1, 8, 32.0, "gcp:G2", 0.853624)

QUOTAS = {
    "aws:G": ("Running On-Demand G and VT instances", "vCPU", "G"),
    "aws:P": ("Running On-Demand P instances", "vCPU", "P"),
    "gcp:A2": ("NVIDIA A100 GPUs", "GPU", "A100"),
    "gcp:G2": ("NVIDIA L4 GPUs", "GPU", "L4"),
}
GPU_MEMORY_GIB = {"A10G": 24.0, "L4": 24.0, "A100-40GB": 40.0, "A100-80GB": 80.0, "H100": 80.0}
OFTEN_SOLD_OUT = ("aws:P",)

# (low, high] of input and output tokens, mean sizes, part of the traffic; MaxTput below is in requests/s per replica.
BUCKETS = (
    ((25, 100), (0, 25), 60.0, 12.0, 0.25),
    ((100, 1000), (25, 250), 480.0, 110.0, 0.5),
    ((1000, 8000), (250, 1000), 2400.0, 420.0, 0.25),
)
MAX_TPUT = {"L4": 1.2, "A10G": 1.3, "A100-40GB": 6.0, "A100-80GB": 8.0, "H100": 16.0}
ERRORS = {"L4": 0.3, "A10G": 0.3, "A100-40GB": 0.18, "A100-80GB": 0.2, "H100": 0.1}


def allocation(
    machine: Machine,
    instances: int,
    *,
    degree: int = 1,
    busy: float = 0.9,
    price: float | None = None,
    as_of: date = date(2026, 7, 20),
    **changes: Any,
) -> Allocation:
    each = machine.price if price is None else price
    quota, unit, short = QUOTAS[machine.family]
    needed = instances * (machine.vcpus if unit == "vCPU" else machine.gpu_count)
    sold_out = machine.family in OFTEN_SOLD_OUT
    made = Allocation(
        instance_type=machine.name,
        gpu=machine.gpu,
        gpu_count=machine.gpu_count,
        tensor_parallel=degree,
        purchase="on_demand",
        sold_as="on_demand",
        contract="",
        instances=instances,
        replicas=instances * (machine.gpu_count // degree),
        vcpus=machine.vcpus,
        memory_gib=machine.memory_gib,
        quota_family=machine.family,
        busy=busy,
        usd_per_instance_hour=each,
        list_usd_per_instance_hour=each,
        line_usd_per_hour=each * instances,
        price=PriceProvenance(
            origin="snapshot",
            age="snapshot 2026-07-20",
            source="AWS price list, bulk file",
            as_of_from=as_of,
            as_of_to=as_of,
        ),
        availability=Availability.OFTEN_UNAVAILABLE if sold_out else Availability.NOT_CHECKED,
        quota=QuotaNeed(quota, needed, unit, short),
        gpu_memory_gib=GPU_MEMORY_GIB[machine.gpu],
    )
    return changed(made, **changes)


def changed(record: Record, **changes: Any) -> Record:
    """The record with other values, those of its flat parts by their own names."""
    parts: dict[str, Any] = {}
    for part in fields(record):
        if part.metadata.get("flat"):
            whole = getattr(record, part.name)
            own = {one.name: changes.pop(one.name) for one in fields(whole) if one.name in changes}
            parts[part.name] = replace(whole, **own)
    return replace(record, **parts, **changes)


def region_plan(
    lines: Sequence[Allocation],
    *,
    provider: str = "aws",
    region: str = "us-east-1",
    place: str = "US East (N. Virginia)",
    status: Status = Status.OPTIMAL,
    shares: Mapping[tuple[str, int], float] | None = None,
    basis: PlanBasis = BASIS,
    **changes: Any,
) -> RegionPlan:
    """A region whose kinds serve every bucket in proportion to ``shares`` (default: to what their replicas can)."""
    replicas: dict[tuple[str, int], int] = {}
    for line in lines:
        kind = (line.gpu, line.tensor_parallel)
        replicas[kind] = replicas.get(kind, 0) + line.replicas
    rates = {kind: count * MAX_TPUT[kind[0]] * kind[1] for kind, count in replicas.items()}
    shares = shares or {kind: rate / sum(rates.values()) for kind, rate in rates.items()}
    routing, kinds = [], []
    for (gpu, degree), share in sorted(shares.items()):
        busy = 0.0
        for inputs, outputs, mean_in, mean_out, part in BUCKETS:
            max_tput = MAX_TPUT[gpu] * degree * (590.0 / (mean_in + mean_out)) ** 0.1
            rate = part * basis.traffic.planned_requests_per_s
            busy += share * rate / max_tput
            routing.append(
                RoutingLine(inputs, outputs, mean_in, mean_out, rate, gpu, degree, max_tput, share, "tpot", max_tput)
            )
        kinds.append(
            KindUse(gpu, degree, replicas[gpu, degree], busy, share, share, "C", ERRORS[gpu], ERRORS[gpu], "estimated")
        )
    busy_share = {(use.gpu, use.tensor_parallel): use.busy_replicas / use.replicas for use in kinds}
    cost = sum(line.line_usd_per_hour for line in lines)
    tokens = basis.traffic.mean_requests_per_s or basis.traffic.peak_requests_per_s
    million = (
        tokens
        * 3600
        * basis.calculation.hours_per_month
        * (basis.traffic.mean_input_tokens + basis.traffic.mean_output_tokens)
        / 1e6
    )
    made = RegionPlan(
        region_name=RegionName(provider, region),
        place=place,
        outcome=FleetOutcome(status, "", "glpk", cost),
        cost=FleetCost(
            usd_per_month=cost * basis.calculation.hours_per_month,
            usd_per_month_range=(
                cost * 0.745 * basis.calculation.hours_per_month,
                cost * 1.372 * basis.calculation.hours_per_month,
            ),
            fleet_lower_bound_usd_per_hour=cost,
            usd_per_million_tokens=cost * basis.calculation.hours_per_month / million,
            million_tokens_per_month=million,
        ),
        fleet=Fleet(
            allocations=tuple(replace(line, busy=busy_share[line.gpu, line.tensor_parallel]) for line in lines),
            kinds=tuple(kinds),
            routing=tuple(sorted(routing, key=lambda line: (line.input_tokens, line.gpu, line.tensor_parallel))),
        ),
        context=FleetContext(routers={"plain": cost, "prompt": cost * 0.981, "oracle": cost * 0.95}),
        with_spare=with_spare(lines, basis.calculation.hours_per_month),
        left_out=(),
    )
    return changed(made, **changes)


def with_spare(lines: Sequence[Allocation], hours_per_month: float) -> FleetWithSpare:
    """One more of each line: enough to lose any one of them."""
    usd = sum(line.usd_per_instance_hour * (line.instances + 1) for line in lines)
    counts = {line.instance_type: line.instances + 1 for line in lines}
    return FleetWithSpare(Status.OPTIMAL, "", usd, usd * hours_per_month, counts, True)


def no_plan(
    region: str,
    *,
    provider: str = "aws",
    place: str = "Somewhere",
    status: Status = Status.INFEASIBLE,
    reason: str = "no GPU serves 25,000 input tokens (4 % of the traffic)",
    **changes: Any,
) -> RegionPlan:
    made = region_plan([allocation(G5, 1)], provider=provider, region=region, place=place)
    nothing: dict[str, Any] = {
        "status": status,
        "reason": reason,
        "fleet_usd_per_hour": None,
        "usd_per_month": None,
        "usd_per_month_range": (None, None),
        "fleet_lower_bound_usd_per_hour": None,
        "usd_per_million_tokens": None,
        "allocations": (),
        "kinds": (),
        "routing": (),
        "routers": {},
        "with_spare": None,
    }
    return changed(made, **(nothing | changes))


def plan(*regions: RegionPlan, notices: Sequence[str] = (EXAMPLE, SNAPSHOT), **values: Any) -> Plan:
    """A plan of these regions; ``values`` change those of BASIS, which then are no defaults."""
    made = Plan(
        generated_at=datetime(2026, 11, 22, 12, 0, 5, 123456, tzinfo=UTC),
        notices=tuple(notices),
        defaulted=tuple(name for name in DEFAULTED if name not in values),
        basis=with_values(**values),
        regions=with_differences(regions),
    )
    return ranked(made)


def with_differences(regions: Sequence[RegionPlan]) -> tuple[RegionPlan, ...]:
    """What the planner says of each region against the cheapest, by a rule of thumb: there is nothing here to solve.

    A difference below the errors of what the fleets do not share, in quadrature, is within them. A region that already
    says how it differs keeps it.
    """
    priced = sorted(
        (r for r in regions if r.fleet_usd_per_hour is not None), key=lambda r: (r.fleet_usd_per_hour, r.region)
    )
    return tuple(
        replace(region, difference=difference(priced[0], region))
        if region in priced[1:] and region.difference is None
        else region
        for region in regions
    )


def difference(cheapest: RegionPlan, region: RegionPlan) -> CostOrder:
    usd: dict[tuple[str, int], float] = {}
    for sign, lines in ((1, cheapest.allocations), (-1, region.allocations)):
        for line in lines:
            kind = line.gpu, line.tensor_parallel
            usd[kind] = usd.get(kind, 0.0) + sign * line.line_usd_per_hour
    errors = {(use.gpu, use.tensor_parallel): use.error for side in (cheapest, region) for use in side.fleet.kinds}
    doubt = math.hypot(*(part * errors.get(kind, 0.0) for kind, part in usd.items()))
    apart = abs((oldest(cheapest) - oldest(region)).days) > 90
    if region.fleet_usd_per_hour - cheapest.fleet_usd_per_hour <= 1e-6:
        return CostOrder(Confidence.EQUAL)
    if region.fleet_usd_per_hour - cheapest.fleet_usd_per_hour <= doubt:
        return CostOrder(Confidence.WITHIN_PROFILE_ERROR)
    if (
        region.status is Status.FEASIBLE
        and (region.cost.fleet_lower_bound_usd_per_hour or 0) < cheapest.fleet_usd_per_hour
    ):
        return CostOrder(Confidence.NOT_PROVEN, OrderBasis.OFFERS)
    return CostOrder(Confidence.PRICES_APART if apart else Confidence.CLEAR, OrderBasis.OFFERS)


def oldest(region: RegionPlan) -> date:
    return min(line.price.as_of_to for line in region.allocations)


def single(
    gpu: str,
    usd_per_hour: float | None,
    instances: Mapping[str, int] | None = None,
    *,
    degree: int = 1,
    reason: str = "",
    cost: float | None = None,
    status: Status | None = None,
) -> SingleGpuFleet:
    found = Status.INFEASIBLE if usd_per_hour is None else Status.OPTIMAL
    saving = None if usd_per_hour is None or cost is None else 1 - cost / usd_per_hour
    return SingleGpuFleet(gpu, degree, status or found, reason, usd_per_hour, instances or {}, saving)


def decision(changes: str, option: str, usd_per_hour: float, cost: float, *types: str) -> Decision:
    """A changed question against a fleet of ``cost`` USD/h."""
    return Decision(changes, option, bool(types), types, usd_per_hour * HOURS, usd_per_hour / cost - 1)


def one_machine() -> Plan:
    """A single machine of eight GPUs that is often sold out, whose error decides whether there is a fleet."""
    region = region_plan((allocation(P4D, 1),))
    cost = region.fleet_usd_per_hour or 0.0
    return plan(changed(region, worth_deciding=(decision("spare", "--spare 1", 2 * cost, cost),)))


def us_east_1(**changes: Any) -> RegionPlan:
    """The region of TABLES.md: a mix, with everything that can stand around it."""
    lines = (allocation(G5, 7), allocation(G6, 4))
    cost = sum(line.line_usd_per_hour for line in lines)
    around: dict[str, Any] = {
        "shares": {("A10G", 1): 0.66, ("L4", 1): 0.34},
        "single_gpu": (
            single("A10G", 11 * 1.212, {"g5.2xlarge": 11}, cost=cost),
            single("L4", 16 * 0.9776, {"g6.2xlarge": 16}, cost=cost),
            single("A100-40GB", 21.957642, {"p4d.24xlarge": 1}, cost=cost),
            single("A100-40GB", 2 * 21.957642, {"p4d.24xlarge": 2}, degree=2, cost=cost),
            single("H100", None, reason="no instance type that can be bought on demand here"),
        ),
        "what_if": (
            WhatIf(
                "survive losing any one instance", "--spare 1", Status.OPTIMAL, "", 14.583, {"g5.2xlarge": 8}, "spare"
            ),
            WhatIf(
                "TPOT 50 ms",
                "--tpot-ms 50",
                Status.OPTIMAL,
                "L4 cannot: 54 ms to read the weights",
                14.544,
                {"g5.2xlarge": 12},
                "tpot_ms",
            ),
            WhatIf("TPOT 5 ms", "--tpot-ms 5", Status.INFEASIBLE, "no GPU reads the weights in 5 ms", None, {}),
        ),
        "left_out": (
            IneligibleType("p5.4xlarge", "only by Capacity Block here", "sold_as"),
            IneligibleType("g6.xlarge", "16 GiB host < 24", "host_memory"),
            IneligibleType("g5.xlarge", "16 GiB host < 24", "host_memory"),
        ),
        "quota_needs": (QuotaNeed("Running On-Demand G and VT instances", 88, "vCPU"),),
        "worth_deciding": (
            decision("min_host_memory_gib", "--min-host-memory-gib 0", 10.26, cost, "g5.xlarge", "g6.xlarge"),
            decision("spare", "--spare 1", 14.583, cost),
            decision("tpot_ms", "--tpot-ms 50", 14.544, cost),
            decision("router", "--router prompt", cost * 0.981, cost),
        ),
    }
    return region_plan(lines, **(around | changes))


def mix_of_regions() -> tuple[RegionPlan, ...]:
    """Six regions of two providers: three equal ones, a rival fleet, an older price, and one far more expensive."""
    east = (allocation(G5, 7), allocation(G6, 4))
    old = date(2026, 1, 20)
    aged = (allocation(G5, 7, as_of=old), allocation(G6, 4, as_of=old))
    dear = tuple(allocation(m, n, price=m.price * 1.06, as_of=old) for m, n in ((G5, 7), (G6, 4)))
    july = date(2026, 7, 30)
    lines = (allocation(A2, 2, as_of=july), allocation(G2, 6, as_of=july))
    google = tuple(changed(line, source="GCP catalogue") for line in lines)

    def alone(cost: float) -> dict[str, Any]:
        return {"single_gpu": (single("A10G", 13.332, {"g5.2xlarge": 11}, cost=cost),)}

    return (
        region_plan(east, **alone(12.3944)),
        region_plan(aged, region="us-east-2", place="US East (Ohio)", **alone(12.3944)),
        region_plan(aged, region="us-west-2", place="US West (Oregon)", **alone(12.3944)),
        region_plan(google, provider="gcp", region="us-central1", place="Iowa", single_gpu=()),
        region_plan(google, provider="gcp", region="us-east1", place="South Carolina", single_gpu=()),
        region_plan(dear, region="eu-north-1", place="Europe (Stockholm)", **alone(13.1)),
        region_plan(
            (allocation(P5, 2),), provider="aws", region="sa-east-1", place="South America (São Paulo)", single_gpu=()
        ),
    )


def forty_regions() -> Plan:
    """Thirty-six priced regions of falling worth, and four without a plan for two reasons."""
    priced = [
        region_plan((allocation(G5, 7, price=1.2 + 0.05 * at), allocation(G6, 4)), region=f"aa-north-{at}")
        for at in range(36)
    ]
    reasons = ("H100 <= 1 is too few", "no GPU serves 25,000 input tokens")
    bare = [no_plan(f"zz-{at}", reason=reasons[at % 2]) for at in range(4)]
    return plan(*priced, *bare)


def hostile() -> Plan:
    """Every text from outside tries to be markup, a new line, an escape, or endless."""
    evil = "[red]x|y\n\x1b[31m`*_<b>&$9 \u202e" + "q" * 70
    line = changed(allocation(G5, 12), instance_type=evil, source=evil, contract=evil)
    region = region_plan(
        (line,),
        region=evil,
        place=evil,
        single_gpu=(single("A10G", 9.0, {evil: 3}), single("L4", None, reason=evil)),
        what_if=(WhatIf(evil, evil, Status.UNKNOWN, evil, None, {}),),
        left_out=(IneligibleType(evil, evil, evil),),
        quota_needs=(QuotaNeed(evil, 3, evil),),
    )
    return plan(region, notices=(EXAMPLE, evil), model=evil, workload=evil, workload_title=evil, max_gpus={evil: 3})


def seventy_b() -> Plan:
    """70B on two degrees of one GPU, on two instance types of which one hosts both, not proven."""
    lines = (allocation(P4DE, 2, degree=4), allocation(P4DE, 1, degree=8), allocation(P5, 1, degree=4))
    cost = sum(line.line_usd_per_hour for line in lines)
    region = region_plan(
        lines,
        status=Status.FEASIBLE,
        basis=with_values(mean_requests_per_s=3.3333),
        fleet_lower_bound_usd_per_hour=cost * 0.95,
        usd_per_month_range=(cost * 500, None),
        single_gpu=(
            single("A100-80GB", cost * 1.1, {"p4de.24xlarge": 5}, degree=4, cost=cost),
            single("A100-80GB", cost * 1.3, {"p4de.24xlarge": 6}, degree=8, cost=cost, status=Status.FEASIBLE),
            single("L4", None, degree=4, reason="140 GiB of weights do not fit"),
            single("L4", None, degree=8, reason="no instance type here has 8"),
        ),
    )
    return plan(region, model="Llama-3.1-70B", mean_requests_per_s=3.3333, time_limit_s=10)


def spot() -> Plan:
    lines = tuple(replace(allocation(m, n), purchase="spot", sold_as="spot") for m, n in ((G5, 3), (G5_4, 1), (G6, 4)))
    return plan(region_plan(lines), purchase="spot")


def commitment() -> Plan:
    lines = tuple(
        replace(
            allocation(m, n, price=m.price * 0.63),
            purchase="commit_1y",
            sold_as="commitment",
            contract="RI 1y standard no upfront",
            list_usd_per_instance_hour=m.price * 0.7,
        )
        for m, n in ((G5, 7), (G6, 4))
    )
    missing = no_plan("us-east-2", status=Status.UNKNOWN, reason="no 1-year commitment has a price", solver="")
    return plan(region_plan(lines), missing, purchase="commit_1y")


def pages() -> dict[str, Plan]:
    """Every plan above by a name."""
    quota = no_plan(
        "us-east-1",
        reason="quota aws:G <= 8 vCPU is too small: 88 are needed",
        single_gpu=(
            single("A10G", None, reason="quota aws:G <= 8 vCPU"),
            single("L4", None, reason="quota aws:G <= 8 vCPU"),
        ),
        left_out=(IneligibleType("p5.4xlarge", "only by Capacity Block here", "sold_as"),),
        routers={"plain": None, "prompt": None, "oracle": None},
    )
    return {
        "one-region": plan(us_east_1()),
        "several-regions": plan(*mix_of_regions(), no_plan("us-gov-1"), notices=(EXAMPLE, SNAPSHOT)),
        "forty-regions": forty_regions(),
        "seventy-b": seventy_b(),
        "spot": spot(),
        "commitment": commitment(),
        "one-machine": one_machine(),
        "infeasible": plan(quota, max_vcpus={"aws:G": 8}),
        "unknown": plan(no_plan("us-east-1", status=Status.UNKNOWN, reason="nothing found in 1 s")),
        "hostile": hostile(),
        "hostile-regions": replace(hostile(), regions=(*hostile().regions, *us_and_hostile())),
        "no-region": plan(),
    }


def us_and_hostile() -> tuple[RegionPlan, ...]:
    region = hostile().regions[0]
    return (us_east_1(), no_plan("q" * 90, reason=region.region), changed(region, region="b\r\nc"))
