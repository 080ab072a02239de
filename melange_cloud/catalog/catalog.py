"""A set of offers, with the pairs that were left out on purpose."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from melange_cloud.domain import PURCHASES, Exclusion, Offer

OfferKey = tuple[str, str, str, str]
"""The key of an offer: provider, region, instance type, purchase."""


def key_of(offer: Offer) -> OfferKey:
    """The offer's provider, region, instance type and purchase; a catalog has one offer per key."""
    return (offer.instance_type.provider, offer.region, offer.instance_type.name, offer.purchase)


@dataclass(frozen=True)
class Catalog:
    """Offers and exclusions.

    Attributes:
        offers: at most one per (provider, region, instance type, purchase), sorted by these.
        excluded: (region, instance type) pairs that have a price somewhere but are not sold there as usual; sorted.
    """

    offers: tuple[Offer, ...]
    excluded: tuple[Exclusion, ...] = ()

    @cached_property
    def _offers_by_place(self) -> dict[tuple[str, str, str], tuple[Offer, ...]]:
        places: dict[tuple[str, str, str], list[Offer]] = {}
        for offer in self.offers:
            places.setdefault((offer.instance_type.provider, offer.region, offer.purchase), []).append(offer)
        return {place: tuple(sorted(offers, key=key_of)) for place, offers in places.items()}

    @cached_property
    def _excluded_by_region(self) -> dict[tuple[str, str], list[Exclusion]]:
        regions: dict[tuple[str, str], list[Exclusion]] = {}
        for pair in self.excluded:
            regions.setdefault((pair.provider, pair.region), []).append(pair)
        return regions

    @cached_property
    def priced_regions(self) -> frozenset[tuple[str, str]]:
        """The (provider, region name) pairs that have an offer of any purchase."""
        return frozenset((offer.instance_type.provider, offer.region) for offer in self.offers)

    def offers_in(self, provider: str, region: str, purchase: str) -> tuple[Offer, ...]:
        """The region's offers for one purchase, sorted by instance type name; empty if there is no data."""
        return self._offers_by_place.get((provider, region, purchase), ())

    def excluded_in(self, provider: str, region: str, purchase: str | None = None) -> tuple[Exclusion, ...]:
        """The region's pairs that were left out, sorted by instance type name.

        A pair that is not sold on demand may still be sold as spot, or have a price in a user's sheet. A pair with an
        offer for ``purchase`` (None: for any) is not reported as left out.
        """
        offered = {
            offer.instance_type.name
            for bought in (PURCHASES if purchase is None else (purchase,))
            for offer in self.offers_in(provider, region, bought)
        }
        pairs = self._excluded_by_region.get((provider, region), [])
        return tuple(
            sorted((pair for pair in pairs if pair.instance_type not in offered), key=lambda pair: pair.instance_type)
        )


def with_sheet(catalog: Catalog, offers: Iterable[Offer]) -> Catalog:
    """The catalog with a user's offers added.

    An offer replaces the one with the same provider, region, instance type and purchase; all others are kept.
    """
    merged = {key_of(offer): offer for offer in catalog.offers}
    merged.update({key_of(offer): offer for offer in offers})
    return Catalog(tuple(merged[key] for key in sorted(merged)), catalog.excluded)
