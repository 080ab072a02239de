"""The cheapest price of each GPU in each region, per GPU and hour, and the regions with what is for rent there."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from functools import partial

from melange_cloud import catalog
from melange_cloud.domain import GPUS, PURCHASES, Availability, InstanceType, Offer, Region
from melange_cloud.domain.gpu_list import GpuPrice, MissingGpuPrice
from melange_cloud.domain.region_list import ListedRegion, RegionGpu, RegionOverview
from melange_cloud.market.gather import PriceSet
from melange_cloud.market.markets import ON_DEMAND, is_stale, snapshot_notice
from melange_cloud.market.price_query import QueriedPrices

_DOUBTFUL = frozenset({Availability.UNCONFIRMED, Availability.CAPACITY_BLOCK})
_REASONS_SHOWN = 2

_Place = tuple[str, str, str]
"""Provider, region, GPU."""


def gpu_prices(
    found: QueriedPrices, now: datetime, takes: Callable[[InstanceType], bool] = lambda _: True
) -> tuple[GpuPrice, ...]:
    """The cheapest price of each GPU in each region for each purchase, by GPU, then purchase, cheapest first.

    What may not be sold that way is taken only where nothing else has a price. Spot prices that a plan would not use,
    since they are too old, are left out.

    Args:
        takes: whether an instance type counts.
    """
    offers: dict[tuple[_Place, str], list[Offer]] = {}
    for offer in found.offers:
        if takes(offer.instance_type) and not is_stale(offer, now.date()):
            offers.setdefault((_place_of(offer), offer.purchase), []).append(offer)
    words = {(region.provider, region.name): region.place for region in found.regions}
    prices = [_cheapest(group, words[place[:2]], found.gathered, now) for (place, _), group in offers.items()]
    return tuple(
        sorted(
            prices,
            key=lambda price: (
                GPUS.index(price.gpu),
                PURCHASES.index(price.purchase),
                round(price.usd_per_gpu_hour, 4),
                price.provider,
                # Of regions that cost the same, the one whose price is newest.
                -price.price.as_of_to.toordinal(),
                price.region,
            ),
        )
    )


def _place_of(offer: Offer) -> _Place:
    return offer.instance_type.provider, offer.region, offer.instance_type.gpu


def _per_gpu(offer: Offer) -> float:
    return offer.usd_per_instance_hour / offer.instance_type.gpu_count


def _cheapest(offers: Sequence[Offer], place: str, gathered: PriceSet, now: datetime) -> GpuPrice:
    """Of one GPU, region and purchase."""
    sure = [offer for offer in offers if catalog.availability_of(offer) not in _DOUBTFUL] or offers

    def rank(offer: Offer) -> tuple[float, int, str]:
        # Sizes of one family differ in the sixth digit; of those that cost the same, the smallest is easiest to rent.
        return round(_per_gpu(offer), 4), offer.instance_type.gpu_count, offer.instance_type.name

    best = min(sure, key=rank)
    machine = best.instance_type
    quota = catalog.quota_of(machine.provider, machine.name, best.purchase)
    return GpuPrice(
        gpu=machine.gpu,
        provider=machine.provider,
        region=best.region,
        place=place,
        purchase=best.purchase,
        usd_per_gpu_hour=_per_gpu(best),
        instance_type=machine.name,
        gpu_count=machine.gpu_count,
        vcpus=machine.vcpus,
        host_memory_gib=machine.memory_gib,
        usd_per_hour_each=best.usd_per_instance_hour,
        availability=catalog.availability_of(best),
        quota="" if quota is None else quota.name,
        contract=best.contract,
        gpu_counts=tuple(sorted({offer.instance_type.gpu_count for offer in sure})),
        price=best.provenance(gathered.age_words(best, now)),
    )


def without_price(
    found: QueriedPrices, prices: Iterable[GpuPrice], gpus: Collection[str], now: datetime
) -> tuple[MissingGpuPrice, ...]:
    """The GPUs without any price in a region of the query, each with the reason."""
    priced = {(price.provider, price.region, price.gpu) for price in prices}
    listed: dict[_Place, list[Offer]] = {}
    for offer in found.offers:
        listed.setdefault(_place_of(offer), []).append(offer)
    return tuple(
        MissingGpuPrice(
            gpu,
            region.provider,
            region.name,
            _why_none(found, region, gpu, listed.get((region.provider, region.name, gpu), ()), now),
        )
        for gpu in gpus
        for region in found.regions
        if (region.provider, region.name, gpu) not in priced
    )


def _why_none(found: QueriedPrices, region: Region, gpu: str, here: Sequence[Offer], now: datetime) -> str:
    """Why a GPU has no price in a region.

    Args:
        here: its offers there, none of which is taken.
    """
    stale = [offer for offer in here if is_stale(offer, now.date())]
    if here and len(stale) == len(here):
        return f"only spot prices of {max(offer.as_of_to for offer in stale)}, too old to use"
    if here:
        return "no instance type that holds the model has a price"
    types = catalog.load_instance_types()
    if not any((provider, machine.gpu) == (region.provider, gpu) for (provider, _), machine in types.items()):
        return f"no known instance type of {region.provider} has it"
    reasons = dict.fromkeys(
        pair.reason
        for pair in found.gathered.catalog.excluded_in(region.provider, region.name, ON_DEMAND)
        if (machine := types.get((region.provider, pair.instance_type))) is not None and machine.gpu == gpu
    )
    return "; ".join([*reasons][:_REASONS_SHOWN]) or "no data"


def region_list(found: QueriedPrices, now: datetime) -> RegionOverview:
    """The regions of a query for on-demand prices, by provider and name."""
    prices = gpu_prices(found, now)
    offers = [offer for offer in found.offers if offer.purchase == ON_DEMAND]
    listed = partial(_listed, prices=prices, offers=offers)
    return RegionOverview(
        generated_at=now,
        notices=(*snapshot_notice(offers, now), *found.gathered.notes),
        regions=tuple(listed(region) for region in found.regions),
    )


def _listed(region: Region, prices: Iterable[GpuPrice], offers: Iterable[Offer]) -> ListedRegion:
    where = (region.provider, region.name)
    here = [offer for offer in offers if (offer.instance_type.provider, offer.region) == where]
    gpus = [price for price in prices if (price.provider, price.region) == where]
    return ListedRegion(
        provider=region.provider,
        region=region.name,
        place=region.place,
        government=region.government,
        gpus=tuple(RegionGpu(price.gpu, price.usd_per_gpu_hour, price.availability) for price in gpus),
        as_of_from=min((offer.as_of_from for offer in here), default=None),
        as_of_to=max((offer.as_of_to for offer in here), default=None),
        price_origins=tuple(sorted({offer.origin for offer in here})),
    )


__all__ = ["gpu_prices", "region_list", "without_price"]
