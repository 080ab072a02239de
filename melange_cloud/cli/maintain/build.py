"""``maintain build`` and ``maintain check``: what is kept of the shipped profiles, written or proven."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.options import OUT, Force
from melange_cloud.cli.output import note
from melange_cloud.cli.progress import steps_bar
from melange_cloud.cli.result_file import refuse_existing, refuse_unwritable
from melange_cloud.errors import MelangeError

BUILD_EXAMPLE = "Example: melange-cloud maintain build"
CHECK_EXAMPLE = "Example: melange-cloud maintain check"


def build(out: Annotated[Path | None, OUT("Folder [default: the shipped one].")] = None, force: Force = False) -> None:
    """Write the stored parts of the shipped profiles, the same bytes every time.

    Estimates are computed on demand; a fingerprint of each is stored, to prove that they are the same everywhere.
    The measured points pinned over them are chosen from the shipped measurements.
    """
    from melange_cloud.calibration import build_profiles as making
    from melange_cloud.calibration.choose_pins import pinned
    from melange_cloud.shipped import shipped

    folder = out or shipped("profiles")
    refuse_unwritable(folder)
    refuse_existing(folder / making.FINGERPRINTS, force=force or out is None)
    fingerprints, points = making.fingerprints(), pinned()
    making.write({making.FINGERPRINTS: fingerprints}, folder)
    making.write(points, folder / "pinned")
    note(f"wrote {_counted(fingerprints, len(points))} to {folder}")


def check(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="What `maintain calibrate` and `build` wrote [default: as shipped].")
    ] = None,
) -> None:
    """Prove that the shipped profiles follow from the shipped measurements: constants, estimates, and pinned points.

    Everything is computed again and compared, on this machine. Exit code 1: something differs.
    """
    from melange_cloud.calibration import build_profiles as making
    from melange_cloud.calibration.calibration_text import calibration_text, difference
    from melange_cloud.calibration.choose_pins import pinned
    from melange_cloud.shipped import shipped

    place = folder or shipped("profiles")
    with steps_bar("fitting") as progress:
        constants = difference(calibration_text(progress), place / "calibration.toml")
    fingerprints, points = making.fingerprints(), pinned()
    differs = [
        *([f"calibration.toml: {constants}"] if constants else []),
        *making.different_estimates(fingerprints, place),
        *(f"pinned/{line}" for line in making.differences(points, place / "pinned")),
    ]
    if differs:
        cure = "run `melange-cloud maintain calibrate`, then `melange-cloud maintain build`, to write them again"
        raise MelangeError("\n".join([*differs, cure]))
    note(f"the constants and {_counted(fingerprints, len(points))} follow from the measurements")


def _counted(fingerprints: str, measured: int) -> str:
    return f"{len(fingerprints.splitlines()) - 1} estimated and {measured} measured profiles"
