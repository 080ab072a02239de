"""Asks the clouds, all side by side, checks what they answer and keeps it in the cache."""

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from melange_cloud import catalog
from melange_cloud.clouds import Fetched, PriceSource, Progress
from melange_cloud.domain import GPUS, PROVIDERS, PURCHASES, InstanceType, Offer
from melange_cloud.errors import BadInput, PricesUnavailable

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one cloud is asked for: region names (None: all) and purchases."""

    regions: Sequence[str] | None
    purchases: Sequence[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of asking one cloud.

    Attributes:
        fetched: the answer, checked; None where nothing could be read.
        asked_at: when it was asked, UTC; the time that its prices carry.
        seconds: how long it took.
        failure: why nothing could be read, with the cure; empty otherwise.
        notes: why the prices could not be kept for the next run.
    """

    provider: str
    fetched: Fetched | None
    asked_at: datetime
    seconds: float
    failure: str = ""
    notes: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """One line per part that could not be read, or per price that was refused."""
        return self.fetched.problems if self.fetched else ()


def ask(
    wanted: Mapping[str, Wanted],
    source_of: Callable[[str], PriceSource],
    progress: Progress | None = None,
    *,
    keep: bool = True,
) -> dict[str, Outcome]:
    """Ask every cloud at once; one that fails never fails another.

    Args:
        wanted: provider -> what it is asked for.
        source_of: whom to ask about a provider; called in that cloud's own thread, since importing takes its time.
        progress: told how far each is, never from two threads at once.
        keep: False leaves the cache as it is.

    Raises:
        BadInput: a setting of the user's that cannot be right, such as an endpoint.
    """
    told = None if progress is None else _one_at_a_time(progress)
    ended: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    machines = tuple(catalog.load_instance_types().values())

    def work(provider: str) -> None:
        try:
            outcome = _outcome(provider, source_of(provider), wanted[provider], machines, told)
            ended.put(replace(outcome, notes=_keep(outcome, wanted[provider])) if keep else outcome)
        except BaseException as error:  # raised again where the answer is waited for
            ended.put(error)

    for provider in wanted:
        # Daemons, so that Ctrl-C need not wait for a cloud that hangs.
        threading.Thread(target=work, args=(provider,), name=f"{provider} prices", daemon=True).start()
    outcomes: dict[str, Outcome] = {}
    for _ in wanted:
        outcome = ended.get()
        if isinstance(outcome, BaseException):
            raise outcome
        outcomes[outcome.provider] = outcome
    return {provider: outcomes[provider] for provider in wanted}


def shortened(lines: Sequence[str], provider: str) -> tuple[str, ...]:
    """The first few lines, and where to read the rest."""
    if len(lines) <= _SHOWN + 1:
        return tuple(lines)
    return (
        *lines[:_SHOWN],
        f"{provider}: {len(lines) - _SHOWN} more problems; `melange-cloud prices refresh --provider {provider}` "
        "shows them",
    )


def _outcome(
    provider: str,
    source: PriceSource,
    wanted: Wanted,
    machines: Sequence[InstanceType],
    progress: Progress | None,
) -> Outcome:
    asked_at = datetime.now(UTC)
    began = time.monotonic()
    failure = ""
    fetched = None
    try:
        fetched = _checked(provider, source.fetch(wanted.regions, wanted.purchases, machines, progress))
    except BadInput:
        raise
    except PricesUnavailable as error:
        failure = _named(provider, str(error))
    except Exception as error:
        if provider in PROVIDERS:
            raise  # a bug of ours keeps its traceback
        # Foreign code may raise anything, and must not take the other clouds with it.
        why = " ".join(f"{type(error).__name__}: {error}".split())
        failure = f"{provider}: its plug-in fails ({why}): mend or uninstall it"
    return Outcome(provider, fetched, asked_at, time.monotonic() - began, failure)


def _checked(provider: str, fetched: Fetched) -> Fetched:
    """The answer without the prices that cannot be right; their (region, purchase) is then not complete."""
    refused: dict[catalog.OfferKey, str] = {}
    by_key: dict[catalog.OfferKey, Offer] = {}
    for offer in fetched.offers:
        key = catalog.key_of(offer)
        why = _why_impossible(provider, offer)
        if why is None and key in by_key:
            why = f"has two prices, {by_key[key].usd_per_hour:g} and {offer.usd_per_hour:g} USD/h"
        if why is not None:
            refused[key] = why
        by_key[key] = offer
    offers = [offer for key, offer in by_key.items() if key not in refused]
    for odd in catalog.odd_prices(offers, offers, catalog.load_snapshot().offers):
        refused[catalog.key_of(odd.offer)] = f"is odd: {odd.words('the fetched')}"
    if not refused:
        return fetched
    faulty = {(region, purchase) for _, region, _, purchase in refused}
    lines = [
        f"{provider} price of {name} {purchase} in {region} {why}: refused, an older price stays; confirm it with a "
        "sheet of your own (--prices)"
        for (_, region, name, purchase), why in sorted(refused.items())
    ]
    return Fetched(
        offers=tuple(offer for offer in offers if catalog.key_of(offer) not in refused),
        excluded=fetched.excluded,
        complete=frozenset(fetched.complete - faulty),
        problems=(*fetched.problems, *lines),
    )


def _why_impossible(provider: str, offer: Offer) -> str | None:
    """Why an offer cannot be right, whatever others cost; plug-ins may answer anything."""
    machine = offer.instance_type
    if machine.provider != provider:
        return f"is said to be of '{machine.provider}'"
    if offer.purchase not in PURCHASES:
        return f"is bought as '{offer.purchase}', which is none of {', '.join(PURCHASES)}"
    if machine.gpu not in GPUS or machine.gpu_count < 1:
        return f"has {machine.gpu_count} GPUs '{machine.gpu}': known are {', '.join(GPUS)}"
    prices = (offer.usd_per_hour, offer.list_usd_per_hour)
    if not all(math.isfinite(price) and price > 0 for price in prices):
        return f"is {min(prices):g} USD/h"
    return None


def _keep(outcome: Outcome, wanted: Wanted) -> tuple[str, ...]:
    """Put what was fetched into the cache; notes say why it could not be kept."""
    fetched = outcome.fetched
    if fetched is None:
        return ()
    regions = [catalog.EVERY_REGION] if wanted.regions is None else wanted.regions
    clean = not fetched.problems
    asked = [
        catalog.Asked(region, purchase, outcome.asked_at, clean) for region in regions for purchase in wanted.purchases
    ]
    return catalog.store(outcome.provider, parts_of(fetched, outcome.asked_at), asked, outcome.asked_at)


def parts_of(fetched: Fetched, asked_at: datetime) -> list[catalog.Part]:
    """The answer by (region, purchase), sorted."""
    offers: dict[tuple[str, str], list[Offer]] = {pair: [] for pair in fetched.complete}
    for offer in fetched.offers:
        offers.setdefault((offer.region, offer.purchase), []).append(offer)
    excluded = {region: [pair for pair in fetched.excluded if pair.region == region] for region, _ in offers}
    return [
        catalog.Part(
            region=region,
            purchase=purchase,
            fetched_at=asked_at,
            whole=(region, purchase) in fetched.complete,
            offers=tuple(sorted(offers[region, purchase], key=catalog.key_of)),
            excluded=tuple(excluded[region]),
        )
        for region, purchase in sorted(offers)
    ]


def _named(provider: str, line: str) -> str:
    """The line with the provider before it, unless it begins with it already."""
    return line if line.lower().startswith(provider) else f"{provider}: {line}"


def _one_at_a_time(progress: Progress) -> Progress:
    lock = threading.Lock()

    def told(what: str, done: int, total: int | None) -> None:
        with lock:
            progress(what, done, total)

    return told
