"""``melange-cloud prices``: what each command prints, where, and with which exit code."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud import catalog
from melange_cloud.cli import current_time
from melange_cloud.cli.app import app
from melange_cloud.domain import PURCHASES
from tests.clouds.aws_cloud import FakeAws, operation_of, product, recorded, recorded_spot, refusal
from tests.clouds.loopback import Reply
from tests.live import both_clouds
from tests.schemas import assert_valid

COLUMNS = [
    "provider",
    "region",
    "instance_type",
    "gpu",
    "gpu_count",
    "purchase",
    "sold_as",
    "usd_per_hour",
    "list_usd_per_hour",
    "origin",
    "source",
    "as_of_from",
    "as_of_to",
]
EVERY_PURCHASE = ("--purchase", ",".join(PURCHASES))
SPOT_L4 = ("--purchase", "spot", "--instance-type", "g6.xlarge")
ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.usefixtures("cache")


def prices(*arguments, code=0):
    result = CliRunner().invoke(app, ["prices", *arguments], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result


def listed(*arguments):
    return json.loads(prices("list", *arguments, "--format", "json").stdout)


# refresh


def test_refresh_says_what_was_read_on_stdout_and_fills_the_cache(serve):
    serve()
    result = prices("refresh")
    lines = result.stdout.splitlines()
    assert lines[0].startswith(" aws: 28 prices of 3 regions in ")
    assert "on_demand" in lines[0]
    assert lines[1].startswith(" gcp: ")
    assert result.stderr == ""
    assert {row["origin"] for row in listed("--region", "us-east-1")["rows"]} == {"cached"}


def test_refresh_asks_for_what_is_named_alone(serve):
    server = serve()
    prices("refresh", "--provider", "aws", "--region", "us-east-1", "--purchase", "spot")
    assert {operation_of(request) for request in server.requests} == {("DescribeSpotPriceHistory", "us-east-1")}
    asked = len(server.requests)
    prices("refresh", "--region", "gcp:*")
    assert {request.path[:12] for request in server.requests[asked:]} == {"/v1/services"}


def test_refresh_of_one_cloud_that_fails_leaves_the_other(serve):
    serve(both_clouds(aws=FakeAws(fault=refusal("ExpiredTokenException"))))
    result = prices("refresh")
    assert "credentials have expired: log in again" in result.stderr
    assert result.stdout.startswith(" gcp: ")


def test_refresh_that_reads_nothing_ends_with_5():
    result = prices("refresh", code=5)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert "prices refresh --public" in lines[0]
    assert "MELANGE_CLOUD_GCP_API_KEY" in lines[1]
    assert "prices doctor" in lines[2]


def test_the_public_list_is_read_without_credentials(serve, monkeypatch):
    serve()
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    result = prices("refresh", "--public", "--region", "us-east-1")
    assert result.stdout.startswith(" aws: ")
    assert "spot" not in result.output
    rows = listed("--region", "us-east-1", "--purchase", "on_demand")["rows"]
    assert {row["source"].partition(",")[0] for row in rows} == {"AWS public price list (AmazonEC2 index.csv)"}


def test_refresh_names_unknown_instance_types(serve):
    serve(both_clouds(FakeAws([product("g6.xlarge"), product("g99.xlarge", sku="B"), product("g98.xlarge", sku="C")])))
    result = prices("refresh", "--region", "us-east-1", "--purchase", "on_demand")
    assert "aws: left out, since melange-cloud does not know them: g98.xlarge, g99.xlarge\n" in result.stderr
    assert result.stdout.startswith(" aws: 1 price of 1 region in ")


def test_public_is_about_aws():
    assert "choose an AWS region" in prices("refresh", "--public", "--provider", "gcp", code=2).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--region", "us-esat-1"], "us-east-1 (aws, US East (N. Virginia))"),
        (["--provider", "azure"], "--provider azure: not supported; known are aws and gcp"),
        (["--purchase", "rental"], "--purchase rental: not supported; known are on_demand, spot"),
    ],
)
@pytest.mark.parametrize("command", ["refresh", "list", "export"])
def test_an_unknown_word_is_bad_input(command, arguments, said):
    assert said in prices(command, *arguments, code=2).stderr


def test_ctrl_c_ends_a_refresh_that_hangs(serve, cache):
    """It would wait for a day: only the interrupt ends it."""
    asked = threading.Event()

    def hang(request):
        asked.set()
        return Reply(fault="hang")

    serve(hang)
    start = (
        "from melange_cloud.clouds import aws, gcp\n"
        "aws.client.AwsPatience.__init__.__defaults__ = (86_400, 86_400, 1, 1)\n"
        "gcp.client.GcpPatience.__init__.__defaults__ = (86_400, 86_400, 1, 1, 86_400)\n"
        "from melange_cloud.cli.app import main; main()"
    )
    asking = subprocess.Popen(
        [sys.executable, "-c", start, "prices", "refresh"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asked.wait(120)
    asking.send_signal(signal.SIGINT)
    out, err = asking.communicate(timeout=120)
    assert asking.returncode == 130
    assert out == ""
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not (cache / "aws.json").exists()


# list


def test_the_rows_of_a_list_have_the_documented_columns():
    answer = listed("--region", "us-east-1")
    assert answer["schema_version"] == 1
    assert list(answer["rows"][0]) == COLUMNS
    assert len(answer["rows"]) > 20
    text = prices("list", "--region", "us-east-1", "--format", "csv").stdout
    assert text.splitlines()[0].split(",") == COLUMNS


def test_a_list_is_sorted_by_usd_per_gpu_hour_and_filtered():
    rows = listed("--gpu", "h100", "--gpu", "L4", "--purchase", "on-demand", "--provider", "aws")["rows"]
    each = [row["usd_per_hour"] / row["gpu_count"] for row in rows]
    assert each == sorted(each)
    assert {row["gpu"] for row in rows} == {"H100", "L4"}
    assert {row["purchase"] for row in rows} == {"on_demand"}
    assert {row["provider"] for row in rows} == {"aws"}
    some = listed("--instance-type", "p5.*", "--region", "eu-*")["rows"]
    assert {row["instance_type"] for row in some} <= {"p5.48xlarge", "p5.4xlarge"}
    assert all(row["region"].startswith("eu-") for row in some)


def test_live_rows_and_snapshot_rows_say_what_they_are(serve):
    serve(both_clouds(gcp=lambda request: Reply("?", status=403)))
    answer = listed("--region", "us-east-1", "--region", "us-central1", "--purchase", "on_demand")
    origins = {row["provider"]: row["origin"] for row in answer["rows"]}
    assert origins == {"aws": "live", "gcp": "snapshot"}
    assert any("gcp" in notice for notice in answer["notices"])
    today = datetime.now(UTC).date().isoformat()
    assert {row["as_of_to"] for row in answer["rows"] if row["provider"] == "aws"} == {today}


def test_a_table_tells_ages_and_warns_of_spot(serve):
    serve()
    text = prices("list", "--region", "us-east-1", "--gpu", "H100", "--purchase", "spot,on-demand").stdout
    assert "live" in text
    assert "spot: interruptible, price at one moment" in text
    assert "6.8800  55.0400  8 H100" in text
    assert "interruptible" not in prices("list", "--region", "us-east-1", "--purchase", "on_demand").stdout


@pytest.mark.parametrize("columns", ["60", "80", "120", "200"])
def test_a_table_loses_nothing_at_any_width(columns):
    asked = ["prices", "list", "--offline", "--region", "us-east-1", "--region", "us-central1", "--gpu", "H100"]
    text = CliRunner().invoke(app, [*asked, *EVERY_PURCHASE], env={"COLUMNS": columns}).stdout
    lines = text.splitlines()
    assert max(len(line) for line in lines) <= int(columns)
    assert "…" not in text
    banner, rows, *_ = text.split("\n\n")
    assert banner.startswith(" SNAPSHOT PRICES, NOT LIVE - AWS list of ")
    for offer in catalog.load_snapshot().offers:
        if offer.region in ("us-east-1", "us-central1") and offer.instance_type.gpu == "H100":
            assert re.search(
                rf"{offer.usd_per_instance_hour:.4f} .*{offer.instance_type.name}.*{offer.region}\s+{offer.purchase}",
                rows,
            )


def test_a_row_is_one_line_off_a_terminal():
    text = CliRunner().invoke(app, ["prices", "list", "--offline"]).stdout
    rows = text.split("\n\n")[1].splitlines()[1:]
    assert len(rows) == len(listed("--offline")["rows"])


def test_spot_is_listed_only_on_request_and_old_quotes_are_warned_of():
    """The shipped spot quotes of us-east-1 are of 8 February 2026."""
    usual = prices("list", "--offline", "--region", "us-east-1").stdout
    assert not re.search(r"\sspot\s", usual.split("\n\n")[1])
    assert "spot is not listed; --purchase spot lists it" in usual
    (row,) = listed("--offline", "--region", "us-east-1", *SPOT_L4)["rows"]
    old = (datetime.now(UTC).date() - datetime(2026, 2, 8, tzinfo=UTC).date()).days
    assert row["as_of_to"] == "2026-02-08"
    for columns in ("80", "160"):
        asked = ["prices", "list", "--offline", "--region", "us-east-1", *SPOT_L4]
        banner, rows, notes = CliRunner().invoke(app, asked, env={"COLUMNS": columns}).stdout.split("\n\n")
        assert f"1 spot price is {old} days old: `plan` uses none older than 7 days" in " ".join(banner.split())
        assert rows.splitlines()[1].endswith(f" {old} d")
        assert "spot is not listed" not in notes


def test_a_list_without_a_row_says_so():
    said = prices("list", "--offline", "--gpu", "H100", "--instance-type", "g5.*").stdout
    assert said.startswith(" no price matches: loosen --region, --gpu")


def test_the_spot_warning_is_in_json_too():
    assert "spot: interruptible, price at one moment" in listed("--purchase", "spot", "--gpu", "L4")["notices"]


def test_without_credentials_a_list_is_the_snapshot_and_says_so_on_stderr():
    result = prices("list", "--region", "us-east-1", "--format", "csv", "--purchase", "on_demand")
    banner, cure = result.stderr.splitlines()
    assert banner.startswith("SNAPSHOT PRICES, NOT LIVE - AWS list of 2026-07-20, ")
    assert cure.startswith("live prices need credentials - aws: ")
    assert {row["origin"] for row in csv.DictReader(io.StringIO(result.stdout))} == {"snapshot"}


def test_require_fresh_ends_with_5():
    result = prices("list", "--region", "us-east-1", "--require-fresh", code=5)
    assert result.stdout == ""
    assert "as of 2026-07-20" in result.stderr


def test_an_age_that_is_none_is_bad_input():
    assert "90m, 12h or 3d" in prices("list", "--max-age", "soon", code=2).stderr


def test_offline_and_refresh_are_bad_input_together():
    assert "drop one" in prices("list", "--offline", "--refresh", code=2).stderr


def test_offline_queries_no_cloud(serve):
    server = serve()
    prices("list", "--offline")
    prices("export", "--offline")
    prices("doctor", "--offline")
    assert not server.requests


def test_list_and_net_price_are_both_shown(alone):
    (alone / "melange-cloud.toml").write_text('[[discount]]\nfamily = "p5"\npercent = 25\n')
    row = listed("--region", "us-east-1", "--instance-type", "p5.48xlarge", "--purchase", "on_demand")["rows"][0]
    assert (row["usd_per_hour"], row["list_usd_per_hour"]) == (41.28, 55.04)
    text = prices("list", "--region", "us-east-1", "--purchase", "on_demand").stdout
    assert "list $/h" in text
    assert "41.2800" in text
    assert "55.0400" in text
    assert "list $/h" not in prices("list", "--region", "us-east-1", "--gpu", "L4").stdout


def test_a_wrong_discount_is_bad_input(alone):
    (alone / "melange-cloud.toml").write_text("[[discount]]\npercent = 250\n")
    assert "[[discount]] 1, percent: is 250" in prices("list", code=2).stderr


# export


def test_an_exported_sheet_reads_back_row_for_row(tmp_path):
    sheet = tmp_path / "prices.csv"
    result = prices("export", "--offline", "--out", str(sheet))
    assert result.stdout == ""
    before = {tuple(row.values())[:6]: row for row in listed("--offline", *EVERY_PURCHASE)["rows"]}
    after = {
        tuple(row.values())[:6]: row for row in listed("--offline", *EVERY_PURCHASE, "--prices", str(sheet))["rows"]
    }
    assert before.keys() == after.keys()
    assert len(before) > 1800
    for key, row in after.items():
        assert row == {**before[key], "origin": "user"}
    diff = json.loads(prices("diff", "snapshot", str(sheet), "--format", "json").stdout)
    assert diff["changes"] == []


def test_a_listed_csv_is_a_price_sheet_too(tmp_path):
    sheet = tmp_path / "some.csv"
    prices("list", "--offline", "--region", "us-*", "--format", "csv", "--out", str(sheet))
    offers = catalog.read_price_sheet(
        sheet, today=datetime.now(UTC).date(), reference=catalog.load_snapshot(), accept_odd_prices=False
    )
    assert len(offers) > 100
    assert {offer.origin for offer in offers} == {"user"}


def test_what_a_user_has_confirmed_stays_confirmed(tmp_path):
    mine, exported = tmp_path / "mine.csv", tmp_path / "exported.csv"
    mine.write_text(
        "provider,region,instance_type,purchase,usd_per_hour,confirmed\naws,us-east-1,g6.xlarge,on_demand,9.99,yes\n"
    )
    only = ["--offline", "--region", "us-east-1", "--purchase", "on_demand"]
    prices("export", *only, "--prices", str(mine), "--out", str(exported))
    rows = listed(*only, "--prices", str(exported), "--instance-type", "g6.xlarge")["rows"]
    assert rows[0]["usd_per_hour"] == 9.99


# diff


def test_a_diff_says_what_moved_appeared_and_vanished(serve):
    costlier = [product("g6.xlarge", usd="0.8853000000", sku="A"), product("g5.2xlarge", usd="1.2120000000", sku="B")]
    serve(both_clouds(FakeAws(costlier)))
    prices("refresh", "--region", "us-east-1", "--purchase", "on_demand")
    diff = json.loads(prices("diff", "--format", "json").stdout)
    assert (diff["before"], diff["after"], diff["same"]) == ("snapshot", "cache", 1)
    changes = {(one["change"], one["instance_type"]): one for one in diff["changes"]}
    moved = changes["moved", "g6.xlarge"]
    assert (moved["before_usd_per_hour"], moved["after_usd_per_hour"]) == (0.8048, 0.8853)
    assert moved["fraction"] == pytest.approx(0.1, abs=1e-3)
    assert ("vanished", "p5.48xlarge") in changes
    assert {one["region"] for one in diff["changes"]} == {"us-east-1"}
    assert len(diff["only_before"]) > 50
    table = prices("diff", "cache", "snapshot").stdout
    assert "-9.1 %" in table
    assert "1 moved," in table
    assert "not compared: " in table


def test_a_diff_by_day(serve):
    serve()
    prices("refresh", "--region", "us-east-1", "--purchase", "on_demand")
    today = datetime.now(UTC).date()
    same = json.loads(prices("diff", today.isoformat(), "cache", "--format", "json").stdout)
    assert same["changes"] == []
    assert same["same"] >= 4
    old = (today - timedelta(days=400)).isoformat()
    said = prices("diff", old, "cache", code=5).stderr
    assert f"no prices from {old} or before (its first day is {today})" in said


def test_a_diff_with_an_empty_cache_says_how_to_fill_it():
    assert "prices refresh" in prices("diff", code=5).stderr


def test_a_diff_with_nothing_known_is_bad_input():
    assert (
        "is not snapshot, cache, a day such as 2026-11-22 or a file"
        in prices("diff", "yesterday", "snapshot", code=2).stderr
    )


def test_a_diff_of_one_provider_leaves_the_other_out(tmp_path):
    sheet = tmp_path / "prices.csv"
    prices("export", "--offline", "--out", str(sheet))
    for provider in ("aws", "gcp"):
        diff = json.loads(prices("diff", "snapshot", str(sheet), "--provider", provider, "--format", "json").stdout)
        rows = [offer for offer in catalog.load_snapshot().offers if offer.instance_type.provider == provider]
        government = [row for row in rows if row.region.startswith("us-gov")]
        assert diff["same"] == len(rows) - len(government)
        assert {place[0] for place in diff["only_before"]} <= {"aws"}


# doctor


def test_the_doctor_without_anything_says_how_to_fix_it():
    result = prices("doctor")
    assert "missing  aws credentials" in result.stdout
    assert "-> run `aws configure`" in result.stdout
    assert "missing  gcp credentials" in result.stdout
    assert "-> set MELANGE_CLOUD_GCP_API_KEY" in result.stdout
    assert "missing  cache aws: empty" in result.stdout
    assert "snapshot aws on_demand: 368 prices" in result.stdout


def test_the_doctor_judges_shipped_prices_by_the_rules_of_a_plan(monkeypatch):
    """By hand: AWS's shipped commitments are of 30 November 2025, its spot quotes of 8 February 2026."""

    def verdicts(moment):
        monkeypatch.setattr(current_time, "now", lambda: moment)
        checks = json.loads(prices("doctor", "--offline", "--format", "json").stdout)["checks"]
        return {check["what"]: check for check in checks if check["about"] == "snapshot"}

    early = verdicts(datetime(2026, 2, 15, tzinfo=UTC))
    assert {early["aws spot"]["status"], early["aws commit_1y"]["status"]} == {"ok"}
    assert verdicts(datetime(2026, 2, 16, tzinfo=UTC))["aws spot"]["status"] == "old"
    assert verdicts(datetime(2026, 5, 29, tzinfo=UTC))["aws commit_1y"]["status"] == "ok"
    late = verdicts(datetime(2026, 5, 30, tzinfo=UTC))
    assert late["aws commit_1y"] == {
        "about": "snapshot",
        "what": "aws commit_1y",
        "status": "old",
        "found": "334 prices, as of 2025-11-30, up to 181 days old; all marked ! in a plan, as older than 180 days",
        "cure": "melange-cloud prices refresh --provider aws",
    }
    assert late["aws spot"]["found"].endswith("; all too old for a plan, which uses none older than 7 days")
    assert late["aws spot"]["cure"] == "melange-cloud prices refresh --provider aws, with credentials"


def test_the_doctor_shows_permissions_that_miss_and_no_secret(serve, monkeypatch):
    def no_ec2(request, operation, region):
        return refusal("UnauthorizedOperation", 403)(request, operation, region) if "Describe" in operation else None

    server = serve(both_clouds(FakeAws(recorded("gpu_products.json"), recorded_spot(), fault=no_ec2)))
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setenv("MELANGE_CLOUD_GCP_API_KEY", "very-secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_EC2", server.url.replace("http://", "http://me:very-secret@"))
    result = prices("doctor", "--format", "json", code=5)
    checks = json.loads(result.stdout)["checks"]
    failed = {check["cure"] for check in checks if check["status"] == "failed"}
    assert failed == {
        "allow ec2:DescribeInstanceTypeOfferings in the IAM policy of these credentials",
        "allow ec2:DescribeSpotPriceHistory in the IAM policy of these credentials",
    }
    answered = [check["found"] for check in checks if check["what"] == "prices" and check["status"] == "ok"]
    assert any("on_demand prices of us-east-1" in found for found in answered)
    assert any("spot prices of us-central1" in found for found in answered)
    assert "secret" not in result.output
    assert not catalog.read_cache("aws").parts


def test_the_doctor_tells_the_age_of_the_cache(serve, cache):
    serve()
    prices("refresh", "--region", "us-east-1")
    assert "under 1 min old" in prices("doctor", "--offline").stdout
    file = cache / "aws.json"
    file.write_text(file.read_text().replace(datetime.now(UTC).strftime('fetched_at":"%Y-'), 'fetched_at":"2020-'))
    text = prices("doctor", "--offline").stdout
    assert "old      cache aws: " in text
    assert "days old" in text
    assert "-> melange-cloud prices refresh --provider aws" in text


def test_the_doctor_says_what_is_wrong_with_a_damaged_cache_and_separately_the_cure(serve, cache):
    serve()
    prices("refresh", "--region", "us-east-1")
    file = cache / "aws.json"
    file.write_text(file.read_text()[:-100])
    found = f"{file}: damaged, or not written by melange-cloud; its prices are not used"
    cure = "run `melange-cloud prices refresh --provider aws` to write it again"
    checks = json.loads(prices("doctor", "--offline", "--format", "json", code=5).stdout)["checks"]
    (check,) = [check for check in checks if check["about"] == "cache" and check["status"] == "failed"]
    assert check == {"about": "cache", "what": "aws", "status": "failed", "found": found, "cure": cure}
    table = " ".join(prices("doctor", "--offline", code=5).stdout.split())
    assert f"failed cache aws: {found} -> {cure} " in table
    listed = prices("list", "--offline")
    (note,) = [line for line in listed.stderr.splitlines() if "not written by melange-cloud" in line]
    assert note == f"{found}: {cure}"
    prices("refresh", "--region", "us-east-1")
    assert "not written by melange-cloud" not in prices("doctor", "--offline").stdout


# all of them


@pytest.mark.parametrize(
    ("command", "first"),
    [
        (
            ["list", "--offline", "--region", "us-east-1", "--gpu", "H100"],
            "provider,region,instance_type,gpu,gpu_count,",
        ),
        (["diff", "snapshot", "snapshot"], "change,provider,region,instance_type,purchase,before_usd_per_hour,"),
        (["doctor", "--offline"], "about,what,status,found,cure"),
    ],
)
def test_every_answer_has_four_forms_and_a_file(command, first, tmp_path):
    assert prices(*command, "--format", "csv").stdout.startswith(first)
    assert json.loads(prices(*command, "--format", "json").stdout)["schema_version"] == 1
    for suffix, form in ((".csv", "csv"), (".json", "json"), (".md", "markdown"), (".txt", "table")):
        file = tmp_path / f"answer{suffix}"
        said = prices(*command, "--output", str(file))
        assert said.stdout == ""
        lines = [file.read_text(), prices(*command, "--format", form).stdout]
        assert len({re.sub(r'"generated_at": .*', "", text) for text in lines}) == 1


def test_a_refresh_has_four_forms(serve):
    serve()
    asked = ["refresh", "--provider", "aws", "--region", "us-east-1"]
    printed = prices(*asked, "--format", "json").stdout
    assert_valid("prices-refresh", printed)
    document = json.loads(printed)
    (cloud,) = document["clouds"]
    assert (cloud["provider"], cloud["regions"]) == ("aws", 1)
    rows = list(csv.DictReader(io.StringIO(prices(*asked, "--format", "csv").stdout)))
    assert {row["purchase"]: int(row["prices"]) for row in rows} == cloud["prices"]
    assert prices(*asked, "--format", "markdown").stdout.startswith("aws: ")


@pytest.mark.parametrize("command", [[], ["refresh"], ["list"], ["diff"], ["export"], ["doctor"]])
def test_every_help_has_an_example(command):
    assert "Example:\n  melange-cloud prices" in prices(*command, "--help").output


def test_help_imports_nothing_heavy():
    code = (
        "import sys\n"
        "from melange_cloud.cli.app import app\n"
        "try: app(['prices', 'list', '--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'pandas', 'pyomo', 'boto3', 'botocore', 'google', 'filelock'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


# the example plug-in


def test_the_example_plug_in_is_installed_listed_refreshed_and_doctored(nimbus):
    environment = {**os.environ, "PYTHONPATH": f"{nimbus}{os.pathsep}{ROOT}", "COLUMNS": "160"}

    def run(*arguments):
        start = "from melange_cloud.cli.app import main; main()"
        return subprocess.run(
            [sys.executable, "-c", start, "prices", *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=environment,
        )

    result = run("list", "--provider", "nimbus", "--format", "json")
    rows = json.loads(result.stdout)["rows"]
    assert [(row["region"], row["instance_type"], row["usd_per_hour"], row["origin"]) for row in rows] == [
        ("nimbus-north-1", "n1.l4", 0.55, "live"),
        ("nimbus-south-1", "n1.l4", 0.55, "live"),
        ("nimbus-north-1", "n8.h100", 24.0, "live"),
        ("nimbus-south-1", "n8.h100", 24.0, "live"),
    ]
    cached = json.loads(run("list", "--region", "nimbus-north-1", "--format", "json").stdout)["rows"]
    assert {row["origin"] for row in cached} == {"cached"}
    assert run("refresh", "--provider", "nimbus").stdout.startswith(" nimbus: 4 prices of 2 regions")
    assert "ok       plug-ins nimbus: installed" in run("doctor", "--offline").stdout
    exported = run("export", "--provider", "nimbus")
    assert exported.stderr == ""
    assert len(exported.stdout.splitlines()) == 1 + len(rows)


def test_purchases_are_those_of_the_tool():
    assert {row["purchase"] for row in listed("--offline", *EVERY_PURCHASE)["rows"]} == set(PURCHASES)
