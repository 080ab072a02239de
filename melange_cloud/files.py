"""Files are written whole or not at all."""

import contextlib
import os
import tempfile
from pathlib import Path

from melange_cloud.errors import MelangeError


def write_whole(path: Path, text: str, *, private: bool = False) -> None:
    """Write UTF-8 text through a temporary file beside ``path`` and an atomic replace.

    A reader sees the old file or the new one; a failure leaves the old one. Something that is not a regular file
    (``/dev/stdout``, a named pipe) cannot be replaced and is written to as it is.

    Args:
        private: the file is for its owner alone (0600), whatever mode it had.

    Raises:
        MelangeError: the place cannot be written; names the path and why.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
            return
        target = path.resolve()  # a symbolic link keeps pointing at its file
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(text)
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
        raise MelangeError(f"{path}: cannot be written: {error.strerror or error}; choose another place") from error
