"""``melange-cloud profiles build``: makes the shipped profiles."""

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
    """Make all profiles, the same bytes every time.

    Estimates are made from the GPU and model specifications and the calibration; what is pinned over them from the
    shipped measurements.
    """
    from melange_cloud.calibration import build_profiles as making
    from melange_cloud.calibration.choose_pins import pinned
    from melange_cloud.shipped import shipped

    folder = out or shipped("profiles")
    if not check:
        refuse_unwritable(folder)
    made = {"throughput": making.build(), "pinned": pinned()}
    counts = f"{len(made['throughput'])} estimated and {len(made['pinned'])} measured profiles"
    if check:
        different = [
            f"{kept}/{line}" for kept, texts in made.items() for line in making.differences(texts, folder / kept)
        ]
        if different:
            raise MelangeError("\n".join([*different, "run `melange-cloud profiles build` to write them again"]))
        note(f"{counts} match the TOML files and the measurements")
        return
    for kept, texts in made.items():
        making.write(texts, folder / kept)
    note(f"wrote {counts} to {folder}")
