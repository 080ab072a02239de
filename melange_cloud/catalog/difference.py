"""Compares two catalogs: prices that changed, appeared or vanished."""

from melange_cloud.catalog.catalog import Catalog, key_of
from melange_cloud.domain import CatalogDifference, Offer, PriceChange
from melange_cloud.domain.price_difference import Place

_SAME_FRACTION = 1e-6
_SAME_USD = 1.5e-6
"""Sources round to six decimals or fewer, each in its own way, so smaller changes do not count."""


def difference(before: Catalog, after: Catalog, *, both_whole: bool = False) -> CatalogDifference:
    """Compare net prices, offer by offer, where both catalogs have any price of the same purchase in the region.

    Args:
        both_whole: both catalogs are complete, so where one has no price at all, those of the other appeared or
            vanished.
    """
    covered = [{_place(offer) for offer in side.offers} for side in (before, after)]
    both = covered[0] | covered[1] if both_whole else covered[0] & covered[1]
    old, new = ({key_of(offer): offer for offer in side.offers if _place(offer) in both} for side in (before, after))
    changes = []
    for key in sorted(old.keys() | new.keys()):
        change = PriceChange(new.get(key) or old[key], old.get(key), new.get(key))
        if not _is_rounding(change):
            changes.append(change)
    return CatalogDifference(
        changes=tuple(changes),
        same=len(old.keys() | new.keys()) - len(changes),
        only_before=frozenset(covered[0] - both),
        only_after=frozenset(covered[1] - both),
    )


def _place(offer: Offer) -> Place:
    return (offer.instance_type.provider, offer.region, offer.purchase)


def _is_rounding(change: PriceChange) -> bool:
    """True if both sides have the price and the two differ by rounding alone."""
    if change.before is None or change.after is None:
        return False
    usd_per_hour = abs(change.after.usd_per_instance_hour - change.before.usd_per_instance_hour)
    return usd_per_hour <= max(_SAME_USD, _SAME_FRACTION * change.before.usd_per_instance_hour)
