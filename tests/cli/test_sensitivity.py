"""``sensitivity`` from the command line: tables, JSON, CSV, pictures, bad input."""

import csv
import io
import json
import math
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from tests import examples, pictures
from tests.golden import how_to_accept

HERE = ("--region", "us-east-1", "--offline", "--solver", "highs")


def run(*options: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["sensitivity", *HERE, *options])
    assert result.exit_code == code, result.output
    return result.stdout if code == 0 else result.output


def plan_usd_per_hour(*options: str) -> float:
    result = CliRunner().invoke(app, ["plan", *HERE, *options, "--format", "csv"])
    assert result.exit_code == 0, result.output
    (*_, row) = csv.DictReader(io.StringIO(result.stdout))
    return float(row["region_usd_per_hour"])


def test_over_rate_agrees_with_the_plan_at_every_change() -> None:
    """Just below each change the fleet is the one that ``plan`` finds there."""
    answer = json.loads(run("--over", "rate", "--from", "2", "--to", "5", "--format", "json"))
    sweep = answer["sweep"]
    assert (sweep["low"], sweep["high"], sweep["unit"]) == (2, 5, "requests/s")
    stretches = sweep["stretches"]
    assert stretches[0]["low"] == 2
    assert stretches[-1]["high"] == 5
    assert len(stretches) > 3
    for stretch in stretches[1:4]:
        middle = (stretch["low"] + stretch["high"]) / 2
        assert plan_usd_per_hour("--rate", repr(middle)) == pytest.approx(stretch["usd_per_hour_at_low"])
    for single in sweep["singles"].values():
        assert all(one["low"] < one["high"] for one in single)


def test_over_tpot_agrees_with_the_plan() -> None:
    answer = json.loads(run("--over", "tpot", "--from", "60", "--to", "120", "--format", "json"))
    for stretch in answer["sweep"]["stretches"][:3]:
        middle = (stretch["low"] + stretch["high"]) / 2
        assert plan_usd_per_hour("--tpot-ms", repr(middle)) == pytest.approx(stretch["usd_per_hour_at_low"])


def test_a_throughput_is_swept_over_its_profiles_error() -> None:
    answer = json.loads(run("--over", "throughput:A10G", "--format", "json"))
    sweep = answer["sweep"]
    assert (sweep["low"], sweep["high"]) == pytest.approx((1 - sweep["error"], 1 + sweep["error"]))
    costs = [stretch["usd_per_hour_at_low"] for stretch in sweep["stretches"]]
    assert costs == sorted(costs, reverse=True)


def test_the_error_of_a_throughput_is_said_to_be_that_of_its_least_certain_sizes() -> None:
    """The plan's own figure is a mean by load, so never more."""
    sweep = json.loads(run("--over", "throughput:A10G", "--format", "json"))["sweep"]
    width = f"±{math.ceil(100 * sweep['error'])} %"
    said = " ".join(run("--over", "throughput:A10G").split())
    assert f"Errors of its least certain sizes: {width} (a plan's figure weights all sizes by load)." in said
    planned = CliRunner().invoke(app, ["plan", "--region", "us-east-1", "--offline", "--format", "json"])
    (used,) = [use for use in json.loads(planned.stdout)["regions"][0]["kinds"] if use["gpu"] == "A10G"]
    assert 0 < used["error"] < sweep["error"]


def test_the_table_names_the_plan_and_every_single_gpu() -> None:
    page = run("--over", "price:A10G")
    assert "<- the plan" in page
    assert "A10G only" in page
    assert "Price of A10G, times today's, from 0.5 to 2" in page


def test_lines_fit_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    assert max(len(line) for line in run("--over", "rate", "--from", "2", "--to", "6").splitlines()) <= 60


def test_csv_holds_the_mix_and_each_kind_alone() -> None:
    rows = list(csv.DictReader(io.StringIO(run("--over", "rate", "--from", "2", "--to", "3", "--format", "csv"))))
    assert {"mix", "A10G", "L4"} <= {row["fleet_of"] for row in rows}
    assert all(float(row["usd_per_hour_at_low"]) > 0 for row in rows if row["fleet_of"] == "mix")


def test_routers_are_a_table() -> None:
    answer = json.loads(run("--over", "router", "--format", "json"))
    costs = {choice["name"]: choice["usd_per_hour"] for choice in answer["sweep"]["choices"]}
    assert costs["oracle"] <= costs["prompt"] <= costs["plain"]


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_pictures_are_the_same_bytes_every_time(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1790000000")
    files = [tmp_path / f"{name}.{suffix}" for name in ("one", "two")]
    for file in files:
        run("--over", "rate", "--from", "2", "--to", "4", "--out", str(file))
    one, two = (file.read_bytes() for file in files)
    assert one == two
    assert one.startswith(b"<?xml" if suffix == "svg" else b"\x89PNG")
    if suffix == "svg":
        assert "A10G only" in one.decode()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--over", "cost"), "--over cost: not supported; known are rate, tpot"),
        (("--over", "rat"), "did you mean rate?"),
        (("--over", "price"), "name a GPU, such as price:A10G"),
        (("--over", "price:B200"), "--over price:B200"),
        (("--over", "rate:A10G"), "only price and throughput are of a GPU"),
        (("--over", "rate", "--from", "5", "--to", "2"), "the range is empty"),
        (("--over", "rate", "--from", "0"), "--from 0: give a positive number"),
        (("--over", "rate", "--to", "1e9"), "--to 1e+09: give a number from 1e-06 to 1,000,000"),
        (("--over", "price:L4", "--from", "1e-300", "--to", "1e300"), "--from 1e-300: give a number from 0.001 to"),
        (("--over", "tpot", "--to", "1e300"), "--to 1e+300: give a number from 0.001 to"),
        (("--over", "rate", "--to", "nan"), "--to nan: give requests/s, such as 10, 10/s or 600/min"),
        (("--over", "router", "--from", "1"), "a router has no range"),
        (("--over", "router", "--out", "x.svg"), "a table, not a picture"),
        (("--over", "price:H100", "--gpu", "L4"), "no offer with H100 may enter this plan"),
        (("--over", "rate", "--region", "us-west-2"), "sensitivity is of one region"),
        (("--over", "rate", "--out", "x.png", "--format", "json"), "drop one of the two"),
    ],
)
def test_bad_input_is_one_line(options: tuple[str, ...], says: str) -> None:
    output = run(*options, code=2)
    assert says in output
    assert len([line for line in output.splitlines() if line.startswith("melange-cloud:")]) == 1


def test_the_kept_picture_shows_what_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(examples.EXAMPLES.parent)
    drawn = tmp_path / "rate.svg"
    pictures.over_rate(drawn)
    kept = pictures.OVER_RATE.read_text(encoding="utf-8")
    assert pictures.texts(kept) == pictures.texts(drawn.read_text(encoding="utf-8")), how_to_accept("pictures")


def test_markdown_has_every_stretch_that_the_json_has() -> None:
    asked = ("--over", "rate", "--from", "2", "--to", "5")
    stretches = json.loads(run(*asked, "--format", "json"))["sweep"]["stretches"]
    page = run(*asked, "--all-rows", "--format", "markdown")
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(rows) == len(stretches) + 2  # the head and the rule below it


def test_the_page_says_what_the_rate_is_made_of(tmp_path: Path) -> None:
    """Three requests in the busiest of two minutes: 0.05 a second."""
    log = tmp_path / "log.csv"
    times = ("00:00:00", "00:00:30", "00:01:10", "00:01:20", "00:01:40", "00:02:00")
    rows = "".join(f"2026-03-01T{time}Z,500,100\n" for time in times)
    log.write_text(f"timestamp,input_tokens,output_tokens\n{rows}", encoding="utf-8")
    made = CliRunner().invoke(app, ["workloads", "from-trace", str(log), "--output", str(tmp_path / "mine.json")])
    assert made.exit_code == 0, made.output
    mine = ("--workload", str(tmp_path / "mine.json"), "--gpu", "L4")
    page = " ".join(run("--over", "tpot", "--from", "80", "--to", "81", *mine).replace("\u00a0", " ").split())
    assert "peak 0.05 req/s (peak of the 2 minutes of log, 2026-03-01 00:01 UTC) + 20 % headroom" in page
    assert "log: its arrivals cover 2 minutes, and the peak of a whole day may be higher: set it with --rate" in page
