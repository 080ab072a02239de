"""One question, bought in each way that there is a price for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from melange_cloud.domain.comparison import Confidence, CostOrder
from melange_cloud.domain.problem import Status


@dataclass(frozen=True, slots=True)
class PurchasePlan:
    """The cheapest fleet for a region's question under one purchase, solved in its own right.

    A commitment is billed for every hour of the month, used or not.

    Attributes:
        purchase: how it is bought.
        contracts: what is signed (``RI 1y standard no upfront``, ``CUD 1y``); empty for on demand and spot.
        usd_per_hour: cost of the cheapest fleet under this purchase, USD/h; None without one.
        lower_bound_usd_per_hour: no fleet under this purchase can cost less, USD/h; None where nothing is known.
        billed_hours_per_month: request.hours_per_month; for a commitment never those of a part of a month.
        usd_per_month: usd_per_hour x billed_hours_per_month.
        saving_usd_per_month: against the cheapest fleet on demand; negative where it costs more; None for on demand
            itself and where either is not known.
        sure: how sure that difference is; None where there is none.
        profile_error_usd_per_month: by how much the profiles' errors move that difference where the order turns
            (``difference.turn``); None where no such point is known.
        prices_apart_days: days between the dates of the oldest prices of the two fleets.
        on_demand_usd_per_hour: the same fleet bought on demand, USD/h; None where a price of it is not known.
        break_even_fraction: usd_per_hour / on_demand_usd_per_hour: the part of the month that the fleet must run for
            the commitment to beat on demand of the same fleet; above 1 it never does; None where it is not a
            commitment.
        break_even_hours_per_month: the same in hours of the billed month.
        break_even_of_cheapest_fraction: the same against the cheapest fleet on demand, which may be another one: never
            earlier than against the same fleet, and as sure as ``sure`` says.
        break_even_of_cheapest_hours_per_month: the same in hours of the billed month.
        without_price: instance types that are sold on demand here and have no known price for this purchase; the fleet
            is the cheapest of the others.
        spare: instances kept in reserve: those of the question, and at least one on spot.
        price_as_of_to: until when the fleet's oldest price was known to be true; None without a fleet.
        difference: why the difference from on demand is sure, or where it turns; None where there is none.
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
    saving_usd_per_month: float | None = field(metadata={"schema": {"minimum": None}})
    sure: Confidence | None
    profile_error_usd_per_month: float | None
    prices_apart_days: int | None
    on_demand_usd_per_hour: float | None
    break_even_fraction: float | None
    break_even_hours_per_month: float | None
    break_even_of_cheapest_fraction: float | None
    break_even_of_cheapest_hours_per_month: float | None
    without_price: tuple[str, ...]
    spare: int = field(metadata={"schema": {"enum": [0, 1]}})
    price_as_of_to: date | None
    difference: CostOrder | None = None
