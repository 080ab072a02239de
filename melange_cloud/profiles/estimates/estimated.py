"""Estimates the profile of one replica of a model known only from its config."""

from dataclasses import dataclass, replace

from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.errors import BadInput, echoed
from melange_cloud.estimator.config_json import ConfigModel
from melange_cloud.estimator.families import FAMILIES
from melange_cloud.estimator.replica import Replica
from melange_cloud.estimator.spec_files import load_calibrations, load_gpus
from melange_cloud.estimator.specs import PRECISIONS, TENSOR_PARALLEL_DEGREES, Calibration, Era, Gpu
from melange_cloud.inputs.suggestions import slip_or_not_supported
from melange_cloud.profiles.estimates.estimate_table import (
    EstimateOrigin,
    EstimateTable,
    estimate_table,
    replica_of,
)
from melange_cloud.profiles.lookup import find_era, find_gpus, plain_precision

BEST_GRADE_UNMEASURED = "C"
"""The best grade of an estimate for a family without any measured model."""


def estimated_profile(
    model: ConfigModel,
    gpu: str,
    *,
    tensor_parallel: int | None = None,
    precision: str | None = None,
    era: str | None = None,
    engine: str = MEAN_OF_ENGINES,
) -> EstimateTable:
    """The profile of one replica.

    Args:
        gpu: one of GPUS, in any case.
        tensor_parallel: GPUs of the replica; None is the smallest number that fits.
        precision: of the weights; None uses the config's.
        era: engine era; None is today's.
        engine: as ``resolve_engine`` gives it.

    Raises:
        BadInput: the replica is impossible; the message says why and what would work.
    """
    asked = _asked(model, gpu, precision, era, engine)
    return _table(model, asked, (_degree(model, asked, tensor_parallel),))


class NotEstimated(BadInput):
    """A GPU that a model is not estimated on; the message says why and what would do.

    Attributes:
        reason: why, in few words without the names of model and GPU, as one of several GPUs' reasons; with another
            precision, where that would do.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def estimated_at_every_degree(
    model: ConfigModel,
    gpu: str,
    *,
    precision: str | None = None,
    era: str | None = None,
    engine: str = MEAN_OF_ENGINES,
) -> tuple[EstimateTable, dict[int, str]]:
    """The profiles of all degrees at which the model fits, and by degree why the others do not exist.

    Args:
        engine: as ``resolve_engine`` gives it.

    Raises:
        NotEstimated: there is none, or the GPU does not have the precision.
        BadInput: the era cannot be estimated at this precision.
    """
    asked = _asked(model, gpu, precision, era, engine)
    least = _degree(model, asked, None)
    reasons = {
        degree: asked.replica(model, degree).refusal
        if model.splits_over(degree)
        else f"{model.name} does not split evenly over {degree} GPUs"
        for degree in TENSOR_PARALLEL_DEGREES
    }
    fitting = tuple(degree for degree, reason in reasons.items() if degree >= least and not reason)
    return _table(model, asked, fitting), {degree: reason for degree, reason in reasons.items() if reason}


@dataclass(frozen=True, slots=True)
class _Asked:
    """GPU, era, precision, constants and engine, checked."""

    sheet: Gpu
    era: Era
    precision: str
    constants: Calibration
    engine: str

    def replica(self, model: ConfigModel, degree: int) -> Replica:
        return replica_of(model, self.sheet, degree, self.era, self.precision, self.constants, engine=self.engine)


def _asked(model: ConfigModel, gpu: str, precision: str | None, era: str | None, engine: str) -> _Asked:
    (name,) = find_gpus([gpu])
    sheet, where = load_gpus()[name], find_era(era)
    wanted = wanted_precision(model, precision)
    if sheet.peak_tflops(wanted) is None:
        raise NotEstimated(f"{name} does not support {wanted}: use --precision bf16 or another GPU", f"no {wanted}")
    constants = load_calibrations().get((name, where.name, "fp8" if wanted == "fp8" else "fp16"))
    if constants is None:
        raise BadInput(f"the estimator has no constants for {name} at {wanted} in era {where.name}: try another --era")
    return _Asked(sheet, where, wanted, constants, engine)


def wanted_precision(model: ConfigModel, precision: str | None) -> str:
    """The requested precision; None uses the config's.

    Raises:
        BadInput: it does not exist.
    """
    wanted = plain_precision(precision or model.native_precision)
    if wanted not in PRECISIONS:
        raise BadInput(f"--precision {echoed(precision)}: {slip_or_not_supported(wanted, PRECISIONS)}")
    return wanted


def _table(model: ConfigModel, asked: _Asked, degrees: tuple[int, ...]) -> EstimateTable:
    era = replace(asked.era, tensor_parallel=degrees, fewest_gpus=False)
    origin = EstimateOrigin(
        measured="this model was not measured",
        best_grade="A" if FAMILIES[model.family].measured else BEST_GRADE_UNMEASURED,
        made_by="melange-cloud profiles estimate",
    )
    table = estimate_table(
        model, asked.sheet, era, asked.precision, asked.constants, engine=asked.engine, origin=origin
    )
    if table is None:
        raise ValueError(f"{model.name} fits on {degrees} x {asked.sheet.name} but has no profile")
    return table


def _degree(model: ConfigModel, asked: _Asked, wanted: int | None) -> int:
    """Check the tensor parallel degree: it must divide the heads, and weights and some cache must fit."""
    splits = [degree for degree in TENSOR_PARALLEL_DEGREES if model.splits_over(degree)]
    if wanted is not None and wanted not in splits:
        why = (
            f"only {', '.join(map(str, TENSOR_PARALLEL_DEGREES))} can be estimated"
            if wanted not in TENSOR_PARALLEL_DEGREES
            else f"does not split the {model.heads} attention heads, {model.kv_heads} KV heads and "
            f"{model.intermediate:,} feed-forward columns of {model.name} evenly; use {', '.join(map(str, splits))}"
        )
        raise BadInput(f"--tp {wanted}: {why}")

    def refusal(degree: int) -> str:
        return asked.replica(model, degree).refusal

    fitting = [degree for degree in splits if not refusal(degree)]
    if wanted is None and fitting:
        return fitting[0]
    degree = splits[-1] if wanted is None else wanted
    if degree in fitting:
        return degree
    smaller = _smaller_format(model, asked, degree)
    more = [other for other in fitting if other > degree]
    cure = f"use --tp {more[0]}" if more else "more GPUs of one instance do not help: use a larger GPU"
    replica = asked.replica(model, degree)
    outcome = "do not fit" if replica.cache_bytes <= 0 else "leave too little room"
    on = f"{degree} GPUs" if degree > 1 else "one GPU"
    reason = f"{model.weight_gib(asked.precision):,.1f} GiB of {asked.precision} weights {outcome} on {on}"
    raise NotEstimated(
        f"{model.name}: {replica.refusal}; {cure}{f' or {smaller}' if smaller else ''}",
        f"{reason}; use {smaller}" if smaller else reason,
    )


def _smaller_format(model: ConfigModel, asked: _Asked, degree: int) -> str:
    """``--precision fp8`` if the replica fits with it, else empty."""
    constants = load_calibrations().get((asked.sheet.name, asked.era.name, "fp8"))
    if asked.precision == "fp8" or asked.sheet.fp8_tflops is None or constants is None:
        return ""
    smaller = replace(asked, precision="fp8", constants=constants)
    return "" if smaller.replica(model, degree).refusal else "--precision fp8"
