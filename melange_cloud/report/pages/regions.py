"""The page of several regions: one row per region or group of equals, cheapest first, those without a plan last."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from melange_cloud.domain import Confidence, FirstRank, Kind, Plan, RegionName, RegionPlan, RegionStanding, Status
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.domain.money import same_cost
from melange_cloud.report import sentences
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, without
from melange_cloud.report.pages.confidence import cell, legend
from melange_cloud.report.pages.purchases import purchases_of_regions
from melange_cloud.report.pages.region import named_sections
from melange_cloud.report.ranking_sentences import least_sure, turn_words
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    clean,
    difference,
    glued,
    joined,
    number,
    usd_per_million,
    usd_per_month,
)

_FIRST_ROWS = 12
_RUNS_OF_RANKS = 2
_NAMED_REGIONS = 6
_REGIONS_IN_A_ROW = 3


@dataclass(frozen=True, slots=True)
class _RegionRow:
    """Cells, and how many regions they stand for; ``fleet`` is the text of the fleet cell if no row comes before."""

    cells: tuple[str, ...]
    regions: int
    fleet: str = ""


def comparison(
    plan: Plan, *, wide: bool, all_rows: bool = False, show: frozenset[str] = frozenset()
) -> Iterator[Block]:
    """The blocks of the page.

    Args:
        plan: regions may be none; they are shown by cost whatever their order.
        wide: whether there is room for places, $/1M tokens, the best single GPU and dates.
        all_rows: every region that has a fleet, not the cheapest and the last only.
        show: sections of each region, by name; see ``region.SECTIONS``.
    """
    if plan.notices:
        yield Notices(sentences.notices(plan))
    allocations = [line for region in plan.regions for line in region.allocations]
    head = f"{_regions_by_provider(plan)}: {sentences.bought(plan, allocations)}; residency and latency not considered"
    yield Paragraph((head, *sentences.question(plan, sentences.merged_kinds(plan.regions)), *sentences.legend(plan)))
    grouped = groups(plan)
    yield comparison_sheet(plan, grouped, wide=wide, all_rows=all_rows)
    counted = {key: regions for key, regions in _without_plan(plan).items() if len(regions) > _REGIONS_IN_A_ROW}
    if counted:
        providers = [provider for provider, _ in counted]
        names = (
            _names(regions) + (f": {why}" if providers.count(provider) > 1 else "")
            for (provider, why), regions in counted.items()
        )
        yield LabelledLines((("No plan in", tuple(names)),))
    if plan.first_rank is not None:
        yield Paragraph((_verdict(plan, plan.first_rank, grouped),), strong=True)
    yield from purchases_of_regions(plan, all_rows=all_rows)
    for region in plan.regions:
        yield from named_sections(plan, region, show, wide=wide)
    if "left-out" not in show and any(region.left_out for region in plan.regions):
        yield LabelledLines((("Left out", ("some instance types; which and why: --show left-out.",)),))
    yield LabelledLines(sentences.not_included(plan))


def groups(plan: Plan) -> list[list[RegionPlan]]:
    """Regions with a fleet, cheapest first; those of one provider, one fleet and one cost are grouped."""
    priced = sorted(
        (region for region in plan.regions if region.fleet_usd_per_hour is not None),
        key=lambda region: (region.fleet_usd_per_hour or 0.0, region.region_name),
    )
    grouped: list[list[RegionPlan]] = []
    for region in priced:
        cost = region.fleet_usd_per_hour or 0.0
        home = next(
            (
                group
                for group in reversed(grouped)
                if group[0].region_name.provider == region.region_name.provider
                and same_cost(cost, group[0].fleet_usd_per_hour or 0.0)
                and _fleet_key(group[0]) == _fleet_key(region)
            ),
            None,
        )
        if home is None:
            grouped.append([region])
        else:
            home.append(region)
    return grouped


def comparison_sheet(plan: Plan, grouped: list[list[RegionPlan]], *, wide: bool, all_rows: bool) -> Sheet:
    """The table; where narrow, the later regions of a group share a row."""
    old = sentences.OLD_PRICE if any(_is_old(plan, region) for group in grouped for region in group) else ""
    sure = legend(standing.sure for standing in _standings(plan) if standing.premium_fraction)
    columns = (
        (
            Column("#", right=True),
            Column("Region", least=19),
            Column("Where", drop=4, least=11),
            Column("$/month", right=True),
            Column("vs #1", right=True),
            Column("Move saves", right=True, drop=3),
            Column("Sure", least=9, drop=1, legend=sure),
            Column("$/1M tok", right=True, drop=5),
            Column("Fleet", least=16),
            Column("Best single", right=True, drop=2),
            Column("Price date", legend=old),
        )
        if wide
        else (
            Column("#", right=True),
            Column("Region", least=19),
            Column("$/month", right=True),
            Column("vs #1", right=True, drop=2),
            Column("Move saves", right=True, drop=4),
            Column("Sure", least=9, drop=3, legend=sure),
            Column("Fleet", least=16),
            Column("Age", right=True, drop=1, legend=old),
        )
    )
    rows = _priced_rows(plan, grouped, wide=wide)
    if not all_rows and len(rows) > _FIRST_ROWS + 2:
        hidden = sum(row.regions for row in rows[_FIRST_ROWS:-1])
        more = tuple(
            "..." if at == 0 else f"{hidden} more: --all-rows" if at == 1 else "" for at in range(len(columns))
        )
        fleet_at = [column.header for column in columns].index("Fleet")
        last = (*rows[-1].cells[:fleet_at], rows[-1].fleet, *rows[-1].cells[fleet_at + 1 :])
        rows = [*rows[:_FIRST_ROWS], _RegionRow(more, hidden), _RegionRow(last, rows[-1].regions)]
    sheet = Sheet(columns, tuple(row.cells for row in [*rows, *_rows_without_plan(plan, wide=wide)]))
    return sheet if plan.first_rank is not None else without(sheet, frozenset({"Move saves", "Sure"}))


def _priced_rows(plan: Plan, grouped: list[list[RegionPlan]], *, wide: bool) -> list[_RegionRow]:
    rows: list[_RegionRow] = []
    rank, above, cheapest = 1, None, grouped[0][0].fleet_usd_per_hour if grouped else None
    for group in grouped:
        parts = [[region] for region in group] if wide else [group[:1], group[1:]]
        for part in parts:
            if not part:
                continue
            first = part[0]
            key = (first.region_name.provider, _fleet_key(first))
            against = UNKNOWN if not rows else difference(first.fleet_usd_per_hour, cheapest)
            proof = ""
            if first.status is Status.FEASIBLE:
                doubt = sentences.above_cheapest(first)
                proof = f" (not proven{f', at most +{doubt}' if doubt else ''})"
            fleet_in_full = _fleet_text(first) + proof
            fleet = f"same{proof}" if key == above else fleet_in_full
            head = (str(rank) if part[0] is group[0] else "", _names(part), *([clean(first.place)] if wide else []))
            stands = [region.comparison for region in part if region.comparison is not None]
            money = (usd_per_month(first.usd_per_month), against, *_moving(stands, cheapest=not rows))
            tail = (
                (
                    usd_per_million(first.cost.usd_per_million_tokens),
                    fleet,
                    _best_single(first),
                    _price_date(plan, first),
                )
                if wide
                else (fleet, _age(plan, part))
            )
            rows.append(_RegionRow((*head, *money, *tail), len(part), fleet_in_full))
            above = key
        rank += len(group)
    return rows


def _moving(stands: list[RegionStanding], *, cheapest: bool) -> tuple[str, str]:
    """What moving to the cheapest saves, and how certain that is; the cheapest itself moves nowhere."""
    if cheapest or not stands:
        return UNKNOWN, UNKNOWN
    saving = stands[0].saving_usd_per_month
    return usd_per_month(saving) if saving >= 0.005 else "0", cell(least_sure(stands).sure)


def _without_plan(plan: Plan) -> dict[tuple[str, str], list[RegionPlan]]:
    """The regions without a fleet by provider and by what is said about them, sorted."""
    alike: dict[tuple[str, str], list[RegionPlan]] = {}
    for region in sorted(plan.regions, key=lambda region: region.region_name):
        if region.fleet_usd_per_hour is None:
            alike.setdefault((region.region_name.provider, sentences.no_fleet(region)), []).append(region)
    return alike


def _rows_without_plan(plan: Plan, *, wide: bool) -> list[_RegionRow]:
    """One row per reason; many regions of one reason are counted there and named below the table."""
    rows = []
    for (provider, why), regions in _without_plan(plan).items():
        many = len(regions) > _REGIONS_IN_A_ROW
        names = f"{len(regions)}{GLUE}{glued(provider)}{GLUE}regions" if many else _names(regions)
        where = (names, *([clean(regions[0].place) if len(regions) == 1 else ""] if wide else []))
        nothing = (UNKNOWN,) * 4
        money = (*nothing, UNKNOWN, why, UNKNOWN, UNKNOWN) if wide else (*nothing, why, UNKNOWN)
        rows.append(_RegionRow((UNKNOWN, *where, *money), len(regions)))
    return rows


def _regions_by_provider(plan: Plan) -> str:
    counts: dict[str, int] = {}
    for region in plan.regions:
        counts[clean(region.region_name.provider)] = counts.get(clean(region.region_name.provider), 0) + 1
    if not counts:
        return "no region"
    by_provider = ", ".join(f"{provider}{GLUE}{count}" for provider, count in sorted(counts.items()))
    no_government = "" if any("gov" in region.region for region in plan.regions) else ", no GovCloud"
    return f"{len(plan.regions)} regions ({by_provider}{no_government if 'aws' in counts else ''})"


def _names(regions: list[RegionPlan]) -> str:
    return f"{clean(regions[0].region_name.provider)} {', '.join(glued(region.region) for region in regions)}"


def _fleet_key(region: RegionPlan) -> tuple[tuple[str, int, int], ...]:
    return tuple(sorted((line.instance_type, line.tensor_parallel, line.instances) for line in region.allocations))


def _fleet_text(region: RegionPlan) -> str:
    """As ``text.fleet``, with the degree where a replica needs several GPUs."""
    return f"{GLUE}+ ".join(
        f"{number(count)}{GLUE}{glued(name)}{f'{GLUE}TP{degree}' if degree > 1 else ''}"
        for name, degree, count in _fleet_key(region)
    )


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
    return day is not None and plan.age_days(day) > sentences.OLD_PRICE_DAYS


def _price_date(plan: Plan, region: RegionPlan) -> str:
    day = region.fleet.price_as_of_to
    if fetched := sentences.fetched_words(region):
        return fetched
    return UNKNOWN if day is None else f"{day}{f'{GLUE}!' if _is_old(plan, region) else ''}"


def _age(plan: Plan, regions: list[RegionPlan]) -> str:
    fetched = {sentences.fetched_words(region) for region in regions}
    if "" not in fetched:
        return ", ".join(sorted(fetched))
    days = [plan.age_days(day) for region in regions if (day := region.fleet.price_as_of_to) is not None]
    if not days:
        return UNKNOWN
    return f"{max(days)}d{f'{GLUE}!' if max(days) > sentences.OLD_PRICE_DAYS else ''}"


def _verdict(plan: Plan, first_rank: FirstRank, grouped: list[list[RegionPlan]]) -> str:
    """Which ranks cannot be distinguished and why, or that #1 is the cheapest; always against what is known."""
    unproven = ""
    if first_rank.unproven:
        count = len(first_rank.unproven)
        some = ", ".join(f"{clean(name.provider)} {clean(name.region)}" for name in first_rank.unproven)
        who = some if count <= _NAMED_REGIONS else f"{count} regions"
        unproven = f" {who} {'is' if count == 1 else 'are'} not proven and could cost less."
    apart = ""
    if first_rank.prices_apart_days > PRICES_APART_DAYS:
        apart = f"their prices are up to {number(first_rank.prices_apart_days)}{GLUE}days apart"
    if first_rank.level:
        if len(first_rank.ties) > 1:
            more = len(first_rank.ties) < sum(map(len, grouped))
            others = "; the others cost more, profile errors included" if more else ""
            level = f"{_ranks(first_rank, grouped)} are equally cheap{others}."
            spare = f" {_with_spare(plan, first_rank)}" if first_rank.with_spare else ""
            return level + (f" No clear winner among them: {apart}." if apart else "") + spare + unproven
        if first_rank.with_spare:
            return f"#1 costs least as requested. {_with_spare(plan, first_rank)} No clear winner.{unproven}"
        also = f"; {apart}" if apart else ""
        clearly = (
            "is the cheapest of those proven" if first_rank.unproven else "is clearly cheapest within what is known"
        )
        known = "profile errors, a lost instance, prices of the dates shown"
        return f"#1 {clearly} ({known}){also}.{_if_prices_hold(plan)}{unproven}"
    ranks = _ranks(first_rank, grouped)
    spread = f"{first_rank.spread_fraction * 100:.1f}{GLUE}%"
    return (
        f"{ranks} lie within {spread}: any of them could turn out cheapest if the profiles are off by their stated "
        f"errors{f', and {apart}' if apart else ''}. No clear winner.{_example(plan, first_rank)}{unproven}"
    )


def _example(plan: Plan, first_rank: FirstRank) -> str:
    """Where the order of the first two that cannot be distinguished turns."""
    first, *others = _regions_of(plan, first_rank.ties)
    for region in others:
        if region.difference is not None and region.difference.turn is not None:
            words_ = turn_words(region.difference.turn, _names([first]), _names([region]))
            return f" For one, {words_}."
    return ""


def _with_spare(plan: Plan, first_rank: FirstRank) -> str:
    """Which regions cost less than the cheapest where both must survive losing an instance."""
    few = first_rank.with_spare[:_NAMED_REGIONS]
    names = joined(f"{clean(name.provider)} {glued(name.region)}" for name in few)
    who = names if len(few) == len(first_rank.with_spare) else f"{len(first_rank.with_spare)} regions"
    costs = "costs" if len(first_rank.with_spare) == 1 else "cost"
    own = sum(_regions_of(plan, first_rank.ties)[0].instance_counts.values())
    size = f"{number(own)} instance{'' if own == 1 else 's'}"
    return (
        f"{who} {costs} less with --spare 1 on both sides: a fleet of {size} has no room to lose one, "
        "so the two are not like for like."
    )


def _if_prices_hold(plan: Plan) -> str:
    """How many regions cost more by prices that were not true at the same time."""
    apart = [standing for standing in _standings(plan) if standing.sure is Confidence.PRICES_APART]
    count = sum(standing.premium_fraction > 0 for standing in apart)
    if not count:
        return ""
    days = max(standing.prices_apart_days for standing in apart)
    who = "One region costs" if count == 1 else f"{number(count)}{GLUE}regions cost"
    return f" {who} more only if prices up to {number(days)}{GLUE}days apart still hold."


def _standings(plan: Plan) -> list[RegionStanding]:
    return [region.comparison for region in plan.regions if region.comparison is not None]


def _regions_of(plan: Plan, names: Sequence[RegionName]) -> list[RegionPlan]:
    by_name = {region.region_name: region for region in plan.regions}
    return [by_name[name] for name in names]


def _ranks(first_rank: FirstRank, grouped: list[list[RegionPlan]]) -> str:
    """The ranks of the ties as places in the list, runs shortened: ``1 to 7 and 9``."""
    order = [region for group in grouped for region in group]
    places = [at for at, region in enumerate(order, start=1) if region.region_name in first_rank.ties]
    runs: list[list[int]] = []
    for place in places:
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    if len(runs) > _RUNS_OF_RANKS:
        return f"{len(places)} of the first {places[-1]} regions"
    return joined(
        place for run in runs for place in ([f"{run[0]}{GLUE}to{GLUE}{run[-1]}"] if len(run) > 2 else map(str, run))
    )
