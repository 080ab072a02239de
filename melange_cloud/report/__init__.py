"""A Plan, and every other answer, as text: tables, JSON, CSV, Markdown. Formatters return; only the CLI prints."""

from collections.abc import Iterable

from melange_cloud.domain import Plan
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Notices
from melange_cloud.report.csv_ import COLUMNS, plan_rows
from melange_cloud.report.json_ import SCHEMA_VERSION, object_of, plan_document
from melange_cloud.report.one_screen import brief_plan
from melange_cloud.report.page import Format, Page, written
from melange_cloud.report.pages.first_screen import first_screen
from melange_cloud.report.pages.region import SECTIONS, one_region, sections
from melange_cloud.report.pages.regions import comparison
from melange_cloud.report.terminal import terminal

__all__ = ["SCHEMA_VERSION", "SECTIONS", "SHOW", "Format", "Page", "banner_lines", "plan_page", "written"]

SHOW = frozenset(SECTIONS)
"""The sections that a plan's page shows on demand."""


def plan_page(
    plan: Plan,
    *,
    show: frozenset[str] = frozenset(),
    full: bool = False,
    brief: bool = False,
    all_rows: bool = False,
) -> Page:
    """The plan: one region's page, or the comparison of several; its notices come first.

    Args:
        plan: the answer.
        show: sections of SHOW to add.
        full: the whole page instead of the first screen.
        brief: the document is that of one screen.
        all_rows: of a comparison, every region with a fleet; else the cheapest, those that were named, and the last.
    """

    def blocks(wide: bool) -> Iterable[Block]:
        if len(plan.regions) > 1 or not plan.regions:
            return comparison(plan, wide=wide, full=full, all_rows=all_rows, show=show)
        region = plan.regions[0]
        if full:
            return one_region(plan, region, wide=wide, show=show)
        # What the question itself asked for is shown without being named again.
        asked = {"purchases"} if region.purchases is not None else set()
        asked |= {"reasons"} if region.context.explanation is not None else set()
        return (*first_screen(plan, region, wide=wide), *sections(plan, region, show | asked, wide=wide))

    document = object_of(brief_plan(plan)) if brief else plan_document(plan)
    return Page(blocks, document, COLUMNS, list(plan_rows(plan)), SCHEMA_VERSION)


def banner_lines(plan: Plan, width: int) -> list[str]:
    """The plan's notices as its table begins with them, each wrapped to ``width`` columns."""
    if not plan.notices:
        return []
    return terminal([Notices(sentences.notices(plan))], width=width, colour=False).splitlines()
