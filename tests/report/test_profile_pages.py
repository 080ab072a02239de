"""The pages of ``profiles`` in every form and width."""

import csv
import json
from dataclasses import replace
from io import StringIO

import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len

from melange_cloud.report import json_documents
from melange_cloud.report.page import written
from melange_cloud.report.pages.profile import nothing_served, profile_page
from melange_cloud.report.schemas import Document, schema
from tests.golden import how_to_accept
from tests.report import golden_pages
from tests.report.profile_pages import HOSTILE, RATES, WEIGHTS, pages

PAGES = pages()
WIDTHS = (40, 60, 80, 100, 120, 200)


def table(name: str, width: int) -> str:
    return written(PAGES[name], "table", width=width)


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(written(PAGES[name], "csv", width=None))))


@pytest.mark.parametrize("width", golden_pages.PROFILE_WIDTHS)
@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_the_golden_one(name: str, width: int) -> None:
    golden = golden_pages.file(name, width).read_text(encoding="utf-8")
    assert table(name, width) == golden, how_to_accept("pages")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", sorted(PAGES))
def test_nothing_is_wider_than_asked(name: str, width: int) -> None:
    page = table(name, width)
    assert max(cell_len(line) for line in page.splitlines()) <= width
    assert "\x1b" not in page
    assert "\u00a0" not in page


@pytest.mark.parametrize("width", WIDTHS)
def test_every_rate_is_shown_at_every_width(width: int) -> None:
    words = table("profiles-show", width).split()
    for size in RATES.cells:
        if size.on_grid and size.limited_by != "front_end":
            assert f"{size.requests_per_s:.3g}" in words
            assert f"{size.input_tokens:,}" in words
            assert f"{size.output_tokens:,}" in words
    assert "45.2^B" in words


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_csv_row_has_a_cell_for_each_column(name: str) -> None:
    page = PAGES[name]
    assert len(set(page.columns)) == len(page.columns)
    assert page.rows
    assert {len(row) for row in page.rows} == {len(page.columns)}


def test_figures_of_csv_and_json_are_those_of_the_answer() -> None:
    document = json.loads(written(PAGES["profiles-show"], "json", width=None))
    read = {(int(row["input_tokens"]), int(row["output_tokens"])): row for row in rows("profiles-show")}
    assert len(read) == len(document["cells"]) + len(document["refused"])
    for cell, size in zip(document["cells"], RATES.cells, strict=True):
        row = read[size.input_tokens, size.output_tokens]
        assert float(row["requests_per_s"]) == cell["requests_per_s"] == size.requests_per_s
        assert row["refused"] == ""
    (refused,) = [row for row in read.values() if row["refused"]]
    assert (refused["requests_per_s"], refused["refused"]) == ("", RATES.refused[0].reason)


def test_a_missing_degree_has_its_reason_in_csv() -> None:
    read = rows("profiles-list")
    (two,) = [row for row in read if row["left_out"] == "a sliver of memory"]
    assert (two["model"], two["gpu"], two["tensor_parallel"]) == ("llama-3.1-70b", "H100", "2")
    assert sum(row["gpu"] == "H100" and not row["left_out"] for row in read) == 6


def test_names_from_outside_stay_text() -> None:
    assert "own-model[red]|`*_\ufffd[31m=1+1 fp8 on L4 x2" in table("profiles-list", 200)
    assert r"own-model\[red\]\|\`\*\_" in written(PAGES["profiles-list"], "markdown", width=None)
    assert "\x1b" not in written(PAGES["profiles-import"], "csv", width=None)
    assert HOSTILE.startswith("own-model[red]")


def test_where_nothing_is_served_the_smallest_size_says_why() -> None:
    unknown = replace(WEIGHTS, reason="no measurement has a p99 TPOT", no_data=True, more_gpus_help=False)
    rates = replace(RATES, cells=(), refused=(unknown, WEIGHTS), target_tpot_ms=40.0)
    assert rates.why_nothing == WEIGHTS
    assert nothing_served(rates) == (
        "llama-3.1-8b bf16 on L4: nothing is served within 40 ms per output token: 53.5 ms to read the weights > "
        "40 ms; more GPUs per replica (--tp) are faster"
    )
    only_unknown = replace(rates, refused=(unknown,))
    assert "nothing is known of 40 ms per output token: no measurement has a p99 TPOT" in nothing_served(only_unknown)
    page = written(profile_page([rates], {"H100": "no profile"}, several=True), "table", width=200)
    assert "Input" not in page
    assert "Left out: H100: no profile" in page
    assert nothing_served(RATES) == ""


@pytest.mark.parametrize(
    ("name", "described"),
    [
        ("profiles-list", json_documents.PROFILES),
        ("profiles-show", json_documents.PROFILE),
        ("profiles-evidence", json_documents.EVIDENCE),
        ("profiles-import", json_documents.IMPORT),
        ("profiles-measure", json_documents.MEASUREMENT),
    ],
)
def test_the_json_is_valid_by_its_schema(name: str, described: Document) -> None:
    document = json.loads(written(PAGES[name], "json", width=None))
    validator = Draft202012Validator(schema(replace(described, closed=True)))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)] == []
    document.pop("schema_version")
    assert not validator.is_valid(document)
