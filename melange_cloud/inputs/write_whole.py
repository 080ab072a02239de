"""Writes files whole or not at all."""

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

    A reader sees the old file or the new one; a failure leaves the old one. A path that is not a regular file
    (``/dev/stdout``, a named pipe) cannot be replaced and is written to directly.

    Args:
        private: make it a regular file that only its owner can read (0600), whatever it was before.

    Raises:
        MelangeError: the path cannot be written; the message names it and says why.
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
            # mkstemp makes files that only their owner can read; a result keeps its old mode, or gets the usual one.
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
        raise MelangeError(what, cure="choose another path") from error


def write_together(folder: Path, texts: Mapping[str, str], check: Callable[[Path], Checked]) -> Checked:
    """Write several files of a folder (UTF-8), all of them or none.

    They are first written to a temporary folder next to it and checked there; a failure up to then changes nothing. A
    folder that does not exist yet appears with all of its files.

    Args:
        texts: file name -> text.
        check: called with the temporary folder, which holds all of ``texts``; what it raises passes through.

    Returns:
        What ``check`` returned.

    Raises:
        MelangeError: the path cannot be written; the message names it and says why.
    """
    target = folder.resolve()
    try:
        staged = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
        try:
            staged.chmod(0o755)  # mkdtemp makes folders that only their owner can read
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
        raise MelangeError(what, cure="choose another path") from error
    return checked


def _replace_all(staged: Path, target: Path, names: Sequence[str]) -> None:
    """Move the files over those of the same names; if one cannot be moved, put the others back."""
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
