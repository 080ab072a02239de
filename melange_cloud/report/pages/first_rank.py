"""Whether one region is the cheapest, and what moving from the region that runs today changes, in sentences."""

from collections.abc import Sequence

from melange_cloud.domain import AgainstBase, Confidence, FirstRank, Plan, RegionName, RegionPlan, RegionStanding
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.report.pages.region_groups import names_of
from melange_cloud.report.ranking_sentences import turn_words, why
from melange_cloud.report.text import (
    GLUE,
    clean,
    difference,
    dollars,
    glued,
    joined,
    number,
    region_title,
    usd_per_month,
)

_RUNS_OF_RANKS = 2
_NAMED_REGIONS = 6


def from_base(plan: Plan) -> str:
    """What moving from the base to the cheapest region changes; empty without a base."""
    if plan.against is None:
        return ""
    base = next(region for region in plan.regions if region.region_name == plan.against)
    name = names_of([base])
    if base.against is None:
        return f"{name} has no plan, so nothing is compared with it."
    best = min(plan.regions, key=lambda region: (region.fleet_usd_per_hour is None, region.fleet_usd_per_hour or 0.0))
    against = best.against
    if against is None or against.difference_usd_per_month >= -0.005:
        return f"No region costs less than {name}."
    saved = -against.difference_usd_per_month
    change = difference(1 + against.difference_fraction, 1.0)
    text = (
        f"Moving from {name} to {names_of([best])} saves {dollars(usd_per_month(saved))} a month ({change})"
        f"{_spared(against)}"
    )
    if against.sure in (Confidence.CLEAR, Confidence.TURNS_WITH_SPARE):
        return f"{text}."
    if against.sure is Confidence.PRICES_APART:
        days = number(against.prices_apart_days)
        return f"{text}, as long as prices {days}{GLUE}days apart still hold."
    reason = "" if against.order is None else f": {name} {why(against.order, names_of([best]), name)}"
    return f"{text}. That is not certain{reason}."


def _spared(against: AgainstBase) -> str:
    """The same difference where both fleets must survive losing an instance."""
    usd = against.with_spare_difference_usd_per_month
    if usd is None:
        return ", but there is no fleet with --spare 1" if against.sure is Confidence.TURNS_WITH_SPARE else ""
    amount = dollars(usd_per_month(abs(usd)))
    if usd < -0.005:
        return f", and {amount} with --spare 1 on both sides"
    return (
        f", but costs {amount} more with --spare 1 on both sides"
        if usd > 0.005
        else (", but nothing with --spare 1 on both sides")
    )


def verdict(plan: Plan, first_rank: FirstRank, grouped: list[list[RegionPlan]], *, example: bool) -> str:
    """Which ranks cannot be distinguished and why, or that #1 is the cheapest; always against what is known."""
    unproven = ""
    if first_rank.unproven:
        count = len(first_rank.unproven)
        some = ", ".join(region_title(name.provider, name.region) for name in first_rank.unproven)
        who = some if count <= _NAMED_REGIONS else f"{count} regions"
        unproven = f" {who} {'is' if count == 1 else 'are'} not proven and could cost less."
    apart = ""
    if first_rank.prices_apart_days > PRICES_APART_DAYS:
        apart = f"their prices are up to {number(first_rank.prices_apart_days)}{GLUE}days apart"
    if first_rank.level:
        if len(first_rank.ties) > 1:
            more = len(first_rank.ties) < sum(map(len, grouped)) and not first_rank.with_spare
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
    where = _example(plan, first_rank) if example else ""
    return (
        f"{ranks} lie within {spread}: any of them could turn out cheapest if the profiles are off by their stated "
        f"errors{f', and {apart}' if apart else ''}. No clear winner.{where}"
        f"{_least_with_spare(plan, first_rank)}{unproven}"
    )


def _least_with_spare(plan: Plan, first_rank: FirstRank) -> str:
    """Which region costs least where every fleet must survive losing an instance, if that is not #1."""
    if not first_rank.with_spare:
        return ""
    costs = {
        region.region_name: region.with_spare.usd_per_month
        for region in plan.regions
        if region.with_spare is not None and region.with_spare.usd_per_month is not None
    }
    if not costs:
        return ""
    usd, name = min((usd, name) for name, usd in costs.items())
    return f" With --spare 1, {clean(name.provider)} {glued(name.region)} costs least: {dollars(usd_per_month(usd))}."


def _example(plan: Plan, first_rank: FirstRank) -> str:
    """Where the order of the first two that cannot be distinguished turns."""
    first, *others = _regions_of(plan, first_rank.ties)
    for region in others:
        if region.difference is not None and region.difference.turn is not None:
            words_ = turn_words(region.difference.turn, names_of([first]), names_of([region]))
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
    who = "one region costs" if count == 1 else f"{number(count)}{GLUE}regions cost"
    return f" That {who} more is certain only if prices up to {number(days)}{GLUE}days apart still hold."


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
