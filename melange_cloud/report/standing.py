"""How each region of a comparison stands against the cheapest: what it costs more, and how sure that is."""

from dataclasses import dataclass

from melange_cloud.domain import Plan, RegionPlan, Sure
from melange_cloud.domain.doubt import days_apart, doubt_usd, errors_of_kinds, how_sure, side
from melange_cloud.domain.sure import PRICES_APART_DAYS
from melange_cloud.report.text import clean, number, usd_per_month
from melange_cloud.report.winner import cheapest_first, undecided
from melange_cloud.report.words import age_days

_WORST_FIRST = (Sure.WITHIN_PROFILE_ERROR, Sure.NOT_PROVEN, Sure.PRICES_APART, Sure.EQUAL, Sure.CLEAR)


@dataclass(frozen=True, slots=True)
class Standing:
    """One region against the cheapest of the comparison; field names are those of the JSON.

    Attributes:
        premium_fraction: by what fraction it costs more; 0 for the cheapest.
        saving_usd_per_month: what moving to the cheapest would save, USD/month.
        profile_error_usd_per_month: how much of that the profiles' errors can explain between these two fleets; a kind
            that both use errs in both alike.
        sure: how sure it is that this region is dearer; for the cheapest, how sure it is that no other is cheaper.
        reason: that in words, with the ages of the prices.
        price_age_days: days since the fleet's oldest price was known to be true.
        prices_apart_days: between that date and the cheapest region's.
    """

    premium_fraction: float
    saving_usd_per_month: float
    profile_error_usd_per_month: float
    sure: Sure
    reason: str
    price_age_days: int
    prices_apart_days: int


def standings(plan: Plan) -> dict[tuple[str, str], Standing]:
    """By (provider, region), of those that have a fleet; empty where fewer than two have one."""
    priced = cheapest_first(plan)
    if len(priced) < 2:
        return {}
    cheapest, hours = priced[0], plan.request.hours_per_month
    reference, errors = side(cheapest), errors_of_kinds(priced)
    found = {}
    for region in priced[1:]:
        this = side(region)
        sure = how_sure(reference, this, errors)
        apart = days_apart(reference, this)
        doubt = doubt_usd(reference, this, errors) * hours
        found[region.provider, region.region] = Standing(
            premium_fraction=this.usd / reference.usd - 1 if reference.usd else 0.0,
            saving_usd_per_month=(this.usd - reference.usd) * hours,
            profile_error_usd_per_month=doubt,
            sure=sure,
            reason=f"{_why(sure, _name(cheapest), doubt)}{_ages(plan, region, cheapest, sure)}",
            price_age_days=age_days(plan, this.prices_of),
            prices_apart_days=apart,
        )
    return {(cheapest.provider, cheapest.region): _of_cheapest(plan, cheapest, list(found.values())), **found}


def worst(several: list[Standing]) -> Standing:
    """The least sure of regions that share a row."""
    return min(several, key=lambda standing: _WORST_FIRST.index(standing.sure))


def _of_cheapest(plan: Plan, cheapest: RegionPlan, others: list[Standing]) -> Standing:
    """The cheapest region is as sure as the least sure of the others, and those that have no fleet yet, allow."""
    verdict = undecided(plan)
    sure = worst(others).sure
    if verdict is not None and verdict.unproven and sure is not Sure.WITHIN_PROFILE_ERROR:
        sure = Sure.NOT_PROVEN
    count = sum(other.sure is sure for other in others)
    those = "one other region" if count == 1 else f"{number(count)} other regions"
    why = {
        Sure.CLEAR: "cheaper than all others whatever the profiles' errors",
        Sure.EQUAL: f"{those} {'costs' if count == 1 else 'cost'} the same",
        Sure.PRICES_APART: f"the cheapest as long as prices hold that are over {PRICES_APART_DAYS} days apart",
        Sure.NOT_PROVEN: "regions that are not proven could cost less",
        Sure.WITHIN_PROFILE_ERROR: f"{those} could turn out cheaper if the profiles are off by their stated errors",
    }[sure]
    own = side(cheapest)
    return Standing(
        premium_fraction=0.0,
        saving_usd_per_month=0.0,
        profile_error_usd_per_month=0.0,
        sure=sure,
        reason=f"{why}; prices {_days(age_days(plan, own.prices_of))} old",
        price_age_days=age_days(plan, own.prices_of),
        prices_apart_days=0,
    )


def _why(sure: Sure, cheapest: str, doubt_usd_per_month: float) -> str:
    explained = f"{usd_per_month(doubt_usd_per_month)} USD/month"
    return {
        Sure.CLEAR: f"dearer than {cheapest} whatever the profiles' errors, which explain at most {explained}",
        Sure.EQUAL: f"costs the same as {cheapest}",
        Sure.PRICES_APART: (
            f"dearer than {cheapest} whatever the profiles' errors, which explain at most {explained}, as long as both "
            "prices hold"
        ),
        Sure.NOT_PROVEN: f"not proven: its cheapest fleet may cost less than {cheapest}",
        Sure.WITHIN_PROFILE_ERROR: f"cannot be told from {cheapest}: the profiles' errors explain up to {explained}",
    }[sure]


def _ages(plan: Plan, region: RegionPlan, cheapest: RegionPlan, sure: Sure) -> str:
    own, reference = side(region), side(cheapest)
    text = f"; prices {_days(age_days(plan, own.prices_of))} old"
    apart = days_apart(own, reference)
    if apart == 0:
        return text
    far = f", {_days(apart)} apart" if apart > PRICES_APART_DAYS or sure is Sure.PRICES_APART else ""
    return f"{text}, those of {_name(cheapest)} {_days(age_days(plan, reference.prices_of))}{far}"


def _name(region: RegionPlan) -> str:
    return f"{clean(region.provider)} {clean(region.region)}"


def _days(days: int) -> str:
    return f"{number(days)} day{'' if days == 1 else 's'}"
