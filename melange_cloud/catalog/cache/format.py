"""The content of a cache file with fetched prices, as objects and as JSON text."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from melange_cloud.catalog.bounds import MOST_GPUS, MOST_MEMORY_GIB, MOST_USD_PER_HOUR, MOST_VCPUS
from melange_cloud.catalog.snapshot import load_instance_types
from melange_cloud.domain import GPUS, Exclusion, InstanceType, Offer
from melange_cloud.errors import Fault
from melange_cloud.inputs import parse_json
from melange_cloud.inputs.strict_json import UnexpectedPart, entries, entry, number_of, text_of, whole_of

FORMAT = 1
EVERY_REGION = "*"
"""The region of a QueryRecord for all regions."""

_FIRST_YEAR, _LAST_YEAR = 2000, 2199

_OFFER_COLUMNS = (
    "instance_type",
    "sold_as",
    "usd_per_hour",
    "list_usd_per_hour",
    "source",
    "as_of_from",
    "as_of_to",
    "contract",
)


@dataclass(frozen=True, slots=True)
class CachedPrices:
    """The prices of one (region, purchase), origin ``cached``.

    Attributes:
        fetched_at: when the prices were requested, UTC.
        whole: False if some of the region's prices could not be read; older ones are then kept next to these.
        offers: sorted by instance type name.
        excluded: types that have a price there but are not an offer.
    """

    region: str
    purchase: str
    fetched_at: datetime
    whole: bool
    offers: tuple[Offer, ...]
    excluded: tuple[Exclusion, ...] = ()


@dataclass(frozen=True, slots=True)
class QueryRecord:
    """Record of a query for a (region, purchase); ``clean`` if every part of the response was readable."""

    region: str
    purchase: str
    at: datetime
    clean: bool


@dataclass(frozen=True, slots=True)
class ProviderCache:
    """The content of a provider's file, and its fault if it could not be read."""

    parts: tuple[CachedPrices, ...] = ()
    asked: tuple[QueryRecord, ...] = ()
    faults: tuple[Fault, ...] = ()


class OtherVersionError(ValueError):
    """The text was written by another version of melange-cloud."""


def parsed(
    provider: str, text: str, purchases: Collection[str] | None, regions: Collection[str] | None
) -> ProviderCache:
    """Read the text of a provider's file, for some purchases and regions; None is all.

    Raises:
        OtherVersionError: another version of melange-cloud wrote it.
        ValueError: it does not have the form that ``as_text`` writes.
    """
    document = parse_json(text)
    if entry(document, "format") != FORMAT or entry(document, "offer_columns") != list(_OFFER_COLUMNS):
        raise OtherVersionError
    if entry(document, "provider") != provider:
        raise UnexpectedPart("belongs to another provider")
    known = load_instance_types()
    stated = [_instance_type(provider, row) for row in entries(entry(document, "instance_types"))]
    types = {one.name: known.get((provider, one.name), one) for one in stated}
    sources = [text_of(source) for source in entries(entry(document, "sources"))]
    day = cache(date.fromisoformat)

    def wanted(region: str, purchase: str) -> bool:
        return (purchases is None or purchase in purchases) and (
            regions is None or region in regions or region == EVERY_REGION
        )

    parts = entries(entry(document, "parts"))
    asked = [entries(row, 4) for row in entries(entry(document, "asked"))]
    return ProviderCache(
        parts=tuple(
            _part(provider, part, types, sources, day)
            for part in parts
            if wanted(text_of(entry(part, "region")), text_of(entry(part, "purchase")))
        ),
        asked=tuple(
            QueryRecord(region, purchase, moment_of(at), clean is True)
            for region, purchase, at, clean in asked
            if wanted(text_of(region), text_of(purchase))
        ),
    )


def _instance_type(provider: str, row: object) -> InstanceType:
    name, gpu, gpus, vcpus, memory_gib, family = entries(row, 6)
    if gpu not in GPUS:
        raise UnexpectedPart("has an unknown GPU")
    return InstanceType(
        provider,
        text_of(name),
        gpu,
        whole_of(gpus, 1, MOST_GPUS),
        whole_of(vcpus, 0, MOST_VCPUS),
        number_of(memory_gib, 0, MOST_MEMORY_GIB),
        text_of(family),
    )


def _part(
    provider: str,
    part: object,
    types: Mapping[str, InstanceType],
    sources: list[str],
    day: Callable[[str], date],
) -> CachedPrices:
    region, purchase = text_of(entry(part, "region")), text_of(entry(part, "purchase"))
    offers = []
    for row in entries(entry(part, "offers")):
        name, sold_as, usd, list_usd, source, as_of_from, as_of_to, contract = entries(row, len(_OFFER_COLUMNS))
        if text_of(name) not in types:
            raise UnexpectedPart("has an offer of a type without a description")
        offers.append(
            Offer(
                types[name],
                region,
                purchase,
                text_of(sold_as),
                _price(usd),
                _price(list_usd),
                "cached",
                sources[whole_of(source, 0, len(sources) - 1)],
                day(text_of(as_of_from)),
                day(text_of(as_of_to)),
                text_of(contract),
            )
        )
    excluded = [entries(pair, 2) for pair in entries(entry(part, "excluded"))]
    return CachedPrices(
        region=region,
        purchase=purchase,
        fetched_at=moment_of(entry(part, "fetched_at")),
        whole=entry(part, "whole") is True,
        offers=tuple(offers),
        excluded=tuple(Exclusion(provider, region, text_of(name), text_of(reason)) for name, reason in excluded),
    )


def _price(value: object) -> float:
    usd_per_hour = number_of(value, 0, MOST_USD_PER_HOUR)
    if usd_per_hour == 0:
        raise UnexpectedPart("has a price of 0")
    return usd_per_hour


def moment_of(text: object) -> datetime:
    """A time in ISO 8601 with its zone, in this century or the next.

    Raises:
        ValueError: the text is not such a time.
    """
    moment = datetime.fromisoformat(text_of(text))
    if moment.tzinfo is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise UnexpectedPart("has a time without a zone, or of another century")
    return moment


def as_text(provider: str, cached: ProviderCache) -> str:
    """The text of a provider's file, without its fault."""
    offers = [offer for part in cached.parts for offer in part.offers]
    types = {offer.instance_type.name: offer.instance_type for offer in offers}
    sources = sorted({offer.source for offer in offers})
    number = {source: index for index, source in enumerate(sources)}
    document = {
        "format": FORMAT,
        "provider": provider,
        "offer_columns": _OFFER_COLUMNS,
        "sources": sources,
        "instance_types": [
            [one.name, one.gpu, one.gpu_count, one.vcpus, one.memory_gib, one.quota_family]
            for _, one in sorted(types.items())
        ],
        "asked": [[asked.region, asked.purchase, asked.at.isoformat(), asked.clean] for asked in cached.asked],
        "parts": [
            {
                "region": part.region,
                "purchase": part.purchase,
                "fetched_at": part.fetched_at.isoformat(),
                "whole": part.whole,
                "offers": [
                    [
                        offer.instance_type.name,
                        offer.sold_as,
                        offer.usd_per_instance_hour,
                        offer.list_usd_per_instance_hour,
                        number[offer.source],
                        offer.as_of_from.isoformat(),
                        offer.as_of_to.isoformat(),
                        offer.contract,
                    ]
                    for offer in sorted(part.offers, key=lambda offer: offer.instance_type.name)
                ],
                "excluded": sorted([pair.instance_type, pair.reason] for pair in part.excluded),
            }
            for part in cached.parts
        ],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n"
