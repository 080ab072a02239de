"""Checks a cloud's answer: plug-ins, and servers behind an SDK, may answer anything."""

import math
from collections.abc import Iterable
from datetime import date

from melange_cloud import catalog
from melange_cloud.clouds import CloudAnswer
from melange_cloud.domain import GPUS, PURCHASES, Exclusion, InstanceType, Offer
from melange_cloud.errors import LONGEST_LINE, Finding, MelangeError, echoed, one_line

_LONGEST_NAME = 80
_LONGEST_CURE = 150
_ROOM_FOR_PROVIDER = 35
_LONGEST_SOURCE = 200
_SOLD_AS = ("on_demand", "spot", "commitment", "capacity_block", "unknown")
_MOST_GIB = 1e6


class MalformedAnswerError(MelangeError):
    """An answer is not a CloudAnswer, or contains something that no offer can have."""


def checked(provider: str, fetched: object) -> CloudAnswer:
    """The answer with clean texts and without the prices that cannot be right.

    A (region, purchase) with a rejected price is not complete.

    Raises:
        MalformedAnswerError: it is not an answer at all; the text is a clause.
    """
    answer = _well_formed(fetched)
    refused: dict[catalog.OfferKey, str] = {}
    by_key: dict[catalog.OfferKey, Offer] = {}
    for offer in answer.offers:
        key = catalog.key_of(offer)
        why = _why_impossible(provider, offer)
        if why is None and key in by_key:
            why = f"has two prices, {by_key[key].usd_per_instance_hour:g} and {offer.usd_per_instance_hour:g} USD/h"
        if why is not None:
            refused[key] = why
        by_key[key] = offer
    offers = [offer for key, offer in by_key.items() if key not in refused]
    for odd in catalog.odd_prices(offers, offers, catalog.load_snapshot().offers):
        refused[catalog.key_of(odd.offer)] = f"is implausible: {odd.words('the fetched')}"
    faulty = {(region, purchase) for _, region, _, purchase in refused}
    refusals = [
        Finding(
            f"price of {name} {purchase} in {region} {why}; rejected; the older price is kept",
            "confirm it with your own price sheet (--prices)",
        )
        for (_, region, name, purchase), why in sorted(refused.items())
    ]
    return CloudAnswer(
        offers=tuple(offer for offer in offers if catalog.key_of(offer) not in refused),
        excluded=answer.excluded,
        complete=frozenset(answer.complete - faulty),
        problems=(*answer.problems, *refusals),
    )


def _well_formed(fetched: object) -> CloudAnswer:
    if not isinstance(fetched, CloudAnswer):
        raise MalformedAnswerError(f"it returned {_article(fetched)}, not a CloudAnswer")
    for name, kind in (("offers", Offer), ("excluded", Exclusion), ("problems", Finding)):
        _expect_all(name, getattr(fetched, name), kind)
    _expect_all("complete", fetched.complete, tuple)
    for offer in fetched.offers:
        machine = offer.instance_type
        if not isinstance(machine, InstanceType):
            raise MalformedAnswerError(f"the instance type of an offer is {_article(machine)}")
        _expect_names(machine.provider, machine.name, machine.gpu, offer.region, offer.purchase, offer.sold_as)
        if not (isinstance(machine.quota_family, str) and isinstance(offer.source, str)):
            raise MalformedAnswerError(f"an offer of {machine.name} has a source or quota family that is not text")
        if not (isinstance(offer.contract, str) and _is_day(offer.as_of_from) and _is_day(offer.as_of_to)):
            raise MalformedAnswerError(f"an offer of {machine.name} has an invalid contract or date")
    for pair in fetched.excluded:
        _expect_names(pair.provider, pair.region, pair.instance_type)
    for place in fetched.complete:
        if len(place) != 2:
            raise MalformedAnswerError("`complete` has something other than (region, purchase) pairs")
        _expect_names(*place)
    return CloudAnswer(
        offers=tuple(_cleaned(offer) for offer in fetched.offers),
        excluded=tuple(
            Exclusion(pair.provider, pair.region, pair.instance_type, one_line(str(pair.reason)))
            for pair in fetched.excluded
        ),
        complete=frozenset(fetched.complete),
        problems=tuple(bounded(problem) for problem in fetched.problems),
    )


def bounded(finding: Finding) -> Finding:
    """A source's finding with clean texts that fit on one line after the provider's name."""
    cure = one_line(" ".join(str(finding.cure).split()), _LONGEST_CURE)
    most = LONGEST_LINE - len(cure) - _ROOM_FOR_PROVIDER
    return Finding(one_line(" ".join(str(finding.what).split()), most), cure)


def _cleaned(offer: Offer) -> Offer:
    from dataclasses import replace

    source, contract = echoed(offer.source, _LONGEST_SOURCE), echoed(offer.contract, _LONGEST_NAME)
    if (source, contract) == (offer.source, offer.contract):
        return offer
    return replace(offer, source=source, contract=contract)


def _expect_all(name: str, values: object, kind: type) -> None:
    if not isinstance(values, tuple | list | set | frozenset):
        raise MalformedAnswerError(f"its `{name}` is {_article(values)}")
    for value in values:
        if not isinstance(value, kind):
            raise MalformedAnswerError(f"its `{name}` has {_article(value)} in it")


def _expect_names(*names: object) -> None:
    for name in names:
        if not isinstance(name, str) or not name or echoed(name, _LONGEST_NAME) != name:
            raise MalformedAnswerError(f"'{echoed(name)}' is not a name")


def _is_day(value: object) -> bool:
    return isinstance(value, date)


def _article(value: object) -> str:
    return f"{'an' if type(value).__name__[:1].lower() in 'aeiou' else 'a'} {type(value).__name__}"


def _why_impossible(provider: str, offer: Offer) -> str | None:
    """Why an offer cannot be right by itself, without a look at other prices."""
    machine = offer.instance_type
    if machine.provider != provider:
        return f"has the provider '{machine.provider}'"
    if offer.purchase not in PURCHASES:
        return f"has the purchase '{offer.purchase}', not one of {', '.join(PURCHASES)}"
    if offer.sold_as not in _SOLD_AS:
        return f"is sold as '{offer.sold_as}', not as one of {', '.join(_SOLD_AS)}"
    if not _is_count(machine.gpu_count) or machine.gpu not in GPUS or machine.gpu_count < 1:
        return f"has {echoed(machine.gpu_count)} GPUs '{machine.gpu}': known are {', '.join(GPUS)}"
    if not _is_count(machine.vcpus) or not _is_finite(machine.memory_gib) or not 0 < machine.memory_gib <= _MOST_GIB:
        return f"has {echoed(machine.vcpus)} vCPUs and {echoed(machine.memory_gib)} GiB"
    prices = (offer.usd_per_instance_hour, offer.list_usd_per_instance_hour)
    if not all(_is_finite(price) for price in prices):
        return f"is {echoed(prices[0])} USD/h"
    if min(prices) <= 0:
        return f"is {min(prices):g} USD/h"
    return None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**6


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15 and math.isfinite(value)


def shift_lines(offers: Iterable[Offer], reference: Iterable[Offer]) -> tuple[str, ...]:
    """One line per purchase whose prices have all moved by one factor: a wrong currency is likelier than a sale."""
    return tuple(
        f"{shift.provider} {shift.purchase}: {shift.moved} of {shift.compared} prices are {shift.factor:.3g} times "
        f"those known from before{f' ({shift.as_of})' if shift.as_of else ''}, as if "
        "in another currency or unit: compare them with `melange-cloud prices diff` before you rely on them"
        for shift in catalog.shifts(offers, reference)
    )


def known_before(provider: str) -> tuple[Offer, ...]:
    """A cloud's shipped prices, and the cached prices of whatever is not shipped."""
    known = {catalog.key_of(offer): offer for part in catalog.read_cache(provider).parts for offer in part.offers}
    shipped = [offer for offer in catalog.load_snapshot().offers if offer.instance_type.provider == provider]
    known.update({catalog.key_of(offer): offer for offer in shipped})
    return tuple(known.values())
