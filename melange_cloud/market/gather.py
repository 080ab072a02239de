"""The prices of a plan: the only place where the clouds' answers and the catalog meet.

Order of trust: the user's own sheet; live prices, or cached ones no older than ``max_age``; the shipped snapshot.
Cached prices older than ``max_age`` are not used, and a note says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from melange_cloud import catalog, clouds
from melange_cloud.catalog import Catalog, OfferKey
from melange_cloud.clouds import plug_ins
from melange_cloud.clouds.credentials import access, answering
from melange_cloud.clouds.deadline import BULK_S
from melange_cloud.concurrency import Deadline
from melange_cloud.domain import PROVIDERS, Offer, Region
from melange_cloud.market.answer_checks import shift_lines
from melange_cloud.market.fetch import CloudQuery, FetchOutcome, ask, parts_of, shortened
from melange_cloud.market.notes import discounts_in_words, how_to_get_live_prices, refuse_old, used_words
from melange_cloud.market.policy import DEFAULT_MAX_AGE, PricePolicy, age_of, words_of_age
from melange_cloud.market.price_layers import PriceLayers

_UNCLEAN_FOR = timedelta(hours=1)
"""When to query again what could not be read; a region that has no price is queried again after ``max_age``."""


@dataclass(frozen=True, slots=True)
class PriceSet:
    """The gathered prices.

    Attributes:
        catalog: the offers of every region for the requested purchases, each with its origin.
        notes: for stderr and the answer's notices, one line each.
        fetched_at: when each ``live`` and ``cached`` offer was requested, UTC.
        minor_notes: those of ``notes`` that change no figure and warn of none: a page of few lines may count them.
    """

    catalog: Catalog
    notes: tuple[str, ...]
    fetched_at: Mapping[OfferKey, datetime]
    minor_notes: tuple[str, ...] = ()

    def age_words(self, offer: Offer, now: datetime) -> str:
        """``live``, ``cached 3 h``, ``snapshot 2026-07-30`` or ``user 2026-07-30``."""
        if offer.origin == "live":
            return "live"
        moment = self.fetched_at.get(catalog.key_of(offer))
        if offer.origin == "cached" and moment is not None:
            return f"{offer.origin} {words_of_age(now - moment)}"
        return f"{offer.origin} {offer.as_of_to}"


def known_regions(installed: clouds.PriceSources) -> tuple[Region, ...]:
    """The regions that ship with melange-cloud and those of plug-in clouds, sorted."""
    regions = {(region.provider, region.name): region for region in catalog.load_regions()}
    for provider, source in installed.by_provider.items():
        if isinstance(source, clouds.NewRegions):
            regions.update({(provider, region.name): region for region in source.regions})
    return tuple(regions[key] for key in sorted(regions))


def known_providers(installed: clouds.PriceSources) -> tuple[str, ...]:
    """AWS, GCP, then the plug-in clouds; a price sheet may have prices of each."""
    return tuple(dict.fromkeys([*PROVIDERS, *installed.by_provider]))


def gather(
    selected: Sequence[Region],
    purchases: Sequence[str],
    *,
    trust: PricePolicy | None = None,
    sheet: Sequence[Offer] = (),
    discounts: Sequence[catalog.Discount] = (),
    now: datetime | None = None,
    progress: clouds.Progress | None = None,
    sources: clouds.PriceSources | None = None,
) -> PriceSet:
    """The most trusted prices of the regions; other regions keep the snapshot's.

    Without a sign of credentials nothing is imported and nothing waits; with a fresh cache no call is made.

    Args:
        trust: which prices are acceptable; None is the default.
        sheet: the user's own offers, which take precedence over all others.
        discounts: applied to all prices but the sheet's.
        now: the time to which ages are counted; None is the present.
        progress: called with the progress of each cloud.
        sources: the clouds to query instead of the installed ones; AWS and GCP are added if they are missing.

    Raises:
        PricesUnavailable: ``require_fresh`` is set, and a price of these regions is older than ``max_age``.
        BadInput: a setting is invalid.
    """
    trust = PricePolicy() if trust is None else trust
    deadline = Deadline(trust.deadline_s)
    moment = datetime.now(UTC) if now is None else now
    sources = plug_ins() if sources is None else sources
    regions_of: dict[str, list[str]] = {}
    for region in selected:
        regions_of.setdefault(region.provider, []).append(region.name)
    cached = {
        provider: catalog.read_cache(provider, purchases, frozenset(names)) for provider, names in regions_of.items()
    }
    notes = [str(problem) for problem in sources.problems]
    notes += [str(fault) for held in cached.values() for fault in held.faults]
    wanted: dict[str, CloudQuery] = {}
    unreachable: list[str] = []
    if not trust.offline:
        for provider, names in regions_of.items():
            due = _due(cached[provider], names, purchases, trust, moment)
            if due:
                wanted[provider] = _wanted(provider, due, purchases, known_regions(sources))
        unreachable = _without_access(wanted, moment, ask_again=trust.refresh)
    outcomes = ask(
        {provider: wanted[provider] for provider in wanted if provider not in unreachable},
        partial(source_of, sources, moment, False, deadline),
        progress,
        deadline=deadline,
    )
    table = PriceLayers(purchases)
    for provider, names in regions_of.items():
        outcome = outcomes.get(provider)
        answered = outcome is not None and outcome.fetched is not None
        if not answered:
            parts = [
                part for part in cached[provider].parts if catalog.is_fresh(part.fetched_at, moment, trust.max_age)
            ]
            laid = [offer for part in parts for offer in part.offers]
            notes += shift_lines(laid, catalog.load_snapshot().offers)
        notes += _lay_cached(table, provider, cached[provider].parts, trust.max_age, moment, answered)
        if outcome is not None and outcome.fetched is not None:
            for part in parts_of(outcome.fetched, outcome.asked_at):
                if part.region in names and part.purchase in purchases:
                    table.lay(provider, part)
    listed = table.laid()
    final = catalog.with_sheet(Catalog(catalog.with_discounts(listed.offers, discounts), listed.excluded), sheet)
    discounted = discounts_in_words(discounts, final, regions_of, purchases)
    notes += discounted
    for provider, outcome in outcomes.items():
        notes += [*shortened(outcome.problems, provider), *outcome.notes]
        if outcome.no_credentials and _only_metadata(provider):
            # Something answers at that address, as on many other clouds, but it has no credentials for this one.
            catalog.remember_metadata({provider: False}, outcome.asked_at)
            unreachable.append(provider)
        elif outcome.failure is not None:
            notes.append(f"{outcome.failure} (used instead: {used_words(final, provider, regions_of[provider])})")
    live_prices = how_to_get_live_prices(final, unreachable, regions_of)
    notes += live_prices
    if trust.require_fresh:
        refuse_old(final, regions_of, trust, notes)
    return PriceSet(final, tuple(dict.fromkeys(notes)), table.fetched_at, (*discounted, *live_prices))


def refresh(
    selected: Mapping[str, Sequence[str] | None],
    purchases: Sequence[str],
    *,
    public: bool = False,
    progress: clouds.Progress | None = None,
    sources: clouds.PriceSources | None = None,
    deadline_s: float = BULK_S,
) -> tuple[FetchOutcome, ...]:
    """Query all clouds at once, and store their answers in the cache.

    Args:
        selected: provider -> region names; None is all regions.
        public: read AWS's public price list, which needs no credentials and has no spot prices.
        deadline_s: how long all of it may take, seconds.

    Raises:
        BadInput: an invalid setting, or an unknown provider.
    """
    sources = plug_ins() if sources is None else sources
    deadline = Deadline(deadline_s)
    now = datetime.now(UTC)
    wanted = {}
    for provider, regions in selected.items():
        bought = [purchase for purchase in purchases if purchase != "spot" or not (public and provider == "aws")]
        if bought:
            wanted[provider] = CloudQuery(*clouds.in_one_go(provider, regions, bought))
    asked = partial(source_of, sources, now, public, deadline)
    return tuple(ask(wanted, asked, progress, deadline=deadline).values())


def source_of(
    given: clouds.PriceSources, now: datetime, public: bool, deadline: Deadline, provider: str
) -> clouds.PriceSource:
    """The given source of a provider, or the built-in one."""
    if provider in given.by_provider:
        return given.by_provider[provider]
    known_types: dict[str, set[str]] = {}
    known_sold_as: dict[tuple[str, str], str] = {}
    for offer in catalog.load_snapshot().offers:
        if offer.instance_type.provider == provider:
            known_types.setdefault(offer.region, set()).add(offer.instance_type.name)
            if offer.purchase == "on_demand":
                known_sold_as[offer.region, offer.instance_type.name] = offer.sold_as
    return clouds.built_in(
        provider,
        known_types=known_types,
        known_sold_as=known_sold_as,
        ask_metadata=not catalog.metadata_not_there(provider, now),
        public=public,
        deadline=deadline,
    )


def _due(
    cached: catalog.ProviderCache, names: Sequence[str], purchases: Sequence[str], trust: PricePolicy, now: datetime
) -> list[str]:
    """The regions that have to be fetched."""
    if trust.refresh:
        return list(names)
    fresh = {
        (part.region, part.purchase)
        for part in cached.parts
        if part.whole and catalog.is_fresh(part.fetched_at, now, trust.max_age)
    }
    for asked in cached.asked:
        if catalog.is_fresh(asked.at, now, trust.max_age if asked.clean else min(trust.max_age, _UNCLEAN_FOR)):
            fresh.add((asked.region, asked.purchase))
    return [
        name
        for name in names
        if any(not {(name, purchase), (catalog.EVERY_REGION, purchase)} & fresh for purchase in purchases)
    ]


def _wanted(provider: str, due: Sequence[str], purchases: Sequence[str], regions: Sequence[Region]) -> CloudQuery:
    """The queries; all regions at once take fewer calls than each by name."""
    every = {region.name for region in regions if region.provider == provider and not region.government}
    return CloudQuery(*clouds.in_one_go(provider, None if len(every) > 1 and every <= set(due) else due, purchases))


def _without_access(providers: Iterable[str], now: datetime, *, ask_again: bool) -> list[str]:
    """The clouds that are not queried, since there is no sign of credentials for them."""
    without = []
    servers = {}
    for provider in providers:
        found = access(provider)
        if found is None or found.signs:
            continue
        if found.metadata is not None and (ask_again or not catalog.metadata_not_there(provider, now)):
            servers[provider] = found.metadata
        else:
            without.append(provider)
    if servers:
        there = answering(servers)
        catalog.remember_metadata(there, datetime.now(UTC))
        without += [provider for provider in servers if not there[provider]]
    return sorted(without)


def _only_metadata(provider: str) -> bool:
    found = access(provider)
    return found is not None and not found.signs


def _lay_cached(
    table: PriceLayers,
    provider: str,
    parts: Sequence[catalog.CachedPrices],
    max_age: timedelta,
    now: datetime,
    answered: bool,
) -> list[str]:
    """Put cached prices that are fresh enough on top, whole parts first; note the others unless queried again."""
    too_old, ahead = [], []
    for part in sorted(parts, key=lambda part: not part.whole):
        if catalog.is_future(part.fetched_at, now):
            ahead.append(part.fetched_at)
        elif catalog.is_fresh(part.fetched_at, now, max_age):
            table.lay(provider, part)
        elif part.whole:
            too_old.append(part.fetched_at)
    notes = []
    if ahead:
        notes.append(
            f"{provider}: cached prices are dated {max(ahead):%Y-%m-%d %H:%M} UTC, which is ahead of this machine's "
            f"clock ({now:%Y-%m-%d %H:%M} UTC), and are not used: check the clock, then "
            f"`melange-cloud prices refresh --provider {provider}`"
        )
    if too_old and not answered:
        days = -(-(now - min(too_old)) // timedelta(days=1))
        notes.append(
            f"{provider}: cached prices are {words_of_age(now - min(too_old))} old, more than --max-age allows "
            f"({words_of_age(max_age)}), and are not used; --max-age {days}d takes them"
        )
    return notes


__all__ = [
    "DEFAULT_MAX_AGE",
    "FetchOutcome",
    "PricePolicy",
    "PriceSet",
    "age_of",
    "gather",
    "known_providers",
    "known_regions",
    "plug_ins",
    "refresh",
    "source_of",
    "words_of_age",
]
