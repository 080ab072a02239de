"""Prices that are far off the same type's in other regions, or have all moved by one factor: probably a mistake."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from melange_cloud.catalog.catalog import key_of
from melange_cloud.domain import Offer

ODD_FACTOR = 5.0
"""A price five times off the others of its type needs confirmation. The most expensive shipped price is 1.5 times
its median on demand, and 4.0 times for spot."""

SHIFT_AT_LEAST, SHIFT_SPREAD, SHIFT_PART, SHIFT_TYPES, SHIFT_GPUS = 1.03, 0.005, 0.8, 3, 2
"""A table has shifted if 80 % of its prices, of at least three types and two GPUs, have changed by one factor (within
0.5 %) of at least 1.03 or at most 1 / 1.03. Real tables change family by family: AWS's largest change, of 2025-06-23,
did not touch g5 and g6. A currency changes all prices alike; those nearest to the dollar in which prices are listed
(CHF, EUR) are 10 to 20 % from it."""


class PriceShift(NamedTuple):
    """All prices of a purchase times one factor; ``as_of`` is the day of the earlier prices, None if it varies."""

    provider: str
    purchase: str
    factor: float
    moved: int
    compared: int
    as_of: date | None


def shifts(offers: Iterable[Offer], reference: Iterable[Offer]) -> Iterator[PriceShift]:
    """The purchases whose prices have all shifted from those of the same (region, type, purchase) in the reference."""
    from statistics import median

    before = {key_of(offer): offer for offer in reference}
    pairs: dict[tuple[str, str], list[tuple[Offer, Offer]]] = {}
    for offer in offers:
        old = before.get(key_of(offer))
        if old is not None:
            pairs.setdefault((offer.instance_type.provider, offer.purchase), []).append((offer, old))
    for (provider, purchase), compared in sorted(pairs.items(), key=lambda item: item[0]):
        factor = median(new.list_usd_per_instance_hour / old.list_usd_per_instance_hour for new, old in compared)
        moved = [
            (new, old)
            for new, old in compared
            if abs(new.list_usd_per_instance_hour / old.list_usd_per_instance_hour / factor - 1) <= SHIFT_SPREAD
        ]
        if (
            max(factor, 1 / factor) >= SHIFT_AT_LEAST
            and len(moved) >= SHIFT_PART * len(compared)
            and len({new.instance_type.name for new, _ in moved}) >= SHIFT_TYPES
            and len({new.instance_type.gpu for new, _ in moved}) >= SHIFT_GPUS
        ):
            days = {old.as_of_to for _, old in moved}
            yield PriceShift(
                provider, purchase, factor, len(moved), len(compared), days.pop() if len(days) == 1 else None
            )


class ImplausiblePrice(NamedTuple):
    """An implausible price: its offer, and how far off the median of the same type's prices elsewhere (USD/h)."""

    offer: Offer
    factor: float
    usual_usd_per_instance_hour: float
    from_reference: bool

    def words(self, own: str) -> str:
        """What is implausible about it; ``own`` names the prices that it came with."""
        whose = "known" if self.from_reference else own
        return (
            f"{self.offer.usd_per_instance_hour:g} is {self.factor:.1f} times off "
            f"{self.usual_usd_per_instance_hour:g}, the median of "
            f"{whose} prices of {self.offer.instance_type.name} in other regions"
        )


def odd_prices(
    doubted: Iterable[Offer], among: Iterable[Offer], reference: Iterable[Offer]
) -> Iterator[ImplausiblePrice]:
    """The implausible ones of the offers in doubt.

    If the reference knows the type, it alone decides: prices that are all wrong, such as in cents or in another
    currency, agree with each other.

    Args:
        doubted: the offers to check.
        among: the offers that they came with.
        reference: offers that are trusted.
    """
    from statistics import median  # imports fractions and random, which nothing else needs

    known = _prices_by_region(reference)
    own = _prices_by_region(among)
    for offer in doubted:
        key = (offer.instance_type.provider, offer.instance_type.name, offer.purchase)
        for prices in (known, own):
            elsewhere = [price for region, price in prices.get(key, {}).items() if region != offer.region]
            if elsewhere:
                usual = median(elsewhere)
                factor = max(offer.usd_per_instance_hour / usual, usual / offer.usd_per_instance_hour)
                if factor >= ODD_FACTOR:
                    yield ImplausiblePrice(offer, factor, usual, prices is known)
                break


def _prices_by_region(offers: Iterable[Offer]) -> dict[tuple[str, str, str], dict[str, float]]:
    prices: dict[tuple[str, str, str], dict[str, float]] = {}
    for offer in offers:
        key = (offer.instance_type.provider, offer.instance_type.name, offer.purchase)
        prices.setdefault(key, {})[offer.region] = offer.usd_per_instance_hour
    return prices
