"""Attributes runs to a model, precision, GPU and tensor parallel degree, from options and from the results."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import GPUS
from melange_cloud.errors import BadInput, echoed
from melange_cloud.estimator.spec_files import load_eras, load_gpus
from melange_cloud.estimator.specs import PRECISIONS, TENSOR_PARALLEL_DEGREES
from melange_cloud.profiles.attribution.held_precision import SIXTEEN_BIT, held_precision, labels_of_runs, one_of
from melange_cloud.profiles.attribution.model_names import (
    dense_parameters,
)
from melange_cloud.profiles.attribution.named_model import is_shipped, named_model
from melange_cloud.profiles.attribution.possible import MeasuredReplica, impossible
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.lookup import find_era, find_gpus, find_model, resolve_precision
from melange_cloud.profiles.user_profiles import plain_name

_DEGREE_LABELS = ("tp", "tensor_parallel", "tensor_parallel_size", "tp_size")
_GPU_LABELS = ("gpu", "gpu_name", "gpu_type", "gpu_model", "accelerator", "hardware")
_CACHE_DTYPE = re.compile(r"auto|bfloat16|float16|half|bf16|fp16|int8|fp8[a-z0-9_]{0,20}")
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Attribution:
    """What runs are a profile of; ``model`` is a shipped model's name or the plain name of another.

    ``notes`` says which of these the results call something else.
    """

    model: str
    precision: str
    gpu: str
    tensor_parallel: int
    era: str
    notes: tuple[str, ...] = ()


def attribute(
    runs: Sequence[BenchmarkRun],
    *,
    gpu: str | None = None,
    tensor_parallel: int | None = None,
    model: str | None = None,
    precision: str | None = None,
    era: str | None = None,
    result_model: str | None = None,
    kv_cache_dtype: str | None = None,
) -> Attribution:
    """Attribute runs: options take precedence over labels in the results (``--metadata gpu=A10G``).

    Args:
        result_model: the model's name in the results, to confirm that it means ``model``.
        kv_cache_dtype: data type of the KV cache, such as fp8; None uses the results', or else the era's.

    Raises:
        BadInput: something is missing, options and results (or the results themselves) contradict each other, or a
            run is faster than the GPU can be.
    """
    notes: list[str] = []
    name = named_model(runs, model, result_model, notes)
    found_gpu = _gpu(runs, gpu)
    degrees = [_whole(label) for label in labels_of_runs(runs, _DEGREE_LABELS)]
    degree = one_of("--tp", None if tensor_parallel is None else str(tensor_parallel), degrees, str)
    if degree is None:
        raise BadInput("--tp: the results do not say how many GPUs a replica had; say so, such as --tp 1")
    if degree not in map(str, TENSOR_PARALLEL_DEGREES):
        raise BadInput(f"--tp {degree}: not supported; use {', '.join(map(str, TENSOR_PARALLEL_DEGREES))}")
    found_era = find_era(one_of("--era", era, labels_of_runs(runs, ("era",)), str)).name
    held = held_precision(runs, precision)
    if kv_cache_dtype is not None and not _CACHE_DTYPE.fullmatch(kv_cache_dtype.strip().lower()):
        raise BadInput(f"--kv-cache-dtype {echoed(kv_cache_dtype)}: give auto, bf16, fp16, fp8 or int8")
    cache = one_of(
        "--kv-cache-dtype",
        kv_cache_dtype and _cache_dtype(kv_cache_dtype),
        labels_of_runs(runs, ("kv_cache_dtype",)),
        _cache_dtype,
    )
    resolved = _resolved_precision(name, held, found_era)
    found = Attribution(name, resolved, found_gpu, int(degree), found_era)
    _refuse_impossible(runs, found, cache)
    return replace(found, notes=(*notes, *_doubtful_by_name(runs, found)))


def _gpu(runs: Sequence[BenchmarkRun], asked: str | None) -> str:
    wanted = None if asked is None else find_gpus([asked])[0]
    labels = labels_of_runs(runs, _GPU_LABELS)
    if wanted is not None:  # "A100" may be either of the two
        labels = [label for label in labels if not wanted.startswith(f"{label.strip().upper()}-")]
    found = one_of("--gpu", wanted, labels, _known_gpu)
    if found is None:
        raise BadInput(f"--gpu: the results do not say which GPU was measured; give one of {', '.join(GPUS)}")
    return find_gpus([found])[0]


def _whole(label: str) -> str:
    return label.removesuffix(".0")


def _cache_dtype(label: str) -> str:
    word = label.strip().lower()
    return "" if word in ("auto", "none", "") else word


def _known_gpu(label: str) -> str:
    """A100-80GB for ``NVIDIA A100-SXM4-80GB``; unchanged if it is not one of GPUS."""
    words = re.findall(r"[A-Z]+\d+[A-Z]*|\d+", label.upper())
    for gpu in GPUS:
        wanted = re.findall(r"[A-Z]+\d+[A-Z]*|\d+", gpu.upper())
        if all(word in words or f"{word}GB" in words for word in wanted):
            return gpu
    return label


def _resolved_precision(model: str, precision: str | None, era: str) -> str:
    if is_shipped(model) and (precision is None or precision in PRECISIONS):
        try:
            return resolve_precision(model, era, precision)
        except BadInput:
            return precision or find_model(model).native_precision
    if precision is None:
        raise BadInput(f"--precision: unknown model {model}; give the precision of its weights, such as bf16")
    return plain_name(precision)


def measured_by(found: Attribution, kv_cache_dtype: str | None = None) -> MeasuredReplica | None:
    """What the runs were measured on, for the bounds; None if the model is unknown."""
    gpu = load_gpus().get(found.gpu)
    if gpu is None or not is_shipped(found.model):
        return None
    element_bytes = load_eras()[found.era].cache_bytes_per_element(found.precision)
    if kv_cache_dtype is not None:
        element_bytes = 1 if "8" in kv_cache_dtype else 2
    elif found.precision not in PRECISIONS:
        element_bytes = 1
    return MeasuredReplica(find_model(found.model), gpu, found.tensor_parallel, found.precision, element_bytes)


def _doubtful_by_name(runs: Sequence[BenchmarkRun], found: Attribution) -> list[str]:
    """For an unknown model, the runs that are too fast for the size in its name: doubts, since names prove nothing."""
    parameters = None if is_shipped(found.model) else dense_parameters(found.model)
    if parameters is None:
        return []
    tflops = found.tensor_parallel * load_gpus()[found.gpu].fp16_tflops * (1 if found.precision in SIXTEEN_BIT else 2)
    for run in runs:
        needed = 2e-12 * parameters * run.requests_per_s * (run.input_tokens + run.output_tokens)
        if needed > tflops:
            return [
                f"{run.source}: {run.requests_per_s:.3g} requests/s with {parameters / 1e9:g} billion parameters (from "
                f"the model's name) need {needed:,.0f} TFLOP/s, but {found.gpu} at --tp "
                f"{found.tensor_parallel} has {tflops:,.0f}: check --gpu, --tp and --model"
            ]
    return []


def _refuse_impossible(runs: Sequence[BenchmarkRun], found: Attribution, kv_cache_dtype: str | None) -> None:
    reasons = impossible(runs, measured_by(found, kv_cache_dtype))
    if reasons:
        more = [f"... and {len(reasons) - _SHOWN} more runs"] if len(reasons) > _SHOWN else []
        raise BadInput("\n".join([*reasons[:_SHOWN], *more]))
