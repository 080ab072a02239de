"""One description of an answer, written in four forms."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pytest

from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet
from melange_cloud.report.page import WIDE, Format, Page, written


@dataclass(frozen=True)
class Price:
    instance_type: str
    usd_per_hour: float | None
    as_of: date


PRICES = (Price("g6.xlarge", 0.80481234567, date(2026, 7, 20)), Price("=cmd|x", None, date(2026, 1, 2)))


def blocks(wide: bool) -> Iterator[Block]:
    yield Paragraph(("wide" if wide else "narrow",), strong=True)
    rows = tuple((price.instance_type, f"{price.usd_per_hour or 0:.2f}") for price in PRICES)
    yield Sheet((Column("Instance"), Column("$/h", right=True)), rows)


PAGE = Page(
    blocks=blocks,
    document={"zone": {"b": "é", "a": [PRICES[0]]}, "prices": PRICES},
    columns=("instance_type", "usd_per_hour", "as_of"),
    rows=[(price.instance_type, price.usd_per_hour, price.as_of) for price in PRICES],
    schema_version=3,
)


def test_json_begins_with_its_version_and_keeps_the_order_of_keys() -> None:
    text = written(PAGE, "json", width=80)
    document = json.loads(text)
    assert list(document) == ["schema_version", "zone", "prices"]
    assert document["schema_version"] == 3
    assert list(document["zone"]) == ["b", "a"]
    assert document["zone"]["b"] == "é"
    assert document["prices"][0] == {"instance_type": "g6.xlarge", "usd_per_hour": 0.80481234567, "as_of": "2026-07-20"}
    assert document["prices"][1]["usd_per_hour"] is None


def test_csv_rounds_nothing_and_no_cell_is_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(written(PAGE, "csv", width=80))))
    assert rows == [
        ["instance_type", "usd_per_hour", "as_of"],
        ["g6.xlarge", "0.80481234567", "2026-07-20"],
        ["'=cmd|x", "", "2026-01-02"],
    ]


@pytest.mark.parametrize(("width", "room"), [(WIDE - 1, "narrow"), (WIDE, "wide"), (None, "wide")])
def test_a_table_knows_whether_there_is_room(width: int | None, room: str) -> None:
    assert written(PAGE, Format.TABLE, width=width).startswith(f" {room}\n")


def test_markdown_has_room_whatever_the_terminal_has() -> None:
    assert written(PAGE, "markdown", width=40).startswith("**wide**\n")


@pytest.mark.parametrize("form", list(Format))
def test_every_form_ends_in_one_newline_and_only_a_table_takes_colour(form: Format) -> None:
    text = written(PAGE, form, width=80, colour=True)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert ("\x1b" in text) is (form == "table")
