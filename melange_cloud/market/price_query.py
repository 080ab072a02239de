"""A query for prices, and its answer: the most trusted prices of some regions."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from melange_cloud import catalog, clouds
from melange_cloud.domain import InstanceType, Offer, Region
from melange_cloud.errors import BadInput
from melange_cloud.market.gather import PriceSet, gather, known_providers, known_regions
from melange_cloud.market.policy import PricePolicy


@dataclass(frozen=True, slots=True)
class PriceQuery:
    """Which prices are requested.

    Attributes:
        regions: names and globs; see ``catalog.select_regions``.
        provider: whose regions; None: every provider's.
        purchases: of PURCHASES.
        policy: which prices are acceptable.
        sheet: the user's own price sheet, which takes precedence over all other prices.
        accept_odd_prices: True if its prices may be far off those of the same instance type elsewhere.
        gpus: names of GPUS; empty: all.
        instance_types: names and globs; empty: all.
    """

    regions: Sequence[str]
    provider: str | None
    purchases: Sequence[str]
    policy: PricePolicy
    sheet: Path | None = None
    accept_odd_prices: bool = False
    gpus: Collection[str] = ()
    instance_types: Sequence[str] = ()

    def is_about(self, machine: InstanceType) -> bool:
        """True if it is one of the requested GPUs and instance types."""
        return (not self.gpus or machine.gpu in self.gpus) and (
            not self.instance_types or any(fnmatchcase(machine.name, glob) for glob in self.instance_types)
        )


@dataclass(frozen=True, slots=True)
class QueriedPrices:
    """The answer to a PriceQuery.

    Attributes:
        regions: those that were requested.
        gathered: all prices that were gathered.
        offers: those of the requested regions, GPUs and instance types.
    """

    regions: tuple[Region, ...]
    gathered: PriceSet
    offers: tuple[Offer, ...]


def queried(query: PriceQuery, *, now: datetime, progress: clouds.Progress | None = None) -> QueriedPrices:
    """The prices that a query asks for.

    Raises:
        BadInput, PricesUnavailable: see ``gather`` and ``catalog.read_price_sheet``.
    """
    discounts = catalog.load_discounts()
    sources = clouds.plug_ins()
    sheet: tuple[Offer, ...] = ()
    if query.sheet is not None:
        offers = catalog.read_price_sheet(
            query.sheet,
            today=now.date(),
            reference=catalog.load_snapshot(),
            providers=known_providers(sources),
            accept_odd_prices=query.accept_odd_prices,
        )
        sheet = tuple(offer for offer in offers if offer.purchase in query.purchases)
    regions = catalog.with_sheet_regions(known_regions(sources), sheet)
    selected = catalog.select_regions(query.regions, query.provider, regions)
    gathered = gather(
        selected,
        query.purchases,
        trust=query.policy,
        sheet=sheet,
        discounts=discounts,
        now=now,
        progress=progress,
        sources=sources,
    )
    names = {(region.provider, region.name) for region in selected}
    found = (
        offer
        for offer in gathered.catalog.offers
        if (offer.instance_type.provider, offer.region) in names and query.is_about(offer.instance_type)
    )
    return QueriedPrices(selected, gathered, tuple(found))


def cheapest_first(offers: Iterable[Offer]) -> list[Offer]:
    """The offers in order of USD per GPU and hour."""
    return sorted(
        offers, key=lambda offer: (offer.usd_per_instance_hour / offer.instance_type.gpu_count, catalog.key_of(offer))
    )


def has_new_types(offers: Iterable[Offer]) -> bool:
    """True if one of the offers has an instance type that is not shipped with melange-cloud."""
    known = catalog.load_instance_types()
    return any((offer.instance_type.provider, offer.instance_type.name) not in known for offer in offers)


def to_refresh(
    patterns: Sequence[str] | None, provider: str | None, sources: clouds.PriceSources, *, public: bool
) -> dict[str, Sequence[str] | None]:
    """Provider -> the regions that ``refresh`` queries; None is all of them.

    Args:
        patterns: names and globs of regions; None: all regions.
        provider: whose regions; None: every provider's.
        public: True if AWS's public price list is to be read.

    Raises:
        BadInput: an unknown region or provider, or ``public`` without a region of AWS.
    """
    regions = known_regions(sources)
    selected: dict[str, Sequence[str] | None] = {}
    if patterns or provider:
        for region in catalog.select_regions(patterns or ["all"], provider, regions):
            selected[region.provider] = [*(selected.get(region.provider) or ()), region.name]
    if not patterns:
        selected = dict.fromkeys(selected or sorted({region.provider for region in regions}))
    if public and "aws" not in selected:
        raise BadInput("--public reads AWS's public price list: choose an AWS region")
    return selected
