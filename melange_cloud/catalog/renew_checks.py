"""What to check before a renewed folder is committed: prices that may be right but seldom are."""

from collections.abc import Iterator, Mapping, Sequence

from melange_cloud.catalog.catalog import Catalog, OfferKey, key_of
from melange_cloud.catalog.implausible import shifts
from melange_cloud.catalog.renew_snapshot import FolderRenewal
from melange_cloud.domain import CatalogDifference, Offer

_BIG_MOVE = 0.2
"""On-demand prices of AWS and Google have moved by more than this only once since 2024 (AWS P types, 2025-06-23)."""
_WIDE = 2.0
"""On demand, a type's most expensive region costs less than twice its cheapest; the widest ratio we have is 1.7."""
_MANY_VANISHED = 0.1
_SHOWN = 8


def worth_a_look(found: CatalogDifference, renewal: FolderRenewal) -> tuple[str, ...]:
    """One line for each kind of doubt about the renewed rows, with the prices in question.

    Args:
        found: the changes that the renewal made.
    """
    prices = {key_of(offer): offer.usd_per_instance_hour for offer in renewal.after.offers}
    new = [offer for offer in renewal.after.offers if key_of(offer) in renewal.renewed]
    doubts = [
        ("on demand moved by 20 % or more", list(_big_moves(found))),
        ("on demand at least twice the same type's cheapest region", list(_far_off(new, renewal.after))),
        ("spot not below on demand", list(_not_below(new, prices, "spot", "on_demand"))),
        ("commit_1y not below on demand", list(_not_below(new, prices, "commit_1y", "on_demand"))),
        ("commit_3y not below commit_1y", list(_not_below(new, prices, "commit_3y", "commit_1y"))),
    ]
    lines = [f"{what}: {_listed(cells)}" for what, cells in doubts if cells]
    return (*lines, *_shifted(new, renewal.before), *_vanished(found, renewal.before))


def _shifted(new: Sequence[Offer], before: Catalog) -> Iterator[str]:
    for shift in shifts(new, before.offers):
        moved = f"{shift.moved} of {shift.compared} prices are {shift.factor:.3g} times those before"
        yield f"{shift.provider} {shift.purchase}: {moved}, as if in another currency or unit"


def _big_moves(found: CatalogDifference) -> Iterator[str]:
    for change in found.changes:
        if change.offer.purchase == "on_demand" and change.fraction is not None and abs(change.fraction) >= _BIG_MOVE:
            yield f"{_cell(change.offer)} {change.fraction * 100:+.0f} %"


def _far_off(new: Sequence[Offer], after: Catalog) -> Iterator[str]:
    cheapest: dict[tuple[str, str], float] = {}
    for offer in after.offers:
        if offer.purchase == "on_demand":
            machine = (offer.instance_type.provider, offer.instance_type.name)
            cheapest[machine] = min(cheapest.get(machine, offer.usd_per_instance_hour), offer.usd_per_instance_hour)
    for offer in new:
        machine = (offer.instance_type.provider, offer.instance_type.name)
        if offer.purchase == "on_demand" and offer.usd_per_instance_hour >= _WIDE * cheapest[machine]:
            yield f"{_cell(offer)} {offer.usd_per_instance_hour:g}"


def _not_below(new: Sequence[Offer], prices: Mapping[OfferKey, float], purchase: str, against: str) -> Iterator[str]:
    for offer in new:
        if offer.purchase == purchase:
            limit = prices.get((*key_of(offer)[:3], against))
            if limit is not None and offer.usd_per_instance_hour >= limit:
                yield _cell(offer)


def _vanished(found: CatalogDifference, before: Catalog) -> Iterator[str]:
    counts: dict[tuple[str, str], int] = {}
    for change in found.changes:
        if change.after is None:
            place = (change.offer.instance_type.provider, change.offer.purchase)
            counts[place] = counts.get(place, 0) + 1
    for (provider, purchase), count in sorted(counts.items()):
        there = sum((old.instance_type.provider, old.purchase) == (provider, purchase) for old in before.offers)
        if count > _MANY_VANISHED * there:
            yield f"{provider} {purchase}: {count} of {there} prices vanished, as if part of the answer were missing"


def _cell(offer: Offer) -> str:
    return f"{offer.region} {offer.instance_type.name}"


def _listed(cells: list[str]) -> str:
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    return ", ".join(cells[:_SHOWN]) + more
