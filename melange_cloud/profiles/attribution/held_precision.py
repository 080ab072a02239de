"""Finds the precision of the weights, from the option, labels and names."""

from collections.abc import Callable, Iterable, Sequence

from melange_cloud.errors import BadInput, echoed
from melange_cloud.profiles.attribution.model_names import UNNAMED, clues_of, precision_in
from melange_cloud.profiles.attribution.named_model import all_names
from melange_cloud.profiles.benchmark_run import BenchmarkRun

SIXTEEN_BIT = ("bf16", "fp16")
_DTYPES = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "auto": "", "none": ""}
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


def labels_of_runs(runs: Iterable[BenchmarkRun], keys: tuple[str, ...]) -> list[str]:
    """The values of runs under any of the labels, without empty ones."""
    return [value for run in runs for key, value in run.labels if key in keys and value]


def one_of(option: str, asked: str | None, labels: Sequence[str], plain: Callable[[str], str]) -> str | None:
    """The option, or else the value that all labels agree on; None without both.

    Raises:
        BadInput: labels contradict each other, or the option.
    """
    said = [word for word in dict.fromkeys(plain(label) for label in labels) if word]
    if len(said) > 1:
        both = " and ".join(map(echoed, said[:5]))
        raise BadInput(f"{option}: the results contradict each other, {both}: import them one by one")
    if asked is not None and said and said[0] != asked:
        raise BadInput(f"{option} {echoed(asked)}: the results say {echoed(said[0])}")
    return asked if asked is not None else next(iter(said), None)


def held_precision(runs: Sequence[BenchmarkRun], asked: str | None) -> str | None:
    """The precision of the weights; a dtype counts only if nothing else says, since it may be that of the activations.

    Raises:
        BadInput: option, labels and names contradict each other, or say that weights are quantised but not how.
    """
    stated = list(dict.fromkeys(word for run in runs for word in _stated_by(run)))
    if asked is None:
        _refuse_quantised_among_others(runs)
    stated = stated or [_plain_precision(label) for label in labels_of_runs(runs, _DTYPE_LABELS)]
    wanted = None if asked is None else _plain_precision(asked)
    if UNNAMED in stated:
        stated = [word for word in stated if word != UNNAMED]
        if wanted in SIXTEEN_BIT or (wanted is None and (not stated or set(stated) & set(SIXTEEN_BIT))):
            option = "--precision" if asked is None else f"--precision {echoed(asked)}"
            raise BadInput(
                f"{option}: the results say that the weights are quantised ({_quantised_by(runs)}), but not how; "
                "say how, such as --precision awq"
            )
    # "4 bits" and "AWQ" together mean one precision.
    stated = [word for word in stated if not any(other in _OF_BITS.get(word, ()) for other in (*stated, wanted))]
    if wanted in SIXTEEN_BIT:  # equally fast
        stated = [wanted if word in SIXTEEN_BIT else word for word in stated]
    return one_of("--precision", wanted, stated, str)


def _stated_by(run: BenchmarkRun) -> list[str]:
    stated = [_plain_precision(label) for label in labels_of_runs([run], _PRECISION_LABELS)]
    stated += [_quantization(label) for label in labels_of_runs([run], _QUANTIZATION_LABELS)]
    stated += [clues_of(name).precision for name in all_names(run)]
    return [word for word in stated if word]


def _refuse_quantised_among_others(runs: Sequence[BenchmarkRun]) -> None:
    """Refuse results that mix runs of ``Llama-3.1-8B-FP8`` and ``Llama-3.1-8B``."""
    quantised = {run.model for run in runs if set(_stated_by(run)) - set(SIXTEEN_BIT)}
    silent = {run.model for run in runs if run.model and not _stated_by(run)} - quantised
    if quantised and silent:
        raise BadInput(
            f"--precision: the results have several precisions, {echoed(min(quantised))} and {echoed(min(silent))}: "
            "import them one by one"
        )


def _quantised_by(runs: Sequence[BenchmarkRun]) -> str:
    """The text that says that weights are quantised without saying how."""
    labels = [label for label in labels_of_runs(runs, _QUANTIZATION_LABELS) if _quantization(label) == UNNAMED]
    names = [name for run in runs for name in all_names(run) if clues_of(name).precision == UNNAMED]
    return echoed(next(iter((*labels, *names)), ""))


def _quantization(label: str) -> str:
    """The precision in an engine's option for quantisation; UNNAMED if it does not say which."""
    word = label.strip().lower().removeprefix("torch.")
    if word in _NOT_QUANTISED or word in _LOADS_AS_IT_IS:
        return _DTYPES.get(word, "")
    return precision_in(word) or UNNAMED


def _plain_precision(label: str) -> str:
    word = label.strip().lower().removeprefix("torch.")
    stated = _DTYPES.get(word)
    return (precision_in(word) or word) if stated is None else stated
