"""How the search for the cheapest fleet ended: with a cost, or with a reason."""

from dataclasses import dataclass, field

from melange_cloud.domain.problem import Status


@dataclass(frozen=True, slots=True)
class FleetOutcome:
    """What the cheapest fleet costs in an hour, or why there is none.

    Attributes:
        reason: why there is no fleet; empty where there is one.
        fleet_usd_per_hour: cost of the fleet, USD/h; None without one.
    """

    status: Status
    reason: str
    solver: str
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
