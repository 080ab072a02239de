"""A price server that means ill, for the real SDKs: each mode is what one cloud's every request is answered with.

    with hostile("gzip bomb", "gcp", monkeypatch, folder) as server:
        ...  # AWS answers as recorded, Google with bombs

Nothing waits: the clock of deadlines is the test's own and moves with what the server sends, and the bounds on pages
and bytes are a few of each.
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from melange_cloud import clouds, concurrency
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.clouds.aws import bounded_requests as aws_sending
from melange_cloud.clouds.aws import client as aws_client
from melange_cloud.clouds.aws.client import AwsClients, AwsPatience
from melange_cloud.clouds.gcp import GcpPatience, GcpPrices
from melange_cloud.clouds.gcp import client as gcp_client
from tests.clouds.aws_cloud import operation_of, product
from tests.clouds.gcp_recorded import sku
from tests.clouds.loopback import Loopback, Reply, Request
from tests.live import both_clouds, machine_of_its_own, point_at

MOST_PAGES = 10
MOST_BYTES = 2**20
DEEP = 100_000
NASTY = "\x1b]0;owned\x07\x1b[31m\r\nforged line: all is well\x00\u202e" + "x" * 10_000


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self._now_s = 0.0

    def __call__(self) -> float:
        return self._now_s

    def advance(self, seconds: float) -> None:
        self._now_s += seconds


@dataclass
class Ground:
    """What a mode may use.

    Attributes:
        clock: the one of deadlines.
        over: set when the test is.
        elsewhere: another server's address.
        to_come: how many questions the hostile cloud has yet to get; counted down.
        spared: a file that is there once the other cloud's prices have been read; None where it is not asked.
    """

    clock: Clock = field(default_factory=Clock)
    over: threading.Event = field(default_factory=threading.Event)
    elsewhere: str = ""
    to_come: int = 0
    spared: Path | None = None


Mode = Callable[[str, Request, Ground], Reply]


def _drip(ground: Ground, begin: bytes) -> Iterator[bytes]:
    """A byte every ten seconds, once the other cloud has been read, and never an end."""
    yield begin
    while ground.to_come > 0 or (ground.spared is not None and not ground.spared.exists()):
        if ground.over.wait(0.01):
            return
    for _ in range(30):
        yield b" "
        ground.clock.advance(10)
    ground.over.wait()


def _unending(ground: Ground, piece: bytes) -> Iterator[bytes]:
    while not ground.over.is_set():
        yield piece


def _list(cloud: str, items: list[object], token: str = "") -> str:
    if cloud == "aws":
        return json.dumps({"PriceList": items, **({"NextToken": token} if token else {})})
    return json.dumps({"skus": items, "nextPageToken": token})


def _item(cloud: str) -> object:
    return json.dumps(product()) if cloud == "aws" else sku()


def _bomb() -> bytes:
    return gzip.compress(b" " * (20 * MOST_BYTES), compresslevel=1)


MODES: dict[str, Mode] = {
    "drip": lambda cloud, request, ground: Reply(_drip(ground, b"{")),
    "drip in the head": lambda cloud, request, ground: Reply(wire=_drip(ground, b"HTTP/1.1 200 OK\r\nX-Slow: ")),
    "silence": lambda cloud, request, ground: Reply(wire=_drip(ground, b"")),
    "endless tokens": lambda cloud, request, ground: Reply(_list(cloud, [], f"page-{request.number}")),
    "repeated tokens": lambda cloud, request, ground: Reply(_list(cloud, [_item(cloud)], "again")),
    "deep JSON": lambda cloud, request, ground: Reply("[" * DEEP),
    "deep object": lambda cloud, request, ground: Reply('{"a":' * DEEP + "1" + "}" * DEEP),
    "deep item": lambda cloud, request, ground: Reply(
        _list("aws", ["[" * DEEP]) if cloud == "aws" else '{"skus": [' + "[" * DEEP
    ),
    "deep error": lambda cloud, request, ground: Reply('{"error":' * DEEP, status=400),
    "giant numbers": lambda cloud, request, ground: Reply(
        '{"PriceList": ["{\\"product\\": ' + "9" * 10_000 + '}"], "skus": [{"skuId": ' + "9" * 10_000 + "}]}"
    ),
    "wrong types": lambda cloud, request, ground: Reply(
        {"PriceList": [7, None, {}], "skus": [7, None, "x"], "NextToken": {"a": 1}, "nextPageToken": ["x"]}
    ),
    "error of another shape": lambda cloud, request, ground: Reply([[1]], status=500),
    "error that is text": lambda cloud, request, ground: Reply({"error": "no", "__type": ["x"]}, status=403),
    "web page": lambda cloud, request, ground: Reply(
        "<html>Sign in to the hotel's network</html>", headers={"Content-Type": "text/html"}
    ),
    "binary": lambda cloud, request, ground: Reply(bytes(range(256)), headers={"Content-Type": "image/png"}),
    "gzip bomb": lambda cloud, request, ground: Reply(_bomb(), headers={"Content-Encoding": "gzip"}),
    "torn gzip": lambda cloud, request, ground: Reply(_bomb()[:500], headers={"Content-Encoding": "gzip"}),
    "unknown packing": lambda cloud, request, ground: Reply(b"x" * 100, headers={"Content-Encoding": "\x1b[31mbr"}),
    "endless body": lambda cloud, request, ground: Reply(_unending(ground, b" " * 65536)),
    "endless head": lambda cloud, request, ground: Reply(wire=_unending(ground, b"HTTP/1.1 200 OK\r\n" * 1000)),
    "giant length": lambda cloud, request, ground: Reply("{}", headers={"Content-Length": str(10**15)}),
    "torn page": lambda cloud, request, ground: Reply(_list(cloud, [_item(cloud)] * 9), fault="truncate"),
    "escape sequences": lambda cloud, request, ground: Reply(
        {"error": {"code": 400, "message": NASTY, "status": NASTY}, "__type": NASTY, "message": NASTY}, status=400
    ),
    "huge error": lambda cloud, request, ground: Reply(
        {"error": {"code": 400, "message": "x" * 10_000}, "__type": "y" * 10_000, "message": "x" * 10_000}, status=400
    ),
    "redirected to itself": lambda cloud, request, ground: Reply(status=302, headers={"Location": request.path}),
    "redirected elsewhere": lambda cloud, request, ground: Reply(
        status=307, headers={"Location": f"{ground.elsewhere}{request.path}"}
    ),
}


@contextmanager
def hostile(
    mode: str, cloud: str, patch: pytest.MonkeyPatch, folder: Path, *, alone: bool = False
) -> Iterator[Loopback]:
    """Both clouds on one server and a machine of its own; one of them means ill.

    Args:
        alone: the other cloud will not be asked.

    Yields the server; ``elsewhere`` is where redirections lead, and must never be asked.
    """
    ground = Ground(to_come={"aws": 2, "gcp": 1}[cloud])
    own = folder / "machine"
    own.mkdir()

    def ill(request: Request) -> Reply:
        ground.to_come -= 1
        if cloud == "aws" and operation_of(request)[0] != "GetProducts" and "token" in mode:
            return recorded_answers(request)
        return MODES[mode](cloud, request, ground)

    def quick(provider, *, known_types=None, known_sold_as=None, ask_metadata=True, public=False, deadline=None):
        if provider == "aws":
            # Long enough to never matter: what ends a hanging answer here is the deadline.
            aws_patience = AwsPatience(connect_s=60, read_s=600, pricing_attempts=1, ec2_attempts=1)
            return AwsPrices(
                AwsClients(patience=aws_patience, deadline=deadline), known_sold_as=known_sold_as, deadline=deadline
            )
        patience = GcpPatience(answer_s=600, give_up_s=0, first_wait_s=0.01, longest_wait_s=0.01, connect_s=60)
        return GcpPrices(known_types=known_types or {}, ask_metadata=ask_metadata, patience=patience, deadline=deadline)

    recorded_answers = both_clouds()
    with (
        machine_of_its_own(patch, own) as cache,
        Loopback(lambda request: Reply("nobody may come here", status=418)) as elsewhere,
        Loopback(both_clouds(**{cloud: ill})) as server,
    ):
        ground.elsewhere = elsewhere.url
        ground.spared = None if alone else cache / f"{'gcp' if cloud == 'aws' else 'aws'}.json"
        patch.setattr(concurrency, "monotonic", ground.clock)
        patch.setattr(aws_client, "_MOST_PAGES", MOST_PAGES)
        patch.setattr(gcp_client, "MOST_PAGES", MOST_PAGES)
        patch.setattr(aws_sending, "MOST_ANSWER_BYTES", MOST_BYTES)
        patch.setattr(gcp_client, "_MOST_ANSWER_BYTES", MOST_BYTES)
        patch.setattr(clouds, "built_in", quick)
        point_at(server, patch)
        try:
            yield server
        finally:
            ground.over.set()
        assert elsewhere.requests == [], f"{mode}: a redirection was followed off the host"
