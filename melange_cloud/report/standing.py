"""How each region of a comparison stands against the cheapest: what it costs more, and how sure that is."""

from dataclasses import dataclass

from melange_cloud.domain import Confidence, CostOrder, Plan, RegionPlan, Reversal
from melange_cloud.domain.comparison import PRICES_APART_DAYS
from melange_cloud.report.sentences import age_days, oldest_price
from melange_cloud.report.text import GLUE, clean, joined, number, percent, usd_per_month
from melange_cloud.report.winner import cheapest_first, undecided

_WORST_FIRST = (
    Confidence.WITHIN_PROFILE_ERROR,
    Confidence.TURNS_WITH_SPARE,
    Confidence.NOT_PROVEN,
    Confidence.PRICES_APART,
    Confidence.EQUAL,
    Confidence.CLEAR,
)


@dataclass(frozen=True, slots=True)
class RegionStanding:
    """One region against the cheapest of the comparison; field names are those of the JSON.

    Attributes:
        premium_fraction: by what fraction it costs more; 0 for the cheapest.
        saving_usd_per_month: what moving to the cheapest would save, USD/month.
        profile_error_usd_per_month: by how much the profiles' errors move that saving where the order turns; None where
            no such point is known.
        sure: how sure it is that this region is dearer; for the cheapest, how sure it is that no other is cheaper.
        reason: that in words, with the ages of the prices.
        price_age_days: days since the fleet's oldest price was known to be true.
        prices_apart_days: between that date and the cheapest region's.
    """

    premium_fraction: float
    saving_usd_per_month: float
    profile_error_usd_per_month: float | None
    sure: Confidence
    reason: str
    price_age_days: int
    prices_apart_days: int


def standings(plan: Plan) -> dict[tuple[str, str], RegionStanding]:
    """By (provider, region), of those that were compared with the cheapest, and of that one; empty without any."""
    priced = cheapest_first(plan)
    if len(priced) < 2:
        return {}
    cheapest = priced[0]
    found = {}
    for region in priced[1:]:
        difference = region.difference
        if difference is None:
            continue
        ours, theirs = region.usd_per_hour or 0.0, cheapest.usd_per_hour or 0.0
        saving = (ours - theirs) * plan.basis.calculation.hours_per_month
        reason = why(difference, _name(cheapest), _name(region))
        found[region.provider, region.region] = RegionStanding(
            premium_fraction=ours / theirs - 1 if theirs else 0.0,
            saving_usd_per_month=saving,
            profile_error_usd_per_month=_moved(saving, difference.turn),
            sure=difference.sure,
            reason=f"{reason}{_ages(plan, region, cheapest, difference.sure)}",
            price_age_days=_age(plan, region),
            prices_apart_days=abs(_age(plan, region) - _age(plan, cheapest)),
        )
    if not found:
        return {}
    return {(cheapest.provider, cheapest.region): _of_cheapest(plan, cheapest, list(found.values())), **found}


def worst(several: list[RegionStanding]) -> RegionStanding:
    """The least sure of regions that share a row."""
    return min(several, key=lambda standing: _WORST_FIRST.index(standing.sure))


def why(difference: CostOrder, cheaper: str, dearer: str) -> str:
    """The verdict in words, of the dearer of two sides."""
    match difference.sure:
        case Confidence.EQUAL:
            return f"costs the same as {cheaper}"
        case Confidence.NOT_PROVEN:
            return f"not proven: its cheapest fleet may cost less than {cheaper}"
        case Confidence.TURNS_WITH_SPARE:
            ours, theirs = difference.cheaper_with_spare_usd_per_month, difference.dearer_with_spare_usd_per_month
            return (
                f"costs more than {cheaper} as asked, but less where both must survive losing an instance "
                f"(--spare 1: {_amount(theirs)} against {_amount(ours)} USD/month)"
            )
        case Confidence.WITHIN_PROFILE_ERROR:
            if difference.turn is None:
                return f"cannot be told from {cheaper}: the profiles' errors may turn the order"
            return f"cannot be told from {cheaper}: {turn_words(difference.turn, cheaper, dearer)}"
    text = f"costs more than {cheaper} whatever the profiles' errors"
    return f"{text}, as long as both prices hold" if difference.sure is Confidence.PRICES_APART else text


def turn_words(turn: Reversal, cheaper: str, dearer: str) -> str:
    """Where the order turns: which profiles are off there, by how much, and what both sides then cost."""
    what = f"the profile{'s' if len(turn.moved) > 1 else ''} of {joined(turn.moved)}" if turn.moved else "all profiles"
    verb = "is" if len(turn.moved) == 1 else "are"
    off = "better" if turn.error_part > 0 else "worse"
    part = percent(abs(turn.error_part)).replace(GLUE, " ")
    costs = f"{dearer} costs {_amount(turn.dearer_usd_per_month)} USD/month there"
    against = f"{cheaper} {_amount(turn.cheaper_usd_per_month)}"
    return f"if {what} {verb} {off} by {part} of the stated error, {costs} and {against}"


def _amount(usd: float | None) -> str:
    return "no fleet" if usd is None else usd_per_month(usd)


def _moved(saving_usd_per_month: float, turn: Reversal | None) -> float | None:
    if turn is None or turn.cheaper_usd_per_month is None or turn.dearer_usd_per_month is None:
        return None
    return saving_usd_per_month + turn.cheaper_usd_per_month - turn.dearer_usd_per_month


def _of_cheapest(plan: Plan, cheapest: RegionPlan, others: list[RegionStanding]) -> RegionStanding:
    """The cheapest region is as sure as the least sure of the others, and those that have no fleet yet, allow."""
    verdict = undecided(plan)
    sure = worst(others).sure
    unproven = verdict is not None and bool(verdict.unproven)
    if unproven and sure not in (Confidence.WITHIN_PROFILE_ERROR, Confidence.TURNS_WITH_SPARE):
        sure = Confidence.NOT_PROVEN
    count = sum(other.sure is sure for other in others)
    those = "one other region" if count == 1 else f"{number(count)} other regions"
    costs = "costs" if count == 1 else "cost"
    text = {
        Confidence.CLEAR: "cheaper than all others whatever the profiles' errors",
        Confidence.EQUAL: f"{those} {costs} the same",
        Confidence.PRICES_APART: f"the cheapest as long as prices hold that are over {PRICES_APART_DAYS} days apart",
        Confidence.NOT_PROVEN: "regions that are not proven could cost less",
        Confidence.TURNS_WITH_SPARE: f"{those} {costs} less where a fleet must survive losing an instance (--spare 1)",
        Confidence.WITHIN_PROFILE_ERROR: (
            f"{those} could turn out cheaper if the profiles are off by their stated errors"
        ),
    }[sure]
    return RegionStanding(
        premium_fraction=0.0,
        saving_usd_per_month=0.0,
        profile_error_usd_per_month=None,
        sure=sure,
        reason=f"{text}; prices {_days(_age(plan, cheapest))} old",
        price_age_days=_age(plan, cheapest),
        prices_apart_days=0,
    )


def _age(plan: Plan, region: RegionPlan) -> int:
    day = oldest_price(region)
    if day is None:
        raise ValueError("a fleet has prices")
    return age_days(plan, day)


def _ages(plan: Plan, region: RegionPlan, cheapest: RegionPlan, sure: Confidence) -> str:
    own, reference = _age(plan, region), _age(plan, cheapest)
    text = f"; prices {_days(own)} old"
    apart = abs(own - reference)
    if apart == 0:
        return text
    far = f", {_days(apart)} apart" if apart > PRICES_APART_DAYS or sure is Confidence.PRICES_APART else ""
    return f"{text}, those of {_name(cheapest)} {_days(reference)}{far}"


def _name(region: RegionPlan) -> str:
    return f"{clean(region.provider)} {clean(region.region)}"


def _days(days: int) -> str:
    return f"{number(days)} day{'' if days == 1 else 's'}"
