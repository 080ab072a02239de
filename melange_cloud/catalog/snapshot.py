"""Reads the shipped snapshot, ``pricing/`` (see its README for the files, their sources and dates).

Start-up time matters: one price file is read per requested purchase, with nothing but csv and dataclasses.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

from melange_cloud.catalog.bounds import MOST_USD_PER_HOUR
from melange_cloud.catalog.catalog import Catalog, key_of
from melange_cloud.domain import PURCHASES, Exclusion, InstanceType, Offer, Region
from melange_cloud.errors import BadFile, BadInput, Fault
from melange_cloud.inputs import parse_number, read_rows, read_text, read_toml
from melange_cloud.inputs.strict_json import entry, named, text_of
from melange_cloud.shipped import shipped

FILE_OF_PURCHASE = {
    "on_demand": "on_demand.csv",
    "spot": "spot.csv",
    "commit_1y": "commitments.csv",
    "commit_3y": "commitments.csv",
}
PRICE_COLUMNS = (
    "provider",
    "region",
    "instance_type",
    "purchase",
    "sold_as",
    "contract",
    "usd_per_hour",
    "source",
    "as_of_from",
    "as_of_to",
)
INSTANCE_TYPE_COLUMNS = ("provider", "instance_type", "gpu", "gpu_count", "vcpus", "memory_gib", "quota_family")
REGION_COLUMNS = ("provider", "region", "place", "government")
EXCLUDED_COLUMNS = ("provider", "region", "instance_type", "reason", "listed_usd_per_hour")


def _rows(name: str, columns: tuple[str, ...], folder: Path | None = None) -> Iterator[list[str]]:
    """The rows below the header of a file in the folder (None: the shipped one).

    Raises:
        ValueError: the header is not ``columns``, so the installation is broken.
        BadFile: a file in a user's folder is not CSV with these columns.
    """
    if folder is not None:
        yield from rows_of_folder(folder / name, columns)
        return
    with (shipped("pricing") / name).open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        if tuple(next(reader, ())) != columns:
            raise ValueError(f"pricing/{name} does not have the columns {', '.join(columns)}: reinstall melange-cloud")
        yield from reader


def rows_of_folder(path: Path, columns: tuple[str, ...]) -> list[list[str]]:
    """The rows below the header of a file in a user's pricing folder.

    Raises:
        BadFile: it is not CSV with these columns.
    """
    (_, header), *rows = [*read_rows(read_text(path), path)] or [(1, [])]
    faults = [
        Fault(path, f"has {len(cells)} values for {len(columns)} columns", line=line)
        for line, cells in rows
        if len(cells) != len(columns)
    ]
    if tuple(header) != columns:
        faults = [Fault(path, f"must begin with the columns {','.join(columns)}", line=1)]
    if faults:
        raise BadFile(faults)
    return [cells for _, cells in rows]


@cache
def load_instance_types() -> dict[tuple[str, str], InstanceType]:
    """Every instance type of the snapshot, by (provider, name). The dict is shared: do not change it."""
    return {
        (provider, name): InstanceType(provider, name, gpu, int(gpu_count), int(vcpus), float(memory_gib), family)
        for provider, name, gpu, gpu_count, vcpus, memory_gib, family in _rows(
            "instance_types.csv", INSTANCE_TYPE_COLUMNS
        )
    }


@cache
def load_regions() -> tuple[Region, ...]:
    """The public regions and GovCloud of both vendors, priced or not, sorted by provider and name."""
    return tuple(
        Region(provider, name, place, government == "true")
        for provider, name, place, government in _rows("regions.csv", REGION_COLUMNS)
    )


def _words(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """The full text of every source id and of every reason code."""
    tables = read_toml(folder / "sources.toml")
    sources = {name: text_of(entry(table, "source")) for name, table in named(entry(tables, "source")).items()}
    return sources, {name: text_of(reason) for name, reason in named(entry(tables, "reason")).items()}


@cache
def _shipped_words() -> tuple[dict[str, str], dict[str, str]]:
    return _words(shipped("pricing"))


def _excluded(folder: Path, reasons: Mapping[str, str]) -> tuple[Exclusion, ...]:
    return tuple(
        Exclusion(provider, region, instance_type, reasons[reason])
        for provider, region, instance_type, reason, _ in _rows("excluded.csv", EXCLUDED_COLUMNS, folder)
    )


@cache
def _shipped_excluded() -> tuple[Exclusion, ...]:
    return _excluded(shipped("pricing"), _shipped_words()[1])


@cache
def load_snapshot(purchase: str | None = None) -> Catalog:
    """The shipped catalog: every offer of ``purchase`` (None: of all purchases); origin ``snapshot``.

    Raises:
        BadInput: an unknown purchase.
    """
    if purchase is None:
        offers = [offer for word in PURCHASES for offer in load_snapshot(word).offers]
        return Catalog(tuple(sorted(offers, key=key_of)), _shipped_excluded())
    if purchase not in FILE_OF_PURCHASE:
        raise BadInput(f"unknown purchase '{purchase}': use {', '.join(PURCHASES)}")
    return Catalog(_offers(shipped("pricing"), purchase, _shipped_words()[0]), _shipped_excluded())


def read_snapshot(folder: Path) -> Catalog:
    """The catalog of another folder in the same form, like ``load_snapshot()`` for the shipped one.

    Instance types are those of the shipped folder.

    Raises:
        BadFile, ValueError, KeyError: it does not have that form.
    """
    sources, reasons = _words(folder)
    offers = [offer for purchase in PURCHASES for offer in _offers(folder, purchase, sources)]
    return Catalog(tuple(sorted(offers, key=key_of)), _excluded(folder, reasons))


def _offers(folder: Path, purchase: str, sources: Mapping[str, str]) -> tuple[Offer, ...]:
    types = load_instance_types()
    day = cache(date.fromisoformat)
    offers = []
    for provider, region, name, bought, sold_as, contract, usd_per_hour, source, as_of_from, as_of_to in _rows(
        FILE_OF_PURCHASE[purchase], PRICE_COLUMNS, folder
    ):
        if bought == purchase:
            price = parse_number(usd_per_hour, 0, MOST_USD_PER_HOUR)
            offers.append(
                Offer(
                    instance_type=types[provider, name],
                    region=region,
                    purchase=bought,
                    sold_as=sold_as,
                    usd_per_instance_hour=price,
                    list_usd_per_instance_hour=price,
                    origin="snapshot",
                    source=sources[source],
                    as_of_from=day(as_of_from),
                    as_of_to=day(as_of_to),
                    contract=contract,
                )
            )
    return tuple(offers)
