"""GPUs, models, engine eras and the estimator's constants, read from the shipped TOML files.

Each file says in its header what its fields mean; here every field is declared with its type and its limits, and all
the faults of a file are reported together.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from melange_cloud.domain import GPUS, GRADES
from melange_cloud.errors import BadFile, Fault
from melange_cloud.shipped import shipped

GIB = 2**30
PRECISIONS = ("bf16", "fp16", "fp8")
BYTES_PER_ELEMENT_16_BIT = 2
TENSOR_PARALLEL_DEGREES = (1, 2, 4, 8)
"""The degrees that profiles may have; they divide the attention heads of the shipped models evenly, as engines want."""

DEFAULT_ERA = "2025"
"""Today's engines."""


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of a dense transformer.

    Attributes:
        parameters: all of them, embeddings included.
        max_model_len: the context that the model declares, tokens.
        native_precision: the precision of the published weights.
    """

    name: str
    title: str
    also_known_as: tuple[str, ...]
    parameters: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied_embeddings: bool
    max_model_len: int
    native_precision: str
    source: str
    date: date

    @property
    def layer_parameters(self) -> int:
        """Parameters of the transformer layers: what every token is multiplied with."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate + 2 * self.hidden)

    @property
    def head_parameters(self) -> int:
        """Parameters of the output head."""
        return self.vocab * self.hidden

    def weight_bytes(self, precision: str) -> int:
        """Bytes of all weights. At fp8 the layers are in 8 bits; embeddings and head stay in 16."""
        if precision == "fp8":
            return self.layer_parameters + BYTES_PER_ELEMENT_16_BIT * (self.parameters - self.layer_parameters)
        return BYTES_PER_ELEMENT_16_BIT * self.parameters

    def weight_gib(self, precision: str) -> float:
        """Memory that the weights take over all GPUs of a replica, GiB."""
        return self.weight_bytes(precision) / GIB

    @property
    def cache_bytes_per_token(self) -> int:
        """KV cache of one token over all layers, in 16 bits."""
        return 2 * self.layers * self.kv_heads * self.head_dim * BYTES_PER_ELEMENT_16_BIT


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU's data sheet; ``fp8_tflops`` is None where it has no fp8."""

    name: str
    memory_gib: float
    cuda_memory_gib: float
    bandwidth_gb_per_s: float
    fp16_tflops: float
    fp8_tflops: float | None
    link: str
    source: str
    date: date

    def peak_tflops(self, precision: str) -> float | None:
        """Dense peak at a precision, TFLOP/s; None where the GPU cannot compute in it."""
        return self.fp8_tflops if precision == "fp8" else self.fp16_tflops


@dataclass(frozen=True, slots=True)
class Era:
    """An engine era: engines of one time, with the limits they are started with.

    Attributes:
        tensor_parallel: the degrees that profiles are made for.
        models: the models that have profiles, with their precisions.
        growth: a request in flight holds cache for input + growth x output tokens.
        max_total_tokens: by model, the longest input + output that the engine was started for, where it is not the
            model's own.
    """

    name: str
    title: str
    memory_utilization: float
    activations_gib: float
    growth: float
    max_num_seqs: int
    tensor_parallel: tuple[int, ...]
    models: Mapping[str, tuple[str, ...]]
    max_total_tokens: Mapping[str, int]

    def context(self, model: Model) -> int:
        """Longest input + output of one request, tokens."""
        return self.max_total_tokens.get(model.name, model.max_model_len)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The estimator's constants for one (GPU, era, precision); the formulas are those of ``estimator.py``.

    Attributes:
        read_weights, read_cache: fraction of the memory bandwidth reached when reading weights and KV cache.
        decode, prefill: fraction of the peak FLOP/s reached in decode steps and in prefill.
        step_s, step_per_request_s: time that a step takes on top, fixed and per request in it, s.
        prefill_s: time that a prefill takes on top, s.
        cache_loss: KV reads slow down by 1 + cache_loss x log2(tensor_parallel).
        link_gb_per_s, link_latency_s: all-reduce bandwidth, GB/s, and latency, s.
        grade: by tensor parallel degree; degrees that are not named are D.
        rests_on: the measurements, or what it was borrowed from.
    """

    gpu: str
    era: str
    precision: str
    read_weights: float
    read_cache: float
    decode: float
    prefill: float
    step_s: float
    step_per_request_s: float
    prefill_s: float
    cache_loss: float
    link_gb_per_s: float
    link_latency_s: float
    grade: Mapping[str, str]
    rests_on: str

    @property
    def name(self) -> str:
        """How a profile's header names it."""
        return f"{self.gpu}, {self.era}, {self.precision}"


class TomlReader:
    """Takes declared fields out of one TOML table and collects what is wrong with them."""

    def __init__(self, path: Path, place: str, table: Mapping[str, Any], faults: list[Fault]) -> None:
        self._path, self._place, self._table, self._faults = path, place, table, faults
        self._seen: set[str] = set()

    def fault(self, field: str, message: str) -> None:
        """Note a fault at a field of this table."""
        self._faults.append(Fault(self._path, message, field=f"{self._place}.{field}"))

    def _take(self, field: str, accepts: Callable[[Any], bool], wanted: str, default: Any, fallback: Any) -> Any:
        self._seen.add(field)
        if field not in self._table:
            if default is None:
                self.fault(field, f"is missing; it must be {wanted}")
                return fallback
            return default
        value = self._table[field]
        if not accepts(value):
            self.fault(field, f"is {value!r}; it must be {wanted}")
            return fallback
        return value

    def text(self, field: str) -> str:
        """A text that is not empty."""
        return str(self._take(field, lambda v: isinstance(v, str) and v != "", "a text", None, "?"))

    def word(self, field: str, words: tuple[str, ...]) -> str:
        """One of a closed list."""
        return str(self._take(field, lambda v: v in words, "one of " + ", ".join(words), None, words[0]))

    def texts(self, field: str, default: list[str] | None = None) -> tuple[str, ...]:
        """A list of texts."""
        wanted = "a list of texts"
        return tuple(
            self._take(field, lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v), wanted, default, [])
        )

    def degrees(self, field: str) -> tuple[int, ...]:
        """A list of tensor parallel degrees."""
        wanted = f"a list out of {', '.join(map(str, TENSOR_PARALLEL_DEGREES))}"

        def accepts(value: Any) -> bool:
            return isinstance(value, list) and value != [] and all(x in TENSOR_PARALLEL_DEGREES for x in value)

        return tuple(self._take(field, accepts, wanted, None, [1]))

    def number(self, field: str, low: float, high: float, default: float | None = None) -> float:
        """A number in [low, high]."""
        wanted = f"a number from {low:g} to {high:g}"

        def accepts(value: Any) -> bool:
            return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high

        return float(self._take(field, accepts, wanted, default, low))

    def count(self, field: str, low: int = 1) -> int:
        """A whole number of at least ``low``."""
        wanted = f"a whole number of at least {low}"
        return int(
            self._take(field, lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= low, wanted, None, low)
        )

    def flag(self, field: str) -> bool:
        """True or false."""
        return bool(self._take(field, lambda v: isinstance(v, bool), "true or false", None, False))

    def day(self, field: str) -> date:
        """A date."""
        value = self._take(field, lambda v: isinstance(v, date), "a date such as 2024-07-23", None, date.min)
        assert isinstance(value, date)  # noqa: S101  _take has checked it; this tells the type checker
        return value

    def mapping(self, field: str) -> dict[str, Any]:
        """A table of its own, empty where absent."""
        return dict(self._take(field, lambda v: isinstance(v, dict), "a table", {}, {}))

    def finish(self) -> None:
        """Note fields that nobody asked for: a misspelt optional field must not be passed over."""
        for field in self._table.keys() - self._seen:
            self.fault(field, "is not a known field; remove it or spell it as its neighbours do")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadFile([Fault(path, f"cannot be read as TOML: {error}")]) from error


def read_models(path: Path) -> dict[str, Model]:
    """The models of a ``models.toml``, by name.

    Raises:
        BadFile: a field is missing, unknown or out of range, or the parameter count contradicts the shape.
    """
    faults: list[Fault] = []
    models: dict[str, Model] = {}
    for name, table in _read_toml(path).items():
        reader = TomlReader(path, name, table, faults)
        model = Model(
            name=name,
            title=reader.text("title"),
            also_known_as=reader.texts("also_known_as", []),
            parameters=reader.count("parameters"),
            layers=reader.count("layers"),
            hidden=reader.count("hidden"),
            heads=reader.count("heads"),
            kv_heads=reader.count("kv_heads"),
            head_dim=reader.count("head_dim"),
            intermediate=reader.count("intermediate"),
            vocab=reader.count("vocab"),
            tied_embeddings=reader.flag("tied_embeddings"),
            max_model_len=reader.count("max_model_len"),
            native_precision=reader.word("native_precision", PRECISIONS),
            source=reader.text("source"),
            date=reader.day("date"),
        )
        reader.finish()
        tables = 1 if model.tied_embeddings else 2
        by_shape = model.layer_parameters + tables * model.head_parameters
        if abs(model.parameters - by_shape) > 0.01 * by_shape:
            reader.fault("parameters", f"is {model.parameters:,}, but the shape has about {by_shape:,}; correct either")
        models[name] = model
    if faults:
        raise BadFile(faults)
    return models


def read_gpus(path: Path) -> dict[str, Gpu]:
    """The GPUs of a ``gpus.toml``, by name, in the order of GPUS.

    Raises:
        BadFile: a field is missing, unknown or out of range, or a GPU is not one of GPUS.
    """
    faults: list[Fault] = []
    gpus: dict[str, Gpu] = {}
    for name, table in _read_toml(path).items():
        if name not in GPUS:
            faults.append(Fault(path, f"is not a GPU that melange-cloud plans with: {', '.join(GPUS)}", field=name))
            continue
        reader = TomlReader(path, name, table, faults)
        gpus[name] = Gpu(
            name=name,
            memory_gib=reader.number("memory_gib", 1, 1000),
            cuda_memory_gib=reader.number("cuda_memory_gib", 1, 1000),
            bandwidth_gb_per_s=reader.number("bandwidth_gb_per_s", 1, 100_000),
            fp16_tflops=reader.number("fp16_tflops", 1, 100_000),
            fp8_tflops=reader.number("fp8_tflops", 1, 100_000) if "fp8_tflops" in table else None,
            link=reader.text("link"),
            source=reader.text("source"),
            date=reader.day("date"),
        )
        reader.finish()
    if faults:
        raise BadFile(faults)
    return {name: gpus[name] for name in GPUS if name in gpus}


def read_eras(path: Path, models: Mapping[str, Model]) -> dict[str, Era]:
    """The eras of an ``eras.toml``, by name.

    Raises:
        BadFile: a field is missing, unknown or out of range, or a model is not in ``models``.
    """
    faults: list[Fault] = []
    eras: dict[str, Era] = {}
    for name, table in _read_toml(path).items():
        reader = TomlReader(path, name, table, faults)
        limits = reader.mapping("max_total_tokens")
        profiled = reader.mapping("models")
        era = Era(
            name=name,
            title=reader.text("title"),
            memory_utilization=reader.number("memory_utilization", 0.1, 1),
            activations_gib=reader.number("activations_gib", 0, 100),
            growth=reader.number("growth", 0, 1),
            max_num_seqs=reader.count("max_num_seqs"),
            tensor_parallel=reader.degrees("tensor_parallel"),
            models={model: tuple(precisions) for model, precisions in profiled.items()},
            max_total_tokens=limits,
        )
        reader.finish()
        for model in (*era.models, *limits):
            if model not in models:
                reader.fault("models", f"names {model!r}, which models.toml does not have")
        for model, tokens in limits.items():
            if not isinstance(tokens, int) or tokens < 1:
                reader.fault("max_total_tokens", f"of {model} is {tokens!r}; it must be a whole number of tokens")
        for precision in sorted({precision for precisions in era.models.values() for precision in precisions}):
            if precision not in PRECISIONS:
                reader.fault("models", f"names the precision {precision!r}; known are {', '.join(PRECISIONS)}")
        eras[name] = era
    if faults:
        raise BadFile(faults)
    return eras


def read_calibrations(path: Path) -> dict[tuple[str, str, str], Calibration]:
    """The constants of a ``calibration.toml``, by (GPU, era, precision); ``fp16`` stands for both 16-bit precisions.

    Raises:
        BadFile: a field is missing, unknown or out of range, or a row appears twice.
    """
    faults: list[Fault] = []
    calibrations: dict[tuple[str, str, str], Calibration] = {}
    for number, table in enumerate(_read_toml(path).get("calibration", []), start=1):
        reader = TomlReader(path, f"calibration {number}", table, faults)
        row = Calibration(
            gpu=reader.word("gpu", GPUS),
            era=reader.text("era"),
            precision=reader.word("precision", ("fp16", "fp8")),
            read_weights=reader.number("read_weights", 0.05, 1),
            read_cache=reader.number("read_cache", 0.05, 1),
            decode=reader.number("decode", 0.05, 1),
            prefill=reader.number("prefill", 0.05, 1),
            step_s=reader.number("step_s", 0, 1),
            step_per_request_s=reader.number("step_per_request_s", 0, 1),
            prefill_s=reader.number("prefill_s", 0, 1),
            cache_loss=reader.number("cache_loss", 0, 10),
            link_gb_per_s=reader.number("link_gb_per_s", 0.1, 10_000),
            link_latency_s=reader.number("link_latency_s", 0, 1),
            grade=reader.mapping("grade"),
            rests_on=reader.text("rests_on"),
        )
        reader.finish()
        for grade in row.grade.values():
            if grade not in GRADES:
                reader.fault("grade", f"is {grade!r}; it must be one of {', '.join(GRADES)}")
        key = (row.gpu, row.era, row.precision)
        if key in calibrations:
            reader.fault("gpu", f"has a second row for {row.name}; keep one")
        calibrations[key] = row
    if faults:
        raise BadFile(faults)
    return calibrations


@cache
def load_models() -> dict[str, Model]:
    """The shipped models, by name."""
    return read_models(shipped("profiles") / "models.toml")


@cache
def load_gpus() -> dict[str, Gpu]:
    """The shipped GPU data sheets, by name, least memory bandwidth first."""
    return read_gpus(shipped("profiles") / "gpus.toml")


@cache
def load_eras() -> dict[str, Era]:
    """The shipped engine eras, by name."""
    return read_eras(shipped("profiles") / "eras.toml", load_models())


@cache
def load_calibrations() -> dict[tuple[str, str, str], Calibration]:
    """The shipped constants of the estimator, by (GPU, era, precision)."""
    return read_calibrations(shipped("profiles") / "calibration.toml")
