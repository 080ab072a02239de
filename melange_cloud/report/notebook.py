"""What a notebook shows of an answer: its page as HTML, with its notices."""

from collections.abc import Iterable

from melange_cloud.domain import Plan, RegionPlan, Sensitivity
from melange_cloud.domain.heatmap import HeatMap
from melange_cloud.report import plan_page
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet
from melange_cloud.report.html import html
from melange_cloud.report.pages.heatmap import heat_map_page
from melange_cloud.report.pages.sweep import sensitivity_page
from melange_cloud.report.sentences import no_fleet, price_lines
from melange_cloud.report.text import amounts_of_whole, clean, glued, number, percent, region_title, usd_per_month

_PLOT_COLUMNS = 110


def notebook_html(answer: object) -> str:
    """An answer as HTML.

    Raises:
        TypeError: there is no page for a thing of its kind.
    """
    return html(_blocks(answer))


def _blocks(answer: object) -> Iterable[Block]:
    match answer:
        case Plan():
            return plan_page(answer).blocks(True)
        case RegionPlan():
            return _region(answer)
        case Sensitivity():
            return sensitivity_page(answer, width=_PLOT_COLUMNS).blocks(True)
        case HeatMap():
            return heat_map_page(answer).blocks(True)
    raise TypeError(f"no page for {type(answer).__name__}")


def _region(region: RegionPlan) -> Iterable[Block]:
    """A region without its plan: what was asked, and the notices, are the plan's."""
    where = region_title(region.region_name.provider, region.region)
    if not region.status.has_fleet:
        yield Paragraph((f"{where}: no plan - {no_fleet(region)}",), strong=True)
        return
    yield Paragraph((f"{where}: ${usd_per_month(region.usd_per_month)} a month",), strong=True)
    amounts = [line.line_usd_per_hour for line in region.allocations]
    per_hour = amounts_of_whole(amounts, region.fleet_usd_per_hour or 0.0, 2)
    yield Sheet(
        (
            Column("Instance"),
            Column("GPU"),
            Column("Count", right=True),
            Column("Busy", right=True),
            Column("$/h each", right=True),
            Column("$/h", right=True),
        ),
        tuple(
            (
                clean(line.instance_type),
                glued(line.gpu),
                number(line.instances),
                percent(line.busy),
                number(line.usd_per_instance_hour, 4),
                per_hour[at],
            )
            for at, line in enumerate(region.allocations)
        ),
        (
            "Total",
            "",
            number(sum(line.instances for line in region.allocations)),
            "",
            "",
            number(region.fleet_usd_per_hour, 2),
        ),
    )
    yield Paragraph(
        (*price_lines(region), "The traffic, the range and the notices are those of the plan: show it whole.")
    )
