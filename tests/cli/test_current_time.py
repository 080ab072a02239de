"""SOURCE_DATE_EPOCH is now for every command that tells the time, and for none that keeps it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from melange_cloud import catalog
from melange_cloud.cli.app import app
from tests.clouds.loopback import Loopback
from tests.live import both_clouds, point_at

pytestmark = pytest.mark.usefixtures("cache")

EPOCH = "1795305600"
MOMENT = datetime.fromtimestamp(int(EPOCH), UTC)


def run(*arguments, code=0, epoch=EPOCH):
    result = CliRunner().invoke(app, arguments, env={"SOURCE_DATE_EPOCH": epoch, "COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result


def test_the_same_time_in_the_answers_of_plan_and_prices_list():
    plan = json.loads(run("plan", "--region", "us-east-1", "--offline", "--format", "json").stdout)
    listed = json.loads(run("prices", "list", "--region", "us-east-1", "--offline", "--format", "json").stdout)
    assert datetime.fromisoformat(plan["generated_at"]) == MOMENT
    assert datetime.fromisoformat(listed["generated_at"]) == MOMENT


def test_a_sheet_without_dates_is_of_that_day(tmp_path):
    (tmp_path / "ours.csv").write_text(
        "provider,region,instance_type,purchase,usd_per_hour\naws,us-east-1,g6.xlarge,on_demand,0.7\n"
    )
    exported = run("prices", "export", "--offline", "--prices", "ours.csv", "--region", "us-east-1").stdout
    [row] = [line for line in exported.splitlines() if ",0.7," in line]
    assert row.count(MOMENT.date().isoformat()) == 2


def test_the_doctor_counts_the_snapshots_age_to_it():
    def ages(epoch):
        checks = json.loads(run("prices", "doctor", "--offline", "--format", "json", epoch=epoch).stdout)["checks"]
        return [check["found"] for check in checks if check["about"] == "snapshot"]

    later = str(int(EPOCH) + 100 * 86400)
    assert ages(EPOCH) == ages(EPOCH)
    assert all(first != second for first, second in zip(ages(EPOCH), ages(later), strict=True))


def test_what_is_fetched_keeps_the_clocks_own_time(monkeypatch):
    """A fixed time must never make a price look fresher than it is."""
    with Loopback(both_clouds()) as server:
        point_at(server, monkeypatch)
        run("prices", "refresh", "--region", "us-east-1", epoch="4000000000")
    for part in catalog.read_cache("aws").parts:
        assert abs(datetime.now(UTC) - part.fetched_at) < timedelta(minutes=5)


@pytest.mark.parametrize("command", [("list", "--offline"), ("export", "--offline"), ("doctor", "--offline")])
@pytest.mark.parametrize("epoch", ["soon", "-1", "99999999999999", "²"])
def test_no_time_is_one_line(command, epoch):
    result = run("prices", *command, code=2, epoch=epoch)
    assert f"SOURCE_DATE_EPOCH={epoch}" in result.stderr
    assert len(result.stderr.splitlines()) == 1
