"""Several regions on the command line: at equal resilience, against your own region, named ones always shown."""

import csv
import io
import re

import jsonschema
import pytest
from rich.cells import cell_len

from melange_cloud.report import json_documents
from melange_cloud.report.schemas import schema

PAIR = ("plan", "--region", "us-east-1", "--region", "us-central1", "--offline", "--gpu", "A100-40GB")
EVERY = ("plan", "--region", "all", "--offline", "--gpu", "L4")
BASE = ("--against", "us-east-1")


def rows(page):
    """The lines of the table by region, joined with those that they are wrapped to."""
    start = page.index("\n", page.index("--spare 1"))
    found = {}
    for line in page[start : page.index("\n\n", start)].splitlines():
        if match := re.match(r" +\d* +(?:aws|gcp) ([a-z0-9-]+)", line):
            name = match[1]
            found[name] = line
        elif line.strip():
            found[name] += f" {line.strip()}"
    return found


def test_one_big_machine_is_compared_with_its_spare(run):
    # One p4d of eight GPUs at 21.957642 USD/h, or two GPUs of Google's at 3.673385; with a spare two p4d, or three.
    shown = rows(run(*PAIR, COLUMNS="80").stdout)
    for name, each, least, spared in (("us-east-1", 21.957642, 1, 2), ("us-central1", 3.673385, 2, 3)):
        assert f" {730 * each * least:,.0f} " in shown[name]
        assert f" {730 * each * spared:,.0f} " in shown[name]
    assert "(96 vCPU of P)" in shown["us-east-1"]
    assert "1 p4d.24xlarge^" in shown["us-east-1"]
    by_name = {region["region"]: region for region in run.json(*PAIR)["regions"]}
    assert by_name["us-east-1"]["with_spare"]["instances"] == {"p4d.24xlarge": 2}
    assert by_name["us-east-1"]["allocations"][0]["availability"] == "often_unavailable"
    assert by_name["us-east-1"]["comparison"]["premium_with_spare_fraction"] == pytest.approx(
        2 * 21.957642 / (3 * 3.673385) - 1, rel=1e-5
    )


def test_one_screen_of_json_holds_what_the_screen_shows(run):
    brief, whole = run.json(*PAIR, "--brief"), run.json(*PAIR)
    jsonschema.validate(brief, schema(json_documents.BRIEF))
    for short, region in zip(brief["regions"], whole["regions"], strict=True):
        assert short["with_spare_usd_per_month"] == region["with_spare"]["usd_per_month"]
        assert short["sure"] == region["comparison"]["sure"]
        assert short["obligation_usd"] is None


def test_a_commitment_shows_what_is_signed_in_all(run):
    # Two A100-40GB of Google's at the CUD of one year: 2.314207 USD/h each, 8,760 h.
    signed = run(*PAIR, "--purchase", "commit_1y", COLUMNS="100").stdout
    assert f" {2 * 2.314207 * 8760:,.0f} " in rows(signed)["us-central1"]
    assert "Total $: what is signed in all: the rate x 8,760 h x years, used or not." in " ".join(signed.split())
    (found,) = run.json(*PAIR[:1], *PAIR[3:], "--purchase", "commit_1y")["regions"]
    assert found["obligation_usd"] == pytest.approx(2 * 2.314207 * 8760, rel=1e-5)
    assert "Total $" not in run(*PAIR).stdout


def test_a_base_that_wins_only_with_a_spare_is_said(run):
    # One p5.4xlarge in London costs less than nine g5.2xlarge in Ireland, until it must be allowed to fail.
    said = " ".join(
        run("plan", "--region", "eu-west-*", "--against", "eu-west-1", "--offline", COLUMNS="200").stdout.split()
    )
    assert re.search(
        r"Moving from aws eu-west-1 to aws eu-west-2 saves \$[\d,]+ a month \(-[\d.]+ %\), "
        r"but costs \$[\d,]+ more with --spare 1 on both sides\. ",
        said,
    )


def test_your_own_region_is_the_base(run):
    document = run.json(*PAIR, *BASE)
    jsonschema.validate(document, schema(json_documents.PLAN))
    assert document["against"] == {"provider": "aws", "region": "us-east-1"}
    by_name = {region["region"]: region["against"] for region in document["regions"]}
    usd, base = 2 * 3.673385, 21.957642
    assert by_name["us-central1"]["difference_usd_per_month"] == pytest.approx(730 * (usd - base), rel=1e-5)
    page = run(*PAIR, *BASE, COLUMNS="120").stdout
    shown = rows(page)
    assert f" -{100 * (1 - usd / base):.1f} % " in shown["us-central1"]
    assert f" -{730 * (base - usd):,.0f} " in shown["us-central1"]
    said = " ".join(page.split())
    assert "base: aws us-east-1 (--against)." in said
    spared = 730 * (2 * 21.957642 - 3 * 3.673385)
    assert f"Moving from aws us-east-1 to gcp us-central1 saves ${730 * (base - usd):,.0f} a month" in said
    assert f"and ${spared:,.0f} with --spare 1 on both sides" in said
    table = csv.DictReader(io.StringIO(run(*PAIR, *BASE, "--format", "csv").stdout))
    for row in table:
        figure = by_name[row["region"]]["difference_usd_per_month"]
        assert float(row["region_against_difference_usd_per_month"]) == figure
        assert row["region_with_spare_usd_per_month"]
        assert row["quota_needed"] in ("96", "2")


def test_without_a_base_there_is_none(run):
    document = run.json(*PAIR)
    assert document["against"] is None
    assert {region["against"] for region in document["regions"]} == {None}
    assert "vs #1" in run(*PAIR).stdout


@pytest.mark.parametrize(
    ("against", "message"),
    [
        ("us-est-1", "--against us-est-1: unknown region; did you mean us-east-1"),
        ("eu-west-1", "--against eu-west-1: not one of the regions to compare; add --region eu-west-1"),
        ("us-*", "--against us-*: unknown region; "),
    ],
)
def test_a_base_that_cannot_be_is_one_clear_line(run, against, message):
    result = run(*PAIR, "--against", against)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    alone = run("plan", "--region", "us-east-1", "--offline", "--against", "us-east-1")
    assert alone.exit_code == 2
    assert "it compares regions, and --region selects only one" in alone.stderr


def test_the_settings_file_can_hold_your_region(run, tmp_path):
    (tmp_path / "melange-cloud.toml").write_text('[plan]\nagainst = "us-east-1"\n', encoding="utf-8")
    assert "base: aws us-east-1 (--against)." in " ".join(run(*PAIR).stdout.split())


@pytest.fixture(scope="module")
def every_page():
    """All regions on L4, folded and with two that are named."""
    from typer.testing import CliRunner

    from melange_cloud.cli.app import app
    from tests.examples import SHELL

    def shown(*arguments, columns="80"):
        return CliRunner().invoke(app, [*EVERY, *arguments], env={**SHELL, "COLUMNS": columns}).stdout

    return shown(), shown("--region", "sa-east-1", "--region", "gcp:europe-west6"), shown("--all-rows")


def test_twelve_rows_include_the_regions_that_are_named(every_page):
    folded, named, whole = map(rows, every_page)
    assert len(folded) == len(named) == 12
    assert {"sa-east-1", "europe-west6"} - set(folded)
    assert {"sa-east-1", "europe-west6"} <= set(named)
    # The cheapest and the last are there as they were; the named ones take the place of the next-cheapest.
    assert list(named)[:9] == list(folded)[:9]
    assert list(named)[-1] == list(folded)[-1]
    assert len(whole) > 20


def test_every_row_has_the_age_of_its_prices_and_no_line_is_too_wide(every_page):
    for page in every_page:
        assert max(cell_len(line) for line in page.splitlines()) <= 80
        for name, line in rows(page).items():
            assert re.search(r" \d+d!?( |$)", line), name
        assert "! price older than 180 days" in page
