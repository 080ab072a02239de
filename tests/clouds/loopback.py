"""A scripted HTTP server on 127.0.0.1 that the real vendor clients talk to.

    def answer(request: Request) -> Reply:
        return Reply({"PriceList": []})

    with Loopback(answer, latency_s=0.1) as server:
        client = boto3.client("pricing", endpoint_url=server.url, ...)
        ...
        assert [request.path for request in server.requests] == ["/"]

``answer`` is called in the request's own thread (as many as the client opens), so it must be safe to call from several
at once; ``in_turn`` makes one from a list of replies and ``by_path`` one from a table. What it raises becomes a 500 and
is raised again when the server closes, so that a wrong script fails its test.

    Reply(body, status, headers, delay_s, fault)
        body      dict or list: sent as JSON. str, bytes: sent as they are. An iterator of bytes: streamed, chunked.
        wire      an iterator of bytes: all that goes over the wire, head included; then the connection closes.
        delay_s   seconds before this answer, on top of the server's ``latency_s``.
        fault     "hang": nothing is ever answered (until the server closes or the client gives up; where it does not
                  give up for two minutes, the test fails when the server closes).
                  "truncate": Content-Length promises the whole body, half of it comes, then the connection closes.
                  "drop": the connection closes without an answer.

    Request: method, path (without the query), query and form (name -> values), headers (lower-case names), body,
             json() (the body parsed), number (0 for the first that arrived), arrived_s (time.monotonic()).

    server.url        "http://127.0.0.1:<port>", no slash at its end
    server.requests   every request so far, in order of arrival
    server.most_at_once   how many were answered at the same time, at most
    server.close()    stops; new connections are refused from then on (the server "killed in the middle")

``loopback_only`` makes every connection and name look-up elsewhere an error, takes the proxies and the credentials out
of the environment, and switches the metadata servers off; conftest.py puts it around every test in this folder.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest

_HANG_CHECK_S = 0.02
_NOBODY_WAITS_S = 120
"""So long that a client that still waits will wait for ever, however busy the machine is."""


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    number: int
    arrived_s: float

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)


@dataclass(frozen=True)
class Reply:
    """What the server answers."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    fault: str = ""
    wire: Iterator[bytes] | None = None


Answer = Callable[[Request], Reply]


def in_turn(*replies: Reply) -> Answer:
    """The replies in order, by order of arrival; the last one again for every further request."""

    def answer(request: Request) -> Reply:
        return replies[min(request.number, len(replies) - 1)]

    return answer


def by_path(answers: Mapping[str, Answer | Reply]) -> Answer:
    """The answer for the longest prefix of the path that the table holds; 404 where it holds none."""

    def answer(request: Request) -> Reply:
        for prefix in sorted(answers, key=len, reverse=True):
            if request.path.startswith(prefix):
                found = answers[prefix]
                return found if isinstance(found, Reply) else found(request)
        return Reply(f"no answer is scripted for {request.path}", status=404)

    return answer


class Loopback:
    """The server; use it in a ``with``. See the module's docstring."""

    def __init__(self, answer: Answer, latency_s: float = 0.0) -> None:
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._answer = answer
        self._latency_s = latency_s
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._at_once = 0
        self._mistakes: list[BaseException] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.loopback = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
        if self._mistakes and error is None:
            raise self._mistakes[0]

    def close(self) -> None:
        """Stop: hanging answers end, open connections are cut, new ones are refused."""
        if not self._closing.is_set():
            self._closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _take(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
        parts = urlsplit(target)
        with self._lock:
            request = Request(
                method=method,
                path=parts.path,
                query=parse_qs(parts.query, keep_blank_values=True),
                headers=headers,
                body=body,
                number=len(self.requests),
                arrived_s=time.monotonic(),
            )
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        return request

    def _reply_to(self, request: Request) -> Reply:
        try:
            reply = self._answer(request)
        except BaseException as mistake:  # noqa: BLE001 - a script's own assertion; raised again by __exit__
            self._mistakes.append(mistake)
            return Reply(f"the script failed: {mistake!r}", status=500)
        self._closing.wait(self._latency_s + reply.delay_s)
        return reply

    def _done(self) -> None:
        with self._lock:
            self._at_once -= 1


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # every region is asked at once; with the usual 5, a busy machine turns some away
    loopback: Loopback

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client has closed it already
                continue
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle of an answer is what half of the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 65536  # head and body leave together
    server: _Server

    def _serve(self) -> None:
        loopback = self.server.loopback
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = loopback._take(self.command, self.path, headers, self.rfile.read(length))
        try:
            self._send(loopback._reply_to(request), loopback._closing)
        finally:
            loopback._done()

    do_GET = do_POST = do_PUT = do_HEAD = _serve  # noqa: N815  the names that http.server looks for

    def _send(self, reply: Reply, closing: threading.Event) -> None:
        if reply.fault == "hang":
            given_up_s = time.monotonic() + _NOBODY_WAITS_S
            while not closing.wait(_HANG_CHECK_S) and not self._client_is_gone():
                if time.monotonic() > given_up_s:
                    self.server.loopback._mistakes.append(AssertionError(f"nobody gave up {self.path}, which hangs"))
                    break
        if reply.fault in ("hang", "drop") or closing.is_set():
            self.close_connection = True
            return
        if reply.wire is not None:
            self.close_connection = True
            for piece in reply.wire:
                self.wfile.write(piece)
                self.wfile.flush()
            return
        if isinstance(reply.body, Iterator):
            self._head(reply, "application/octet-stream", {"Transfer-Encoding": "chunked"})
            self.end_headers()
            for chunk in reply.body:
                self.wfile.write(b"%X\r\n%s\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
            return
        body, kind = reply.body, "application/json"
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        self._head(reply, kind, {"Content-Length": str(len(body))})
        self.end_headers()
        if reply.fault == "truncate":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)

    def _head(self, reply: Reply, kind: str, more: Mapping[str, str]) -> None:
        self.send_response_only(reply.status)
        for name, value in {"Date": self.date_time_string(), "Content-Type": kind, **more, **reply.headers}.items():
            self.send_header(name, value)

    def _client_is_gone(self) -> bool:
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def log_message(self, *message: Any) -> None:
        """Tests read ``requests`` instead."""


_LOOPBACK = ("127.0.0.1", "::1", "localhost", b"127.0.0.1", None)
_HOME_OF_CREDENTIALS = ("HOME", "CLOUDSDK_CONFIG")
_UNWANTED = ("AWS_", "GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_", "MELANGE_CLOUD_")


@contextmanager
def loopback_only(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> Iterator[None]:
    """No packet leaves the loopback; no credential, proxy or setting of the machine is found.

    An attempt fails on the spot, and again at the end, should an SDK have swallowed the failure.

    Args:
        empty_home: an empty folder that stands in for the home folder, where SDKs look for credentials.

    Raises:
        AssertionError: something else than the loopback was looked up or connected to.
    """
    real_connect, real_look_up = socket.socket.connect, socket.getaddrinfo
    attempts: list[str] = []

    def refuse(attempt: str) -> None:
        attempts.append(attempt)
        raise OSError(attempt)

    def connect(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in _LOOPBACK:
            refuse(f"a connection to {address}")
        real_connect(self, address)

    def look_up(host: Any, *args: Any, **named: Any) -> Any:
        if host not in _LOOPBACK:
            refuse(f"a look-up of {host}")
        return real_look_up(host, *args, **named)

    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        patch.setattr(socket, "getaddrinfo", look_up)
        for name in list(os.environ):
            if name.startswith(_UNWANTED) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        for name in _HOME_OF_CREDENTIALS:
            patch.setenv(name, str(empty_home))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_GCE_CHECK", "true")
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield
    assert not attempts, f"a test tried to leave the loopback: {', '.join(attempts)}"
