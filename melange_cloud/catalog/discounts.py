"""The user's own discounts: ``[[discount]]`` tables of melange-cloud.toml, applied to list prices.

    [[discount]]
    provider = "aws"          # each of the four is optional: without it, all match
    region = "us-*"           # a name or a glob
    family = "p5"             # the type's name up to one of its dots or dashes, or a glob: a2-highgpu, "g?"
    purchase = "on_demand"
    percent = 12.5            # off the list price; or usd_per_hour = 1.23, the net price of one instance

If several match an offer, only the last one in the file applies, so write the general ones first. Prices in the user's
own sheet are already net and are not changed.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from melange_cloud.catalog.implausible import ODD_FACTOR
from melange_cloud.catalog.snapshot import load_instance_types, load_regions
from melange_cloud.domain import PROVIDERS, PURCHASES, Offer
from melange_cloud.errors import BadFile, BadInput, Fault, echoed
from melange_cloud.inputs.cloud_names import plain_cloud
from melange_cloud.inputs.fields import Fields
from melange_cloud.inputs.purchase_names import purchase_named
from melange_cloud.inputs.suggestions import closest, did_you_mean
from melange_cloud.settings import read_array, settings_path

KEYS = ("provider", "region", "family", "purchase", "percent", "usd_per_hour")
_GLOB_SIGNS = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Discount:
    """One ``[[discount]]``: the offers that it is for (None is any), and percent off or net USD/h of one instance.

    ``path`` and ``number`` (from 1) are its place in the settings file.
    """

    path: Path
    number: int
    provider: str | None = None
    region: str | None = None
    family: str | None = None
    purchase: str | None = None
    percent: float | None = None
    usd_per_instance_hour: float | None = None

    def matches(self, offer: Offer) -> bool:
        """True if the discount applies to this offer."""
        return (
            self.provider in (None, offer.instance_type.provider)
            and self.purchase in (None, offer.purchase)
            and (self.region is None or fnmatchcase(offer.region, self.region))
            and (self.family is None or _is_of_family(offer.instance_type.name, self.family))
        )

    def net_usd_per_instance_hour(self, list_usd_per_hour: float) -> float:
        """The net price, USD/h of one instance."""
        if self.usd_per_instance_hour is not None:
            return self.usd_per_instance_hour
        return list_usd_per_hour * (1 - (self.percent or 0.0) / 100)


def load_discounts() -> tuple[Discount, ...]:
    """The discounts of the current settings file, in its order; empty if there is no such file.

    Raises:
        BadFile: with all faults of the tables, each with its cure.
    """
    path = settings_path()
    if path is None:
        return ()
    faults: list[Fault] = []
    discounts = [
        _discount(path, number, table, faults) for number, table in enumerate(read_array(path, "discount", KEYS), 1)
    ]
    if faults:
        raise BadFile(faults)
    return tuple(discounts)


def with_discounts(offers: Iterable[Offer], discounts: Sequence[Discount]) -> tuple[Offer, ...]:
    """The offers at net prices; ``list_usd_per_hour`` keeps the list price. Offers of origin ``user`` are unchanged.

    Raises:
        BadFile: a ``usd_per_hour`` is five times off the list price of an offer, so it must be for another size.
    """
    if not discounts:
        return tuple(offers)
    faults: dict[int, Fault] = {}
    net = []
    for offer in offers:
        discount = next((one for one in reversed(discounts) if one.matches(offer)), None)
        if discount is None or offer.origin == "user":
            net.append(offer)
            continue
        usd_per_hour = discount.net_usd_per_instance_hour(offer.list_usd_per_instance_hour)
        if discount.usd_per_instance_hour is not None and not (
            1 / ODD_FACTOR < usd_per_hour / offer.list_usd_per_instance_hour < ODD_FACTOR
        ):
            faults.setdefault(
                discount.number,
                Fault(
                    discount.path,
                    f"{usd_per_hour:g} is five times off the list price of {offer.instance_type.name} in "
                    f"{offer.region}, {offer.list_usd_per_instance_hour:g}: give the price of one whole instance, "
                    "with the type's name in family, or use percent",
                    field=f"[[discount]] {discount.number}, usd_per_hour",
                ),
            )
        net.append(replace(offer, usd_per_instance_hour=usd_per_hour))
    if faults:
        raise BadFile(faults[number] for number in sorted(faults))
    return tuple(net)


def _is_of_family(name: str, family: str) -> bool:
    """True if the glob matches the name, or its beginning up to one of its dots or dashes."""
    beginnings = [name[:index] for index, sign in enumerate(name) if sign in ".-"]
    return any(fnmatchcase(beginning, family) for beginning in (*beginnings, name))


@cache
def _known_regions() -> frozenset[str]:
    return frozenset(region.name for region in load_regions())


def _hint(word: str, known: Iterable[str]) -> str:
    return did_you_mean(closest(word, known))


def _as_called_here(table: dict[str, object]) -> dict[str, object]:
    """The table with its cloud and purchase as we call them; what is not known stays as it is written."""
    known = dict(table)
    if isinstance(provider := table.get("provider"), str):
        known["provider"] = plain_cloud(provider)
    if isinstance(purchase := table.get("purchase"), str):
        with suppress(BadInput):
            known["purchase"] = purchase_named("purchase", purchase)
    return known


def _discount(path: Path, number: int, table: dict[str, object], faults: list[Fault]) -> Discount:
    """The table as a Discount; its faults are added to ``faults``."""
    fields = Fields(path, _as_called_here(table), faults, f"[[discount]] {number}, ")
    provider, region, family = (fields.text(key) or None for key in ("provider", "region", "family"))
    purchase = fields.choice("purchase", PURCHASES)
    percent, usd_per_hour = fields.number("percent"), fields.number("usd_per_hour")
    foreign = provider is not None and provider not in PROVIDERS
    if provider is not None and foreign and (close := closest(provider, PROVIDERS)):
        fields.fault("provider", f"unknown provider '{echoed(provider)}'", did_you_mean(close))
    if region is not None and not foreign and not any(fnmatchcase(name, region) for name in _known_regions()):
        fields.fault("region", f"no region matches '{echoed(region)}'", _hint(region, _known_regions()))
    if family is not None and not foreign and not _GLOB_SIGNS & set(family):
        names = [name for of, name in load_instance_types() if provider in (None, of)]
        if not any(_is_of_family(name, family) for name in names):
            fields.fault("family", f"no instance type belongs to family '{echoed(family)}'", _hint(family, names))
    if ("percent" in table) == ("usd_per_hour" in table):
        fields.fault("percent", "give either percent or usd_per_hour")
    if percent is not None and not 0 <= percent < 100:
        fields.fault("percent", f"is {percent:g}", "must be at least 0 and below 100")
    if usd_per_hour is not None and usd_per_hour <= 0:
        fields.fault("usd_per_hour", f"is {usd_per_hour:g}", "must be above zero, USD per hour of one instance")
    return Discount(path, number, provider, region, family, purchase, percent, usd_per_hour)
