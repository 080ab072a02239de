"""One question, bought in each way that there is a price for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from melange_cloud.domain.comparison import Confidence, CostOrder
from melange_cloud.domain.problem import Status


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """The cheapest fleet for a region's question under one purchase, solved in its own right.

    Money is USD. A commitment is billed for every hour of the month, used or not.

    Attributes:
        purchase: one of PURCHASES.
        contracts: what is signed (``RI 1y standard no upfront``, ``CUD 1y``); empty for on demand and spot.
        status, reason: why there is no fleet: ``unknown`` is no data, or nothing found in time.
        lower_bound_usd_per_hour: no fleet under this purchase can cost less.
        billed_hours_per_month: the question's hours per month; for a commitment never those of a part of a month.
        usd_per_month: usd_per_hour x billed_hours_per_month.
        instances: by instance type.
        saving_usd_per_month: against the cheapest fleet on demand; negative where it is dearer, None for on demand
            itself and where either is not known.
        sure: how sure that difference is; None where there is none.
        difference: why it is sure, or where it turns; None where there is none.
        profile_error_usd_per_month: by how much that difference moves where the order turns within the profiles'
            errors; None where no such point is known.
        prices_apart_days: between the dates of the oldest price of either fleet.
        on_demand_usd_per_hour: the same fleet bought on demand; None where a price of it is not known.
        break_even_fraction: usd_per_hour / on_demand_usd_per_hour: the part of the month that this fleet must run for
            the commitment to beat on demand; above 1 it never does. None where it is no commitment.
        break_even_hours_per_month: the same in hours of the billed month.
        break_even_of_cheapest_fraction, break_even_of_cheapest_hours_per_month: the same against the cheapest fleet on
            demand, which may be another one: never earlier than against the same fleet, and as sure as ``sure`` says.
        spare: instances kept in reserve: those of the question, and at least one on spot.
        without_price: instance types that are sold on demand here and have no price known for this purchase; the fleet
            is the cheapest of those with one.
        price_as_of_to: until when the fleet's oldest price was known to be true.
    """

    purchase: str
    contracts: tuple[str, ...]
    status: Status
    reason: str
    solver: str
    usd_per_hour: float | None
    lower_bound_usd_per_hour: float | None
    billed_hours_per_month: float
    usd_per_month: float | None
    instances: Mapping[str, int]
    saving_usd_per_month: float | None
    sure: Confidence | None
    profile_error_usd_per_month: float | None
    prices_apart_days: int | None
    on_demand_usd_per_hour: float | None
    break_even_fraction: float | None
    break_even_hours_per_month: float | None
    break_even_of_cheapest_fraction: float | None
    break_even_of_cheapest_hours_per_month: float | None
    without_price: tuple[str, ...]
    spare: int
    price_as_of_to: date | None
    difference: CostOrder | None = None
