"""Which of two fleets costs more, and how certain that is."""

from dataclasses import dataclass, field
from enum import StrEnum

PRICES_APART_DAYS = 90
"""Prices whose dates are further apart than this may have moved in between."""


class Confidence(StrEnum):
    """How certain it is that the more expensive of two fleets really costs more.

    ``clear``: the order holds for all profile errors, together or one at a time, also with a spare instance, and prices
    have about the same date. ``equal``: they cost the same. ``prices_apart``: clear as long as prices that are more
        than
    PRICES_APART_DAYS apart still hold. ``not_proven``: a search stopped early, so a cheaper fleet may exist.
    ``turns_with_spare``: the order reverses if both fleets must survive losing an instance.
    ``within_profile_error``: the order reverses, or may reverse, within the profiles' errors.
    """

    CLEAR = "clear"
    EQUAL = "equal"
    PRICES_APART = "prices_apart"
    NOT_PROVEN = "not_proven"
    TURNS_WITH_SPARE = "turns_with_spare"
    WITHIN_PROFILE_ERROR = "within_profile_error"


LEAST_SURE_FIRST = (
    Confidence.WITHIN_PROFILE_ERROR,
    Confidence.TURNS_WITH_SPARE,
    Confidence.NOT_PROVEN,
    Confidence.PRICES_APART,
    Confidence.EQUAL,
    Confidence.CLEAR,
)


class OrderBasis(StrEnum):
    """Why an order holds for all profile errors.

    ``offers``: for every offer of one side, the other has an offer of the same GPU and size at no higher price.
    ``ranges``: the cheaper side at the low end of every profile costs no more than the other at the high end.
    ``every_break``: both sides were solved again at every point where a fleet changes, while all errors move together
    and while each moves alone.
    """

    OFFERS = "offers"
    RANGES = "ranges"
    EVERY_BREAK = "every_break"


@dataclass(frozen=True, slots=True)
class Reversal:
    """A point within the profiles' errors at which the order of two fleets is reversed.

    Attributes:
        moved: the GPUs or kinds whose MaxTput is off there, together; empty if all of them are.
        error_part: the part of their stated errors by which they are off, in [-1, 1]; above 0 they are better than
            stated.
        cheaper_usd_per_month: cost there of the side that is cheaper as stated; None if no fleet serves the load.
        dearer_usd_per_month: what the other side costs there; None if no fleet serves the load.
        opposed: the GPUs whose MaxTput is off by the same part of their errors the other way; empty if none is.
    """

    moved: tuple[str, ...]
    error_part: float = field(metadata={"schema": {"minimum": -1, "maximum": 1}})
    cheaper_usd_per_month: float | None
    dearer_usd_per_month: float | None
    opposed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CostOrder:
    """What is known about the order of two fleets, the cheaper as stated first.

    Attributes:
        sure: how certain the order is.
        basis: why the order holds for all profile errors; None if it does not, or may not.
        turn: where the order reverses; None if it never does, or if that could not be searched.
        cheaper_with_spare_usd_per_month: cost of the cheaper side if it must survive losing any one instance; None
            without such a fleet, or if that was not needed to decide.
        dearer_with_spare_usd_per_month: the same of the other side.
    """

    sure: Confidence
    basis: OrderBasis | None = None
    turn: Reversal | None = None
    cheaper_with_spare_usd_per_month: float | None = None
    dearer_with_spare_usd_per_month: float | None = None

    def moved_by_usd(self, saving_usd_per_month: float) -> float | None:
        """By how much the profiles' errors change the saving of the cheaper side, USD a month; None without a turn.

        Args:
            saving_usd_per_month: with the profiles as stated, 0 or more.
        """
        turn = self.turn
        if turn is None or turn.cheaper_usd_per_month is None or turn.dearer_usd_per_month is None:
            return None
        return saving_usd_per_month + turn.cheaper_usd_per_month - turn.dearer_usd_per_month


@dataclass(frozen=True, slots=True)
class RegionStanding:
    """One region against the cheapest of several.

    Attributes:
        premium_fraction: by what fraction it costs more than the cheapest; 0 for the cheapest.
        premium_with_spare_fraction: the same where both must survive losing any one instance; negative where it then
            costs less than the region that is cheapest as requested; None where either has no such fleet.
        saving_usd_per_month: saving from moving to the cheapest region, USD/month.
        profile_error_usd_per_month: by how much the profiles' errors change that saving at the point where the order
            reverses (``difference.turn``); None if no such point is known.
        sure: how certain it is that this region is more expensive; for the cheapest, that no other is cheaper.
        price_age_days: days since the fleet's oldest price was known to be true.
        prices_apart_days: days between that date and the cheapest region's.
    """

    premium_fraction: float
    premium_with_spare_fraction: float | None = field(metadata={"schema": {"minimum": None}})
    saving_usd_per_month: float
    profile_error_usd_per_month: float | None
    sure: Confidence
    price_age_days: int
    prices_apart_days: int


@dataclass(frozen=True, slots=True)
class AgainstBase:
    """One region against the one that ``--against`` names, such as the region that runs today.

    Attributes:
        difference_fraction: by what fraction it costs more than the base; negative where it costs less.
        difference_usd_per_month: by how much it costs more than the base, USD/month; negative where it costs less.
        with_spare_difference_fraction: difference_fraction where both must survive losing any one instance; None where
            either has no such fleet.
        with_spare_difference_usd_per_month: the same in USD/month.
        sure: how certain it is which of the two costs more.
        prices_apart_days: days between the dates of the two fleets' oldest prices.
        order: why that is certain, or where it turns; None for the base itself.
    """

    difference_fraction: float = field(metadata={"schema": {"minimum": None}})
    difference_usd_per_month: float = field(metadata={"schema": {"minimum": None}})
    with_spare_difference_fraction: float | None = field(metadata={"schema": {"minimum": None}})
    with_spare_difference_usd_per_month: float | None = field(metadata={"schema": {"minimum": None}})
    sure: Confidence
    prices_apart_days: int
    order: CostOrder | None = None


@dataclass(frozen=True, order=True, slots=True)
class RegionName:
    """A region by provider and name, since two providers may use the same name."""

    provider: str
    region: str


@dataclass(frozen=True, slots=True)
class FirstRank:
    """Which regions compete for the first rank.

    Attributes:
        ties: the cheapest region and all that may be cheaper or cost the same, cheapest first.
        level: whether all of ``ties`` cost the same.
        spread_fraction: by what fraction the most expensive of ``ties`` costs more than the cheapest.
        prices_apart_days: days between the oldest and the newest price date among ``ties``; 0 if they agree.
        with_spare: regions that cost less than the cheapest where both must survive losing any one instance.
        unproven: regions where the search stopped early or found nothing in time, which may cost less than the
            cheapest, as requested or where both must survive losing any one instance.
    """

    ties: tuple[RegionName, ...]
    level: bool
    spread_fraction: float
    prices_apart_days: int
    with_spare: tuple[RegionName, ...]
    unproven: tuple[RegionName, ...]

    @property
    def clear(self) -> bool:
        """True if only regions of exactly the same cost compete for the first rank."""
        return self.level and not self.with_spare and not self.unproven
