"""`plan` while the server dies in the middle of a fetch: after some pages were served, before the last.

It still plans, says what it used, takes nothing of a torn chain of pages, and leaves the cache as good as it was.
"""

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from melange_cloud import catalog
from melange_cloud.cli.app import app
from tests.clouds.aws_cloud import FakeAws, product, recorded
from tests.clouds.gcp_recorded import SKUS_PATH, skus
from tests.clouds.loopback import Loopback, Reply
from tests.live import both_clouds, point_at

pytestmark = pytest.mark.usefixtures("cache")

BOTH = ("--region", "us-east-1", "--region", "us-central1")
REGION = {"aws": "us-east-1", "gcp": "us-central1"}
PAGES = 4
CUT_AT = 2
"""The request for this page of a chain, counted from 0, is the one that the server dies of."""
CHANGED = 1.01
"""What the dying server's prices are multiplied with, so that one that slips through is seen."""


class Dying:
    """Both clouds in pages of their recorded answers, at changed prices; dies when each of ``killed`` is cut.

    A cloud that is not to be cut is served whole before the server dies.
    """

    def __init__(self, killed):
        self.server = None
        self.pages_served = {"aws": 0, "gcp": 0}
        self._met = threading.Barrier(2)
        self._killed = killed
        self._served = {cloud: threading.Event() for cloud in REGION}
        products = []
        for made in recorded("gpu_products.json"):
            found = made["product"]
            if found["attributes"]["regionCode"] == "us-east-1":
                [term] = made["terms"]["OnDemand"].values()
                [dimension] = term["priceDimensions"].values()
                usd = f"{float(dimension['pricePerUnit']['USD']) * CHANGED:.10f}"
                products.append(product(found["attributes"]["instanceType"], "us-east-1", usd, found["sku"]))
        assert len(products) == PAGES
        self._aws = FakeAws(products, page=1)
        self._skus = skus()
        for sku in self._skus:
            for priced in sku["pricingInfo"]:
                for rate in priced["pricingExpression"]["tieredRates"]:
                    rate["unitPrice"]["nanos"] = int(rate["unitPrice"]["nanos"] * CHANGED)

    def __call__(self, request):
        if request.path.startswith(SKUS_PATH):
            page = int(request.query.get("pageToken", ["0"])[0])
            self._reach("gcp", page)
            size = -(-len(self._skus) // PAGES)
            more = {"nextPageToken": str(page + 1)} if page + 1 < PAGES else {}
            return Reply({"skus": self._skus[page * size : (page + 1) * size], **more})
        if "GetProducts" in request.headers.get("x-amz-target", ""):
            self._reach("aws", int(request.json().get("NextToken", 0)))
        return both_clouds(aws=self._aws)(request)

    def _reach(self, cloud, page):
        self.pages_served[cloud] = max(self.pages_served[cloud], page)
        if cloud in self._killed and page == CUT_AT:
            if len(self._killed) == 2:
                self._met.wait(120)
            self.server.close()
        if page + 1 == PAGES:
            self._served[cloud].set()


@pytest.fixture
def die(monkeypatch):
    """Runs ``plan`` against a server that dies in the middle of the clouds given; the other cloud's server lives."""

    def planned(killed, *arguments):
        dying = Dying(killed)
        with Loopback(dying) as server, Loopback(Dying(())) as living:
            dying.server = server
            point_at(living, monkeypatch)
            if "aws" in killed:
                monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
                monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
            if "gcp" in killed:
                monkeypatch.setenv("MELANGE_CLOUD_GCP_BILLING_ENDPOINT", server.url)
            document = plan(*arguments)
        assert {dying.pages_served[cloud] for cloud in killed} == {CUT_AT}
        return document

    return planned


def plan(*arguments):
    result = CliRunner().invoke(app, ["plan", *BOTH, *arguments, "--format", "json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def used(document):
    """Cloud -> (instance type, USD/h, origin) of each allocation."""
    return {
        region["provider"]: {
            (line["instance_type"], line["usd_per_hour_each"], line["price_origin"]) for line in region["allocations"]
        }
        for region in document["regions"]
    }


def prices_of(document):
    return {cloud: {row[:2] for row in rows} for cloud, rows in used(document).items()}


def origins(document):
    return {cloud: {row[2] for row in rows} for cloud, rows in used(document).items()}


def parts(cloud):
    read = catalog.read_cache(cloud)
    assert read.faults == ()
    return read.parts


@pytest.mark.parametrize("killed", [("aws",), ("gcp",), ("aws", "gcp")])
def test_a_first_fetch_cut_off_uses_nothing_of_the_broken_chain(die, cache, killed):
    shipped = plan("--offline")
    document = die(killed)
    for cloud in REGION:
        assert origins(document)[cloud] == ({"snapshot"} if cloud in killed else {"live"})
        assert (prices_of(document)[cloud] == prices_of(shipped)[cloud]) is (cloud in killed)
        # What lies in the cache was read whole.
        assert {part.whole for part in parts(cloud)} == (set() if cloud in killed else {True})
        assert (cache / f"{cloud}.json").exists() is (cloud not in killed)
    assert all(region["status"] == "optimal" for region in document["regions"])
    said = [notice for notice in document["notices"] if "used instead" in notice]
    assert len(said) == len(killed)
    assert all("snapshot prices" in notice for notice in said)
    assert any("SNAPSHOT PRICES, NOT LIVE" in notice for notice in document["notices"])
    # The next plan begins from nothing torn.
    assert origins(plan("--offline")) == {cloud: {"snapshot" if cloud in killed else "cached"} for cloud in REGION}


@pytest.mark.parametrize(("age_h", "killed"), [(3, ("aws",)), (3, ("gcp",)), (3, ("aws", "gcp")), (50, ("aws", "gcp"))])
def test_with_an_older_cache_that_is_used_while_it_may_be_and_not_damaged(die, cache, monkeypatch, killed, age_h):
    with Loopback(both_clouds()) as server:
        point_at(server, monkeypatch)
        first = plan()
    assert origins(first) == {"aws": {"live"}, "gcp": {"live"}}
    at = datetime.now(UTC) - timedelta(hours=age_h)
    for cloud in REGION:
        path = cache / f"{cloud}.json"
        text = path.read_text()
        for moment in {part.fetched_at for part in parts(cloud)}:
            text = text.replace(moment.isoformat(), at.isoformat())
        path.write_text(text)
    before = {cloud: (cache / f"{cloud}.json").read_bytes() for cloud in killed}
    usable = age_h < 24
    document = die(killed, "--refresh")
    for cloud in REGION:
        if cloud in killed:
            assert origins(document)[cloud] == {"cached" if usable else "snapshot"}
            assert (cache / f"{cloud}.json").read_bytes() == before[cloud]
            assert {part.fetched_at for part in parts(cloud)} == {at}
        else:
            assert origins(document)[cloud] == {"live"}
            asked_for = {part.fetched_at for part in parts(cloud) if part.purchase == "on_demand"}
            assert asked_for
            assert max(asked_for) > at
    if usable:
        assert {cloud: prices_of(document)[cloud] for cloud in killed} == {
            cloud: prices_of(first)[cloud] for cloud in killed
        }
        ages = [line["price_age"] for region in document["regions"] for line in region["allocations"]]
        assert ages.count("cached 3 h") >= len(killed)
    said = [notice for notice in document["notices"] if "used instead" in notice]
    assert len(said) == len(killed)
    assert all(("cached prices)" if usable else "snapshot prices)") in notice for notice in said)


def test_the_table_says_of_each_region_what_was_used(die):
    die(("aws",))
    shown = CliRunner().invoke(app, ["plan", *BOTH, "--offline"], env={"COLUMNS": "120"}).stdout
    table = shown[shown.index(" # ") :]  # the line before it names the cheapest region too
    row_of = {
        cloud: next(line for line in table.splitlines() if f"{cloud} {REGION[cloud]}" in line) for cloud in REGION
    }
    assert row_of["gcp"].endswith("cached under 1 min")
    assert row_of["aws"].endswith("2026-07-20")
    assert "SNAPSHOT PRICES, NOT LIVE - AWS list" in shown
