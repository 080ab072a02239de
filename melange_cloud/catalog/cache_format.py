"""The form in which fetched prices are kept: what a cache file says, as objects and as JSON text."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from melange_cloud.catalog.snapshot import load_instance_types
from melange_cloud.domain import Excluded, InstanceType, Offer

FORMAT = 1
EVERY_REGION = "*"
"""The region of an Asked that was about all of them."""

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
class Part:
    """The prices of one (region, purchase), origin ``cached``.

    Attributes:
        fetched_at: when they were asked for, UTC.
        whole: False where some of the region's prices could not be read: older ones then stay beside these.
        offers: sorted by instance type name.
        excluded: what has a price there and is no offer.
    """

    region: str
    purchase: str
    fetched_at: datetime
    whole: bool
    offers: tuple[Offer, ...]
    excluded: tuple[Excluded, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """That a (region, purchase) was asked for; ``clean`` where all of that fetch could be read."""

    region: str
    purchase: str
    at: datetime
    clean: bool


@dataclass(frozen=True, slots=True)
class Cached:
    """What a provider's file holds, and one note where it could not be read."""

    parts: tuple[Part, ...] = ()
    asked: tuple[Asked, ...] = ()
    notes: tuple[str, ...] = ()


class OtherVersionError(ValueError):
    """The text was written by another version of melange-cloud."""


def parsed(provider: str, text: str, purchases: Collection[str] | None, regions: Collection[str] | None) -> Cached:
    """What the text of a provider's file says of the purchases and regions; None is all.

    Raises:
        OtherVersionError: another version of melange-cloud wrote it.
        KeyError, TypeError, ValueError, IndexError, AttributeError: it is not what ``as_text`` writes.
    """
    document = json.loads(text)
    if document["format"] != FORMAT or document["offer_columns"] != list(_OFFER_COLUMNS):
        raise OtherVersionError(document["format"])
    if document["provider"] != provider:
        raise ValueError(document["provider"])
    known = load_instance_types()
    types = {
        name: known.get((provider, name), InstanceType(provider, name, gpu, gpus, vcpus, float(gib), family))
        for name, gpu, gpus, vcpus, gib, family in document["instance_types"]
    }
    sources = document["sources"]
    day = cache(date.fromisoformat)

    def wanted(region: str, purchase: str) -> bool:
        return (purchases is None or purchase in purchases) and (
            regions is None or region in regions or region == EVERY_REGION
        )

    return Cached(
        parts=tuple(
            _part(provider, part, types, sources, day)
            for part in document["parts"]
            if wanted(part["region"], part["purchase"])
        ),
        asked=tuple(
            Asked(region, purchase, moment_of(at), bool(clean))
            for region, purchase, at, clean in document["asked"]
            if wanted(region, purchase)
        ),
    )


def _part(
    provider: str,
    part: Mapping[str, Any],
    types: Mapping[str, InstanceType],
    sources: list[str],
    day: Callable[[str], date],
) -> Part:
    region, purchase = part["region"], part["purchase"]
    offers = []
    for name, sold_as, usd, list_usd, source, as_of_from, as_of_to, contract in part["offers"]:
        if not (math.isfinite(usd) and usd > 0 and math.isfinite(list_usd) and list_usd > 0):
            raise ValueError(f"{name} at {usd}")
        first, last = day(as_of_from), day(as_of_to)
        offers.append(
            Offer(
                types[name], region, purchase, sold_as, usd, list_usd, "cached", sources[source], first, last, contract
            )
        )
    return Part(
        region=region,
        purchase=purchase,
        fetched_at=moment_of(part["fetched_at"]),
        whole=part["whole"] is True,
        offers=tuple(offers),
        excluded=tuple(Excluded(provider, region, name, reason) for name, reason in part["excluded"]),
    )


def moment_of(text: str) -> datetime:
    """The time in ISO 8601, which must say its zone.

    Raises:
        ValueError: it is no such time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return moment


def as_text(provider: str, cached: Cached) -> str:
    """The text of a provider's file; its notes are not part of it."""
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
                        offer.usd_per_hour,
                        offer.list_usd_per_hour,
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
