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
from melange_cloud.domain.problem import Status
from melange_cloud.domain.purchases import PurchasePlan
from melange_cloud.domain.question import PlanBasis
from melange_cloud.domain.user_measurements import UserMeasurement


@dataclass(frozen=True, slots=True)
class Allocation:
    """One line of a fleet: so many instances of one offer, all given to one degree of tensor parallelism.

    ``vcpus`` and ``memory_gib`` are per instance; ``busy`` is the busy share of its kind's replicas.
    ``price_age`` is the origin with its age in words: ``live``, ``cached 3 h``, ``snapshot 2026-07-30``.
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
    usd_per_hour_each: float
    list_usd_per_hour_each: float
    usd_per_hour: float
    price_origin: str
    price_age: str
    price_source: str
    price_as_of_from: date
    price_as_of_to: date


@dataclass(frozen=True, slots=True)
class KindUse:
    """What one kind carries: replicas, how many of them are kept busy, its part of requests and of tokens.

    ``grade`` and ``error`` are those of the figures that its load is made of: the grade with most load, the
    load-weighted mean error. ``front_end_load_share`` is the part of its load of requests that fill the HTTP front end
    sooner than the engine, together as the router sends them, and ``front_end_requests_per_s`` what one replica takes
    of these in their mixture; None where there are none.
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
    """The part ``share`` of one bucket's traffic that one kind serves.

    ``max_tput_requests_per_s`` and ``limited_by`` are those of a replica that serves nothing else (see ``MaxTput``);
    ``load_requests_per_s`` is the rate that counts in the mix (see ``row_loads``): ``share`` x
    ``bucket_requests_per_s`` / ``load_requests_per_s`` of a kind's lines add up to its busy replicas.
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
    """The cheapest fleet of one GPU alone, at whatever degrees; where there is none, why not, by degree.

    Attributes:
        tensor_parallel: of the fleet, or of the reason; None where the fleet has several, or no degree is to blame.
        saving_fraction: what the plan saves against it.
    """

    gpu: str
    tensor_parallel: int | None
    status: Status
    reason: str
    usd_per_hour: float | None
    instances: Mapping[str, int]
    saving_fraction: float | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """The same question with one thing changed (a spare, a tighter target, a smaller host memory).

    ``option`` is what to type to get it; ``reason`` says why there is no fleet, or what drives the change.
    """

    name: str
    option: str
    status: Status
    reason: str
    usd_per_hour: float | None
    instances: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FleetAtThroughput:
    """The cheapest fleet if the profiles are as stated, or all off to one side by their errors.

    ``usd_per_month`` is None where no fleet was found; ``same_mix`` tells whether the fleet is built of the same kinds
    as the plan's, whatever their counts (None without a fleet). Where it is not ``proven`` the search was cut short:
    the cheapest fleet costs at most that.
    """

    usd_per_month: float | None
    instances: Mapping[str, int]
    same_mix: bool | None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class ProfileSwing:
    """What the error of one profile alone does to the cost, all others as stated.

    Attributes:
        error: by how much its MaxTput may be off: the mean over the workload, weighted by load.
        in_fleet: whether the fleet at the stated throughput uses it.
        usd_per_month_if_better, usd_per_month_if_worse: cost of the cheapest fleet then; None where none was found.
        swing_usd_per_month: the difference of the two; None where one is missing.
        measure: the command that takes in a measurement of this profile.
        proven: whether both ends are proven cheapest; a search cut short finds fleets that may be too dear.
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
        better, stated, worse: every profile at the high end of its error, as stated, at its low end.
        profiles: the profile whose error matters most first: it is the one to measure. Empty in a comparison of
            regions; profiles outside the fleet that were proven to matter less than the first may be missing.
    """

    better: FleetAtThroughput
    stated: FleetAtThroughput
    worse: FleetAtThroughput
    profiles: tuple[ProfileSwing, ...]


@dataclass(frozen=True, slots=True)
class IneligibleType:
    """An instance type that has a price here and may not enter the plan, and why.

    ``code`` groups reasons: ``sold_as``, ``host_memory``, ``gpu_not_asked``, ``no_profile``, ``cannot_serve``,
    ``excluded``, ``no_data``.
    """

    instance_type: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class QuotaNeed:
    """The account quota, by the vendor's own name, that the fleet needs; ``unit`` is vCPU or GPU."""

    name: str
    needed: int
    unit: str


@dataclass(frozen=True, slots=True)
class RegionPlan:
    """The answer for one region.

    Attributes:
        reason: why there is no fleet; empty where there is one.
        usd_per_month_range: cost if every profile is better / worse by its stated error; a None end means that no
            fleet serves the load there (or that it was not found in time).
        lower_bound_usd_per_hour: no fleet can cost less.
        usd_per_million_tokens: cost over ``million_tokens_per_month`` (input + output tokens of the mean rate, else the
            peak rate, all month).
        single_gpu: each GPU alone: one entry where it has a fleet, else one for each degree with its reason.
        routers: USD/h of the cheapest fleet under each router; None where it has none.
        routers_proven: whether the search for each was carried to its end.
        error_bars: None without a fleet.
        explanation: why this fleet; None without one, or where it was not asked for.
        current: the fleet that runs today, where it was given; the plan then changes least against it.
        coverage: what the profiles know of the traffic asked for.
        purchases: the same question bought in each way; None where that was not asked for.
        difference: how it differs from the cheapest region of the plan; None for that one, and without a fleet.
        comparison: how it compares with the cheapest region; None where fewer than two have a fleet, or it has none.
    """

    provider: str
    region: str
    place: str
    status: Status
    reason: str
    solver: str
    usd_per_hour: float | None
    usd_per_month: float | None
    usd_per_month_range: tuple[float | None, float | None]
    lower_bound_usd_per_hour: float | None
    usd_per_million_tokens: float | None
    million_tokens_per_month: float
    allocations: tuple[Allocation, ...]
    kinds: tuple[KindUse, ...]
    routing: tuple[RoutingLine, ...]
    single_gpu: tuple[SingleGpuFleet, ...]
    what_if: tuple[WhatIf, ...]
    routers: Mapping[str, float | None]
    left_out: tuple[IneligibleType, ...]
    quota_needs: tuple[QuotaNeed, ...]
    error_bars: ErrorBars | None = None
    explanation: Explanation | None = None
    current: CurrentFleet | None = None
    coverage: Coverage | None = None
    purchases: tuple[PurchasePlan, ...] | None = None
    difference: CostOrder | None = None
    routers_proven: Mapping[str, bool] = field(default_factory=dict)
    comparison: RegionStanding | None = None

    @property
    def region_name(self) -> RegionName:
        """What tells it from the other regions of a plan."""
        return RegionName(self.provider, self.region)

    @property
    def price_as_of_to(self) -> date | None:
        """Until when the fleet's oldest price was known to be true; None without a fleet."""
        return min((allocation.price_as_of_to for allocation in self.allocations), default=None)

    @property
    def gap(self) -> float | None:
        """(cost - bound) / cost; None where either is unknown."""
        if self.usd_per_hour is None or self.lower_bound_usd_per_hour is None or self.usd_per_hour == 0:
            return None
        return max(0.0, (self.usd_per_hour - self.lower_bound_usd_per_hour) / self.usd_per_hour)

    @property
    def best_single(self) -> SingleGpuFleet | None:
        """The cheapest fleet of one GPU kind, None where no kind can do it alone."""
        fleets = [fleet for fleet in self.single_gpu if fleet.usd_per_hour is not None]
        return min(
            fleets, key=lambda fleet: (fleet.usd_per_hour or 0.0, fleet.gpu, fleet.tensor_parallel), default=None
        )

    @property
    def instance_counts(self) -> dict[str, int]:
        """Instances by instance type, whatever the degree."""
        counts: dict[str, int] = {}
        for allocation in self.allocations:
            counts[allocation.instance_type] = counts.get(allocation.instance_type, 0) + allocation.instances
        return counts


@dataclass(frozen=True, slots=True)
class Plan:
    """One question, answered.

    Attributes:
        generated_at: when, UTC.
        notices: sentences that must be shown with the answer, the banners first.
        defaulted: keywords of the question that the user did not set and that shape the answer.
        regions: cheapest first; regions without a fleet last, by name.
        imports: the user's own measurements that the answer rests on; those that change nothing are not among them.
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
