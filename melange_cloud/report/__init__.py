"""A Plan as text: tables, JSON, CSV, Markdown. Formatters return; only the CLI prints."""

from melange_cloud.domain import Plan
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Notices
from melange_cloud.report.csv_ import as_csv
from melange_cloud.report.json_ import SCHEMA_VERSION, as_json
from melange_cloud.report.markdown import markdown
from melange_cloud.report.pages.region import one_region
from melange_cloud.report.pages.regions import comparison
from melange_cloud.report.terminal import terminal

__all__ = [
    "SCHEMA_VERSION",
    "SHOW",
    "as_csv",
    "as_json",
    "as_markdown",
    "banner_lines",
    "table",
]

SHOW = frozenset({"routing", "left-out"})
"""What ``table`` shows on demand: which sizes go where; every type that is left out."""

WIDE = 110
"""Columns from which a table has room for everything."""


def table(plan: Plan, *, width: int, colour: bool, show: frozenset[str] = frozenset(), all_rows: bool = False) -> str:
    """The plan for a terminal: one region's page, or the comparison of several.

    Args:
        plan: the answer.
        width: columns; no line is longer. Less than 40 is taken for 40.
        colour: whether escape sequences may be used.
        show: words of SHOW.
        all_rows: of a comparison, every region with a fleet instead of the cheapest and the last.
    """
    wide = width >= WIDE
    blocks = (
        one_region(plan, plan.regions[0], wide=wide, show=show)
        if len(plan.regions) == 1
        else comparison(plan, wide=wide, all_rows=all_rows, show=show)
    )
    return terminal(blocks, width=width, colour=colour)


def as_markdown(plan: Plan, *, show: frozenset[str] = frozenset()) -> str:
    """What ``table`` tells at its widest, with every row, as GitHub's Markdown; the notices come first."""
    blocks = (
        one_region(plan, plan.regions[0], wide=True, show=show)
        if len(plan.regions) == 1
        else comparison(plan, wide=True, all_rows=True, show=show)
    )
    return markdown(blocks)


def banner_lines(plan: Plan, width: int) -> list[str]:
    """The plan's notices as ``table`` begins with them, each wrapped to ``width`` columns."""
    if not plan.notices:
        return []
    return terminal([Notices(sentences.notices(plan))], width=width, colour=False).splitlines()
