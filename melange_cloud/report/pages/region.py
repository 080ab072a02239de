"""The whole page of one region, section by section: each can be shown alone, by its name (``--show``)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from melange_cloud.domain import Plan, RegionPlan
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, TitledSheet, without
from melange_cloud.report.one_screen import traffic_shares
from melange_cloud.report.pages.coverage import coverage_lines
from melange_cloud.report.pages.current_fleet import current_lines
from melange_cloud.report.pages.error_bars import error_lines
from melange_cloud.report.pages.explanation import why
from melange_cloud.report.pages.front_end import front_end_lines
from melange_cloud.report.pages.left_out import left_out_groups, left_out_sheet
from melange_cloud.report.pages.purchases import purchases_of_one
from melange_cloud.report.pages.routing import routing_sheet
from melange_cloud.report.pages.what_else import what_else
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    amounts_of_whole,
    clean,
    error_range,
    glued,
    number,
    once,
    percent,
    percents_of_whole,
    quantity,
    region_title,
    usd_per_month,
)

_ONLY_WIDE = frozenset({"GPU mem", "GPUs", "Replicas", "Host GiB", "Tokens", "Profile"})
"""Columns of the fleet that are shown where there is room for everything."""


def one_region(plan: Plan, region: RegionPlan, *, wide: bool, show: frozenset[str] = frozenset()) -> Iterator[Block]:
    """The blocks of the whole page; ``wide`` where there is room for every column, ``show`` as for ``plan_page``."""
    if plan.notices:
        yield Notices(sentences.notices(plan))
    yield from _question(plan, region, wide)
    if region.status.has_fleet:
        yield fleet_sheet(plan, region, wide=wide)
        yield Paragraph(tuple(_answer(plan, region)), strong=True)
    else:
        yield Paragraph((f"No plan - {sentences.no_fleet(region)}",), strong=True)
    if "routing" in show:
        yield from _routing(plan, region, wide)
    yield from _alternatives(plan, region, wide)
    yield from purchases_of_one(plan, region)
    yield from why(plan, region, wide=wide)
    if "left-out" in show:
        yield from _left_out(plan, region, wide)
    yield LabelledLines(tuple(_foot(plan, region, grouped="left-out" not in show)))


def sections(plan: Plan, region: RegionPlan, names: frozenset[str], *, wide: bool) -> Iterator[Block]:
    """The blocks of these sections in the order of the page; one that is empty says so."""
    for name, section in SECTIONS.items():
        if name in names:
            blocks = tuple(section.blocks(plan, region, wide))
            yield from blocks or (Paragraph((f"{name}: {section.empty}",)),)


def named_sections(plan: Plan, region: RegionPlan, names: frozenset[str], *, wide: bool) -> Iterator[Block]:
    """The same on a page of several regions, which has the notes already: under the region's name, if it has any."""
    wanted = (section for name, section in SECTIONS.items() if name in names and name != "notes")
    blocks = [block for section in wanted for block in section.blocks(plan, region, wide)]
    if blocks:
        yield Paragraph((region_title(region.region_name.provider, region.region),), strong=True)
        yield from blocks


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the whole page.

    Attributes:
        holds: what it holds, in a few words, for help.
        blocks: makes its blocks from the plan, the region and whether there is room for every column.
        empty: what is said where it has none.
    """

    holds: str
    blocks: Callable[[Plan, RegionPlan, bool], Iterator[Block]]
    empty: str = "nothing to show for this plan"


def _notes(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del region, wide
    if plan.notices:
        yield Notices(sentences.notices(plan))


def _question(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del wide
    place = f" - {clean(region.place)}" if region.place else ""
    name = f"{region_title(region.region_name.provider, region.region)}{place}"
    where = f"{name}: {sentences.bought(plan, region.allocations)}"
    yield Paragraph((where, *sentences.question(plan, region.fleet.kinds), *sentences.legend(plan)))


def _fleet(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    if region.status.has_fleet:
        yield fleet_sheet(plan, region, wide=wide)
        errors = set(error_lines(plan, region))
        yield Paragraph(tuple(line for line in _answer(plan, region) if line not in errors), strong=True)


def _errors(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del wide
    if region.status.has_fleet:
        yield Paragraph(tuple(error_lines(plan, region)))


def _routing(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del plan
    if region.fleet.routing:
        yield TitledSheet("Which sizes go where", routing_sheet(region, wide=wide))


def _alternatives(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    sheet = what_else(plan, region, wide=wide)
    if sheet.rows:
        yield sheet


def _purchases(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del wide
    yield from purchases_of_one(plan, region)


def _reasons(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    yield from why(plan, region, wide=wide)


def _left_out(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del plan, wide
    if region.left_out:
        yield TitledSheet("Left out", left_out_sheet(region))


def _of_the_foot(label: str) -> Callable[[Plan, RegionPlan, bool], Iterator[Block]]:
    def blocks(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
        del wide
        entries = tuple(entry for entry in _foot(plan, region, grouped=True) if entry[0] == label)
        if entries:
            yield LabelledLines(entries)

    return blocks


def _not_included(plan: Plan, region: RegionPlan, wide: bool) -> Iterator[Block]:
    del region, wide
    yield LabelledLines(sentences.not_included(plan))


SECTIONS: Mapping[str, Section] = {
    "notes": Section("every note on the answer", _notes),
    "question": Section("model, traffic, targets and rules", _question),
    "fleet": Section("the fleet with every column, its proof, and what the mix saves", _fleet),
    "errors": Section("what the profiles' errors do to cost and fleet, and what to measure first", _errors),
    "routing": Section("which sizes go where", _routing),
    "alternatives": Section("each GPU alone, each changed question, better routers", _alternatives),
    "purchases": Section("the same question bought in other ways (--compare-purchases)", _purchases),
    "reasons": Section("why this mix (--explain)", _reasons),
    "left-out": Section("every instance type that is left out, and why", _left_out),
    "coverage": Section("how much of the traffic the profiles know", _of_the_foot("Coverage")),
    "quotas": Section("the account quotas that the fleet needs", _of_the_foot("Quota")),
    "prices": Section("where the prices come from, and their dates", _of_the_foot("Prices")),
    "not-included": Section("what the cost does not include", _not_included),
}
"""The parts of the whole page by name, in its order."""


def fleet_sheet(plan: Plan, region: RegionPlan, *, wide: bool) -> Sheet:
    """One row per allocation; amounts and shares sum to their totals (see ``traffic_shares``)."""
    uses = {(use.gpu, use.tensor_parallel): use for use in region.fleet.kinds}
    shares = traffic_shares(region)
    requests = percents_of_whole(of_requests for of_requests, _ in shares)
    tokens = percents_of_whole(of_tokens for _, of_tokens in shares)
    hours = plan.basis.calculation.hours_per_month
    usd_per_hour = [line.line_usd_per_hour for line in region.allocations]
    per_hour = amounts_of_whole(usd_per_hour, region.fleet_usd_per_hour or 0.0, 2)
    month = region.usd_per_month or 0.0
    per_month = amounts_of_whole([one * hours for one in usd_per_hour], month, 0 if month >= 10 else 2)
    rows = tuple(
        (
            clean(line.instance_type),
            f"{number(line.gpu_count)}{GLUE}{glued(line.gpu)}" if line.gpu_count > 1 else glued(line.gpu),
            f"{line.tensor_parallel}",
            UNKNOWN if line.gpu_memory_gib is None else f"{quantity(line.gpu_memory_gib)}{GLUE}GiB",
            number(line.instances),
            number(line.instances * line.gpu_count),
            number(line.replicas),
            number(line.instances * line.vcpus),
            quantity(line.memory_gib),
            percent(line.busy),
            number(line.usd_per_instance_hour, 4),
            per_hour[at],
            per_month[at],
            requests[at],
            tokens[at],
            UNKNOWN
            if (use := uses.get((line.gpu, line.tensor_parallel))) is None
            else f"{glued(use.grade)}{GLUE}{error_range(use.error, use.error_down)}",
        )
        for at, line in enumerate(region.allocations)
    )
    total = (
        "Total",
        "",
        "",
        "",
        number(sum(line.instances for line in region.allocations)),
        number(sum(line.instances * line.gpu_count for line in region.allocations)),
        number(sum(line.replicas for line in region.allocations)),
        number(sum(line.instances * line.vcpus for line in region.allocations)),
        "",
        "",
        "",
        number(region.fleet_usd_per_hour, 2),
        usd_per_month(region.usd_per_month),
        percent(sum(use.requests_share for use in region.fleet.kinds)),
        percent(sum(use.tokens_share for use in region.fleet.kinds)),
        "",
    )
    columns = (
        Column("Instance", least=16),
        Column("GPU", drop=1),
        Column("TP", right=True),
        Column("GPU mem", right=True, drop=9),
        Column("Count", right=True),
        Column("GPUs", right=True, drop=8),
        Column("Replicas", right=True, drop=11),
        Column("vCPU", right=True, drop=4),
        Column("Host GiB", right=True, drop=9),
        Column("Busy", right=True, drop=2),
        Column("$/h each", right=True, drop=3),
        Column("$/h", right=True, drop=5),
        Column("$/month", right=True),
        Column("Requests" if wide else "Traffic", right=True, drop=1),
        Column("Tokens", right=True, drop=10),
        Column("Profile", right=True, drop=6),
    )
    sheet = without(Sheet(columns, rows, total), frozenset({"TP"}), only_if="1")
    return sheet if wide else without(sheet, _ONLY_WIDE)


def _answer(plan: Plan, region: RegionPlan) -> list[str]:
    tokens = sentences.per_million(plan, region)
    lines = [
        " ".join(once([sentences.proof(region, plan.basis.calculation.hours_per_month), tokens])),
        *error_lines(plan, region),
        *front_end_lines(plan, region),
        sentences.against_single(region),
        sentences.list_price(plan, region),
        *sentences.odd_sales(region),
        *current_lines(plan, region),
    ]
    return once(lines)


def _foot(plan: Plan, region: RegionPlan, *, grouped: bool) -> Iterator[tuple[str, tuple[str, ...]]]:
    if coverage := coverage_lines(region):
        yield "Coverage", coverage
    if grouped and region.left_out:
        yield "Left out", tuple(f"{', '.join(names)}: {reason}" for reason, names in left_out_groups(region))
    if region.context.quota_needs:
        yield (
            "Quota",
            tuple(
                f'"{clean(need.name)}" >={GLUE}{number(need.needed)}{GLUE}{clean(need.unit)}; not checked'
                for need in region.context.quota_needs
            ),
        )
    if region.allocations:
        yield "Prices", sentences.price_lines(region)
    yield from sentences.not_included(plan)
