"""Whose runs they are: model, precision, GPU and tensor parallel degree from options and from what the results say."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from melange_cloud.domain import GPUS
from melange_cloud.errors import BadInput
from melange_cloud.profiles.library import find_era, find_gpus, find_model, resolve_precision
from melange_cloud.profiles.own import plain_name
from melange_cloud.profiles.runs import BenchmarkRun
from melange_cloud.profiles.spec_files import load_gpus
from melange_cloud.profiles.specs import PRECISIONS, TENSOR_PARALLEL_DEGREES

_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "auto": "", "none": ""}
_DEGREE_LABELS = ("tp", "tensor_parallel", "tensor_parallel_size")
_DATA_SHEET_TOLERANCE = 0.9


@dataclass(frozen=True, slots=True)
class Attribution:
    """What runs are a profile of; ``model`` is a shipped model's name, or a plain name of another."""

    model: str
    precision: str
    gpu: str
    tensor_parallel: int
    era: str


def attribute(
    runs: Sequence[BenchmarkRun],
    *,
    gpu: str | None = None,
    tensor_parallel: int | None = None,
    model: str | None = None,
    precision: str | None = None,
    era: str | None = None,
) -> Attribution:
    """Options first; what is not given is taken from the labels in the results (``--metadata gpu=A10G``).

    Raises:
        BadInput: something is missing, or options and results, or results among themselves, contradict each other.
    """
    name = _model(runs, model)
    found_gpu = _one("--gpu", None if gpu is None else find_gpus([gpu])[0], _labels(runs, ("gpu",)), _known_gpu)
    if found_gpu is None:
        raise BadInput(f"--gpu: the results do not say which GPU was measured; give one of {', '.join(GPUS)}")
    degree = _one("--tp", None if tensor_parallel is None else str(tensor_parallel), _labels(runs, _DEGREE_LABELS), str)
    if degree is None:
        raise BadInput("--tp: the results do not say how many GPUs a replica had; give it, such as --tp 1")
    if degree not in map(str, TENSOR_PARALLEL_DEGREES):
        raise BadInput(f"--tp {degree}: profiles have {', '.join(map(str, TENSOR_PARALLEL_DEGREES))}")
    found_era = find_era(_one("--era", era, _labels(runs, ("era",)), str)).name
    held = _one("--precision", precision and _precision(precision), _labels(runs, ("precision", "dtype")), _precision)
    found = Attribution(name, _resolved_precision(name, held, found_era), found_gpu, int(degree), found_era)
    _refuse_impossible(runs, found)
    return found


def _model(runs: Sequence[BenchmarkRun], asked: str | None) -> str:
    named = dict.fromkeys(_canonical(run.model) for run in runs if run.model)
    if len(named) > 1:
        raise BadInput(f"the results are of several models, {', '.join(named)}: import them one by one")
    said = next(iter(named), None)
    if asked is None:
        if said is None:
            raise BadInput("--model: the results do not name their model; give it, such as --model llama-3.1-8b")
        return said
    wanted = _canonical(asked)
    # A name that is no model we know may be what the server called it.
    if said is not None and said != wanted and _is_shipped(said):
        raise BadInput(f"--model {asked}: the results are of {said}")
    return wanted


def _canonical(model: str) -> str:
    return find_model(model).name if _is_shipped(model) else plain_name(model)


def _is_shipped(model: str) -> bool:
    try:
        find_model(model)
    except BadInput:
        return False
    return True


def _labels(runs: Iterable[BenchmarkRun], keys: tuple[str, ...]) -> list[str]:
    return [value for run in runs for key, value in run.labels if key in keys and value]


def _one(option: str, asked: str | None, labels: Sequence[str], plain: Callable[[str], str]) -> str | None:
    """The option, else what the labels agree on."""
    said = [word for word in dict.fromkeys(plain(label) for label in labels) if word]
    if len(said) > 1:
        raise BadInput(f"{option}: the results contradict each other, {' and '.join(said)}: import them one by one")
    if asked is not None and said and said[0] != asked:
        raise BadInput(f"{option} {asked}: the results say {said[0]}")
    return asked if asked is not None else next(iter(said), None)


def _known_gpu(label: str) -> str:
    """``NVIDIA A100-SXM4-80GB`` is A100-80GB; as it stands where it is none of GPUS."""
    words = re.findall(r"[A-Z]+\d+[A-Z]*|\d+", label.upper())
    for gpu in GPUS:
        wanted = re.findall(r"[A-Z]+\d+[A-Z]*|\d+", gpu.upper())
        if all(word in words or f"{word}GB" in words for word in wanted):
            return gpu
    return label


def _precision(label: str) -> str:
    word = label.lower()
    return _DTYPES.get(word, word)


def _resolved_precision(model: str, precision: str | None, era: str) -> str:
    if _is_shipped(model) and (precision is None or precision in PRECISIONS):
        try:
            return resolve_precision(model, era, precision)
        except BadInput:
            return precision or find_model(model).native_precision
    if precision is None:
        raise BadInput(f"--precision: {model} is not a model we know; give the precision of its weights, such as bf16")
    return plain_name(precision)


def _refuse_impossible(runs: Iterable[BenchmarkRun], found: Attribution) -> None:
    """No engine makes a token before it has read all weights once."""
    gpu = load_gpus().get(found.gpu)
    if gpu is None or not _is_shipped(found.model) or found.precision not in PRECISIONS:
        return
    weight_bytes = find_model(found.model).weight_bytes(found.precision)
    read_ms = 1e-6 * weight_bytes / (found.tensor_parallel * gpu.bandwidth_gb_per_s)
    for run in runs:
        if run.tpot_ms is not None and run.tpot_ms < _DATA_SHEET_TOLERANCE * read_ms:
            raise BadInput(
                f"{run.source}: {run.tpot_ms:.3g} ms per output token, but {found.gpu} at --tp {found.tensor_parallel} "
                f"needs {read_ms:.3g} ms to read the {found.precision} weights of {found.model} once: check --gpu, "
                "--tp, --precision and --model (speculative decoding has no profile)"
            )
