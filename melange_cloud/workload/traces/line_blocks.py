"""Files of lines, gzip or not, in blocks of whole lines, so that files of any size stream in bounded memory."""

import glob
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Self, cast

from melange_cloud.errors import BadFile, BadInput, Fault, echoed
from melange_cloud.inputs import is_there, open_regular
from melange_cloud.workload.traces.csv_cells import count_of

BLOCK_BYTES = 2**21
"""Small enough for a processor's cache, large enough that the overhead of a block does not matter."""

_LONGEST_RECORD_BYTES = 2**26
_GZIP_MAGIC = b"\x1f\x8b"
_QUOTE, _LINE_FEED = b'"'[0], b"\n"[0]
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

OnBytes = Callable[[int], None]
"""Called with the number of bytes read so far, as they are on disk."""


def expand(words: Sequence[str | Path]) -> list[Path]:
    """The files that paths and globs select, in the given order, those of a glob sorted, each once.

    Raises:
        BadInput: a glob matches nothing, or there are no paths at all.
    """
    paths: list[Path] = []
    for word in words:
        text = str(word)
        if is_there(Path(text)) or not glob.has_magic(text):
            paths.append(Path(text))
            continue
        found = glob.glob(text, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        matches = sorted(path for path in map(Path, found) if path.is_file())
        if not matches:
            raise BadInput(f"{echoed(text, 150)}: no file matches; quote the pattern and check the folder")
        paths.extend(matches)
    if not paths:
        raise BadInput("name at least one file")
    return list(dict.fromkeys(paths))


def size_of(path: Path) -> int:
    """Bytes on the disk.

    Raises:
        BadFile: the file cannot be read, or is not a regular one.
    """
    with open_regular(path) as stream:
        try:
            return stream.seek(0, 2)
        except OSError as error:  # some regular files in /proc have no end
            raise BadFile([Fault(path, f"cannot be read ({error.strerror}): check the path")]) from error


class FileLines:
    """The lines of one file: first a look at the beginning, then all of them in blocks.

    Attributes:
        path: for messages.
    """

    def __init__(self, path: Path, on_bytes: OnBytes | None = None) -> None:
        self.path = path
        self._on_bytes = on_bytes
        self._raw = open_regular(path)
        try:
            magic = self._read_raw(2)
            self._raw.seek(0)
            zipped = magic == _GZIP_MAGIC
            self._stream = cast("IO[bytes]", gzip.GzipFile(fileobj=self._raw)) if zipped else self._raw
            self._first = self._read(BLOCK_BYTES).removeprefix(_BYTE_ORDER_MARK)
        except BaseException:
            self._raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._raw.close()

    @property
    def start(self) -> bytes:
        """The beginning of the file, at most a block."""
        return self._first

    def blocks(self, *, quoted: bool) -> Iterator[tuple[int, bytes]]:
        """(number of the first line, whole lines) in order.

        Args:
            quoted: a line feed between double quotes does not end a line.

        Raises:
            BadFile: damaged gzip data, or a record of more than 64 MiB.
        """
        line, waiting, more = 1, [b""], self._first
        waiting_bytes, inside = 0, False
        while more:
            end, inside = _end_of_lines(more, inside) if quoted else (more.rfind(b"\n") + 1, False)
            if end:
                whole = b"".join([*waiting, more[:end]])
                yield line, whole
                line += count_of(whole, b"\n")
                waiting, waiting_bytes = [], 0
            waiting.append(more[end:])
            waiting_bytes += len(more) - end
            if waiting_bytes > _LONGEST_RECORD_BYTES:
                cure = "a quote is never closed" if inside else "there is no line feed"
                raise BadFile([Fault(self.path, f"no end of the record within 64 MiB: {cure}", line=line)])
            more = self._read(BLOCK_BYTES)
        if rest := b"".join(waiting):
            yield line, rest

    def _read(self, size: int) -> bytes:
        try:
            data = self._stream.read(size)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadFile([Fault(self.path, f"damaged gzip data ({error}): download the file again")]) from error
        except OSError as error:
            raise BadInput(f"{echoed(self.path, 150)}: cannot be read ({error.strerror or error})") from error
        if self._on_bytes is not None:
            self._on_bytes(self._raw.tell() if self._raw.seekable() else 0)
        return data

    def _read_raw(self, size: int) -> bytes:
        try:
            return self._raw.read(size)
        except OSError as error:
            raise BadInput(f"{echoed(self.path, 150)}: cannot be read ({error.strerror or error})") from error


def _end_of_lines(piece: bytes, inside: bool) -> tuple[int, bool]:
    """The end of the last line feed outside quotes, 0 if there is none; and whether a quote is open at the end.

    Args:
        inside: True if a quote is open at the beginning of the piece.
    """
    end = piece.rfind(b"\n") + 1
    if b'"' not in piece:
        return (0 if inside else end), inside
    import numpy as np

    data = np.frombuffer(piece, dtype=np.uint8)
    open_after = (np.cumsum(data == _QUOTE, dtype=np.uint8) & 1).astype(bool) ^ inside
    ends = np.flatnonzero((data == _LINE_FEED) & ~open_after)
    return (int(ends[-1]) + 1 if len(ends) else 0), bool(open_after[-1])
