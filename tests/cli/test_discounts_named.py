"""Discounts are named wherever they act, with whose prices they change."""

import json

import pytest

LINE = "your discounts from melange-cloud.toml: "
AWS_ONLY = f"{LINE}AWS only, not GCP: -15 % on 22 of 22 AWS prices"


@pytest.fixture(autouse=True)
def discount(alone):
    (alone / "melange-cloud.toml").write_text('[[discount]]\nprovider = "aws"\npercent = 15\n')
    return alone / "melange-cloud.toml"


BOTH = ("--offline", "--region", "us-east-1", "--region", "us-central1")
PLAN = ("plan", *BOTH, "--gpu", "L4", "--rate", "3")


def test_the_settings_line_counts_them(run, discount):
    assert "settings from melange-cloud.toml: 1 discount\n" in run(*PLAN).stderr
    discount.write_text('[plan]\nrate = 3\n[[discount]]\npercent = 1\n[[discount]]\nprovider = "gcp"\npercent = 2\n')
    assert "settings from melange-cloud.toml: rate, 2 discounts\n" in run(*PLAN[:-2]).stderr
    discount.write_text("")
    assert "settings from melange-cloud.toml: none\n" in run(*PLAN).stderr


def test_a_comparison_says_whose_prices_they_change(run):
    assert "after your discounts (AWS only)" in " ".join(run(*PLAN).stdout.split())
    page = " ".join(run(*PLAN, "--show", "notes").stdout.split())
    assert AWS_ONLY in page
    assert "after your discounts (AWS only)" in page
    markdown = run(*PLAN, "--format", "markdown", "--show", "notes").stdout
    assert AWS_ONLY in markdown
    assert AWS_ONLY in json.loads(run(*PLAN, "--format", "json").stdout)["notices"]
    assert AWS_ONLY in " ".join(run(*PLAN, "--format", "csv").stderr.split())


def test_one_region_says_it_too_and_a_region_without_them_says_nothing(run):
    page = " ".join(run("plan", "--offline", "--region", "us-east-1", "--rate", "3", "--full").stdout.split())
    assert f"{LINE}-15 % on 22 of 22 AWS prices" in page
    assert "after your discounts;" in page or "after your discounts " in page
    assert "AWS only" not in page
    assert LINE not in run("plan", "--offline", "--region", "us-central1", "--rate", "3").output


def test_prices_sensitivity_and_heat_maps_say_it(run):
    for arguments in (
        ("prices", "list", *BOTH),
        ("prices", "list", *BOTH, "--format", "csv"),
        ("prices", "export", *BOTH),
        ("sensitivity", "--offline", "--region", "us-east-1", "--gpu", "L4", "--over", "router", "--format", "csv"),
        ("profiles", "heatmap", "--offline", "--format", "csv"),
    ):
        assert LINE in run(*arguments).stderr, arguments
    assert any(notice.startswith(LINE) for notice in run.json("prices", "list", *BOTH)["notices"])
    sweep = ("sensitivity", "--offline", "--region", "us-east-1", "--gpu", "L4", "--over", "router")
    assert any(notice.startswith(LINE) for notice in run.json(*sweep)["notices"])
    assert any(notice.startswith(LINE) for notice in run.json("profiles", "heatmap", "--offline")["notices"])


def test_a_range_of_discounts_and_a_net_price(run, discount):
    discount.write_text(
        '[[discount]]\nprovider = "aws"\npercent = 5\n'
        '[[discount]]\nprovider = "aws"\nfamily = "g6"\npurchase = "on_demand"\npercent = 10\n'
    )
    shown = run("prices", "list", "--offline", "--region", "us-east-1", "--purchase", "on_demand").stderr
    assert f"{LINE}-10 % to -5 % on 22 of 22 AWS prices" in shown
