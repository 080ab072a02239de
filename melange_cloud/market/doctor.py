"""Finds what keeps the user from fresh prices: one line per check, each with its fix. Secrets are never shown."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from functools import partial
from urllib.parse import urlsplit

from melange_cloud import catalog, clouds
from melange_cloud.clouds.credentials import access, answering, project_variable
from melange_cloud.clouds.deadline import PLAN_S
from melange_cloud.concurrency import Deadline
from melange_cloud.domain import OLD_PRICE_DAYS, PROVIDERS, PURCHASES, DoctorCheck, Offer
from melange_cloud.errors import Finding
from melange_cloud.market.fetch import CloudQuery, ask
from melange_cloud.market.gather import source_of
from melange_cloud.market.markets import MOST_SPOT_AGE_DAYS, is_stale
from melange_cloud.market.policy import DEFAULT_MAX_AGE, words_of_age

_ASKED_REGION = {"aws": "us-east-1", "gcp": "us-central1"}
_ASKED_PURCHASES = ("on_demand", "spot")
_ENDPOINTS = {
    "aws": ("AWS_ENDPOINT_URL_PRICING", "AWS_ENDPOINT_URL_EC2", "AWS_ENDPOINT_URL"),
    "gcp": ("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", "MELANGE_CLOUD_GCP_COMPUTE_ENDPOINT"),
}


def examine(
    *,
    offline: bool = False,
    now: datetime | None = None,
    sources: clouds.PriceSources | None = None,
    deadline_s: float = PLAN_S,
) -> tuple[DoctorCheck, ...]:
    """Check credentials, endpoints, permissions, and the age of all prices.

    Args:
        offline: do not query any cloud.
        now: the time to which ages are counted; None is the present.
        sources: the clouds to query instead of the installed ones.
        deadline_s: how long the queries may take, seconds.
    """
    sources = clouds.plug_ins() if sources is None else sources
    now = datetime.now(UTC) if now is None else now
    checks: list[DoctorCheck] = []
    reachable: list[str] = []
    for provider in PROVIDERS:
        credentials = _credentials(provider, offline)
        checks.append(credentials)
        checks += _settings(provider)
        if credentials.status == "ok":
            reachable.append(provider)
    if not offline:
        checks += _asked(reachable, sources, now, Deadline(deadline_s))
    checks += [_failed("plug-ins", "loading", problem) for problem in sources.problems]
    checks += [
        DoctorCheck("plug-ins", provider, "ok", "installed")
        for provider in sorted(sources.by_provider)
        if provider not in PROVIDERS
    ]
    checks += _cache([*PROVIDERS, *(name for name in sorted(sources.by_provider) if name not in PROVIDERS)], now)
    checks += _snapshot(now)
    return tuple(checks)


def _credentials(provider: str, offline: bool) -> DoctorCheck:
    found = access(provider)
    if found is None:
        return DoctorCheck(provider, "credentials", "ok", "its plug-in finds them")
    if found.signs:
        return DoctorCheck(provider, "credentials", "ok", f"expected in {', '.join(found.signs)}")
    if found.metadata is not None and not offline:
        if answering({provider: found.metadata})[provider]:
            return DoctorCheck(provider, "credentials", "ok", "expected from the metadata server of this machine")
        return DoctorCheck(provider, "credentials", "missing", "none found, and no metadata server answers", found.cure)
    return DoctorCheck(provider, "credentials", "missing", "none", found.cure)


def _settings(provider: str) -> Iterator[DoctorCheck]:
    for name in _ENDPOINTS[provider]:
        if os.environ.get(name):
            yield DoctorCheck(provider, "endpoint", "ok", f"{name} = {_without_secret(os.environ[name])}")
    if provider == "gcp":
        project = project_variable()
        if project:
            yield DoctorCheck("gcp", "project", "ok", f"{project} = {os.environ[project]}")
        else:
            yield DoctorCheck(
                "gcp",
                "project",
                "missing",
                "none: machine types come from the shipped snapshot, so newer regions are missed",
                "set MELANGE_CLOUD_GCP_PROJECT to one of your projects",
            )


def _asked(
    providers: list[str], sources: clouds.PriceSources, now: datetime, deadline: Deadline
) -> Iterator[DoctorCheck]:
    """Each cloud's answer to a query for the prices of one region; it is not saved."""
    wanted = {provider: CloudQuery([_ASKED_REGION[provider]], _ASKED_PURCHASES) for provider in providers}
    asked = partial(source_of, sources, now, False, deadline)
    for provider, outcome in ask(wanted, asked, keep=False, deadline=deadline).items():
        region = _ASKED_REGION[provider]
        offers = () if outcome.fetched is None else outcome.fetched.offers
        for purchase in _ASKED_PURCHASES:
            count = sum(offer.purchase == purchase and offer.region == region for offer in offers)
            if count:
                found = f"{count} {purchase} prices of {region} in {outcome.seconds:.1f} s"
                yield DoctorCheck(provider, "prices", "ok", found)
        for finding in outcome.findings:
            yield _failed(provider, "prices", finding)


def _cache(providers: list[str], now: datetime) -> Iterator[DoctorCheck]:
    folder = catalog.cache_folder()
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and os.access(there, os.W_OK | os.X_OK):
        yield DoctorCheck("cache", "folder", "ok", str(folder))
    else:
        cure = "set MELANGE_CLOUD_CACHE_DIR to a writable folder"
        yield DoctorCheck("cache", "folder", "failed", f"{folder} is not writable", cure)
    for provider in providers:
        cached = catalog.read_cache(provider)
        for fault in cached.faults:
            yield _failed("cache", provider, fault.placed)
        again = f"melange-cloud prices refresh --provider {provider}"
        times = [part.fetched_at for part in cached.parts]
        if not times:
            if not cached.faults:
                yield DoctorCheck("cache", provider, "missing", "empty", again)
            continue
        if catalog.is_future(max(times), now):
            found = f"dated {max(times):%Y-%m-%d %H:%M} UTC, ahead of this machine's clock"
            yield DoctorCheck("cache", provider, "failed", found, f"set the clock, then: {again}")
            continue
        count = sum(len(part.offers) for part in cached.parts)
        youngest, oldest = words_of_age(now - max(times)), words_of_age(now - min(times))
        age = youngest if youngest == oldest else f"{youngest} to {oldest}"
        stale = not catalog.is_fresh(min(times), now, DEFAULT_MAX_AGE)
        regions = len({part.region for part in cached.parts})
        found = f"{count} prices of {regions} regions, {age} old"
        yield DoctorCheck("cache", provider, "old" if stale else "ok", found, again if stale else "")


def _snapshot(now: datetime) -> Iterator[DoctorCheck]:
    for provider in PROVIDERS:
        for purchase in PURCHASES:
            offers = [o for o in catalog.load_snapshot(purchase).offers if o.instance_type.provider == provider]
            if offers:
                yield _shipped(provider, purchase, offers, now.date())


def _shipped(provider: str, purchase: str, offers: Sequence[Offer], today: date) -> DoctorCheck:
    """Whether a plan would use the shipped prices, and without a mark for their age."""
    dates = [offer.as_of_to for offer in offers]
    as_of = " to ".join(str(day) for day in sorted({min(dates), max(dates)}))
    found = f"{len(dates)} prices, as of {as_of}, up to {(today - min(dates)).days} days old"
    unused = sum(is_stale(offer, today) for offer in offers)
    marked = sum((today - day).days > OLD_PRICE_DAYS for day in dates)
    what = f"{provider} {purchase}"
    if not (unused or marked):
        return DoctorCheck("snapshot", what, "ok", found)
    if unused:
        too_old = f"{'all' if unused == len(dates) else unused} too old for a plan, which uses none older than"
        found += f"; {too_old} {MOST_SPOT_AGE_DAYS} days"
    else:
        found += (
            f"; {'all' if marked == len(dates) else marked} marked ! in a plan, as older than {OLD_PRICE_DAYS} days"
        )
    needs = ", with credentials" if purchase == "spot" else ""
    return DoctorCheck("snapshot", what, "old", found, f"melange-cloud prices refresh --provider {provider}{needs}")


def _failed(about: str, what: str, finding: Finding) -> DoctorCheck:
    return DoctorCheck(about, what, "failed", finding.what, finding.cure)


def _without_secret(address: str) -> str:
    """The address without a user name and password in it."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(not an address)"
    return f"{parts.scheme}://{host}{parts.path}"
