"""The first screen of a plan: the answer, the fleet, its doubts, then what is worth a decision and where to read on.

Of a fleet of up to three lines it fills at most 24 lines of 80 columns. Everything else that a plan knows is a section
of the whole page (``--full``, ``--show``).
"""

from collections.abc import Iterator
from dataclasses import replace

from melange_cloud.domain import FleetAtThroughput, Kind, Plan, RegionPlan, Status
from melange_cloud.domain.brief_plan import BriefLine, BriefRegion
from melange_cloud.domain.decision import Decision
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, without
from melange_cloud.report.one_screen import brief_region, important_notices
from melange_cloud.report.pages.current_fleet import current_lines
from melange_cloud.report.pages.front_end import LEAST_SHARE
from melange_cloud.report.pages.getting_it import getting_it, longest_clause
from melange_cloud.report.pages.left_out import left_out_groups
from melange_cloud.report.text import (
    GLUE,
    amounts_of_whole,
    clean,
    dollars,
    glued,
    joined,
    number,
    once,
    percent,
    percents_of_whole,
    quantity,
    usd_per_month,
)

NOT_TESTED = "Not tested under traffic: requests that arrive in bursts wait longer"

_ONE_LINE = 78
"""Characters that fit one line of a usual terminal."""

_AT_MOST = " (at most; not proven)"
_NAMED_TYPES, _REASONS = 3, 4
_SAID_BY_THE_REASON = ("cannot_serve", "gpu_not_asked", "no_data")
"""Codes of left-out types of which a page without a fleet says nothing more: its reason and question do."""


def first_screen(plan: Plan, region: RegionPlan, *, wide: bool) -> Iterator[Block]:
    """The blocks of the screen; ``wide`` where there is room for the quotas' own names."""
    brief = brief_region(plan, region)
    if important := important_notices(plan):
        yield Notices(important)
    if not region.status.has_fleet:
        yield from _without_fleet(plan, region)
        return
    yield Paragraph(tuple(once(_answer(plan, region, brief))), strong=True)
    yield fleet_table(plan, brief, wide=wide)
    yield Paragraph((*short_question(plan), *_not_known(plan, region)))
    if brief.worth_deciding:
        yield _decisions(plan, brief)
    yield Paragraph(tuple(once([_measure_first(brief), read_on(plan)])))


def _without_fleet(plan: Plan, region: RegionPlan) -> Iterator[Block]:
    """Why there is no fleet, and what the rules leave out; the notices name what is out of reach."""
    yield Paragraph(
        (f"No plan - {sentences.no_fleet(region)}", f"{_place(region)}, {_bought(plan, region)}"), strong=True
    )
    yield Paragraph(tuple(short_question(plan)))
    by_rule = tuple(one for one in region.left_out if one.code not in _SAID_BY_THE_REASON)
    if groups := left_out_groups(replace(region, left_out=by_rule)):
        yield LabelledLines((("Left out", tuple(f"{_few(names)}: {why}" for why, names in groups[:_REASONS])),))
    alone = (f"Each GPU alone: --show{GLUE}alternatives",) if region.context.single_gpu else ()
    yield Paragraph((*alone, read_on(plan)))


def _answer(plan: Plan, region: RegionPlan, brief: BriefRegion) -> Iterator[str]:
    month = dollars(usd_per_month(brief.usd_per_month))
    model = f"{glued(plan.basis.served.model)}{sentences.star(plan, 'model')}"
    yield f"{month} a month for {model}, {sentences.while_it_is_billed(plan)}"
    yield _fleet_line(plan, region, brief)
    if brief.is_one_machine:
        yield "One machine: if it fails, nothing serves"
    yield _cost_range(plan, region)
    if region.status is Status.FEASIBLE:
        yield sentences.proof(region, plan.basis.calculation.hours_per_month)
    yield from current_lines(plan, region)


def _fleet_line(plan: Plan, region: RegionPlan, brief: BriefRegion) -> str:
    """The fleet in one line: with its GPUs where they fit, the table below names them too."""
    where = f"in {_place(region)}, {_bought(plan, region)}"
    gpus = {line.instance_type: _gpus(line) for line in brief.fleet}
    counted = {name: f"{number(count)}{GLUE}x{GLUE}{glued(name)}" for name, count in region.instance_counts.items()}
    with_gpus = f"{GLUE}+ ".join(f"{text}{GLUE}({gpus[name]})" for name, text in counted.items())
    bare = f"{GLUE}+ ".join(counted.values())
    if len(with_gpus) + 1 + len(where) <= _ONE_LINE:
        return f"{with_gpus} {where}"
    if len(bare) + 1 + len(where) <= _ONE_LINE or len(counted) <= _NAMED_TYPES:
        return f"{bare} {where}"
    total = number(sum(line.instances for line in brief.fleet))
    return f"{total}{GLUE}instances of {len(counted)}{GLUE}types {where}"


def _gpus(line: BriefLine) -> str:
    return glued(line.gpu) if line.gpu_count == 1 else f"{number(line.gpu_count)}{GLUE}{glued(line.gpu)}"


def _place(region: RegionPlan) -> str:
    return f"{clean(region.region_name.provider)}{GLUE}{glued(region.region)}"


def _bought(plan: Plan, region: RegionPlan) -> str:
    """How it is bought, and whose price that is where it is not the list's."""
    purchase = plan.basis.fleet.purchase
    contracts = once(clean(line.contract) for line in region.allocations)
    named = f" ({'; '.join(sorted(contracts))})" if contracts else ""
    own = [line.price.origin == "user" for line in region.allocations]
    price = ""
    if sentences.list_price(plan, region):
        price = " after your discounts"
    elif any(own):
        price = " at your own price" if all(own) else " at list or your price"
    if fetched := sentences.fetched_words(region):
        price += f", prices {fetched}"
    obligation = {
        "commit_1y": ": a 24x7 obligation for 1 year",
        "commit_3y": ": a 24x7 obligation for 3 years",
        "spot": ": interruptible, price at one moment",
    }.get(purchase, "")
    if region.cost.obligation_usd is not None:
        obligation += f", {dollars(usd_per_month(region.cost.obligation_usd))}{GLUE}in{GLUE}all"
    name = sentences.PURCHASE.get(purchase, clean(purchase))
    return f"{name}{sentences.star(plan, 'purchase')}{named}{price}{obligation}"


def _cost_range(plan: Plan, region: RegionPlan) -> str:
    """What the cost would be if the GPUs are faster or slower than stated; a missing end is said, never filled."""
    stated = sentences.speeds(region).removeprefix("as ")
    bars = region.context.error_bars
    if plan.basis.served.pessimistic and bars is not None:
        as_stated, better = (_cost_of(end) for end in (bars.stated, bars.better))
        return f"{as_stated} if the GPUs are as fast as {stated}, {better} if they are faster"
    whose = "Cheapest: " if region.context.current is not None else ""
    better_usd, worse_usd = region.cost.usd_per_month_range
    if better_usd is None and worse_usd is None:
        return f"What it costs if the GPUs are faster or slower than {stated}: no data"
    if better_usd is None or worse_usd is None:
        one, other = ("faster", "slower") if worse_usd is None else ("slower", "faster")
        amount = dollars(usd_per_month(better_usd if worse_usd is None else worse_usd))
        proven = bars is not None and (bars.better if better_usd is None else bars.worse).proven
        none = "no fleet can serve this" if proven else "no fleet was found"
        return f"{whose}{amount} if the GPUs are {one} than {stated}; if {other}, {none}"
    low, high = dollars(usd_per_month(better_usd)), dollars(usd_per_month(worse_usd))
    if low == high:
        return f"{whose or 'Still '}{low} if the GPUs are faster or slower than {stated}"
    unproven = bars is not None and not (bars.better.proven and bars.worse.proven)
    return f"{whose}{low} to {high} if the GPUs are faster or slower than {stated}{_AT_MOST if unproven else ''}"


def _cost_of(end: FleetAtThroughput) -> str:
    if end.usd_per_month is None:
        return "no fleet found"
    return f"{dollars(usd_per_month(end.usd_per_month))}{'' if end.proven else _AT_MOST}"


def fleet_table(plan: Plan, brief: BriefRegion, *, wide: bool) -> Sheet:
    """One row per line of the fleet; the amounts sum to the month, the shares to 100 %."""
    whole = brief.usd_per_month or 0.0
    months = amounts_of_whole([line.usd_per_month for line in brief.fleet], whole, 0 if whole >= 10 else 2)
    shares = percents_of_whole(line.requests_share for line in brief.fleet)
    purchase = plan.basis.fleet.purchase
    getting, in_short = (
        [getting_it(line.quota, line.availability, purchase, wide=room) for line in brief.fleet]
        for room in (wide, False)
    )
    rows = tuple(
        (
            clean(line.instance_type),
            _gpus(line),
            f"{line.tensor_parallel}",
            number(line.instances),
            number(line.usd_per_instance_hour, 3),
            months[at],
            shares[at],
            getting[at],
        )
        for at, line in enumerate(brief.fleet)
    )
    columns = (
        Column("Instance", least=16),
        Column("GPU"),
        Column("TP", right=True),
        Column("Count", right=True),
        Column("$/h each", right=True, drop=2),
        Column("$/month", right=True),
        Column("Traffic", right=True, drop=1),
        Column("Getting it", least=max(map(longest_clause, in_short))),
    )
    return without(Sheet(columns, rows), frozenset({"TP"}), only_if="1")


def short_question(plan: Plan) -> Iterator[str]:
    """Rate, sizes and targets, and what narrows the answer."""
    traffic, fleet = plan.basis.traffic, plan.basis.fleet
    requests = "request" if traffic.peak_requests_per_s == 1 else "requests"
    rate = f"{quantity(traffic.peak_requests_per_s)} {requests}/s{sentences.star(plan, 'peak_requests_per_s')}"
    headroom = f"{quantity(traffic.headroom * 100)}{GLUE}%{sentences.star(plan, 'headroom')}"
    sizes = (
        f"{quantity(round(traffic.mean_input_tokens))}{GLUE}in / {quantity(round(traffic.mean_output_tokens))}{GLUE}out"
        f" tokens{sentences.star(plan, 'workload')}"
    )
    own = "" if "workload" in plan.defaulted else f" ({clean(traffic.workload)})"
    parts = [
        f"{rate}{sentences.of_arrivals(traffic)} + {headroom}{sentences.served_part(plan)}",
        f"{sizes}{own}",
        *(target.replace(" ", GLUE) for target in sentences.targets(plan)),
    ]
    if traffic.cached_input:
        parts.insert(2, f"{sentences.of_input(traffic.cached_input)} cached{sentences.star(plan, 'cached_input')}")
    if "router" not in plan.defaulted:
        parts.append(f"router {clean(fleet.router)}")
    yield ", ".join(parts)
    if narrowed := sentences.restrictions(plan):
        yield narrowed[:1].upper() + narrowed[1:]


def _not_known(plan: Plan, region: RegionPlan) -> Iterator[str]:
    """What the answer does not say."""
    yield NOT_TESTED
    decided = {decision.changes for decision in region.context.worth_deciding}
    limited = [
        glued(Kind(use.gpu, use.tensor_parallel))
        for use in region.fleet.kinds
        if use.front_end_load_share >= LEAST_SHARE
    ]
    if limited and "api_servers" not in decided:
        servers = f"{plan.basis.served.api_servers}{sentences.star(plan, 'api_servers')}"
        yield f"The HTTP front end (--api-servers {servers}) limits {joined(limited)}: --show fleet"


def _decisions(plan: Plan, brief: BriefRegion) -> Sheet:
    rows = tuple(
        (
            f"{_decided(plan, decision)}{_not_like_the_plan(decision)}",
            usd_per_month(decision.usd_per_month),
            _change(decision.change_fraction),
        )
        for decision in brief.worth_deciding
    )
    columns = (
        Column("Worth a decision", least=30, hang=2),
        Column("$/month", right=True),
        Column("Change", right=True),
    )
    return Sheet(columns, rows)


def _decided(plan: Plan, decision: Decision) -> str:
    """What is changed, and what to type for it."""
    option, types = clean(decision.option), _few([glued(name) for name in decision.instance_types])
    bought = sentences.PURCHASE.get(plan.basis.fleet.purchase, clean(plan.basis.fleet.purchase))
    said = {
        "sold_as": f"{types}, not confirmed {bought} (try one):",
        "min_host_memory_gib": f"{types}, which our host-memory rule leaves out (try one):",
        "spare": "survive losing one instance:",
        "api_servers": "more HTTP servers per replica:",
        "cached_input": "nothing comes from the prefix cache:",
        "tpot_ms": f"half the TPOT, {quantity(plan.basis.targets.tpot_ms / 2)}{GLUE}ms:",
        "router": "a router that sends by prompt length:",
    }
    return f"{said.get(decision.changes, clean(decision.changes))} {option}"


def _not_like_the_plan(decision: Decision) -> str:
    """What keeps a changed fleet's cost from being compared with the plan's as it is; empty if nothing does."""
    text = ""
    if decision.is_one_machine:
        spared = decision.with_spare_usd_per_month
        with_spare = "" if spared is None else f", {dollars(usd_per_month(spared))} with --spare{GLUE}1"
        text = f"; one machine{with_spare}"
    return text if decision.proven else f"{text}{_AT_MOST}"


def _change(fraction: float) -> str:
    """``-17.1 %``, ``+13.6 %``, ``0 %``."""
    if abs(fraction) <= 1e-6:
        return f"0{GLUE}%"
    return f"{'+' if fraction > 0 else '-'}{percent(abs(fraction), 1 if abs(fraction) < 1 else 0)}"


def _measure_first(brief: BriefRegion) -> str:
    """Which profile to measure, and what its error does to the cost; empty if none does anything."""
    first = brief.measure_first
    if first is None:
        return ""
    kind, unproven = glued(Kind(clean(first.gpu), first.tensor_parallel)), "" if first.proven else " (not proven)"
    if first.swing_usd_per_month is None:
        return f"Measure first: {kind}, whose error alone decides whether there is a fleet{unproven}"
    swing = dollars(usd_per_month(first.swing_usd_per_month))
    if first.in_fleet:
        return f"Measure first: {kind}, whose error alone moves the cost by {swing}{unproven}"
    return f"Measure first: {kind}, which would save {swing} if it is faster{unproven}"


def read_on(plan: Plan, *, notes_shown: bool = False) -> str:
    """Where to read on, how many notes are not shown, and what the star means."""
    hidden = 0 if notes_shown else len(sentences.notices(plan)) - len(important_notices(plan))
    notes = f" | {hidden}{GLUE}note{'' if hidden == 1 else 's'}:{GLUE}--show{GLUE}notes" if hidden else ""
    star = f"{GLUE * 4}*{GLUE}default,{GLUE}not{GLUE}yours" if plan.defaulted else ""
    return f"More: --full | --show{GLUE}SECTION{notes}{star}"


def _few(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED_TYPES])
    return shown if len(names) <= _NAMED_TYPES else f"{shown} and {len(names) - _NAMED_TYPES}{GLUE}more"
