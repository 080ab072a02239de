"""Context shown with a region's fleet: alternatives, changed questions, and what it depends on.

Field names are those of the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from melange_cloud.domain.decision import Decision
from melange_cloud.domain.explanation import CurrentFleet, Explanation
from melange_cloud.domain.fleet import QuotaNeed
from melange_cloud.domain.problem import Status


@dataclass(frozen=True, slots=True)
class SingleGpuFleet:
    """The cheapest fleet of one GPU alone, at any tensor parallel degrees.

    Without such a fleet there is one entry per degree, with the reason.

    Attributes:
        tensor_parallel: degree of all its replicas, or of the reason; None if the fleet has several degrees, or if no
            single degree is the reason.
        saving_fraction: what the plan saves against it; None if either has no cost.
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
        name: the change.
        option: what to type to get it.
        reason: why there is no fleet, or what causes the difference.
        changes: the field of the request that is changed: cached_input, spare, tpot_ms, min_host_memory_gib, sold_as
            or api_servers.
        entering: instance types of the changed fleet that a rule keeps out of the plan.
        with_spare_usd_per_hour: where the changed fleet is one machine and the plan's is not, what it costs with
            ``--spare 1`` as well, USD/h; None elsewhere, and where no such fleet was found.
    """

    name: str
    option: str
    status: Status
    reason: str
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    instances: Mapping[str, int]
    changes: str = ""
    entering: tuple[str, ...] = ()
    with_spare_usd_per_hour: float | None = None


@dataclass(frozen=True, slots=True)
class FleetWithSpare:
    """The cheapest fleet for the same question that survives losing any one instance (``--spare 1``).

    Fleets are compared at equal resilience by these costs: one large machine and eleven small ones are not alike.

    Attributes:
        reason: why there is no such fleet; empty where there is one.
        usd_per_month: its cost, USD/month; None where no fleet was found.
        proven: whether the search was carried to its end; where it was not, the cheapest fleet costs at most that.
    """

    status: Status
    reason: str
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    usd_per_month: float | None
    instances: Mapping[str, int]
    proven: bool


@dataclass(frozen=True, slots=True)
class FleetAtThroughput:
    """The cheapest fleet if the profiles are as stated, or all off in one direction by their errors.

    Attributes:
        usd_per_month: its cost, USD/month; None where no fleet was found.
        same_mix: whether it has the same kinds as the plan, in any number; None without a fleet.
        proven: whether the search was completed; if not, the cheapest fleet costs at most this.
    """

    usd_per_month: float | None
    instances: Mapping[str, int]
    same_mix: bool | None
    proven: bool = True


@dataclass(frozen=True, slots=True)
class ProfileSwing:
    """What the error of one profile does to the cost, with all others as stated.

    Attributes:
        error: by what fraction its MaxTput may be higher: mean over the workload, weighted by load.
        error_down: by what fraction it may be lower; 1 is none at all.
        in_fleet: whether the cheapest fleet at the stated throughput uses it.
        usd_per_month_if_better: cost if it is better by its error, USD/month; None if no fleet was found.
        usd_per_month_if_worse: cost if it is worse by its error, USD/month; None if no fleet was found.
        swing_usd_per_month: the difference of the two; None if one is missing.
        measure: the command that imports a measurement of this profile.
        proven: whether both searches were completed; one that stopped early finds fleets that cost too much.
    """

    gpu: str
    tensor_parallel: int
    error: float
    error_down: float
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
        profiles: the profile with the largest effect first, since it should be measured first. Profiles outside the
            fleet that provably matter less may be missing; empty if several regions are compared.
    """

    better: FleetAtThroughput
    stated: FleetAtThroughput
    worse: FleetAtThroughput
    profiles: tuple[ProfileSwing, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetContext:
    """Context shown with a region's fleet: alternatives, changed questions, and what it depends on.

    Attributes:
        single_gpu: each GPU alone: one entry if it has a fleet, otherwise one per degree with its reason.
        what_if: the same question with one thing changed.
        routers: USD/h of the cheapest fleet under each router; None if there is none or it was not found.
        routers_proven: whether the search for each router was completed; if not, its cheapest fleet costs at most this
            much.
        quota_needs: account quotas that the fleet needs; not checked.
        error_bars: what the profiles' errors do to the answer; None without a fleet.
        explanation: why this fleet; None without a fleet, or if not requested.
        current: today's fleet, if it was given; the plan then changes it as little as possible.
        worth_deciding: changed questions that deserve a decision, at most four, the most important first; empty without
            a fleet, or where several regions are compared.
    """

    single_gpu: tuple[SingleGpuFleet, ...] = ()
    what_if: tuple[WhatIf, ...] = ()
    routers: Mapping[str, float | None] = field(default_factory=dict)
    routers_proven: Mapping[str, bool] = field(default_factory=dict)
    quota_needs: tuple[QuotaNeed, ...] = ()
    error_bars: ErrorBars | None = None
    explanation: Explanation | None = None
    current: CurrentFleet | None = None
    worth_deciding: tuple[Decision, ...] = ()
