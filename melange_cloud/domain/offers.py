"""Instance types, offers and regions: what the clouds sell."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from melange_cloud.domain.gpu_kinds import Kind


@dataclass(frozen=True, slots=True)
class InstanceType:
    """A rentable machine shape (GCP says "machine type").

    ``quota_family`` names the vCPU quota it counts against, as ``--max-vcpus`` spells it: ``aws:G``, ``gcp:A2``.
    """

    provider: str
    name: str
    gpu: str
    gpu_count: int
    vcpus: int
    memory_gib: float
    quota_family: str

    def replicas_per_instance(self, kind: Kind) -> int:
        """Replicas of ``kind`` that one instance hosts; 0 if it has another GPU or too few GPUs."""
        return kind.per_instance(self.gpu, self.gpu_count)


@dataclass(frozen=True, slots=True)
class PriceProvenance:
    """Where a price comes from, and when it was true.

    Attributes:
        origin: where it was taken from.
        age: the origin with its age in words: live, cached 3 h, snapshot 2026-07-30.
        source: where the price was read.
        as_of_from: first day on which the price was true.
        as_of_to: last day on which it was known to be true.
    """

    origin: str = field(metadata={"key": "price_origin"})
    age: str = field(metadata={"key": "price_age"})
    source: str = field(metadata={"key": "price_source"})
    as_of_from: date = field(metadata={"key": "price_as_of_from"})
    as_of_to: date = field(metadata={"key": "price_as_of_to"})


@dataclass(frozen=True, slots=True)
class Offer:
    """An instance type in one region at one price.

    Attributes:
        region: the provider's own name of the region.
        purchase: one of PURCHASES.
        sold_as: how it can really be bought: ``on_demand``, ``capacity_block``, ``spot``, ``commitment`` or
            ``unknown``.
        usd_per_instance_hour: net price of one instance, USD/h, any upfront part spread over the term.
        list_usd_per_instance_hour: price before the user's own discounts, USD/h.
        origin: ``live``, ``cached``, ``snapshot`` or ``user``.
        source: where the price was read.
        as_of_from, as_of_to: first and last day on which the price was known to be true.
        contract: the contract to sign (``RI 1y standard no upfront``); empty for on demand and spot.
    """

    instance_type: InstanceType
    region: str
    purchase: str
    sold_as: str
    usd_per_instance_hour: float
    list_usd_per_instance_hour: float
    origin: str
    source: str
    as_of_from: date
    as_of_to: date
    contract: str = ""

    def provenance(self, age: str) -> PriceProvenance:
        """Where its price comes from; ``age`` in words."""
        return PriceProvenance(self.origin, age, self.source, self.as_of_from, self.as_of_to)


class Availability(StrEnum):
    """How an instance can be bought; only the vendor knows what is available today.

    not_checked: sold that way, and nothing is known that speaks against it. often_unavailable: sold that way, but often
    sold out. unconfirmed: a price is listed, but it may not be sold that way. capacity_block: sold by Capacity Block
    only. interruptible: spot, which is taken back with minutes' notice.
    """

    NOT_CHECKED = "not_checked"
    OFTEN_UNAVAILABLE = "often_unavailable"
    UNCONFIRMED = "unconfirmed"
    CAPACITY_BLOCK = "capacity_block"
    INTERRUPTIBLE = "interruptible"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A (region, instance type) pair that has a price somewhere but is left out of the catalog on purpose."""

    provider: str
    region: str
    instance_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class Region:
    """A provider's region, and where it is, in words (``US East (N. Virginia)``)."""

    provider: str
    name: str
    place: str
    government: bool = False
