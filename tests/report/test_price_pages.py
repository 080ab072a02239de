"""The pages of ``prices``: golden at 80 columns, nothing lost in any form, one line a row where a row is one price."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from melange_cloud import catalog
from melange_cloud.report.page import Format, written
from tests.golden import how_to_accept
from tests.report import golden_pages, price_pages

PAGES = price_pages.pages()


def table(name: str, width: int | None) -> str:
    return written(PAGES[name], "table", width=width)


@pytest.mark.parametrize("name", golden_pages.PRICES)
def test_the_page_is_the_golden_one(name: str) -> None:
    golden = golden_pages.file(name, 80).read_text(encoding="utf-8")
    assert table(name, 80) == golden, how_to_accept("pages")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120, 200])
@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_wider_than_asked_and_no_option_is_broken(name: str, width: int) -> None:
    page = table(name, width)
    assert max(map(cell_len, page.splitlines())) <= width
    for option in re.findall(r"--[a-z-]+|[a-z0-9]+\.[0-9]*xlarge|ec2:\w+", table(name, None)):
        assert option in page


def test_every_shipped_price_is_one_line_at_80_columns() -> None:
    offers = catalog.load_snapshot().offers
    rows = written(price_pages.listed(offers), "table", width=80).partition("\n\n")[0].splitlines()[1:]
    assert len(rows) == len(offers) > 1800
    for row, offer in zip(rows, offers, strict=True):
        assert offer.region in row
        assert offer.instance_type.name in row
        assert f" {offer.usd_per_instance_hour:.4f} " in row


def test_what_a_narrow_list_drops_is_said_below_it() -> None:
    narrow = table("prices-list", 80)
    assert "snapshot, as of 2026-07-20 to 2026-07-30" in narrow
    assert "contracts: CUD 3y; RI 1y standard no upfront" in narrow
    assert "availability is unconfirmed (sold as unknown)" in narrow
    wide = table("prices-list", 160)
    assert "contracts:" not in wide
    assert "prices: snapshot" not in wide
    assert wide.count("unknown") == 1
    assert "availability is unconfirmed\n" in wide


@pytest.mark.parametrize("width", [40, 60, 80, 120, None])
def test_a_price_of_the_users_own_is_marked_at_every_width(width: int | None) -> None:
    own = replace(price_pages.offer("g6.2xlarge", "L4", 1, "us-east-1", 0.7821), origin="user")
    other = price_pages.offer("a2-highgpu-1g", "A100-40GB", 1, "northamerica-northeast1", 3.6732)
    page = written(price_pages.listed((own, other)), "table", width=width)
    assert page.count("*") == 2
    assert re.search(r"on_demand\W\*", page)
    assert "* your own price sheet" in page
    assert "*" not in written(price_pages.listed((own,)), "table", width=width)


def test_only_a_discounted_list_has_list_prices() -> None:
    cheaper = price_pages.offer("p5.48xlarge", "H100", 8, "us-east-1", 41.28, list_usd_per_hour=55.04)
    page = written(price_pages.listed((cheaper,)), "table", width=120)
    assert "list $/h is before your discounts" in page
    assert "41.2800" in page
    assert "55.0400" in page
    assert "list $/h" not in table("prices-list", 200)


@pytest.mark.parametrize(
    ("name", "key"), [("prices-list", "rows"), ("prices-diff", "changes"), ("prices-doctor", "checks")]
)
def test_csv_has_the_rows_of_the_json(name: str, key: str) -> None:
    document = json.loads(written(PAGES[name], "json", width=80))[key]
    rows = list(csv.DictReader(io.StringIO(written(PAGES[name], "csv", width=80))))
    assert [{field: "" if value is None else str(value) for field, value in row.items()} for row in document] == rows


@pytest.mark.parametrize("name", sorted(PAGES))
def test_markdown_tables_have_as_many_cells_in_every_row(name: str) -> None:
    text = written(PAGES[name], Format.MARKDOWN, width=80)
    for part in text.split("\n\n"):
        lines = [line for line in part.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1
    assert "\x1b" not in text


def test_a_renewal_counts_what_became_of_the_rows() -> None:
    page = table("prices-renew", 120)
    assert re.search(r"aws on_demand +368 +366 +0 +- +1 +1 +2 +2025-11-30 to 2026-07-20\n", page)
    assert re.search(r"aws spot +236 +236 +1 +\+18.9 to \+18.9 % +0 +0 +0 +-\n", page)
    assert "1 spot price that moved is not listed" in page
    assert "1 moved, 1 appeared, 1 vanished, 1,817 the same" in page
    document = json.loads(written(PAGES["prices-renew"], "json", width=80))
    assert list(document)[1:6] == ["folder", "notices", "checks", "rows", "renewed_rows"]
    assert len(document["changes"]) == 3
