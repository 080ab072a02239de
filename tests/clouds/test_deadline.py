"""One deadline for all that is asked: how it is written, what is there when it passes, and that nothing lingers."""

import inspect
import subprocess
import sys
import threading
from typing import get_args

import pytest

from melange_cloud.cli import plan
from melange_cloud.cli.maintain import renew
from melange_cloud.cli.prices import doctor, export, list_prices, refresh
from melange_cloud.cli.profiles import heatmap
from melange_cloud.clouds.aws import AwsPrices
from melange_cloud.clouds.aws.client import AwsClients, AwsPatience
from melange_cloud.clouds.deadline import BULK_S, PLAN_S, deadline_of
from melange_cloud.concurrency import Deadline, duration
from melange_cloud.errors import BadInput
from tests.clouds.aws_cloud import FakeAws, operation_of, recorded, recorded_spot
from tests.clouds.hostile import Clock
from tests.clouds.loopback import Loopback, Reply, Request
from tests.clouds.test_aws_live import RECORDED_AT, TYPES


@pytest.mark.parametrize(
    ("text", "seconds"), [("60", 60), ("90s", 90), (" 15M ", 900), ("1h", 3600), ("0.5s", 0.5), ("24h", 86400)]
)
def test_a_deadline_is_written_in_seconds_minutes_or_hours(text, seconds):
    assert deadline_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "0", "-1s", "25h", "2d", "soon", "1_0", "٣s", "nan", "inf", "9" * 5000, "1e999", "\x1b[31m"]
)
def test_what_is_no_deadline_is_one_clean_line(text):
    with pytest.raises(BadInput, match="give seconds, minutes or hours up to a day") as found:
        deadline_of(text)
    assert str(found.value).isprintable()
    assert len(str(found.value)) < 200


def test_the_defaults_that_help_shows_are_those_in_force():
    for command in (plan.plan, heatmap.heatmap):
        parameters = inspect.signature(command).parameters
        assert f"[default: {PLAN_S:g}s]" in get_args(parameters["deadline"].annotation)[1].help
    for command in (list_prices.list_, export.export, doctor.doctor):  # type: ignore[assignment]
        assert deadline_of(inspect.signature(command).parameters["deadline"].default) == PLAN_S
    for command in (refresh.refresh, renew.renew):  # type: ignore[assignment]
        assert deadline_of(inspect.signature(command).parameters["deadline"].default) == BULK_S
    assert (duration(PLAN_S), duration(BULK_S), duration(7200)) == ("60 s", "15 min", "2 h")


def test_at_the_deadline_what_was_read_whole_is_used(monkeypatch):
    """The list and the offerings are read; the spot prices drip until the deadline."""
    clock, over, rest_read = Clock(), threading.Event(), threading.Event()

    def drip():
        yield b"<"
        assert rest_read.wait(60)
        clock.advance(61)
        over.wait()

    def fault(request: Request, operation: str, region: str) -> Reply | None:
        return Reply(drip()) if operation == "DescribeSpotPriceHistory" else None

    def on_step(what: str, done: int, total: int | None) -> None:
        if done == 2:
            rest_read.set()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
    with Loopback(FakeAws(recorded("gpu_products.json"), recorded_spot(), fault=fault)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", server.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url)
        deadline = Deadline(60, clock)
        patience = AwsPatience(read_s=600, pricing_attempts=1, ec2_attempts=1)
        source = AwsPrices(AwsClients(patience=patience, deadline=deadline), now=lambda: RECORDED_AT, deadline=deadline)
        fetched = source.fetch(["us-east-1"], ["on_demand", "spot"], TYPES, on_step)
        over.set()
        assert sorted(operation_of(request)[0] for request in server.requests) == [
            "DescribeInstanceTypeOfferings",
            "DescribeSpotPriceHistory",
            "GetProducts",
        ]
    assert {offer.purchase for offer in fetched.offers} == {"on_demand"}
    assert fetched.complete == {("us-east-1", "on_demand")}
    assert tuple(map(str, fetched.problems)) == (
        "spot prices of us-east-1: no answer within 60 s: check the network and proxies, or allow more time "
        "(--deadline 5m)",
    )


_ASK = """
from melange_cloud.market import gather
from melange_cloud import catalog
selected = [region for region in catalog.load_regions() if region.name in ("us-east-1", "us-central1")]
print(*gather.gather(selected, ["on_demand"], trust=gather.PricePolicy(deadline_s=0.05)).notes, sep="\\n")
"""


def test_a_process_ends_although_both_clouds_still_hang(monkeypatch, tmp_path):
    """It ends while the server holds every answer back: were it waited for, this would never come back."""
    with Loopback(lambda _: Reply(fault="hang")) as server:
        for name in ("AWS_ENDPOINT_URL_PRICING", "AWS_ENDPOINT_URL_EC2", "MELANGE_CLOUD_GCP_BILLING_ENDPOINT"):
            monkeypatch.setenv(name, server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "example")
        monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / "cache"))
        ended = subprocess.run([sys.executable, "-c", _ASK], capture_output=True, text=True, check=True)
    assert ended.stderr == ""
    assert [line.partition(":")[0] for line in ended.stdout.splitlines()] == ["aws", "gcp"]
    assert ended.stdout.count("no answer within 0.05 s") == 2
