"""A cloud that a plug-in brings is planned on, and its prices pass through a price sheet, like those of aws and gcp."""

import json
import os
import subprocess
import sys

import pytest

from tests.cli.conftest import ROOT

pytestmark = pytest.mark.usefixtures("cache")

NORTH = ("--region", "nimbus-north-1")
PRICES = {("n1.l4", 0.55), ("n8.h100", 24.0)}


@pytest.fixture
def run(nimbus):
    """Runs melange-cloud in a process that finds the plug-in installed, or does not."""

    def invoke(*arguments, code=0, installed=True):
        path = os.pathsep.join([*([str(nimbus)] if installed else []), str(ROOT)])
        ran = subprocess.run(
            [sys.executable, "-c", "from melange_cloud.cli.app import main; main()", *arguments],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "COLUMNS": "160"},
        )
        assert ran.returncode == code, ran.stdout + ran.stderr
        return ran

    return invoke


@pytest.fixture
def sheet(run, tmp_path):
    """The plug-in's prices as a file."""
    return written(run, tmp_path / "nimbus.csv", "export")


def written(run, path, *command):
    ran = run("prices", *command, "--provider", "nimbus")
    assert ran.stderr == ""
    path.write_text(ran.stdout)
    return path


def region_of(ran):
    [region] = json.loads(ran.stdout)["regions"]
    return region


def test_a_plan_on_the_plug_in_cloud_live_then_cached_then_offline(run):
    ages = []
    for more in ((), (), ("--offline",)):
        region = region_of(run("plan", *NORTH, *more, "--format", "json"))
        assert (region["provider"], region["region"], region["status"]) == ("nimbus", "nimbus-north-1", "optimal")
        assert {(line["instance_type"], line["usd_per_hour_each"]) for line in region["allocations"]} <= PRICES
        bill = sum(line["usd_per_hour_each"] * line["instances"] for line in region["allocations"])
        assert region["usd_per_hour"] == pytest.approx(bill)  # the plan's own is exact to the nano-USD
        ages.append({line["price_age"] for line in region["allocations"]})
    assert ages == [{"live"}, {"cached under 1 min"}, {"cached under 1 min"}]
    assert "Tromsø" in run("plan", *NORTH, "--full").stdout


def test_all_regions_are_those_of_the_plug_in_too(run):
    asked = ("--region", "nimbus:all", "--region", "us-central1", "--offline", "--format", "json")
    run("prices", "refresh", "--provider", "nimbus")
    document = json.loads(run("plan", *asked).stdout)
    assert {region["region"] for region in document["regions"]} == {"nimbus-north-1", "nimbus-south-1", "us-central1"}


@pytest.mark.parametrize("command", [("export",), ("list", "--format", "csv")])
def test_a_sheet_of_its_prices_reads_back_row_for_row(run, monkeypatch, tmp_path, command):
    sheet = written(run, tmp_path / "nimbus.csv", *command)
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / "another machine"))
    asked = ("prices", "list", "--provider", "nimbus", "--offline", "--prices", str(sheet), "--format", "json")
    rows = json.loads(run(*asked).stdout)["rows"]
    assert {(row["instance_type"], row["usd_per_hour"]) for row in rows} == PRICES
    assert {row["region"] for row in rows} == {"nimbus-north-1", "nimbus-south-1"}
    assert {(row["origin"], row["source"]) for row in rows} == {("user", "Nimbus price list")}
    # What is exported of a sheet is the sheet.
    again = run("prices", "export", "--provider", "nimbus", "--offline", "--prices", str(sheet)).stdout
    (tmp_path / "again.csv").write_text(again)
    diff = json.loads(run("prices", "diff", str(sheet), "again.csv", "--format", "json").stdout)
    assert (diff["same"], diff["changes"]) == (4, [])


def test_a_plan_from_the_sheet_alone_and_its_quota_family(run, sheet, monkeypatch, tmp_path):
    live = region_of(run("plan", *NORTH, "--gpu", "L4", "--format", "json"))
    monkeypatch.setenv("MELANGE_CLOUD_CACHE_DIR", str(tmp_path / "another machine"))
    asked = ("plan", *NORTH, "--offline", "--gpu", "L4", "--prices", str(sheet), "--format", "json")
    ran = run(*asked)
    region = region_of(ran)
    assert region["usd_per_hour"] == live["usd_per_hour"]
    assert {line["price_origin"] for line in region["allocations"]} == {"user"}
    assert not any("region that we do not know" in notice for notice in json.loads(ran.stdout)["notices"])
    # n1.l4 has 8 vCPUs of the family nimbus:N, so a quota of 8 leaves one instance, which is not enough.
    assert run(*asked, "--max-vcpus", "nimbus:N=8", code=3)


def test_a_slip_in_the_provider_is_one_line_with_what_is_known(run, sheet):
    sheet.write_text(sheet.read_text().replace("nimbus,nimbus-north-1,n1.l4", "nimbos,nimbus-north-1,n1.l4"))
    errors = run("plan", *NORTH, "--offline", "--prices", str(sheet), code=2).stderr.splitlines()
    assert len(errors) == 1
    assert "provider: unknown 'nimbos': did you mean nimbus? use aws, gcp, nimbus" in errors[0]


def test_without_the_plug_in_its_rows_are_refused_with_the_cure(run, sheet):
    refused = run("prices", "list", "--offline", "--prices", str(sheet), code=2, installed=False).stderr
    assert "unknown 'nimbus': use aws, gcp, or install the plug-in of another cloud" in refused
    assert len(refused.splitlines()) == 4
