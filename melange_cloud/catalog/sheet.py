"""Reads a user's own price sheet: a CSV file with one offer per row.

Nothing is guessed: a sheet with a fault gives no offers at all, and all faults of the file are reported together.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

from melange_cloud.catalog.bounds import MOST_GPUS, MOST_MEMORY_GIB, MOST_USD_PER_HOUR, MOST_VCPUS
from melange_cloud.catalog.catalog import Catalog, OfferKey, key_of
from melange_cloud.catalog.implausible import odd_prices
from melange_cloud.catalog.snapshot import load_instance_types, load_regions
from melange_cloud.domain import GPUS, PROVIDERS, PURCHASES, InstanceType, Offer
from melange_cloud.errors import BadFile, Fault, echoed
from melange_cloud.inputs.csv_tables import CsvRow, read_table
from melange_cloud.inputs.suggestions import closest_of_family, did_you_mean

REQUIRED_COLUMNS = ("provider", "region", "instance_type", "purchase", "usd_per_hour")
SHEET_COLUMNS = (
    *REQUIRED_COLUMNS,
    "gpu",
    "gpu_count",
    "vcpus",
    "memory_gib",
    "quota_family",
    "sold_as",
    "list_usd_per_hour",
    "currency",
    "contract",
    "source",
    "origin",
    "as_of_from",
    "as_of_to",
    "confirmed",
)
"""Every column that a price sheet may have; ``origin`` is ignored, since a sheet's origin is always ``user``."""

_SOLD_AS = {
    "on_demand": ("on_demand", "capacity_block", "unknown"),
    "spot": ("spot", "unknown"),
    "commit_1y": ("commitment", "unknown"),
    "commit_3y": ("commitment", "unknown"),
}
"""The valid ``sold_as`` values of each purchase, the default first."""

_REGION_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TYPE_NAME = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
_QUOTA_FAMILY = re.compile(r"[a-z0-9-]+:[A-Za-z0-9._-]+")
_AWS_SERIES = re.compile(r"[a-z]+")
# The local clock may be a day behind the clock of the machine that dated the price.
_CLOCK_SLACK = timedelta(days=1)


class _TypeFacts(NamedTuple):
    """The facts of an instance type that a row may state, by column; a new type needs all but the last."""

    gpu: str | None
    gpu_count: int | None
    vcpus: int | None
    memory_gib: float | None
    quota_family: str | None


class _SheetType(NamedTuple):
    """An instance type that only the sheet has, and the line that first described it."""

    instance_type: InstanceType
    line: int


@dataclass(frozen=True, slots=True)
class _SheetEntry:
    """An offer as stated by a row, and whether the user confirmed its price."""

    row: CsvRow
    offer: Offer
    confirmed: bool


def read_price_sheet(
    path: Path,
    *,
    today: date,
    reference: Catalog,
    providers: Collection[str] = PROVIDERS,
    accept_odd_prices: bool = False,
) -> tuple[Offer, ...]:
    """Read a user's price sheet: offers of origin ``user``, sorted by provider, region, instance type and purchase.

    Args:
        path: a CSV file in UTF-8 with the columns provider, region, instance_type, purchase and usd_per_hour (USD per
            hour of one instance, net) and any other of SHEET_COLUMNS. An unknown instance type also needs gpu,
            gpu_count, vcpus and memory_gib, and may have ``quota_family`` (aws:G).
        today: the date of rows without as_of_from and as_of_to; a row with one of them has that date.
        reference: the catalog whose prices in other regions decide which prices are implausible.
        providers: the providers allowed in the sheet: AWS, GCP and installed plug-in clouds.
        accept_odd_prices: accept prices that are five times off, either way, the median of the same type's prices in
            other regions. ``confirmed`` = ``yes`` does so for one row.

    Raises:
        BadFile: with all faults of the file, each with line, column and cure.
    """
    faults: list[Fault] = []
    rows = read_table(path, SHEET_COLUMNS, REQUIRED_COLUMNS, faults)
    entries: list[_SheetEntry] = []
    line_of: dict[OfferKey, int] = {}
    stated: dict[tuple[str, str], _SheetType] = {}
    for row in rows:
        key = _key(row, line_of, tuple(providers))
        facts = _facts(row)
        instance_type = _instance_type(row, facts, stated) if key else None
        entry = _entry(row, key, instance_type, path, today)
        if entry:
            entries.append(entry)
    if not accept_odd_prices:
        _refuse_odd_prices([entry for entry in entries if not entry.confirmed], entries, reference)
    if faults:
        raise BadFile(sorted(faults, key=lambda fault: fault.line or 0))
    return tuple(sorted((entry.offer for entry in entries), key=key_of))


def _key(row: CsvRow, line_of: dict[OfferKey, int], known_providers: tuple[str, ...]) -> OfferKey | None:
    """What the row gives a price for; None, with faults, if that is missing, unknown or a duplicate."""
    row.required("provider")
    provider = row.choice("provider", known_providers, or_else=", or install the plug-in of another cloud")
    region = row.required("region")
    if region and not _REGION_NAME.fullmatch(region):
        row.fault(
            "region",
            f"'{echoed(region)}' is not a region name",
            "write it like the provider does (us-east-1, europe-west4)",
        )
        region = None
    elif region and provider in PROVIDERS:  # a plug-in cloud may also have a region us-east-1
        providers = [known.provider for known in load_regions() if known.name == region]
        if providers and provider not in providers:
            row.fault("region", f"{region} is a region of {providers[0]}, not of {provider}", "correct one of the two")
            region = None
    name = row.required("instance_type")
    if name and not _TYPE_NAME.fullmatch(name):
        row.fault("instance_type", f"'{echoed(name)}' is not an instance type", "write it like the provider does")
        name = None
    row.required("purchase")
    purchase = row.choice("purchase", PURCHASES)
    if not (provider and region and name and purchase):
        return None
    key = (provider, region, name, purchase)
    if key in line_of:
        row.fault(
            "instance_type",
            f"{echoed(' '.join(key), 120)} already has a price in line {line_of[key]}",
            "keep one of the two",
        )
        return None
    line_of[key] = row.first_line
    return key


def _facts(row: CsvRow) -> _TypeFacts:
    """What the row states about its instance type; None for an empty cell, or one with a fault."""
    family = row.text("quota_family") or None
    if family and not _QUOTA_FAMILY.fullmatch(family):
        row.fault("quota_family", f"'{echoed(family)}' is not a quota family", "use provider:NAME, such as aws:G")
        family = None
    return _TypeFacts(
        row.choice("gpu", GPUS),
        row.count("gpu_count", MOST_GPUS),
        row.count("vcpus", MOST_VCPUS),
        row.positive("memory_gib", MOST_MEMORY_GIB),
        family,
    )


def _instance_type(row: CsvRow, facts: _TypeFacts, stated: dict[tuple[str, str], _SheetType]) -> InstanceType | None:
    """The instance type of the row: a known one, or one that the row describes in full."""
    provider, name = row.text("provider"), row.text("instance_type")
    types = load_instance_types()
    known = types.get((provider, name))
    says = "it has"
    if known is None:
        elsewhere = [other for other, type_name in sorted(types) if type_name == name and provider in PROVIDERS]
        if elsewhere:
            row.fault(
                "instance_type", f"{name} is a type of {elsewhere[0]}, not of {provider}", "correct one of the two"
            )
            return None
        missing = [field for field in facts._fields if field != "quota_family" and not row.text(field)]
        if missing:
            hint = did_you_mean(closest_of_family(name, (of for other, of in types if other == provider)))
            row.fault(
                "instance_type",
                f"unknown instance type '{echoed(name)}'",
                f"{hint}{hint and ' '}a new type also needs {', '.join(missing)}",
            )
            return None
        gpu, gpu_count, vcpus, memory_gib, family = facts
        if not (gpu and gpu_count and vcpus and memory_gib):
            return None
        family = family or _quota_family(provider, name)
        new = InstanceType(provider, name, gpu, gpu_count, vcpus, memory_gib, family)
        known, line = stated.setdefault((provider, name), _SheetType(new, row.first_line))
        says = f"line {line} says"
    for field, value in facts._asdict().items():
        if value is not None and value != getattr(known, field):
            row.fault(
                field,
                f"{echoed(row.text(field))} contradicts {name}: {says} {getattr(known, field)}",
                "correct it or leave it out",
            )
    return known


def _quota_family(provider: str, name: str) -> str:
    """The quota of an unknown type, by its vendor's naming: AWS by first letter, Google by series."""
    series = name.lower().partition("-")[0]
    if provider == "aws":
        letters = _AWS_SERIES.match(series)
        # gr6 counts against the quota of g6, p5en against that of p5.
        series = letters[0][0] if letters and letters[0][0] in "gp" else letters[0] if letters else series
    return f"{provider}:{series.upper()}"


def _entry(
    row: CsvRow, key: OfferKey | None, instance_type: InstanceType | None, path: Path, today: date
) -> _SheetEntry | None:
    """The row's offer; every cell is read, so that all faults are found even if there can be no offer."""
    row.required("usd_per_hour")
    usd_per_hour = row.positive("usd_per_hour", MOST_USD_PER_HOUR)
    list_usd_per_hour = row.positive("list_usd_per_hour", MOST_USD_PER_HOUR)
    if row.text("currency").upper() not in ("", "USD"):
        row.fault("currency", f"unsupported currency '{echoed(row.text('currency'))}'", "convert the price to USD")
    confirmed = row.choice("confirmed", ("yes", "no")) == "yes"
    as_of_from, as_of_to = _dates(row, today)
    purchase = row.text("purchase")
    sold_as = row.choice("sold_as", _SOLD_AS[purchase]) if purchase in _SOLD_AS else None
    if key is None or instance_type is None or usd_per_hour is None:
        return None
    offer = Offer(
        instance_type=instance_type,
        region=row.text("region"),
        purchase=purchase,
        sold_as=sold_as or _SOLD_AS[purchase][0],
        usd_per_instance_hour=usd_per_hour,
        list_usd_per_instance_hour=list_usd_per_hour or usd_per_hour,
        origin="user",
        source=row.text("source") or path.name,
        as_of_from=as_of_from,
        as_of_to=as_of_to,
        contract=row.text("contract"),
    )
    return _SheetEntry(row, offer, confirmed)


def _dates(row: CsvRow, today: date) -> tuple[date, date]:
    as_of_from, as_of_to = row.day("as_of_from"), row.day("as_of_to")
    first = as_of_from or as_of_to or today
    last = as_of_to or first
    if first > last:
        row.fault("as_of_from", f"{first} is after as_of_to {last}", "swap them")
    elif first > today + _CLOCK_SLACK:
        row.fault("as_of_from" if as_of_from else "as_of_to", f"{first} is in the future", "give the day of the price")
    return first, last


def _refuse_odd_prices(doubted: Sequence[_SheetEntry], entries: Sequence[_SheetEntry], reference: Catalog) -> None:
    """Add a fault for each price that is far off the same type's prices in other regions."""
    row_of = {key_of(entry.offer): entry.row for entry in doubted}
    own = [entry.offer for entry in entries]
    for odd in odd_prices([entry.offer for entry in doubted], own, reference.offers):
        row_of[key_of(odd.offer)].fault(
            "usd_per_hour",
            odd.words("the sheet's"),
            "correct it, or confirm it with --accept-odd-prices or with 'yes' in a column 'confirmed'",
        )
