"""Layers of prices by (provider, region, purchase), in which more trusted prices replace less trusted ones."""

from collections.abc import Sequence
from datetime import datetime

from melange_cloud import catalog
from melange_cloud.domain import Exclusion, Offer

Pair = tuple[str, str, str]
"""Provider, region, purchase."""


class PriceLayers:
    """The shipped snapshot of some purchases, with newer prices on top.

    Attributes:
        fetched_at: when each of the newer offers was requested, UTC.
    """

    def __init__(self, purchases: Sequence[str]) -> None:
        self.fetched_at: dict[catalog.OfferKey, datetime] = {}
        self._offers: dict[Pair, dict[str, Offer]] = {}
        self._excluded: dict[Pair, tuple[Exclusion, ...]] = {}
        self._whole: set[Pair] = set()
        self._purchases = tuple(dict.fromkeys(purchases))
        self._shipped: tuple[Exclusion, ...] = ()
        for purchase in self._purchases:
            snapshot = catalog.load_snapshot(purchase)
            self._shipped = snapshot.excluded
            for offer in snapshot.offers:
                pair = (offer.instance_type.provider, offer.region, purchase)
                self._offers.setdefault(pair, {})[offer.instance_type.name] = offer

    def lay(self, provider: str, part: catalog.CachedPrices) -> None:
        """Add a part: a whole one replaces all prices of its pair, any other only those of the same types."""
        pair = (provider, part.region, part.purchase)
        there = self._offers.setdefault(pair, {})
        if part.whole:
            for name in there:
                self.fetched_at.pop((provider, part.region, name, part.purchase), None)
            there.clear()
            self._whole.add(pair)
            self._excluded[pair] = ()
        self._excluded[pair] = (*self._excluded.get(pair, ()), *part.excluded)
        for offer in part.offers:
            there[offer.instance_type.name] = offer
            self.fetched_at[catalog.key_of(offer)] = part.fetched_at

    def laid(self) -> catalog.Catalog:
        """All layers as one catalog. The snapshot's exclusions do not apply to regions that were read completely."""
        offers = [offer for by_name in self._offers.values() for offer in by_name.values()]
        whole = {(provider, region) for provider, region, _ in self._whole}
        reasons = {
            (pair.provider, pair.region, pair.instance_type): pair
            for pair in self._shipped
            if (pair.provider, pair.region) not in whole
        }
        for pairs in self._excluded.values():
            reasons.update({(pair.provider, pair.region, pair.instance_type): pair for pair in pairs})
        return catalog.Catalog(
            tuple(sorted(offers, key=catalog.key_of)), tuple(reasons[key] for key in sorted(reasons))
        )
