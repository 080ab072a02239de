"""The loopback server itself: a test double that lies would make every other test worthless."""

import http.client
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.clouds import loopback
from tests.clouds.loopback import Loopback, Reply, Request, by_path, in_turn, loopback_only


def get(url: str, timeout_s: float = 120) -> bytes:
    with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310  the server's own address
        return bytes(response.read())


def test_it_answers_in_turn_and_keeps_what_was_asked() -> None:
    with Loopback(in_turn(Reply({"page": 1}), Reply("last", status=203))) as server:
        assert [get(server.url + "/a?x=1&x=2"), get(server.url + "/b"), get(server.url + "/c")] == [
            b'{"page": 1}',
            b"last",
            b"last",
        ]
        assert (server.requests[0].path, server.requests[0].query) == ("/a", {"x": ["1", "2"]})


def test_it_answers_by_path_and_streams() -> None:
    with Loopback(by_path({"/a": Reply("a"), "/a/b": lambda _: Reply(iter([b"b", b"c"]))})) as server:
        assert (get(server.url + "/a/x"), get(server.url + "/a/b")) == (b"a", b"bc")
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(server.url + "/z")
        caught.value.close()
        assert caught.value.code == 404


def test_its_latency_and_delay_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    waits_s: list[float] = []
    with Loopback(in_turn(Reply("x", delay_s=0.25)), latency_s=0.5) as server:
        monkeypatch.setattr(server._closing, "wait", waits_s.append)
        assert get(server.url) == b"x"
    assert waits_s == [0.75]


def test_its_faults_are_faults() -> None:
    with Loopback(in_turn(Reply("12345678", fault="truncate"), Reply(fault="drop"), Reply(fault="hang"))) as server:
        with pytest.raises(http.client.IncompleteRead):
            get(server.url)
        with pytest.raises(http.client.RemoteDisconnected):
            get(server.url)
        with pytest.raises(TimeoutError):
            get(server.url, timeout_s=0.1)


def test_a_hang_that_nobody_gives_up_fails_its_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_NOBODY_WAITS_S", 0)
    server = Loopback(in_turn(Reply(fault="hang")))
    server.__enter__()
    with pytest.raises(http.client.RemoteDisconnected):
        get(server.url + "/slow")
    with pytest.raises(AssertionError, match="nobody gave up /slow"):
        server.__exit__(None, None, None)


def test_a_closed_server_refuses() -> None:
    with Loopback(in_turn(Reply("x"))) as server:
        server.close()
        with pytest.raises(urllib.error.URLError):
            get(server.url)


def test_a_script_that_fails_fails_its_test() -> None:
    def answer(request: Request) -> Reply:
        raise AssertionError("not as scripted")

    with pytest.raises(AssertionError, match="not as scripted"), Loopback(answer) as server:  # noqa: PT012
        with pytest.raises(urllib.error.HTTPError) as caught:
            get(server.url)
        caught.value.close()


def test_leaving_the_loopback_fails_even_where_an_sdk_swallows_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def leave() -> None:
        with loopback_only(monkeypatch, tmp_path), socket.socket() as stray:
            with pytest.raises(OSError, match="connection"):
                stray.connect(("192.0.2.1", 80))
            with pytest.raises(OSError, match="look-up"):
                socket.getaddrinfo("example.org", 80)

    with pytest.raises(AssertionError, match=r"192\.0\.2\.1.*example\.org"):
        leave()
