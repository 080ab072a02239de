"""What a refresh of the cache or a renewal of a pricing folder did, in counts."""

from collections.abc import Iterable

from melange_cloud import catalog
from melange_cloud.domain import PROVIDERS, PURCHASES, CloudRefresh, Exclusion, Offer, RenewalCount, RenewalSummary
from melange_cloud.market.fetch import FetchOutcome
from melange_cloud.market.renew import Renewal

_SHOWN = 12


def refresh_summary(outcomes: Iterable[FetchOutcome]) -> tuple[list[CloudRefresh], list[str]]:
    """The answer of each cloud that answered, and notes on what was not read, one line each."""
    refreshed, notes = [], []
    for outcome in outcomes:
        notes += [*map(str, outcome.findings), *outcome.notes]
        if outcome.fetched is None:
            continue
        notes += _unknown_types(outcome.provider, outcome.fetched.excluded)
        offers = outcome.fetched.offers
        prices: dict[str, int] = {}
        for offer in offers:
            prices[offer.purchase] = prices.get(offer.purchase, 0) + 1
        regions = len({offer.region for offer in offers})
        refreshed.append(CloudRefresh(outcome.provider, regions, prices, outcome.seconds))
    return refreshed, notes


def _unknown_types(provider: str, excluded: Iterable[Exclusion]) -> list[str]:
    """One line for the instance types that the cloud has prices for but melange-cloud does not know."""
    known = catalog.load_instance_types()
    names = sorted({pair.instance_type for pair in excluded} - {name for of, name in known if of == provider})
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{provider}: left out, since melange-cloud does not know them: {', '.join(names[:_SHOWN])}{more}"]


def renewal_summary(done: Renewal) -> RenewalSummary:
    """The counts of a renewal by provider and purchase, without those that have no price and no change."""
    counts = []
    for provider, purchase in ((one, other) for one in PROVIDERS for other in PURCHASES):
        offers = [offer for offer in done.renewal.after.offers if _is_of(offer, provider, purchase)]
        kept = (offer.as_of_to for offer in offers if catalog.key_of(offer) not in done.renewal.renewed)
        changes = tuple(one for one in done.difference.changes if _is_of(one.offer, provider, purchase))
        if offers or changes:
            counts.append(RenewalCount(provider, purchase, len(offers), tuple(kept), changes))
    return RenewalSummary(
        folder=str(done.folder),
        notices=done.notes,
        checks=done.checks,
        rows=len(done.renewal.after.offers),
        renewed_rows=len(done.renewal.renewed),
        counts=tuple(counts),
        difference=done.difference,
    )


def _is_of(offer: Offer, provider: str, purchase: str) -> bool:
    return (offer.instance_type.provider, offer.purchase) == (provider, purchase)
