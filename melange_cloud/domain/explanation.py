"""Why a plan is what it is. Money is USD per hour unless a name says otherwise; shares are fractions of 1."""

from collections.abc import Mapping
from dataclasses import dataclass, field

LIMITS = ("tpot", "p99_tpot", "ttft", "e2e", "memory", "batch", "saturation", "load", "front_end")
"""What can limit a replica at its MaxTput."""


@dataclass(frozen=True, slots=True)
class LimitShare:
    """What limits a kind at its MaxTput, for a part of its load.

    Attributes:
        limited_by: a latency target, or what the replica runs out of: memory (no room for one more request's KV cache),
            batch (the engine's max_num_seqs), saturation (unknown which), load (no higher load was measured),
            front_end (the server's HTTP front end).
        load_share: the part of the kind's load that it limits.
    """

    limited_by: str = field(metadata={"schema": {"enum": list(LIMITS)}})
    load_share: float


@dataclass(frozen=True, slots=True)
class KindLimits:
    """The limits of one kind of the fleet.

    Attributes:
        limits: most load first.
        prefill_share: part of its busy time that goes into reading prompts; None if unknown.
    """

    gpu: str
    tensor_parallel: int
    limits: tuple[LimitShare, ...]
    prefill_share: float | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """The cheapest fleet without at least one GPU of every cheaper fleet listed before it.

    Attributes:
        without: the GPUs that it does not use.
        fleet_usd_per_hour: what it costs, USD/h.
        busy_fleet_usd_per_hour: the part of the cost that the load keeps busy, USD/h; the rest is idle, since only
            whole instances can be rented.
        more_fraction: cost over the cheapest fleet's, less 1.
        proven: whether no fleet under the same condition is cheaper.
    """

    without: tuple[str, ...] = field(metadata={"schema": {"minItems": 1}})
    instances: Mapping[str, int]
    fleet_usd_per_hour: float = field(metadata={"key": "usd_per_hour"})
    busy_fleet_usd_per_hour: float = field(metadata={"key": "busy_usd_per_hour"})
    more_fraction: float = field(metadata={"schema": {"minimum": None}})
    proven: bool


@dataclass(frozen=True, slots=True)
class BucketCost:
    """The cost of requests of one size: the fleet's whole cost, split by busy time.

    Attributes:
        mean_input_tokens: mean input tokens.
        mean_output_tokens: mean output tokens.
        requests_share: share of all requests.
        cost_share: share of the fleet's cost.
        usd_per_thousand_requests: USD per 1,000 of these requests, at the planned rate.
        usd_per_million_tokens: USD per million input + output tokens of them, at the planned rate.
    """

    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    mean_input_tokens: float
    mean_output_tokens: float
    requests_share: float
    cost_share: float
    usd_per_thousand_requests: float
    usd_per_million_tokens: float


@dataclass(frozen=True, slots=True)
class BindingQuota:
    """A quota that makes the fleet more expensive.

    Attributes:
        option: --max-gpus, --max-instances or --max-vcpus.
        name: what it limits.
        limit: as requested.
        used: how much of it the cheapest fleet uses.
        saving_of_one_more_usd_per_hour: saving from raising the limit by one, USD/h; may be 0.
        next_useful_limit: the lowest limit that saves money.
        next_saving_usd_per_hour: its saving, USD/h.
        fleet_usd_per_hour_without_it: cost of the cheapest fleet without this quota, USD/h.
        proven: whether every search behind these figures was completed; if not, more may be saved.
    """

    option: str
    name: str
    limit: int
    used: int
    saving_of_one_more_usd_per_hour: float
    next_useful_limit: int
    next_saving_usd_per_hour: float
    fleet_usd_per_hour_without_it: float = field(metadata={"key": "without_usd_per_hour"})
    proven: bool = True


@dataclass(frozen=True, slots=True)
class EntryPrice:
    """An instance type that may be rented here but is not in the fleet.

    Attributes:
        usd_per_instance_hour: its price, USD/h.
        enters_below_usd_per_instance_hour: below this price (with all others unchanged) a fleet with it is cheaper than
            the plan, USD/h; None if it would not enter at any price.
        why: one clause, if there is no such price or if it follows from another type's.
        proven: whether every search behind the price was completed; if not, it may enter at a higher price.
    """

    instance_type: str
    gpu: str
    gpu_count: int
    usd_per_instance_hour: float = field(metadata={"key": "usd_per_hour_each"})
    enters_below_usd_per_instance_hour: float | None = field(
        metadata={"key": "enters_below_usd_per_hour_each", "schema": {"exclusiveMinimum": None, "minimum": 0}}
    )
    why: str = ""
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this fleet.

    Attributes:
        limits: by kind of the fleet.
        idle_fleet_usd_per_hour: the part of the cost for replicas that the planned load leaves idle, USD/h.
        runner_up: the first of ``alternatives``; None if nothing else serves.
        runner_up_lost: why it is more expensive, one sentence with figures; empty without a runner-up.
        alternatives: the next-cheapest fleets that differ in kind, cheapest first.
        bucket_costs: most expensive request first.
        quotas: the quotas that limit the fleet.
        entry_prices: of the instance types that are not in the fleet, nearest to entering first.
    """

    limits: tuple[KindLimits, ...]
    idle_fleet_usd_per_hour: float = field(metadata={"key": "idle_usd_per_hour", "schema": {"minimum": None}})
    runner_up: Alternative | None
    runner_up_lost: str
    alternatives: tuple[Alternative, ...]
    bucket_costs: tuple[BucketCost, ...]
    quotas: tuple[BindingQuota, ...]
    entry_prices: tuple[EntryPrice, ...]


@dataclass(frozen=True, slots=True)
class CurrentFleet:
    """The fleet that runs today, and how the plan differs from it.

    Attributes:
        instances: by instance type, from the file.
        fleet_usd_per_hour: at the prices of this plan, USD/h; None if a type has none here.
        without_price: the types that have no price here, or may not be in the plan, each with its reason.
        serves: whether it can serve the planned rate within the targets; None if unknown.
        changes: instances to rent (positive) or give back (negative), by instance type; empty: keep it.
        stay_within: by what fraction the plan may cost more than the cheapest.
        cheapest_fleet_usd_per_hour: cost of the cheapest fleet, however much it changes, USD/h.
    """

    instances: Mapping[str, int]
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    without_price: Mapping[str, str]
    serves: bool | None
    changes: Mapping[str, int]
    stay_within: float
    cheapest_fleet_usd_per_hour: float = field(metadata={"key": "cheapest_usd_per_hour"})
