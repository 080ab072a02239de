"""The shape of a dense transformer, read from the ``config.json`` that Hugging Face models carry.

A family is read where the estimator's formulas hold for it and its parameters can be counted exactly: decoders whose
layers are alike, attention with any number of KV heads, one feed-forward network per layer. What a config leaves out is
taken as the model's own class takes it (sources: the configuration classes of the transformers library); everything
else is refused with the reason. Nothing is guessed.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.estimator.families import FAMILIES, ModelFamily, why_not
from melange_cloud.estimator.specs import Model
from melange_cloud.inputs import MalformedText, NotJson, is_there, parse_json, read_text
from melange_cloud.inputs.json_fields import without_duplicates

LARGEST_FILE_BYTES = 1_000_000
"""A config.json has some kilobytes; weights given by mistake are not read into memory."""

_LONGEST_NAME = 80

LEAST_WINDOW = 128
"""Tokens; no profile could be made of less."""

_MISSING_OF_A_CONFIG = 3
"""Of seven fields that every config has; with more missing it is not a model's config."""

_16_BIT = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float32": "bf16", "float": "bf16"}
"""Precision that engines serve published weights in; 32-bit ones are cast to 16 bits."""


@dataclass(frozen=True, slots=True)
class ConfigModel(Model):
    """A model whose parameters were counted from its config.

    Attributes:
        family: the config's ``model_type``.
        counted_layer_parameters: of the transformer layers: matrices, biases and norms.
        notes: what was taken as its class takes it, or limits the profile; sentences.
    """

    family: str = ""
    counted_layer_parameters: int = 0
    notes: tuple[str, ...] = ()

    @property
    def layer_parameters(self) -> int:
        """Parameters of the transformer layers: what every token is multiplied with."""
        return self.counted_layer_parameters


def read_config(path: Path, name: str | None = None) -> ConfigModel:
    """The model that a ``config.json`` describes.

    Args:
        name: what to call it; None takes the config's own name, else the file's or its folder's.

    Raises:
        BadFile: it cannot be read, has faults (all are named), or is of a kind that cannot be estimated.
    """
    config = _read(path)
    refusals = [Fault(path, why, field=field) for field, why in why_not(config)]
    if refusals:
        raise BadFile(refusals)
    family_name = config["model_type"]
    family = FAMILIES[family_name]
    fields = _ConfigFields(path, config)
    layers = fields.whole("num_hidden_layers", 1, 1000)
    hidden = fields.whole("hidden_size", 64, 65536)
    heads = fields.whole("num_attention_heads", 1, 1024)
    kv_heads = fields.whole("num_key_value_heads", 1, 1024, heads if family.kv_heads_may_miss else None)
    intermediate = fields.whole("intermediate_size", 64, 1_000_000)
    vocab = fields.whole("vocab_size", 100, 2_000_000)
    declared = fields.whole("max_position_embeddings", LEAST_WINDOW, 100_000_000)
    head_dim = fields.whole("head_dim", 8, 1024, family.head_dim or 0, low_default=True)
    if not fields.faults and head_dim == 0:
        head_dim = hidden // heads
        if hidden % heads:
            fields.fault("hidden_size", f"is {hidden:,}, which {heads} heads do not divide; add head_dim")
    if not fields.faults and heads % kv_heads:
        fields.fault("num_key_value_heads", f"is {kv_heads}, which does not divide the {heads} attention heads")
    tied = fields.flag("tie_word_embeddings", family.tied)
    qkv_bias, output_bias, mlp_bias = (
        fields.flag(*bias) if isinstance(bias, tuple) else bias
        for bias in (family.qkv_bias, family.output_bias, family.mlp_bias)
    )
    window = _window(fields, family, layers)
    precision, precision_note = _precision(fields)
    if fields.faults:
        raise BadFile(fields.faults)

    queries, keys = heads * head_dim, kv_heads * head_dim
    matrices = hidden * (2 * queries + 2 * keys) + (3 if family.gated else 2) * hidden * intermediate
    biases = (queries + 2 * keys) * qkv_bias + hidden * output_bias
    biases += (intermediate * (2 if family.gated else 1) + hidden) * mlp_bias
    norm = hidden * (2 if family.norm_bias else 1)
    qk_norms = {"": 0, "head": 2 * head_dim, "all": queries + keys}[family.qk_norm]
    layer_parameters = layers * (matrices + biases + family.norms * norm + qk_norms)
    notes = [precision_note] if precision_note else []
    if window is not None and window < declared:
        notes.append(
            f"sliding window of {window:,} tokens: beyond it a step reads less than the estimator's formulas do, so "
            f"the profile ends there (declared: {declared:,})"
        )
    called = name or _name(path, config)
    return ConfigModel(
        name=called,
        title=called,
        also_known_as=(),
        parameters=layer_parameters + (1 if tied else 2) * vocab * hidden + (norm if family.norms else 0),
        layers=layers,
        hidden=hidden,
        heads=heads,
        kv_heads=kv_heads,
        head_dim=head_dim,
        intermediate=intermediate,
        vocab=vocab,
        tied_embeddings=tied,
        max_model_len=declared if window is None else min(window, declared),
        native_precision=precision,
        source=f"{path.name} ({family_name})",
        date=date.min,
        family=family_name,
        counted_layer_parameters=layer_parameters,
        notes=tuple(notes),
    )


def _read(path: Path) -> dict[str, Any]:
    def fault(message: str, line: int | None = None) -> BadFile:
        return BadFile([Fault(path, message, line)])

    if is_there(path) and path.is_dir():
        raise fault(f"is a folder; give {path / 'config.json'}")

    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        try:
            return without_duplicates(pairs)
        except MalformedText as error:
            raise fault(str(error)) from None

    text = read_text(path, LARGEST_FILE_BYTES)
    try:
        loaded = parse_json(text, pairs=each_once)
    except NotJson as error:
        raise fault(f"is not JSON: {error.reason}; download it again", error.line) from None
    except MalformedText as error:
        raise fault(f"{error}: it is not a config.json", error.line) from None
    if not isinstance(loaded, dict):
        raise fault("is JSON, but not an object {...}: give a model's config.json")
    return loaded


class _ConfigFields:
    """Takes declared fields out of a config and collects what is wrong with them."""

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self._path, self.config = path, config
        self._found: list[Fault] = []
        self._missing: list[tuple[str, str]] = []

    @property
    def faults(self) -> list[Fault]:
        """What is wrong; where most fields are missing it is one fault, since the file is not a whole config."""
        if len(self._missing) > _MISSING_OF_A_CONFIG:
            names = ", ".join(field for field, _ in self._missing)
            return [Fault(self._path, f"has no {names}: give a model's whole config.json"), *self._found]
        missing = [Fault(self._path, f"is missing; add it: {wanted}", field=field) for field, wanted in self._missing]
        return [*missing, *self._found]

    def fault(self, field: str, message: str) -> None:
        self._found.append(Fault(self._path, message, field=field))

    def whole(self, field: str, low: int, high: int, default: int | None = None, *, low_default: bool = False) -> int:
        """A whole number in [low, high]; null is absent. ``low_default`` lets the default lie below."""
        value = self.config.get(field)
        wanted = f"a whole number from {low:,} to {high:,}"
        if value is None:
            if default is None:
                self._missing.append((field, wanted))
                return low
            if low <= default <= high or low_default:
                return default
        elif isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        found = "a list: layers of different shape cannot be estimated" if isinstance(value, list) else shown(value, 80)
        self.fault(field, f"is {found}; it must be {wanted}")
        return low

    def flag(self, field: str, default: bool) -> bool:
        value = self.config.get(field)
        if value is not None and not isinstance(value, bool):
            self.fault(field, f"is {shown(value)}; it must be true or false")
        return default if value is None else value is True


def _window(fields: _ConfigFields, family: ModelFamily, layers: int) -> int | None:
    """The tokens that a layer with a sliding window sees; None if no layer uses one."""
    config = fields.config
    if family.window_switch and not fields.flag(family.window_switch, default=False):
        return None
    layer_types = config.get("layer_types")
    if layer_types is not None and not isinstance(layer_types, list):
        fields.fault("layer_types", f"is {shown(layer_types, 80)}; it must be a list with the type of each layer")
    elif layer_types is not None and "sliding_attention" not in layer_types:
        return None
    first = config.get("max_window_layers")
    if family.window_switch and isinstance(first, int) and first >= layers:
        return None
    if "sliding_window" in config and config["sliding_window"] is None:
        return None
    window = fields.whole("sliding_window", LEAST_WINDOW, 100_000_000, family.window or 0, low_default=True)
    return window or None


def _precision(fields: _ConfigFields) -> tuple[str, str]:
    """The precision that the published weights are served in, and a note where that is not what the config says."""
    field = "dtype" if fields.config.get("dtype") is not None else "torch_dtype"
    word = fields.config.get(field)
    if word is None:
        return "bf16", "the config names no torch_dtype: taken as bf16"
    precision = _16_BIT.get(str(word).removeprefix("torch."))
    if precision is None:
        fields.fault(field, f"is {shown(word)}; it must be one of {', '.join(_16_BIT)}")
        return "bf16", ""
    return precision, "32-bit weights are served in 16 bits" if "32" in str(word) or word == "float" else ""


def _name(path: Path, config: Mapping[str, Any]) -> str:
    """A name without blanks, lower case: as the config calls itself, else as the file or its folder is called."""
    own = config.get("_name_or_path")
    name = own.rstrip("/").rpartition("/")[2] if isinstance(own, str) else ""
    if not name.strip("."):
        name = path.resolve().parent.name if path.stem == "config" else path.stem
    return re.sub(r"[^a-z0-9.]+", "-", name.lower()[:_LONGEST_NAME]).strip("-.") or "model"
