"""Loads a workload by its shipped name or its path."""

import re
from pathlib import Path

from melange_cloud.domain import Workload, WorkloadFile
from melange_cloud.errors import BadInput, echoed, shown
from melange_cloud.inputs import is_there, read_text
from melange_cloud.inputs.suggestions import did_you_mean, known_are, slips_of
from melange_cloud.shipped import shipped
from melange_cloud.workload.file import parse_workload_file
from melange_cloud.workload.histogram import SizeFacts, parse_histogram
from melange_cloud.workload.hourly_histogram import is_by_hours, parse_hourly_histogram

_SPACES = re.compile(r"[\s_]+")


def list_workloads() -> tuple[str, ...]:
    """The names of the shipped workloads, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.json")))


def load_workload(name_or_path: str | Path) -> Workload:
    """Load a workload by shipped name, from a workload file (.json) or from a histogram (.csv).

    A shipped name takes precedence over a file of that name; ``./chat`` or ``chat.json`` is always a path.

    Raises:
        BadInput: the name or file is not found, or the file is not .json or .csv.
        BadFile: with all faults of the file.
    """
    return load_workload_file(name_or_path).workload


def load_workload_file(name_or_path: str | Path) -> WorkloadFile:
    """Like ``load_workload``, with the source's arrival rates if the file has them."""
    text = str(name_or_path)
    names = list_workloads()
    shipped_name = _SPACES.sub("-", text.strip().lower())
    if text in names or (shipped_name in names and not is_there(Path(text))):
        path = _folder() / f"{shipped_name}.json"
    else:
        path = Path(text)
        if not (path.suffix or len(path.parts) > 1 or (is_there(path) and not path.is_dir())):
            raise BadInput(_unknown(text, names))
    kind = path.suffix.lower()
    if kind == ".json":
        return parse_workload_file(read_text(path), path)
    if kind == ".csv":
        text = read_text(path)
        if is_by_hours(text):
            return parse_hourly_histogram(text, path, SizeFacts())
        return WorkloadFile(parse_histogram(text, path))
    raise BadInput(
        f"{echoed(path, 150)}: a workload file must end in .json (workload) or .csv (histogram); "
        "make one of a trace with melange-cloud workloads from-trace"
    )


def _folder() -> Path:
    return shipped("profiles") / "workloads"


def _unknown(name: str, names: tuple[str, ...]) -> str:
    close = did_you_mean(slips_of(name, names))
    hint = f"{close} For" if close else f"{known_are(names)}; for"
    return f"unknown workload {shown(name)}: {hint} your own traffic give a .json or .csv file"
