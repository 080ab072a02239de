"""Renews a pricing folder: the clouds' answers replace its rows, in the same form.

If a (region, purchase) was read completely, all of its rows are replaced; otherwise only those with a new price are.
Rows without an answer keep their source and dates. The same folder and the same answers give the same bytes.
"""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from melange_cloud.catalog.cache.format import CachedPrices
from melange_cloud.catalog.catalog import Catalog, OfferKey
from melange_cloud.catalog.snapshot import (
    EXCLUDED_COLUMNS,
    FILE_OF_PURCHASE,
    PRICE_COLUMNS,
    load_instance_types,
    load_regions,
    read_snapshot,
    rows_of_folder,
)
from melange_cloud.domain import Offer
from melange_cloud.errors import BadFile, BadInput, echoed
from melange_cloud.inputs import parse_toml, read_text
from melange_cloud.inputs.write_whole import write_together

RENEWED_FILES = (*dict.fromkeys(FILE_OF_PURCHASE.values()), "excluded.csv", "sources.toml")
_WHAT = (
    "What the cloud itself answered to `melange-cloud maintain renew-prices` on the day given in each row; where it "
    "prices parts alone (vCPU, memory, GPU, local SSD), their sum."
)
_CHECKED = "When read: above zero, USD per hour, one price line each, within five times of the same type elsewhere."
_NOT_OF_A_SOURCE_ID = re.compile(r"\(.*?\)|\S*/\S*")
_REASONS_HEAD = "# Why a pair is in excluded.csv, in the words of a plan."
_LONGEST_CODE = 48

_Pair = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class FolderRenewal:
    """The prices of a folder before and after its renewal.

    Attributes:
        before, after: the folder's prices.
        renewed: the prices with new rows; all other rows are unchanged.
        notes: what was left out and why; one line each.
    """

    before: Catalog
    after: Catalog
    renewed: frozenset[OfferKey]
    notes: tuple[str, ...]


def renew_folder(
    folder: Path,
    answers: Mapping[str, Sequence[CachedPrices]],
    companions: Mapping[str, str] | None = None,
    base: Path | None = None,
) -> FolderRenewal:
    """Renew the five RENEWED_FILES of a folder, all or none.

    Args:
        folder: a folder in the form of ``pricing/``, or one that does not exist yet.
        answers: provider -> its answer, by region and purchase.
        companions: file name -> text of files to write with them, if the folder does not exist yet.
        base: the folder with the rows to renew; None is ``folder`` itself.

    Raises:
        BadInput: the base is not a pricing folder.
        MelangeError: the folder cannot be written; nothing was changed.
    """
    base = base or folder
    try:
        before = read_snapshot(base)
        rows = _FolderRows.of(base)
    except (BadFile, ValueError, KeyError) as error:
        raise BadInput(f"{base}: not a readable pricing folder ({echoed(error, 150)})") from error
    for provider, parts in answers.items():
        # On demand first: what is left out there is left out of commitments too.
        for part in sorted(parts, key=lambda part: part.purchase != "on_demand"):
            rows.lay(provider, part)
    after = write_together(folder, {**(companions or {}), **rows.texts()}, read_snapshot)
    return FolderRenewal(before, after, frozenset(rows.taken), tuple(rows.notes()))


@dataclass
class _FolderRows:
    """The rows of a folder as text, with answers applied to them."""

    prices: dict[OfferKey, tuple[str, ...]]
    excluded: dict[_Pair, tuple[str, str]]  # reason text, listed price
    sources: dict[str, dict[str, object]]
    codes: dict[str, str]  # reason text -> code
    head: str
    taken: set[OfferKey] = field(default_factory=set)
    _strange_regions: dict[tuple[str, str], int] = field(default_factory=dict)
    _strange_types: set[tuple[str, str]] = field(default_factory=set)
    _held: list[_Pair] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> "_FolderRows":
        words = read_text(folder / "sources.toml")
        tables = parse_toml(words)
        prices = {}
        for name in dict.fromkeys(FILE_OF_PURCHASE.values()):
            for row in _read(folder / name, PRICE_COLUMNS):
                prices[row[0], row[1], row[2], row[3]] = row
        excluded = {
            (provider, region, name): (tables["reason"][reason], listed)
            for provider, region, name, reason, listed in _read(folder / "excluded.csv", EXCLUDED_COLUMNS)
        }
        codes = {text: code for code, text in tables["reason"].items()}
        return cls(prices, excluded, tables["source"], codes, words.partition("[source.")[0])

    def lay(self, provider: str, part: CachedPrices) -> None:
        """Apply an answer to the rows."""
        known = {region.name for region in load_regions() if region.provider == provider}
        if part.region not in known:
            count = self._strange_regions.get((provider, part.region), 0)
            self._strange_regions[provider, part.region] = count + len(part.offers)
            return
        listed = part.purchase != "spot"
        reasons = self._reasons(provider, part)
        held = self._not_settled(provider, part, reasons) if listed else set()
        self._held += sorted(held)
        if part.whole:
            for key in [
                key for key in self.prices if (key[0], key[1], key[3]) == (provider, part.region, part.purchase)
            ]:
                del self.prices[key]
        if part.whole and part.purchase == "on_demand":
            for pair in [pair for pair in self.excluded if pair[:2] == (provider, part.region) and pair not in held]:
                if pair not in reasons:
                    del self.excluded[pair]
        for offer in part.offers:
            name = offer.instance_type.name
            if (provider, part.region, name) not in held:
                key = (provider, part.region, name, part.purchase)
                self.prices[key] = self._row(offer)
                self.taken.add(key)
        for pair, reason in reasons.items():
            old_reason, listed_usd_per_hour = self.excluded.get(pair, ("", ""))
            self.excluded[pair] = (reason, listed_usd_per_hour if reason == old_reason else "")

    def _reasons(self, provider: str, part: CachedPrices) -> dict[_Pair, str]:
        """Why known pairs of the part are not offers; unknown pairs are noted."""
        types = load_instance_types()
        reasons = {}
        for pair in part.excluded:
            if (provider, pair.instance_type) in types:
                reasons[provider, pair.region, pair.instance_type] = pair.reason
            else:
                self._strange_types.add((provider, pair.instance_type))
        return reasons

    def _not_settled(self, provider: str, part: CachedPrices, reasons: Mapping[_Pair, str]) -> set[_Pair]:
        """Pairs left out so far that now have a price and nothing more: no source says that they can be bought."""
        pairs = {(provider, part.region, offer.instance_type.name): offer for offer in part.offers}
        return {
            pair
            for pair, offer in pairs.items()
            if pair in self.excluded and pair not in reasons and (offer.sold_as == "unknown" or pair in self._held)
        }

    def _row(self, offer: Offer) -> tuple[str, ...]:
        machine = offer.instance_type
        wording = offer.source.partition(", ")[0]
        source = _code(_NOT_OF_A_SOURCE_ID.sub(" ", wording), "-")
        if not source.startswith(f"{machine.provider}-"):
            source = f"{machine.provider}-{source}"
        self.sources[source] = {"source": wording, "what": _WHAT, "checked": _CHECKED, "derived": False}
        return (
            machine.provider,
            offer.region,
            machine.name,
            offer.purchase,
            offer.sold_as,
            offer.contract,
            f"{Decimal(repr(offer.list_usd_per_instance_hour)):f}",
            source,
            offer.as_of_from.isoformat(),
            offer.as_of_to.isoformat(),
        )

    def texts(self) -> dict[str, str]:
        """The RENEWED_FILES."""
        texts = {}
        for name in dict.fromkeys(FILE_OF_PURCHASE.values()):
            rows = [self.prices[key] for key in sorted(self.prices) if FILE_OF_PURCHASE[key[3]] == name]
            texts[name] = _csv(PRICE_COLUMNS, rows)
        kept = {
            pair: said for pair, said in self.excluded.items() if (*pair, "on_demand") not in self.prices
        }  # a pair that turned out to be sold is no longer left out
        codes = self._codes({reason for reason, _ in kept.values()})
        texts["excluded.csv"] = _csv(
            EXCLUDED_COLUMNS, [(*pair, codes[kept[pair][0]], kept[pair][1]) for pair in sorted(kept)]
        )
        used = {row[PRICE_COLUMNS.index("source")] for row in self.prices.values()}
        tables = [f"[source.{name}]\n{_toml(self.sources[name])}" for name in sorted(used)]
        reasons = _toml({code: text for text, code in sorted(codes.items(), key=lambda said: said[1])})
        texts["sources.toml"] = self.head + "\n".join(tables) + f"\n{_REASONS_HEAD}\n\n[reason]\n{reasons}"
        return texts

    def _codes(self, reasons: set[str]) -> dict[str, str]:
        """A short code for every reason: its old one, or a new one made of its words."""
        codes = {reason: self.codes[reason] for reason in reasons if reason in self.codes}
        for reason in sorted(reasons - codes.keys()):
            code = _code(reason, "_")[:_LONGEST_CODE].rstrip("_")
            taken = set(codes.values())
            codes[reason] = next(
                one for one in [code, *(f"{code}_{n}" for n in range(2, len(taken) + 3))] if one not in taken
            )
        return codes

    def notes(self) -> list[str]:
        """What was left out, one line each."""
        notes = [
            f"{provider} {region}: {count} prices left out, since the region is not in regions.csv; add it with "
            "its place and renew again"
            for (provider, region), count in sorted(self._strange_regions.items())
        ]
        if self._strange_types:
            names = ", ".join(f"{provider} {name}" for provider, name in sorted(self._strange_types))
            notes.append(f"left out, since they are not in instance_types.csv: {names}")
        if self._held:
            names = ", ".join(f"{region} {name}" for _, region, name in sorted(set(self._held)))
            notes.append(
                f"still left out, since a price does not prove that the type is for sale, and what is on offer could "
                f"not be queried: {names}"
            )
        return notes


def _read(path: Path, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [tuple(row) for row in rows_of_folder(path, columns)]


def _csv(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return page.getvalue()


def _toml(values: Mapping[str, object]) -> str:
    # JSON's strings and booleans are TOML's too.
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def _code(text: str, joint: str) -> str:
    return joint.join(re.findall(r"[a-z0-9]+", text.lower()))
