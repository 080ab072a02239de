"""Prices that are far off the same type's in other regions, or that have all moved alike: more likely a slip."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from melange_cloud.catalog.catalog import key_of
from melange_cloud.domain import Offer

ODD_FACTOR = 5.0
"""DESIGN.md: a price five times off the others of its type needs confirmation. The most expensive shipped cell is
1.5 times its median on demand, and 4.0 times for spot."""

SHIFT_AT_LEAST, SHIFT_SPREAD, SHIFT_PART, SHIFT_TYPES, SHIFT_GPUS = 1.03, 0.005, 0.8, 3, 2
"""A table has shifted where 80 % of its prices, of three types and two GPUs or more, are within 0.5 % of one factor of
at least 1.03 (or at most 1 / 1.03) from what they were. Real tables move family by family: AWS's largest move, of
2025-06-23, left g5 and g6 as they were. A currency moves all alike; the nearest to the dollar that prices are listed in
(CHF, EUR) are 10 to 20 % from it."""


class PriceShift(NamedTuple):
    """All prices of a purchase times one factor; ``as_of`` is the day of the prices before, None if they differ."""

    provider: str
    purchase: str
    factor: float
    moved: int
    compared: int
    as_of: date | None


def shifts(offers: Iterable[Offer], reference: Iterable[Offer]) -> Iterator[PriceShift]:
    """The purchases whose prices have shifted as a whole against the same (region, type, purchase) of the reference."""
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
    """An implausible price: how far off the median of the same type's prices elsewhere, USD/h, and whose."""

    offer: Offer
    factor: float
    usual_usd_per_instance_hour: float
    from_reference: bool

    def words(self, own: str) -> str:
        """What is odd about it; ``own`` names the prices among which it was found."""
        whose = "known" if self.from_reference else own
        return (
            f"{self.offer.usd_per_instance_hour:g} is {self.factor:.1f} times off "
            f"{self.usual_usd_per_instance_hour:g}, the median of "
            f"{whose} prices of {self.offer.instance_type.name} in other regions"
        )


def odd_prices(
    doubted: Iterable[Offer], among: Iterable[Offer], reference: Iterable[Offer]
) -> Iterator[ImplausiblePrice]:
    """Those of the doubted offers that are odd.

    The reference speaks alone where it knows the type: prices that are wrong throughout, in cents or in another
    currency, agree with each other.

    Args:
        doubted: what is looked at.
        among: the offers that they came with.
        reference: offers that are trusted.
    """
    from statistics import median  # brings fractions and random, which only this needs

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
