"""The cost of the cheapest fleet, or why there is none."""

from dataclasses import dataclass, field

from melange_cloud.domain.problem import Status


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """The hourly cost of the cheapest fleet, or why there is none.

    Attributes:
        reason: why there is no fleet; empty where there is one.
        fleet_usd_per_hour: cost of the fleet, USD/h; None without one.
    """

    status: Status
    reason: str
    solver: str
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})


@dataclass(frozen=True, slots=True)
class FleetCost:
    """The cost of a fleet per month and per token, with a lower bound for any other fleet.

    Attributes:
        usd_per_month: cost of the fleet in a month, USD: its cost per hour x request.hours_per_month.
        usd_per_month_range: cost, USD/month, if every profile is [better, worse] by its stated error; None at an end
            where no fleet serves the load, or none was found in time.
        fleet_lower_bound_usd_per_hour: no fleet can cost less, USD/h; None if unknown.
        usd_per_million_tokens: usd_per_month / million_tokens_per_month.
        obligation_usd: of a commitment, what is signed in all, USD: its cost per hour x 8,760 x the years of the term,
            used or not; None without a fleet, and where nothing is signed.
        million_tokens_per_month: input + output tokens in a month, millions, at the mean rate if given, otherwise at
            the peak rate; without headroom.
    """

    usd_per_month: float | None
    usd_per_month_range: tuple[float | None, float | None]
    fleet_lower_bound_usd_per_hour: float | None = field(metadata={"key": "lower_bound_usd_per_hour"})
    usd_per_million_tokens: float | None
    million_tokens_per_month: float
    obligation_usd: float | None = None
