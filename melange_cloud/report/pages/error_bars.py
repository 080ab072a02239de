"""What the profiles' errors do to the answer, in sentences: cost range, the mix at its ends, what to measure first."""

from melange_cloud.domain import FleetAtThroughput, Kind, Plan, RegionPlan
from melange_cloud.report.text import (
    GLUE,
    clean,
    dollars,
    error_range,
    fleet,
    glued,
    joined,
    once,
    own_errors,
    plus_minus,
    times,
    usd_per_month,
)


def error_lines(plan: Plan, region: RegionPlan) -> list[str]:
    """At most three sentences."""
    bars = region.context.error_bars
    ends: tuple[tuple[str, FleetAtThroughput], ...] = ()
    if plan.basis.served.pessimistic and bars is not None:
        stated, better = _dollars(bars.stated.usd_per_month), _dollars(bars.better.usd_per_month)
        cost = f"This is the low end of every profile: as stated {stated}, at the high end {better}."
        ends = (("As stated", bars.stated), ("at the high end", bars.better))
    else:
        cost = _cost_range(region)
        if bars is not None:
            ends = (("If better", bars.better), ("if worse", bars.worse))
    if region.context.current is not None:
        cost = f"Of the cheapest fleet: {cost[0].lower()}{cost[1:]}"
    found = [(when, end) for when, end in ends if end.usd_per_month is not None]
    if all(end.instances == region.instance_counts for _, end in found):
        found = []
    fleets = [f"{when} {_fleet(end)}" for when, end in found]
    mixes = "; ".join(fleets)
    if bars is not None and not all(end.proven for end in (bars.better, bars.stated, bars.worse)):
        cut = [name for name, end in zip(_ENDS, (bars.better, bars.stated, bars.worse), strict=True) if not end.proven]
        cost += f" Not proven, so an upper bound: {joined(cut)}."
    return [cost, *([f"{mixes[0].upper()}{mixes[1:]}."] if fleets else []), *_measure_first(region)]


_ENDS = ("the better end", "as stated", "the worse end")


def _dollars(amount: float | None) -> str:
    return "no fleet was found" if amount is None else dollars(usd_per_month(amount))


def _fleet(end: FleetAtThroughput) -> str:
    return f"{fleet(end.instances)}, {'the same mix' if end.same_mix else 'another mix'}"


def _cost_range(region: RegionPlan) -> str:
    """What the cost would be if the profiles err; a missing end is said, never filled."""
    better, worse = region.cost.usd_per_month_range
    errors = once(error_range(use.error, use.error_down) for use in region.fleet.kinds)
    alike = all(width.startswith("±") for width in errors)
    by = errors[0].lstrip("±") + " " if alike and len(errors) == 1 else ""
    tail = "" if by else " by their ±" if alike else f" by their errors ({joined(errors)})"
    if better is None and worse is None:
        return "What the profiles' errors do to the cost: no data."
    if better is None or worse is None:
        one, other = (f"{by}better", f"{by}worse") if worse is None else (f"{by}worse", f"{by}better")
        amount = dollars(usd_per_month(better if worse is None else worse))
        bars = region.context.error_bars
        proven = bars is not None and (bars.better if better is None else bars.worse).proven
        none = "no fleet can serve this" if proven else "no fleet was found"
        return f"If profiles are {one}{tail}: {amount}; if {other}: {none}."
    low, high = usd_per_month(better), usd_per_month(worse)
    if low == high:
        return f"If profiles are {by}better or worse{tail}, the cost stays at {dollars(low)}."
    return f"If profiles are {by}better or worse{tail}: {dollars(low)} to {dollars(high)}."


def _measure_first(region: RegionPlan) -> list[str]:
    """The profile whose error matters most, with what it does to the cost; nothing if none does anything."""
    if region.context.error_bars is None or not region.context.error_bars.profiles:
        return []
    first = region.context.error_bars.profiles[0]
    if first.swing_usd_per_month == 0:
        return []
    unproven = "" if first.proven else " (not proven)"
    kind, errors = glued(Kind(clean(first.gpu), first.tensor_parallel)), own_errors(first.error, first.error_down)
    alone = "alone decides" if errors.startswith("±") else "alone decide"
    moves = "alone moves" if errors.startswith("±") else "alone move"
    ends = (first.usd_per_month_if_better, first.usd_per_month_if_worse)
    low, high = ("no fleet" if end is None and first.proven else _dollars(end) for end in ends)
    swing = _dollars(first.swing_usd_per_month)
    if first.swing_usd_per_month is None:
        effect = f"whose {errors} {alone} whether there is a fleet ({low} if better, {high} if worse)"
    elif first.in_fleet:
        effect = f"whose {errors} {moves} the cost by {swing} ({low} to {high})"
    elif first.error == 0:
        effect = f"which serves none of this as stated; if it served a few, it would enter and save {swing}"
    else:
        much = f"{plus_minus(first.error).lstrip('±')} better"
        better = much if first.error < 1 else f"{times(1 + first.error)}{GLUE}times as fast"
        effect = f"which would enter if it were {better} and save {swing}"
    return [f"Measure first {kind}, {effect}{unproven}: `{clean(first.measure)}`"]
