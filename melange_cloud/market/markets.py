"""The regions of a question, with the most trusted offers of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from melange_cloud import catalog
from melange_cloud.domain import Exclusion, InstanceType, Offer, Region
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs.suggestions import close_matches
from melange_cloud.market import gather
from melange_cloud.market.policy import PricePolicy

MOST_SPOT_AGE_DAYS = 7
"""Older spot prices are not used. A quote holds for a moment: AWS changes spot by the hour, Google up to once a day,
and one shipped quote, 292 days old, was at 11 % of on demand."""

ON_DEMAND = "on_demand"

OnFetch = Callable[[str, int, int | None], None]
"""Called with (what is read, units done, total units or None) while prices are fetched."""


@dataclass(frozen=True, slots=True)
class PriceQuestion:
    """Which prices are requested, and which of them to trust.

    Attributes:
        regions: names, globs, ``aws:NAME``, or ``all``.
        provider: ``aws`` or ``gcp``; None is both.
        purchase: of PURCHASES.
        prices: the path of the user's own price sheet.
        accept_odd_prices: accept prices that are five times off the same type's in other regions.
        trust: whether to query clouds, and how old a price may be.
        discounts: applied to all prices except those of the user's own sheet.
        against: name of the region, one of those that ``regions`` means, that the others are compared with.
    """

    regions: tuple[str, ...]
    provider: str | None = None
    purchase: str = ON_DEMAND
    prices: Path | None = None
    accept_odd_prices: bool = False
    trust: PricePolicy = field(default_factory=PricePolicy)
    discounts: tuple[catalog.Discount, ...] = ()
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Market:
    """What can be rented where, and how old each price is.

    Attributes:
        moment: the time to which price ages are counted.
        regions: the regions of the question.
        offers: by region, for the requested purchase.
        ages: how old each price is, in words.
        stale: by region, offers whose price is too old to be used today (spot only); they are not in ``offers``.
        excluded: by region, types that are known not to be sold this way, with the reason.
        notes: on these prices, one line each.
        named: the regions that the question names one by one, not by a glob or all.
        base: the region that the others are compared with; None without one.
        minor_notes: those of ``notes`` that change no figure and warn of none.
    """

    moment: datetime
    regions: tuple[Region, ...]
    offers: Mapping[Region, Sequence[Offer]]
    ages: Mapping[catalog.OfferKey, str]
    stale: Mapping[Region, Sequence[Offer]]
    excluded: Mapping[Region, Sequence[Exclusion]]
    notes: tuple[str, ...]
    named: tuple[Region, ...] = ()
    base: Region | None = None
    minor_notes: tuple[str, ...] = ()

    @property
    def every_offer(self) -> list[Offer]:
        """The offers of all its regions."""
        return [offer for region in self.regions for offer in self.offers[region]]

    @property
    def machines(self) -> list[InstanceType]:
        """All known instance types, including those that are known only from a price."""
        known = {**catalog.load_instance_types()}
        known.update({(o.instance_type.provider, o.instance_type.name): o.instance_type for o in self.every_offer})
        return list(known.values())


def open_market(question: PriceQuestion, now: datetime, on_fetch: OnFetch | None = None) -> Market:
    """Select the regions and gather their prices for the requested purchase; see ``open_markets``."""
    return open_markets(question, [question.purchase], now, on_fetch)[question.purchase]


def open_markets(
    question: PriceQuestion, purchases: Sequence[str], now: datetime, on_fetch: OnFetch | None = None
) -> dict[str, Market]:
    """Select the regions and gather their prices, all purchases at once; one Market per purchase.

    Args:
        purchases: these must include that of the question.
        now: the time to which price ages are counted.

    Raises:
        BadInput, BadFile: a region, a purchase or the price sheet is invalid.
        PricesUnavailable: fresh prices are required but not available.
    """
    purchase = question.purchase
    installed = gather.plug_ins()
    regions = gather.known_regions(installed)
    sheet: tuple[Offer, ...] = ()
    if question.prices is not None:
        reference = catalog.load_snapshot(purchase) if len(purchases) == 1 else catalog.load_snapshot()
        sheet = catalog.read_price_sheet(
            question.prices,
            accept_odd_prices=question.accept_odd_prices,
            reference=reference,
            providers=gather.known_providers(installed),
            today=now.date(),
        )
        regions = catalog.with_sheet_regions(regions, sheet)
    # A region that sells GPUs on demand stays in a comparison of another purchase, if need be with "no data".
    priced = {
        *catalog.load_snapshot(purchase).priced_regions,
        *catalog.load_snapshot(ON_DEMAND).priced_regions,
        *((offer.instance_type.provider, offer.region) for offer in sheet),
    }
    selected = catalog.select_regions(question.regions, question.provider, regions, priced)
    base = None if question.against is None else _base(question.against, selected, regions)
    named = catalog.named_among(question.regions, selected)
    gathered = gather.gather(
        selected,
        purchases,
        trust=question.trust,
        sheet=sheet,
        discounts=question.discounts,
        now=now,
        progress=on_fetch,
        sources=installed,
    )
    notes = (*_unknown_regions(sheet, gather.known_regions(installed)), *gathered.notes)
    markets = {bought: _market(selected, gathered, bought, now, notes) for bought in purchases}
    return {bought: replace(market, named=named, base=base) for bought, market in markets.items()}


def _base(name: str, selected: Sequence[Region], regions: Sequence[Region]) -> Region:
    """The region that the others are compared with."""
    if len(selected) < 2:
        raise BadInput(f"--against {echoed(name)}: it compares regions, and --region selects only one")
    found = catalog.named_among([name], selected)
    if len(found) > 1:
        both = " or ".join(f"{region.provider}:{region.name}" for region in found)
        raise BadInput(f"--against {echoed(name)}: several providers have a region of that name; use {both}")
    if found:
        return found[0]
    if catalog.named_among([name], regions):
        raise BadInput(f"--against {echoed(name)}: not one of the regions to compare; add --region {echoed(name)}")
    names = [region.name for region in selected]
    raise BadInput(f"--against {echoed(name)}: unknown region; {close_matches(name.lower(), names)}")


def _market(
    selected: Sequence[Region], gathered: gather.PriceSet, purchase: str, now: datetime, notes: tuple[str, ...]
) -> Market:
    found = gathered.catalog
    known = {region: found.offers_in(region.provider, region.name, purchase) for region in selected}
    stale = {region: [offer for offer in known[region] if is_stale(offer, now.date())] for region in selected}
    offers = {region: [offer for offer in known[region] if offer not in stale[region]] for region in selected}
    return Market(
        moment=now,
        regions=tuple(selected),
        offers=offers,
        ages={catalog.key_of(o): gathered.age_words(o, now) for group in offers.values() for o in group},
        stale=stale,
        excluded={region: found.excluded_in(region.provider, region.name, purchase) for region in selected},
        notes=notes,
        minor_notes=gathered.minor_notes,
    )


def is_stale(offer: Offer, today: date) -> bool:
    """Whether a price is too old to use as today's."""
    return offer.purchase == "spot" and (today - offer.as_of_to).days > MOST_SPOT_AGE_DAYS


def stale_notice(offers: Sequence[Offer], now: datetime) -> tuple[str, ...]:
    """The warning for prices that are too old to use as today's; empty if there are none."""
    old = [offer.as_of_to for offer in offers if is_stale(offer, now.date())]
    if not old:
        return ()
    days = (now.date() - min(old)).days
    which = f"1 spot price is {days}" if len(old) == 1 else f"{len(old):,} spot prices are up to {days}"
    return (f"{which} days old: `plan` uses none older than {MOST_SPOT_AGE_DAYS} days",)


def snapshot_notice(offers: Sequence[Offer], now: datetime) -> tuple[str, ...]:
    """The banner for shipped prices, which are not live; empty if none are used."""
    snapshot = [offer for offer in offers if offer.origin == "snapshot"]
    return (f"SNAPSHOT PRICES, NOT LIVE - {_snapshot_age(snapshot, now.date())}",) if snapshot else ()


def _snapshot_age(offers: Sequence[Offer], today: date) -> str:
    parts = []
    for provider in sorted({offer.instance_type.provider for offer in offers}):
        dates = [offer.as_of_to for offer in offers if offer.instance_type.provider == provider]
        oldest, newest = min(dates), max(dates)
        span = f"of {newest}" if oldest == newest else f"of {oldest} to {newest}"
        days = sorted({(today - newest).days, (today - oldest).days})
        age = f"{days[0]} days old" if len(days) == 1 else f"{days[0]} to {days[1]} days old"
        parts.append(f"{provider.upper()} list {span}, {age}")
    return "; ".join(parts)


def _unknown_regions(sheet: Sequence[Offer], regions: Sequence[Region]) -> list[str]:
    """Notes on unknown regions of the sheet: new or misspelled; if misspelled, a shipped price was used instead."""
    known = {(region.provider, region.name) for region in regions}
    names = sorted({(o.instance_type.provider, o.region) for o in sheet} - known)
    return [
        f"the price sheet has an unknown region, {provider} {name}: "
        f"{close_matches(name, [region for of, region in known if of == provider])}"
        for provider, name in names
    ]
