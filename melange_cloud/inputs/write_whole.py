"""Files are written whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from melange_cloud.errors import MelangeError

Checked = TypeVar("Checked")


def write_whole(path: Path, content: str | bytes, *, private: bool = False) -> None:
    """Write text (as UTF-8) or bytes through a temporary file next to ``path`` and an atomic replace.

    A reader sees the old file or the new one; a failure leaves the old one. Something that is not a regular file
    (``/dev/stdout``, a named pipe) cannot be replaced and is written to as it is.

    Args:
        private: the file is for its owner alone (0600), whatever mode it had, and a regular file, whatever it was.

    Raises:
        MelangeError: the place cannot be written; names the path and why.
    """
    raw = content.encode() if isinstance(content, str) else content
    try:
        special = path.exists() and not path.is_file()
        if special and not private:
            path.write_bytes(raw)
            return
        # A symbolic link keeps pointing at its file; one to a device, or to a pipe without a reader, is replaced.
        target = path.absolute() if special else path.resolve()
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(raw)
            # mkstemp makes files for their owner alone; a result keeps the mode it had, or gets the usual one.
            if not private:
                mask = os.umask(0)
                os.umask(mask)
                Path(temporary).chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~mask)
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        what = f"{path}: cannot be written ({error.strerror or error})"
        raise MelangeError(what, cure="choose another place") from error


def write_together(folder: Path, texts: Mapping[str, str], check: Callable[[Path], Checked]) -> Checked:
    """Write files of a folder (UTF-8) so that either all of them are new or all are as they were.

    They are first written into a folder next to it, and checked there; a failure up to then changes nothing. A
    folder that does not exist yet comes into being whole.

    Args:
        texts: file name -> text.
        check: gets the folder next to it, with all of ``texts`` in it; what it raises passes through.

    Returns:
        What ``check`` gave.

    Raises:
        MelangeError: the place cannot be written; names the path and why.
    """
    target = folder.resolve()
    try:
        staged = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            staged.chmod(0o755)  # mkdtemp makes folders for their owner alone
            for name, text in texts.items():
                write_whole(staged / name, text)
            checked = check(staged)
            if target.exists():
                _replace_all(staged, target, list(texts))
            else:
                staged.rename(target)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        what = f"{folder}: cannot be written ({error.strerror or error}); nothing was changed"
        raise MelangeError(what, cure="choose another place") from error
    return checked


def _replace_all(staged: Path, target: Path, names: Sequence[str]) -> None:
    """Move the files over those of the same names; where one cannot be, put the others back."""
    old = staged / "old"
    old.mkdir()
    moved: list[str] = []
    try:
        for name in names:
            if (target / name).exists():
                shutil.copy2(target / name, old / name)
                shutil.copymode(target / name, staged / name)
        for name in names:
            moved.append(name)
            (staged / name).replace(target / name)
    except BaseException:
        for name in moved:
            if (old / name).exists():
                (old / name).replace(target / name)
            elif not (staged / name).exists():
                (target / name).unlink(missing_ok=True)
        raise
