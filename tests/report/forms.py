"""A plan in each form, as the commands write it."""

from melange_cloud import report
from melange_cloud.domain import Plan

NOTHING: frozenset[str] = frozenset()


def table(
    plan: Plan, *, width: int, colour: bool = False, show: frozenset[str] = NOTHING, all_rows: bool = False
) -> str:
    return report.written(report.plan_page(plan, show=show, all_rows=all_rows), "table", width=width, colour=colour)


def as_markdown(plan: Plan, *, show: frozenset[str] = NOTHING) -> str:
    return report.written(report.plan_page(plan, show=show, all_rows=True), "markdown", width=None)


def as_json(plan: Plan) -> str:
    return report.written(report.plan_page(plan), "json", width=None)


def as_csv(plan: Plan) -> str:
    return report.written(report.plan_page(plan), "csv", width=None)
