"""Whether the cheapest region is clearly the cheapest, as far as profiles and prices can tell."""

from dataclasses import dataclass

from melange_cloud.domain import Confidence, Plan, RegionPlan, Status
from melange_cloud.domain.money import same_cost
from melange_cloud.report.sentences import oldest_price


@dataclass(frozen=True, slots=True)
class FirstRank:
    """What can be said about the first rank.

    Attributes:
        ties: the cheapest region and all that cannot be told from it, cheapest first; those of equal cost count.
        spread: by what fraction the dearest of ``ties`` costs more than the cheapest.
        prices_apart_days: days between the oldest and the newest price date among ``ties``, 0 where they agree.
        with_spare: regions that cost less than the cheapest where both must survive losing an instance.
        unproven: regions that were searched in vain or not to the end, and might undercut the cheapest one shown.
    """

    ties: tuple[RegionPlan, ...]
    spread: float
    prices_apart_days: int
    with_spare: tuple[RegionPlan, ...]
    unproven: tuple[RegionPlan, ...]

    @property
    def level(self) -> bool:
        """Whether all of ``ties`` cost the same."""
        first, last = (region.usd_per_hour or 0.0 for region in (self.ties[0], self.ties[-1]))
        return same_cost(first, last)

    @property
    def clear(self) -> bool:
        """Whether nothing else than regions of the very same cost competes for the first rank."""
        return self.level and not self.with_spare and not self.unproven


def undecided(plan: Plan) -> FirstRank | None:
    """Which regions cannot be told from the cheapest one; None where none was compared with it."""
    priced = cheapest_first(plan)
    if all(_sure(region) is None for region in priced[1:]):
        return None
    cheapest = priced[0]
    lowest = cheapest.usd_per_hour or 0.0
    ties = [
        cheapest,
        *(region for region in priced[1:] if _sure(region) in (Confidence.EQUAL, Confidence.WITHIN_PROFILE_ERROR)),
    ]
    dates = sorted(day for day in map(oldest_price, ties) if day is not None)
    unproven = tuple(
        region
        for region in plan.regions
        if region not in ties
        and (region.status is Status.FEASIBLE or (region.status is Status.UNKNOWN and region.solver))
        and (region.lower_bound_usd_per_hour is None or region.lower_bound_usd_per_hour < lowest)
    )
    dearest = ties[-1].usd_per_hour or 0.0
    return FirstRank(
        with_spare=tuple(region for region in priced[1:] if _sure(region) is Confidence.TURNS_WITH_SPARE),
        ties=tuple(ties),
        spread=dearest / lowest - 1 if lowest else 0.0,
        prices_apart_days=(dates[-1] - dates[0]).days if dates else 0,
        unproven=unproven,
    )


def _sure(region: RegionPlan) -> Confidence | None:
    return None if region.difference is None else region.difference.sure


def cheapest_first(plan: Plan) -> list[RegionPlan]:
    """The regions that have a fleet; those of one cost by name."""
    return sorted(
        (region for region in plan.regions if region.usd_per_hour is not None),
        key=lambda region: (region.usd_per_hour or 0.0, region.provider, region.region),
    )
