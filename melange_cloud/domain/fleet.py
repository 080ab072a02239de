"""The instances rented in one region, and the load that they carry. Field names are those of the JSON."""

from dataclasses import dataclass, field
from datetime import date

from melange_cloud.domain.offers import Availability, PriceProvenance


@dataclass(frozen=True, slots=True)
class QuotaNeed:
    """An account quota that a fleet, or a line of it, draws on.

    Attributes:
        name: the vendor's own name of the quota.
        needed: how much is needed of it.
        unit: vCPU or GPU.
        short: what a narrow table calls it: G, P, A100; empty where there is no shorter name.
    """

    name: str
    needed: int
    unit: str
    short: str = ""


@dataclass(frozen=True, slots=True)
class Allocation:
    """One line of a fleet: a number of instances of one offer, all at one degree of tensor parallelism.

    Attributes:
        purchase: how it is bought.
        sold_as: how it can really be bought: on_demand, spot, commitment, capacity_block, unknown.
        contract: the contract to sign; empty for on demand and spot.
        instances: number of instances.
        replicas: replicas on all of them.
        vcpus: vCPUs per instance.
        memory_gib: memory per instance, GiB.
        quota_family: the vCPU quota that it counts against, provider:family.
        busy: busy share of the replicas of its kind.
        usd_per_instance_hour: net price of one instance, USD/h.
        list_usd_per_instance_hour: price of one instance before the user's own discounts, USD/h.
        line_usd_per_hour: price of all its instances together, USD/h.
        price: where the price comes from.
        availability: how its instances can be had; whether any are free today is not known.
        quota: the account quota that its instances together draw on, not checked; None where none is known.
        gpu_memory_gib: memory of one GPU, GiB; None where it is not known.
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
    availability: Availability = Availability.NOT_CHECKED
    quota: QuotaNeed | None = None
    gpu_memory_gib: float | None = None


@dataclass(frozen=True, slots=True)
class KindUse:
    """The load of one kind (GPU, degree).

    Grade and error are those of the figures behind that load.

    Attributes:
        replicas: replicas rented.
        busy_replicas: replicas kept busy by the planned rate.
        requests_share: its part of all requests.
        tokens_share: its part of all tokens, input + output.
        grade: grade of the profile cells with most load: A measured, B calibrated on that GPU, C on a few points, D
            borrowed.
        error: by what fraction those figures may be higher, a mean weighted by load; 0.3 is 30 %.
        error_down: by what fraction they may be lower; 1 is none at all. It differs near a latency floor.
        origin: measured or estimated.
        front_end_load_share: part of its load from requests that, in their mix, fill the HTTP front end before the
            engine.
        front_end_requests_per_s: what one replica can handle of these requests in their mix; None if there are none.
        may_be_none_share: part of its requests that come in a mix with sizes that it may not serve at all, because the
            target is so near its latency floor.
    """

    gpu: str
    tensor_parallel: int
    replicas: int
    busy_replicas: float
    requests_share: float
    tokens_share: float
    grade: str
    error: float
    error_down: float
    origin: str
    front_end_load_share: float = 0.0
    front_end_requests_per_s: float | None = None
    may_be_none_share: float = 0.0


@dataclass(frozen=True, slots=True)
class RoutingLine:
    """The part of one bucket's traffic that one kind serves.

    Attributes:
        mean_input_tokens: mean input tokens of the bucket's requests.
        mean_output_tokens: mean output tokens of the bucket's requests.
        bucket_requests_per_s: the bucket's planned rate, headroom included, requests/s.
        max_tput_requests_per_s: what one replica sustains of this size alone within the target, requests/s (see
            ``MaxTput``).
        share: part of the bucket's traffic; the shares of a bucket sum to 1.
        limited_by: what limits max_tput_requests_per_s: a target (tpot, p99_tpot, ttft, e2e), saturation, load (no
            higher load was measured) or front_end (the server's HTTP front end).
        load_requests_per_s: the rate of this size that counts in a replica's mix: its engine's, or its HTTP front end's
            if the mix fills that first (see ``row_loads``). A kind's busy_replicas is the sum of
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
class Fleet:
    """The instances rented in one region, and the load that they carry; empty if no fleet was found.

    Attributes:
        allocations: the fleet; empty without one.
        kinds: the load of each kind.
        routing: every bucket with traffic and every kind that serves a part of it.
    """

    allocations: tuple[Allocation, ...] = ()
    kinds: tuple[KindUse, ...] = ()
    routing: tuple[RoutingLine, ...] = ()

    @property
    def price_as_of_to(self) -> date | None:
        """The last day on which the fleet's oldest price was known to be true; None without a fleet."""
        return min((allocation.price.as_of_to for allocation in self.allocations), default=None)

    @property
    def instance_counts(self) -> dict[str, int]:
        """Instances by instance type, whatever the degree."""
        counts: dict[str, int] = {}
        for allocation in self.allocations:
            counts[allocation.instance_type] = counts.get(allocation.instance_type, 0) + allocation.instances
        return counts
