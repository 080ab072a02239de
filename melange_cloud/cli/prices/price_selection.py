"""What the ``prices`` commands ask: which prices, of which regions and purchases, from where."""

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from melange_cloud.cli.current_time import now
from melange_cloud.cli.output import note
from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import BadInput, PricesUnavailable, echoed
from melange_cloud.inputs import is_there

if TYPE_CHECKING:
    from melange_cloud.catalog import Catalog, OfferKey
    from melange_cloud.domain import Offer, Region
    from melange_cloud.market.gather import PriceSet


class Format(StrEnum):
    """How a result is shown."""

    TABLE = "table"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Asking:
    """The options that say which prices will do."""

    offline: bool
    refresh: bool
    max_age: str
    require_fresh: bool
    sheet: Path | None
    accept_odd_prices: bool
    deadline: str


def gathered_prices(
    asking: Asking, provider: str | None, region: list[str] | None, purchases: Sequence[str]
) -> "tuple[PriceSet, list[Offer], datetime]":
    """The prices by the order of trust, those of the regions asked for, and the time they are seen from."""
    from melange_cloud import catalog
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market import gather

    trust = gather.PricePolicy(
        asking.offline,
        asking.refresh,
        asking.require_fresh,
        gather.age_of(asking.max_age),
        deadline_of(asking.deadline),
    )
    moment = now()
    discounts = catalog.load_discounts()
    sources = gather.plug_ins()
    sheet: tuple[Offer, ...] = ()
    if asking.sheet is not None:
        sheet = catalog.read_price_sheet(
            asking.sheet,
            today=moment.date(),
            reference=catalog.load_snapshot(),
            providers=gather.known_providers(sources),
            accept_odd_prices=asking.accept_odd_prices,
        )
        sheet = tuple(offer for offer in sheet if offer.purchase in purchases)
    regions = catalog.with_sheet_regions(gather.known_regions(sources), sheet)
    selected = select(region or ["all"], provider, regions)
    with fetch_progress() as progress:
        gathered = gather.gather(
            selected,
            purchases,
            trust=trust,
            sheet=sheet,
            discounts=discounts,
            now=moment,
            progress=progress,
            sources=sources,
        )
    names = {(one.provider, one.name) for one in selected}
    offers = [offer for offer in gathered.catalog.offers if (offer.instance_type.provider, offer.region) in names]
    return gathered, offers, moment


def side(name: str, purchases: Sequence[str]) -> "Catalog":
    """One side of a comparison.

    Raises:
        BadInput: it is none of what we compare.
        PricesUnavailable: nothing is kept of that day, or in the cache.
    """
    from melange_cloud import catalog
    from melange_cloud.market.gather import known_providers, plug_ins

    if name == "snapshot":
        return catalog.load_snapshot()
    day = _day(name)
    if name == "cache" or day is not None:
        return _cache(day, purchases)
    if not is_there(Path(name)):
        raise BadInput(f"'{echoed(name)}' is neither snapshot, cache, a day such as 2026-11-22, nor a file")
    offers = catalog.read_price_sheet(
        Path(name),
        today=now().date(),
        reference=catalog.Catalog(()),
        providers=known_providers(plug_ins()),
        accept_odd_prices=True,
    )
    return catalog.Catalog(offers)


def _cache(day: date | None, purchases: Sequence[str]) -> "Catalog":
    """All that the cache holds, however old, now or at the end of a day."""
    from melange_cloud import catalog
    from melange_cloud.market.gather import known_providers, plug_ins

    offers: dict[OfferKey, Offer] = {}
    for provider in known_providers(plug_ins()):
        cached = catalog.read_cache(provider, purchases, on=day)
        tell(cached.notes)
        for part in sorted(cached.parts, key=lambda part: not part.whole):
            offers.update({catalog.key_of(offer): offer for offer in part.offers})
    if not offers:
        when = "" if day is None else f" from {day} or before{_kept_since()}"
        raise PricesUnavailable(f"the cache holds no prices{when}: run `melange-cloud prices refresh`")
    return catalog.Catalog(tuple(offers[key] for key in sorted(offers)))


def _kept_since() -> str:
    """The first day whose prices are kept, in words; nothing where there is none."""
    from melange_cloud import catalog
    from melange_cloud.market.gather import known_providers, plug_ins

    days = [day for provider in known_providers(plug_ins()) for day in catalog.kept_days(provider)[:1]]
    return f", the first that it keeps is {min(days)}" if days else ""


def _day(name: str) -> date | None:
    try:
        return date.fromisoformat(name) if len(name) == 10 else None
    except ValueError:
        return None


def select(patterns: list[str], provider: str | None, regions: "Sequence[Region]") -> "tuple[Region, ...]":
    """The regions that the patterns mean; see ``catalog.select_regions``."""
    from melange_cloud.catalog import select_regions

    return select_regions(patterns, provider.lower() if provider else None, regions)


def purchases_of(words: list[str] | None) -> tuple[str, ...]:
    """What ``--purchase`` says; all where it says nothing.

    Raises:
        BadInput: an unknown word.
    """
    from melange_cloud.domain import PURCHASES

    if not words:
        return PURCHASES
    asked = [word.strip().lower().replace("-", "_") for text in words for word in text.split(",")]
    return tuple(_known(word, PURCHASES, "--purchase") for word in dict.fromkeys(asked))


def gpus_of(words: list[str] | None) -> frozenset[str]:
    """What ``--gpu`` says; empty where it says nothing.

    Raises:
        BadInput: an unknown GPU.
    """
    from melange_cloud.domain import GPUS

    return frozenset(_known(word.strip(), GPUS, "--gpu") for text in words or () for word in text.split(","))


def _known(word: str, known: Iterable[str], option: str) -> str:
    by_lower = {name.lower(): name for name in known}
    if word.lower() not in by_lower:
        raise BadInput(f"{option} {word}: use {', '.join(by_lower.values())}")
    return by_lower[word.lower()]


def place_of(offer: "Offer") -> tuple[str, str, str, str]:
    """By which a list of offers is sorted."""
    return (offer.instance_type.provider, offer.region, offer.instance_type.name, offer.purchase)


def tell(lines: Iterable[str]) -> None:
    """Print notes on stderr."""
    for line in lines:
        note(line)


def fetch_progress() -> "AbstractContextManager[Callable[[str, int, int | None], None] | None]":
    """A bar on stderr while the clouds are asked; nothing off a terminal."""
    if not is_terminal(sys.stderr):
        return nullcontext(None)
    from melange_cloud.cli.progress import fetch_bar

    return fetch_bar()
