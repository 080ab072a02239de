"""What changed between two catalogs: prices that moved, appeared and vanished."""

from dataclasses import dataclass

from melange_cloud.catalog.catalog import Catalog, key_of
from melange_cloud.domain import Offer

Place = tuple[str, str, str]
"""Provider, region, purchase."""

_SAME_FRACTION = 1e-6
_SAME_USD = 1.5e-6
"""Sources round to six decimals or fewer, each in its own way; a smaller move is none."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """An offer whose price changed.

    Attributes:
        offer: the later of the two.
        before: None where it appeared.
        after: None where it vanished.
    """

    offer: Offer
    before: Offer | None
    after: Offer | None

    @property
    def word(self) -> str:
        """``moved``, ``appeared`` or ``vanished``."""
        if self.before is None:
            return "appeared"
        return "vanished" if self.after is None else "moved"

    @property
    def is_none(self) -> bool:
        """Whether both sides have the price, and it differs by rounding alone."""
        if self.before is None or self.after is None:
            return False
        usd_per_hour = abs(self.after.usd_per_hour - self.before.usd_per_hour)
        return usd_per_hour <= max(_SAME_USD, _SAME_FRACTION * self.before.usd_per_hour)

    @property
    def fraction(self) -> float | None:
        """How far the price moved: 0.1 is 10 % dearer; None where one side is not there."""
        if self.before is None or self.after is None:
            return None
        return self.after.usd_per_hour / self.before.usd_per_hour - 1


@dataclass(frozen=True, slots=True)
class CatalogDifference:
    """The difference between two catalogs.

    Attributes:
        changes: sorted by provider, region, instance type and purchase.
        same: how many offers have one price in both.
        only_before, only_after: the (provider, region, purchase) that one side alone covers, which are not compared.
    """

    changes: tuple[PriceChange, ...]
    same: int
    only_before: frozenset[Place]
    only_after: frozenset[Place]


def difference(before: Catalog, after: Catalog, *, both_whole: bool = False) -> CatalogDifference:
    """Compare net prices, offer by offer, wherever both catalogs have any price of the same purchase in the region.

    Args:
        both_whole: neither catalog is a part: where one has no price at all, those of the other appeared or vanished.
    """
    covered = [{_place(offer) for offer in side.offers} for side in (before, after)]
    both = covered[0] | covered[1] if both_whole else covered[0] & covered[1]
    old, new = ({key_of(offer): offer for offer in side.offers if _place(offer) in both} for side in (before, after))
    changes = []
    for key in sorted(old.keys() | new.keys()):
        change = PriceChange(new.get(key) or old[key], old.get(key), new.get(key))
        if not change.is_none:
            changes.append(change)
    return CatalogDifference(
        changes=tuple(changes),
        same=len(old.keys() | new.keys()) - len(changes),
        only_before=frozenset(covered[0] - both),
        only_after=frozenset(covered[1] - both),
    )


def _place(offer: Offer) -> Place:
    return (offer.instance_type.provider, offer.region, offer.purchase)
