"""Why a plan is what it is. Money is USD per hour unless a name says otherwise; shares are fractions of 1."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LimitShare:
    """What stops a kind at its MaxTput, for the part ``load_share`` of the load that it carries.

    ``limited_by`` is a latency target (``tpot``, ``p99_tpot``, ``ttft``, ``e2e``) or, where the replica is full,
    ``memory`` (no room for one more request's KV cache), ``batch`` (the engine's max_num_seqs) or ``saturation`` (not
    known which).
    """

    limited_by: str
    load_share: float


@dataclass(frozen=True, slots=True)
class KindLimits:
    """What limits one kind of the fleet, most load first.

    ``prefill_share`` is the part of its busy time that goes into reading prompts; None where not known.
    """

    gpu: str
    tensor_parallel: int
    limits: tuple[LimitShare, ...]
    prefill_share: float | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """The cheapest fleet that does without something which every cheaper one listed before it uses.

    Attributes:
        without: the GPUs that it was asked to do without.
        instances: by instance type.
        usd_per_hour: what it costs.
        busy_usd_per_hour: the part of the cost that the load keeps busy; the rest is idle: instances come whole.
        more_fraction: cost over the plan's, less 1.
        proven: whether no fleet under the same condition is cheaper.
    """

    without: tuple[str, ...]
    instances: Mapping[str, int]
    usd_per_hour: float
    busy_usd_per_hour: float
    more_fraction: float
    proven: bool


@dataclass(frozen=True, slots=True)
class BucketCost:
    """What the requests of one size cost: the fleet's whole cost, split over its replicas' busy time.

    ``requests_share`` and ``cost_share`` are of all; tokens are input + output.
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
    """A quota without which the fleet would be cheaper.

    Attributes:
        option, name, limit: as asked: ``--max-gpus``, ``A10G``, 4.
        used: what the fleet uses of it.
        saving_of_one_more_usd_per_hour: what the fleet gets cheaper by with a limit one higher; may be 0.
        next_useful_limit: the lowest limit found that makes the fleet cheaper, and what that saves.
        without_usd_per_hour: the cheapest fleet without this quota.
        proven: whether every search behind these figures was carried to its end; more may be saved otherwise.
    """

    option: str
    name: str
    limit: int
    used: int
    saving_of_one_more_usd_per_hour: float
    next_useful_limit: int
    next_saving_usd_per_hour: float
    without_usd_per_hour: float
    proven: bool = True


@dataclass(frozen=True, slots=True)
class EntryPrice:
    """An instance type that may be rented here and is not in the fleet.

    Attributes:
        usd_per_hour_each: its price.
        enters_below_usd_per_hour_each: below this price (all others staying) a fleet with it is cheaper than the plan;
            None where it would not enter at any price.
        why: one clause where there is no such price, or where it follows from another type's.
        proven: whether every search behind the price was carried to its end; it may enter at a higher one otherwise.
    """

    instance_type: str
    gpu: str
    gpu_count: int
    usd_per_hour_each: float
    enters_below_usd_per_hour_each: float | None
    why: str = ""
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why this fleet.

    Attributes:
        limits: by kind of the fleet.
        idle_usd_per_hour: what of the cost is paid for replicas that the planned load leaves idle.
        runner_up: the first of ``alternatives``; None where nothing else serves.
        runner_up_lost: why it is dearer, one sentence with figures; empty without one.
        alternatives: the next-cheapest fleets that differ in kind, cheapest first.
        bucket_costs: dearest request first.
        quotas: those that bind.
        entry_prices: of what is absent, nearest to entering first.
    """

    limits: tuple[KindLimits, ...]
    idle_usd_per_hour: float
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
        instances: by instance type, as the file says.
        usd_per_hour: at the prices of this plan; None where a type has none here.
        without_price: the types that have none here, or may not enter the plan, each with its reason.
        serves: whether it can carry the planned rate within the SLO; None where that cannot be told.
        changes: instances to rent (positive) or give back (negative), by instance type; empty: keep it.
        stay_within: by what fraction the plan may cost more than the cheapest.
        cheapest_usd_per_hour: what the cheapest fleet costs, whatever it changes.
    """

    instances: Mapping[str, int]
    usd_per_hour: float | None
    without_price: Mapping[str, str]
    serves: bool | None
    changes: Mapping[str, int]
    stay_within: float
    cheapest_usd_per_hour: float
