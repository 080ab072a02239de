"""The price of a machine type: vCPUs + memory + GPUs + the bundled local SSD, or no price at all."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from melange_cloud.clouds.gcp.skus import LOCAL_SSD, PartPrices, memory_part, vcpu_part
from melange_cloud.domain import PURCHASES, InstanceType

_MICRO_USD = Decimal("0.000001")
"""Prices are kept in whole micro-USD, as the covering that chooses the instances counts them."""


@dataclass(frozen=True, slots=True)
class _MachineFamily:
    hosts: tuple[str, ...]
    gpu_part: str
    local_ssd_gib_per_gpu: int = 0


_FAMILIES = {
    "g2-standard": _MachineFamily(("G2",), "L4 GPU"),
    "a2-highgpu": _MachineFamily(("A2",), "A100 40GB GPU"),
    "a2-megagpu": _MachineFamily(("A2",), "A100 40GB GPU"),
    "a2-ultragpu": _MachineFamily(("A2",), "A100 80GB GPU", local_ssd_gib_per_gpu=375),
    "a3-highgpu": _MachineFamily(("A3",), "H100 GPU", local_ssd_gib_per_gpu=750),
    "a3-megagpu": _MachineFamily(("A3Plus", "A3"), "H100 Mega GPU", local_ssd_gib_per_gpu=750),
}
_SPOT_ONLY = frozenset({"a3-highgpu-1g", "a3-highgpu-2g", "a3-highgpu-4g"})
"""Their parts have on-demand prices, but Google starts them only as Spot, Flex-start or on a reservation."""

NO_STANDARD_ON_DEMAND = "not sold on demand: only as Spot, Flex-start or with a reservation"
NOT_ORDERABLE = "a3-edgegpu is not generally orderable"


@dataclass(frozen=True, slots=True)
class ComposedPrice:
    """A machine type's price in one region for one purchase.

    Attributes:
        usd_per_instance_hour: of one instance, in whole micro-USD; None if a part has no price.
        missing: which part has no price, in words; empty if all have one.
    """

    usd_per_instance_hour: Decimal | None
    missing: tuple[str, ...]


def family_of(name: str) -> str:
    """``a2-highgpu`` for ``a2-highgpu-1g``."""
    return name.rpartition("-")[0]


def can_compose(machine: InstanceType) -> bool:
    """True if we know the parts of the machine type."""
    return family_of(machine.name) in _FAMILIES


def sold(machine: InstanceType, purchase: str) -> bool:
    """True if Google sells the machine type this way, where its parts have a price."""
    return purchase == "spot" or machine.name not in _SPOT_ONLY


def gpu_listed(machine: InstanceType, region: str, parts: PartPrices) -> bool:
    """True if Google lists the machine type's GPU there for any purchase, even if the price was rejected."""
    part = _FAMILIES[family_of(machine.name)].gpu_part
    keys = [(region, purchase, part) for purchase in PURCHASES]
    return any(key in parts.usd_per_part_hour or key in parts.faults for key in keys)


def _host(hosts: tuple[str, ...], region: str, purchase: str, parts: PartPrices) -> str:
    """The first host family with anything listed there, so that vCPU and memory come from the same family."""
    for host in hosts[:-1]:
        keys = [(region, purchase, part) for part in (vcpu_part(host), memory_part(host))]
        if any(key in parts.usd_per_part_hour or key in parts.faults for key in keys):
            return host
    return hosts[-1]


def _needed(machine: InstanceType, region: str, purchase: str, parts: PartPrices) -> Iterator[tuple[str, Decimal]]:
    """The parts of the machine type, each as (part, number of vCPUs, GiB or GPUs)."""
    family = _FAMILIES[family_of(machine.name)]
    host = _host(family.hosts, region, purchase, parts)
    yield vcpu_part(host), Decimal(machine.vcpus)
    yield memory_part(host), Decimal(str(machine.memory_gib))
    yield family.gpu_part, Decimal(machine.gpu_count)
    if family.local_ssd_gib_per_gpu:
        yield LOCAL_SSD, Decimal(family.local_ssd_gib_per_gpu * machine.gpu_count)


def compose(machine: InstanceType, region: str, purchase: str, parts: PartPrices) -> ComposedPrice:
    """Add up the parts of a machine type that ``can_compose`` knows; if a part is missing there is no price."""
    gpu = (region, purchase, _FAMILIES[family_of(machine.name)].gpu_part)
    usd_per_hour = Decimal(0)
    missing = []
    for part, amount in _needed(machine, region, purchase, parts):
        key = (region, purchase, part)
        if key in parts.usd_per_part_hour:
            usd_per_hour += amount * parts.usd_per_part_hour[key]
        elif key in parts.faults:
            missing.append(f"{part}: {parts.faults[key]}")
        else:
            unread = parts.unread.get((region, purchase), ()) if key == gpu else ()
            hint = f" (not understood: {', '.join(unread[:3])})" if unread else ""
            missing.append(f"no SKU for {part}{hint}")
    if missing:
        return ComposedPrice(None, tuple(missing))
    return ComposedPrice(usd_per_hour.quantize(_MICRO_USD), ())
