"""One question, answered for each purchase that has a price."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from melange_cloud.domain.comparison import Confidence, CostOrder
from melange_cloud.domain.fleet import QuotaNeed
from melange_cloud.domain.fleet_context import FleetWithSpare
from melange_cloud.domain.fleet_cost import FleetOutcome
from melange_cloud.domain.offers import Availability

TERM_YEARS: Mapping[str, int] = {"commit_1y": 1, "commit_3y": 3}
"""Years for which each commitment is signed."""

HOURS_PER_YEAR = 8760
"""Hours that a commitment is billed for in each year of its term."""

RATES_APART_DAYS = 30
"""If a commitment's rates are so many days older or newer than those on demand, its saving is unknown."""


def obligation_usd(purchase: str, fleet_usd_per_hour: float | None) -> float | None:
    """What signing for a fleet costs over the whole term, USD; None where nothing is signed, or no cost is known."""
    years = TERM_YEARS.get(purchase)
    return None if years is None or fleet_usd_per_hour is None else fleet_usd_per_hour * HOURS_PER_YEAR * years


class NoSaving(StrEnum):
    """Why a purchase shows its price and no saving.

    ``rates_apart``: its rates and those on demand are dated RATES_APART_DAYS or more apart. ``one_observation``: a spot
    price is that of one moment, and says nothing of the month.
    """

    RATES_APART = "rates_apart"
    ONE_OBSERVATION = "one_observation"


@dataclass(frozen=True, slots=True)
class OnDemandComparison:
    """A fleet under another purchase compared with the cheapest fleet on demand; all None if that is impossible.

    Attributes:
        saving_usd_per_month: against the cheapest fleet on demand; negative if it costs more; None for on demand
            itself and if either cost is unknown.
        sure: how certain that difference is; None if there is none.
        profile_error_usd_per_month: by how much the profiles' errors change that difference at the point where the
            order reverses (``difference.turn``); None if no such point is known.
        prices_apart_days: days between the dates of the oldest prices of the two fleets.
        difference: why the difference from on demand is certain, or where the order reverses; None if there is none.
        rates_apart_days: most days between a rate of the fleet and one on demand that it is compared with: that of the
            same instance type, and those of the cheapest fleet on demand.
        no_saving: why saving and break-even are left out; None where they are there, or where nothing is compared.
    """

    saving_usd_per_month: float | None = field(default=None, metadata={"schema": {"minimum": None}})
    sure: Confidence | None = None
    profile_error_usd_per_month: float | None = None
    prices_apart_days: int | None = None
    difference: CostOrder | None = None
    rates_apart_days: int | None = None
    no_saving: NoSaving | None = None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """How much of the month a fleet must run for its commitment to beat on demand.

    All None without a commitment, or if its rates are too old or too new to say (``NoSaving.RATES_APART``).

    Attributes:
        fraction: usd_per_hour / on_demand_usd_per_hour: the part of the month that the fleet must run for
            the commitment to be cheaper than the same fleet on demand; above 1 it never is; None if this is not a
            commitment.
        hours_per_month: the same in hours of the billed month.
        of_cheapest_fraction: the same against the cheapest fleet on demand, which may be another one; never
            less than against the same fleet, and only as certain as ``sure`` says.
        of_cheapest_hours_per_month: the same in hours of the billed month.
    """

    fraction: float | None = field(default=None, metadata={"key": "break_even_fraction"})
    hours_per_month: float | None = field(default=None, metadata={"key": "break_even_hours_per_month"})
    of_cheapest_fraction: float | None = field(default=None, metadata={"key": "break_even_of_cheapest_fraction"})
    of_cheapest_hours_per_month: float | None = field(
        default=None, metadata={"key": "break_even_of_cheapest_hours_per_month"}
    )


@dataclass(frozen=True, slots=True)
class PurchaseCost:
    """The monthly bill of a fleet under one purchase.

    Attributes:
        fleet_lower_bound_usd_per_hour: no fleet under this purchase can cost less, USD/h; None if unknown.
        billed_hours_per_month: request.hours_per_month; a commitment is always billed for whole months.
        usd_per_month: usd_per_hour x billed_hours_per_month.
        obligation_usd: what is signed in all, USD: usd_per_hour x HOURS_PER_YEAR x the years of the term, used or not;
            None without a fleet, and where nothing is signed.
    """

    fleet_lower_bound_usd_per_hour: float | None = field(metadata={"key": "lower_bound_usd_per_hour"})
    billed_hours_per_month: float
    usd_per_month: float | None
    obligation_usd: float | None = None


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """The cheapest fleet for a region's question under one purchase, found by a solve of its own.

    A commitment is billed for every hour of the month, used or not.

    Attributes:
        purchase: how it is bought.
        contracts: the contracts to sign (``RI 1y standard no upfront``, ``CUD 1y``); empty for on demand and spot.
        outcome: hourly cost of the cheapest fleet under this purchase, or why there is none.
        cost: its monthly cost, and a lower bound of the cost of any fleet.
        on_demand_fleet_usd_per_hour: the same fleet bought on demand, USD/h; None if one of its prices is unknown.
        break_even: how long the commitment must run to pay off.
        against_on_demand: the difference from the cheapest fleet on demand.
        without_price: instance types that are sold on demand here but have no known price for this purchase; the fleet
            is the cheapest without them.
        spare: instances kept in reserve: those of the question, and at least one on spot.
        price_as_of_to: the last day on which the fleet's oldest price was known to be true; None without a fleet.
        with_spare: what the cheapest fleet that survives losing any one instance costs, the fleet itself where it keeps
            a spare; None without a fleet.
        quota_needs: account quotas that the fleet needs; not checked.
        availability: how its instances can be had, by instance type; whether any are free today is not known.
    """

    purchase: str
    contracts: tuple[str, ...]
    outcome: FleetOutcome = field(metadata={"flat": True})
    cost: PurchaseCost = field(metadata={"flat": True})
    instances: Mapping[str, int]
    on_demand_fleet_usd_per_hour: float | None = field(metadata={"key": "on_demand_usd_per_hour"})
    without_price: tuple[str, ...]
    spare: int = field(metadata={"schema": {"enum": [0, 1]}})
    price_as_of_to: date | None
    break_even: BreakEven = field(default_factory=BreakEven, metadata={"flat": True})
    against_on_demand: OnDemandComparison = field(default_factory=OnDemandComparison, metadata={"flat": True})
    with_spare: FleetWithSpare | None = None
    quota_needs: tuple[QuotaNeed, ...] = ()
    availability: Mapping[str, Availability] = field(default_factory=dict)
