"""The table of several regions: one row per region or group of equals, cheapest first, those without a plan last."""

from collections.abc import Iterator
from dataclasses import dataclass

from melange_cloud.domain import OLD_PRICE_DAYS, Confidence, Kind, Plan, RegionPlan, Status
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Column, Sheet, without
from melange_cloud.report.pages.comparison_cells import (
    NOT_CHECKED,
    TOTAL,
    WITH_SPARE,
    availability_of_types,
    in_brackets,
    legend_of_marks,
    mark,
    total_legend,
    with_spare,
)
from melange_cloud.report.pages.confidence import legend
from melange_cloud.report.pages.getting_it import of_quota
from melange_cloud.report.pages.region_groups import fleet_key, names_of, without_plan
from melange_cloud.report.pages.region_reference import compared, has_base, how_sure, name_of_base, not_certain, versus
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    clean,
    difference,
    glued,
    number,
    usd_per_million,
    usd_per_month,
)

FIRST_ROWS = 12
"""Rows of regions with a plan, without --all-rows; more where more are named."""
REGIONS_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class _RegionRow:
    """The cells of a row before and after its fleet, and the regions that it holds."""

    before: tuple[str, ...]
    fleet: str
    after: tuple[str, ...]
    regions: tuple[RegionPlan, ...]


def comparison_sheet(plan: Plan, grouped: list[list[RegionPlan]], *, wide: bool, all_rows: bool) -> Sheet:
    """The table; where narrow, regions of a group whose figures are the same share a row.

    Args:
        grouped: the regions with a fleet, see ``region_groups.groups``.
        wide: whether there is room for places, quotas, $/1M tokens, the best single GPU and dates.
        all_rows: every region that has a fleet, instead of the cheapest, those that were named, and the last.
    """
    rows = _priced_rows(plan, grouped, wide=wide)
    kept = rows if all_rows else _never_folded(plan, rows)
    columns = _columns(plan, [region for row in kept for region in row.regions], wide=wide)
    cells, hidden = [], sum(len(row.regions) for row in rows) - sum(len(row.regions) for row in kept)
    above: _RegionRow | None = None
    for at, row in enumerate(kept):
        if hidden and at and rows[at - 1] is kept[at - 1] and rows[at] is not row:
            cells.append(("", f"...{GLUE}{hidden}{GLUE}more: --all-rows", *("",) * (len(columns) - 2)))
        same = above is not None and _provider_and_fleet(above) == _provider_and_fleet(row)
        cells.append((*row.before, "same" if same else row.fleet, *row.after))
        above = row
    sheet = Sheet(columns, (*cells, *_rows_without_plan(plan, wide=wide)))
    return without(sheet, frozenset(_without_figures(plan, rows)))


def _without_figures(plan: Plan, rows: list[_RegionRow]) -> Iterator[str]:
    """The headers of columns that have nothing to say."""
    regions = [region for row in rows for region in row.regions]
    if plan.basis.fleet.spare:
        yield "--spare 1"
    if all(region.cost.obligation_usd is None for region in regions):
        yield TOTAL
    if not any(region.context.quota_needs for region in regions):
        yield "Quota"
    if plan.first_rank is None:
        yield from ("Move saves", "Sure")


def _columns(plan: Plan, shown: list[RegionPlan], *, wide: bool) -> tuple[Column, ...]:
    old = sentences.OLD_PRICE if any(_is_old(plan, region) for region in shown) else ""
    against = [found for region in shown if (found := compared(plan, region)) is not None]
    sure = legend(one.sure for one in against)
    base = f"base: {name_of_base(plan)} (--against)." if has_base(plan) else ""
    against_it = Column("vs base" if base else "vs #1", right=True, legend=base)
    moves = Column("$ vs base", right=True, drop=2) if base else Column("Move saves", right=True, drop=6)
    # Against your own region the dollars matter more than the word; without the column its doubts are a line below.
    certain = Column("Sure", least=9, drop=3 if base else 1, legend=sure, instead=not_certain(plan, shown))
    hard = legend_of_marks(map(availability_of_types, shown))
    total = total_legend(region.cost.obligation_usd for region in shown)
    needs = any(region.context.quota_needs for region in shown)
    if not wide:
        return (
            Column("#", right=True),
            Column("Region", least=19),
            Column("$/month", right=True),
            against_it,
            moves,
            Column("--spare 1", right=True, legend=WITH_SPARE),
            Column(TOTAL, right=True, legend=total),
            certain,
            Column("Fleet", least=16, legend=(NOT_CHECKED if needs else "", hard)),
            Column("Age", right=True, legend=old),
        )
    return (
        Column("#", right=True),
        Column("Region", least=19),
        Column("Where", drop=8, least=11),
        Column("$/month", right=True),
        against_it,
        moves,
        Column("--spare 1", right=True, legend=WITH_SPARE),
        Column(TOTAL, right=True, legend=total),
        certain,
        Column("$/1M tok", right=True, drop=9),
        Column("Fleet", least=16, legend=hard),
        Column(
            "Quota",
            least=14,
            legend="Quota: what the fleet needs. Quota and capacity are not checked." if needs else "",
        ),
        Column("Best single", right=True, drop=7),
        Column("Price date", legend=old),
    )


def _priced_rows(plan: Plan, grouped: list[list[RegionPlan]], *, wide: bool) -> list[_RegionRow]:
    rows: list[_RegionRow] = []
    rank = 1
    for group in grouped:
        alike: dict[object, list[RegionPlan]] = {}
        for region in group:
            # A group has one cost; the reference is shown as itself together with those that cost the same.
            against = compared(plan, region)
            sure = Confidence.EQUAL if against is None else against.sure
            key = region.region_name if wide else (with_spare(region.with_spare), sure, _tail(plan, region, wide=wide))
            alike.setdefault(key, []).append(region)
        for at, regions in enumerate(alike.values()):
            first = regions[0]
            place = (clean(first.place),) if wide else ()
            before = ("" if at else str(rank), names_of(regions), *place, *_figures(plan, first, wide=wide))
            needs = "" if wide else in_brackets(first.context.quota_needs)
            fleet = f"{_fleet_text(first, GLUE if wide else ' ')}{needs}"
            rows.append(_RegionRow(before, f"{fleet}{_proof(first)}", _tail(plan, first, wide=wide), tuple(regions)))
        rank += len(group)
    return rows


def _figures(plan: Plan, region: RegionPlan, *, wide: bool) -> tuple[str, ...]:
    """Cost, against the reference, what moving changes, cost with a spare, how certain the order is."""
    per_million = (usd_per_million(region.cost.usd_per_million_tokens),) if wide else ()
    return (
        usd_per_month(region.usd_per_month),
        *versus(plan, region),
        with_spare(region.with_spare),
        usd_per_month(region.cost.obligation_usd),
        how_sure(plan, region),
        *per_million,
    )


def _tail(plan: Plan, region: RegionPlan, *, wide: bool) -> tuple[str, ...]:
    if not wide:
        return (_age(plan, region),)
    needs = ", ".join(of_quota(need, wide=False) for need in region.context.quota_needs)
    return (needs or UNKNOWN, _best_single(region), _price_date(plan, region))


def _never_folded(plan: Plan, rows: list[_RegionRow]) -> list[_RegionRow]:
    """FIRST_ROWS rows: those of regions that were named, the last one, and the cheapest of the others."""
    if len(rows) <= FIRST_ROWS + 1:
        return rows
    always = {*plan.named, plan.against}
    kept = {at for at, row in enumerate(rows) if any(region.region_name in always for region in row.regions)}
    kept.add(len(rows) - 1)
    for at in range(len(rows)):
        if len(kept) >= FIRST_ROWS:
            break
        kept.add(at)
    return [rows[at] for at in sorted(kept)]


def _provider_and_fleet(row: _RegionRow) -> tuple[str, str]:
    return row.regions[0].region_name.provider, row.fleet


def _rows_without_plan(plan: Plan, *, wide: bool) -> list[tuple[str, ...]]:
    """One row per reason; many regions of one reason are counted there and named below the table."""
    rows = []
    for (provider, why), regions in without_plan(plan).items():
        many = len(regions) > REGIONS_IN_A_ROW
        names = f"{len(regions)}{GLUE}{glued(provider)}{GLUE}regions" if many else names_of(regions)
        where = (names, *([clean(regions[0].place) if len(regions) == 1 else ""] if wide else []))
        nothing = (UNKNOWN,) * (7 if wide else 6)
        rows.append((UNKNOWN, *where, *nothing, why, *(UNKNOWN,) * (3 if wide else 1)))
    return rows


def _fleet_text(region: RegionPlan, blank: str) -> str:
    """As ``text.fleet``, after a blank the degree where a replica needs several GPUs; what is hard to get is marked."""
    how = availability_of_types(region)
    return f"{GLUE}+ ".join(
        f"{number(count)}{GLUE}{glued(name)}{mark(how[name])}{f'{blank}TP{degree}' if degree > 1 else ''}"
        for name, degree, count in fleet_key(region)
    )


def _proof(region: RegionPlan) -> str:
    if region.status is not Status.FEASIBLE:
        return ""
    doubt = sentences.above_cheapest(region)
    return f" (not proven{f', at most +{doubt}' if doubt else ''})"


def _best_single(region: RegionPlan) -> str:
    single = region.best_single
    if single is None:
        return "none"
    kind = clean(single.gpu)
    if single.tensor_parallel is not None:
        kind = glued(Kind(kind, single.tensor_parallel))
    if single.instances == region.instance_counts:
        return kind
    return f"{kind}{GLUE}{difference(single.fleet_usd_per_hour, region.fleet_usd_per_hour, 0)}"


def _is_old(plan: Plan, region: RegionPlan) -> bool:
    day = region.fleet.price_as_of_to
    return day is not None and plan.age_days(day) > OLD_PRICE_DAYS


def _price_date(plan: Plan, region: RegionPlan) -> str:
    day = region.fleet.price_as_of_to
    if fetched := sentences.fetched_words(region):
        return fetched
    return UNKNOWN if day is None else f"{day}{f'{GLUE}!' if _is_old(plan, region) else ''}"


def _age(plan: Plan, region: RegionPlan) -> str:
    if fetched := sentences.fetched_words(region):
        return fetched
    day = region.fleet.price_as_of_to
    return UNKNOWN if day is None else f"{plan.age_days(day)}d{'!' if _is_old(plan, region) else ''}"
