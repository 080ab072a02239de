"""The Markdown: notices first, whole tables, and names that stay text."""

import re

import pytest

from melange_cloud import report
from tests.report import forms, plans

PAGES = plans.pages()


def cells(line: str) -> list[str]:
    return re.split(r"(?<!\\)\|", line)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_tables_have_as_many_cells_in_every_row(name: str) -> None:
    columns = 0
    for line in forms.as_markdown(PAGES[name], show=report.SHOW).splitlines():
        if not line.startswith("|"):
            columns = 0
            continue
        columns = columns or len(cells(line))
        assert len(cells(line)) == columns


@pytest.mark.parametrize("name", sorted(PAGES))
def test_notices_are_the_first_lines(name: str) -> None:
    first, *others = forms.as_markdown(PAGES[name]).splitlines()
    assert first == "> **EXAMPLE TRAFFIC, NOT YOURS - set --workload --rate --tpot-ms**"
    assert any(r"\* default" in line for line in others)


def test_names_from_outside_are_escaped() -> None:
    page = forms.as_markdown(PAGES["hostile"])
    assert r"\[red\]x\|y" in page
    assert r"\`\*\_\<b\>\&USD 9" in page
    assert not re.search(r"(?<!\\)<(?!br>)", page)
    assert "\x1b" not in page


def test_it_tells_what_the_widest_table_tells() -> None:
    page = forms.as_markdown(PAGES["one-region"])
    assert "| g5.2xlarge | A10G | 24 GiB | 7 | 7 | 7 | 56 | 32 |" in page
    assert "| **Total** |" in page
    assert "| Alternatives |" in page
    assert '- **Quota** "Running On-Demand G and VT instances" \\>= 88 vCPU; not checked' in page
    assert (
        "**Proven cheapest if speeds are as estimated. USD 0.252 per 1M tokens in+out if the peak lasts all month"
        in page
    )


def test_no_dollar_can_start_a_formula() -> None:
    for plan in PAGES.values():
        assert "$" not in forms.as_markdown(plan)


def test_the_comparison_shows_every_region() -> None:
    page = forms.as_markdown(PAGES["forty-regions"])
    assert len(set(re.findall(r"aa-north-\d+", page))) == 36
    assert "--all-rows" not in page


def test_routing_and_left_out_are_added_on_demand() -> None:
    assert "Which sizes go where" in forms.as_markdown(PAGES["one-region"], show=frozenset({"routing"}))
    assert "| g6.xlarge | 16 GiB host \\< 24 |" in forms.as_markdown(PAGES["one-region"], show=frozenset({"left-out"}))
