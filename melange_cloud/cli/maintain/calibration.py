"""``profiles calibrate`` and ``profiles validate``: the estimator's constants from measurements; its report card."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.output import emit, note, rendered, width
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.errors import MelangeError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from melange_cloud.calibration.validate import CardRow

SCHEMA_VERSION = 1
_WIDTH_OF_ALL = 96
_WIDTH_OF_ONE_TABLE = 76
_OF_THE_ESTIMATOR = 3
"""Narrower terminals get the first columns, and narrower ones yet groups; JSON and CSV have all."""
CALIBRATE_EXAMPLE = "Example: melange-cloud profiles calibrate --check"
VALIDATE_EXAMPLE = "Example: melange-cloud profiles validate --format json"


class CardFormat(StrEnum):
    """How the report card is shown; csv is how it is stored."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def calibrate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare, and exit with 1 if a constant differs.")
    ] = False,
    out: Annotated[Path | None, output_option("File; default: the shipped calibration.toml.")] = None,
) -> None:
    """Fit the estimator's constants to the shipped measurements, the same digits every time."""
    from melange_cloud.calibration.calibration_text import calibration_text, differs
    from melange_cloud.cli.progress import steps_bar
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.shipped import shipped

    place = out or shipped("profiles") / "calibration.toml"
    if not check:
        result_of(place, None, ["toml"])
    with steps_bar("fitting") as progress:
        text = calibration_text(progress)
    if check:
        try:
            different = differs(text, place.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise MelangeError(f"{place}: cannot be read: {error}") from error
        if different:
            cure = "run `melange-cloud profiles calibrate`, then `profiles build`"
            raise MelangeError(f"{place}: {different[0]}; {cure}")
        note(f"{place.name} is as the measurements give it")
        return
    write_whole(place, text)
    note(f"wrote {place}; `melange-cloud profiles build` makes the profiles from it")


def validate(
    format_: Annotated[
        CardFormat | None, typer.Option("--format", help="How to show it [default: as --output ends, else table].")
    ] = None,
    out: Annotated[Path | None, output_option()] = None,
) -> None:
    """How far off the estimator is on request shapes held out of its fit, by GPU, era, precision and quantity."""
    from melange_cloud.calibration.report_card import card_csv
    from melange_cloud.calibration.validate import report_card
    from melange_cloud.cli.progress import steps_bar

    result = result_of(out, format_, CardFormat)
    with steps_bar("fitting without each part") as progress:
        rows = report_card(progress)
    if result.format == CardFormat.JSON:
        emit(_card_json(rows), result)
    elif result.format == CardFormat.CSV:
        emit(card_csv(rows), result)
    else:
        emit(_card_table(rows), result)


def _card_json(rows: "list[CardRow]") -> str:
    from dataclasses import asdict

    def digits(value: object) -> object:
        return round(value, 4) if isinstance(value, float) else value

    shown = [{name: digits(value) for name, value in asdict(row).items()} for row in rows]
    return json.dumps({"schema_version": SCHEMA_VERSION, "rows": shown}, indent=2) + "\n"


def _card_table(rows: "list[CardRow]") -> str:
    from rich.console import Group
    from rich.text import Text

    refused = sum(row.refused for row in rows)
    notes = ["Median, p90: of the estimator, under the limits and with the constants of the engine measured"]
    if width() >= _WIDTH_OF_ALL:
        notes += [
            "Shipped: of the profiles' one number for all engines, without pins",
            "Within stated: how often a cell's error holds",
        ]
    else:
        notes.append(f"As shipped, and how often the stated error holds: from {_WIDTH_OF_ALL} columns on, and in JSON")
    notes.append(f"Not counted: {refused} saturated cells of replicas that are refused, with a sliver of memory")
    shown = _one_table(rows) if width() >= _WIDTH_OF_ONE_TABLE else _grouped(rows)
    title = Text("Errors on request shapes held out of the fit")
    return rendered(Group(title, Text(), shown, Text(), *(Text(line) for line in notes)))


def _one_table(rows: "list[CardRow]") -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("GPU", "Era", "Precision", "Quantity"):
        table.add_column(heading, no_wrap=True)
    headings = ("Cells", "Median", "p90", "Shipped median", "p90", "Within stated")
    held = len(headings) if width() >= _WIDTH_OF_ALL else _OF_THE_ESTIMATOR
    for heading in headings[:held]:
        table.add_column(heading, justify="right", no_wrap=held < len(headings))
    for row in rows:
        table.add_row(row.gpu, row.era, row.precision, row.quantity.replace("_", " "), *_numbers(row)[:held])
    return table


def _grouped(rows: "list[CardRow]") -> "RenderableType":
    """A line per GPU, era and precision, and under it one per quantity: 40 columns hold it."""
    from itertools import groupby

    from rich.text import Text

    wide = max(len(row.quantity) for row in rows)
    lines = [f"{'':{wide}}  Cells  Median     p90"]
    for key, held in groupby(rows, key=lambda row: (row.gpu, row.era, row.precision)):
        lines.append(", ".join(key))
        for row in held:
            cells, median, p90 = _numbers(row)[:_OF_THE_ESTIMATOR]
            lines.append(f"{row.quantity.replace('_', ' '):{wide}}  {cells:>5}  {median:>6}  {p90:>6}")
    return Text("\n".join(lines))


def _numbers(row: "CardRow") -> tuple[str, ...]:
    return (
        *(str(row.cells), _percent(row.median_error), _percent(row.p90_error)),
        *(_percent(row.shipped_median_error), _percent(row.shipped_p90_error), _percent(row.within_stated, 0)),
    )


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"
