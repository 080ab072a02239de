"""The answer in the user's words: a Plan holds one RegionPlan per region asked for.

Field names are those of the JSON that ``--format json`` prints (README, "The JSON"). Money is USD; a month has
``request.hours_per_month`` hours; shares and errors are fractions; None is "no data".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from melange_cloud.domain.comparison import CostOrder, FirstRank, RegionName, RegionStanding
from melange_cloud.domain.coverage import Coverage
from melange_cloud.domain.explanation import CurrentFleet, Explanation
from melange_cloud.domain.fleet_outcome import FleetOutcome
from melange_cloud.domain.offers import PriceProvenance
from melange_cloud.domain.problem import Status
from melange_cloud.domain.purchases import PurchasePlan
from melange_cloud.domain.question import PlanBasis
from melange_cloud.domain.user_measurements import UserMeasurement


@dataclass(frozen=True, slots=True)
class Allocation:
    """One line of a fleet: so many instances of one offer, all given to one degree of tensor parallelism.

    Attributes:
        purchase: how it is bought.
        sold_as: whether it can really be bought so: on_demand, spot, commitment, capacity_block, unknown.
        contract: what is signed; empty for on demand and spot.
        instances: how many.
        replicas: replicas on all of them.
        vcpus: vCPUs per instance.
        memory_gib: memory per instance, GiB.
        quota_family: the vCPU quota that it counts against, provider:family.
        busy: busy share of the replicas of its kind.
        usd_per_instance_hour: net price of one instance, USD/h.
        list_usd_per_instance_hour: price of one instance before the user's own discounts, USD/h.
        line_usd_per_hour: price of all its instances together, USD/h.
        price: where the price comes from.
    """

    instance_type: str
    gpu: str
    gpu_count: int
    tensor_parallel: int
    purchase: str
    sold_as: str
    contract: str
    instances: int
    replicas: int
    vcpus: int
    memory_gib: float
    quota_family: str
    busy: float
    usd_per_instance_hour: float = field(metadata={"key": "usd_per_hour_each"})
    list_usd_per_instance_hour: float = field(metadata={"key": "list_usd_per_hour_each"})
    line_usd_per_hour: float = field(metadata={"key": "usd_per_hour"})
    price: PriceProvenance = field(metadata={"flat": True})


@dataclass(frozen=True, slots=True)
class KindUse:
    """What one kind (GPU, degree) carries.

    Grade and error are those of the figures that its load is made of.

    Attributes:
        replicas: replicas rented.
        busy_replicas: replicas kept busy by the planned rate.
        requests_share: its part of all requests.
        tokens_share: its part of all tokens, input + output.
        grade: grade of the profile cells with most load: A measured, B calibrated on that GPU, C on a few points, D
            borrowed.
        error: load-weighted mean error of those cells; 0.3 is +-30 %.
        origin: measured or estimated.
        front_end_load_share: part of its load of requests that, in the mix in which they come, fill the HTTP front end
            sooner than the engine.
        front_end_requests_per_s: what one replica takes of these requests in their mixture; None where there are none.
    """

    gpu: str
    tensor_parallel: int
    replicas: int
    busy_replicas: float
    requests_share: float
    tokens_share: float
    grade: str
    error: float
    origin: str
    front_end_load_share: float = 0.0
    front_end_requests_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class RoutingLine:
    """The part of one bucket's traffic that one kind serves.

    Attributes:
        mean_input_tokens: mean input tokens of the bucket's requests.
        mean_output_tokens: mean output tokens of the bucket's requests.
        bucket_requests_per_s: the bucket's planned rate, headroom included, requests/s.
        max_tput_requests_per_s: what one replica sustains within the target of this size alone, requests/s (see
            ``MaxTput``).
        share: part of the bucket's traffic; the shares of a bucket sum to 1.
        limited_by: what limits max_tput_requests_per_s: a target (tpot, p99_tpot, ttft, e2e), saturation, load (no
            higher load was measured) or front_end (the server's HTTP front end).
        load_requests_per_s: the rate of this size that counts in the mix that one replica serves: its engine's, or its
            HTTP front end's where the mix fills that sooner (see ``row_loads``). A kind's busy_replicas is the sum of
            share x bucket_requests_per_s / load_requests_per_s.
    """

    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    mean_input_tokens: float
    mean_output_tokens: float
    bucket_requests_per_s: float
    gpu: str
    tensor_parallel: int
    max_tput_requests_per_s: float
    share: float
    limited_by: str = ""
    load_requests_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SingleGpuFleet:
    """The cheapest fleet of one GPU alone, at whatever tensor parallel degrees.

    Where it has none, there is one entry for each degree that cannot, with the reason.

    Attributes:
        tensor_parallel: degree of all its replicas, or of the reason; None where the fleet has several degrees, or
            where no one degree is to blame.
        saving_fraction: what the plan saves against it; None where either has no cost.
    """

    gpu: str
    tensor_parallel: int | None
    status: Status
    reason: str
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    instances: Mapping[str, int]
    saving_fraction: float | None = field(metadata={"schema": {"minimum": None}})


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The same question with one thing changed: a spare, a tighter target, a smaller host memory.

    Attributes:
        name: what is changed.
        option: what to type to get it.
        reason: why there is no fleet, or what drives the change.
    """

    name: str
    option: str
    status: Status
    reason: str
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    instances: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FleetAtThroughput:
    """The cheapest fleet if the profiles are as stated, or all off to one side by their errors.

    Attributes:
        usd_per_month: its cost, USD/month; None where no fleet was found.
        same_mix: whether it is built of the same kinds as the plan, whatever their counts; None without a fleet.
        proven: whether the search was carried to its end; where it was not, the cheapest fleet costs at most that.
    """

    usd_per_month: float | None
    instances: Mapping[str, int]
    same_mix: bool | None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class ProfileSwing:
    """What the error of one profile alone does to the cost, all others as stated.

    Attributes:
        error: by how much its MaxTput may be off, a fraction: mean over the workload, weighted by load.
        in_fleet: whether the cheapest fleet at the stated throughput uses it.
        usd_per_month_if_better: cost if it is better by its error, USD/month; None where no fleet was found.
        usd_per_month_if_worse: cost if it is worse by its error, USD/month; None where no fleet was found.
        swing_usd_per_month: the difference of the two; None where one is missing.
        measure: the command that imports a measurement of this profile.
        proven: whether both ends were searched to the end; a search that stopped early finds fleets that cost too much.
    """

    gpu: str
    tensor_parallel: int
    error: float
    in_fleet: bool
    usd_per_month_if_better: float | None
    usd_per_month_if_worse: float | None
    swing_usd_per_month: float | None
    measure: str
    proven: bool = True


@dataclass(frozen=True, slots=True)
class ErrorBars:
    """What the profiles' errors do to the answer.

    Attributes:
        better: every profile at the high end of its error.
        stated: every profile as stated.
        worse: every profile at the low end of its error.
        profiles: the profile whose error matters most first: measure it first. Profiles outside the fleet that provably
            matter less may be missing; empty where several regions are compared.
    """

    better: FleetAtThroughput
    stated: FleetAtThroughput
    worse: FleetAtThroughput
    profiles: tuple[ProfileSwing, ...]


@dataclass(frozen=True, slots=True)
class IneligibleType:
    """An instance type that has a price here and may not enter the plan.

    Attributes:
        reason: why.
        code: groups reasons: sold_as, host_memory, gpu_not_asked, no_profile, cannot_serve, excluded, no_data.
    """

    instance_type: str
    reason: str = field(metadata={"schema": {"minLength": 1}})
    code: str


@dataclass(frozen=True, slots=True)
class QuotaNeed:
    """An account quota that the fleet needs.

    Attributes:
        name: the vendor's own name of the quota.
        needed: how much the fleet needs.
        unit: vCPU or GPU.
    """

    name: str
    needed: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetContext:
    """What is shown with a region's fleet: what else it could be, and what it depends on.

    Attributes:
        single_gpu: each GPU alone: one entry where it has a fleet, else one for each degree with its reason.
        what_if: the question with one thing changed.
        routers: USD/h of the cheapest fleet under each router; None where there is none or it was not found.
        routers_proven: whether the search for each router was carried to its end; where it was not, its cheapest fleet
            costs at most so much.
        quota_needs: account quotas that the fleet needs; not checked.
        error_bars: what the profiles' errors do to the answer; None without a fleet.
        explanation: why this fleet; None without one, or where it was not asked for.
        current: the fleet that runs today, where it was given; the plan then changes least against it.
    """

    single_gpu: tuple[SingleGpuFleet, ...] = ()
    what_if: tuple[WhatIf, ...] = ()
    routers: Mapping[str, float | None] = field(default_factory=dict)
    routers_proven: Mapping[str, bool] = field(default_factory=dict)
    quota_needs: tuple[QuotaNeed, ...] = ()
    error_bars: ErrorBars | None = None
    explanation: Explanation | None = None
    current: CurrentFleet | None = None


@dataclass(frozen=True, slots=True)
class FleetCost:
    """What a fleet costs in a month and per token, and how much less any other can cost.

    Attributes:
        usd_per_month: cost of the fleet in a month, USD: its cost per hour x request.hours_per_month.
        usd_per_month_range: cost, USD/month, if every profile is [better, worse] by its stated error; a None end: no
            fleet serves the load there, or none was found in time.
        fleet_lower_bound_usd_per_hour: no fleet can cost less, USD/h; None where nothing is known.
        usd_per_million_tokens: usd_per_month / million_tokens_per_month.
        million_tokens_per_month: input + output tokens, millions, of the mean rate where given, else of the peak rate,
            all month; without headroom.
    """

    usd_per_month: float | None
    usd_per_month_range: tuple[float | None, float | None]
    fleet_lower_bound_usd_per_hour: float | None = field(metadata={"key": "lower_bound_usd_per_hour"})
    usd_per_million_tokens: float | None
    million_tokens_per_month: float


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is rented in one region, and what it carries; empty where no fleet was found.

    Attributes:
        allocations: the fleet; empty without one.
        kinds: what each kind carries.
        routing: every bucket with traffic and every kind that serves a part of it.
    """

    allocations: tuple[Allocation, ...] = ()
    kinds: tuple[KindUse, ...] = ()
    routing: tuple[RoutingLine, ...] = ()

    @property
    def price_as_of_to(self) -> date | None:
        """Until when the fleet's oldest price was known to be true; None without a fleet."""
        return min((allocation.price.as_of_to for allocation in self.allocations), default=None)

    @property
    def instance_counts(self) -> dict[str, int]:
        """Instances by instance type, whatever the degree."""
        counts: dict[str, int] = {}
        for allocation in self.allocations:
            counts[allocation.instance_type] = counts.get(allocation.instance_type, 0) + allocation.instances
        return counts


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """The answer for one region.

    Attributes:
        outcome: the cost of the cheapest fleet in an hour, or why there is none.
        cost: what that is in a month and per token, and how low any fleet's cost can be.
        fleet: what is rented, and what it carries.
        left_out: what has a price here and was left out.
        context: what is shown with the fleet.
        coverage: what the profiles know of the traffic asked for.
        purchases: the same question on demand, under commitments and on spot; None where it was not asked for
            (--compare-purchases).
        difference: how it differs from the cheapest region; None for that one, without a fleet, and where there is one
            region.
        comparison: how it compares with the cheapest region; None where fewer than two have a fleet, or it has none.
    """

    region_name: RegionName = field(metadata={"flat": True})
    place: str
    outcome: FleetOutcome = field(metadata={"flat": True})
    cost: FleetCost = field(metadata={"flat": True})
    fleet: Fleet = field(metadata={"flat": True})
    left_out: tuple[IneligibleType, ...]
    context: FleetContext = field(default_factory=FleetContext, metadata={"flat": True})
    coverage: Coverage | None = None
    purchases: tuple[PurchasePlan, ...] | None = None
    difference: CostOrder | None = None
    comparison: RegionStanding | None = None

    @property
    def region(self) -> str:
        """The region, as its provider names it."""
        return self.region_name.region

    @property
    def status(self) -> Status:
        """How the search for the cheapest fleet ended."""
        return self.outcome.status

    @property
    def fleet_usd_per_hour(self) -> float | None:
        """Cost of the fleet, USD/h; None without one."""
        return self.outcome.fleet_usd_per_hour

    @property
    def usd_per_month(self) -> float | None:
        """Cost of the fleet in a month, USD; None without one."""
        return self.cost.usd_per_month

    @property
    def allocations(self) -> tuple[Allocation, ...]:
        """The fleet; empty without one."""
        return self.fleet.allocations

    @property
    def instance_counts(self) -> dict[str, int]:
        """Instances by instance type, whatever the degree."""
        return self.fleet.instance_counts

    @property
    def gap(self) -> float | None:
        """(cost - bound) / cost; None where either is unknown."""
        usd_per_hour, bound = self.fleet_usd_per_hour, self.cost.fleet_lower_bound_usd_per_hour
        if usd_per_hour is None or bound is None or usd_per_hour == 0:
            return None
        return max(0.0, (usd_per_hour - bound) / usd_per_hour)

    @property
    def best_single(self) -> SingleGpuFleet | None:
        """The cheapest fleet of one GPU kind, None where no kind can do it alone."""
        fleets = [fleet for fleet in self.context.single_gpu if fleet.fleet_usd_per_hour is not None]
        return min(
            fleets, key=lambda fleet: (fleet.fleet_usd_per_hour or 0.0, fleet.gpu, fleet.tensor_parallel), default=None
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """One question, answered.

    Attributes:
        generated_at: when the plan was made, UTC.
        defaulted: keywords of the question that the user did not set and that shape the answer.
        basis: what was asked, defaults filled in.
        regions: one answer per region, cheapest first; regions without a fleet last, by name.
        imports: the user's own measurements that the answer rests on, by kind; those that change nothing are not among
            them.
        first_rank: which regions compete for the first rank; None where fewer than two have a fleet.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    defaulted: tuple[str, ...]
    basis: PlanBasis = field(metadata={"key": "request"})
    regions: tuple[RegionPlan, ...]
    imports: tuple[UserMeasurement, ...] = ()
    first_rank: FirstRank | None = None

    def age_days(self, day: date) -> int:
        """Days from ``day`` to the plan's making, never negative."""
        return max(0, (self.generated_at.date() - day).days)
