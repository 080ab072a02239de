"""What can go wrong with live prices, provoked with the real SDKs against the loopback server.

`python -m tests.faults` prints what a user sees of each; the table of faults in pricing/README.md is held to it by
test_readme_faults.py. The clouds have little patience here, so that nobody waits.
"""

import copy
import gzip
import json
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from melange_cloud import clouds, concurrency
from melange_cloud.clouds.aws import AwsPrices, PublicAwsPrices, bulk
from melange_cloud.clouds.aws import client as aws_client
from melange_cloud.clouds.aws.client import AwsClients, AwsPatience
from melange_cloud.clouds.gcp import GcpPatience, GcpPrices
from melange_cloud.clouds.gcp import client as gcp_client
from tests.clouds.aws_cloud import FakeAws, dimension, product, public_list, recorded, recorded_spot, refusal
from tests.clouds.gcp_recorded import skus
from tests.clouds.hostile import Clock
from tests.clouds.loopback import Answer, Loopback, Reply, Request
from tests.live import both_clouds, machine_of_its_own, point_at

BOTH = ("--region", "us-east-1", "--region", "us-central1", "--purchase", "on_demand")
AWS = ("--region", "us-east-1", "--purchase", "on_demand")
GCP = ("--region", "us-central1", "--purchase", "on_demand")


def seen(*arguments: str) -> str:
    """All that a command prints, notes first, at 400 columns."""
    from melange_cloud.cli.app import app

    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "400"}, catch_exceptions=False)
    return f"{result.stderr}{result.stdout}"


def failed(*arguments: str) -> str:
    """All that a command prints which ends with exit code 5."""
    from melange_cloud.cli.app import app

    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "400"})
    assert result.exit_code == 5, result.output
    return f"{result.stderr}{result.stdout}"


class Machine:
    """A machine of its own: its cache folder, and the server that both clouds are asked at."""

    answer_s: float = 120
    """How long a cloud may take to answer, however busy the machine is; little where one hangs."""

    def __init__(self, cache: Path, patch: pytest.MonkeyPatch) -> None:
        self.cache = cache
        self.patch = patch
        self._servers: list[Loopback] = []

    def asks(self, aws: Answer | None = None, gcp: Answer | None = None) -> Loopback:
        """Let both clouds answer as recorded, or as given."""
        server = Loopback(both_clouds(aws, gcp))
        self._servers.append(server)
        server.__enter__()
        point_at(server, self.patch)
        return server

    def close(self) -> None:
        for server in self._servers:
            server.close()


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine for one fault, with clouds that are asked again for a third of a second at most."""

    def impatient(provider, *, known_types=None, known_sold_as=None, ask_metadata=True, public=False, deadline=None):
        if provider == "aws" and public:
            return PublicAwsPrices(timeout_s=60, wait_s=0.01, known_sold_as=known_sold_as, deadline=deadline)
        if provider == "aws":
            aws_patience = AwsPatience(connect_s=120, read_s=made.answer_s, pricing_attempts=2, ec2_attempts=1)
            return AwsPrices(
                AwsClients(patience=aws_patience, deadline=deadline), known_sold_as=known_sold_as, deadline=deadline
            )
        patience = GcpPatience(answer_s=made.answer_s, give_up_s=0.3, first_wait_s=0.01, longest_wait_s=0.02)
        return GcpPrices(known_types=known_types or {}, ask_metadata=ask_metadata, patience=patience, deadline=deadline)

    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
        machine_of_its_own(patch, Path(folder)) as cache,
    ):
        patch.setattr(clouds, "built_in", impatient)
        patch.chdir(folder)
        made = Machine(cache, patch)
        try:
            yield made
        finally:
            made.close()


def google_error(status: int, message: str = "no") -> Reply:
    return Reply({"error": {"code": status, "message": message, "status": "TROUBLE"}}, status=status)


def only_list(fault: Callable[[Request, str, str], Reply | None]) -> FakeAws:
    """The recorded AWS, with a fault in GetProducts alone."""

    def chosen(request: Request, operation: str, region: str) -> Reply | None:
        return fault(request, operation, region) if operation == "GetProducts" else None

    return FakeAws(recorded("gpu_products.json"), recorded_spot(), fault=chosen)


def both(aws: FakeAws | None, gcp: Answer | None, *command: str) -> Callable[[Machine], str]:
    """What is seen where the clouds answer like this."""

    def provoke(here: Machine) -> str:
        here.asks(aws, gcp)
        return seen(*(command or ("prices", "list", *BOTH)))

    return provoke


def with_aws_price(change: Callable[[dict], None]) -> FakeAws:
    products = copy.deepcopy(recorded("gpu_products.json"))
    spoilt = next(one for one in products if one["product"]["attributes"]["regionCode"] == "us-east-1")
    change(dimension(spoilt))
    return FakeAws(products, recorded_spot())


def with_gcp_sku(wording: str, change: Callable[[dict], None]) -> Answer:
    listed = copy.deepcopy(skus())
    for one in listed:
        if re.match(wording, one["description"]) and "us-central1" in one["serviceRegions"]:
            change(one)
    return lambda request: Reply({"skus": listed})


def _money(sku: dict) -> Any:
    return sku["pricingInfo"][0]["pricingExpression"]


def _empty_pages(here: Machine) -> str:
    def google(request: Request) -> Reply:
        token = request.query.get("pageToken", [""])[0]
        return {
            "": Reply({"skus": skus()[:30], "nextPageToken": "empty"}),
            "empty": Reply({"nextPageToken": "last"}),
            "last": Reply({"skus": skus()[30:]}),
        }[token]

    def amazon(request: Request, operation: str, region: str) -> Reply | None:
        if operation != "GetProducts" or "NextToken" in request.json():
            return None
        return Reply({"PriceList": [], "NextToken": "0"})

    here.asks(only_list(amazon), google)
    return seen("prices", "refresh", *BOTH)


def _dripping(here: Machine) -> str:
    """Both clouds send a blank now and then, and the deadline passes once all three questions have come."""
    clock, over, asked = Clock(), threading.Event(), queue.SimpleQueue()

    def drip() -> Iterator[bytes]:
        asked.put(None)
        while not over.wait(0.05):
            yield b" "
            if asked.qsize() >= 3:
                clock.advance(2)

    here.patch.setattr(concurrency, "monotonic", clock)
    server = here.asks(lambda _: Reply(drip()), lambda _: Reply(drip()))
    said = seen("prices", "list", "--deadline", "1s", *BOTH)
    over.set()
    server.close()  # whoever still listens ends here
    return said


def _endless_pages(here: Machine) -> str:
    here.patch.setattr(aws_client, "_MOST_PAGES", 10)
    here.patch.setattr(gcp_client, "MOST_PAGES", 10)
    here.asks(
        only_list(lambda request, *_: Reply({"PriceList": [], "NextToken": str(request.number)})),
        lambda request: Reply({"skus": [], "nextPageToken": str(request.number)}),
    )
    return seen("prices", "list", *BOTH)


def _without_bounds(here: Machine) -> str:
    bomb = Reply(gzip.compress(b" " * 2**27, compresslevel=1), headers={"Content-Encoding": "gzip"})
    here.asks(only_list(lambda *_: Reply(iter([b" " * 2**20] * 9))), lambda _: bomb)
    return seen("prices", "list", *BOTH)


def _halved() -> FakeAws:
    products = copy.deepcopy(recorded("gpu_products.json"))
    for made in products:
        usd = dimension(made)["pricePerUnit"]
        usd["USD"] = f"{float(usd['USD']) / 2:.10f}"
    return FakeAws(products, recorded_spot())


def _begins_later(one: dict) -> None:
    later = copy.deepcopy(one["pricingInfo"][0])
    one["pricingInfo"] = [later | {"effectiveTime": "2099-01-01T00:00:00Z"}]


def _cut_list(here: Machine) -> str:
    products = [product(), product("m7i.large", sku="OTHER", instanceFamily="General purpose")]
    lines = public_list(products).splitlines(keepends=True)
    cut = "".join(lines)[:-100]
    here.patch.setattr(bulk, "_ATTEMPTS", 1)
    here.asks(lambda _: Reply(wire=iter([b"HTTP/1.0 200 OK\r\n\r\n", cut.encode()])))
    return failed("prices", "refresh", "--public", *AWS)


def _cache_fault(harm: Callable[[Path], object], *command: str) -> Callable[[Machine], str]:
    def provoke(here: Machine) -> str:
        here.asks()
        seen("prices", "refresh", *AWS)
        harm(here.cache / "aws.json")
        return seen(*(command or ("prices", "list", "--offline", *AWS)))

    return provoke


def _ahead(file: Path) -> None:
    document = json.loads(file.read_text())
    for part in document["parts"]:
        part["fetched_at"] = (datetime.now(UTC) + timedelta(hours=3)).isoformat()
    file.write_text(json.dumps(document))


def _other_version(file: Path) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 0}))


def _full_disk(here: Machine) -> str:
    import resource

    here.asks()
    here.cache.mkdir(mode=0o700)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256, limits[1]))
    try:
        return seen("prices", "refresh", *AWS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _interrupted(here: Machine) -> str:
    server = here.asks(lambda _: Reply(fault="hang"), lambda _: Reply(fault="hang"))
    start = "from melange_cloud.cli.app import main; main()"
    command = [sys.executable, "-c", start, "prices", "refresh"]
    asking = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not server.requests and asking.poll() is None:
        time.sleep(0.02)
    asking.send_signal(signal.SIGINT)
    return asking.communicate(timeout=120)[1]


def _hanging(here: Machine) -> str:
    here.answer_s = 0.4
    here.asks(only_list(lambda *_: Reply(fault="hang")), lambda _: Reply(fault="hang"))
    return seen("prices", "list", *BOTH)


def _in_the_way(here: Machine) -> str:
    here.asks()
    here.cache.write_text("a file where the folder belongs")
    return seen("prices", "refresh", *AWS)


def _held_lock(here: Machine) -> str:
    from filelock import FileLock

    from melange_cloud.catalog.cache import store

    here.asks()
    here.cache.mkdir(mode=0o700)
    here.patch.setattr(store, "_LOCK_WAIT_S", 0.1)
    with FileLock(here.cache / "lock"):
        return seen("prices", "refresh", *AWS)


def _killed(here: Machine) -> str:
    server = here.asks()
    seen("prices", "refresh", *AWS)
    server.close()
    return seen("prices", "list", "--refresh", *BOTH)


def _skewed(request: Request, operation: str, region: str) -> Reply | None:
    ahead = {"Date": format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True)}
    return refusal("UnrecognizedClientException", 403, headers=ahead)(request, operation, region)


NASTY = "\x1b]0;owned\x07" + "x" * 5000 + "\r\nall is well"

FAULTS: dict[str, Callable[[Machine], str]] = {
    "Empty page": _empty_pages,
    "Repeated page token": both(
        only_list(lambda *_: Reply({"PriceList": [json.dumps(product())], "NextToken": "1"})),
        lambda _: Reply({"skus": skus(), "nextPageToken": "b"}),
    ),
    "Endless pages": _endless_pages,
    "Dripping answer": _dripping,
    "Answer without bounds": _without_bounds,
    "Deep JSON": both(only_list(lambda *_: Reply({"PriceList": ["[" * 100_000]})), lambda _: Reply('{"a":' * 100_000)),
    "Terminal codes in an error": both(only_list(refusal(NASTY, 400, NASTY)), lambda _: google_error(400, NASTY)),
    "Redirection": both(
        only_list(lambda *_: Reply(status=302, headers={"Location": "http://127.0.0.1:9/"})),
        lambda _: Reply(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    ),
    "Cut public list": _cut_list,
    "All prices moved by one factor": both(_halved(), None),
    "Price of the future": both(None, with_gcp_sku("Nvidia L4 GPU running", _begins_later), "prices", "refresh", *GCP),
    "Throttling": both(only_list(refusal("ThrottlingException")), lambda _: google_error(429, "Quota exceeded")),
    "Server error (5xx)": both(only_list(refusal("InternalFailure", 500)), lambda _: google_error(503, "backend")),
    "Access denied (403)": both(
        only_list(refusal("AccessDeniedException", 400)), lambda _: google_error(403, "Cloud Billing API is disabled")
    ),
    "EC2 denied": both(
        FakeAws(
            recorded("gpu_products.json"),
            fault=lambda request, operation, region: (
                refusal("UnauthorizedOperation", 403)(request, operation, region) if "Describe" in operation else None
            ),
        ),
        None,
    ),
    "Expired credentials": both(
        only_list(refusal("ExpiredTokenException")), lambda _: google_error(401, "token expired")
    ),
    "Hanging answer": _hanging,
    "Truncated answer": both(
        only_list(lambda *_: Reply({"PriceList": []}, fault="truncate")),
        lambda _: Reply({"skus": skus()}, fault="truncate"),
    ),
    "Malformed JSON": both(only_list(lambda *_: Reply('{"PriceList": [')), lambda _: Reply("<html>hotel</html>")),
    "Foreign currency": both(
        with_aws_price(lambda one: one.update(pricePerUnit={"CNY": "9.9"})),
        with_gcp_sku("Nvidia L4", lambda one: _money(one)["tieredRates"][0]["unitPrice"].update(currencyCode="EUR")),
        "prices",
        "refresh",
        *BOTH,
    ),
    "Foreign unit": both(
        with_aws_price(lambda one: one.update(unit="Days")),
        with_gcp_sku("Nvidia L4", lambda one: _money(one).update(usageUnit="d")),
        "prices",
        "refresh",
        *BOTH,
    ),
    "Zero price": both(
        with_aws_price(lambda one: one.update(pricePerUnit={"USD": "0.0000000000"})),
        with_gcp_sku("Nvidia L4", lambda one: _money(one)["tieredRates"][0]["unitPrice"].update(units="0", nanos=0)),
        "prices",
        "refresh",
        *BOTH,
    ),
    "Odd price": both(FakeAws([product(usd="8.0480000000")]), None),
    "SKU renamed": both(
        None,
        with_gcp_sku(
            ".*H100 80GB Plus", lambda one: one.update(description=one["description"].replace("Plus", "Ultra"))
        ),
        "plan",
        *GCP,
        "--show",
        "left-out",
    ),
    "Two SKUs for one price": both(FakeAws([product(sku="A"), product(sku="B", usd="0.9")]), None),
    "New instance type": both(
        FakeAws([product("g5.2xlarge"), product("g99.xlarge", sku="B")]), None, "prices", "refresh", *AWS
    ),
    "Half a cloud missing": both(
        FakeAws(
            recorded("gpu_products.json"),
            recorded_spot(),
            fault=lambda request, operation, region: (
                refusal("AuthFailure", 401)(request, operation, region) if region == "eu-west-1" else None
            ),
        ),
        None,
        "prices",
        "refresh",
        "--region",
        "us-east-1",
        "--region",
        "eu-west-1",
    ),
    "Wrong clock": both(only_list(_skewed), None),
    "Cache of the future": _cache_fault(_ahead),
    "Server killed": _killed,
    "Two refreshers": _held_lock,
    "Cache damaged": _cache_fault(lambda file: file.write_text(file.read_text()[:-200])),
    "Cache of another version": _cache_fault(_other_version),
    "Cache not writable": _in_the_way,
    "Disk full": _full_disk,
    "Ctrl-C": _interrupted,
}


def main() -> None:
    """Print what is seen of each fault."""
    for name, provoke in FAULTS.items():
        with machine() as here:
            print(f"== {name}\n" + "\n".join(provoke(here).splitlines()[:7]), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
