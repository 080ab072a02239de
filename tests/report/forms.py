"""A plan in each form, as the commands write it; its table and its Markdown whole."""

from melange_cloud import report
from melange_cloud.domain import Plan

NOTHING: frozenset[str] = frozenset()


def table(
    plan: Plan, *, width: int, colour: bool = False, show: frozenset[str] = NOTHING, all_rows: bool = False
) -> str:
    page = report.plan_page(plan, show=show, full=True, all_rows=all_rows)
    return report.written(page, "table", width=width, colour=colour)


def screen(plan: Plan, *, width: int = 80, colour: bool = False, show: frozenset[str] = NOTHING) -> str:
    """The first screen."""
    return report.written(report.plan_page(plan, show=show), "table", width=width, colour=colour)


def as_markdown(plan: Plan, *, show: frozenset[str] = NOTHING, full: bool = True) -> str:
    return report.written(report.plan_page(plan, show=show, full=full, all_rows=True), "markdown", width=None)


def as_json(plan: Plan, *, brief: bool = False) -> str:
    return report.written(report.plan_page(plan, brief=brief), "json", width=None)


def as_csv(plan: Plan) -> str:
    return report.written(report.plan_page(plan), "csv", width=None)
