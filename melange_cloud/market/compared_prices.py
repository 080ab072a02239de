"""The two sides of ``prices diff``: the snapshot, the cache, the cache as it was on a day, or a price sheet."""

from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path

from melange_cloud import catalog
from melange_cloud.clouds import plug_ins
from melange_cloud.domain import CatalogDifference, Offer
from melange_cloud.errors import BadInput, PricesUnavailable, echoed
from melange_cloud.inputs import is_there
from melange_cloud.market.gather import known_providers, known_regions


def compare(
    before: str,
    after: str,
    *,
    regions: Sequence[str] | None,
    provider: str | None,
    purchases: Sequence[str],
    today: date,
) -> tuple[CatalogDifference, list[str]]:
    """The changes from one side to the other, and notes on what could not be read, one line each.

    Args:
        before, after: ``snapshot``, ``cache``, a day such as 2026-11-22, or the path of a price sheet.
        regions: names and globs; None: all, including government regions.
        provider: whose regions; None: every provider's.

    Raises:
        BadInput: a side is none of these, or a region or provider is unknown.
        PricesUnavailable: there are no saved prices for that day, or none in the cache.
    """
    notes: list[str] = []
    sides = [_side(name, purchases, today, notes) for name in (before, after)]
    known = catalog.with_sheet_regions(known_regions(plug_ins()), [offer for side in sides for offer in side.offers])
    selected = {
        (region.provider, region.name) for region in catalog.select_regions(regions or ["all"], provider, known)
    }
    if not regions:
        selected |= {
            (region.provider, region.name)
            for region in known
            if region.government and provider in (None, region.provider)
        }
    return catalog.difference(*(_within(side, selected, purchases) for side in sides)), notes


def _side(name: str, purchases: Sequence[str], today: date, notes: list[str]) -> catalog.Catalog:
    if name == "snapshot":
        return catalog.load_snapshot()
    day = _day(name)
    if name == "cache" or day is not None:
        return _cache(day, purchases, notes)
    if not is_there(Path(name)):
        raise BadInput(f"'{echoed(name)}' is not snapshot, cache, a day such as 2026-11-22 or a file")
    offers = catalog.read_price_sheet(
        Path(name),
        today=today,
        reference=catalog.Catalog(()),
        providers=known_providers(plug_ins()),
        accept_odd_prices=True,
    )
    return catalog.Catalog(offers)


def _cache(day: date | None, purchases: Sequence[str], notes: list[str]) -> catalog.Catalog:
    """Everything in the cache, however old, now or at the end of a day."""
    offers: dict[catalog.OfferKey, Offer] = {}
    for provider in known_providers(plug_ins()):
        cached = catalog.read_cache(provider, purchases, on=day)
        notes += map(str, cached.faults)
        for part in sorted(cached.parts, key=lambda part: not part.whole):
            offers.update({catalog.key_of(offer): offer for offer in part.offers})
    if not offers:
        when = "" if day is None else f" from {day} or before{_kept_since()}"
        nothing = f"the cache holds no prices{when}: run `melange-cloud prices refresh`"
        raise PricesUnavailable("\n".join([*notes, nothing]))
    return catalog.Catalog(tuple(offers[key] for key in sorted(offers)))


def _kept_since() -> str:
    """The first day with saved prices, in words; empty if there is none."""
    days = [day for provider in known_providers(plug_ins()) for day in catalog.kept_days(provider)[:1]]
    return f" (its first day is {min(days)})" if days else ""


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name) if len(name) == 10 else None
    except ValueError:
        return None


def _within(
    prices: catalog.Catalog, regions: Collection[tuple[str, str]], purchases: Collection[str]
) -> catalog.Catalog:
    """The catalog reduced to some regions and purchases."""
    return catalog.Catalog(
        tuple(
            offer
            for offer in prices.offers
            if (offer.instance_type.provider, offer.region) in regions and offer.purchase in purchases
        )
    )
