"""How the plan moves with one quantity: the places where it changes, a plot in the terminal, JSON, CSV."""

import math
from collections.abc import Iterator, Sequence

from melange_cloud.domain import Sensitivity, Status, Stretch
from melange_cloud.report.blocks import Block, Column, Notices, Paragraph, Plot, Sheet, TitledSheet
from melange_cloud.report.json_ import object_of
from melange_cloud.report.page import Page
from melange_cloud.report.sentences import of_arrivals, profiles_of
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    clean,
    difference,
    error_range,
    fleet,
    number,
    quantity,
    region_title,
    usd_per_month,
)

ROWS_SHOWN = 24
PLOT_POINTS = 60

BARS = "▁▂▃▄▅▆▇█"
"""A column of a plot, lowest to highest; ``·`` marks values without a fleet."""

AXIS = {
    "rate": "Rate in the busiest hour, requests/s",
    "tpot": "Target for the mean TPOT, ms",
    "price": "Price of {gpu}, times today's",
    "throughput": "Throughput of {gpu}, times its profile's",
    "router": "Router",
}


def sensitivity_page(answer: Sensitivity, *, width: int, all_rows: bool = False) -> Page:
    """The question, where the fleet changes, and how the cost moves.

    Its JSON has the fields of domain/sweep.py under their own names; its CSV a row per stretch, or per router: of the
    plan (``mix``) first, then of each kind alone.

    Args:
        width: columns that the plot may fill.
        all_rows: every stretch, not only those about the plan.
    """
    return Page(
        blocks=lambda _: _blocks(answer, width=width, all_rows=all_rows),
        document=object_of(answer),
        columns=(
            "generated_at", "provider", "region", "over", "gpu", "unit", "fleet_of", "low", "high", "status",
            "usd_per_hour_at_low", "usd_per_hour_at_high", "instances", "reason",
        ),
        rows=list(_rows(answer)),
    )  # fmt: skip


def _rows(answer: Sensitivity) -> Iterator[tuple[object, ...]]:
    sweep = answer.sweep
    head = (answer.generated_at, answer.provider, answer.region, sweep.over, sweep.gpu, sweep.unit)
    for name, stretches in (("mix", sweep.stretches), *sorted(sweep.singles.items())):
        for part in stretches:
            costs = (part.fleet_usd_per_hour_at_low, part.fleet_usd_per_hour_at_high)
            instances, reason = _plain(part.instances), clean(part.reason)
            yield (*head, name, part.low, part.high, part.status, *costs, instances, reason)
    for choice in sweep.choices:
        cost, instances, reason = choice.fleet_usd_per_hour, _plain(choice.instances), clean(choice.reason)
        yield (*head, choice.name, None, None, choice.status, cost, cost, instances, reason)


def _plain(instances: object) -> str:
    return fleet(instances).replace(GLUE, " ") if isinstance(instances, dict) else ""


def title(answer: Sensitivity) -> tuple[str, ...]:
    """What is shown, of what, at whose prices."""
    served, traffic, sweep = answer.basis.served, answer.basis.traffic, answer.sweep
    fleet_rules = answer.basis.fleet
    peak = f"peak {quantity(traffic.peak_requests_per_s)}{GLUE}req/s{of_arrivals(traffic)}"
    rate = "" if sweep.over == "rate" else f", {peak}"
    tpot = "" if sweep.over == "tpot" else f", mean TPOT <={GLUE}{quantity(answer.basis.targets.tpot_ms)}{GLUE}ms"
    router = "" if sweep.over == "router" else f", router {clean(fleet_rules.router)}"
    return (
        f"{region_title(answer.provider, answer.region)}: {clean(served.model)} {clean(served.precision)}, "
        f"{profiles_of(served.era, served.engine)}",
        f"{clean(traffic.workload)}{rate} + {quantity(traffic.headroom * 100)}{GLUE}% headroom{tpot}{router}",
        f"{clean(fleet_rules.purchase).replace('_', ' ')} prices: {clean(answer.price_as_of)}",
    )


def _blocks(answer: Sensitivity, *, width: int, all_rows: bool) -> Iterator[Block]:
    if answer.notices:
        yield Notices(tuple(dict.fromkeys(clean(notice) for notice in answer.notices)))
    sweep = answer.sweep
    yield Paragraph(title(answer))
    if sweep.choices:
        yield TitledSheet("What a better router saves", _choices(answer))
        return
    yield Paragraph((_summary(answer),), strong=True)
    yield TitledSheet(_rows_title(sweep.stretches, all_rows), _stretches(answer, all_rows=all_rows))
    yield Plot(tuple(_plot(answer, width)))


def _summary(answer: Sensitivity) -> str:
    sweep = answer.sweep
    costs = [
        cost
        for part in sweep.stretches
        for cost in (part.fleet_usd_per_hour_at_low, part.fleet_usd_per_hour_at_high)
        if cost
    ]
    what = AXIS[sweep.over].format(gpu=clean(sweep.gpu))
    if not costs:
        return f"{what}: no fleet from {quantity(sweep.low)} to {quantity(sweep.high)}."
    hours = answer.basis.calculation.hours_per_month
    changes = len(sweep.stretches) - 1
    error = ""
    if sweep.error is not None and sweep.error_down is not None:
        width = error_range(sweep.error, sweep.error_down)
        error = f" Errors of its least certain sizes: {width} (a plan's figure weights all sizes by load)."
    return (
        f"{what}, from {quantity(sweep.low)} to {quantity(sweep.high)}: ${usd_per_month(min(costs) * hours)} to "
        f"${usd_per_month(max(costs) * hours)} a month; the fleet changes {number(changes)} "
        f"time{'' if changes == 1 else 's'}.{error}"
    )


def _rows_title(stretches: Sequence[Stretch], all_rows: bool) -> str:
    if all_rows or len(stretches) <= ROWS_SHOWN:
        return "Where the fleet changes"
    return f"Where the fleet changes: {ROWS_SHOWN} of {len(stretches)} stretches, those about the plan (--all-rows)"


def _stretches(answer: Sensitivity, *, all_rows: bool) -> Sheet:
    sweep, hours = answer.sweep, answer.basis.calculation.hours_per_month
    shown = list(sweep.stretches)
    asked = sweep.asked or 0.0
    if not all_rows and len(shown) > ROWS_SHOWN:
        here = next((at for at, part in enumerate(shown) if part.high >= asked), len(shown) - 1)
        first = min(max(0, here - ROWS_SHOWN // 2), len(shown) - ROWS_SHOWN)
        shown = shown[first : first + ROWS_SHOWN]
    rows = []
    for part in shown:
        single = _best_single(answer, (part.low + part.high) / 2)
        cost = part.fleet_usd_per_hour((part.low + part.high) / 2)
        here = part.low <= asked <= part.high
        month = usd_per_month(
            None if part.fleet_usd_per_hour_at_low is None else part.fleet_usd_per_hour_at_low * hours
        )
        if (
            part.fleet_usd_per_hour_at_low != part.fleet_usd_per_hour_at_high
            and part.fleet_usd_per_hour_at_high is not None
        ):
            month = f"{month} to {usd_per_month(part.fleet_usd_per_hour_at_high * hours)}"
        rows.append(
            (
                quantity(part.low),
                quantity(part.high),
                f"{fleet(part.instances) or clean(part.reason or part.status.value)}{' <- the plan' if here else ''}"
                f"{_unproven(part.status)}",
                month,
                UNKNOWN if single is None else f"{single[0]} {difference(single[1], cost)}",
            )
        )
    return Sheet(
        (
            Column("From", right=True),
            Column("to", right=True),
            Column("Fleet", least=20, hang=2),
            Column("$/month", right=True),
            Column("Best single", drop=1),
        ),
        tuple(rows),
    )


def _best_single(answer: Sensitivity, at: float) -> tuple[str, float] | None:
    costs = [(cost, name) for name, cost in _singles_at(answer, at).items() if cost is not None]
    if not costs:
        return None
    cost, name = min(costs)
    return name, cost


def _singles_at(answer: Sensitivity, at: float) -> dict[str, float | None]:
    return {name: cost_at(stretches, at) for name, stretches in sorted(answer.sweep.singles.items())}


def cost_at(stretches: Sequence[Stretch], at: float) -> float | None:
    """The cost at a value of the quantity, USD/h; None without a fleet."""
    for part in stretches:
        if part.low <= at <= part.high:
            return part.fleet_usd_per_hour(at)
    return None


def _points(answer: Sensitivity, count: int) -> list[float]:
    low, high = answer.sweep.low or 0.0, answer.sweep.high or 0.0
    return [low + (high - low) * at / (count - 1) for at in range(count)]


def range_at(answer: Sensitivity, at: float) -> str | None:
    """What the fleet costs a month at either end of the profiles' errors; None where that is not known."""
    sweep, hours = answer.sweep, answer.basis.calculation.hours_per_month
    least, most = cost_at(sweep.better, at), cost_at(sweep.worse, at)
    if least is None or not sweep.worse:
        return None
    low = f"${usd_per_month(least * hours)}"
    return f"from{GLUE}{low}, or no fleet" if most is None else f"{low} to ${usd_per_month(most * hours)}"


def _plot(answer: Sensitivity, width: int) -> Iterator[str]:
    """Lines of bars: the cost, the cost at the ends of the profiles' errors, and each GPU alone against the mix."""
    sweep, hours = answer.sweep, answer.basis.calculation.hours_per_month
    points = _points(answer, PLOT_POINTS)
    costs = [cost_at(sweep.stretches, at) for at in points]
    known = [cost for cost in costs if cost is not None]
    yield f"{AXIS[sweep.over].format(gpu=clean(sweep.gpu))}, {quantity(sweep.low)} to {quantity(sweep.high)}"
    if not known:
        return
    lines = {"Cost": costs}
    for name, stretches in (("if GPUs slower", sweep.worse), ("if GPUs faster", sweep.better)):
        if any(part.status.has_fleet for part in stretches):
            lines[name] = [cost_at(stretches, at) for at in points]
    most = max(cost for line in lines.values() for cost in line if cost is not None)
    drawn = [(name, line, 0.0, most, _months(line, hours)) for name, line in lines.items()]
    ratios = {
        f"{name} only": [
            None if cost is None or single is None else math.log2(single / cost)
            for cost, single in zip(costs, (cost_at(parts, at) for at in points), strict=True)
        ]
        for name, parts in sorted(sweep.singles.items())
    }
    top = max((ratio for line in ratios.values() for ratio in line if ratio is not None), default=0.0)
    drawn += [
        (name, line, 0.0, top, _over_mix(line))
        for name, line in ratios.items()
        if any(ratio is not None for ratio in line)
    ]
    label = max(len(name) for name, *_ in drawn)
    count = max(10, min(PLOT_POINTS, width - label - 6 - max(len(words) for *_, words in drawn)))
    for at_line, (name, line, low, high, words) in enumerate(drawn):
        if at_line == len(lines):
            yield "Each GPU alone, above the cost of the mix (logarithmic)"
        thinned = [line[round(at * (PLOT_POINTS - 1) / (count - 1))] for at in range(count)]
        yield f"{name:<{label}}  {_bars(thinned, low, high)}  {words}".replace(GLUE, " ")


def _months(costs: Sequence[float | None], hours: float) -> str:
    known = [cost * hours for cost in costs if cost is not None]
    return f"${usd_per_month(min(known))} to ${usd_per_month(max(known))}"


def _over_mix(ratios: Sequence[float | None]) -> str:
    known = [2**ratio for ratio in ratios if ratio is not None]
    return f"{difference(min(known), 1.0, 0)} to {difference(max(known), 1.0, 0)}"


def _bars(values: Sequence[float | None], low: float, high: float) -> str:
    span = high - low
    bars = []
    for value in values:
        if value is None:
            bars.append("·")
            continue
        part = (value - low) / span if span > 0 else 0.0
        bars.append(BARS[min(len(BARS) - 1, max(0, int(part * len(BARS))))])
    return "".join(bars)


def _unproven(status: Status) -> str:
    return " (not proven cheapest)" if status is Status.FEASIBLE else ""


def _choices(answer: Sensitivity) -> Sheet:
    hours = answer.basis.calculation.hours_per_month
    asked = next((choice for choice in answer.sweep.choices if choice.name == answer.basis.fleet.router), None)
    reference = None if asked is None else asked.fleet_usd_per_hour
    rows = tuple(
        (
            f"{clean(choice.name)}{' <- the plan' if choice is asked else ''}",
            f"{fleet(choice.instances) or clean(choice.reason or choice.status.value)}{_unproven(choice.status)}",
            usd_per_month(None if choice.fleet_usd_per_hour is None else choice.fleet_usd_per_hour * hours),
            difference(choice.fleet_usd_per_hour, reference),
        )
        for choice in answer.sweep.choices
    )
    return Sheet(
        (
            Column("Router"),
            Column("Fleet", least=16, hang=2),
            Column("$/month", right=True),
            Column("vs plan", right=True),
        ),
        rows,
    )


def has_fleet(answer: Sensitivity) -> bool:
    """Whether any value of the quantity has a fleet."""
    statuses = [*(part.status for part in answer.sweep.stretches), *(c.status for c in answer.sweep.choices)]
    return any(status in (Status.OPTIMAL, Status.FEASIBLE) for status in statuses)
