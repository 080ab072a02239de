"""What the plan changes against the fleet that runs today."""

from collections.abc import Iterator

from melange_cloud.domain import CurrentFleet, Plan, RegionPlan
from melange_cloud.report.text import GLUE, clean, difference, dollars, fleet, quantity, usd_per_month


def current_lines(plan: Plan, region: RegionPlan) -> Iterator[str]:
    """Sentences: what runs and what it costs, whether it serves, what to change and what that saves."""
    current = region.context.current
    if current is None or region.fleet_usd_per_hour is None:
        return
    hours = plan.basis.calculation.hours_per_month
    cost = "at an unknown price" if current.fleet_usd_per_hour is None else _month(current.fleet_usd_per_hour, hours)
    able = {
        True: "it serves this",
        False: "it cannot serve this rate within the target",
        None: "it is unknown whether it serves this",
    }[current.serves]
    verb = "runs" if sum(current.instances.values()) == 1 else "run"
    yield f"Today {fleet(current.instances)} {verb}, {cost}: {able}."
    for name, reason in sorted(current.without_price.items()):
        yield f"{clean(name)} may not stay: {clean(reason)}."
    changes = _changes(current)
    if not changes:
        cheapest = _month(current.cheapest_fleet_usd_per_hour, hours)
        yield f"Keep it: it is within {_percent(current)} of the cheapest, {cheapest}."
        return
    saved = ""
    if current.fleet_usd_per_hour is not None:
        less = current.fleet_usd_per_hour - region.fleet_usd_per_hour
        word = "saves" if less >= 0 else "costs"
        more = "" if less >= 0 else " more"
        saved = f", which {word} {_month(abs(less), hours)}{more}"
    yield (
        f"{changes}{saved}: the fewest changes within {_percent(current)} of the cheapest, "
        f"{_month(current.cheapest_fleet_usd_per_hour, hours)} "
        f"(this fleet against it: {difference(region.fleet_usd_per_hour, current.cheapest_fleet_usd_per_hour)})."
    )


def _changes(current: CurrentFleet) -> str:
    rent = {name: count for name, count in current.changes.items() if count > 0}
    give_back = {name: -count for name, count in current.changes.items() if count < 0}
    parts = [f"rent {fleet(rent)}" if rent else "", f"give back {fleet(give_back)}" if give_back else ""]
    text = " and ".join(part for part in parts if part)
    return f"{text[:1].upper()}{text[1:]}"


def _month(usd_per_hour: float, hours: float) -> str:
    return f"{dollars(usd_per_month(usd_per_hour * hours))} a month"


def _percent(current: CurrentFleet) -> str:
    return f"{quantity(current.stay_within * 100)}{GLUE}%"
