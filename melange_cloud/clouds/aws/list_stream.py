"""The body of a long list as a stream: decompressed and counted; rejected if it is incomplete or too slow."""

import io
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPResponse
from time import monotonic
from typing import IO, Any

from melange_cloud.clouds.bounded_answers import UnusableAnswerError, pieces
from melange_cloud.concurrency import Deadline
from melange_cloud.errors import echoed

LEAST_BYTES_PER_S = 50_000
"""The lowest speed that we accept: a list of 300 MB then takes 100 minutes."""
WINDOW_S = 30.0
"""The speed is averaged over this time: a pause of a few seconds is no reason to give up."""


class PassingBody(io.RawIOBase):
    """The decompressed bytes of an HTTP answer.

    Args:
        response: as ``urlopen`` returns it.
        most_bytes: limit of the body once decompressed.
        deadline: when to stop reading.

    Attributes:
        length: bytes that the server announces; None if it does not.
        says_its_end: False if only the end of the connection marks the end of the body.
        done_bytes: received over the network so far.
    """

    def __init__(self, response: HTTPResponse, most_bytes: int, deadline: Deadline | None) -> None:
        length = response.headers.get("Content-Length", "")
        self.length = int(length) if length.isascii() and length.isdigit() and len(length) < 20 else None
        self.says_its_end = self.length is not None or response.chunked
        self.done_bytes = 0
        self._response = response
        self._clock = deadline.clock if deadline else monotonic
        self._window_began, self._window_bytes = self._clock(), 0
        encoding = response.headers.get("Content-Encoding", "")
        self._pieces: Iterator[bytes] = pieces(self._next, encoding, most_bytes, deadline)
        self._left = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Some bytes, as soon as any are available.

        Raises:
            UnusableAnswerError: too large, too slow, or compressed by something other than gzip.
            DeadlinePassedError: the deadline passed in the middle of it.
            ValueError: the body is shorter than announced, or its gzip data is damaged.
        """
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                if self.length is not None and self.done_bytes != self.length:
                    raise ValueError(f"{self.done_bytes} bytes instead of {self.length}")
                return 0
            self._left = memoryview(piece)
        room = memoryview(buffer)
        count = min(len(room), len(self._left))
        room[:count] = self._left[:count]
        self._left = self._left[count:]
        return count

    def _next(self, most: int) -> bytes:
        some = self._response.read1(most)
        self.done_bytes += len(some)
        self._window_bytes += len(some)
        now = self._clock()
        if now - self._window_began >= WINDOW_S:
            if self._window_bytes < LEAST_BYTES_PER_S * (now - self._window_began):
                raise UnusableAnswerError(
                    f"it comes at less than {LEAST_BYTES_PER_S // 1000} kB/s over {WINDOW_S:.0f} s: try again, or look "
                    "at the network"
                )
            self._window_began, self._window_bytes = now, 0
        return some


class SameHost(urllib.request.HTTPRedirectHandler):
    """Follows redirects within the requested host, and no others."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> urllib.request.Request | None:
        """See HTTPRedirectHandler.

        Raises:
            UnusableAnswerError: the redirect goes to another host or scheme.
        """
        asked, to = urllib.parse.urlsplit(req.full_url), urllib.parse.urlsplit(newurl)
        if (asked.scheme, asked.netloc) != (to.scheme, to.netloc):
            raise UnusableAnswerError(f"it redirects to another host, {echoed(to.netloc)}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]
