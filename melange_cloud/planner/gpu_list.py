"""Which GPUs there are, where each can be rented at which price, and which models fit on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from melange_cloud import catalog, clouds, profiles
from melange_cloud.domain import GPUS, InstanceType, Kind
from melange_cloud.domain.gpu_list import GpuList, KnownGpu, ModelFit
from melange_cloud.domain.question import HOST_MEMORY_BESIDE_WEIGHTS_GIB
from melange_cloud.market.gpu_prices import gpu_prices, without_price
from melange_cloud.market.markets import snapshot_notice
from melange_cloud.market.price_query import PriceQuery, queried
from melange_cloud.profiles.profile_list import profile_list


@dataclass(frozen=True, slots=True)
class GpuQuery:
    """What is asked.

    Attributes:
        prices: which prices; its GPUs are those that are listed, all if empty.
        regions_named: whether the regions were asked for by name.
        model: only this model: shipped, or the user's own; what to call the config's. None: every shipped one.
        precision: of that model's weights; None: its own.
        era: of the profiles; None: DEFAULT_ERA.
        config: the config.json of a model that is not shipped.
    """

    prices: PriceQuery
    regions_named: bool = False
    model: str | None = None
    precision: str | None = None
    era: str | None = None
    config: Path | None = None


@dataclass(frozen=True, slots=True)
class _Fits:
    """By GPU, the models of the list; and which instances hold a replica of the only one."""

    by_gpu: Mapping[str, tuple[ModelFit, ...]]
    era: str
    model: str | None = None
    source: str = "shipped"
    host_memory_floor_gib: float = 0.0
    notes: tuple[str, ...] = ()

    def holds(self, machine: InstanceType) -> bool:
        """Whether an instance holds a replica; any does where no model is named."""
        if self.model is None:
            return True
        (fit,) = self.by_gpu[machine.gpu]
        fewest = min(fit.tensor_parallel, default=1)
        return machine.gpu_count >= fewest and machine.memory_gib >= self.host_memory_floor_gib


def gpu_list(query: GpuQuery, *, now: datetime, progress: clouds.Progress | None = None) -> GpuList:
    """The GPUs of the query with their prices.

    Raises:
        BadInput, BadFile: the model, its config, a region or the price sheet cannot be right.
        PricesUnavailable: fresh prices were required and are not to be had.
    """
    gpus = [gpu for gpu in GPUS if gpu in query.prices.gpus or not query.prices.gpus]
    fits = _every_model(query.era, gpus) if query.model is None and query.config is None else _of_one(query, gpus)
    found = queried(query.prices, now=now, progress=progress)
    prices = gpu_prices(found, now, fits.holds)
    return GpuList(
        generated_at=now,
        notices=(*snapshot_notice(found.offers, now), *fits.notes, *found.gathered.notes),
        purchases=tuple(query.prices.purchases),
        model=fits.model,
        model_source=fits.source,
        era=fits.era,
        host_memory_floor_gib=fits.host_memory_floor_gib,
        regions_named=query.regions_named,
        gpus=tuple(_known(gpu, fits) for gpu in gpus),
        prices=prices,
        no_price=without_price(found, prices, gpus, now),
    )


def _known(gpu: str, fits: _Fits) -> KnownGpu:
    facts = profiles.load_gpus()[gpu]
    types: dict[str, dict[str, int]] = {}
    for (provider, name), machine in sorted(catalog.load_instance_types().items()):
        if machine.gpu == gpu:
            types.setdefault(provider, {})[name] = machine.gpu_count
    return KnownGpu(
        gpu=gpu,
        memory_gib=facts.memory_gib,
        bandwidth_gb_per_s=facts.bandwidth_gb_per_s,
        fp8=facts.peak_tflops("fp8") is not None,
        instance_types=types,
        models=fits.by_gpu[gpu],
    )


def _every_model(era: str | None, gpus: Sequence[str]) -> _Fits:
    """The shipped models of an era."""
    where = profiles.find_era(era).name
    shipped = [held for held in profile_list().profiles if held.era == where]
    return _Fits(
        {
            gpu: tuple(
                ModelFit(held.model, held.precision, held.tensor_parallel.get(gpu, ()), held.left_out.get(gpu, ""))
                for held in shipped
            )
            for gpu in gpus
        },
        where,
    )


def _of_one(query: GpuQuery, gpus: Sequence[str]) -> _Fits:
    """One model, shipped or not."""
    if query.config is None:
        choice = profiles.choose(query.model or "", query.precision, query.era)
    else:
        choice = profiles.choose_config(query.config, query.model, query.precision, query.era)
    found, missing = profiles.load_profiles(choice.model, choice.precision, choice.era, gpus, query.config)
    fits = {gpu: (_fit(gpu, choice, found, missing),) for gpu in gpus}
    floor_gib = 0.0 if choice.weight_gib is None else choice.weight_gib + HOST_MEMORY_BESIDE_WEIGHTS_GIB
    source = "own" if choice.is_own else "shipped" if query.config is None else "config"
    return _Fits(fits, choice.era, choice.model, source, floor_gib, tuple(f"{choice.model}: {n}" for n in choice.notes))


def _fit(
    gpu: str, choice: profiles.ModelSelection, found: Mapping[Kind, object], missing: Mapping[str | Kind, str]
) -> ModelFit:
    degrees = tuple(sorted(kind.tensor_parallel for kind in found if kind.gpu == gpu))
    return ModelFit(choice.model, choice.precision, degrees, "" if degrees else missing.get(gpu, ""))
