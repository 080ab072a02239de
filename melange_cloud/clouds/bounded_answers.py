"""HTTP answers, read within bounds: a limit of bytes once decompressed, and a deadline.

The SDKs read without a limit: 2 MB of gzip became 3.8 GB of memory.
"""

import zlib
from collections.abc import Callable, Iterator
from typing import Any

from melange_cloud.concurrency import Deadline
from melange_cloud.errors import Finding

_PIECE_BYTES = 1 << 16
_GZIP = ("gzip", "x-gzip")


_CHECK_PROXIES = "check any proxy on the way"


class UnusableAnswerError(Exception):
    """An answer is too large, or compressed in a way that we do not read."""

    def __init__(self, what: str) -> None:
        self.finding = Finding(what, _CHECK_PROXIES)
        super().__init__(str(self.finding))


def pieces(read: Callable[[int], bytes], encoding: str, most_bytes: int, deadline: Deadline | None) -> Iterator[bytes]:
    """The decompressed body, piece by piece; never more than a few pieces in memory.

    Args:
        read: returns at most the given number of bytes as soon as some are available; none at the end.
        encoding: the Content-Encoding header; empty if there is none.
        most_bytes: limit of the body once decompressed.

    Raises:
        UnusableAnswerError: larger, or compressed by something other than gzip.
        DeadlinePassedError: the deadline passed in the middle of it.
        ValueError: the gzip data is damaged or truncated.
    """
    encoding = encoding.strip().lower()
    if encoding not in ("", "identity", *_GZIP):
        raise UnusableAnswerError(f"the answer is compressed with '{encoding[:20]}', not with gzip")
    done = 0
    for piece in (_unpacked if encoding in _GZIP else _as_it_comes)(read):
        if deadline is not None:
            deadline.check()
        done += len(piece)
        if done > most_bytes:
            raise UnusableAnswerError(_too_large(most_bytes))
        yield piece


def _too_large(most_bytes: int) -> str:
    return f"the answer is larger than {most_bytes / 2**20:,.0f} MiB, so it cannot be a price list"


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
            raise ValueError("truncated gzip data")
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
    """At most ``most`` bytes of an urllib3 response, as soon as some are available; ``read`` would wait for all."""
    if hasattr(response, "read1"):
        return bytes(response.read1(most, decode_content=False))
    return bytes(response.read(1 << 10, decode_content=False))  # urllib3 before 2.2
