"""A Plan, and every other answer, as text: tables, JSON, CSV, Markdown. Formatters return; only the CLI prints."""

from collections.abc import Iterable

from melange_cloud.domain import Plan
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Notices
from melange_cloud.report.csv_ import COLUMNS, plan_rows
from melange_cloud.report.json_ import SCHEMA_VERSION, plan_document
from melange_cloud.report.page import Format, Page, written
from melange_cloud.report.pages.region import one_region
from melange_cloud.report.pages.regions import comparison
from melange_cloud.report.terminal import terminal

__all__ = ["SCHEMA_VERSION", "SHOW", "Format", "Page", "banner_lines", "plan_page", "written"]

SHOW = frozenset({"routing", "left-out"})
"""What a plan's page shows on demand: which sizes go where; every type that is left out."""


def plan_page(plan: Plan, *, show: frozenset[str] = frozenset(), all_rows: bool = False) -> Page:
    """The plan: one region's page, or the comparison of several; its notices come first.

    Args:
        plan: the answer.
        show: words of SHOW.
        all_rows: of a comparison, every region with a fleet instead of the cheapest and the last.
    """

    def blocks(wide: bool) -> Iterable[Block]:
        if len(plan.regions) == 1:
            return one_region(plan, plan.regions[0], wide=wide, show=show)
        return comparison(plan, wide=wide, all_rows=all_rows, show=show)

    return Page(blocks, plan_document(plan), COLUMNS, list(plan_rows(plan)), SCHEMA_VERSION)


def banner_lines(plan: Plan, width: int) -> list[str]:
    """The plan's notices as its table begins with them, each wrapped to ``width`` columns."""
    if not plan.notices:
        return []
    return terminal([Notices(sentences.notices(plan))], width=width, colour=False).splitlines()
