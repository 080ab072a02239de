"""The CSV reads back: a row per allocation, each with what its price is and since when."""

import csv
from io import StringIO

import pytest

from melange_cloud.domain import Plan
from tests.report import forms, plans

PAGES = plans.pages()


def rows(plan: Plan) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(forms.as_csv(plan), newline="")))


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_row_per_allocation_and_one_per_region_without_a_fleet(name: str) -> None:
    plan = PAGES[name]
    read = rows(plan)
    assert len(read) == sum(max(1, len(region.allocations)) for region in plan.regions)
    assert all(None not in row and None not in row.values() for row in read)
    assert forms.as_csv(plan).count("\n") == len(read) + 1
    assert "\r" not in forms.as_csv(plan)


def test_every_row_of_a_fleet_carries_origin_source_and_dates() -> None:
    for row in rows(PAGES["several-regions"]):
        if row["instance_type"]:
            assert row["price_origin"] == "snapshot"
            assert row["price_source"] in ("AWS price list, bulk file", "GCP catalogue")
            assert row["price_as_of_from"] <= row["price_as_of_to"]
            assert row["price_as_of_to"].startswith("2026-")


def test_a_region_without_a_fleet_tells_why_and_no_money() -> None:
    (row,) = rows(PAGES["infeasible"])
    assert row["status"] == "infeasible"
    assert row["reason"] == "quota aws:G <= 8 vCPU is too small: 88 are needed"
    assert not any(value for name, value in row.items() if "usd" in name or name in ("instances", "instance_type"))


def test_rows_add_up_to_the_region() -> None:
    for name in ("one-region", "spot", "seventy-b"):
        read = rows(PAGES[name])
        cost = sum(int(row["instances"]) * float(row["usd_per_hour_each"]) for row in read)
        assert cost == pytest.approx(float(read[0]["region_usd_per_hour"]), rel=1e-12)
        assert sum(float(row["requests_share"]) for row in read) == pytest.approx(1)
        assert sum(float(row["tokens_share"]) for row in read) == pytest.approx(1)


def test_defaults_stand_in_every_row() -> None:
    assert all(row["defaulted"].split()[:4] == ["model", "precision", "era", "engine"] for row in rows(PAGES["spot"]))


def test_text_from_outside_stays_in_its_cell() -> None:
    (row,) = rows(PAGES["hostile"])
    assert row["instance_type"].startswith("[red]x|y \ufffd[31m")
    assert row["gpu"] == "A10G"
    quoted = plans.plan(plans.no_plan('a,"b"\nc', reason="x,y"))
    (row,) = rows(quoted)
    assert (row["region"], row["reason"]) == ('a,"b" c', "x,y")
