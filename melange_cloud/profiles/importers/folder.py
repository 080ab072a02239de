"""Reads all results among files, folders and patterns; other files are skipped, unless there is no result."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs import is_there
from melange_cloud.profiles.importers import ImportedFile, NotAResult, read_file

_STAGES = "import its stage_N_lifecycle_metrics.json files instead"


@dataclass(frozen=True, slots=True)
class FolderResults:
    """The results that were read.

    Attributes:
        readings: of the result files, in the given order.
        skipped: the files that are not results, with the reason.
    """

    readings: tuple[ImportedFile, ...]
    skipped: tuple[Fault, ...]


def read_all(names: Sequence[str]) -> FolderResults:
    """Read every file once, and report the faults of all together.

    Args:
        names: files, folders (without their subfolders), or patterns such as ``run*.json``.

    Raises:
        BadFile: a name matches nothing, a result has faults, or there is no result.
    """
    faults: list[Fault] = []
    skipped: list[Fault] = []
    readings: list[ImportedFile] = []
    for path in _paths(names, faults):
        try:
            readings.append(read_file(path))
        except NotAResult as error:
            skipped.extend(error.faults[:1])
        except BadFile as error:
            faults.extend(error.faults)
    stages = any(reading.runs for reading in readings if reading.tool == "inference-perf")
    if not stages:
        faults.extend(Fault(r.path, f"{r.averages}: {_STAGES}") for r in readings if r.averages)
    if faults or not readings:
        raise BadFile(faults or skipped)
    noted = (
        replace(reading, notes=(*reading.notes, f"{reading.averages}; skipped, since its stages are imported"))
        if reading.averages
        else reading
        for reading in readings
    )
    return FolderResults(tuple(noted), tuple(skipped))


def _paths(names: Sequence[str], faults: list[Fault]) -> Iterable[Path]:
    paths: dict[Path, None] = {}
    for name in names:
        path = Path(name)
        matches = [] if is_there(path) else sorted(glob.glob(name, recursive=True))  # noqa: PTH207 an absolute pattern
        if any(sign in name for sign in "*?[") and not is_there(path) and not matches:
            faults.append(Fault(name, "matches no file"))
        for match in map(Path, matches) if matches else [path]:
            if not (is_there(match) and match.is_dir()):
                paths[match] = None
            elif not matches:
                try:
                    held = sorted(entry for entry in match.iterdir() if entry.is_file() and entry.name[0] != ".")
                except OSError as error:
                    faults.append(Fault(match, f"cannot be read: {error.strerror}"))
                    continue
                if not held:
                    faults.append(Fault(match, f"is a folder without files: give a pattern such as '{match}/*/*.json'"))
                paths.update(dict.fromkeys(held))
    return paths
