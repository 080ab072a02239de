"""Whether the cheapest region is clearly the cheapest, as far as profiles and prices can tell."""

from dataclasses import dataclass
from math import hypot

from melange_cloud.domain import Kind, Plan, RegionPlan, Status
from melange_cloud.report.words import oldest_price

PRICES_APART_DAYS = 90
SAME_COST = 1e-6


@dataclass(frozen=True, slots=True)
class Undecided:
    """What can be said about the first rank.

    Attributes:
        ties: the cheapest region and all that cannot be told from it, cheapest first; those of equal cost count.
        spread: by what fraction the dearest of ``ties`` costs more than the cheapest.
        prices_apart_days: days between the oldest and the newest price date among ``ties``, 0 where they agree.
        unproven: regions that were searched in vain or not to the end, and might undercut the cheapest one shown.
    """

    ties: tuple[RegionPlan, ...]
    spread: float
    prices_apart_days: int
    unproven: tuple[RegionPlan, ...]

    @property
    def clear(self) -> bool:
        """Whether nothing else than regions of the very same cost competes for the first rank."""
        return self.spread <= SAME_COST and not self.unproven


def undecided(plan: Plan) -> Undecided | None:
    """Which regions cannot be told from the cheapest one; None where fewer than two regions have a fleet.

    A profile describes a kind (GPU, tensor_parallel) in every region alike: if it is too good, it is so everywhere, and
    what a kind costs moves in all regions together; different kinds err independently, so their errors add up in
    quadrature. Region B cannot be told from the cheapest region A where

        usd_per_hour(B) - usd_per_hour(A)
            <=  square root of the sum over kinds of ((usd_per_hour of the kind in B - in A) x its error)^2

    Equal fleets at equal prices cancel; what is left is how differently the two are built. A fleet of other GPUs can
    thus be level at +10 %, while the same fleet at a price that is 10 % higher is dearer whatever the profiles do.
    """
    priced = sorted(
        (region for region in plan.regions if region.usd_per_hour is not None),
        key=lambda region: (region.usd_per_hour or 0.0, region.provider, region.region),
    )
    if len(priced) < 2:
        return None
    cheapest = priced[0]
    lowest = cheapest.usd_per_hour or 0.0
    errors: dict[Kind, float] = {}
    for region in priced:
        for use in region.kinds:
            kind = Kind(use.gpu, use.tensor_parallel)
            errors[kind] = max(use.error, errors.get(kind, 0.0))
    reference = _usd_per_hour_of_kinds(cheapest)
    ties = [cheapest]
    for region in priced[1:]:
        costs = _usd_per_hour_of_kinds(region)
        doubt = hypot(
            *(
                (costs.get(kind, 0.0) - reference.get(kind, 0.0)) * errors.get(kind, 0.0)
                for kind in sorted({*costs, *reference})
            )
        )
        if (region.usd_per_hour or 0.0) - lowest <= doubt + SAME_COST * lowest:
            ties.append(region)
    dates = sorted(day for day in map(oldest_price, ties) if day is not None)
    unproven = tuple(
        region
        for region in plan.regions
        if region not in ties
        and (region.status is Status.FEASIBLE or (region.status is Status.UNKNOWN and region.solver))
        and (region.lower_bound_usd_per_hour is None or region.lower_bound_usd_per_hour < lowest)
    )
    dearest = ties[-1].usd_per_hour or 0.0
    return Undecided(
        ties=tuple(ties),
        spread=dearest / lowest - 1 if lowest else 0.0,
        prices_apart_days=(dates[-1] - dates[0]).days if dates else 0,
        unproven=unproven,
    )


def _usd_per_hour_of_kinds(region: RegionPlan) -> dict[Kind, float]:
    costs: dict[Kind, float] = {}
    for line in region.allocations:
        kind = Kind(line.gpu, line.tensor_parallel)
        costs[kind] = costs.get(kind, 0.0) + line.usd_per_hour
    return costs
