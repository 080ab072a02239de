"""What ``melange-cloud prices`` prints: tables, JSON and CSV; everything here returns text."""

import csv
import io
import json
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from melange_cloud.cli.output import bounded, width
from melange_cloud.errors import echoed
from melange_cloud.inputs.spreadsheet_cells import safe_cell

if TYPE_CHECKING:
    from melange_cloud.catalog import CatalogDifference
    from melange_cloud.domain import Offer
    from melange_cloud.market.doctor import DoctorCheck

SCHEMA_VERSION = 1
_GAP = 2
"""Spaces between two columns, or one where that keeps a row in one line."""

_LONGEST_CELL, _LONGEST_FINDING = 100, 1000
"""Characters that are shown of what may come from a sheet, a plug-in or a server."""

SPOT_NOTE = "spot: interruptible, price at one moment"

COLUMNS = (
    "provider",
    "region",
    "instance_type",
    "gpu",
    "gpu_count",
    "purchase",
    "sold_as",
    "usd_per_hour",
    "list_usd_per_hour",
    "origin",
    "source",
    "as_of_from",
    "as_of_to",
)
"""The columns of ``prices list`` in JSON and CSV; ``--prices FILE`` reads the CSV."""

SHAPE_COLUMNS = ("vcpus", "memory_gib", "quota_family")
"""What a price sheet needs besides, to know an instance type that does not ship with melange-cloud."""

EXPORT_COLUMNS = (*COLUMNS, *SHAPE_COLUMNS, "contract", "confirmed")
"""What ``prices export`` writes besides, so that nothing is lost on the way through a price sheet."""


def row_of(offer: "Offer") -> dict[str, Any]:
    """One offer by EXPORT_COLUMNS."""
    machine = offer.instance_type
    return {
        "provider": machine.provider,
        "region": offer.region,
        "instance_type": machine.name,
        "gpu": machine.gpu,
        "gpu_count": machine.gpu_count,
        "purchase": offer.purchase,
        "sold_as": offer.sold_as,
        "usd_per_hour": offer.usd_per_hour,
        "list_usd_per_hour": offer.list_usd_per_hour,
        "origin": offer.origin,
        "source": offer.source,
        "as_of_from": offer.as_of_from.isoformat(),
        "as_of_to": offer.as_of_to.isoformat(),
        "vcpus": machine.vcpus,
        "memory_gib": machine.memory_gib,
        "quota_family": machine.quota_family,
        "contract": offer.contract,
        # The user has confirmed what stands in a sheet; it need not be confirmed again.
        "confirmed": "yes" if offer.origin == "user" else "",
    }


def offers_csv(offers: Sequence["Offer"], columns: Sequence[str] | None = None) -> str:
    """The offers as CSV with a header.

    Args:
        columns: None is COLUMNS, and SHAPE_COLUMNS where there is a type that does not ship with melange-cloud.
    """
    from melange_cloud.catalog import load_instance_types

    if columns is None:
        known = load_instance_types()
        new = any((offer.instance_type.provider, offer.instance_type.name) not in known for offer in offers)
        columns = (*COLUMNS, *SHAPE_COLUMNS) if new else COLUMNS
    page = io.StringIO()
    writer = csv.DictWriter(page, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: safe_cell(cell) for column, cell in row_of(offer).items()} for offer in offers)
    return page.getvalue()


def offers_json(offers: Sequence["Offer"], notices: Sequence[str], now: datetime) -> str:
    """The offers as JSON rows of COLUMNS."""
    rows = [{column: row_of(offer)[column] for column in COLUMNS} for offer in offers]
    return as_json({"generated_at": now.isoformat(timespec="seconds"), "notices": list(notices), "rows": rows})


def offers_table(offers: Sequence["Offer"], age_words: Callable[["Offer"], str]) -> str:
    """The offers as a table."""
    if not offers:
        return "no price matches: loosen --region, --gpu, --instance-type, --purchase or --provider\n"
    discounted = any(offer.usd_per_hour != offer.list_usd_per_hour for offer in offers)
    headings = ["$/GPU-h", "$/h", *(["list $/h"] if discounted else []), "GPU", "Instance", "Region", "Purchase"]
    rows = []
    for offer in offers:
        machine = offer.instance_type
        usual = offer.sold_as == offer.purchase or (offer.sold_as == "commitment" and offer.contract)
        contract = f" {offer.contract}" if offer.contract else ""
        rows.append(
            [
                f"{offer.usd_per_hour / machine.gpu_count:.4f}",
                f"{offer.usd_per_hour:.4f}",
                *([f"{offer.list_usd_per_hour:.4f}"] if discounted else []),
                f"{machine.gpu_count} {machine.gpu}",
                machine.name,
                f"{machine.provider} {offer.region}",
                f"{offer.purchase}{contract}" + ("" if usual else f" (sold as {offer.sold_as})"),
                age_words(offer),
            ]
        )
    count = "1 price" if len(offers) == 1 else f"{len(offers)} prices"
    notes = [f"{count}, USD per hour of one instance, cheapest per GPU-hour first"]
    if any(offer.purchase == "spot" for offer in offers):
        notes.append(SPOT_NOTE)
    return table([*headings, "Price"], rows, right=3 if discounted else 2) + "\n" + paragraphs(notes)


def difference_json(found: "CatalogDifference", sides: tuple[str, str]) -> str:
    """What changed, as JSON."""
    return as_json(changes_of(found, sides))


def changes_of(found: "CatalogDifference", sides: tuple[str, str]) -> dict[str, Any]:
    """What changed, by the keys of the JSON answer."""
    changes = [
        {
            "change": change.word,
            "provider": change.offer.instance_type.provider,
            "region": change.offer.region,
            "instance_type": change.offer.instance_type.name,
            "purchase": change.offer.purchase,
            "before_usd_per_hour": change.before.usd_per_hour if change.before else None,
            "after_usd_per_hour": change.after.usd_per_hour if change.after else None,
            "fraction": change.fraction,
            "before_as_of": change.before.as_of_to.isoformat() if change.before else None,
            "after_as_of": change.after.as_of_to.isoformat() if change.after else None,
        }
        for change in found.changes
    ]
    return {
        "before": sides[0],
        "after": sides[1],
        "same": found.same,
        "only_before": [list(place) for place in sorted(found.only_before)],
        "only_after": [list(place) for place in sorted(found.only_after)],
        "changes": changes,
    }


def difference_table(found: "CatalogDifference", sides: tuple[str, str]) -> str:
    """What changed, as a table."""
    rows = [
        [
            change.word,
            "-" if change.fraction is None else f"{change.fraction * 100:+.1f} %",
            f"{change.before.usd_per_hour:.4f}" if change.before else "-",
            f"{change.after.usd_per_hour:.4f}" if change.after else "-",
            change.offer.instance_type.name,
            f"{change.offer.instance_type.provider} {change.offer.region}",
            change.offer.purchase,
        ]
        for change in found.changes
    ]
    headings = ["Change", "By", "Before $/h", "After $/h", "Instance", "Region", "Purchase"]
    counts = {word: sum(change.word == word for change in found.changes) for word in ("moved", "appeared", "vanished")}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items())
    lines = [f"{summary}, {found.same} the same, from {sides[0]} to {sides[1]}"]
    for side, only in zip(sides, (found.only_before, found.only_after), strict=True):
        if only:
            pairs = "pair" if len(only) == 1 else "pairs"
            lines.append(f"not compared: {len(only)} {pairs} of region and purchase that only {side} has")
    return (table(headings, rows, right=0) + "\n" if rows else "") + paragraphs(lines)


def checks_table(checks: Sequence["DoctorCheck"]) -> str:
    """The doctor's checks, each with its cure in the line below."""
    lines = []
    for check in checks:
        found = echoed(f"{check.about} {check.what}: {check.found}", _LONGEST_FINDING)
        lines += _wrapped(found, " " * 8, f"{check.status:<8}")
        if check.cure:
            lines += _wrapped(echoed(check.cure, _LONGEST_FINDING), " " * 11, f"{'':<8}-> ")
    return "\n".join(lines) + "\n"


def checks_json(checks: Sequence["DoctorCheck"]) -> str:
    """The doctor's checks as JSON."""
    columns = ("about", "what", "status", "found", "cure")
    return as_json({"checks": [{column: getattr(check, column) for column in columns} for check in checks]})


def as_json(answer: Mapping[str, Any]) -> str:
    """The answer with its schema version."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **answer}, indent=2, ensure_ascii=False) + "\n"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> str:
    """A table, the first ``right`` columns aligned right; what does not fit beside them stands in a line below."""
    rows = [[echoed(cell, _LONGEST_CELL) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    page = _page()
    gaps = len(widths) - 1
    gap = 1 if sum(widths) + gaps <= page < sum(widths) + gaps * _GAP else _GAP
    beside = max(
        (count for count in range(1, len(widths) + 1) if sum(widths[:count]) + gap * (count - 1) <= page), default=1
    )
    lines = []
    for row in (headings, *rows):
        cells = [
            cell.rjust(widths[column]) if column < right else cell.ljust(widths[column])
            for column, cell in enumerate(row[:beside])
        ]
        lines.append((" " * gap).join(cells).rstrip())
        lines += _wrapped((" " * gap).join(row[beside:]), "    ")
    return "\n".join(lines) + "\n"


def paragraphs(texts: Sequence[str]) -> str:
    """Sentences, each in lines of the page's width."""
    return "\n".join(line for text in texts for line in _wrapped(text, "  ", "")) + "\n"


def _page() -> int:
    """Columns to fill: the terminal's, or COLUMNS; where there is neither, a row is a line for grep and awk."""
    return width() if bounded() else sys.maxsize


def _wrapped(text: str, indent: str, first: str | None = None) -> list[str]:
    """The text in lines of the page's width, no word or command torn at a hyphen; none for no text."""
    return textwrap.wrap(
        text,
        _page(),
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )
