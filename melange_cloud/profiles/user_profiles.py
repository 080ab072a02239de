"""The user's own profiles: where they are, how to save one, and how to combine them.

There is one file per import, in the profile format: ``<era>/<model>/<precision>/<gpu>/tp<degree>-<digest>.csv`` under
the user's data folder. An import never overwrites another; delete a file to remove its points.
"""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from melange_cloud.domain import GPUS, Kind, OperatingPoint
from melange_cloud.errors import BadInput, MelangeError, echoed
from melange_cloud.estimator.spec_files import load_eras, load_models
from melange_cloud.estimator.specs import DEFAULT_MAX_NUM_SEQS
from melange_cloud.inputs import can_be
from melange_cloud.inputs.write_whole import write_whole
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.files.profile_file import ProfileFile, read_profile_file
from melange_cloud.profiles.files.profile_format import MEASURED_FORMAT, format_profile
from melange_cloud.profiles.run_points import contradiction, doubts, points_of, rejection, same_size

USUAL_REACH = 131_072
"""Longest input + output, tokens, if the user does not say: what most models of today declare."""

FOLDER_VARIABLE = "MELANGE_CLOUD_PROFILES"
_DOUBTS = 5
"""Limit of clauses of doubt in a file's header."""

_NOT_IN_A_NAME = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class KindMeasurements:
    """The measurements of one kind, combined.

    Attributes:
        points: by (input_tokens, output_tokens).
        notes: contradictions, one line each.
        shipped: the sizes whose points come with the package.
        own: the user's files that contribute, oldest first.
    """

    points: dict[tuple[int, int], tuple[OperatingPoint, ...]]
    notes: tuple[str, ...]
    shipped: frozenset[tuple[int, int]] = frozenset()
    own: tuple[ProfileFile, ...] = ()


def own_folder() -> Path:
    """The folder of the user's profiles: MELANGE_CLOUD_PROFILES, or else the system's data folder for the user.

    Raises:
        BadInput: the variable is not a valid folder name.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        if not can_be(Path(named)):
            raise BadInput(f"{FOLDER_VARIABLE}={echoed(named)}: not a valid folder name; correct or unset it")
        return Path(named)
    from platformdirs import user_data_path

    return user_data_path("melange-cloud", appauthor=False) / "profiles"


def plain_name(model: str, or_else: str | None = None) -> str:
    """A model's name in a form for folders: qwen3-0.6b for ``Qwen/Qwen3-0.6B``.

    Args:
        or_else: what to return if nothing is left of it.

    Raises:
        BadInput: nothing of it is left, and ``or_else`` is None.
    """
    name = _NOT_IN_A_NAME.sub("-", model.strip().rstrip("/").rpartition("/")[2].lower()).strip("-.")
    if not name and or_else is not None:
        return or_else
    if not name:
        raise BadInput(f"--model {model!r}: give the model's name, such as llama-3.1-8b")
    return name


def save_runs(
    runs: Sequence[BenchmarkRun],
    *,
    gpu: str,
    tensor_parallel: int,
    model: str,
    precision: str,
    era: str,
    max_total_tokens: int | None = None,
    max_num_seqs: int | None = None,
    weights_gib: float | None = None,
    folder: Path | None = None,
    now: datetime | None = None,
) -> Path:
    """Save runs as a profile of the user's; every later plan uses it where it applies.

    Saving the same runs again replaces them; other runs of the same size are kept as well (see ``together``).

    Args:
        runs: of one replica; those that ``rejection`` rejects are left out.
        gpu: one of GPUS.
        tensor_parallel: GPUs of the replica.
        model, precision, era: from ``resolve_import``; the model need not be a shipped one.
        max_total_tokens: longest input + output that the engine was started for; None uses a shipped model's context,
            or else USUAL_REACH.
        max_num_seqs: the most requests that the engine ran at once; None is DEFAULT_MAX_NUM_SEQS.
        weights_gib: weights of the model in this precision, GiB, if known.
        folder: root of the profiles; None is ``own_folder()``.
        now: the time of saving; None is the present.

    Returns:
        The path of the file.

    Raises:
        BadInput: no run is left, or the GPU is not one of GPUS.
        MelangeError: the folder cannot be written.
    """
    if gpu not in GPUS:
        raise BadInput(f"--gpu {gpu}: unknown GPU; use {', '.join(GPUS)}")
    points = points_of(runs)
    if not points:
        reasons = dict.fromkeys(f"{run.source}: {rejection(run)}" for run in runs)
        raise BadInput("\n".join(reasons) or "no run to save")
    header = {
        "format": MEASURED_FORMAT,
        "model": model,
        "precision": precision,
        "gpu": gpu,
        "era": era,
        "max_total_tokens": str(max_total_tokens or _usual_reach(model, era, points)),
        "max_num_seqs": str(max_num_seqs or DEFAULT_MAX_NUM_SEQS),
        "source": "measured by " + "; ".join(sorted({run.tool for run in runs if not rejection(run)})),
        "calibration": "none, measured",
        "made by": "melange-cloud profiles import",
    }
    if weights_gib is not None:
        header["weights_gib"] = f"{weights_gib:g}"
    engines = sorted({" ".join(run.engine.split()) for run in runs if run.engine.strip()})
    if engines:
        header["engine"] = "; ".join(engines)
    doubt = list(dict.fromkeys(clause for run in runs if not rejection(run) for clause in doubts(run)))
    if doubt:
        more = [f"and {len(doubt) - _DOUBTS} more"] if len(doubt) > _DOUBTS else []
        header["doubt"] = "; ".join([*doubt[:_DOUBTS], *more])
    import hashlib  # imports OpenSSL, which a plan does not need

    rows = [(tensor_parallel, point) for point in points]
    digest = hashlib.sha256(format_profile(header, rows).encode()).hexdigest()[:8]
    header["saved"] = f"{(now or datetime.now(UTC)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    path = (folder or own_folder()) / era / plain_name(model) / precision / gpu / f"tp{tensor_parallel}-{digest}.csv"
    save_file(path, format_profile(header, rows))
    return path


def _usual_reach(model: str, era: str, points: Iterable[OperatingPoint]) -> int:
    """Longest input + output of an engine about which nothing else is known, tokens."""
    if model in load_models() and era in load_eras():
        return load_eras()[era].context(load_models()[model])
    return max(USUAL_REACH, *(point.input_tokens + point.output_tokens for point in points))


def save_file(path: Path, text: str) -> None:
    """Write a profile file and its folders; profiles read from then on include it.

    Raises:
        MelangeError: the folder cannot be created, or the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MelangeError(f"{path.parent}: cannot be created: {error.strerror}; set {FOLDER_VARIABLE}") from error
    write_whole(path, text)
    read_profile_file.cache_clear()


def own_files(era: str, model: str, precision: str, gpu: str) -> list[ProfileFile]:
    """The user's measured files of a profile, oldest measurement first.

    Raises:
        BadFile: one of them is broken.
    """
    files = _files(era, model, precision, gpu)
    return sorted((file for file in files if file.header.format == MEASURED_FORMAT), key=_age)


def own_estimates(era: str, model: str, precision: str, gpu: str) -> list[ProfileFile]:
    """The user's estimated files of a profile (``profiles estimate --save``), by name.

    Raises:
        BadFile: one of them is broken.
    """
    return [file for file in _files(era, model, precision, gpu) if file.header.format != MEASURED_FORMAT]


def _files(era: str, model: str, precision: str, gpu: str) -> list[ProfileFile]:
    folder = own_folder() / era / plain_name(model) / precision / gpu
    return [read_profile_file(path) for path in sorted(folder.glob("*.csv"))]


def own_precisions(era: str, model: str) -> list[str]:
    """The precisions in which the user measured a model, sorted."""
    folder = own_folder() / era / plain_name(model)
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _age(file: ProfileFile) -> tuple[str, str, str]:
    """Sort key: day of the measurement (of saving, if no point has one), then time of saving, then name."""
    days = [
        point.measured_on.isoformat()
        for kind, sizes in file.rows.items()
        for size in sizes
        for point in file.points(kind, size)
        if point.measured_on is not None
    ]
    return max(days, default=file.header.saved[:10]), file.header.saved, file.path.name


def together(shipped: Sequence[ProfileFile], own: Sequence[ProfileFile], kind: Kind) -> KindMeasurements:
    """Combine files of a kind: at each size the user's take precedence, and newer ones over those they contradict.

    Files that agree are merged, so that runs at several rates make one curve.

    Args:
        shipped: measured profiles that come with the package.
        own: the user's, oldest first.
    """
    notes: list[str] = []
    mine: dict[tuple[int, int], list[tuple[ProfileFile, tuple[OperatingPoint, ...]]]] = {}
    for file in own:
        for size in file.rows.get(kind, {}):
            points = file.points(kind, size)
            known = next((other for other in mine if same_size(size, other)), size)
            kept = []
            for older, held in mine.get(known, []):
                against = contradiction(points, held)
                if against:
                    notes.append(
                        f"{file.header.model} on {kind} at {known[0]:,} + {known[1]:,} tokens: {file.path.name} "
                        f"contradicts {older.path.name} ({against}); the newer, {file.path.name}, is used"
                    )
                else:
                    kept.append((older, held))
            mine[known] = [*kept, (file, points)]
    points_by_size = {size: tuple(point for _, points in held for point in points) for size, held in mine.items()}
    come_with_it = {
        size: file
        for file in shipped
        for size in file.rows.get(kind, {})
        if not any(same_size(size, other) for other in mine)
    }
    points_by_size.update({size: file.points(kind, size) for size, file in come_with_it.items()})
    used = {file.path for held in mine.values() for file, _ in held}
    return KindMeasurements(
        dict(sorted(points_by_size.items())),
        tuple(notes),
        frozenset(come_with_it),
        tuple(file for file in own if file.path in used),
    )


def own_profiles() -> Iterable[ProfileFile]:
    """All of the user's files, sorted by path.

    Raises:
        BadFile: one of them is broken.
    """
    folder = own_folder()
    return [read_profile_file(path) for path in sorted(folder.glob("*/*/*/*/*.csv"))] if folder.is_dir() else []
