"""Notes on prices that are older than necessary, or that the user's own discounts changed."""

import math
from collections.abc import Mapping, Sequence

from melange_cloud.catalog import Catalog, Discount
from melange_cloud.clouds.credentials import access
from melange_cloud.domain import Offer
from melange_cloud.errors import PricesUnavailable
from melange_cloud.market.policy import PricePolicy, words_of_age

_SHOWN = 6


def used_words(prices: Catalog, provider: str, regions: Sequence[str]) -> str:
    """The number of prices by origin, in words."""
    counts: dict[str, int] = {}
    for offer in prices.offers:
        if offer.instance_type.provider == provider and offer.region in regions:
            counts[offer.origin] = counts.get(offer.origin, 0) + 1
    return ", ".join(f"{counts[origin]} {origin}" for origin in sorted(counts)) + " prices" if counts else "no price"


def discounts_in_words(
    discounts: Sequence[Discount], prices: Catalog, regions_of: Mapping[str, Sequence[str]], purchases: Sequence[str]
) -> list[str]:
    """One line on which prices the user's discounts change, and by how much; empty if they change none."""
    changes: dict[str, list[float]] = {}
    counts = dict.fromkeys(sorted(regions_of), 0)
    for offer in prices.offers:
        provider = offer.instance_type.provider
        if offer.region not in regions_of.get(provider, ()) or offer.purchase not in purchases:
            continue
        counts[provider] += 1
        if offer.origin != "user" and not math.isclose(
            offer.usd_per_instance_hour, offer.list_usd_per_instance_hour, rel_tol=1e-9
        ):
            changes.setdefault(provider, []).append(
                100 * (offer.usd_per_instance_hour / offer.list_usd_per_instance_hour - 1)
            )
    if not changes:
        return []
    parts = []
    for provider, percents in sorted(changes.items()):
        least, most = f"{min(percents):+.3g} %", f"{max(percents):+.3g} %"
        by = least if least == most else f"{least} to {most}"
        parts.append(f"{by} on {len(percents):,} of {counts[provider]:,} {provider.upper()} prices")
    only = [provider.upper() for provider in counts if provider in changes]
    others = [provider.upper() for provider in counts if provider not in changes]
    scope = f"{' and '.join(only)} only, not {' or '.join(others)}: " if others else ""
    return [f"your discounts from {discounts[0].path.name}: {scope}{'; '.join(parts)}"]


def how_to_get_live_prices(
    prices: Catalog, unreachable: Sequence[str], regions_of: Mapping[str, Sequence[str]]
) -> list[str]:
    """One line for all clouds that were not queried for lack of credentials, so that the snapshot's prices are used."""
    cures = []
    for provider in unreachable:
        found = access(provider)
        names = regions_of[provider]
        origins = {
            offer.origin
            for offer in prices.offers
            if offer.instance_type.provider == provider and offer.region in names
        }
        if found is not None and (not origins or "snapshot" in origins):
            cures.append(f"{provider}: {found.cure}")
    return [f"live prices need credentials - {'; '.join(cures)}"] if cures else []


def refuse_old(
    prices: Catalog, regions_of: Mapping[str, Sequence[str]], trust: PricePolicy, notes: Sequence[str]
) -> None:
    """Require that the prices of these regions are live, fresh in the cache or the user's own.

    Raises:
        PricesUnavailable: some are not; the message names them, says why, and has the cure.
    """
    old: dict[tuple[str, str, str], list[Offer]] = {}
    for offer in prices.offers:
        provider = offer.instance_type.provider
        if offer.origin == "snapshot" and offer.region in regions_of.get(provider, ()):
            old.setdefault((provider, offer.region, offer.purchase), []).append(offer)
    if not old:
        return
    lines = [
        f"{provider} {region} {purchase}: {len(offers)} prices of the shipped snapshot, as of "
        f"{min(offer.as_of_to for offer in offers)}"
        for (provider, region, purchase), offers in sorted(old.items())
    ]
    more = [f"... and {len(lines) - _SHOWN} more regions"] if len(lines) > _SHOWN else []
    raise PricesUnavailable(
        "\n".join(
            [
                f"--require-fresh: prices older than --max-age ({words_of_age(trust.max_age)}):",
                *lines[:_SHOWN],
                *more,
                *notes,
                "run `melange-cloud prices refresh`, see `melange-cloud prices doctor`, or drop --require-fresh",
            ]
        )
    )
