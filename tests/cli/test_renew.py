"""``maintain renew-prices``: the real SDKs against the loopback server, and what becomes of a pricing folder."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud import catalog
from melange_cloud.catalog.renew_snapshot import RENEWED_FILES
from melange_cloud.cli.app import app
from melange_cloud.shipped import shipped
from tests.clouds.aws_cloud import FakeAws, expected_rows, product, refusal
from tests.clouds.gcp_recorded import expected_prices, skus
from tests.clouds.loopback import Loopback
from tests.live import both_clouds, machine_of_its_own, point_at
from tests.schemas import assert_valid

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("cache")


def renew(*arguments, code=0):
    result = CliRunner().invoke(app, ["maintain", "renew-prices", *arguments], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def rows(folder, name, provider=None):
    with (Path(folder) / name).open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if provider in (None, row["provider"])]


def prices_of(folder):
    return {catalog.key_of(offer): offer.usd_per_instance_hour for offer in catalog.read_snapshot(Path(folder)).offers}


@pytest.fixture(scope="module")
def recorded_renewal(tmp_path_factory):
    """A folder renewed from the recorded answers, what was said, and whether the cache was touched."""
    folder = tmp_path_factory.mktemp("renewal")
    with pytest.MonkeyPatch.context() as patch, machine_of_its_own(patch, folder) as cache:
        with Loopback(both_clouds()) as server:
            point_at(server, patch)
            result = renew("--out", str(folder / "new"))
        return folder / "new", result, cache.exists()


def test_every_recorded_figure_is_in_the_renewed_folder_and_nothing_else_moved(recorded_renewal):
    folder, _, cached = recorded_renewal
    assert contents(folder).keys() == contents(shipped("pricing")).keys()
    found = prices_of(folder)
    for row in expected_rows():
        if row["sold_as"] != "unknown":
            key = ("aws", row["region"], row["instance_type"], row["purchase"])
            assert found[key] == pytest.approx(float(row["usd_per_hour"]), abs=1e-6), key
    shipped_types = {(one.region, one.instance_type.name) for one in catalog.load_snapshot().offers}
    known = {key: price for key, price in expected_prices().items() if key[:2] in shipped_types}
    assert len(known) > 80
    for (region, name, purchase), price in known.items():
        assert found["gcp", region, name, purchase] == pytest.approx(price, abs=2e-6)
    asked = {row["region"] for row in expected_rows()} | {one for sku in skus() for one in sku["serviceRegions"]}
    old = {key: price for key, price in prices_of(shipped("pricing")).items() if key[1] not in asked}
    assert len(old) > 1000
    assert {key: found.get(key) for key in old} == old
    assert not cached


def test_renewing_twice_gives_the_same_bytes(serve, recorded_renewal):
    serve()
    folder, _, _ = recorded_renewal
    first = contents(folder)
    shutil.copytree(folder, "new")
    again = renew("--out", "new")
    assert contents("new") == first
    assert "0 moved, 0 appeared, 0 vanished" in again.stdout
    renew("--out", "other")
    assert contents("other") == first


def test_renewed_rows_keep_the_form_of_the_folder(recorded_renewal):
    new, _, _ = recorded_renewal
    for name in ("on_demand.csv", "spot.csv", "commitments.csv"):
        keys = [tuple(row[c] for c in ("provider", "region", "instance_type", "purchase")) for row in rows(new, name)]
        assert keys == sorted(set(keys))
    fresh = [row for row in rows(new, "on_demand.csv") if row["source"] == "aws-price-list-api"]
    assert {row["as_of_from"] for row in fresh} == {row["as_of_to"] for row in fresh}
    assert {row["source"] for row in rows(new, "spot.csv")} >= {"aws-ec2-spot-price-history", "aws-skypilot-spot"}
    text = (new / "sources.toml").read_text(encoding="utf-8")
    assert text.startswith(Path(shipped("pricing") / "sources.toml").read_text(encoding="utf-8").partition("[")[0])
    assert "[source.gcp-cloud-billing-catalog-api]" in text


def test_a_cloud_that_fails_loses_nothing_and_that_is_said(serve):
    serve(both_clouds(aws=FakeAws(fault=refusal("ExpiredTokenException"))))
    result = renew("--out", "new")
    assert "credentials have expired" in result.stderr
    assert "aws: all of its rows are unchanged" in result.stderr
    for name in ("on_demand.csv", "spot.csv", "commitments.csv", "excluded.csv"):
        assert rows("new", name, "aws") == rows(shipped("pricing"), name, "aws")
    assert rows("new", "on_demand.csv", "gcp") != rows(shipped("pricing"), "on_demand.csv", "gcp")


def test_a_renewed_folder_is_what_the_next_renewal_starts_from(serve, monkeypatch, recorded_renewal):
    serve()
    folder, _, _ = recorded_renewal
    shutil.copytree(folder, "new")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    renew("--out", "new")
    assert contents("new") == contents(folder)


def test_no_cloud_changes_nothing_and_ends_with_5(serve):
    shutil.copytree(shipped("pricing"), "new")
    before = contents("new")
    serve(lambda request: refusal("AccessDeniedException", 403)(request, "GetProducts", ""))
    result = renew("--out", "new", code=5)
    assert "nothing was changed" in result.stderr
    assert result.stdout == ""
    assert contents("new") == before
    renew("--out", "never", code=5)
    assert not Path("never").exists()


def test_the_public_list_renews_without_credentials_and_leaves_spot_alone(serve, monkeypatch):
    serve()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    renew("--public", "--out", "new")
    assert rows("new", "spot.csv", "aws") == rows(shipped("pricing"), "spot.csv", "aws")
    assert "aws-public-price-list" in {row["source"] for row in rows("new", "on_demand.csv", "aws")}


def test_what_is_not_offered_stays_out_where_the_offer_cannot_be_asked(serve, monkeypatch):
    serve(both_clouds(FakeAws([product("p4d.24xlarge", "ap-southeast-1", "26.3491700000")])))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = renew("--public", "--out", "new")
    assert "still left out" in result.stderr
    assert "ap-southeast-1 p4d.24xlarge" in result.stderr
    pair = ("aws", "ap-southeast-1", "p4d.24xlarge")
    assert (*pair, "on_demand") not in prices_of("new")
    assert pair in {(row["provider"], row["region"], row["instance_type"]) for row in rows("new", "excluded.csv")}


def test_what_is_offered_at_last_is_left_out_no_more(serve):
    serve(both_clouds(FakeAws([product("p4d.24xlarge", "ap-southeast-1", "26.3491700000")])))
    renew("--out", "new")
    assert prices_of("new")["aws", "ap-southeast-1", "p4d.24xlarge", "on_demand"] == 26.34917
    left_out = {(row["region"], row["instance_type"]) for row in rows("new", "excluded.csv", "aws")}
    assert ("ap-southeast-1", "p4d.24xlarge") not in left_out


def test_the_summary_says_what_moved_appeared_and_vanished_and_what_to_look_at(serve):
    costlier = [product("g6.xlarge", usd="1.2000000000", sku="A"), product("g5.2xlarge", usd="1.2120000000", sku="B")]
    serve(both_clouds(FakeAws(costlier)))
    printed = renew("--out", "new", "--format", "json").stdout
    assert_valid("prices-renew", printed)
    answer = json.loads(printed)
    changes = {(one["change"], one["instance_type"], one["region"]): one for one in answer["changes"]}
    assert changes["moved", "g6.xlarge", "us-east-1"]["after_usd_per_hour"] == 1.2
    assert ("vanished", "p5.48xlarge", "us-east-1") in changes
    assert answer["rows"] == len(prices_of("new"))
    assert any("moved by 20 % or more: us-east-1 g6.xlarge +49 %" in line for line in answer["checks"])
    table = renew("--out", "other")
    assert "check: on demand moved by 20 % or more" in table.stderr
    assert "+49.1 %" in table.stdout


def test_many_vanished_prices_are_called_what_they_may_be(recorded_renewal):
    _, said, _ = recorded_renewal
    assert "check: aws on_demand: 43 of 368 prices vanished" in said.stderr


def test_an_odd_price_is_refused_and_the_old_row_stays(serve):
    serve(both_clouds(FakeAws([product("g6.xlarge", usd="80.4800000000")])))
    result = renew("--out", "new")
    assert "g6.xlarge on_demand in us-east-1 is implausible" in result.stderr
    assert prices_of("new")["aws", "us-east-1", "g6.xlarge", "on_demand"] == 0.8048


def test_a_region_that_is_not_in_regions_csv_is_left_out_and_reported(serve):
    serve(both_clouds(FakeAws([product("g6.xlarge"), product("g6.xlarge", "eu-north-9", sku="B")])))
    result = renew("--out", "new")
    assert "aws eu-north-9: 1 prices left out, since the region is not in regions.csv" in result.stderr
    assert "eu-north-9" not in {region for _, region, _, _ in prices_of("new")}


def test_a_test_server_is_not_passed_off_as_the_cloud(recorded_renewal):
    _, said, _ = recorded_renewal
    assert "the answers are not the clouds' own: they come from the address in AWS_ENDPOINT_URL_PRICING" in said.stderr


def test_no_folder_of_somebody_else_is_written(serve):
    serve()
    Path("mine").mkdir()
    (Path("mine") / "letter.txt").write_text("dear")
    assert "is not a pricing folder" in renew("--out", "mine", code=2).stderr
    assert contents("mine") == {"letter.txt": b"dear"}


def test_a_folder_that_is_broken_is_one_line(serve):
    serve()
    shutil.copytree(shipped("pricing"), "broken")
    (Path("broken") / "spot.csv").write_text("no,such,columns\n")
    before = contents("broken")
    assert "not a readable pricing folder" in renew("--out", "broken", code=2).stderr
    assert contents("broken") == before


def in_checkout(folder, *arguments, code=0):
    ran = subprocess.run(
        [sys.executable, "-B", "-c", "from melange_cloud.cli.app import main; main()", *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "120"},
    )
    assert ran.returncode == code, ran.stderr
    return ran


def test_one_command_renews_a_checkout_and_a_plan_shows_the_recorded_prices(serve, monkeypatch, tmp_path):
    checkout = tmp_path / "checkout"
    for folder in ("melange_cloud", "pricing", "profiles"):
        shutil.copytree(ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__", "_data"))
    serve(both_clouds(FakeAws([product("g5.2xlarge", usd="1.3000000000")])))
    before = contents(checkout / "pricing")
    said = in_checkout(checkout, "maintain", "renew-prices")
    assert said.stdout.startswith(f" Renewed {checkout / 'pricing'}\n")
    after = contents(checkout / "pricing")
    assert {name for name in after if after[name] != before[name]} == set(RENEWED_FILES)
    plan = in_checkout(
        checkout, "plan", "--offline", "--region", "us-east-1", "--gpu", "A10G", "--format", "json", "--rate", "5"
    )
    (line,) = json.loads(plan.stdout)["regions"][0]["allocations"]
    assert (line["instance_type"], line["usd_per_hour_each"]) == ("g5.2xlarge", 1.3)
    assert (line["price_origin"], line["price_source"]) == ("snapshot", "AWS Price List API (GetProducts)")


def test_an_installed_melange_cloud_does_not_write_into_its_package(serve, tmp_path):
    serve()
    package = tmp_path / "site" / "melange_cloud"
    shutil.copytree(ROOT / "melange_cloud", package, ignore=shutil.ignore_patterns("__pycache__", "_data"))
    shutil.copytree(ROOT / "pricing", package / "_data" / "pricing")
    said = in_checkout(tmp_path / "site", "maintain", "renew-prices", code=2)
    assert "run it in a checkout, or give --output FOLDER" in said.stderr
    assert contents(package / "_data" / "pricing") == contents(shipped("pricing"))
