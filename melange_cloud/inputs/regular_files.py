"""Untrusted files: only regular ones, of a bounded size, with or without gzip, as UTF-8 text."""

import io
import os
import stat
import zlib
from pathlib import Path
from typing import BinaryIO

from melange_cloud.errors import BadFile, Fault

MOST_BYTES = 64 * 2**20
"""Bytes of the largest file that is read at once: a sheet, a cache file, settings, results. Traces are streamed."""

_CHECK_PATH = "check the path"
_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20


class NotUtf8(BadFile):
    """The file can be read, but it is not UTF-8 text."""


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. It must be a regular file: a pipe or a device may never end.

    Raises:
        BadFile: it cannot be opened, or is a folder, a pipe or a device.
    """
    try:
        # Without O_NONBLOCK, opening a pipe that has no writer would wait for ever.
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        why = getattr(error, "strerror", None) or error
        raise BadFile([Fault(path, f"cannot be read ({why})", cure=_CHECK_PATH)]) from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        kind = "a folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "not a regular file"
        os.close(handle)
        raise BadFile([Fault(path, f"cannot be read (it is {kind})", cure=_CHECK_PATH)])
    return os.fdopen(handle, "rb")


def is_there(path: Path) -> bool:
    """True if the path exists; False for a name that no file can have (too long, or with a NUL in it)."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def can_be(path: Path) -> bool:
    """False for a name that no file can have: too long, or with a NUL in it."""
    try:
        path.exists()
    except (OSError, ValueError):
        return False
    return True


def read_bytes(path: Path, most_bytes: int = MOST_BYTES) -> bytes:
    """All bytes of a regular file.

    Raises:
        BadFile: it cannot be read, is not a regular file, or is larger than ``most_bytes``.
    """
    with open_regular(path) as stream:
        too_large = os.fstat(stream.fileno()).st_size > most_bytes
        try:
            # One byte more: a file may grow while it is read, and files in /proc report a size of 0.
            content = b"" if too_large else stream.read(most_bytes + 1)
        except OSError as error:
            raise BadFile([Fault(path, f"cannot be read ({error.strerror or error})")]) from error
    if too_large or len(content) > most_bytes:
        raise BadFile([Fault(path, f"is larger than {_size(most_bytes)}, the limit for such a file")])
    return content


def read_text(path: Path, most_bytes: int = MOST_BYTES) -> str:
    """The text of a UTF-8 file, gzip or not; a byte order mark is skipped.

    Raises:
        NotUtf8: it is not UTF-8 (a BadFile).
        BadFile: as ``read_bytes``; or its gzip data is damaged or expands beyond ``most_bytes``.
    """
    content = read_bytes(path, most_bytes)
    if content.startswith(_GZIP_MAGIC):
        try:
            content = expand_gzip(content, most_bytes)
        except ValueError as error:
            raise BadFile([Fault(path, str(error))]) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotUtf8([Fault(path, "is not UTF-8 text", line, cure="save it as UTF-8")]) from error


def expand_gzip(content: bytes, most_bytes: int = MOST_BYTES) -> bytes:
    """Expand gzip data, with never more than ``most_bytes`` of it in memory.

    Raises:
        ValueError: it is damaged or cut off, or expands beyond ``most_bytes``; the text is a clause with the cure.
    """
    out = io.BytesIO()
    rest = content
    while rest:
        expander = zlib.decompressobj(wbits=31)
        while not expander.eof:
            try:
                out.write(expander.decompress(rest, _CHUNK))
            except zlib.error as error:
                raise ValueError(f"damaged gzip data ({error}): download the file again") from None
            if out.tell() > most_bytes:
                raise ValueError(f"its gzip data expands beyond the limit of {_size(most_bytes)}")
            rest = expander.unconsumed_tail
            if not rest and not expander.eof:
                # An empty input flushes what is left inside the decompressor, until nothing more comes out.
                if not (piece := expander.decompress(b"", _CHUNK)):
                    raise ValueError("damaged gzip data (it is truncated): download the file again")
                out.write(piece)
        # Zeros may pad the end of gzip data; anything else after it is another member.
        rest = expander.unused_data.lstrip(b"\x00")
    return out.getvalue()


def _size(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB" if size >= 2**20 else f"{size:,} bytes"
