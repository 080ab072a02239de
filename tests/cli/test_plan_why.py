"""``plan --explain``, ``--alternatives``, ``--current``: the reasons are right when the cause is changed."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app

HERE = ("--region", "us-east-1", "--offline", "--solver", "highs", "--rate", "14")


def run(*options: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["plan", *HERE, *options])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def region_of(*options: str) -> dict[str, Any]:
    document = json.loads(run(*options, "--format", "json"))
    (region,) = document["regions"]
    assert isinstance(region, dict)
    return region


def fleet_of(region: dict[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in region["allocations"]:
        counts[line["instance_type"]] = counts.get(line["instance_type"], 0) + line["instances"]
    return counts


def sheet(folder: Path, name: str, usd_per_hour: float) -> Path:
    path = folder / "prices.csv"
    path.write_text(
        f"provider,region,instance_type,purchase,usd_per_hour\naws,us-east-1,{name},on_demand,{usd_per_hour:.6f}\n",
        encoding="utf-8",
    )
    return path


def test_json_always_has_the_reasons_and_the_table_only_when_asked() -> None:
    assert region_of()["explanation"]["bucket_costs"]
    assert "Why this mix?" not in run()
    page = run("--explain")
    assert "Why this mix?" in page
    assert "The next-cheapest fleets that differ in kind" in page
    assert "below which price" in page


def test_a_sheet_with_a_price_below_the_entry_price_lets_the_type_in(tmp_path: Path) -> None:
    before = region_of()
    entry = next(
        entry
        for entry in before["explanation"]["entry_prices"]
        if entry["enters_below_usd_per_hour_each"] is not None and entry["instance_type"] not in fleet_of(before)
    )
    name, price = entry["instance_type"], entry["enters_below_usd_per_hour_each"]
    confirmed = "--accept-odd-prices"  # the entry price may be far from the same type's elsewhere
    below = region_of("--prices", str(sheet(tmp_path, name, price * 0.99)), confirmed)
    assert name in fleet_of(below)
    assert below["usd_per_hour"] < before["usd_per_hour"]
    above = region_of("--prices", str(sheet(tmp_path, name, price * 1.01)), confirmed)
    assert name not in fleet_of(above)
    assert above["usd_per_hour"] == pytest.approx(before["usd_per_hour"])


def test_the_binding_quota_raised_saves_what_was_promised() -> None:
    gpu = region_of()["allocations"][0]["gpu"]
    limited = region_of("--max-gpus", f"{gpu}=3")
    (quota,) = limited["explanation"]["quotas"]
    assert (quota["option"], quota["name"], quota["limit"]) == ("--max-gpus", gpu, 3)
    raised = region_of("--max-gpus", f"{gpu}={quota['next_useful_limit']}")
    assert limited["usd_per_hour"] - raised["usd_per_hour"] == pytest.approx(quota["next_saving_usd_per_hour"])
    one_more = region_of("--max-gpus", f"{gpu}=4")
    assert limited["usd_per_hour"] - one_more["usd_per_hour"] == pytest.approx(
        quota["saving_of_one_more_usd_per_hour"], abs=1e-6
    )


def test_the_costs_by_size_make_up_the_bill() -> None:
    region = region_of()
    planned = 14 * 1.2
    per_hour = sum(
        size["usd_per_thousand_requests"] / 1000 * size["requests_share"] * planned * 3600
        for size in region["explanation"]["bucket_costs"]
    )
    assert per_hour == pytest.approx(region["usd_per_hour"])


def test_as_many_alternatives_as_asked_for() -> None:
    others = json.loads(run("--alternatives", "2", "--format", "json"))["regions"][0]["explanation"]["alternatives"]
    assert len(others) == 2
    assert others[0]["usd_per_hour"] <= others[1]["usd_per_hour"]


def test_a_plan_is_kept_when_it_is_today_s_fleet(tmp_path: Path) -> None:
    for form in ("json", "csv"):
        today = tmp_path / f"today.{form}"
        today.write_text(run("--format", form), encoding="utf-8")
        region = region_of("--current", str(today))
        assert region["current"]["changes"] == {}
        assert region["current"]["serves"] is True
        assert "Keep it" in run("--current", str(today))


def test_fewer_changes_where_more_may_be_paid(tmp_path: Path) -> None:
    today = tmp_path / "today.csv"
    today.write_text("instance_type,instances\ng5.2xlarge,9\ng6.2xlarge,9\n", encoding="utf-8")
    cheapest = region_of()["usd_per_hour"]
    changes = []
    for percent in (0, 10, 40):
        region = region_of("--current", str(today), "--stay-within", f"{percent}%")
        assert region["usd_per_hour"] <= cheapest * (1 + percent / 100) + 1e-5
        assert region["current"]["cheapest_usd_per_hour"] == pytest.approx(cheapest)
        fleet = fleet_of(region)
        expected = {name: fleet.get(name, 0) - {"g5.2xlarge": 9, "g6.2xlarge": 9}.get(name, 0) for name in
                    {*fleet, "g5.2xlarge", "g6.2xlarge"}}  # fmt: skip
        assert region["current"]["changes"] == {name: count for name, count in expected.items() if count}
        changes.append(sum(abs(count) for count in region["current"]["changes"].values()))
    assert changes == sorted(changes, reverse=True)
    assert changes[0] > changes[-1]


def test_more_api_servers_save_what_typing_it_saves(tmp_path: Path) -> None:
    """Against the cheapest fleet as asked, not against one that is kept for fewer changes and costs more."""
    today = tmp_path / "today.csv"
    today.write_text("instance_type,instances\ng5.2xlarge,9\ng6.2xlarge,9\n", encoding="utf-8")
    kept = region_of("--current", str(today), "--stay-within", "40%")
    assert kept["usd_per_hour"] > kept["current"]["cheapest_usd_per_hour"]
    rows = [row for row in kept["what_if"] if row["option"].startswith("--api-servers")]
    assert rows == [row for row in region_of()["what_if"] if row["option"].startswith("--api-servers")]


def test_a_type_that_may_not_stay_is_named(tmp_path: Path) -> None:
    today = tmp_path / "today.csv"
    today.write_text("instance_type,instances\ng5.xlarge,4\np5e.48xlarge,1\n", encoding="utf-8")
    page = run("--current", str(today))
    assert "g5.xlarge may not stay: host memory" in page
    assert "p5e.48xlarge may not stay: it has no price here" in page


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ("instance_type,instances\n", "f.csv", "has a header and no rows"),
        ("instance_type,instances\ng5.2xlarge,0\n", "f.csv", "line 2, instances: '0' is zero"),
        ("instance_type,instances\ng5.2xlarge,1.5\n", "f.csv", "not a whole number"),
        ("type,count\ng5.2xlarge,1\n", "f.csv", "missing columns instance_type, instances; found type, count"),
        ("instance_type,instances,region\ng5.2xlarge,1,us-west-2\n", "f.csv", "has no row of aws us-east-1"),
        ("instance_type,instances\ng5.2xlrge,9\n", "f.csv", "'g5.2xlrge': did you mean g5.2xlarge"),
        ("instance_type,instances\np5e.48xlrge,9\n", "f.csv", "'p5e.48xlrge': correct it, or leave it out"),
        ("instance_type,instances\nxyz,9\n", "f.csv", "line 2, instance_type: unknown instance type 'xyz'"),
        ("instance_type,instances\ng5.2xlarge,999999999999\n", "f.csv", "is more than 1e+06, the highest"),
        ("instance_type,instances\ng5.2xlarge,600000\ng5.2xlarge,600000\n", "f.csv", "1,200,000 is more than 1,000"),
        ("instance_type,instances\ng5.2xlarge,٣\n", "f.csv", "is not a plain number"),
        ('{"instances": {"g5.2xlrge": 9}}', "f.json", "'g5.2xlrge': did you mean g5.2xlarge"),
        ('{"instances": {"g5.2xlarge": 999999999999}}', "f.json", "999,999,999,999 is more than 1,000,000"),
        ('{"instances": {"g5.2xlarge": ' + "9" * 5_000 + "}}", "f.json", "a number of more than 20 digits"),
        ('{"instances": {"g5.2xlarge": NaN}}', "f.json", "has NaN where a number is expected"),
        ('{"instances": ' + "[" * 100_000, "f.json", "nested more than 64 levels deep"),
        ("{", "f.json", "is not JSON"),
        ("[]", "f.json", "is not a fleet"),
        ('{"instances": {"g5.2xlarge": -1}}', "f.json", "give a whole number of at least 1"),
        ('{"instances": {}}', "f.json", "is empty"),
        ('{"regions": []}', "f.json", "has no fleet of aws us-east-1"),
    ],
)
def test_a_broken_fleet_file_is_named(tmp_path: Path, content: str, name: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    output = run("--current", str(path), code=2)
    assert says in output
    assert name in output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--stay-within", "2%"), "--stay-within needs --current FILE"),
        (("--current", "nowhere.csv"), "nowhere.csv: cannot be read"),
        (("--current", "nowhere.csv", "--region", "us-west-2"), "--current is the fleet of one region"),
        (("--alternatives", "0"), "--alternatives 0: give 1 to 20"),
    ],
)
def test_bad_options(options: tuple[str, ...], says: str) -> None:
    assert says in run(*options, code=2)


@pytest.mark.parametrize("word", ["two", "-1%", "2%%", "nan"])
def test_a_fraction_that_is_none(word: str, tmp_path: Path) -> None:
    today = tmp_path / "today.csv"
    today.write_text("instance_type,instances\ng5.2xlarge,9\n", encoding="utf-8")
    assert "give a fraction such as 2% or 0.02" in run("--current", str(today), "--stay-within", word, code=2)


def test_several_regions_have_reasons_in_json_when_asked() -> None:
    result = CliRunner().invoke(
        app,
        ["plan", "--region", "us-east-1", "--region", "us-central1", "--offline", "--explain", "--format", "json"],
    )
    assert all(region["explanation"] is not None for region in json.loads(result.stdout)["regions"])
    plain = CliRunner().invoke(
        app, ["plan", "--region", "us-east-1", "--region", "us-central1", "--offline", "--format", "json"]
    )
    assert all(region["explanation"] is None for region in json.loads(plain.stdout)["regions"])


def test_csv_is_as_it_was_under_explain() -> None:
    rows = list(csv.DictReader(io.StringIO(run("--explain", "--format", "csv"))))
    assert rows[0]["region"] == "us-east-1"


def test_a_gpu_that_a_cloud_does_not_sell_is_said_with_the_cloud_that_does() -> None:
    """Google rents no A10G; AWS rents A100-80GB, but not in Ireland."""

    def reason(region: str, gpu: str) -> str:
        asked = ["plan", "--region", region, "--gpu", gpu, "--offline", "--format", "json"]
        return str(json.loads(CliRunner().invoke(app, asked).stdout)["regions"][0]["reason"])

    assert reason("us-central1", "A10G") == "no known instance type of gcp has A10G (sold by aws)"
    assert reason("eu-west-1", "A100-80GB") == "no price here for the GPUs asked for"
