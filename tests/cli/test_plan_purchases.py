"""`--compare-purchases` and the comparison of regions on the command line: tables, formats, settings, bad input."""

import csv
import io
import re

import jsonschema
import pytest
from rich.cells import cell_len

from melange_cloud.domain import PURCHASES
from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema

COMMITMENTS = ("commit_1y", "commit_3y")
ONE = ("plan", "--region", "us-east-1", "--offline", "--compare-purchases")
TWO = ("plan", "--region", "us-east-1", "--region", "us-central1", "--offline", "--compare-purchases")
TITLE = "The same question, bought in other ways"


def purchases(document, region):
    (found,) = (item for item in document["regions"] if item["region"] == region)
    return {bought["purchase"]: bought for bought in found["purchases"]}


def text(result):
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def test_one_region_names_contracts_fleets_costs_and_break_evens(run):
    found = purchases(run.json(*ONE), "us-east-1")
    shown = text(run(*ONE, COLUMNS="160"))
    page = shown[shown.index(TITLE) :]
    assert "RI 1y standard no upfront" in page
    assert "3 years: unknown: no 3-year commitment price" in page
    for purchase in ("on_demand", "commit_1y"):
        assert f"{found[purchase]['usd_per_month']:,.0f} " in page
    one = found["commit_1y"]
    assert (
        f"{one['usd_per_month']:,.0f} {one['with_spare']['usd_per_month']:,.0f} {one['obligation_usd']:,.0f} - - -"
        in page
    )
    assert (one["saving_usd_per_month"], one["break_even_fraction"], one["no_saving"]) == (None, None, "rates_apart")
    assert "1 year shows no saving and no break-even: its rates and those on demand are 232 days apart" in page
    assert "(72 vCPU of G)" in page
    assert "A commitment is a 24x7 obligation, billed 730 h/month, used or not." in page
    assert "No price known here: p5.48xlarge (1 year)" in page
    assert "spot" not in found


def spot_sheet(tmp_path):
    """A10G and L4 on spot at half their list price of July, seen today."""
    sheet = tmp_path / "spot.csv"
    rows = ("g5.2xlarge,0.606", "g6.2xlarge,0.4888")
    lines = (f"aws,us-east-1,{row.split(',')[0]},spot,{row.split(',')[1]}" for row in rows)
    sheet.write_text("\n".join(["provider,region,instance_type,purchase,usd_per_hour", *lines]), encoding="utf-8")
    return sheet


def test_a_spot_price_of_long_ago_is_no_price(run):
    found = purchases(run.json(*ONE, "--compare-spot"), "us-east-1")["spot"]
    assert (found["status"], found["usd_per_month"], found["saving_usd_per_month"]) == ("unknown", None, None)
    assert "the newest spot price here is of 2026-02-08" in found["reason"]
    alone = run("plan", "--region", "us-east-1", "--offline", "--purchase", "spot")
    assert alone.exit_code == 5
    assert "the newest spot price here is of 2026-02-08" in " ".join(alone.stdout.split())


def test_a_fleet_on_spot_keeps_one_instance_in_reserve(run, tmp_path):
    sheet = ("--prices", str(spot_sheet(tmp_path)))
    found = purchases(run.json(*ONE, "--compare-spot", *sheet), "us-east-1")["spot"]
    assert found["spare"] == 1
    assert (found["saving_usd_per_month"], found["no_saving"]) == (None, "one_observation")
    spot = ("plan", "--region", "us-east-1", "--offline", *sheet, "--purchase", "spot")
    alone, bare = run.json(*spot), run.json(*spot, "--spare", "0")
    assert "spare" in alone["defaulted"]
    assert "spare" not in bare["defaulted"]
    assert alone["request"]["spare"] == 1
    assert found["usd_per_month"] == alone["regions"][0]["usd_per_month"] > bare["regions"][0]["usd_per_month"]
    page = text(run("plan", "--region", "us-east-1", "--offline", "--compare-spot", *sheet, COLUMNS="160"))
    assert "Spot is interruptible: one instance is kept in reserve (--spare 1). Its price was seen once" in page


def test_regions_stand_side_by_side_at_the_same_term(run):
    document = run.json(*TWO)
    lines = run(*TWO, COLUMNS="130").stdout.splitlines()
    start = next(at for at, line in enumerate(lines) if TITLE in line)
    assert lines[start + 1].split()[:4] == ["Bought", "Region", "$/month", "--spare"]
    rows = lines[start + 2 : start + 8]
    # The cheapest of a term first; what has no price last.
    for at, (purchase, word) in enumerate(
        (("on_demand", "On demand"), ("commit_1y", "1 year"), ("commit_3y", "3 years"))
    ):
        first, second = rows[2 * at : 2 * at + 2]
        assert first.strip().startswith(f"{word}  ")
        assert first.split(word)[1].split()[:2] == ["gcp", "us-central1"]
        assert second.split()[:2] == ["aws", "us-east-1"]
        for region, line in (("us-central1", first), ("us-east-1", second)):
            bought = purchases(document, region)[purchase]
            if bought["usd_per_month"] is None:
                assert line.split()[2:] == ["no", "data", "-", "-", "-", "-"]
                continue
            for figure in (bought["usd_per_month"], bought["with_spare"]["usd_per_month"]):
                assert f" {figure:,.0f} " in line
            assert (f"{bought['obligation_usd']:,.0f} " in line) if purchase != "on_demand" else " - " in line
    assert "no data" in rows[5]
    page = " ".join(" ".join(lines[start:]).split())
    assert "1 year is CUD 1y on gcp and RI 1y standard no upfront on aws; 3 years is CUD 3y on gcp" in page
    # Google's rates are of one day and have a break-even; those of AWS are 232 days apart, and have none.
    one = purchases(document, "us-central1")["commit_1y"]
    assert f"{100 * one['break_even_of_cheapest_fraction']:.0f} %" in rows[2]
    assert "1 year on aws shows no saving and no break-even" in page


def test_marks_are_explained_and_follow_the_figures(run):
    asia = ("plan", "--region", "aws:ap-*", "--region", "gcp:asia-east*", "--offline", "--compare-purchases")
    document = run.json(*asia)
    page = run(*asia, "--all-rows", COLUMNS="200").stdout
    page = page[page.index(TITLE) :]
    hard = 0
    for region in document["regions"]:
        for bought in region["purchases"]:
            if bought["usd_per_month"] is None:
                continue
            (line, *_) = (row for row in page.splitlines() if f"{bought['usd_per_month']:,.0f} " in row)
            old = region["provider"] == "aws"
            assert (f"{bought['usd_per_month']:,.0f} !" in line) is old
            hard += "often_unavailable" in bought["availability"].values()
    assert hard
    assert "p5.4xlarge^" in page
    assert re.search(r"\^ hard to get: [^;]*p5\.4xlarge[^;]* \(often unavailable\)", " ".join(page.split()))
    assert "! price older than 180 days" in page


def test_every_format_holds_it_and_the_schema_describes_it(run):
    document = run.json(*TWO)
    jsonschema.validate(document, schema(json_documents.PLAN))
    assert [bought["purchase"] for bought in document["regions"][0]["purchases"]] == list(PURCHASES[:1] + COMMITMENTS)
    rows = run(*TWO, "--format", "csv")
    for row in csv.DictReader(io.StringIO(rows.stdout)):
        found = purchases(document, row["region"])
        for purchase, bought in found.items():
            cell = row[f"region_{purchase}_usd_per_month"]
            assert (float(cell) if cell else None) == bought["usd_per_month"]
        assert row["region_commit_1y_contract"] == "; ".join(found["commit_1y"]["contracts"])
        cell = row["region_commit_1y_break_even_fraction"]
        assert (float(cell) if cell else None) == found["commit_1y"]["break_even_fraction"]
    markdown = run(*TWO, "--format", "markdown").stdout
    assert TITLE in markdown
    assert "CUD 1y" in markdown


def test_without_it_nothing_is_asked_and_nothing_shown(run):
    document = run.json(*(word for word in TWO if word != "--compare-purchases"))
    assert [region["purchases"] for region in document["regions"]] == [None, None]
    assert all(region["comparison"] for region in document["regions"])
    plain = run(*(word for word in TWO if word != "--compare-purchases"), COLUMNS="160")
    assert TITLE not in plain.stdout
    rows = run(*(word for word in TWO if word != "--compare-purchases"), "--format", "csv").stdout
    assert {row["region_spot_usd_per_month"] for row in csv.DictReader(io.StringIO(rows))} == {""}


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("command", [ONE, TWO])
def test_no_line_is_wider_than_the_terminal(run, command, width):
    result = run(*command, COLUMNS=str(width), NO_COLOR="1")
    assert result.exit_code == 0
    assert max(cell_len(line) for line in result.stdout.splitlines()) <= width
    assert "\x1b" not in result.stdout


def test_long_lists_are_folded(run):
    command = ("plan", "--region", "all", "--offline", "--compare-purchases", "--gpu", "L4")
    folded, whole = (run(*command, *more, COLUMNS="80").stdout for more in ((), ("--all-rows",)))
    assert max(cell_len(line) for line in whole.splitlines()) <= 80
    assert "northamerica-northeast1" in whole
    folded, whole = (page[page.index(TITLE) :] for page in (folded, whole))
    assert "--all-rows" in folded
    assert "--all-rows" not in whole
    assert len(whole.splitlines()) > len(folded.splitlines())
    # The cheapest of each cloud is shown at every term, also where the other cloud's four are cheaper.
    for term in ("1 year", "3 years"):
        rows = folded[folded.index(f"\n {term} ") :].split("more:")[0]
        assert "gcp " in rows
        assert "aws " in rows


def test_a_part_of_a_month(run):
    shown = text(run(*TWO, "--hours-per-month", "300", COLUMNS="160"))
    assert "billed 730 h/month, used or not." in shown
    assert "Pays: the part of the month that a commitment must run" in shown
    assert "On demand and spot are billed 300 h/month." in shown
    result = run("plan", "--region", "us-east-1", "--offline", "--purchase", "commit_1y", "--hours-per-month", "300")
    assert result.exit_code == 2
    assert "--hours-per-month 300: a commitment is billed for every hour" in result.stderr
    assert "Traceback" not in result.output


def test_where_nothing_can_be_bought_the_page_still_says_why(run):
    result = run(*ONE, "--max-gpus", "A10G=0,L4=0,H100=0,A100-40GB=0,A100-80GB=0", COLUMNS="160")
    assert result.exit_code == 3
    assert "infeasible" in result.stdout[result.stdout.index(TITLE) :]


def test_the_settings_file_can_ask_for_it(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text("[plan]\ncompare-purchases = true\n", encoding="utf-8")
    result = run("plan", "--region", "us-east-1", "--offline", COLUMNS="160")
    assert TITLE in result.stdout
    wrong = tmp_path / "melange-cloud.toml"
    wrong.write_text('[plan]\ncompare-purchases = "maybe"\n', encoding="utf-8")
    assert run("plan", "--region", "us-east-1", "--offline").exit_code == 2


def test_help_names_it(run):
    assert "--compare-purchases" in run("plan", "--help", COLUMNS="200").stdout
