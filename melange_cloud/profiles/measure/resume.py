"""Saves what has been measured so far: a folder with ``state.json`` and the load generator's report of each point.

A point is added to ``state.json`` only when its whole report is in the same folder, so an interruption loses at most
the point that was running.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from melange_cloud.domain.measurement import RequestSize
from melange_cloud.errors import BadFile, Fault, MelangeError, shown
from melange_cloud.inputs import parse_json, read_text
from melange_cloud.inputs.strict_json import UnexpectedPart, entries, entry, named, text_of, whole_of
from melange_cloud.inputs.write_whole import write_whole

FORMAT = "melange-cloud measure 1"
_STATE, _RUNNING = "state.json", "running.json"


@dataclass
class KeptPoints:
    """The accepted load points of one set of conditions.

    Attributes:
        folder: where they are.
        conditions: from ``MeasureQuestion.conditions``.
        points: by request size and concurrency, the time of measurement.
        profile: the profile file that was last made from them; None before that.
    """

    folder: Path
    conditions: Mapping[str, str]
    points: dict[tuple[RequestSize, int], str] = field(default_factory=dict)
    profile: Path | None = None

    @property
    def how_to_resume(self) -> str:
        """What has been saved, and how to resume the measurement."""
        if not self.points:
            return "nothing was measured yet; run the same command to start again"
        verb = "is" if len(self.points) == 1 else "are"
        return f"{_points(self)} {verb} saved in {self.folder}; run the same command to resume"

    @classmethod
    def opened(cls, folder: Path, conditions: Mapping[str, str], fresh: bool = False) -> tuple["KeptPoints", str]:
        """Open the folder for these conditions; also a line about what it has, empty if it has nothing.

        Points with other conditions are never used and never deleted: their folder is renamed.

        Raises:
            BadFile: ``state.json`` is damaged.
            MelangeError: the folder cannot be created or written.
        """
        before = _read(folder)
        if before is None:
            kept = cls(folder, dict(conditions))
            kept._make()
            return kept, ""
        changed = [
            f"{name} was {before.conditions.get(name) or '-'}, is {value or '-'}"
            for name, value in conditions.items()
            if before.conditions.get(name) != value
        ]
        last = max(before.points.values(), default="")
        if (fresh or changed) and before.points:
            aside = _set_aside(folder)
            kept = cls(folder, dict(conditions))
            kept._make()
            why = "--fresh" if fresh else "; ".join(changed)
            return kept, f"starting again ({why}); earlier results ({_points(before)}) were moved to {aside}"
        kept = cls(folder, dict(conditions), before.points, before.profile)
        kept._make()
        if not before.points:
            return kept, ""
        return kept, f"resuming with {_points(before)} measured until {last} UTC (use --fresh to measure them again)"

    @property
    def running(self) -> Path:
        """Where the load generator writes the report of the current point."""
        return self.folder / _RUNNING

    def report(self, size: RequestSize, concurrency: int) -> Path:
        """The load generator's report of an accepted point."""
        return self.folder / f"{size}-{concurrency}.json"

    def accept(self, size: RequestSize, concurrency: int, at: datetime) -> None:
        """Save the report in ``running`` as that of this point."""
        self.running.replace(self.report(size, concurrency))
        if (readings := readings_file(self.running)).is_file():
            readings.replace(readings_file(self.report(size, concurrency)))
        self.points[size, concurrency] = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
        self._write()

    def forget(self, size: RequestSize, concurrency: int) -> None:
        """Drop a point with an unreadable report."""
        self.points.pop((size, concurrency), None)
        self._write()

    def saved(self, profile: Path) -> None:
        """Remember the profile that was made from the points; it replaces the previous one."""
        if self.profile is not None and self.profile != profile:
            self.profile.unlink(missing_ok=True)
        self.profile = profile
        self._write()

    def _make(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.running.unlink(missing_ok=True)
        except OSError as error:
            raise MelangeError(f"{self.folder}: cannot be created: {error.strerror}; give another --state") from error
        self._write()

    def _write(self) -> None:
        document = {
            "format": FORMAT,
            "conditions": dict(self.conditions),
            "points": [
                {"input_tokens": size.input_tokens, "output_tokens": size.output_tokens, "concurrency": n, "at": at}
                for (size, n), at in sorted(self.points.items())
            ],
            "profile": None if self.profile is None else str(self.profile),
        }
        write_whole(self.folder / _STATE, json.dumps(document, indent=2) + "\n")


def readings_file(report: Path) -> Path:
    """The file of the GPU readings during a load, by its report."""
    return report.with_suffix(".gpu.csv")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock the folder against other measurements; do so before opening it.

    Raises:
        MelangeError: another measurement is running there, or the lock cannot be written.
    """
    from filelock import FileLock, Timeout

    # Next to the folder, since the folder may be renamed.
    lock = FileLock(str(folder.with_name(f"{folder.name}.lock")), timeout=0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise MelangeError(
            f"{folder}: another measurement is running there: wait for it, or give another --state"
        ) from error
    except OSError as error:
        raise MelangeError(f"{folder}: cannot be written ({error.strerror})", cure="give another --state") from error
    try:
        yield
    finally:
        lock.release()


def _points(kept: KeptPoints) -> str:
    return "1 load point" if len(kept.points) == 1 else f"{len(kept.points)} load points"


def _read(folder: Path) -> KeptPoints | None:
    path = folder / _STATE
    try:
        text = read_text(path)
    except BadFile as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise BadFile(
            [replace(fault, what=str(fault.finding), cure="give another --state") for fault in error.faults]
        ) from error
    try:
        document = parse_json(text)
        if entry(document, "format") != FORMAT:
            raise UnexpectedPart(f"the format is {shown(entry(document, 'format'))}, not {FORMAT!r}")
        points = dict(_point(point) for point in entries(entry(document, "points")))
        profile = entry(document, "profile")
        conditions = {text_of(name): text_of(value) for name, value in named(entry(document, "conditions")).items()}
        return KeptPoints(folder, conditions, points, None if profile is None else Path(text_of(profile)))
    except ValueError as error:
        raise BadFile([Fault(path, f"is damaged ({error}); remove the folder, or give another --state")]) from error


def _point(point: object) -> tuple[tuple[RequestSize, int], str]:
    input_tokens, output_tokens, concurrency = (
        whole_of(entry(point, name), 1) for name in ("input_tokens", "output_tokens", "concurrency")
    )
    return (RequestSize(input_tokens, output_tokens), concurrency), text_of(entry(point, "at"))


def _set_aside(folder: Path) -> Path:
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    try:
        shutil.move(folder, aside)
    except OSError as error:
        raise MelangeError(f"{folder}: cannot be renamed: {error.strerror}; give another --state") from error
    return aside
