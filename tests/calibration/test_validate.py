"""The report card: what ships is no worse than what is stored, and what is stored meets the targets that it says."""

import json
from dataclasses import astuple, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.calibration.report_card import read_card
from melange_cloud.calibration.validate import report_card
from melange_cloud.cli.maintain.commands import app
from melange_cloud.domain.report_card import ALL, FEWEST_ROWS, IS_BROKEN, POOL, CardRow
from melange_cloud.errors import BadFile
from melange_cloud.report.page import written
from melange_cloud.report.pages.report_card import report_card_page
from tests import card_tables
from tests.calibration.stored import load_card
from tests.golden import how_to_accept

Key = tuple[str, ...]


def key_of(row: CardRow) -> Key:
    """What was left out, and of whose rows."""
    return astuple(row)[:8]


STORED = {key_of(row): row for row in load_card()}
RENEW = "if the change is meant: `melange-cloud maintain validate --out profiles/report_card.csv --force`"


@pytest.fixture(scope="module")
def computed() -> list[CardRow]:
    return report_card()


def test_no_change_makes_the_card_worse(computed: list[CardRow]) -> None:
    assert {key_of(row) for row in computed} == set(STORED), RENEW
    for row in computed:
        stored = STORED[key_of(row)]
        assert row.n >= stored.n, "fewer rows are compared"
        for name in ("shipped_median_error", "shipped_p90_error", "median_error", "p90_error"):
            was, now = getattr(stored, name), getattr(row, name)
            assert was is None or now <= was + 0.0005, (name, row, RENEW)
        if row.within_stated is not None and stored.within_stated is not None:
            assert row.within_stated >= stored.within_stated - 0.0005, (row, RENEW)


def test_the_stored_card_is_not_stale(computed: list[CardRow]) -> None:
    for row in computed:
        stored = STORED[key_of(row)]
        assert (row.n, row.sources, row.refused) == (stored.n, stored.sources, stored.refused), RENEW
        for was, now in zip(astuple(stored)[11:], astuple(row)[11:], strict=True):
            assert now == (None if was is None else pytest.approx(was, abs=0.002)), (row, RENEW)


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "card.csv"
    rows = list(load_card())
    text = written(report_card_page(rows), "csv", width=None)
    path.write_text(text)
    assert read_card(path) == rows
    path.write_text(text.replace(",saturation,", ",saturation,x", 1))
    with pytest.raises(BadFile, match="line 2"):
        read_card(path)


TARGETS = {
    ("never_fitted", "1-4"): (0.15, 0.30, None, None),
    ("shape", "1-4"): (0.08, 0.26, 0.08, 0.20),
    ("model", "1-4"): (0.10, 0.40, 0.10, 0.37),
    ("source", "1-4"): (0.11, 0.37, 0.09, 0.39),
    ("shape", "8"): (0.12, 0.40, 0.12, 0.24),
    ("model", "8"): (0.22, 0.54, 0.27, 0.58),
    ("source", "8"): (0.15, 0.41, 0.12, 0.42),
}
"""Rates and TPOT of era 2025 by what was left out and GPUs: median and p90 as shipped, and with the engine chosen. The
aim is 8 and 20 % on one to four GPUs, 12 % on eight; where more stands here, a release may not get worse than it is."""


@pytest.mark.parametrize(("left_out", "degrees"), TARGETS)
def test_the_targets_are_met(left_out: str, degrees: str) -> None:
    row = STORED[left_out, ALL, "2025", ALL, degrees, ALL, ALL, "rate_or_tpot"]
    errors = (
        *(row.shipped_median_error, row.shipped_p90_error),
        *(row.with_engine_median_error, row.with_engine_p90_error),
    )
    for error, most in zip(errors, TARGETS[left_out, degrees], strict=True):
        assert most is None or (error is not None and error <= most), row


def test_l4_and_a10g_are_met_within_8_percent() -> None:
    """Of every kind of figure that was measured of them in today's era, the median, whatever of them was left out."""
    rows = [row for row in load_card() if row.gpu in ("L4", "A10G") and row.era == "2025"]
    assert {row.left_out for row in rows} >= {"shape", "source", "never_fitted"}
    for row in rows:
        assert row.shipped_median_error is not None
        assert row.shipped_median_error <= (0.08 if row.quantity != "rate_under_slo" else 0.16), row


def test_every_grade_keeps_its_word() -> None:
    """Its interval reaches 85 to 95 % of the rows, whatever was left out; grades with few rows do so together."""
    judged = [row for row in load_card() if row.grade != ALL]
    assert {row.left_out for row in judged} >= {"shape", "model", "source"}
    assert [row for row in judged if row.promise == IS_BROKEN] == []
    for row in judged:
        alone = [other.n for other in judged if other.left_out == row.left_out and POOL not in other.grade]
        if row.n < FEWEST_ROWS <= sum(alone):
            pools = {other.grade for other in judged if other.left_out == row.left_out and POOL in other.grade}
            assert any(row.grade in pool.split(POOL) for pool in pools), row


def test_a_promise_is_judged_by_its_interval() -> None:
    (row,) = (row for row in load_card() if (row.left_out, row.grade) == ("shape", "B"))

    def judged(low: float | None, high: float | None, n: int = 50, grade: str = "B") -> str:
        return replace(row, n=n, grade=grade, within_from=low, within_to=high).promise

    assert row.promise == "kept"
    assert judged(0.80, 0.84) == "broken"
    assert judged(0.80, 0.85) == "kept"
    assert judged(0.95, 1.0) == "kept"
    assert judged(0.96, 1.0) == "too wide"
    assert judged(0.96, 1.0, grade="near floor") == "kept"
    assert judged(0.80, 0.84, n=49) == judged(None, None) == "not judged"


def test_the_command_prints_the_card_as_table_and_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("melange_cloud.calibration.validate.report_card", lambda progress: list(load_card()))
    shown = CliRunner().invoke(app, ["validate", "--format", "json"], catch_exceptions=False)
    answer = json.loads(shown.stdout)
    assert answer["schema_version"] == 1
    assert len(answer["rows"]) == len(STORED)
    first = {"left_out", "gpu", "tensor_parallel", "engine", "grade", "shipped_median_error", "within_from"}
    assert all(first <= row.keys() for row in answer["rows"])
    table = CliRunner().invoke(app, ["validate"], catch_exceptions=False).stdout
    assert "How often the stated errors held" in table
    assert "rate under slo" in table


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_no_figure_of_the_table_is_cut(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("melange_cloud.calibration.validate.report_card", lambda progress: list(load_card()))
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = CliRunner().invoke(app, ["validate"], catch_exceptions=False)
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown.stdout
    assert max(map(len, shown.stdout.splitlines())) <= columns
    words = " ".join(shown.stdout.split())
    for row in load_card():
        if row.shipped_p90_error is not None and row.grade == ALL:
            assert f"{100 * row.shipped_p90_error:.1f} %" in words
        if row.grade != ALL:
            assert f"{100 * (row.within_stated or 0):.0f} %" in words
    assert shown.stderr == "", "no bar, and no empty line, where nobody looks"


@pytest.mark.parametrize("place", card_tables.PLACES, ids=lambda place: place.parent.name)
def test_the_readmes_show_the_stored_card(place: Path) -> None:
    text = place.read_text("utf-8")
    assert card_tables.TABLE.search(text)
    assert card_tables.with_tables(text) == text, how_to_accept("card")


def test_a_table_of_a_readme_is_the_cards_figures() -> None:
    """Read back from the Markdown: what the table says of grade B is what the CSV says."""
    head, _, *rows = (line.strip("|").split("|") for line in card_tables.table("grades").splitlines())
    (of_b,) = (row for row in rows if row[0].strip() == "B")
    cells = dict(zip(map(str.strip, head), map(str.strip, of_b), strict=True))
    row = STORED["shape", *[ALL] * 5, "B", "rate_or_tpot"]
    assert cells["shape left out"].startswith(f"{100 * (row.within_stated or 0):.0f} % of {row.n} (")
