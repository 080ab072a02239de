"""T/$ by request size or by latency target: what a replica serves for its price.

T/$ is (input + output tokens per second at MaxTput) / (USD/h of the replica), in tokens/s per USD/h; 1 of it is 3,600
tokens for a dollar. Field names are those of the JSON that ``profiles heatmap --format json`` prints.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from math import hypot

from melange_cloud.domain.displayed import Displayed
from melange_cloud.domain.offers import PriceProvenance
from melange_cloud.domain.plan import IneligibleType
from melange_cloud.errors import echoed


@dataclass(frozen=True, slots=True)
class ReplicaPrice:
    """The price of one replica of a kind: its part of the cheapest offer (per replica) that may be in a plan.

    Attributes:
        replicas_per_instance: replicas that one instance hosts.
        usd_per_instance_hour: price of the instance, USD/h.
        usd_per_replica_hour: price of one replica, USD/h: usd_per_instance_hour / replicas_per_instance.
        price: where the price of the instance comes from.
    """

    gpu: str
    tensor_parallel: int
    instance_type: str
    replicas_per_instance: int
    usd_per_instance_hour: float = field(metadata={"key": "usd_per_hour_each"})
    usd_per_replica_hour: float = field(metadata={"key": "usd_per_hour"})
    price: PriceProvenance = field(metadata={"flat": True})


@dataclass(frozen=True, slots=True)
class Yield:
    """What a GPU serves for its price, at its best tensor parallel degree.

    Attributes:
        requests_per_s: MaxTput of the size, requests/s.
        tokens_per_s: input + output tokens per second at that rate.
        tokens_per_s_per_usd_per_hour: T/$: tokens_per_s over the price of the replica, USD/h.
        grade: grade of the MaxTput: A measured, B calibrated on that GPU, C on a few points, D borrowed.
        error: by what fraction it may be higher; prices have no error here.
        error_down: by what fraction it may be lower; 1 is none at all.
        origin: measured or estimated.
        limited_by: what limits the rate: a target (tpot, p99_tpot, ttft, e2e), saturation, load or front_end.
    """

    gpu: str
    tensor_parallel: int
    requests_per_s: float
    tokens_per_s: float
    tokens_per_s_per_usd_per_hour: float
    grade: str
    error: float
    error_down: float
    origin: str
    limited_by: str = ""

    def lead_over(self, other: "Yield") -> float:
        """By what fraction of the other's T/$ this one is better; negative if it is worse."""
        return self.tokens_per_s_per_usd_per_hour / other.tokens_per_s_per_usd_per_hour - 1

    def is_clear_of(self, other: "Yield") -> bool:
        """True if the two differ by more than their profile errors, added in quadrature, can explain."""
        mine, theirs = self.tokens_per_s_per_usd_per_hour, other.tokens_per_s_per_usd_per_hour
        if mine >= theirs:
            return mine - theirs > hypot(mine * self.error_down, theirs * other.error)
        return theirs - mine > hypot(mine * self.error, theirs * other.error_down)


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One request size under one target.

    Attributes:
        input_tokens: input tokens of the request.
        output_tokens: output tokens of the request.
        tpot_ms: the target for the mean TPOT, ms; None if none is set.
        ranked: one entry per GPU that serves the size, best first.
        refused: why a GPU cannot serve it, by GPU.
    """

    input_tokens: int
    output_tokens: int
    tpot_ms: float | None
    ranked: tuple[Yield, ...]
    refused: Mapping[str, str]

    @property
    def is_clear(self) -> bool:
        """True if the best leads the second by more than their profile errors can explain."""
        return len(self.ranked) > 1 and self.ranked[0].is_clear_of(self.ranked[1])

    @property
    def contenders(self) -> tuple[str, ...]:
        """The GPUs of which any may be the best: the best estimate, then those that it does not lead clearly."""
        return tuple(one.gpu for one in self.ranked if one is self.ranked[0] or not self.ranked[0].is_clear_of(one))

    @property
    def is_clear_of_worst(self) -> bool:
        """Whether the best leads the last by more than their profile errors can explain."""
        return len(self.ranked) > 1 and self.ranked[0].is_clear_of(self.ranked[-1])

    def of(self, gpu: str) -> Yield | None:
        """The GPU's Yield; None if it cannot serve the size."""
        return next((served for served in self.ranked if served.gpu == gpu), None)


@dataclass(frozen=True, slots=True, repr=False)
class HeatMap(Displayed):
    """T/$ in one region, by request size, or by target for one size.

    Attributes:
        engine: whose speed the profiles state: vllm, sglang, tensorrt-llm, or ``mean`` of them; empty if all are the
            user's own measurements.
        tpot_ms: the target for the mean TPOT, ms; None if none is set, or if it is the varied quantity.
        over: what varies: size (one cell per size, all under one target) or tpot (one cell per target, all of one
            size).
        gpus: GPUs with both a price and a profile here, in the requested order, else in the order of GPUS.
        missing: why a GPU is not among them, by GPU.
        prices: of each of their kinds, sorted.
        cells: one per size, or per target.
        left_out: instance types that have a price but may not be in a plan.
        cached_input: share of all input tokens that comes from the engine's prefix cache, 0 to 1.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    defaulted: tuple[str, ...]
    provider: str
    region: str
    place: str
    model: str
    precision: str
    era: str
    engine: str
    purchase: str
    tpot_ms: float | None
    over: str = field(metadata={"schema": {"enum": ["size", "tpot"]}})
    gpus: tuple[str, ...]
    missing: Mapping[str, str]
    prices: tuple[ReplicaPrice, ...]
    cells: tuple[HeatCell, ...]
    left_out: tuple[IneligibleType, ...]
    api_servers: int = 1
    cached_input: float = 0.0

    def __repr__(self) -> str:
        where = f"{echoed(self.provider)} {echoed(self.region)}"
        return (
            f"<HeatMap {where}: {echoed(self.model)}, {len(self.gpus)} GPUs, {len(self.cells)} cells over {self.over}>"
        )

    @property
    def prices_as_of(self) -> tuple[date, date]:
        """The oldest and the newest date on which one of the prices was known to be true."""
        dates = [price.price.as_of_to for price in self.prices]
        return min(dates), max(dates)
