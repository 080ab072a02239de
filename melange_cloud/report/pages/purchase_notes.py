"""What must be said below a table of purchases: what is signed, what has no saving and why, what has no price."""

from collections.abc import Iterator

from melange_cloud.domain import Plan, PurchasePlan, RegionPlan
from melange_cloud.domain.purchases import RATES_APART_DAYS, TERM_YEARS, NoSaving
from melange_cloud.report.text import GLUE, clean, joined, number, once, quantity

WAYS = {
    "on_demand": f"On{GLUE}demand",
    **{purchase: f"{years}{GLUE}year{'' if years == 1 else 's'}" for purchase, years in TERM_YEARS.items()},
    "spot": "Spot",
}
"""The purchases as a table calls them, in its order."""
_NAMED_TYPES = 3


def notes_of_purchases(plan: Plan, regions: list[RegionPlan], *, hours: bool) -> Iterator[str]:
    """What is signed, what has no saving and why, what is interruptible, and where a price is not known."""
    every = [(region, bought) for region in regions for bought in region.purchases or ()]
    signed: dict[str, dict[str, list[str]]] = {}
    for region, bought in every:
        for contract in bought.contracts:
            providers = signed.setdefault(bought.purchase, {}).setdefault(clean(contract), [])
            providers.append(clean(region.region_name.provider))
    if signed:
        billed = max(bought.cost.billed_hours_per_month for _, bought in every if bought.purchase in TERM_YEARS)
        obligation = f"a 24x7 obligation, billed {quantity(billed)}{GLUE}h/month, used or not"
        names = "; ".join(
            f"{WAYS[purchase]} is "
            + joined(f"{contract} on {joined(once(providers))}" for contract, providers in sorted(contracts.items()))
            for purchase, contracts in sorted(signed.items())
        )
        yield f"A commitment is {obligation}." if hours else f"{names}: {obligation}."
    yield from _no_saving(every, several=len(regions) > 1)
    if any(bought.purchase == "spot" and bought.outcome.status.has_fleet for _, bought in every):
        yield (
            "Spot is interruptible: one instance is kept in reserve (--spare 1). Its price was seen once, so no saving "
            "is shown."
        )
    if plan.basis.calculation.hours_per_month < _billed_hours(every):
        yield f"On demand and spot are billed {quantity(plan.basis.calculation.hours_per_month)}{GLUE}h/month."
    yield from _no_price(every, several=len(regions) > 1)


def _no_saving(every: list[tuple[RegionPlan, PurchasePlan]], *, several: bool) -> Iterator[str]:
    """Which commitments show no saving and no break-even, since their rates and those on demand are of other times."""
    apart: dict[str, dict[str, list[int]]] = {}
    for region, bought in every:
        against = bought.against_on_demand
        if against.no_saving is NoSaving.RATES_APART and against.rates_apart_days is not None:
            of_term = apart.setdefault(bought.purchase, {})
            of_term.setdefault(clean(region.region_name.provider), []).append(against.rates_apart_days)
    for purchase, providers in apart.items():
        for provider, days in providers.items():
            far = number(max(days)) if min(days) == max(days) else f"{number(min(days))} to {number(max(days))}"
            who = f"{WAYS[purchase]} on {provider}" if several else WAYS[purchase]
            yield (
                f"{who} shows no saving and no break-even: its rates and those on demand are {far}{GLUE}days apart "
                f"({RATES_APART_DAYS} or more); prices refresh asks for those of today."
            )


def _no_price(every: list[tuple[RegionPlan, PurchasePlan]], *, several: bool) -> Iterator[str]:
    """Which instance types a fleet was found without, for lack of a price."""
    missing: dict[tuple[str, str], set[str]] = {}
    for region, bought in every:
        if bought.outcome.status.has_fleet and bought.without_price:
            missing.setdefault((clean(region.region_name.provider), bought.purchase), set()).update(
                bought.without_price
            )
    alike: dict[tuple[str, frozenset[str]], list[str]] = {}
    for (provider, purchase), types in missing.items():
        alike.setdefault((provider, frozenset(types)), []).append(WAYS[purchase].lower())
    parts = []
    for (provider, same), purchases in sorted(alike.items(), key=lambda item: (item[0][0], item[1])):
        named = ", ".join(sorted(map(clean, same)))
        what = named if len(same) <= _NAMED_TYPES else f"{len(same)} instance types"
        parts.append(f"{what} ({joined(purchases)}{f' on {provider}' if several else ''})")
    if parts:
        where = "in some regions" if several else "known here"
        yield f"No price {where}: {'; '.join(parts)}. The fleet is the cheapest of the others."


def _billed_hours(every: list[tuple[RegionPlan, PurchasePlan]]) -> float:
    """The longest month that any of these is billed for."""
    return max(
        (bought.cost.billed_hours_per_month for _, bought in every if bought.outcome.status.has_fleet), default=0.0
    )
