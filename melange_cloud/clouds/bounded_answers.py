"""Answers over HTTP, read within bounds: a limit of bytes once unpacked, and a deadline.

The SDKs read whatever comes: 2 MB of gzip became 3.8 GB of memory.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from melange_cloud.concurrency import Deadline
from melange_cloud.errors import Finding

_PIECE_BYTES = 1 << 16
_GZIP = ("gzip", "x-gzip")


_CHECK_PROXIES = "check any proxy in between"


class UnusableAnswerError(Exception):
    """An answer that is too large, or packed in a way that we do not read."""

    def __init__(self, what: str) -> None:
        self.finding = Finding(what, _CHECK_PROXIES)
        super().__init__(str(self.finding))


def pieces(read: Callable[[int], bytes], encoding: str, most_bytes: int, deadline: Deadline | None) -> Iterator[bytes]:
    """The body piece by piece, unpacked; never more than a few pieces in memory.

    Args:
        read: returns at most the given number of bytes as soon as some are there; none at the end.
        encoding: what Content-Encoding says, empty if it says nothing.
        most_bytes: of the body once unpacked.

    Raises:
        UnusableAnswerError: larger, or packed otherwise than by gzip.
        DeadlinePassedError: in the middle of it.
        ValueError: the gzip data is damaged or cut off.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", *_GZIP):
        raise UnusableAnswerError(f"the answer is packed by '{encoding[:20]}', not by gzip")
    done = 0
    for piece in (_unpacked if encoding in _GZIP else _as_it_comes)(read):
        if deadline is not None:
            deadline.check()
        done += len(piece)
        if done > most_bytes:
            raise UnusableAnswerError(_too_large(most_bytes))
        yield piece


def _too_large(most_bytes: int) -> str:
    return f"the answer is larger than {most_bytes / 2**20:,.0f} MiB, which no price list is"


def _as_it_comes(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while piece := read(_PIECE_BYTES):
        yield piece


def _unpacked(read: Callable[[int], bytes]) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(wbits=31)
    begun = False
    while packed := read(_PIECE_BYTES):
        begun = True
        while packed:
            if unpacker.eof:  # gzip data may have several members
                unpacker = zlib.decompressobj(wbits=31)
            try:
                yield unpacker.decompress(packed, _PIECE_BYTES)
            except zlib.error as error:
                raise ValueError(f"damaged gzip data ({error})") from None
            packed = unpacker.unconsumed_tail or unpacker.unused_data.lstrip(b"\x00")
    while begun and not unpacker.eof:
        last = unpacker.decompress(b"", _PIECE_BYTES)
        if not last:
            raise ValueError("gzip data that is cut off")
        yield last


def whole(response: Any, most_bytes: int, deadline: Deadline | None) -> bytes:
    """The body of an urllib3 response that was opened with ``preload_content=False``.

    Raises:
        See ``pieces``; and what urllib3 raises.
    """
    try:
        length = response.headers.get("Content-Length", "")
        if length.isascii() and length.isdigit() and len(length) < 20 and int(length) > most_bytes:
            raise UnusableAnswerError(_too_large(most_bytes))
        encoding = response.headers.get("Content-Encoding", "")
        body = b"".join(pieces(lambda most: _some(response, most), encoding, most_bytes, deadline))
    except BaseException:
        response.close()
        raise
    response.release_conn()
    return body


def _some(response: Any, most: int) -> bytes:
    """At most ``most`` bytes of an urllib3 response, as soon as there are some; ``read`` waits for all of them."""
    if hasattr(response, "read1"):
        return bytes(response.read1(most, decode_content=False))
    return bytes(response.read(1 << 10, decode_content=False))  # urllib3 before 2.2
