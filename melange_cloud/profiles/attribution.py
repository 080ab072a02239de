"""Whose runs they are: model, precision, GPU and tensor parallel degree from options and from what the results say."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from melange_cloud.domain import GPUS
from melange_cloud.errors import BadInput, echoed
from melange_cloud.profiles.library import find_era, find_gpus, find_model, resolve_precision
from melange_cloud.profiles.model_names import (
    SAME_SHAPE,
    UNNAMED,
    dense_parameters,
    differs,
    name_tells,
    precision_told,
    telling_part,
)
from melange_cloud.profiles.own import plain_name
from melange_cloud.profiles.possible import Measured, impossible
from melange_cloud.profiles.runs import BenchmarkRun
from melange_cloud.profiles.spec_files import load_eras, load_gpus
from melange_cloud.profiles.specs import PRECISIONS, TENSOR_PARALLEL_DEGREES

_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "auto": "", "none": ""}
_DEGREE_LABELS = ("tp", "tensor_parallel", "tensor_parallel_size", "tp_size")
_GPU_LABELS = ("gpu", "gpu_name", "gpu_type", "gpu_model", "accelerator", "hardware")
_QUANTIZATION_LABELS = (
    "quantization", "quantization_method", "quantization_config", "quantisation", "quant", "quant_method",
    "torchao_config", "load_format",
)  # fmt: skip
_PRECISION_LABELS = ("precision", "weight_dtype", "weights_dtype", "weight_precision")
_DTYPE_LABELS = ("dtype", "model_dtype", "torch_dtype")
_NOT_QUANTISED = frozenset(
    ("", "none", "null", "no", "false", "off", "auto", "unquantized", "unquantised", "bfloat16", "bf16", "half")
)
_LOADS_AS_IT_IS = frozenset(("safetensors", "pt", "dummy", "npcache", "sharded_state", "tensorizer", "mistral"))
_OF_BITS = {
    "int4": ("awq", "gptq", "bnb", "nf4", "gguf", "hqq", "exl2", "fp4"),
    "int8": ("gptq", "bnb", "gguf", "hqq"),
}
_CACHE_DTYPE = re.compile(r"auto|bfloat16|float16|half|bf16|fp16|int8|fp8[a-z0-9_]{0,20}")
_TOKENIZERS = (
    "tokenizer_id", "tokenizer", "tokenizer_path", "server_info.tokenizer_path", "input_config.tokenizer.name",
)  # fmt: skip
_16_BIT = ("bf16", "fp16")
_LONGEST_NAME = 100
_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Attribution:
    """What runs are a profile of; ``model`` is a shipped model's name, or a plain name of another.

    ``notes`` says what of it the results call otherwise.
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
    """Options first; what is not given is taken from the labels in the results (``--metadata gpu=A10G``).

    Args:
        result_model: the name in the results, repeated where it says another model than ``model``.
        kv_cache_dtype: what the KV cache was kept in, such as fp8; None is what the results say, else the era's.

    Raises:
        BadInput: something is missing, options and results, or results among themselves, contradict each other, or the
            GPU cannot have done what a run says.
    """
    notes: list[str] = []
    name = _model(runs, model, result_model, notes)
    found_gpu = _gpu(runs, gpu)
    degrees = [_whole(label) for label in _labels(runs, _DEGREE_LABELS)]
    degree = _one("--tp", None if tensor_parallel is None else str(tensor_parallel), degrees, str)
    if degree is None:
        raise BadInput("--tp: the results do not say how many GPUs a replica had; give it, such as --tp 1")
    if degree not in map(str, TENSOR_PARALLEL_DEGREES):
        raise BadInput(f"--tp {degree}: profiles have {', '.join(map(str, TENSOR_PARALLEL_DEGREES))}")
    found_era = find_era(_one("--era", era, _labels(runs, ("era",)), str)).name
    held = _held_precision(runs, precision)
    if kv_cache_dtype is not None and not _CACHE_DTYPE.fullmatch(kv_cache_dtype.strip().lower()):
        raise BadInput(f"--kv-cache-dtype {echoed(kv_cache_dtype)}: give auto, bf16, fp16, fp8 or int8")
    cache = _one(
        "--kv-cache-dtype",
        kv_cache_dtype and _cache_dtype(kv_cache_dtype),
        _labels(runs, ("kv_cache_dtype",)),
        _cache_dtype,
    )
    resolved = _resolved_precision(name, held, found_era)
    found = Attribution(name, resolved, found_gpu, int(degree), found_era)
    _refuse_impossible(runs, found, cache)
    return replace(found, notes=(*notes, *_doubtful_by_name(runs, found)))


def _model(runs: Sequence[BenchmarkRun], asked: str | None, confirmed: str | None, notes: list[str]) -> str:
    said = list(dict.fromkeys(run.model for run in runs if run.model))
    if asked is None:
        named = [name for name in dict.fromkeys(_canonical(name) for name in said) if name]
        if len(named) > 1:
            raise BadInput(f"the results are of several models, {_listed(named)}: import them one by one")
        if not named:
            raise BadInput("--model: the results do not name their model; give it, such as --model llama-3.1-8b")
        if len(named[0]) > _LONGEST_NAME:
            raise BadInput(
                f"--model: the results' name of the model has {len(named[0]):,} characters; give a shorter one"
            )
        notes.extend(f"the results are of {echoed(name)}: {named[0]} has its shape" for name in said if _shape(name))
        _refuse_contradicted(runs, named[0], None, confirmed, notes)
        return named[0]
    plain_name(asked)  # refused where nothing is left of it
    wanted = _canonical(asked)
    for name in said:
        if _canonical(name) == wanted:
            continue
        if confirmed is not None and _is_confirmed(name, confirmed):
            notes.append(f"the results are of {echoed(name)}; taken for {wanted}, as --result-model confirms")
            continue
        other = other_model(name, asked)
        if other:
            raise BadInput(
                f"--model {echoed(asked)}: the results are of {other}; if that is what the server called {wanted}, "
                f"add --result-model '{_confirmable(name)}'"
            )
        notes.append(f"the results are of {echoed(name)}; taken for {wanted}, as --model says")
    _refuse_contradicted(runs, wanted, asked, confirmed, notes)
    others = [name for name in dict.fromkeys(map(_canonical, said)) if name != wanted]
    if len(others) > 1:
        raise BadInput(f"the results are of several models, {_listed(others)}: import them one by one")
    return wanted


def _refuse_contradicted(
    runs: Sequence[BenchmarkRun], wanted: str, asked: str | None, confirmed: str | None, notes: list[str]
) -> None:
    """Refuse runs whose other names, as that of the tokenizer, mean another model; one confirmed name is enough."""
    for run in runs:
        if (
            confirmed is not None
            and run.model
            and _canonical(run.model) != wanted
            and _is_confirmed_model(run, confirmed)
        ):
            continue
        others = [
            (field, name, other)
            for field, name in _other_names(run)
            if not (asked is not None and field in _TOKENIZERS and run.model and _canonical(run.model) == wanted)
            if (other := other_model(name, asked or wanted))
        ]
        if not others:
            continue
        if confirmed is not None and any(_is_confirmed(name, confirmed) for _, name, _ in others):
            field, name, _ = others[0]
            note = f"{field} in the results is {echoed(name)}; taken for {wanted}, as --result-model confirms"
            notes.extend([] if note in notes else [note])
            continue
        field, name, other = others[0]
        option = "--model" if asked is None else f"--model {echoed(asked)}"
        raise BadInput(
            f"{option}: {field} in the results says {other}; if they are of {wanted} all the same, add "
            f"--model {echoed(asked or wanted)} --result-model '{_confirmable(name)}'"
        )


def _is_confirmed_model(run: BenchmarkRun, confirmed: str) -> bool:
    return _is_confirmed(run.model, confirmed) and bool(name_tells(run.model).size)


def _other_names(run: BenchmarkRun) -> list[tuple[str, str]]:
    """What names the model beside its name; a tokenizer only where that leaves the size open, as models share them."""
    has_size = bool(run.model) and (bool(name_tells(run.model).size) or _is_shipped(run.model))
    return [(field, name) for field, name in run.other_names if name and not (has_size and field in _TOKENIZERS)]


def _is_confirmed(name: str, confirmed: str) -> bool:
    return plain_name(telling_part(confirmed), "") == plain_name(telling_part(name), "")


def _confirmable(name: str) -> str:
    """What to repeat: the name, or of one that is too long to be shown whole what names the model in it."""
    whole = echoed(name)
    return whole if whole == name else echoed(telling_part(name))


def other_model(said: str, asked: str) -> str:
    """The model that a name means, where it is another than the one asked for: by its name, its size or its family.

    Empty where they may be one, as where a server calls its model ``prod``.
    """
    if not said or _canonical(said) == _canonical(asked):
        return ""
    if _is_shipped(said):
        return f"{_canonical(said)} ({echoed(said)})"
    difference = differs(name_tells(said), name_tells(_canonical(asked)))
    return f"{echoed(said)} ({difference})" if difference else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(echoed(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")


def _shape(name: str) -> str | None:
    """The shipped model whose dimensions another model has; None for its own names."""
    return SAME_SHAPE.get(name_tells(name).plain)


def _canonical(model: str) -> str:
    """The shipped model of a name, whatever precision and organisation it names; else the plain name."""
    if _is_shipped(model):
        return find_model(model).name
    plain = name_tells(model).plain
    if plain and _is_shipped(plain):
        return find_model(plain).name
    return SAME_SHAPE.get(plain) or plain_name(telling_part(model), "")


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
        both = " and ".join(map(echoed, said[:5]))
        raise BadInput(f"{option}: the results contradict each other, {both}: import them one by one")
    if asked is not None and said and said[0] != asked:
        raise BadInput(f"{option} {echoed(asked)}: the results say {echoed(said[0])}")
    return asked if asked is not None else next(iter(said), None)


def _gpu(runs: Sequence[BenchmarkRun], asked: str | None) -> str:
    wanted = None if asked is None else find_gpus([asked])[0]
    labels = _labels(runs, _GPU_LABELS)
    if wanted is not None:  # "A100" leaves open which of the two it was
        labels = [label for label in labels if not wanted.startswith(f"{label.strip().upper()}-")]
    found = _one("--gpu", wanted, labels, _known_gpu)
    if found is None:
        raise BadInput(f"--gpu: the results do not say which GPU was measured; give one of {', '.join(GPUS)}")
    return find_gpus([found])[0]


def _whole(label: str) -> str:
    return label.removesuffix(".0")


def _cache_dtype(label: str) -> str:
    word = label.strip().lower()
    return "" if word in ("auto", "none", "") else word


def _held_precision(runs: Sequence[BenchmarkRun], asked: str | None) -> str | None:
    """The precision of the weights; a dtype counts where nothing else says, as it may be that of the activations."""
    told = list(dict.fromkeys(word for run in runs for word in _told_of(run)))
    if asked is None:
        _refuse_quantised_among_others(runs)
    told = told or [_precision(label) for label in _labels(runs, _DTYPE_LABELS)]
    wanted = None if asked is None else _precision(asked)
    if UNNAMED in told:
        told = [word for word in told if word != UNNAMED]
        if wanted in _16_BIT or (wanted is None and (not told or set(told) & set(_16_BIT))):
            option = "--precision" if asked is None else f"--precision {echoed(asked)}"
            raise BadInput(
                f"{option}: the results say that the weights are quantised ({_quantised_by(runs)}), but not to what; "
                "give it, such as --precision awq"
            )
    # "4 bits" and "AWQ" are one where both are said.
    told = [word for word in told if not any(other in _OF_BITS.get(word, ()) for other in (*told, wanted))]
    if wanted in _16_BIT:  # equally fast
        told = [wanted if word in _16_BIT else word for word in told]
    return _one("--precision", wanted, told, str)


def _told_of(run: BenchmarkRun) -> list[str]:
    told = [_precision(label) for label in _labels([run], _PRECISION_LABELS)]
    told += [_quantization(label) for label in _labels([run], _QUANTIZATION_LABELS)]
    told += [name_tells(name).precision for name in _names(run)]
    return [word for word in told if word]


def _refuse_quantised_among_others(runs: Sequence[BenchmarkRun]) -> None:
    """A run of ``Llama-3.1-8B-FP8`` says nothing of one of ``Llama-3.1-8B`` beside it."""
    quantised = {run.model for run in runs if set(_told_of(run)) - set(_16_BIT)}
    silent = {run.model for run in runs if run.model and not _told_of(run)} - quantised
    if quantised and silent:
        raise BadInput(
            f"--precision: the results are of several precisions, {echoed(min(quantised))} and {echoed(min(silent))}: "
            "import them one by one"
        )


def _quantised_by(runs: Sequence[BenchmarkRun]) -> str:
    """What says that weights are quantised without saying how."""
    labels = [label for label in _labels(runs, _QUANTIZATION_LABELS) if _quantization(label) == UNNAMED]
    names = [name for run in runs for name in _names(run) if name_tells(name).precision == UNNAMED]
    return echoed(next(iter((*labels, *names)), ""))


def _names(run: BenchmarkRun) -> list[str]:
    return [name for name in (run.model, *(name for _, name in _other_names(run))) if name]


def _quantization(label: str) -> str:
    """The precision of an engine's option for quantisation; UNNAMED where it says only that there is one."""
    word = label.strip().lower().removeprefix("torch.")
    if word in _NOT_QUANTISED or word in _LOADS_AS_IT_IS:
        return _DTYPES.get(word, "")
    return precision_told(word) or UNNAMED


def _known_gpu(label: str) -> str:
    """``NVIDIA A100-SXM4-80GB`` is A100-80GB; as it stands where it is none of GPUS."""
    words = re.findall(r"[A-Z]+\d+[A-Z]*|\d+", label.upper())
    for gpu in GPUS:
        wanted = re.findall(r"[A-Z]+\d+[A-Z]*|\d+", gpu.upper())
        if all(word in words or f"{word}GB" in words for word in wanted):
            return gpu
    return label


def _precision(label: str) -> str:
    word = label.strip().lower().removeprefix("torch.")
    told = _DTYPES.get(word)
    return (precision_told(word) or word) if told is None else told


def _resolved_precision(model: str, precision: str | None, era: str) -> str:
    if _is_shipped(model) and (precision is None or precision in PRECISIONS):
        try:
            return resolve_precision(model, era, precision)
        except BadInput:
            return precision or find_model(model).native_precision
    if precision is None:
        raise BadInput(f"--precision: {model} is not a model we know; give the precision of its weights, such as bf16")
    return plain_name(precision)


def measured_by(found: Attribution, kv_cache_dtype: str | None = None) -> Measured | None:
    """What the runs were measured on, as far as bounds need it; None where the model is not one we know."""
    gpu = load_gpus().get(found.gpu)
    if gpu is None or not _is_shipped(found.model):
        return None
    element_bytes = load_eras()[found.era].cache_bytes_per_element(found.precision)
    if kv_cache_dtype is not None:
        element_bytes = 1 if "8" in kv_cache_dtype else 2
    elif found.precision not in PRECISIONS:
        element_bytes = 1
    return Measured(find_model(found.model), gpu, found.tensor_parallel, found.precision, element_bytes)


def _doubtful_by_name(runs: Sequence[BenchmarkRun], found: Attribution) -> list[str]:
    """Of a model that we do not know, what its name says it cannot have done: a doubt, as a name proves nothing."""
    parameters = None if _is_shipped(found.model) else dense_parameters(found.model)
    if parameters is None:
        return []
    tflops = found.tensor_parallel * load_gpus()[found.gpu].fp16_tflops * (1 if found.precision in _16_BIT else 2)
    for run in runs:
        needed = 2e-12 * parameters * run.requests_per_s * (run.input_tokens + run.output_tokens)
        if needed > tflops:
            return [
                f"{run.source}: {run.requests_per_s:.3g} requests/s of a model with {parameters / 1e9:g} billion "
                f"parameters, as the name says, need {needed:,.0f} TFLOP/s, and {found.gpu} at --tp "
                f"{found.tensor_parallel} has {tflops:,.0f}: check --gpu, --tp and --model"
            ]
    return []


def _refuse_impossible(runs: Sequence[BenchmarkRun], found: Attribution, kv_cache_dtype: str | None) -> None:
    reasons = impossible(runs, measured_by(found, kv_cache_dtype))
    if reasons:
        more = [f"... and {len(reasons) - _SHOWN} more runs"] if len(reasons) > _SHOWN else []
        raise BadInput("\n".join([*reasons[:_SHOWN], *more]))
