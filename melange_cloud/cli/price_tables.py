"""What ``melange-cloud prices`` prints: tables, JSON and CSV; everything here returns text."""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from melange_cloud.cli.output import rendered

if TYPE_CHECKING:
    from melange_cloud.catalog import Difference
    from melange_cloud.domain import Offer
    from melange_cloud.planner.doctor import Check

SCHEMA_VERSION = 1
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

EXPORT_COLUMNS = (*COLUMNS, "vcpus", "memory_gib", "contract", "confirmed")
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
        "contract": offer.contract,
        # The user has confirmed what stands in a sheet; it need not be confirmed again.
        "confirmed": "yes" if offer.origin == "user" else "",
    }


def offers_csv(offers: Sequence["Offer"], columns: Sequence[str] = COLUMNS) -> str:
    """The offers as CSV with a header."""
    page = io.StringIO()
    writer = csv.DictWriter(page, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_of(offer) for offer in offers)
    return page.getvalue()


def offers_json(offers: Sequence["Offer"], notices: Sequence[str], now: datetime) -> str:
    """The offers as JSON rows of COLUMNS."""
    rows = [{column: row_of(offer)[column] for column in COLUMNS} for offer in offers]
    return as_json({"generated_at": now.isoformat(timespec="seconds"), "notices": list(notices), "rows": rows})


def offers_table(offers: Sequence["Offer"], age_words: Callable[["Offer"], str]) -> str:
    """The offers as a table."""
    discounted = any(offer.usd_per_hour != offer.list_usd_per_hour for offer in offers)
    headings = ["$/GPU-h", "$/h", *(["list $/h"] if discounted else []), "GPU", "Instance type", "Region", "Purchase"]
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
    notes = [f"{len(offers)} prices, USD per hour of one instance, cheapest per GPU-hour first"]
    if any(offer.purchase == "spot" for offer in offers):
        notes.append(SPOT_NOTE)
    return _table([*headings, "Price"], rows, right=3 if discounted else 2) + "\n" + "\n".join(notes) + "\n"


def difference_json(found: "Difference", sides: tuple[str, str]) -> str:
    """What changed, as JSON."""
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
    return as_json(
        {
            "before": sides[0],
            "after": sides[1],
            "same": found.same,
            "only_before": [list(place) for place in sorted(found.only_before)],
            "only_after": [list(place) for place in sorted(found.only_after)],
            "changes": changes,
        }
    )


def difference_table(found: "Difference", sides: tuple[str, str]) -> str:
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
    headings = ["Change", "By", f"{sides[0]} $/h", f"{sides[1]} $/h", "Instance type", "Region", "Purchase"]
    counts = {word: sum(change.word == word for change in found.changes) for word in ("moved", "appeared", "vanished")}
    summary = ", ".join(f"{count} {word}" for word, count in counts.items())
    lines = [f"{summary}, {found.same} the same, from {sides[0]} to {sides[1]}"]
    for side, only in zip(sides, (found.only_before, found.only_after), strict=True):
        if only:
            lines.append(f"not compared: {len(only)} pairs of region and purchase that only {side} has")
    return (_table(headings, rows, right=0) + "\n" if rows else "") + "\n".join(lines) + "\n"


def checks_table(checks: Sequence["Check"]) -> str:
    """The doctor's checks, each with its cure in the line below."""
    lines = []
    for check in checks:
        lines.append(f"{check.status:<8}{check.about} {check.what}: {check.found}")
        if check.cure:
            lines.append(f"{'':<8}-> {check.cure}")
    return "\n".join(lines) + "\n"


def checks_json(checks: Sequence["Check"]) -> str:
    """The doctor's checks as JSON."""
    columns = ("about", "what", "status", "found", "cure")
    return as_json({"checks": [{column: getattr(check, column) for column in columns} for check in checks]})


def as_json(answer: Mapping[str, Any]) -> str:
    """The answer with its schema version."""
    return json.dumps({"schema_version": SCHEMA_VERSION, **answer}, indent=2, ensure_ascii=False) + "\n"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> str:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="right" if index < right else "left", no_wrap=index < len(headings) - 2)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return rendered(table)
