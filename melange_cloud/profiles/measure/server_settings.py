"""Finds out how a server was started, from what it says over HTTP and in its log.

vLLM reports its version at ``/version`` and its cache at ``/metrics`` (``vllm:cache_config_info``), SGLang all options
at ``/server_info`` (older versions at ``/get_server_info``), TensorRT-LLM its version at ``/version``, llama.cpp its
slots at ``/props``. Unreported settings stay None; engine defaults are not assumed.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from melange_cloud.domain.engines import ENGINE_TITLES, engines_in
from melange_cloud.errors import MelangeError, echoed
from melange_cloud.inputs import NotANumber, is_number, parse_number

MOST_TOKENS = 1_000_000_000
SGLANG_PATHS = ("/server_info", "/get_server_info")
"""Where SGLang reports its options, newer versions first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The settings of a running server; None or empty if it does not report them.

    Attributes:
        engine: its software, in its makers' spelling if known.
        engine_version: version of the software.
        max_num_seqs: the most requests that it runs at once.
        max_num_batched_tokens: the most tokens in one step.
        max_model_len: longest input + output, tokens.
        gpu_memory_utilization: part of the GPU's memory that it may use.
        kv_cache_tokens: tokens that fit in its KV cache.
        kv_precision: of the KV cache: bf16, fp16 or fp8.
        quant_method: how its weights are quantised; ``none`` if it says that they are not.
        cuda_graphs, chunked_prefill, prefix_caching, spec_decode: whether it uses them.
        api_servers: its HTTP server processes.
    """

    engine: str = ""
    engine_version: str = ""
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_tokens: int | None = None
    kv_precision: str | None = None
    quant_method: str | None = None
    cuda_graphs: bool | None = None
    chunked_prefill: bool | None = None
    prefix_caching: bool | None = None
    spec_decode: bool | None = None
    api_servers: int | None = None

    def completed_by(self, other: "ServerSettings") -> "ServerSettings":
        """These settings, completed with the other's."""
        mine, theirs = ({one.name: getattr(of, one.name) for one in fields(self)} for of in (self, other))
        return ServerSettings(**{name: theirs[name] if mine[name] in (None, "") else mine[name] for name in mine})

    def differences(self, other: "ServerSettings") -> list[str]:
        """Names of the settings on which the two disagree."""
        return [
            one.name
            for one in fields(self)
            if (mine := getattr(self, one.name)) not in (None, "")
            and (theirs := getattr(other, one.name)) not in (None, "")
            and mine != theirs
        ]


Ask = Callable[[str], "bytes | dict[str, Any]"]
"""Queries the server for a path: a JSON object, or the bytes of another answer; raises MelangeError without one."""


def settings_of_server(named: str, version: str, max_model_len: int | None, ask: Ask) -> ServerSettings:
    """The settings that a server reports over HTTP.

    Args:
        named: the software, from the owner in ``/v1/models``.
        version: from ``/version``; empty if there is none.
        max_model_len: from ``/v1/models``.
        ask: queries the server for a path.
    """
    known = engines_in(named)
    said = ServerSettings(
        engine=ENGINE_TITLES[known[0]] if known else named, engine_version=version, max_model_len=max_model_len
    )
    if known == ("vllm",):
        said = said.completed_by(_vllm_cache(ask))
    if known == ("sglang",):
        said = said.completed_by(_sglang_options(ask))
    if named == "llamacpp":
        said = said.completed_by(_llamacpp_props(ask))
    return said


_LABELS = re.compile(r'(\w{1,60})="([^"\n]{0,200})"')


def _vllm_cache(ask: Ask) -> ServerSettings:
    """The labels of ``vllm:cache_config_info`` in ``/metrics``."""
    try:
        answer = ask("/metrics")
    except MelangeError:
        return ServerSettings()
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else ""
    lines = [line for line in text.splitlines() if line.startswith("vllm:cache_config_info{")]
    if len(lines) != 1:  # one for each data parallel rank: it is unknown to which the measured replica belongs
        return ServerSettings()
    labels = dict(_LABELS.findall(lines[0]))
    blocks, block = whole(labels.get("num_gpu_blocks")), whole(labels.get("block_size"))
    tokens = whole(labels.get("kv_cache_size_tokens"))
    return ServerSettings(
        # Models with several kinds of layers hold fewer tokens than blocks x block_size; newer versions report the
        # tokens.
        kv_cache_tokens=tokens if tokens is not None else None if blocks is None or block is None else blocks * block,
        gpu_memory_utilization=part(labels.get("gpu_memory_utilization")),
        kv_precision=kv_precision(labels.get("cache_dtype")),
        prefix_caching=flag(labels.get("enable_prefix_caching")),
    )


def _sglang_options(ask: Ask) -> ServerSettings:
    for path in SGLANG_PATHS:
        try:
            answer = ask(path)
        except MelangeError:
            continue
        if isinstance(answer, dict):
            return sglang_settings(
                {name: value for name, value in answer.items() if not isinstance(value, dict | list)}
            )
    return ServerSettings()


def _llamacpp_props(ask: Ask) -> ServerSettings:
    try:
        answer = ask("/props")
    except MelangeError:
        return ServerSettings()
    if not isinstance(answer, dict):
        return ServerSettings()
    defaults = answer.get("default_generation_settings")
    context = defaults.get("n_ctx") if isinstance(defaults, dict) else None
    slots = whole(answer.get("total_slots"))
    build = text(answer.get("build_info"))
    return ServerSettings(engine_version=build, max_num_seqs=slots, max_model_len=whole(context))


def sglang_settings(options: Mapping[str, object]) -> ServerSettings:
    """The meaning of SGLang's options by name; values as in JSON or as printed in its log."""
    radix, graphs, chunk = (
        options.get(name) for name in ("disable_radix_cache", "disable_cuda_graph", "chunked_prefill_size")
    )
    chunks = number(chunk)
    speculative = options.get("speculative_algorithm", "")
    return ServerSettings(
        engine_version=text(options.get("version")),
        max_num_seqs=whole(options.get("max_running_requests")),
        max_num_batched_tokens=whole(chunk),
        max_model_len=whole(options.get("context_length")),
        gpu_memory_utilization=part(options.get("mem_fraction_static")),
        kv_cache_tokens=whole(options.get("max_total_num_tokens")),
        kv_precision=kv_precision(options.get("kv_cache_dtype")),
        quant_method=method(options["quantization"]) if "quantization" in options else None,
        cuda_graphs=None if (off := flag(graphs)) is None else not off,
        chunked_prefill=None if chunks is None else chunks > 0,
        prefix_caching=None if (off := flag(radix)) is None else not off,
        spec_decode=None if speculative == "" else not is_nothing(speculative),
    )


def number(value: object) -> float | None:
    """A number, also if given as text; None if it is not one."""
    if isinstance(value, str):
        try:
            return parse_number(value.replace(",", ""))
        except NotANumber:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and is_number(value) else None


def whole(value: object) -> int | None:
    """A count above 0."""
    found = number(value)
    return int(found) if found is not None and 1 <= found <= MOST_TOKENS and found == int(found) else None


def part(value: object) -> float | None:
    """A fraction above 0, at most 1."""
    found = number(value)
    return found if found is not None and 0 < found <= 1 else None


def flag(value: object) -> bool | None:
    """A boolean, also if given as text."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False}.get(value.lower()) if isinstance(value, str) else None


def is_nothing(value: object) -> bool:
    """True if an option is absent."""
    return value is None or value in ("None", "null", "")


def text(value: object) -> str:
    """One short line."""
    return echoed(value) if isinstance(value, str) and not is_nothing(value) else ""


def method(value: object) -> str | None:
    """How weights are quantised."""
    return "none" if is_nothing(value) else text(value) or None


def kv_precision(value: object) -> str | None:
    """Our name for a cache's data type; empty for ``auto``."""
    word = value.lower().removeprefix("torch.") if isinstance(value, str) else ""
    if word.startswith(("fp8", "float8")):
        return "fp8"
    return {"bfloat16": "bf16", "bf16": "bf16", "float16": "fp16", "half": "fp16", "fp16": "fp16"}.get(word)
