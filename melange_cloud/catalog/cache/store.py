"""Fetched prices, kept between runs: one JSON file per provider in the user's cache folder.

A file holds prices and times, and no secrets. It is written whole under one lock, readable only by its owner. A file
that cannot be read counts as absent, with one fault. A *part* is one (region, purchase) with the time of its request; a
whole part replaces older prices, an incomplete one is merged with them. The queries themselves are recorded too,
whatever their result, so that a region without a price is not queried again and again.
"""

import json
import os
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from melange_cloud.catalog.cache.format import (
    FORMAT,
    CachedPrices,
    OtherVersionError,
    ProviderCache,
    QueryRecord,
    as_text,
    moment_of,
    parsed,
)
from melange_cloud.errors import BadFile, Fault, Finding, MelangeError
from melange_cloud.inputs import read_json, read_text
from melange_cloud.inputs.strict_json import entry, named, text_of
from melange_cloud.inputs.write_whole import write_whole

CLOCK_TOLERANCE = timedelta(minutes=5)
"""A time further ahead than this means a wrong clock, not another process that was quicker."""

_FOLDER_VARIABLE = "MELANGE_CLOUD_CACHE_DIR"
_ELSEWHERE = f"set {_FOLDER_VARIABLE} to a writable folder"
_LOCK_WAIT_S = 10
_DAYS_KEPT = 90
_METADATA_FILE = "metadata.json"
_NOT_THERE_FOR = timedelta(days=1)


def cache_folder() -> Path:
    """The folder of the files: MELANGE_CLOUD_CACHE_DIR, or else the user's cache folder as the system defines it."""
    named = os.environ.get(_FOLDER_VARIABLE)
    if named:
        return Path(named)
    from platformdirs import user_cache_path

    return user_cache_path("melange-cloud", appauthor=False)


def cache_file(provider: str) -> Path:
    """The provider's file."""
    return cache_folder() / f"{provider}.json"


def is_future(moment: datetime, now: datetime) -> bool:
    """True if a time is ahead of the clock by more than CLOCK_TOLERANCE; prices from such a time are not fresh."""
    return moment > now + CLOCK_TOLERANCE


def is_fresh(moment: datetime, now: datetime, max_age: timedelta) -> bool:
    """True if a time is at most ``max_age`` old and not in the future."""
    return now - moment <= max_age and not is_future(moment, now)


def read_cache(
    provider: str,
    purchases: Collection[str] | None = None,
    regions: Collection[str] | None = None,
    *,
    on: date | None = None,
) -> ProviderCache:
    """The prices fetched from a provider, optionally only those of some purchases and regions.

    Args:
        on: read the file as it was at the end of that day (UTC), or of the last day before it that has one; None is
            now.
    """
    path = cache_file(provider) if on is None else _file_of_day(provider, on)
    if path is None:
        return ProviderCache()

    def unusable(what: str) -> ProviderCache:
        cure = f"run `melange-cloud prices refresh --provider {provider}` to write it again"
        return ProviderCache(faults=(Fault(path, f"{what}; its prices are not used", cure=cure),))

    try:
        text = read_text(path)
    except BadFile as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return ProviderCache()
        return unusable(error.faults[0].what)
    try:
        return parsed(provider, text, purchases, regions)
    except OtherVersionError:
        return unusable("written by another version of melange-cloud")
    except ValueError:
        return unusable("damaged, or not written by melange-cloud")


def store(provider: str, parts: Iterable[CachedPrices], asked: Iterable[QueryRecord], now: datetime) -> Finding | None:
    """Store fetched parts in a provider's file; everything else in it is kept, newer parts too.

    Returns:
        What is wrong if the file cannot be written; the prices are then used in this run only.
    """
    from filelock import FileLock, Timeout

    path = cache_file(provider)
    unkept = "these prices are not saved for the next run"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with FileLock(path.parent / "lock", timeout=_LOCK_WAIT_S, mode=0o600):
            old = read_cache(provider)
            merged = ProviderCache(_merged_parts(old.parts, parts, now), _merged_asked(old.asked, asked, now))
            write_whole(path, as_text(provider, merged), private=True)
            _keep_day(path, provider, now.astimezone(UTC).date())
    except Timeout:
        return Finding(f"{path}: locked by another melange-cloud; {unkept}", "wait for it to end")
    except OSError as error:
        return Finding(f"{path}: cannot be written ({error.strerror or error}); {unkept}", _ELSEWHERE)
    except MelangeError as error:
        return Finding(f"{error.finding.what}; {unkept}", _ELSEWHERE)
    return None


def kept_days(provider: str) -> tuple[date, ...]:
    """The days (UTC) with saved prices, oldest first; each day has the last prices that were written on it."""
    days = []
    for path in cache_folder().glob(f"{provider}-????-??-??.json"):
        try:
            days.append(date.fromisoformat(path.stem.removeprefix(f"{provider}-")))
        except ValueError:  # not one of our files
            continue
    return tuple(sorted(days))


def metadata_not_there(provider: str, now: datetime) -> bool:
    """True if the provider's metadata server was probed on this machine within a day and did not exist."""
    moment = _metadata_absences().get(provider)
    return moment is not None and is_fresh(moment, now, _NOT_THERE_FOR)


def remember_metadata(there: Mapping[str, bool], now: datetime) -> None:
    """Remember which metadata servers do not exist for this machine; forget those that do.

    If that cannot be saved, the next run probes again, which costs a third of a second.
    """
    absences = {provider: moment for provider, moment in _metadata_absences().items() if provider not in there}
    absences.update({provider: now for provider, answers in there.items() if not answers})
    document = {
        "format": FORMAT,
        "machine": _machine(),
        "not_there": {provider: moment.isoformat() for provider, moment in sorted(absences.items())},
    }
    path = cache_folder() / _METADATA_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, json.dumps(document, indent=1) + "\n", private=True)
    except (OSError, MelangeError):
        return


def _metadata_absences() -> dict[str, datetime]:
    try:
        document = read_json(cache_folder() / _METADATA_FILE)
        if entry(document, "format") != FORMAT or entry(document, "machine") != _machine():
            return {}
        return {text_of(provider): moment_of(at) for provider, at in named(entry(document, "not_there")).items()}
    except (BadFile, ValueError):  # nothing saved, or not by us
        return {}


def _machine() -> str:
    """The machine's name: machines with and without a metadata server may share a home folder on a network."""
    from socket import gethostname

    return gethostname()


def _merged_parts(old: Iterable[CachedPrices], new: Iterable[CachedPrices], now: datetime) -> tuple[CachedPrices, ...]:
    """For each pair the newest whole part, and the newest incomplete one if it is newer still.

    Anything replaces a part from the future; otherwise one wrong clock would keep its prices for ever.
    """

    def order(part: CachedPrices) -> tuple[bool, datetime]:
        return not is_future(part.fetched_at, now), part.fetched_at

    newest: dict[tuple[str, str, bool], CachedPrices] = {}
    for part in (*old, *new):
        key = (part.region, part.purchase, part.whole)
        if key not in newest or order(part) >= order(newest[key]):
            newest[key] = part
    return tuple(
        newest[region, purchase, whole]
        for region, purchase, whole in sorted(newest)
        if whole
        or (region, purchase, True) not in newest
        or order(newest[region, purchase, True]) < order(newest[region, purchase, False])
    )


def _merged_asked(old: Iterable[QueryRecord], new: Iterable[QueryRecord], now: datetime) -> tuple[QueryRecord, ...]:
    newest: dict[tuple[str, str], QueryRecord] = {}
    for asked in (*old, *new):
        key = (asked.region, asked.purchase)
        if key not in newest or asked.at >= newest[key].at or is_future(newest[key].at, now):
            newest[key] = asked
    return tuple(newest[key] for key in sorted(newest))


def _keep_day(path: Path, provider: str, today: date) -> None:
    """Save the file as the day's by a second hard link, and delete days that are older than _DAYS_KEPT."""
    kept = path.with_name(f"{provider}-{today}.json")
    try:
        kept.unlink(missing_ok=True)
        kept.hardlink_to(path)
    except OSError:  # a file system without hard links keeps no days; `prices diff` by date says so
        return
    for day in kept_days(provider):
        if (today - day).days > _DAYS_KEPT:
            path.with_name(f"{provider}-{day}.json").unlink(missing_ok=True)


def _file_of_day(provider: str, day: date) -> Path | None:
    days = [kept for kept in kept_days(provider) if kept <= day]
    return cache_folder() / f"{provider}-{days[-1]}.json" if days else None
