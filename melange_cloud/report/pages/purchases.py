"""One question bought in each way, side by side: a table of one region, and of several at the same term."""

from collections.abc import Iterable, Iterator, Mapping

from melange_cloud.domain import OLD_PRICE_DAYS, Confidence, Plan, PurchasePlan, RegionPlan, Status
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Column, Sheet, TitledSheet, without
from melange_cloud.report.pages.comparison_cells import (
    NOT_CHECKED,
    TOTAL,
    WITH_SPARE,
    in_brackets,
    legend_of_marks,
    mark,
    total_legend,
    with_spare,
)
from melange_cloud.report.pages.confidence import cell, legend
from melange_cloud.report.pages.purchase_notes import WAYS, notes_of_purchases
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    clean,
    glued,
    number,
    once,
    percent,
    usd_per_month,
)

_TITLE = "The same question, bought in other ways"
_FLEET_AT = 4
"""Place of the fleet among ``_cells``."""
_NO_DATA = f"no{GLUE}data"
_DOUBTED = (Confidence.WITHIN_PROFILE_ERROR, Confidence.TURNS_WITH_SPARE, Confidence.NOT_PROVEN)
_REGIONS_OF_A_TERM = 4
"""Rows of each term, without --all-rows."""


def purchases_of_one(plan: Plan, region: RegionPlan) -> Iterator[Block]:
    """The table of one region, and what must be said with it; nothing if it was not requested."""
    if region.purchases is None:
        return
    compared = any(one.against_on_demand.sure is not None for one in region.purchases)
    columns = (
        Column("Bought", least=14, hang=2),
        Column("Fleet", least=14, hang=2, legend=_legend_of_fleets(region.purchases)),
        Column("$/month", right=True),
        Column("--spare 1", right=True, legend=WITH_SPARE),
        Column(TOTAL, right=True, legend=total_legend(one.cost.obligation_usd for one in region.purchases)),
        Column("Saves", right=True, drop=1, legend="Saves: $/month against on demand." if compared else ""),
        Column("Sure", least=9, drop=3, legend=legend(bought.against_on_demand.sure for bought in region.purchases)),
        Column("Pays from", right=True, drop=2, legend=_pays([region], hours=True)),
        Column("Age", right=True, legend=_old(plan, region.purchases)),
    )
    rows = tuple(_row(plan, bought) for bought in region.purchases)
    notes = tuple(once([*notes_of_purchases(plan, [region], hours=True), *_without_fleet(region.purchases)]))
    yield TitledSheet(_TITLE, without(Sheet(columns, rows, notes=notes), _needless(plan)))


def _needless(plan: Plan) -> frozenset[str]:
    """The headers of columns that repeat another: where a spare was requested, $/month is its cost."""
    return frozenset({"--spare 1"} if plan.basis.fleet.spare else ())


def purchases_of_regions(plan: Plan, *, all_rows: bool) -> Iterator[Block]:
    """The table of several regions, term by term and the cheapest first, and what must be said with it."""
    regions = [
        region
        for region in plan.regions
        if region.purchases is not None and any(bought.outcome.status.has_fleet for bought in region.purchases)
    ]
    if not regions:
        return
    terms = [_Term(plan, regions, purchase, all_rows=all_rows) for purchase in WAYS]
    shown = [bought for term in terms for bought in term.shown]
    columns = (
        Column("Bought", least=9),
        Column("Region", least=19),
        Column("$/month", right=True, legend=_old(plan, shown)),
        Column("--spare 1", right=True, legend=WITH_SPARE),
        Column(TOTAL, right=True, legend=total_legend(one.cost.obligation_usd for one in shown)),
        Column("Pays", right=True, drop=2, legend=(_pays(regions, hours=False), _doubted(shown))),
        Column("Fleet", least=16, legend=_legend_of_fleets(shown)),
        Column("Age", right=True, drop=1),
    )
    notes = tuple(once(notes_of_purchases(plan, regions, hours=False)))
    sheet = Sheet(columns, tuple(row for term in terms for row in term.rows), notes=notes)
    yield TitledSheet(_TITLE, without(sheet, _needless(plan)))


class _Term:
    """Every region bought one way: the cheapest first, those of equal figures in one row, those without data last.

    Without ``all_rows`` the cheapest of each provider, what was named, and the cheapest of the others.

    Attributes:
        rows: of cells.
        shown: what is in them.
    """

    def __init__(self, plan: Plan, regions: list[RegionPlan], purchase: str, *, all_rows: bool) -> None:
        """Rows of the regions that were asked for this purchase."""
        self.rows: list[tuple[str, ...]] = []
        self.shown: list[PurchasePlan] = []
        found = [(one, way) for one in regions for way in one.purchases or () if way.purchase == purchase]
        found.sort(key=lambda pair: (pair[1].cost.usd_per_month is None, round(pair[1].cost.usd_per_month or 0.0, 4)))
        alike: dict[tuple[str, ...], list[tuple[RegionPlan, PurchasePlan]]] = {}
        for region, bought in found:
            cells = (clean(region.region_name.provider), *_cells(plan, bought))
            alike.setdefault(cells, []).append((region, bought))
        kept = list(alike) if all_rows else _never_folded(plan, {key: [r for r, _ in of] for key, of in alike.items()})
        above = ("", "")
        for at, key in enumerate(kept):
            provider, row, members = key[0], list(key[1:]), alike[key]
            self.shown += [bought for _, bought in members]
            fleet = (provider, row[_FLEET_AT])
            if fleet == above:
                row[_FLEET_AT] = "same"
            above = fleet
            names = f"{provider} {', '.join(glued(region.region) for region, _ in members)}"
            if row[0] == _NO_DATA and len(members) > _REGIONS_OF_A_TERM:
                names = f"{len(members)}{GLUE}{provider}{GLUE}regions"
            self.rows.append(("" if at else WAYS[purchase], names, *row))
        hidden = len(found) - sum(len(alike[key]) for key in kept)
        if hidden:
            self.rows.append(("", f"...{GLUE}{hidden}{GLUE}more: --all-rows", *("",) * 6))


def _never_folded(plan: Plan, alike: Mapping[tuple[str, ...], list[RegionPlan]]) -> list[tuple[str, ...]]:
    """The rows of one term that are shown anyway, and the cheapest others up to their number."""
    providers: set[str] = set()
    kept = []
    for key, regions in alike.items():
        named = any(region.region_name in (*plan.named, plan.against) for region in regions)
        if named or key[0] not in providers:
            kept.append(key)
        providers.add(key[0])
    others = [key for key in alike if key not in kept]
    kept += others[: max(0, _REGIONS_OF_A_TERM - len(kept))]
    return [key for key in alike if key in kept]


def _row(plan: Plan, bought: PurchasePlan) -> tuple[str, ...]:
    name = ", ".join(map(clean, bought.contracts)) or WAYS.get(bought.purchase, clean(bought.purchase))
    if not bought.outcome.status.has_fleet:
        return (name, _nothing(bought), *(UNKNOWN,) * 7)
    saving, sure = bought.against_on_demand.saving_usd_per_month, bought.against_on_demand.sure
    saves = UNKNOWN if saving is None else usd_per_month(saving)
    return (
        name,
        _fleet(bought),
        usd_per_month(bought.cost.usd_per_month),
        with_spare(bought.with_spare),
        usd_per_month(bought.cost.obligation_usd),
        "0" if sure is Confidence.EQUAL else saves,
        cell(sure),
        _pays_from(bought, hours=True),
        _age(plan, bought),
    )


def _cells(plan: Plan, bought: PurchasePlan) -> tuple[str, ...]:
    """Cost, cost with a spare, what is signed in all, when it pays, the fleet, and the age of its prices."""
    if not bought.outcome.status.has_fleet:
        return (_nothing(bought), *(UNKNOWN,) * 3, "", UNKNOWN)
    old = f"{GLUE}!" if _is_old(plan, bought) else ""
    doubted = bought.against_on_demand.sure in _DOUBTED
    pays = _pays_from(bought, hours=False)
    return (
        f"{usd_per_month(bought.cost.usd_per_month)}{old}",
        with_spare(bought.with_spare),
        usd_per_month(bought.cost.obligation_usd),
        f"{pays}{GLUE}?" if doubted and pays != UNKNOWN else pays,
        _fleet(bought),
        _age(plan, bought),
    )


def _nothing(bought: PurchasePlan) -> str:
    """Why there is no fleet, in a word or two."""
    if bought.outcome.status is Status.INFEASIBLE:
        return "none"
    return f"not{GLUE}found" if bought.outcome.solver else _NO_DATA


def _fleet(bought: PurchasePlan) -> str:
    """The fleet with the quota that it needs; a line may break after a plus and before the quota only."""
    types = f"{GLUE}+ ".join(
        f"{number(count)}{GLUE}{glued(name)}{mark(bought.availability.get(name))}"
        for name, count in sorted(bought.instances.items())
    )
    proof = "" if bought.outcome.status is Status.OPTIMAL else f" (not{GLUE}proven)"
    return f"{types}{in_brackets(bought.quota_needs)}{proof}"


def _legend_of_fleets(purchases: Iterable[PurchasePlan]) -> tuple[str, ...]:
    several = list(purchases)
    needs = NOT_CHECKED if any(bought.quota_needs for bought in several) else ""
    return needs, legend_of_marks(bought.availability for bought in several)


def _old(plan: Plan, purchases: Iterable[PurchasePlan]) -> str:
    return sentences.OLD_PRICE if any(_is_old(plan, bought) for bought in purchases) else ""


def _doubted(purchases: Iterable[PurchasePlan]) -> str:
    if not any(bought.against_on_demand.sure in _DOUBTED for bought in purchases):
        return ""
    return "? the profiles' errors, a spare or a longer search may make on demand the cheaper one"


def _without_fleet(purchases: Iterable[PurchasePlan]) -> Iterator[str]:
    """Why there is no fleet, for each purchase without one."""
    for bought in purchases:
        if not bought.outcome.status.has_fleet:
            why = sentences.nothing_bought(bought.outcome.status, bought.outcome.reason)
            yield f"{WAYS.get(bought.purchase, clean(bought.purchase))}: {why}."


def _pays(regions: list[RegionPlan], *, hours: bool) -> str:
    """What "pays from" means; empty if no commitment has a break-even."""
    if not any(bought.break_even.fraction is not None for region in regions for bought in region.purchases or ()):
        return ""
    head, unit = ("Pays from", "hours a month") if hours else ("Pays", "part of the month")
    return f"{head}: the {unit} that a commitment must run to beat the cheapest fleet on demand."


def _pays_from(bought: PurchasePlan, *, hours: bool) -> str:
    part, at_hours = bought.break_even.of_cheapest_fraction, bought.break_even.of_cheapest_hours_per_month
    if part is None or at_hours is None:
        return UNKNOWN
    if part > 1:
        return "never"
    return f"{number(at_hours)}{GLUE}h" if hours else percent(part)


def _is_old(plan: Plan, bought: PurchasePlan) -> bool:
    day = bought.price_as_of_to
    return day is not None and plan.age_days(day) > OLD_PRICE_DAYS


def _age(plan: Plan, bought: PurchasePlan) -> str:
    day = bought.price_as_of_to
    if day is None:
        return UNKNOWN
    return f"{plan.age_days(day)}d{f'{GLUE}!' if _is_old(plan, bought) else ''}"
