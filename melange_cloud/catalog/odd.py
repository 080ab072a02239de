"""Prices that are far off the same type's in other regions: more likely a slip than a bargain."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from melange_cloud.domain import Offer

ODD_FACTOR = 5.0
"""DESIGN.md: five times off the same type's price elsewhere is refused unless confirmed. The dearest shipped cell is
1.5 times its median on demand, and 4.0 times for spot."""


class Odd(NamedTuple):
    """An odd price: how many times it is off the median of the same type's prices elsewhere, USD/h, and whose."""

    offer: Offer
    factor: float
    usual_usd_per_hour: float
    from_reference: bool

    def words(self, own: str) -> str:
        """What is odd about it; ``own`` names the prices among which it was found."""
        whose = "known" if self.from_reference else own
        return (
            f"{self.offer.usd_per_hour:g} is {self.factor:.1f} times off {self.usual_usd_per_hour:g}, the median of "
            f"{whose} prices of {self.offer.instance_type.name} in other regions"
        )


def odd_prices(doubted: Iterable[Offer], among: Iterable[Offer], reference: Iterable[Offer]) -> Iterator[Odd]:
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
                factor = max(offer.usd_per_hour / usual, usual / offer.usd_per_hour)
                if factor >= ODD_FACTOR:
                    yield Odd(offer, factor, usual, prices is known)
                break


def _prices_by_region(offers: Iterable[Offer]) -> dict[tuple[str, str, str], dict[str, float]]:
    prices: dict[tuple[str, str, str], dict[str, float]] = {}
    for offer in offers:
        key = (offer.instance_type.provider, offer.instance_type.name, offer.purchase)
        prices.setdefault(key, {})[offer.region] = offer.usd_per_hour
    return prices
