"""Targets beyond the mean TPOT, and `--pessimistic`, on the command line: options, settings, formats, exit codes."""

import csv
import io
import json

import jsonschema
import pytest

from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema

HERE = ("plan", "--region", "us-east-1", "--offline")


def test_every_format_says_that_a_plan_is_pessimistic(run):
    asked = (*HERE, "--pessimistic")
    table = run(*asked, "--full")
    assert table.exit_code == 0
    assert "PESSIMISTIC - planned as if every GPU were as slow as the error of its profile allows" in table.stdout
    assert "This is the low end of every profile: as stated $" in table.stdout
    markdown = run(*asked, "--format", "markdown").stdout
    assert markdown.index("PESSIMISTIC") < markdown.index("|")
    rows = run(*asked, "--format", "csv")
    assert "PESSIMISTIC" in rows.stderr
    assert {row["pessimistic"] for row in csv.DictReader(io.StringIO(rows.stdout))} == {"true"}
    document = run.json(*asked)
    assert document["request"]["pessimistic"] is True
    assert any(notice.startswith("PESSIMISTIC") for notice in document["notices"])


def test_the_json_of_error_bars_follows_its_schema(run):
    document = run.json(*HERE)
    jsonschema.validate(document, schema(json_documents.PLAN))
    (region,) = document["regions"]
    bars = region["error_bars"]
    assert [bars["better"]["usd_per_month"], bars["worse"]["usd_per_month"]] == region["usd_per_month_range"]
    assert bars["stated"]["usd_per_month"] == pytest.approx(region["usd_per_month"])
    first = bars["profiles"][0]
    swing = first["usd_per_month_if_worse"] - first["usd_per_month_if_better"]
    assert first["swing_usd_per_month"] == pytest.approx(swing)
    assert swing > 0
    assert first["measure"] == (
        f"melange-cloud profiles import FILE --gpu {first['gpu']} --tp {first['tensor_parallel']}"
    )
    assert document["request"]["ttft_ms"] is None


def test_the_table_says_what_to_measure_first(run):
    first = run.json(*HERE)["regions"][0]["error_bars"]["profiles"][0]
    text = " ".join(run(*HERE, "--full").stdout.split())
    assert f"Measure first {first['gpu']}" in text
    assert f"melange-cloud profiles import FILE --gpu {first['gpu']} --tp {first['tensor_parallel']}" in text


def test_a_comparison_keeps_the_ends_and_leaves_out_single_profiles(run):
    document = run.json("plan", "--region", "us-east-1", "--region", "us-central1", "--offline")
    for region in document["regions"]:
        assert region["error_bars"]["profiles"] == []
        assert region["error_bars"]["worse"]["usd_per_month"] == region["usd_per_month_range"][1]


def test_targets_are_shown_and_the_caveat_comes_once(run):
    result = run(*HERE, "--ttft-ms", "900", "--e2e-ms", "40000", "--full", COLUMNS="200")
    assert "mean TPOT <= 100 ms*; mean TTFT <= 900 ms; mean end to end <= 40,000 ms" in result.stdout
    assert result.stdout.count("TTFT in profiles is a mean without queueing") == 1
    assert "without queueing" not in run(*HERE, "--full").stdout


def test_from_the_environment_and_from_the_settings_file(run, tmp_path):
    named = run(*HERE, "--format", "json", MELANGE_CLOUD_TTFT_MS="900", MELANGE_CLOUD_PESSIMISTIC="true")
    assert [json.loads(named.stdout)["request"][name] for name in ("ttft_ms", "pessimistic")] == [900, True]
    (tmp_path / "melange-cloud.toml").write_text("[plan]\ne2e-ms = 30000\np99-tpot-ms = 400.5\npessimistic = true\n")
    filed = run(*HERE, "--p99-tpot-ms", "500", "--format", "json")
    request = json.loads(filed.stdout)["request"]
    assert (request["e2e_ms"], request["p99_tpot_ms"], request["pessimistic"]) == (30000, 500, True)
    (tmp_path / "melange-cloud.toml").write_text('[plan]\nttft-ms = "fast"\n')
    refused = run(*HERE)
    assert refused.exit_code == 2
    assert "[plan] ttft-ms: 'fast': give milliseconds above 0, such as 100, 100ms or 0.1s" in refused.stderr


@pytest.mark.parametrize("option", ["--p99-tpot-ms", "--ttft-ms", "--e2e-ms"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf"])
def test_targets_that_cannot_be(run, option, value):
    result = run(*HERE, f"{option}={value}")
    assert result.exit_code == 2
    assert f"{option} {float(value):g}: give milliseconds above 0" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_exit_codes_of_targets(run):
    impossible = run(*HERE, "--ttft-ms", "1")
    assert impossible.exit_code == 3
    assert "ms of TTFT at its lightest load" in " ".join(impossible.stdout.split())
    unknown = run(*HERE, "--p99-tpot-ms", "200")
    assert unknown.exit_code == 5
    text = " ".join(unknown.stdout.split())
    assert "No plan - unknown: " in text
    assert "no data: the profile has no p99 TPOT" in text
    assert "infeasible" not in text
