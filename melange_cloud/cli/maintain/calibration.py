"""``maintain calibrate`` and ``maintain validate``: the estimator's constants from measurements; its report card."""

from pathlib import Path
from typing import Annotated

from melange_cloud.cli import output
from melange_cloud.cli.options import OUT, AnyFormat, Force, Out
from melange_cloud.cli.progress import steps_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.report.page import Format

CALIBRATE_EXAMPLE = "Example: melange-cloud maintain calibrate"
VALIDATE_EXAMPLE = "Example: melange-cloud maintain validate --format json"


def calibrate(
    out: Annotated[Path | None, OUT("File [default: the shipped calibration.toml].")] = None, force: Force = False
) -> None:
    """Fit the estimator's constants to the shipped measurements, the same digits every time."""
    from melange_cloud.calibration.calibration_text import calibration_text
    from melange_cloud.inputs.write_whole import write_whole
    from melange_cloud.shipped import shipped

    place = out or shipped("profiles") / "calibration.toml"
    result_of(place, None, ["toml"], force=force or out is None)
    with steps_bar("fitting") as progress:
        text = calibration_text(progress)
    write_whole(place, text)
    output.note(f"wrote {place}; `melange-cloud maintain build` makes the rest from it")


def validate(
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """How far off the profiles are on measured rows left out of their fit, and how often each grade kept its word."""
    from melange_cloud.calibration.validate import report_card
    from melange_cloud.report.pages.report_card import report_card_page

    result = result_of(out, format_, Format, force=force)
    with steps_bar("fitting without each part of the rows") as progress:
        rows = report_card(progress)
    output.show(report_card_page(rows), result)
