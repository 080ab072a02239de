"""``melange-cloud prices renew``: renews the snapshot that ships with melange-cloud."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.output import emit
from melange_cloud.cli.prices.price_selection import Format, fetch_progress, tell
from melange_cloud.cli.result_file import ResultFile, output_option, refuse_unwritable

if TYPE_CHECKING:
    from melange_cloud.domain import Offer
    from melange_cloud.market.renew import Renewal


def renew(
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="AWS without credentials: stream its public list, about 300 MB a region, no spot prices."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        output_option("The folder to renew, or a new one [default: pricing/ of the checkout]."),
    ] = None,
    deadline: Annotated[
        str, typer.Option("--deadline", help="How long all asking may take together: 90s, 5m, 1h.")
    ] = "15m",
    format_: Annotated[Format, typer.Option("--format", help="How to show what changed.")] = Format.TABLE,
) -> None:
    """Renew the shipped snapshot: ask both clouds for all regions, write pricing/, and say what changed.

    For maintainers, in a checkout. All files are written or none. What was not answered keeps its rows, with their
    dates and sources; pricing/README.md says what to look at before the commit.
    """
    from melange_cloud.clouds.deadline import deadline_of
    from melange_cloud.market.renew import renew

    if out is not None:
        refuse_unwritable(out)
    deadline_s = deadline_of(deadline)
    with fetch_progress() as progress:
        done = renew(out, public=public, progress=progress, deadline_s=deadline_s)
    tell(done.notes)
    tell(f"check: {line}" for line in done.checks)
    emit(renewal_json(done) if format_ is Format.JSON else renewal_table(done), ResultFile(format_))


def renewal_table(done: "Renewal") -> str:
    """What a renewal changed: counts by cloud and purchase, then every change but the moves of spot prices."""
    from melange_cloud.catalog import CatalogDifference, key_of
    from melange_cloud.cli.prices.price_tables import difference_table, paragraphs, table
    from melange_cloud.domain import PROVIDERS, PURCHASES

    found, rows = done.difference, []
    for provider, purchase in ((one, other) for one in PROVIDERS for other in PURCHASES):
        mine = [one for one in done.renewal.after.offers if _is_of(one, provider, purchase)]
        kept = [one.as_of_to for one in mine if key_of(one) not in done.renewal.renewed]
        changes = [one for one in found.changes if _is_of(one.offer, provider, purchase)]
        if not mine and not changes:
            continue
        moves = [one.fraction * 100 for one in changes if one.fraction is not None]
        rows.append(
            [
                str(len(mine)),
                str(len(mine) - len(kept)),
                str(len(moves)),
                f"{min(moves):+.1f} to {max(moves):+.1f} %" if moves else "-",
                str(sum(one.word == "appeared" for one in changes)),
                str(sum(one.word == "vanished" for one in changes)),
                f"{provider} {purchase}",
                f"{len(kept)}, as of {' to '.join(str(day) for day in sorted({min(kept), max(kept)}))}"
                if kept
                else "-",
            ]
        )
    headings = ["Rows", "Renewed", "Moved", "By", "Appeared", "Vanished", "Prices", "Left as they were"]
    shown = [one for one in found.changes if one.word != "moved" or one.offer.purchase != "spot"]
    quiet = len(found.changes) - len(shown)
    listed = difference_table(
        CatalogDifference(tuple(shown), found.same, found.only_before, found.only_after), ("before", "after")
    )
    if quiet:
        listed += paragraphs([f"{quiet} spot prices that moved are not listed: --format json has them"])
    return f"Renewed {done.folder}\n\n" + table(headings, rows, right=6) + "\n" + listed


def _is_of(offer: "Offer", provider: str, purchase: str) -> bool:
    return (offer.instance_type.provider, offer.purchase) == (provider, purchase)


def renewal_json(done: "Renewal") -> str:
    """What a renewal changed, as JSON."""
    from melange_cloud.cli.prices.price_tables import as_json, changes_of

    return as_json(
        {
            "folder": str(done.folder),
            "notices": list(done.notes),
            "checks": list(done.checks),
            "rows": len(done.renewal.after.offers),
            "renewed_rows": len(done.renewal.renewed),
            **changes_of(done.difference, ("before", "after")),
        }
    )
