"""One question bought in each way, side by side: a table of one region, a table of several."""

from collections.abc import Iterable, Iterator

from melange_cloud.domain import Confidence, Plan, PurchasePlan, RegionPlan, Status
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Column, Sheet, TitledSheet
from melange_cloud.report.pages.confidence import cell, legend
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    clean,
    fleet,
    glued,
    joined,
    number,
    once,
    percent,
    quantity,
    usd_per_month,
)

_TITLE = "The same question, bought in other ways"
_YEARS = {"commit_1y": f"1{GLUE}year", "commit_3y": f"3{GLUE}years"}
_SHORT = {"on_demand": "On demand", **_YEARS, "spot": "Spot"}
_FIRST_ROWS = 12
_NAMED_TYPES = 3


def purchases_of_one(plan: Plan, region: RegionPlan) -> Iterator[Block]:
    """The table of one region, and what must be said with it; nothing if it was not requested."""
    if region.purchases is None:
        return
    saves = (
        "Saves: $/month against on demand."
        if any(one.against_on_demand.sure is not None for one in region.purchases)
        else ""
    )
    sure = legend(bought.against_on_demand.sure for bought in region.purchases)
    pays = _pays([region], hours=True)
    old = sentences.OLD_PRICE if any(_is_old(plan, bought) for bought in region.purchases) else ""
    columns = (
        Column("Bought", least=14, hang=2),
        Column("Fleet", least=14, hang=2),
        Column("$/month", right=True),
        Column("Saves", right=True, drop=1, legend=saves),
        Column("Sure", least=9, drop=2, legend=sure),
        Column("Pays from", right=True, legend=pays),
        Column("Age", right=True, drop=3, legend=old),
    )
    rows = tuple(_row(plan, bought) for bought in region.purchases)
    notes = tuple(once(_notes(plan, [region], hours=True)))
    yield TitledSheet(_TITLE, Sheet(columns, rows, notes=notes))


def purchases_of_regions(plan: Plan, *, all_rows: bool) -> Iterator[Block]:
    """The table of several regions, the cheapest as requested first, and what must be said with it."""
    regions = [
        region
        for region in plan.regions
        if region.purchases is not None and any(bought.outcome.status.has_fleet for bought in region.purchases)
    ]
    if not regions:
        return
    rows: dict[tuple[str, ...], list[RegionPlan]] = {}
    for region in regions:
        cells = _cells(plan, region)
        rows.setdefault((clean(region.region_name.provider), *cells), []).append(region)
    lines = [
        (f"{provider} {', '.join(glued(region.region) for region in alike)}", *cells)
        for (provider, *cells), alike in rows.items()
    ]
    if not all_rows and len(lines) > _FIRST_ROWS + 2:
        hidden = sum(len(alike) for alike in list(rows.values())[_FIRST_ROWS:-1])
        lines = [*lines[:_FIRST_ROWS], (f"...{GLUE}{hidden}{GLUE}more:{GLUE}--all-rows", *("",) * 6), lines[-1]]
    marks = [_marks(column) for column in zip(*(_cells(plan, region) for region in regions), strict=True)]
    pays = _pays(regions, hours=False)
    columns = (
        Column("$/month", least=23),
        Column("On demand", right=True, legend=marks[0]),
        Column("1 year", right=True, legend=marks[1]),
        Column("Pays", right=True, drop=3, legend=pays),
        Column("3 years", right=True, legend=marks[3]),
        Column("Pays", right=True, drop=2, legend=pays),
        Column("Spot", right=True, drop=1, legend=marks[5]),
    )
    notes = tuple(once(_notes(plan, regions, hours=False)))
    yield TitledSheet(_TITLE, Sheet(columns, tuple(lines), notes=notes))


def _row(plan: Plan, bought: PurchasePlan) -> tuple[str, ...]:
    name = ", ".join(map(clean, bought.contracts)) or sentences.PURCHASE.get(bought.purchase, clean(bought.purchase))
    if not bought.outcome.status.has_fleet:
        return (name, sentences.nothing_bought(bought.outcome.status, bought.outcome.reason), *(UNKNOWN,) * 5)
    proof = "" if bought.outcome.status is Status.OPTIMAL else f" (not{GLUE}proven)"
    saving, sure = bought.against_on_demand.saving_usd_per_month, bought.against_on_demand.sure
    saves = UNKNOWN if saving is None else usd_per_month(saving)
    return (
        name,
        f"{fleet(bought.instances)}{proof}",
        usd_per_month(bought.cost.usd_per_month),
        "0" if sure is Confidence.EQUAL else saves,
        cell(sure),
        _pays_from(bought, hours=True),
        _age(plan, bought),
    )


def _cells(plan: Plan, region: RegionPlan) -> tuple[str, ...]:
    by_name = {bought.purchase: bought for bought in region.purchases or ()}
    own = by_name["on_demand"].instances
    cells = []
    for purchase in _SHORT:
        bought = by_name[purchase]
        cells.append(_money(plan, bought, own))
        if purchase in _YEARS:
            cells.append(_pays_from(bought, hours=False))
    return tuple(cells)


def _money(plan: Plan, bought: PurchasePlan, on_demand: object) -> str:
    """The cost with its marks; the words for nothing are those of ``words.nothing_bought``, shortened."""
    if not bought.outcome.status.has_fleet:
        if bought.outcome.status is Status.INFEASIBLE:
            return "none"
        return f"not{GLUE}found" if bought.outcome.solver else f"no{GLUE}data"
    marks = "~" if on_demand and bought.instances != on_demand else ""
    marks += (
        "?" if bought.against_on_demand.sure in (Confidence.WITHIN_PROFILE_ERROR, Confidence.TURNS_WITH_SPARE) else ""
    )
    marks += "^" if bought.outcome.status is Status.FEASIBLE else ""
    marks += "!" if _is_old(plan, bought) else ""
    return f"{usd_per_month(bought.cost.usd_per_month)}{f'{GLUE}{marks}' if marks else ''}"


def _marks(cells: Iterable[str]) -> tuple[str, ...]:
    """What the marks in the cells of a column mean."""
    meanings = {
        "~": "another fleet than on demand (--format json names it)",
        "?": "within the profiles' errors, or with a spare, the order reverses, or may",
        "^": "not proven cheapest",
        "!": sentences.OLD_PRICE.removeprefix("! "),
    }
    marks = "".join(cells)
    return tuple(f"{mark} {meaning}" for mark, meaning in meanings.items() if mark in marks)


def _pays(regions: list[RegionPlan], *, hours: bool) -> str:
    """What "pays from" means; empty if no commitment has a contract."""
    if not any(bought.contracts for region in regions for bought in region.purchases or ()):
        return ""
    head, unit = ("Pays from", "hours a month") if hours else ("Pays", "part of the month")
    return f"{head}: the {unit} that a commitment must run to beat the cheapest fleet on demand."


def _notes(plan: Plan, regions: list[RegionPlan], *, hours: bool) -> Iterator[str]:
    """What is signed, what is interruptible, and where a price is not known."""
    every = [(region, bought) for region in regions for bought in region.purchases or ()]
    signed: dict[str, dict[str, list[str]]] = {}
    for region, bought in every:
        for contract in bought.contracts:
            providers = signed.setdefault(bought.purchase, {}).setdefault(clean(contract), [])
            providers.append(clean(region.region_name.provider))
    if signed:
        billed = max(bought.cost.billed_hours_per_month for _, bought in every if bought.purchase in _YEARS)
        obligation = f"a 24x7 obligation, billed {quantity(billed)}{GLUE}h/month, used or not"
        names = "; ".join(
            f"{_SHORT[purchase]} is "
            + joined(f"{contract} on {joined(once(providers))}" for contract, providers in sorted(contracts.items()))
            for purchase, contracts in sorted(signed.items())
        )
        yield f"A commitment is {obligation}." if hours else f"{names}: {obligation}."
    if any(bought.purchase == "spot" and bought.outcome.status.has_fleet for _, bought in every):
        yield "Spot is interruptible, its price that of one moment: one instance is kept in reserve (--spare 1)."
    if plan.basis.calculation.hours_per_month < _billed_hours(every):
        yield f"On demand and spot are billed {quantity(plan.basis.calculation.hours_per_month)}{GLUE}h/month."
    yield from _no_price(every, several=len(regions) > 1)


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
        alike.setdefault((provider, frozenset(types)), []).append(_SHORT[purchase].lower())
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


def _pays_from(bought: PurchasePlan, *, hours: bool) -> str:
    part, at_hours = bought.break_even.of_cheapest_fraction, bought.break_even.of_cheapest_hours_per_month
    if part is None or at_hours is None:
        return UNKNOWN
    if part > 1:
        return "never"
    return f"{number(at_hours)}{GLUE}h" if hours else percent(part)


def _is_old(plan: Plan, bought: PurchasePlan) -> bool:
    day = bought.price_as_of_to
    return day is not None and plan.age_days(day) > sentences.OLD_PRICE_DAYS


def _age(plan: Plan, bought: PurchasePlan) -> str:
    day = bought.price_as_of_to
    if day is None:
        return UNKNOWN
    return f"{plan.age_days(day)}d{f'{GLUE}!' if _is_old(plan, bought) else ''}"
