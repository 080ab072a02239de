"""Where an answer goes, and as what: the suffix of ``--output FILE`` decides, before any price or trace is read."""

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.errors import BadInput, MelangeError, echoed
from melange_cloud.inputs import is_there
from melange_cloud.inputs.suggestions import one_of

SUFFIXES = {
    "table": (".txt",),
    "json": (".json",),
    "csv": (".csv",),
    "markdown": (".md", ".markdown"),
    "html": (".html", ".htm"),
    "svg": (".svg",),
    "png": (".png",),
    "pdf": (".pdf",),
    "toml": (".toml",),
}
"""Format -> the suffixes that mean it, the usual one first."""

_MEANS = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}
_MEANS_SOMETHING_ELSE = frozenset(
    {
        *(".doc", ".docx", ".eps", ".feather", ".gif", ".jpeg", ".jpg", ".jsonl", ".ndjson", ".ods", ".odt"),
        *(".parquet", ".ppt", ".pptx", ".ps", ".rst", ".rtf", ".tex", ".tif", ".tiff", ".tsv", ".webp", ".xls"),
        *(".xlsx", ".xml", ".yaml", ".yml", ".7z", ".bz2", ".gz", ".tar", ".xz", ".zip", ".zst"),
    }
)
"""What no command writes and other programs take by its name; other suffixes (``.new``) are free with --format."""

_STANDARD_OUTPUT = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One of SUFFIXES' formats, and the file; None is standard output."""

    format: str
    path: Path | None = None


STDOUT = ResultFile("table")


def result_of(out: Path | None, chosen: str | None, can: Iterable[str], *, force: bool = False) -> ResultFile:
    """Where the answer goes and as what.

    Standard output, also as ``-`` or ``/dev/stdout``, devices and pipes have no suffix that could decide.

    Args:
        out: ``--output``.
        chosen: ``--format``; None if it is not given, or where the command has none.
        can: the formats that the command makes, the default first.
        force: ``--force``.

    Raises:
        BadInput: the suffix says nothing, or what the command cannot make, or what --format contradicts; or the file
            exists and ``force`` is not given.
        MelangeError: the place cannot be written.
    """
    formats = [str(name) for name in can]
    if out is None or str(out) in _STANDARD_OUTPUT:
        return ResultFile(chosen or formats[0])
    if _is_stream(out):
        return ResultFile(chosen or formats[0], out)
    if is_there(out) and out.is_dir():
        raise MelangeError(f"{echoed(out, 150)}: cannot be written (it is a folder)", cure="name a file in it")
    shown = f"--output {echoed(out, 120)}"
    suffix = out.suffix.lower()
    means = _MEANS.get(suffix)
    if chosen is not None:
        if suffix in _MEANS_SOMETHING_ELSE or means not in (None, str(chosen)):
            raise BadInput(f"{shown} and --format {chosen} disagree: drop one of the two, or change the suffix")
    elif means not in formats:
        endings = one_of([SUFFIXES[name][0] for name in formats])
        if not suffix:
            raise BadInput(f"{shown}: the name does not say the format; end it in {endings}")
        drawn = [SUFFIXES[name][0] for name in formats if name in ("png", "svg", "pdf")]
        more = f"; pictures are {one_of(sorted(drawn))}" if drawn else ""
        raise BadInput(f"{shown}: this command does not write {echoed(suffix, 20)}; end the name in {endings}{more}")
    refuse_unwritable(out)
    refuse_existing(out, force=force)
    return ResultFile(chosen or str(means), out)


def refuse_existing(out: Path, option: str = "--output", *, force: bool) -> None:
    """Raise where a file that a user names is there, whoever wrote it; the one rule of all commands that write.

    A saved plan or a price sheet cannot be made again once prices have moved, and nothing in a CSV or Markdown file
    says who wrote it. So no file is overwritten unless the user says so.

    Args:
        option: the option that names it.

    Raises:
        BadInput: it exists, and ``force`` is not given.
    """
    if is_there(out) and not force:
        raise BadInput(
            f"{option} {echoed(out, 150)} already exists", cure="give --force to overwrite it, or another name"
        )


def refuse_unwritable(out: Path) -> None:
    """Raise where a file or folder cannot come into being, which is better said before the work than after it."""
    why = ""
    try:
        out.exists()  # a name that no file can have
        parent = out.resolve().parent
        if not parent.is_dir():
            why = f"the folder {echoed(parent, 80)} does not exist"
        elif not os.access(parent, os.W_OK | os.X_OK):
            why = f"no permission in the folder {echoed(parent, 80)}"
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL in it, a loop of links
        why = getattr(error, "strerror", None) or "not a valid file name"
    if why:
        raise MelangeError(f"{echoed(out, 150)}: cannot be written ({why})", cure="choose another path")


def _is_stream(out: Path) -> bool:
    """Whether it is a device, a pipe or a descriptor, which take anything."""
    if str(out).startswith(("/dev/fd/", "/proc/self/fd/")) or str(out) == "/dev/stderr":
        return True
    try:
        mode = out.stat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
