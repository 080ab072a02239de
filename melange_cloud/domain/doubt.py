"""Whether a difference of cost is more than what the profiles' errors and the prices' ages leave open."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from math import hypot

from melange_cloud.domain.kinds import Kind
from melange_cloud.domain.plan import RegionPlan
from melange_cloud.domain.problem import Status
from melange_cloud.domain.sure import PRICES_APART_DAYS, Sure

SAME_COST = 1e-6


@dataclass(frozen=True, slots=True)
class Side:
    """One of two fleets that are compared.

    Attributes:
        usd: what it costs over the hours it is billed for.
        usd_of_kinds: the part of each kind.
        could_cost_usd: what it could cost if it was searched to the end; ``usd`` where it is proven, 0 without a bound.
        prices_of: until when its oldest price was known to be true.
    """

    usd: float
    usd_of_kinds: Mapping[Kind, float]
    could_cost_usd: float
    prices_of: date


def side(region: RegionPlan, billed_hours: float = 1.0) -> Side:
    """The fleet of a region; ``billed_hours`` is 1 where costs per hour are compared.

    Raises:
        ValueError: it has no fleet.
    """
    if region.usd_per_hour is None:
        raise ValueError("only fleets can be compared")
    of_kinds: dict[Kind, float] = {}
    for line in region.allocations:
        kind = Kind(line.gpu, line.tensor_parallel)
        of_kinds[kind] = of_kinds.get(kind, 0.0) + line.usd_per_hour * billed_hours
    usd = region.usd_per_hour * billed_hours
    proven = region.status is not Status.FEASIBLE
    return Side(
        usd=usd,
        usd_of_kinds=of_kinds,
        could_cost_usd=usd if proven else (region.lower_bound_usd_per_hour or 0.0) * billed_hours,
        prices_of=min(line.price_as_of_to for line in region.allocations),
    )


def errors_of_kinds(regions: Iterable[RegionPlan]) -> dict[Kind, float]:
    """The largest error that a kind's profile has among these regions, as a fraction."""
    errors: dict[Kind, float] = {}
    for region in regions:
        for use in region.kinds:
            kind = Kind(use.gpu, use.tensor_parallel)
            errors[kind] = max(use.error, errors.get(kind, 0.0))
    return errors


def doubt_usd(one: Side, other: Side, errors: Mapping[Kind, float]) -> float:
    """How much of a difference of cost the profiles' errors can explain, in the unit of ``Side.usd``.

    A profile describes a kind (GPU, tensor_parallel) everywhere alike: if it is too good, it is so in both fleets, and
    what the kind costs moves in both together; different kinds err independently, so their errors add up in quadrature:

        square root of the sum over kinds of ((usd of the kind in one - in the other) x its error)^2
    """
    kinds = sorted({*one.usd_of_kinds, *other.usd_of_kinds})
    return hypot(
        *(
            (one.usd_of_kinds.get(kind, 0.0) - other.usd_of_kinds.get(kind, 0.0)) * errors.get(kind, 0.0)
            for kind in kinds
        )
    )


def how_sure(one: Side, other: Side, errors: Mapping[Kind, float]) -> Sure:
    """How sure it is which of two fleets is dearer."""
    cheaper, dearer = sorted((one, other), key=lambda side: side.usd)
    difference, same = dearer.usd - cheaper.usd, SAME_COST * cheaper.usd
    if difference <= same:
        return Sure.EQUAL
    if difference <= doubt_usd(one, other, errors) + same:
        return Sure.WITHIN_PROFILE_ERROR
    if dearer.could_cost_usd < cheaper.usd:
        return Sure.NOT_PROVEN
    return Sure.PRICES_APART if days_apart(one, other) > PRICES_APART_DAYS else Sure.CLEAR


def days_apart(one: Side, other: Side) -> int:
    """Days between the dates of their oldest prices."""
    return abs((one.prices_of - other.prices_of).days)
