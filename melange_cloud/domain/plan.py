"""The answer in the user's words: a Plan has one RegionPlan per requested region.

Field names are those of the JSON that ``--format json`` prints (examples/json/README.md). Money is USD; a month has
``request.hours_per_month`` hours; shares and errors are fractions; None is "no data".
"""

from dataclasses import dataclass, field
from datetime import date, datetime

from melange_cloud.domain.comparison import AgainstBase, CostOrder, FirstRank, RegionName, RegionStanding
from melange_cloud.domain.coverage import Coverage
from melange_cloud.domain.displayed import Displayed
from melange_cloud.domain.fleet import Allocation, Fleet
from melange_cloud.domain.fleet_context import FleetContext, FleetWithSpare, SingleGpuFleet
from melange_cloud.domain.fleet_cost import FleetCost, FleetOutcome
from melange_cloud.domain.problem import Status
from melange_cloud.domain.purchases import PurchasePlan
from melange_cloud.domain.question import PlanBasis
from melange_cloud.domain.user_measurements import UserMeasurement
from melange_cloud.errors import echoed


@dataclass(frozen=True, slots=True)
class IneligibleType:
    """An instance type that has a price here but may not be in the plan.

    Attributes:
        reason: why.
        code: groups reasons: sold_as, host_memory, gpu_not_asked, no_profile, cannot_serve, excluded, no_data.
    """

    instance_type: str
    reason: str = field(metadata={"schema": {"minLength": 1}})
    code: str


@dataclass(frozen=True, slots=True)
class MissingProfile:
    """A GPU, or one degree of it, of which nothing is known for the model: no plan uses it.

    Attributes:
        tensor_parallel: the degree without a profile; null: no degree has one.
        reason: why.
    """

    gpu: str
    tensor_parallel: int | None
    reason: str = field(metadata={"schema": {"minLength": 1}})


@dataclass(frozen=True, slots=True, repr=False)
class RegionPlan(Displayed):
    """The answer for one region.

    Attributes:
        outcome: the hourly cost of the cheapest fleet, or why there is none.
        cost: its monthly cost and cost per token, and a lower bound of the cost of any fleet.
        fleet: what is rented, and what it carries.
        left_out: what has a price here but was left out.
        context: what is shown with the fleet.
        with_spare: what the cheapest fleet that survives losing any one instance costs, the fleet itself where that was
            requested; None without a fleet.
        coverage: how much of the requested traffic the profiles cover.
        purchases: the same question on demand, under commitments and on spot; None if not requested
            (--compare-purchases).
        difference: how it differs from the cheapest region; None for that one, without a fleet, and if there is only
            one region.
        comparison: how it compares with the cheapest region; None if fewer than two have a fleet, or if it has none.
        against: how it compares with the region that --against names; None without one, or where either has no fleet.
    """

    region_name: RegionName = field(metadata={"flat": True})
    place: str
    outcome: FleetOutcome = field(metadata={"flat": True})
    cost: FleetCost = field(metadata={"flat": True})
    fleet: Fleet = field(metadata={"flat": True})
    left_out: tuple[IneligibleType, ...]
    context: FleetContext = field(default_factory=FleetContext, metadata={"flat": True})
    with_spare: FleetWithSpare | None = None
    coverage: Coverage | None = None
    purchases: tuple[PurchasePlan, ...] | None = None
    difference: CostOrder | None = None
    comparison: RegionStanding | None = None
    against: AgainstBase | None = None

    def __repr__(self) -> str:
        return f"<RegionPlan {self.one_line}>"

    @property
    def one_line(self) -> str:
        """Where, for how much, and what is rented; one line."""
        name = f"{echoed(self.region_name.provider)} {echoed(self.region)}"
        if self.usd_per_month is None:
            return f"{name}: {self.status}"
        fleet = " + ".join(f"{count:,} {echoed(kind)}" for kind, count in sorted(self.instance_counts.items()))
        return f"{name}: {self.usd_per_month:,.0f} USD a month, {fleet}"

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
        """Instances by instance type, for all degrees together."""
        return self.fleet.instance_counts

    @property
    def gap(self) -> float | None:
        """(cost - bound) / cost; None if either is unknown."""
        usd_per_hour, bound = self.fleet_usd_per_hour, self.cost.fleet_lower_bound_usd_per_hour
        if usd_per_hour is None or bound is None or usd_per_hour == 0:
            return None
        return max(0.0, (usd_per_hour - bound) / usd_per_hour)

    @property
    def best_single(self) -> SingleGpuFleet | None:
        """The cheapest fleet of one GPU kind; None if no kind can serve everything alone."""
        fleets = [fleet for fleet in self.context.single_gpu if fleet.fleet_usd_per_hour is not None]
        return min(
            fleets, key=lambda fleet: (fleet.fleet_usd_per_hour or 0.0, fleet.gpu, fleet.tensor_parallel), default=None
        )


@dataclass(frozen=True, slots=True, repr=False)
class Plan(Displayed):
    """One question, answered.

    Attributes:
        generated_at: when the plan was made, UTC.
        defaulted: keywords of the question that the user did not set but that shape the answer.
        basis: the question, with defaults filled in.
        regions: one answer per region, cheapest first; regions without a fleet last, by name.
        imports: the user's own measurements that the answer is based on, by kind, without those that change nothing.
        first_rank: which regions compete for the first rank; None if fewer than two have a fleet.
        no_profile: the GPUs and degrees that have a price and could not be planned with, of those that were requested.
        named: the regions that were requested by name, not by a glob or all.
        against: the region that the others are compared with (--against); None without one.
        minor_notices: those of ``notices`` that warn of nothing: a page of few lines may count them instead.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    defaulted: tuple[str, ...]
    basis: PlanBasis = field(metadata={"key": "request"})
    regions: tuple[RegionPlan, ...]
    imports: tuple[UserMeasurement, ...] = ()
    first_rank: FirstRank | None = None
    no_profile: tuple[MissingProfile, ...] = ()
    named: tuple[RegionName, ...] = ()
    against: RegionName | None = None
    minor_notices: tuple[str, ...] = ()

    @property
    def important_notices(self) -> tuple[str, ...]:
        """The notices that every page shows, however short."""
        return tuple(notice for notice in self.notices if notice not in self.minor_notices)

    def __repr__(self) -> str:
        more = len(self.regions) - 1
        first = self.regions[0].one_line if self.regions else "no region"
        others = f"; {more:,} more region{'' if more == 1 else 's'}" if more > 0 else ""
        said = len(self.notices)
        notices = f"; {said} notice{'' if said == 1 else 's'}" if said else ""
        return f"<Plan {first}{others}{notices}>"

    def age_days(self, day: date) -> int:
        """Days from ``day`` to the plan's making, never negative."""
        return max(0, (self.generated_at.date() - day).days)
