"""``melange-cloud profiles build``: writes what is kept of the shipped profiles."""

from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.options import OUT
from melange_cloud.cli.output import note
from melange_cloud.cli.result_file import refuse_unwritable
from melange_cloud.errors import MelangeError

EXAMPLE = "Example: melange-cloud profiles build --check"


def build(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; compare, and exit with 1 if a file differs.")
    ] = False,
    out: Annotated[Path | None, OUT("Folder; default: the shipped one.")] = None,
) -> None:
    """Write what is kept of the shipped profiles, the same bytes every time.

    Estimates are computed when they are asked; a fingerprint of each is kept, to prove that they are the same
    everywhere. Measured points that are pinned over them are chosen from the shipped measurements.
    """
    from melange_cloud.calibration import build_profiles as making
    from melange_cloud.calibration.choose_pins import pinned
    from melange_cloud.shipped import shipped

    folder = out or shipped("profiles")
    if not check:
        refuse_unwritable(folder)
    fingerprints, points = making.fingerprints(), pinned()
    counts = f"{len(fingerprints.splitlines()) - 1} estimated and {len(points)} measured profiles"
    if check:
        different = [
            *making.different_estimates(fingerprints, folder),
            *(f"pinned/{line}" for line in making.differences(points, folder / "pinned")),
        ]
        if different:
            raise MelangeError("\n".join([*different, "run `melange-cloud profiles build` to write them again"]))
        note(f"{counts} match the TOML files and the measurements")
        return
    making.write({making.FINGERPRINTS: fingerprints}, folder)
    making.write(points, folder / "pinned")
    note(f"wrote {counts} to {folder}")
