"""Which SKU is the price of which part of a machine, and how to read the price.

Google's free text is the only key. Every rule matches the fixed text at both ends and checks usage type, family and
group as well, since look-alikes (Dynamic Workload Scheduler, sole tenancy, reservations) have the usage type of the
real part at half its price or at none. Ignore the place in the text ("Americas"); ``serviceRegions`` is what counts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from melange_cloud.errors import echoed

COMPUTE_ENGINE = "services/6F81-5844-456A"
"""Compute Engine in Google's public price list; the same for every account."""

LOCAL_SSD = "local SSD"
HOSTS = ("G2", "A2", "A3", "A3Plus")
"""Host families as SKU texts spell them; A3Plus is the host of a3-megagpu where Google lists it separately."""

_HOURS_PER_BILLED_MONTH = 730
_MOST_NANOS = 999_999_999
_GIB_PER_GB = Decimal("1.073741824")
_PER_GIB_HOUR = {"GiBy.h": Decimal(1), "GBy.h": _GIB_PER_GB}
_UNITS_OF_GROUP = {
    "CPU": {"h": Decimal(1)},
    "GPU": {"h": Decimal(1)},
    "RAM": _PER_GIB_HOUR,
    "LocalSSD": {
        **_PER_GIB_HOUR,
        "GiBy.mo": Decimal(1) / _HOURS_PER_BILLED_MONTH,
        "GBy.mo": _GIB_PER_GB / _HOURS_PER_BILLED_MONTH,
    },
}

_GPU_TEXT = {
    "L4 GPU": "Nvidia L4",
    "A100 40GB GPU": "Nvidia Tesla A100",
    "A100 80GB GPU": "Nvidia Tesla A100 80GB",
    "H100 GPU": "Nvidia H100 80GB",
    # SKUs of the Americas say Plus, all others Mega; the scheduler's say Mega 80GB.
    "H100 Mega GPU": "Nvidia H100 (?:80GB Mega|Mega 80GB|80GB Plus)",
}

_SCHEDULED = (
    "Reserved|Sole Tenancy|Custom|Premium|suspended|DWS|Defined Duration|Calendar Mode|Flex Start|Virtual Workstation"
)
_EXCLUDED = {
    "on_demand": f"{_SCHEDULED}|Spot|Preemptible|Commitment",
    "spot": f"{_SCHEDULED}|Commitment",
    "commit_1y": f"{_SCHEDULED}|Spot|Preemptible|dollar based",
    "commit_3y": f"{_SCHEDULED}|Spot|Preemptible|dollar based",
}
_USAGE_TYPES = {
    "on_demand": frozenset({"OnDemand"}),
    "spot": frozenset({"Preemptible"}),
    "commit_1y": frozenset({"Commit1Yr"}),
    "commit_3y": frozenset({"Commit3Yr"}),
}
_SHOWN_CHARACTERS = 100
"""Characters of a SKU's description; the longest that we use has 90."""
_REGION = re.compile("[a-z0-9-]{1,40}")
_WORTH_A_LOOK = re.compile(r"\b(?:G2|A2|A3|A3Plus|L4|A100|H100|SSD)\b", re.IGNORECASE)
_OUR_GPU = re.compile(r"\b(?:L4|A100|H100)\b", re.IGNORECASE)


def vcpu_part(host: str) -> str:
    """The name of the part that prices one vCPU of a host family."""
    return f"{host} vCPU"


def memory_part(host: str) -> str:
    """The name of the part that prices one GiB of a host family's memory."""
    return f"{host} memory"


@dataclass(frozen=True, slots=True)
class Component:
    """One SKU, read as the price of one part or as the reason why it has no usable price.

    Attributes:
        part: such as ``A2 vCPU``, ``L4 GPU``, ``local SSD``.
        purchase: one of PURCHASES.
        regions: where Google charges it, from ``serviceRegions``.
        usd_per_part_hour: per vCPU, GPU or GiB; None if ``fault`` says why it was rejected.
    """

    part: str
    purchase: str
    regions: tuple[str, ...]
    sku_id: str
    description: str
    usd_per_part_hour: Decimal | None
    fault: str = ""


@dataclass(frozen=True, slots=True)
class _SkuRule:
    part: str
    purchase: str
    family: str
    group: str
    usage_types: frozenset[str]
    text: re.Pattern[str]
    excluded: re.Pattern[str]


def _texts(purchase: str) -> Iterator[tuple[str, str, str]]:
    """(part, group, text as a regular expression) of one purchase."""
    years = {"commit_1y": "1 Years?", "commit_3y": "3 Years?"}.get(purchase)
    somewhere = r"(?: (?:running )?in .+)?"
    for host in HOSTS:
        for part, group, word in ((vcpu_part(host), "CPU", "Core"), (memory_part(host), "RAM", "Ram")):
            if purchase == "on_demand":
                yield part, group, f"{host} Instance {word} running in .+"
            elif purchase == "spot":
                yield part, group, f"(?:Spot )?Preemptible {host} Instance {word} running in .+"
            else:
                committed = "(?:Cpu|Core)" if word == "Core" else word
                yield part, group, f"Commitment v1: {host} (?:Instance )?{committed} (?:running )?in .+ for {years}"
    for part, gpu in _GPU_TEXT.items():
        if purchase == "on_demand":
            yield part, "GPU", f"{gpu} GPU running in .+"
        elif purchase == "spot":
            yield part, "GPU", f"{gpu} GPU attached to (?:Spot )?Preemptible VMs (?:running )?in .+"
        else:
            yield part, "GPU", f"Commitment v1: {gpu} GPU (?:running )?in .+ for {years}"
    if purchase == "on_demand":
        yield LOCAL_SSD, "LocalSSD", f"SSD backed Local Storage{somewhere}"
    elif purchase == "spot":
        yield LOCAL_SSD, "LocalSSD", f"SSD backed Local Storage attached to (?:Spot )?Preemptible VMs?{somewhere}"
    else:
        yield LOCAL_SSD, "LocalSSD", f"Commitment v1: Local SSD (?:running )?in .+ for {years}"


def _rules() -> Iterator[_SkuRule]:
    for purchase, usage_types in _USAGE_TYPES.items():
        excluded = re.compile(rf"\b(?:{_EXCLUDED[purchase]})\b", re.IGNORECASE)
        for part, group, text in _texts(purchase):
            yield _SkuRule(
                part=part,
                purchase=purchase,
                family="Storage" if group == "LocalSSD" else "Compute",
                group=group,
                usage_types=usage_types,
                text=re.compile(text, re.IGNORECASE),
                excluded=excluded,
            )


_RULES = tuple(_rules())


def _in_force(entries: Sequence[Any], now: datetime) -> tuple[Any, str]:
    """The latest entry that is valid at ``now``; or None and the reason.

    Google lists a price before the day on which it takes effect.
    """
    moment = divmod(round(now.timestamp() * 10**9), 10**9)
    by_start: dict[tuple[int, int], list[Any]] = defaultdict(list)
    for entry in entries:
        by_start[entry.effective_time.seconds, entry.effective_time.nanos].append(entry)
    begun = [start for start in by_start if start <= moment]
    if not begun:
        if not by_start:
            return None, "has no price"
        first = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=min(by_start)[0])
        return None, f"has no valid price before {first:%Y-%m-%d}"
    found, *others = by_start[max(begun)]
    if any(other.pricing_expression != found.pricing_expression for other in others):
        return None, f"has {len(others) + 1} prices that take effect at the same moment"
    return found, ""


def _price(sku: Any, group: str, now: datetime) -> tuple[Decimal | None, str]:
    """USD per hour of one vCPU, GPU or GiB; or None and the reason why the SKU's price is rejected."""
    entry, fault = _in_force(sku.pricing_info, now)
    if entry is None:
        return None, fault
    if entry.currency_conversion_rate not in (0, 1):
        return None, f"is converted at {entry.currency_conversion_rate:g} from another currency"
    expression = entry.pricing_expression
    hours = _UNITS_OF_GROUP[group].get(expression.usage_unit)
    if hours is None:
        return None, f"is priced per '{echoed(expression.usage_unit)}', not per {' or '.join(_UNITS_OF_GROUP[group])}"
    first = [rate.unit_price for rate in expression.tiered_rates if rate.start_usage_amount == 0]
    if len(first) != 1:
        return None, f"has {len(first)} prices for the first unit, not one"
    if first[0].currency_code != "USD":
        return None, f"is priced in '{echoed(first[0].currency_code)}', not in USD"
    units, nanos = first[0].units, first[0].nanos
    if abs(nanos) > _MOST_NANOS or units * nanos < 0:
        return None, f"has the price {units} units and {nanos} nanos, which is not an amount of money"
    usd = Decimal(units) + Decimal(nanos).scaleb(-9)
    if usd <= 0:
        return None, f"has the price {usd.normalize():f}"
    return usd * hours, ""


def _regions(sku: Any) -> tuple[str, ...]:
    """The regions where Google charges a SKU, without anything that cannot be a region's name."""
    return tuple(region for region in sku.service_regions if _REGION.fullmatch(region))


def read_sku(sku: Any, now: datetime | None = None) -> Component | None:
    """What a SKU is the price of; None if we do not use it.

    Args:
        now: the time at which its price must be valid; None is the present.
        sku: a protobuf ``google.cloud.billing.v1.Sku`` (the raw message, not its proto-plus wrapper, which takes ten
            times as long over the tens of thousands of SKUs that Compute Engine has).
    """
    if not _WORTH_A_LOOK.search(sku.description):
        return None
    category = sku.category
    for rule in _RULES:
        if (
            category.usage_type in rule.usage_types
            and category.resource_family == rule.family
            and rule.group in (category.resource_group, "LocalSSD")
            and rule.text.fullmatch(sku.description)
            and not rule.excluded.search(sku.description)
        ):
            usd_per_hour, fault = _price(sku, rule.group, datetime.now(UTC) if now is None else now)
            return Component(
                part=rule.part,
                purchase=rule.purchase,
                regions=_regions(sku),
                sku_id=echoed(sku.sku_id),
                description=echoed(sku.description, _SHOWN_CHARACTERS),
                usd_per_part_hour=usd_per_hour,
                fault=fault,
            )
    return None


def unread_gpu(sku: Any) -> str | None:
    """The purchase of a SKU that is about one of our GPUs but matches no rule; None otherwise.

    Call it only for SKUs for which ``read_sku`` returned None. Google has renamed a GPU before (Mega, Plus).
    """
    if sku.category.resource_group != "GPU" or not _OUR_GPU.search(sku.description):
        return None
    for purchase, usage_types in _USAGE_TYPES.items():
        if sku.category.usage_type in usage_types:
            lookalike = re.search(rf"\b(?:{_EXCLUDED[purchase]})\b", sku.description, re.IGNORECASE)
            return None if lookalike else purchase
    return None


@dataclass(frozen=True)
class PartPrices:
    """The price of every part in every region.

    Attributes:
        usd_per_part_hour: by (region, purchase, part), per vCPU, GPU or GiB.
        faults: by (region, purchase, part): why a price that Google lists was rejected, with the SKUs.
        unread: by (region, purchase): SKUs of our GPUs that match no rule.
    """

    usd_per_part_hour: Mapping[tuple[str, str, str], Decimal]
    faults: Mapping[tuple[str, str, str], str]
    unread: Mapping[tuple[str, str], tuple[str, ...]]

    @property
    def regions(self) -> frozenset[str]:
        """Every region in which Google lists a part that we use, even if its price was rejected."""
        return frozenset(region for region, _, _ in (*self.usd_per_part_hour, *self.faults))


def _settle(candidates: Iterable[Component]) -> tuple[Decimal | None, str]:
    """The only price of a part in a region; or None and the reason.

    A SKU that is on two pages (a page sent twice) counts once. Two SKUs are an error: choosing one would be a guess.
    """
    distinct = sorted(
        {(found.sku_id, found.usd_per_part_hour, found.fault): found for found in candidates}.items(), key=str
    )
    found = [component for _, component in distinct]
    if len(found) > 1:
        named = " and ".join(
            f"SKU {one.sku_id} ('{one.description}', {one.fault or f'{one.usd_per_part_hour:.9f} USD/h'})"
            for one in found
        )
        return None, f"{len(found)} SKUs give a price for the same part: {named}"
    if found[0].usd_per_part_hour is None:
        return None, f"SKU {found[0].sku_id} ('{found[0].description}') {found[0].fault}"
    return found[0].usd_per_part_hour, ""


def part_prices(skus: Iterable[Any], now: datetime | None = None) -> PartPrices:
    """The price of every part in every region, from raw ``Sku`` messages in any order; ``now`` as in ``read_sku``."""
    now = datetime.now(UTC) if now is None else now
    candidates: dict[tuple[str, str, str], list[Component]] = defaultdict(list)
    unread: dict[tuple[str, str], set[str]] = defaultdict(set)
    for sku in skus:
        component = read_sku(sku, now)
        if component is not None:
            for region in component.regions:
                candidates[region, component.purchase, component.part].append(component)
            continue
        purchase = unread_gpu(sku)
        if purchase is not None:
            for region in _regions(sku):
                unread[region, purchase].add(f"SKU {echoed(sku.sku_id)} '{echoed(sku.description, _SHOWN_CHARACTERS)}'")
    prices: dict[tuple[str, str, str], Decimal] = {}
    faults: dict[tuple[str, str, str], str] = {}
    for key in sorted(candidates):
        usd_per_hour, fault = _settle(candidates[key])
        if usd_per_hour is None:
            faults[key] = fault
        else:
            prices[key] = usd_per_hour
    return PartPrices(prices, faults, {place: tuple(sorted(texts)) for place, texts in unread.items()})
