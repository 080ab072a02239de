"""The model families whose config.json is read, and why a config of another kind cannot be estimated."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from melange_cloud.errors import echoed, shown


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """What the models of one ``model_type`` have in common.

    Attributes:
        gated: three matrices in the feed-forward network, else two.
        norms: norms of ``hidden`` weights per layer; one more follows the last layer where there are any.
        norm_bias: whether each norm has a bias too.
        qk_norm: weights of the norms of queries and keys: none, one ``head`` each, or ``all`` heads.
        tied: whether the output head is the embedding table where the config does not say.
        qkv_bias, output_bias, mlp_bias: always, never, or the config's field that says so with its default.
        head_dim: where the config does not say; None is hidden / heads.
        kv_heads_may_miss: a config without KV heads has as many as heads; else it must say.
        measured: whether models of the family are among the measurements that the estimator was fitted to.
        window: the sliding window if the config does not say; None means none.
        window_switch: the field without which no window applies.
    """

    gated: bool = True
    norms: int = 2
    norm_bias: bool = False
    qk_norm: str = ""
    tied: bool = False
    qkv_bias: bool | tuple[str, bool] = False
    output_bias: bool | tuple[str, bool] = False
    mlp_bias: bool | tuple[str, bool] = False
    head_dim: int | None = None
    kv_heads_may_miss: bool = False
    measured: bool = False
    window: int | None = None
    window_switch: str = ""


_ATTENTION, _MLP = ("attention_bias", False), ("mlp_bias", False)
_LLAMA = ModelFamily(qkv_bias=_ATTENTION, output_bias=_ATTENTION, mlp_bias=_MLP, kv_heads_may_miss=True, measured=True)
_USE_BIAS, _NEOX = ("use_bias", True), ("attention_bias", True)
FAMILIES: Mapping[str, ModelFamily] = {
    "llama": _LLAMA,
    "granite": replace(_LLAMA, measured=False),
    "mistral": ModelFamily(measured=True, window=4096),
    "phi3": ModelFamily(kv_heads_may_miss=True),
    "qwen2": ModelFamily(qkv_bias=True, measured=True, window=4096, window_switch="use_sliding_window"),
    "qwen3": ModelFamily(
        qk_norm="head",
        qkv_bias=_ATTENTION,
        output_bias=_ATTENTION,
        measured=True,
        window=4096,
        window_switch="use_sliding_window",
    ),
    "gemma": ModelFamily(tied=True, qkv_bias=_ATTENTION, output_bias=_ATTENTION, head_dim=256),
    "gemma2": ModelFamily(norms=4, tied=True, qkv_bias=_ATTENTION, output_bias=_ATTENTION, head_dim=256, window=4096),
    "gemma3_text": ModelFamily(
        norms=4, qk_norm="head", tied=True, qkv_bias=_ATTENTION, output_bias=_ATTENTION, head_dim=256, window=4096
    ),
    "olmo": ModelFamily(norms=0, qkv_bias=_ATTENTION, output_bias=_ATTENTION, kv_heads_may_miss=True),
    "olmo2": ModelFamily(qk_norm="all", qkv_bias=_ATTENTION, output_bias=_ATTENTION, kv_heads_may_miss=True),
    "smollm3": ModelFamily(
        tied=True, qkv_bias=_ATTENTION, output_bias=_ATTENTION, mlp_bias=_MLP, window_switch="use_sliding_window"
    ),
    "starcoder2": ModelFamily(
        gated=False, norm_bias=True, tied=True, qkv_bias=_USE_BIAS, output_bias=_USE_BIAS, mlp_bias=_USE_BIAS
    ),
    "gpt_neox": ModelFamily(
        gated=False, norm_bias=True, qkv_bias=_NEOX, output_bias=_NEOX, mlp_bias=True, kv_heads_may_miss=True
    ),
}

_EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "n_experts", "ffn_config")
_STATE_SPACE = ("ssm_cfg", "state_size", "attn_layer_period", "hybrid_override_pattern", "block_types", "rwkv_version")
_WRAPPED = ("text_config", "llm_config", "language_config", "thinker_config")
_OTHER_SENSES = ("vision_config", "audio_config", "vision_tower", "mm_vision_tower")
_QUANTIZED = ("quantization_config", "compression_config", "quantization")
_LAYER_TYPES = ("full_attention", "sliding_attention")


def why_not(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(field, why a model cannot be estimated); the first reason that holds, empty if it can."""

    def present(*names: str) -> str:
        return next((name for name in names if config.get(name) not in (None, False, 0, "", [], {})), "")

    if field := present(*_WRAPPED):
        return [(field, f"wraps a language model: save the object {field!r} as its own file and give that; what "
                 "images or sound cost is not estimated")]  # fmt: skip
    if field := present("peft_type"):
        return [(field, "is an adapter's config: give that of the base model")]
    if field := present(*_OTHER_SENSES):
        return _inestimable(field, "takes images or sound: what they cost is not estimated")
    if field := present("is_encoder_decoder", "encoder_layers", "num_decoder_layers"):
        return _inestimable(field, "is an encoder-decoder model: the estimator knows decoders only")
    experts = next((name for name in _EXPERTS if present(name) and config[name] != 1), "")
    if experts:
        return _inestimable(
            experts, "is a mixture of experts: how many experts a step reads is not in the estimator's formulas"
        )
    if field := present("kv_lora_rank"):
        return _inestimable(
            field, "has multi-head latent attention (MLA): its cache is not that of the estimator's formulas"
        )
    state = present(*_STATE_SPACE) or next((name for name in sorted(config) if name.startswith(("mamba", "ssm_"))), "")
    if state:
        return _inestimable(
            state, "has state-space or recurrent layers: they have no KV cache, and the estimator has no others"
        )
    layer_types = config.get("layer_types")
    if isinstance(layer_types, list) and (others := [kind for kind in layer_types if kind not in _LAYER_TYPES]):
        return _inestimable(
            "layer_types", f"has {shown(others[0])} layers: the estimator knows {' and '.join(_LAYER_TYPES)}"
        )
    if field := present("attention_chunk_size"):
        return _inestimable(field, "has chunked attention: it is not in the estimator's formulas")
    if field := present(*_QUANTIZED):
        settings = config[field]
        method = settings.get("quant_method") if isinstance(settings, dict) else None
        how = f" ({echoed(method)})" if method else ""
        return [(field, f"says that the weights are quantized{how}: the estimator knows "
                 "bf16, fp16 and fp8; give the config.json of the unquantized model, with --precision")]  # fmt: skip
    kind = config.get("model_type")
    if not isinstance(kind, str) or not kind:
        return [("model_type", "is missing; give a model's whole config.json, which says for example 'llama'")]
    if kind not in FAMILIES:
        return _inestimable(
            "model_type", f"is {shown(kind)}, which is not read: known are {', '.join(sorted(FAMILIES))}"
        )
    return []


def _inestimable(field: str, why: str) -> list[tuple[str, str]]:
    return [(field, f"{why}; measure a server of it instead: melange-cloud profiles measure")]
