"""Which GPUs there are, where each is for rent, at which price, and which models fit: what ``gpus`` answers.

Field names are those of the JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from melange_cloud.domain.offers import Availability, PriceProvenance


@dataclass(frozen=True, slots=True)
class GpuPrice:
    """The cheapest price of a GPU in one region, bought one way; the others of the region are in ``prices list``.

    What may not be sold that way is taken only where nothing else has a price.

    Attributes:
        usd_per_gpu_hour: net price of the instance / its GPUs, USD/h.
        instance_type: the vendor's name of the instance type whose price it is.
        gpu_count: its GPUs, which are rented together.
        vcpus: its vCPUs, which is what AWS's quotas count.
        host_memory_gib: its own memory, GiB.
        usd_per_hour_each: net price of the instance, USD/h, any upfront part spread over the term.
        availability: how it can be had, as far as is known.
        quota: the account quota that it draws on, by the vendor's own name; empty if none is known. What an account was
            granted is not known here.
        contract: what is signed; empty for on demand and spot.
        gpu_counts: GPUs per instance of the instance types with this GPU that have a price here and are sold as the
            listed one is, smallest first.
    """

    gpu: str
    provider: str
    region: str
    place: str
    purchase: str
    usd_per_gpu_hour: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    instance_type: str
    gpu_count: int
    vcpus: int
    host_memory_gib: float
    usd_per_hour_each: float
    availability: Availability
    quota: str
    contract: str
    gpu_counts: tuple[int, ...]
    price: PriceProvenance = field(metadata={"flat": True})


@dataclass(frozen=True, slots=True)
class MissingGpuPrice:
    """A GPU without a price in a region that was asked for.

    Attributes:
        reason: why there is none, as far as is known.
    """

    gpu: str
    provider: str
    region: str
    reason: str


@dataclass(frozen=True, slots=True)
class ModelFit:
    """Whether a GPU can serve a model.

    Attributes:
        model: the model.
        precision: precision of the weights.
        tensor_parallel: how many GPUs a replica may span, the fewest first; empty if the GPU has no profile.
        reason: why there is no profile; empty if there is one.
    """

    model: str
    precision: str
    tensor_parallel: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class KnownGpu:
    """A GPU that melange-cloud plans with.

    Attributes:
        memory_gib: memory as sold, GiB.
        bandwidth_gb_per_s: memory bandwidth, GB/s.
        fp8: whether it computes in fp8.
        instance_types: provider -> instance type -> its GPUs.
        models: the models of the list, each with the degrees that fit.
    """

    gpu: str
    memory_gib: float
    bandwidth_gb_per_s: float
    fp8: bool
    instance_types: Mapping[str, Mapping[str, int]]
    models: tuple[ModelFit, ...]


@dataclass(frozen=True, slots=True)
class GpuList:
    """All of it.

    Attributes:
        generated_at: when the list was made, UTC.
        purchases: how instances are bought, of the prices listed.
        model: the model that was asked for; None: every shipped one is listed.
        model_source: whose profiles say what fits: shipped, own (measured or saved by the user) or config.
        era: engine era of the profiles.
        host_memory_floor_gib: least host memory of the instances whose prices are listed, GiB: that of the model's
            weights and what loading takes; 0 if no model was asked for.
        regions_named: whether regions were asked for by name.
        gpus: what each GPU is.
        prices: by GPU, then cheapest first.
        no_price: GPUs without any price in a region of the question.
    """

    generated_at: datetime
    notices: tuple[str, ...]
    purchases: tuple[str, ...]
    model: str | None
    model_source: str = field(metadata={"schema": {"enum": ["shipped", "own", "config"]}})
    era: str
    host_memory_floor_gib: float
    regions_named: bool
    gpus: tuple[KnownGpu, ...]
    prices: tuple[GpuPrice, ...]
    no_price: tuple[MissingGpuPrice, ...]
