"""Answers in a notebook: their page as HTML that is whole, escaped and loads nothing, and their repr on one line."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

import melange_cloud
from melange_cloud.domain import displayed
from melange_cloud.domain.displayed import Displayed
from melange_cloud.report.blocks import Column, LabelledLines, Notices, Paragraph, Plot, Sheet, TitledSheet
from melange_cloud.report.html import html
from melange_cloud.report.notebook import notebook_html
from melange_cloud.report.text import GLUE, clean
from tests.report import plans
from tests.report.test_heatmap import MAP
from tests.report.test_sweep_chart import OVER_RATE

WITHOUT_AN_END = {"br"}
KNOWN = {"div", "p", "strong", "br", "pre", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td"}


class Read(HTMLParser):
    """The texts of a document, its tags and attributes; refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag not in WITHOUT_AN_END:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.mark.parametrize("name", sorted(plans.pages()))
def test_a_plan_is_whole_html_that_loads_nothing(name: str) -> None:
    plan = plans.pages()[name]
    read = Read(notebook_html(plan))
    assert read.tags <= KNOWN
    assert read.attributes <= {"class", "style"}
    text = " ".join(read.texts)
    for notice in plan.notices:
        assert clean(notice) in text


def test_every_cell_of_the_fleet_is_in_the_page() -> None:
    region = plans.us_east_1()
    for shown in (plans.plan(region), region):
        texts = Read(notebook_html(shown)).texts
        for line in region.allocations:
            assert line.instance_type in texts
            assert str(line.instances) in texts


def test_the_amounts_of_a_region_sum_to_its_total() -> None:
    # Three lines at 1.004 USD/h cost 3.012 together: 3.01, and not three times 1.00.
    lines = [plans.allocation(machine, 1, price=1.004) for machine in (plans.G5, plans.G6, plans.P4D)]
    texts = Read(notebook_html(plans.region_plan(lines))).texts
    assert "3.01" in texts
    assert [texts.count(amount) for amount in ("1.00", "1.01")] == [2, 1]


def test_a_hostile_name_is_text() -> None:
    name = '<script>alert(1)</script>&"<img src=x>'
    region = plans.us_east_1()
    where = replace(region.region_name, region=name)
    for shown in (plans.plan(replace(region, region_name=where)), replace(region, region_name=where)):
        made = notebook_html(shown)
        read = Read(made)
        assert read.tags <= KNOWN
        assert any(name in text.replace(GLUE, " ") for text in read.texts)
        assert "\n" not in repr(shown)
    assert Read(notebook_html(plans.hostile())).tags <= KNOWN


def test_every_block_escapes() -> None:
    bad = "<b>&"
    sheet = Sheet((Column(bad),), ((bad,),), total=(bad,), notes=(bad,))
    blocks = (
        Notices((bad,)),
        Paragraph((bad,)),
        Plot((bad,)),
        LabelledLines(((bad, (bad,)),)),
        TitledSheet(bad, sheet),
    )
    read = Read(html(blocks))
    assert "b" not in read.tags
    assert [text for text in read.texts if text.strip()] == [bad] * 10


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (MAP, "<HeatMap aws us-east-1: llama-3.1-8b, 3 GPUs, 4 cells over size>"),
        (OVER_RATE, "<Sensitivity aws us-east-1: rate from 8 to 16 requests/s, 2 fleets>"),
    ],
    ids=["heat map", "sensitivity"],
)
def test_other_answers_show_themselves_too(answer: Displayed, line: str) -> None:
    assert repr(answer) == line
    assert "SNAPSHOT PRICES, NOT LIVE" in notebook_html(answer)
    assert Read(notebook_html(answer)).tags <= KNOWN


def test_a_plot_keeps_its_columns() -> None:
    assert "pre" in Read(notebook_html(OVER_RATE)).tags


def test_reprs_say_where_what_and_for_how_much() -> None:
    region = plans.us_east_1()
    assert region.usd_per_month is not None
    fleet = " + ".join(f"{count} {name}" for name, count in sorted(region.instance_counts.items()))
    line = f"aws us-east-1: {region.usd_per_month:,.0f} USD a month, {fleet}"
    assert repr(region) == f"<RegionPlan {line}>"
    assert repr(plans.plan(region)) == f"<Plan {line}; 2 notices>"
    assert repr(plans.plan(region, notices=())) == f"<Plan {line}>"
    assert repr(plans.plan(region, region, notices=("one",))) == f"<Plan {line}; 1 more region; 1 notice>"
    assert repr(plans.no_plan("us-east-1")).endswith(": infeasible>")


def test_the_public_face_says_how_answers_are_displayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(displayed._display, "html", None)
    plan = plans.plan(plans.us_east_1())
    assert plan._repr_html_() is None  # IPython then shows the repr
    assert melange_cloud.Plan is type(plan)
    assert plan._repr_html_() == notebook_html(plan)


def test_what_has_no_page_is_refused() -> None:
    with pytest.raises(TypeError, match="no page for int"):
        notebook_html(1)
