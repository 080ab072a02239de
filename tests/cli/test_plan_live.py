"""`plan` on live prices: the real SDKs against the loopback server, then its cache, then a cloud that is gone."""

import json
import socket

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests.clouds.aws_cloud import FakeAws, refusal
from tests.clouds.loopback import Loopback
from tests.live import both_clouds, point_at

pytestmark = pytest.mark.usefixtures("cache")

BOTH = ("--region", "us-east-1", "--region", "us-central1")


@pytest.fixture
def server(monkeypatch):
    with Loopback(both_clouds()) as running:
        point_at(running, monkeypatch)
        yield running


def plan(*arguments, code=0):
    result = CliRunner().invoke(app, ["plan", *arguments, "--format", "json"])
    assert result.exit_code == code, result.output
    return json.loads(result.stdout) if code == 0 else result


def origins(document):
    return {
        region["region"]: {line["price_origin"] for line in region["allocations"]} for region in document["regions"]
    }


def banner(document):
    return any("SNAPSHOT PRICES" in notice for notice in document["notices"])


def test_live_rows_then_cached_rows_without_a_call(server):
    live = plan(*BOTH)
    assert origins(live) == {"us-east-1": {"live"}, "us-central1": {"live"}}
    asked = len(server.requests)
    assert asked > 0
    warm = plan(*BOTH)
    assert len(server.requests) == asked
    assert origins(warm) == {"us-east-1": {"cached"}, "us-central1": {"cached"}}
    line = warm["regions"][0]["allocations"][0]
    assert line["price_age"] == "cached under 1 min"
    assert [region["usd_per_hour"] for region in warm["regions"]] == [
        region["usd_per_hour"] for region in live["regions"]
    ]


def test_a_table_says_live_and_loses_the_banner(server):
    shown = CliRunner().invoke(app, ["plan", "--region", "us-central1", "--full"], env={"COLUMNS": "120"}).stdout
    assert "SNAPSHOT PRICES" not in shown
    assert "Prices    live, " in shown
    first = CliRunner().invoke(app, ["plan", "--region", "us-central1"], env={"COLUMNS": "120"}).stdout
    assert "on demand*, prices cached under 1 min" in first or "on demand*, prices live" in first


def test_offline_queries_no_cloud_and_refresh_always_does(server):
    assert banner(plan(*BOTH, "--offline"))
    assert server.requests == []
    plan(*BOTH)
    asked = len(server.requests)
    assert origins(plan(*BOTH, "--offline"))["us-east-1"] == {"cached"}
    assert len(server.requests) == asked
    plan(*BOTH, "--refresh")
    assert len(server.requests) > asked


def test_a_cloud_that_fails_leaves_the_other_and_says_what_was_used(monkeypatch):
    with Loopback(both_clouds(aws=FakeAws(fault=refusal("ExpiredTokenException")))) as server:
        point_at(server, monkeypatch)
        document = plan(*BOTH)
    assert origins(document) == {"us-east-1": {"snapshot"}, "us-central1": {"live"}}
    assert any("expired" in notice and "used instead" in notice for notice in document["notices"])


def test_a_server_killed_between_plans_still_plans_and_says_so(server):
    plan(*BOTH)
    server.close()
    document = plan(*BOTH, "--refresh")
    assert all(region["status"] == "optimal" for region in document["regions"])
    assert origins(document) == {"us-east-1": {"cached"}, "us-central1": {"cached"}}
    assert sum("used instead" in notice for notice in document["notices"]) == 2


def test_a_server_killed_in_the_middle_of_a_plan_still_plans_and_says_so(monkeypatch):
    answers = both_clouds()

    def until_killed(request):
        if request.number >= 1:
            killed.close()
        return answers(request)

    with Loopback(until_killed) as killed:
        point_at(killed, monkeypatch)
        document = plan(*BOTH)
    assert all(region["status"] == "optimal" for region in document["regions"])
    assert set.union(*origins(document).values()) <= {"live", "snapshot"}
    assert "snapshot" in set.union(*origins(document).values())
    assert any("used instead" in notice for notice in document["notices"])


def test_require_fresh_refuses_the_snapshot_with_exit_5():
    result = plan("--region", "us-east-1", "--require-fresh", code=5)
    assert "--require-fresh" in result.stderr
    assert "prices refresh" in result.stderr
    assert result.stdout == ""


def test_max_age_zero_takes_nothing_from_the_cache(server):
    plan("--region", "us-east-1")
    assert origins(plan("--region", "us-east-1", "--offline", "--max-age", "0m"))["us-east-1"] == {"snapshot"}
    assert "90m, 12h or 3d" in plan("--region", "us-east-1", "--max-age", "soon", code=2).stderr


def test_without_credentials_no_cloud_is_queried_and_one_line_says_how(monkeypatch):
    connections = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connections.append(address))
    document = plan("--region", "us-east-1")
    assert connections == []
    assert banner(document)
    assert sum("live prices need credentials" in notice for notice in document["notices"]) == 1


def test_discounts_of_the_settings_file_show_list_and_net(tmp_path):
    (tmp_path / "melange-cloud.toml").write_text(
        '[[discount]]\nprovider = "aws"\nfamily = "g5*"\npurchase = "on_demand"\npercent = 20\n'
    )
    lines = plan("--region", "us-east-1", "--gpu", "A10G")["regions"][0]["allocations"]
    assert {line["instance_type"]: line["list_usd_per_hour_each"] for line in lines}["g5.2xlarge"] == 1.212
    for line in lines:
        assert line["usd_per_hour_each"] == pytest.approx(line["list_usd_per_hour_each"] * 0.8)


def test_the_users_sheet_outranks_live_prices(server, tmp_path):
    header = "provider,region,instance_type,purchase,usd_per_hour,as_of_to"
    (tmp_path / "ours.csv").write_text(f"{header}\naws,us-east-1,g5.2xlarge,on_demand,0.9,2026-11-01\n")
    (line,) = plan("--region", "us-east-1", "--gpu", "A10G", "--prices", "ours.csv")["regions"][0]["allocations"]
    assert (line["price_origin"], line["usd_per_hour_each"]) == ("user", 0.9)


def test_purchases_are_asked_for_once_and_the_banner_speaks_of_those_that_are_not_live(server):
    live = plan("--region", "us-central1", "--compare-purchases")
    asked = len(server.requests)
    assert asked > 0
    warm = plan("--region", "us-central1", "--compare-purchases")
    assert len(server.requests) == asked
    (first,), (second,) = live["regions"], warm["regions"]
    assert [bought["usd_per_month"] for bought in first["purchases"]] == [
        bought["usd_per_month"] for bought in second["purchases"]
    ]
    dates = {bought["price_as_of_to"] for bought in first["purchases"] if bought["price_as_of_to"]}
    assert banner(live) is ("2026-07-30" in dates)
