"""Reads the products of the AWS price list: the same shape from GetProducts and from the public files.

A product is one SKU with its attributes and its terms. GetProducts is called with filters, but every attribute is
checked again here. Without ``marketoption`` a Capacity Block would pass for an H100 at $0.00; without ``tenancy`` we
would take a dedicated host's price, and without ``locationType`` a local zone's.
"""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from melange_cloud.errors import echoed
from melange_cloud.inputs import NotANumber, parse_json, parse_number

ATTRIBUTES = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "capacitystatus": "Used",
    "preInstalledSw": "NA",
    "marketoption": "OnDemand",
    "licenseModel": "No License required",
}
"""Attributes of a plain Linux instance; filters of GetProducts that are checked again."""
GPU_FAMILY = "GPU instance"
_CHECKED = {**ATTRIBUTES, "locationType": "AWS Region", "operation": "RunInstances"}

YEARS_OF_PURCHASE = {"commit_1y": 1, "commit_3y": 3}
_LEASES = {1: "1yr", 3: "3yr"}
_HOURS_PER_YEAR = 8760
_PAYMENTS = ("No Upfront", "Partial Upfront", "All Upfront")
_MICRO_USD = Decimal("0.000001")
_MOST_USD = 1e9
_LONGEST_DATE = 40
_FOREIGN_SHAPE = (KeyError, TypeError, AttributeError, ValueError, ArithmeticError)
"""What is raised by a product that does not have the documented shape; ValueError covers broken JSON."""


@dataclass(frozen=True, slots=True)
class ProductPrice:
    """One price of one product, USD/h; ``contract`` as in Offer. ``published`` is the date of the list, as text."""

    region: str
    instance_type: str
    purchase: str
    contract: str
    usd_per_instance_hour: Decimal
    sku: str
    published: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class RefusedPrice:
    """A price that cannot be right; ``purchase`` is empty if all of the product's prices are affected."""

    region: str
    instance_type: str
    purchase: str
    sku: str
    why: str

    @property
    def where(self) -> str:
        """The price, in words, with its SKU."""
        purchase = f" {self.purchase}" if self.purchase else ""
        return f"{self.instance_type}{purchase} in {self.region or 'no region'} (SKU {self.sku})"


class _FaultyError(Exception):
    """Why a price is rejected."""


class PriceList:
    """Collects products, page by page and from several threads; decides at the end which prices to use.

    Reserved instances are of the standard class. An offer has one price per commitment, so one payment option is used:
    no upfront where it is sold, else partial upfront, else all upfront; the contract says which. The price is the
    hourly part plus the upfront part spread over the term: hourly + upfront / (years * 8760), to the micro-USD.

    Args:
        instance_types: known names. Others with a GPU are collected in ``unknown``.
        purchases: of PURCHASES; spot is not in the list.
        regions: names; None is all.
        now: the time at which a price must be valid; None is the present.
    """

    def __init__(
        self,
        instance_types: Collection[str],
        purchases: Collection[str],
        regions: Collection[str] | None,
        now: datetime | None = None,
    ) -> None:
        self._now = datetime.now(UTC) if now is None else now
        self.unknown: set[tuple[str, str]] = set()
        """(region, instance type) pairs with a GPU and an on-demand price for which we have no shape."""
        self._instance_types = frozenset(instance_types)
        self._purchases = tuple(purchases)
        self._regions = None if regions is None else frozenset(regions)
        self._products: dict[tuple[str, str], dict[str, tuple[ProductPrice | RefusedPrice, ...]]] = {}
        self._refused: list[RefusedPrice] = []
        self._lock = threading.Lock()

    def add(self, document: Any) -> None:
        """Add a product; anything but a plain Linux instance in a requested region is skipped.

        Raises:
            ValueError: it has no product, SKU or attributes.
        """
        sku, attributes, region, instance_type = _identity(document)
        if (
            not (region and instance_type)
            or not is_plain_instance(attributes)
            or (self._regions is not None and region not in self._regions)
        ):
            return
        if instance_type not in self._instance_types:
            if attributes.get("instanceFamily") == GPU_FAMILY:
                with self._lock:
                    self.unknown.add((region, instance_type))
            return
        read = tuple(_read(document, region, instance_type, sku, self._purchases, self._now))
        with self._lock:
            skus = self._products.setdefault((region, instance_type), {})
            if skus.setdefault(sku, read) != read:
                self._refused.append(
                    RefusedPrice(region, instance_type, "", sku, "was sent twice with different prices")
                )

    @property
    def regions(self) -> frozenset[str]:
        """The regions with a product of a known instance type, whether its price is used or rejected."""
        return frozenset(region for region, _ in self._products)

    def settle(self) -> tuple[tuple[ProductPrice, ...], tuple[RefusedPrice, ...]]:
        """The prices to use and the rejected ones, both sorted; if a (region, type) has two products, both are."""
        priced: list[ProductPrice] = []
        refused = list(self._refused)
        contradictory = {(refusal.region, refusal.instance_type) for refusal in refused}
        for (region, instance_type), skus in self._products.items():
            if len(skus) > 1:
                both = " and ".join(sorted(skus))
                refused.append(
                    RefusedPrice(region, instance_type, "", both, "is listed more than once, and only one can be right")
                )
            elif (region, instance_type) not in contradictory:
                for entry in next(iter(skus.values())):
                    if isinstance(entry, ProductPrice):
                        priced.append(entry)
                    else:
                        refused.append(entry)
        priced.sort(key=lambda entry: (entry.region, entry.instance_type, entry.purchase))
        refused.sort(key=lambda entry: (entry.why, entry.region, entry.instance_type, entry.purchase, entry.sku))
        return tuple(priced), tuple(refused)


def parsed(text: object) -> Any:
    """The product in an item of GetProducts' PriceList, which is JSON in a string.

    Raises:
        ValueError: not JSON, or not a product; we cannot know which price is missing.
    """
    if not isinstance(text, str):
        raise ValueError("an item of PriceList is not a string")  # noqa: TRY004 - the answer is wrong, not the caller
    document = parse_json(text)
    _identity(document)
    return document


def _identity(document: Any) -> tuple[str, Mapping[str, str], str, str]:
    """SKU, attributes, region and instance type; the last two are empty if it has none."""
    try:
        attributes = document["product"]["attributes"]
        region, instance_type = attributes.get("regionCode", ""), attributes.get("instanceType", "")
        return echoed(document["product"]["sku"]), attributes, echoed(region), echoed(instance_type)
    except _FOREIGN_SHAPE as error:
        raise ValueError("an item of the price list is not a product") from error


def is_plain_instance(attributes: Mapping[str, str]) -> bool:
    """True for a Linux instance on shared hardware in a region, bought on demand, with nothing preinstalled.

    The free-trial product has no instance type and no region.
    """
    return (
        bool(attributes.get("regionCode"))
        and bool(attributes.get("instanceType"))
        and all(attributes.get(name) == value for name, value in _CHECKED.items())
    )


def _read(
    document: Mapping[str, Any], region: str, instance_type: str, sku: str, purchases: Sequence[str], now: datetime
) -> Iterator[ProductPrice | RefusedPrice]:
    published = echoed(str(document.get("publicationDate", ""))[:10])
    for purchase in purchases:
        try:
            found = _price(document.get("terms", {}), purchase, now)
        except _FaultyError as fault:
            yield RefusedPrice(region, instance_type, purchase, sku, str(fault))
        except _FOREIGN_SHAPE:
            yield RefusedPrice(region, instance_type, purchase, sku, "does not have the shape that AWS documents")
        else:
            if found is not None:
                contract, usd_per_hour = found
                yield ProductPrice(region, instance_type, purchase, contract, usd_per_hour, sku, published)


def _price(terms: Mapping[str, Any], purchase: str, now: datetime) -> tuple[str, Decimal] | None:
    """(contract, USD/h); None if the product is not sold this way."""
    if purchase == "on_demand":
        return _on_demand(_in_force(terms.get("OnDemand", {}).values(), now))
    if purchase in YEARS_OF_PURCHASE:
        return _reserved(_in_force(terms.get("Reserved", {}).values(), now), YEARS_OF_PURCHASE[purchase])
    return None


def _in_force(terms: Iterable[Mapping[str, Any]], now: datetime) -> list[Mapping[str, Any]]:
    """The terms that have begun: a price may be listed before the day on which it takes effect.

    Raises:
        _FaultyError: there are terms but none has begun, or a day cannot be read.
    """
    begun: list[Mapping[str, Any]] = []
    later: list[Mapping[str, Any]] = []
    for term in terms:
        text = str(term.get("effectiveDate") or "")
        try:
            start = datetime.fromisoformat(text[:_LONGEST_DATE]) if text else now
        except ValueError:
            raise _FaultyError(f"is valid from '{echoed(text)}', which is not a date") from None
        start = start if start.tzinfo else start.replace(tzinfo=UTC)
        (begun if start <= now else later).append(term)
    if later and not begun:
        raise _FaultyError(f"is not valid before {min(str(term['effectiveDate']) for term in later)[:10]}")
    return begun


def _on_demand(sold: Sequence[Mapping[str, Any]]) -> tuple[str, Decimal] | None:
    if not sold:
        return None
    dimensions = [dimension for term in sold for dimension in term["priceDimensions"].values()]
    if len(dimensions) != 1:
        raise _FaultyError(f"has {len(dimensions)} on-demand prices instead of one")
    dimension = dimensions[0]
    _expect_hours(dimension)
    if dimension.get("endRange", "Inf") not in ("Inf", ""):
        raise _FaultyError(f"is a price for {echoed(dimension['endRange'])} hours only")
    return "", _positive(_usd(dimension))


def _reserved(sold: Sequence[Mapping[str, Any]], years: int) -> tuple[str, Decimal] | None:
    by_payment: dict[str, list[Mapping[str, Any]]] = {}
    for term in sold:
        signed = term["termAttributes"]
        if signed["LeaseContractLength"] == _LEASES[years] and signed["OfferingClass"] == "standard":
            by_payment.setdefault(signed["PurchaseOption"], []).append(term)
    payment = next((payment for payment in _PAYMENTS if payment in by_payment), None)
    if payment is None:
        return None
    contract = f"RI {years}y standard {payment.lower()}"
    if len(by_payment[payment]) > 1:
        raise _FaultyError(f"has {len(by_payment[payment])} prices for {contract} instead of one")
    hourly, upfront = [], []
    for dimension in by_payment[payment][0]["priceDimensions"].values():
        if dimension["unit"] == "Quantity":
            upfront.append(_usd(dimension))
        else:
            _expect_hours(dimension)
            hourly.append(_usd(dimension))
    expected_hourly = (0, 1) if payment == "All Upfront" else (1,)
    expected_upfront = (0,) if payment == "No Upfront" else (1,)
    if len(hourly) not in expected_hourly or len(upfront) not in expected_upfront:
        raise _FaultyError(f"has {len(hourly)} hourly and {len(upfront)} upfront prices for {contract}")
    if min(hourly + upfront) < 0:
        raise _FaultyError(f"is {min(hourly + upfront)} USD, a negative price")
    if not upfront:
        return contract, _positive(hourly[0])
    effective = sum(hourly, Decimal(0)) + upfront[0] / (years * _HOURS_PER_YEAR)
    return contract, _positive(effective.quantize(_MICRO_USD))


def _expect_hours(dimension: Mapping[str, Any]) -> None:
    if dimension["unit"] != "Hrs":
        raise _FaultyError(f"is priced per '{echoed(dimension['unit'])}', not per hour")


def _usd(dimension: Mapping[str, Any]) -> Decimal:
    amounts = dimension["pricePerUnit"]
    if "USD" not in amounts:
        raise _FaultyError(f"is priced in {echoed(' and '.join(sorted(amounts))) or 'no currency'}, not in USD")
    text = amounts["USD"]
    try:
        parse_number(text, low=-_MOST_USD, high=_MOST_USD)
    except NotANumber:
        raise _FaultyError(f"is {echoed(text)} USD, which is not a price") from None
    return Decimal(text)


def _positive(usd_per_hour: Decimal) -> Decimal:
    if float(usd_per_hour) <= 0:  # a double cannot hold 1e-999
        raise _FaultyError(f"is {float(usd_per_hour):g} USD/h, which is not a price")
    return usd_per_hour
