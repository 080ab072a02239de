"""Queries all clouds at once, checks their answers and stores them in the cache."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from melange_cloud import catalog, clouds
from melange_cloud.clouds import CloudAnswer, PriceSource, Progress
from melange_cloud.clouds.credentials import NoCredentials
from melange_cloud.clouds.deadline import PLAN_S
from melange_cloud.clouds.foreign_errors import ForeignErrorText, contained
from melange_cloud.concurrency import Deadline, DeadlinePassedError, side_by_side
from melange_cloud.domain import PROVIDERS, InstanceType, Offer
from melange_cloud.errors import BadInput, Finding, MelangeError, PricesUnavailable, echoed
from melange_cloud.market.answer_checks import bounded, checked, known_before, shift_lines

_SHOWN = 3
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class CloudQuery:
    """A query to one cloud: region names (None: all) and purchases."""

    regions: Sequence[str] | None
    purchases: Sequence[str]


@dataclass(frozen=True, slots=True)
class FetchOutcome:
    """How a query to one cloud ended.

    Attributes:
        fetched: the answer, checked; None if nothing could be read.
        asked_at: when it was queried, UTC; this is the time of its prices.
        seconds: how long it took.
        failure: why nothing could be read; None if something was.
        no_credentials: True if nothing could be read because there are no credentials.
        notes: that all prices of a table have moved; why the prices could not be saved for the next run.
    """

    provider: str
    fetched: CloudAnswer | None
    asked_at: datetime
    seconds: float
    failure: Finding | None = None
    notes: tuple[str, ...] = ()
    no_credentials: bool = False

    @property
    def problems(self) -> tuple[Finding, ...]:
        """Every part that could not be read, and every rejected price."""
        return tuple(problem.of(self.provider) for problem in self.fetched.problems) if self.fetched else ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything that went wrong: the failure, or the problems."""
        return self.problems if self.failure is None else (self.failure,)


def ask(
    wanted: Mapping[str, CloudQuery],
    source_of: Callable[[str], PriceSource],
    progress: Progress | None = None,
    *,
    keep: bool = True,
    deadline: Deadline | None = None,
) -> dict[str, FetchOutcome]:
    """Query all clouds at once. One that fails does not affect the others, whatever it raises or however long it takes.

    Args:
        wanted: provider -> its query.
        source_of: returns the source of a provider; called in that cloud's thread, since importing takes time.
        progress: called with the progress of each, never from two threads at once.
        keep: False does not write the cache.
        deadline: when to stop waiting; None is that of a plan, from now.

    Raises:
        BadInput: one of the user's settings, such as an endpoint, is invalid.
    """
    deadline = deadline or Deadline(PLAN_S)
    over = threading.Event()
    serialised = None if progress is None else _one_at_a_time(progress, over)
    machines = tuple(catalog.load_instance_types().values())
    asked_at, began = datetime.now(UTC), time.monotonic()
    outcomes: dict[str, FetchOutcome] = {}
    calls = [partial(_outcome, provider, source_of, wanted[provider], machines, serialised) for provider in wanted]
    try:
        for _, outcome in side_by_side(calls, deadline=deadline, name="prices"):
            notes = _keep(outcome, wanted[outcome.provider]) if keep else ()
            outcomes[outcome.provider] = replace(outcome, notes=(*outcome.notes, *notes))
    except DeadlinePassedError as late:
        seconds = time.monotonic() - began
        for provider in wanted.keys() - outcomes.keys():
            outcomes[provider] = FetchOutcome(provider, None, asked_at, seconds, late.finding.of(provider))
    finally:
        over.set()
    return {provider: outcomes[provider] for provider in wanted}


def shortened(problems: Sequence[Finding], provider: str) -> tuple[str, ...]:
    """The first few as lines, and how to see the rest."""
    if len(problems) <= _SHOWN + 1:
        return tuple(map(str, problems))
    return (
        *map(str, problems[:_SHOWN]),
        f"{provider}: {len(problems) - _SHOWN} more problems; `melange-cloud prices refresh --provider {provider}` "
        "shows them",
    )


def _outcome(
    provider: str,
    source_of: Callable[[str], PriceSource],
    wanted: CloudQuery,
    machines: Sequence[InstanceType],
    progress: Progress | None,
) -> FetchOutcome:
    """The outcome of the query, whatever was raised."""
    asked_at = datetime.now(UTC)
    began = time.monotonic()

    def fetch() -> tuple[CloudAnswer, tuple[str, ...]]:
        raw = source_of(provider).fetch(wanted.regions, wanted.purchases, machines, progress)
        fetched = checked(provider, raw)
        return fetched, shift_lines(raw.offers, known_before(provider))

    def failed(why: Finding, *, no_credentials: bool = False) -> FetchOutcome:
        seconds = time.monotonic() - began
        return FetchOutcome(provider, None, asked_at, seconds, bounded(why).of(provider), no_credentials=no_credentials)

    plug_in = provider not in PROVIDERS
    try:
        answer = contained(fetch)
    except PricesUnavailable as error:
        return failed(error.finding, no_credentials=isinstance(error, NoCredentials))
    except MelangeError as error:
        if isinstance(error, BadInput) and not plug_in:
            raise
        answer = ForeignErrorText(str(error))
    if isinstance(answer, ForeignErrorText):
        words = echoed(answer.words, _SHOWN_CHARACTERS)
        what = "its plug-in failed" if plug_in else "it cannot be queried"
        cure = clouds.FIX_OR_UNINSTALL if plug_in else "try again, and report the bug if it persists"
        return failed(Finding(f"{what} ({words})", cure))
    fetched, notes = answer
    return FetchOutcome(provider, fetched, asked_at, time.monotonic() - began, notes=notes)


def _keep(outcome: FetchOutcome, wanted: CloudQuery) -> tuple[str, ...]:
    """Store what was fetched in the cache; a note says why if that failed."""
    fetched = outcome.fetched
    if fetched is None:
        return ()
    regions = [catalog.EVERY_REGION] if wanted.regions is None else wanted.regions
    clean = not fetched.problems
    asked = [
        catalog.QueryRecord(region, purchase, outcome.asked_at, clean)
        for region in regions
        for purchase in wanted.purchases
    ]
    unkept = catalog.store(outcome.provider, parts_of(fetched, outcome.asked_at), asked, outcome.asked_at)
    return () if unkept is None else (str(unkept),)


def parts_of(fetched: CloudAnswer, asked_at: datetime) -> list[catalog.CachedPrices]:
    """The answer by (region, purchase), sorted."""
    offers: dict[tuple[str, str], list[Offer]] = {pair: [] for pair in fetched.complete}
    for offer in fetched.offers:
        offers.setdefault((offer.region, offer.purchase), []).append(offer)
    excluded = {region: [pair for pair in fetched.excluded if pair.region == region] for region, _ in offers}
    return [
        catalog.CachedPrices(
            region=region,
            purchase=purchase,
            fetched_at=asked_at,
            whole=(region, purchase) in fetched.complete,
            offers=tuple(sorted(offers[region, purchase], key=catalog.key_of)),
            excluded=tuple(excluded[region]),
        )
        for region, purchase in sorted(offers)
    ]


def _one_at_a_time(progress: Progress, over: threading.Event) -> Progress:
    """Progress, reported by one thread at a time, and by none once the fetch is over."""
    lock = threading.Lock()

    def serialised(what: str, done: int, total: int | None) -> None:
        with lock:
            if not over.is_set():
                progress(what, done, total)

    return serialised
