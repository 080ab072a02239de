"""Where EC2 does not say what it offers, a plan promises only what the shipped snapshot knows to be sold on demand."""

import json

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.clouds.aws_cloud import FakeAws, product, refusal
from tests.clouds.loopback import Loopback
from tests.live import both_clouds, point_at

pytestmark = pytest.mark.usefixtures("cache")

PRODUCTS = [
    product("g6.2xlarge", "us-east-1", "0.9776", "KNOWN"),
    product("p5.4xlarge", "us-east-1", "6.88", "DOUBTFUL"),
    product("p5.4xlarge", "eu-west-2", "8.944", "PROVEN"),
    product("p4d.24xlarge", "ap-southeast-1", "24.3", "NEVER OFFERED"),
    product("g6.2xlarge", "mx-central-1", "1.1", "NEW REGION"),
]
SOLD_AS = {
    ("us-east-1", "g6.2xlarge"): "on_demand",
    ("us-east-1", "p5.4xlarge"): "unknown",
    ("eu-west-2", "p5.4xlarge"): "on_demand",
    ("ap-southeast-1", "p4d.24xlarge"): "unknown",
    ("mx-central-1", "g6.2xlarge"): "unknown",
}
REGIONS = [word for region in sorted({region for region, _ in SOLD_AS}) for word in ("--region", region)]


@pytest.fixture(params=["EC2 may not be asked", "the public list"])
def fetched(request, monkeypatch):
    """The prices of PRODUCTS in the cache, read without a word from EC2."""

    def no_ec2(asked, operation, region):
        denied = refusal("UnauthorizedOperation", 403)
        return denied(asked, operation, region) if operation.startswith("Describe") else None

    with Loopback(both_clouds(aws=FakeAws(PRODUCTS, fault=no_ec2))) as server:
        point_at(server, monkeypatch)
        more = []
        if request.param == "the public list":
            monkeypatch.delenv("AWS_ACCESS_KEY_ID")
            more = ["--public"]
        result = run("prices", "refresh", *REGIONS, *more)
        assert ("DescribeInstanceTypeOfferings" in result.stderr) is (not more)
        yield


def run(*arguments, code=0):
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return result


def test_a_price_alone_is_sold_as_the_snapshot_says_or_unknown(fetched):
    listed = run("prices", "list", "--offline", *REGIONS, "--purchase", "on_demand", "--format", "json")
    rows = [row for row in json.loads(listed.stdout)["rows"] if row["origin"] == "cached"]
    assert {(row["region"], row["instance_type"]): row["sold_as"] for row in rows} == SOLD_AS


def test_a_plan_does_not_promise_unproven_capacity(fetched):
    def left_out(*more):
        arguments = ("plan", "--offline", "--region", "us-east-1", "--gpu", "L4", "--gpu", "H100", *more)
        [region] = json.loads(run(*arguments, "--format", "json").stdout)["regions"]
        return {item["instance_type"]: item["reason"] for item in region["left_out"]}

    assert "on-demand availability is unconfirmed" in left_out()["p5.4xlarge"]
    assert "unconfirmed" not in left_out("--sold-as", "any").get("p5.4xlarge", "")
    document = json.loads(run("plan", "--offline", "--region", "us-east-1", "--gpu", "L4", "--format", "json").stdout)
    assert {line["instance_type"] for line in document["regions"][0]["allocations"]} == {"g6.2xlarge"}
