"""How the cheapest fleet changes with one quantity. Money is USD per hour."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from melange_cloud.domain.displayed import Displayed
from melange_cloud.domain.problem import Status
from melange_cloud.domain.question import PlanBasis
from melange_cloud.errors import echoed


@dataclass(frozen=True, slots=True)
class Stretch:
    """A range of one quantity over which one fleet stays the cheapest.

    Attributes:
        low: where it begins.
        high: where it ends.
        fleet_usd_per_hour_at_low: cost at its beginning, USD/h; None without a fleet. It differs from the cost at the
            end only if the quantity is a price.
        fleet_usd_per_hour_at_high: cost at its end, USD/h; None without a fleet.
    """

    low: float
    high: float
    status: Status
    instances: Mapping[str, int]
    fleet_usd_per_hour_at_low: float | None = field(metadata={"key": "usd_per_hour_at_low"})
    fleet_usd_per_hour_at_high: float | None = field(metadata={"key": "usd_per_hour_at_high"})
    reason: str = ""

    def fleet_usd_per_hour(self, at: float) -> float | None:
        """The cost at a value of the quantity within the stretch, USD/h."""
        if self.fleet_usd_per_hour_at_low is None or self.fleet_usd_per_hour_at_high is None:
            return None
        if self.high == self.low:
            return self.fleet_usd_per_hour_at_low
        part = (at - self.low) / (self.high - self.low)
        return self.fleet_usd_per_hour_at_low + part * (
            self.fleet_usd_per_hour_at_high - self.fleet_usd_per_hour_at_low
        )


@dataclass(frozen=True, slots=True)
class SweepChoice:
    """The cheapest fleet under one of several choices, such as a router.

    Attributes:
        name: the choice.
    """

    name: str
    status: Status
    instances: Mapping[str, int]
    fleet_usd_per_hour: float | None = field(metadata={"key": "usd_per_hour"})
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """The effect of one quantity on the cheapest fleet.

    Attributes:
        over: ``rate``, ``tpot``, ``price``, ``throughput`` or ``router``.
        gpu: whose price or throughput; empty for the others.
        unit: of the quantity: ``requests/s``, ``ms``, ``times``.
        asked: the value in the plan; None for a router.
        low, high: the requested range; None for a router.
        error: by what fraction the throughput of its least certain size may be higher, from its profile; None for the
            others. A plan's figure weights all sizes by load.
        error_down: by what fraction it may be lower; None for the others.
        step: if two changes are within this fraction of the quantity, one may be missed.
        stretches: low to high without gaps; empty for a router.
        singles: the same for each GPU alone, at any degrees, by its name.
        better, worse: the stretches with every profile at the high and at the low end of its error; of a rate and a
            price only, and empty where the fleet changes more often than is computed.
        choices: the routers.
    """

    over: str = field(metadata={"schema": {"enum": ["rate", "tpot", "price", "throughput", "router"]}})
    gpu: str = field(metadata={"schema": {"minLength": None}})
    unit: str
    asked: float | None
    low: float | None
    high: float | None
    error: float | None
    error_down: float | None
    step: float
    stretches: tuple[Stretch, ...]
    singles: Mapping[str, tuple[Stretch, ...]]
    better: tuple[Stretch, ...]
    worse: tuple[Stretch, ...]
    choices: tuple[SweepChoice, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Sensitivity(Displayed):
    """One region's question, with one quantity varied.

    Attributes:
        generated_at: when, UTC.
        basis: the question, defaults filled in.
        price_as_of: the dates of the prices in words.
        sweep: what the quantity does to the cheapest fleet.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    defaulted: tuple[str, ...]
    basis: PlanBasis = field(metadata={"key": "request"})
    provider: str
    region: str
    place: str
    price_as_of: str
    sweep: Sweep

    def __repr__(self) -> str:
        swept = self.sweep
        over = f"{swept.over} of {echoed(swept.gpu)}" if swept.gpu else swept.over
        span = "" if swept.low is None or swept.high is None else f" from {swept.low:g} to {swept.high:g} {swept.unit}"
        where = f"{echoed(self.provider)} {echoed(self.region)}"
        return f"<Sensitivity {where}: {over}{span}, {len(swept.stretches) or len(swept.choices):,} fleets>"
