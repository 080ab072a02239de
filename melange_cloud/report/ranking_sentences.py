"""A region against the cheapest, in words: which one costs more, how certain that is, how old the prices are."""

from collections.abc import Sequence

from melange_cloud.domain import Confidence, CostOrder, Plan, RegionName, RegionPlan, Reversal
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.report.text import GLUE, joined, number, percent, region_title, usd_per_month


def reasons(plan: Plan) -> dict[RegionName, str]:
    """The comparison of each region in words, with the ages of the prices."""
    compared = [region for region in plan.regions if region.comparison is not None]
    if not compared:
        return {}
    cheapest = min(compared, key=lambda region: (region.fleet_usd_per_hour or 0.0, region.region_name))
    return {
        region.region_name: _of_cheapest(compared, region) if region is cheapest else _of_other(region, cheapest)
        for region in compared
    }


def why(difference: CostOrder, cheaper: str, costlier: str) -> str:
    """The verdict in words, about the more expensive of two sides."""
    match difference.sure:
        case Confidence.EQUAL:
            return f"costs the same as {cheaper}"
        case Confidence.NOT_PROVEN:
            return f"not proven: its cheapest fleet may cost less than {cheaper}"
        case Confidence.TURNS_WITH_SPARE:
            ours, theirs = difference.cheaper_with_spare_usd_per_month, difference.dearer_with_spare_usd_per_month
            return (
                f"costs more than {cheaper} as requested, but less where both must survive losing an instance "
                f"(--spare 1: {_amount(theirs)} against {_amount(ours)} USD/month)"
            )
        case Confidence.WITHIN_PROFILE_ERROR:
            if difference.turn is None:
                return f"cannot be distinguished from {cheaper}: the profiles' errors may reverse the order"
            return f"cannot be distinguished from {cheaper}: {turn_words(difference.turn, cheaper, costlier)}"
    text = f"costs more than {cheaper} whatever the profiles' errors"
    return f"{text}, as long as both prices hold" if difference.sure is Confidence.PRICES_APART else text


def turn_words(turn: Reversal, cheaper: str, costlier: str) -> str:
    """Where the order turns: which profiles are off there, by how much, and what both sides then cost."""
    what = f"the profile{'s' if len(turn.moved) > 1 else ''} of {joined(turn.moved)}" if turn.moved else "all profiles"
    verb = "is" if len(turn.moved) == 1 else "are"
    off = "better" if turn.error_part > 0 else "worse"
    part = percent(abs(turn.error_part)).replace(GLUE, " ")
    if turn.opposed:
        what = joined(turn.moved)
        verb += f" {off} and {joined(turn.opposed)} {'is' if len(turn.opposed) == 1 else 'are'}"
        off = "better" if off == "worse" else "worse"
    costs = f"{costlier} costs {_amount(turn.dearer_usd_per_month)} USD/month there"
    against = f"{cheaper} {_amount(turn.cheaper_usd_per_month)}"
    return f"if {what} {verb} {off} by {part} of the stated error, {costs} and {against}"


def _amount(usd: float | None) -> str:
    return "no fleet" if usd is None else usd_per_month(usd)


def _of_other(region: RegionPlan, cheapest: RegionPlan) -> str:
    difference, here, there = region.difference, region.comparison, cheapest.comparison
    if difference is None or here is None or there is None:
        raise ValueError("a region that was compared says how it differs")
    text = f"{why(difference, _name(cheapest), _name(region))}; prices {_days(here.price_age_days)} old"
    apart = here.prices_apart_days
    if apart == 0:
        return text
    far = f", {_days(apart)} apart" if apart > PRICES_APART_DAYS or here.sure is Confidence.PRICES_APART else ""
    return f"{text}, those of {_name(cheapest)} {_days(there.price_age_days)}{far}"


def _of_cheapest(compared: Sequence[RegionPlan], cheapest: RegionPlan) -> str:
    here = cheapest.comparison
    if here is None:
        raise ValueError("the cheapest of several regions was compared with them")
    others = [region.comparison for region in compared if region is not cheapest]
    count = sum(other is not None and other.sure is here.sure for other in others)
    those = "one other region" if count == 1 else f"{number(count)} other regions"
    costs = "costs" if count == 1 else "cost"
    off = "if the profiles are off by their stated errors"
    text = {
        Confidence.CLEAR: "cheaper than all others whatever the profiles' errors",
        Confidence.EQUAL: f"{those} {costs} the same",
        Confidence.PRICES_APART: f"the cheapest as long as prices hold that are over {PRICES_APART_DAYS} days apart",
        Confidence.NOT_PROVEN: "regions that are not proven could cost less",
        Confidence.TURNS_WITH_SPARE: f"{those} {costs} less where a fleet must survive losing an instance (--spare 1)",
        Confidence.WITHIN_PROFILE_ERROR: f"{those} could turn out cheaper {off}",
    }[here.sure]
    return f"{text}; prices {_days(here.price_age_days)} old"


def _name(region: RegionPlan) -> str:
    return region_title(region.region_name.provider, region.region)


def _days(days: int) -> str:
    return f"{number(days)} day{'' if days == 1 else 's'}"
