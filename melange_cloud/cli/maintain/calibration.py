"""``profiles calibrate`` and ``profiles validate``: the estimator's constants from measurements; its report card."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.options import OUT, AnyFormat, Out
from melange_cloud.cli.progress import steps_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.errors import MelangeError
from melange_cloud.report.page import Format

CALIBRATE_EXAMPLE = "Example: melange-cloud profiles calibrate --check"
VALIDATE_EXAMPLE = "Example: melange-cloud profiles validate --format json"


def calibrate(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare, and exit with 1 if a constant differs.")
    ] = False,
    out: Annotated[Path | None, OUT("File; default: the shipped calibration.toml.")] = None,
) -> None:
    """Fit the estimator's constants to the shipped measurements, the same digits every time."""
    from melange_cloud.calibration.calibration_text import calibration_text, difference
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.shipped import shipped

    place = out or shipped("profiles") / "calibration.toml"
    if not check:
        result_of(place, None, ["toml"])
    with steps_bar("fitting") as progress:
        text = calibration_text(progress)
    if check:
        if differs := difference(text, place):
            cure = "run `melange-cloud profiles calibrate`, then `profiles build`"
            raise MelangeError(f"{place}: {differs}; {cure}")
        output.note(f"{place.name} matches the measurements")
        return
    write_whole(place, text)
    output.note(f"wrote {place}; `melange-cloud profiles build` makes the profiles from it")


def validate(
    format_: AnyFormat = None,
    out: Out = None,
) -> None:
    """How far off the estimator is on request shapes held out of its fit, by GPU, era, precision and quantity."""
    from melange_cloud.calibration.validate import report_card
    from melange_cloud.report.pages.report_card import report_card_page

    result = result_of(out, format_, Format)
    with steps_bar("fitting without each part") as progress:
        rows = report_card(progress)
    output.show(report_card_page(rows), result)
