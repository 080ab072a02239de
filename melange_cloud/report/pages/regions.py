"""The page of several regions: the cheapest, the table, whether it is clearly so, then what else was requested."""

from collections.abc import Iterator

from melange_cloud.domain import Plan, RegionPlan
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, LabelledLines, Notices, Paragraph
from melange_cloud.report.one_screen import important_notices
from melange_cloud.report.pages.first_rank import from_base, verdict
from melange_cloud.report.pages.first_screen import NOT_TESTED, read_on, short_question
from melange_cloud.report.pages.purchases import purchases_of_regions
from melange_cloud.report.pages.region import named_sections
from melange_cloud.report.pages.region_groups import groups, names_of, without_plan
from melange_cloud.report.pages.regions_table import REGIONS_IN_A_ROW, comparison_sheet
from melange_cloud.report.text import GLUE, clean, dollars, number, usd_per_month


def comparison(
    plan: Plan, *, wide: bool, full: bool = False, all_rows: bool = False, show: frozenset[str] = frozenset()
) -> Iterator[Block]:
    """The blocks of the page.

    Args:
        plan: regions may be none; they are shown by cost whatever their order.
        wide: whether there is room for places, quotas, $/1M tokens, the best single GPU and dates.
        full: also every notice, the whole question, where the order of the first turns, and what is not included.
        all_rows: every region that has a fleet; else the cheapest, those that were named, and the last.
        show: sections of each region, by name; see ``region.SECTIONS``.
    """
    every_note = full or "notes" in show
    if notices := sentences.notices(plan) if every_note else important_notices(plan):
        yield Notices(notices)
    grouped = groups(plan)
    if answer := _answer(plan, grouped):
        yield Paragraph(answer, strong=True)
    allocations = [line for region in plan.regions for line in region.allocations]
    head = f"{_regions_by_provider(plan)}: {sentences.bought(plan, allocations)}; residency and latency not considered"
    if full:
        kinds = sentences.merged_kinds(plan.regions)
        yield Paragraph((head, *sentences.question(plan, kinds), *sentences.legend(plan)))
    else:
        yield Paragraph((head, *short_question(plan), NOT_TESTED))
    yield comparison_sheet(plan, grouped, wide=wide, all_rows=all_rows)
    counted = {key: regions for key, regions in without_plan(plan).items() if len(regions) > REGIONS_IN_A_ROW}
    if counted:
        providers = [provider for provider, _ in counted]
        names = (
            names_of(regions) + (f": {why}" if providers.count(provider) > 1 else "")
            for (provider, why), regions in counted.items()
        )
        yield LabelledLines((("No plan in", tuple(names)),))
    decided = [from_base(plan)]
    if plan.first_rank is not None:
        decided.append(verdict(plan, plan.first_rank, grouped, example=full))
    if any(decided):
        yield Paragraph(tuple(filter(None, decided)), strong=True)
    yield from purchases_of_regions(plan, all_rows=all_rows)
    for region in plan.regions:
        yield from named_sections(plan, region, show, wide=wide)
    if not full:
        yield Paragraph((read_on(plan, notes_shown=every_note),))
        return
    if "left-out" not in show and any(region.left_out for region in plan.regions):
        yield LabelledLines((("Left out", ("some instance types; which and why: --show left-out.",)),))
    yield LabelledLines(sentences.not_included(plan))


def _answer(plan: Plan, grouped: list[list[RegionPlan]]) -> tuple[str, ...]:
    """What the cheapest region costs, and whether it is clearly the cheapest; empty where no region has a fleet."""
    best = grouped[0][0] if grouped else None
    if best is None or best.usd_per_month is None:
        return ()
    first, count = plan.first_rank, f"{number(len(plan.regions))}{GLUE}regions"
    others = 0 if first is None else len(first.ties) - 1
    if first is None:
        rank = f"The only one of {count} with a plan"
    elif first.level and first.with_spare:
        rank = f"The cheapest of {count}, but not with a spare (--spare 1)"
    elif not first.clear or first.prices_apart_days > PRICES_APART_DAYS:
        rank = f"The cheapest of {count} as estimated; others may be cheaper"
    elif others:
        same = "another costs" if others == 1 else f"{number(others)}{GLUE}others cost"
        rank = f"The cheapest of {count}; {same} as much"
    else:
        rank = f"The cheapest of {count}"
    month = f"{dollars(usd_per_month(best.usd_per_month))} a month in {names_of([best])}"
    return f"{month}, {sentences.while_it_is_billed(plan)}", rank


def _regions_by_provider(plan: Plan) -> str:
    counts: dict[str, int] = {}
    for region in plan.regions:
        counts[clean(region.region_name.provider)] = counts.get(clean(region.region_name.provider), 0) + 1
    if not counts:
        return "no region"
    by_provider = ", ".join(f"{provider}{GLUE}{count}" for provider, count in sorted(counts.items()))
    no_government = "" if any("gov" in region.region for region in plan.regions) else ", no GovCloud"
    return f"{len(plan.regions)} regions ({by_provider}{no_government if 'aws' in counts else ''})"
