"""Reads the settings of vLLM, SGLang and TensorRT-LLM from the log of the server's start.

Each engine prints a few lines that have been stable for years. The last one counts, since a log may have several
starts. Only the first part of a long log is read, since only the start matters.
"""

import re
from pathlib import Path

from melange_cloud.domain.engines import ENGINE_TITLES
from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs import open_regular
from melange_cloud.profiles.measure.server_settings import (
    ServerSettings,
    flag,
    is_nothing,
    kv_precision,
    method,
    part,
    sglang_settings,
    text,
    whole,
)

MOST_LOG_BYTES = 16 * 2**20

_VLLM_CACHE = re.compile(r"GPU KV cache size: ([\d,]{1,15}) tokens")
_VLLM_ENGINE = re.compile(r"Initializing an? (?:V1 )?LLM engine \(v([\w.+-]{1,60})\) with config: (.{0,20000})")
_VLLM_OPTIONS = re.compile(r"non-default args: \{(.{0,20000})")
_VLLM_CHUNK = re.compile(r"Chunked prefill is enabled with max_num_batched_tokens=(\d{1,12})")
_VLLM_VERSION = re.compile(r"vLLM API server version ([\w.+-]{1,60})")
_SGLANG_SIZES = re.compile(r"max_total_num_tokens=\d{1,12}, .{0,2000}")
_SGLANG_OPTIONS = re.compile(r"server_args=(?:ServerArgs)?[({](.{0,40000})")
_TRT_CACHE = re.compile(r"Allocated [\d.]{1,12} [KMG]i?B for max tokens in paged KV cache \((\d{1,12})\)")
_TRT_SIZES = re.compile(r"max_seq_len=(\d{1,12}), max_num_requests=(\d{1,12}), max_num_tokens=(\d{1,12})")
_TRT_VERSION = re.compile(r"TensorRT[- ]LLM version: ([\w.+-]{1,60})")
_TRT_REUSE = re.compile(r"KV cache block reuse is (enabled|disabled)")
_OPTION = re.compile(
    r"['\"]?(\w{1,60})['\"]?\s?[=:]\s?(?:'([^'\n]{0,300})'|\"([^\"\n]{0,300})\"|([^\s,()\[\]{}'\"]{1,100}))"
)


def read_server_log(path: Path) -> ServerSettings:
    """The settings in a log, which must have at least one line of an engine's start.

    Raises:
        BadFile: the log cannot be read, or has none of these lines.
    """
    with open_regular(path) as stream:
        try:
            log = stream.read(MOST_LOG_BYTES).decode("utf-8", "replace")
        except OSError as error:
            raise BadFile([Fault(path, f"cannot be read ({error.strerror or error})")]) from error
    found = [settings for settings in (_vllm(log), _sglang(log), _tensorrt_llm(log)) if settings is not None]
    if not found:
        raise BadFile(
            [
                Fault(
                    path,
                    "has no start-up line of vLLM, SGLang or TensorRT-LLM",
                    cure="give the log from the server's start",
                )
            ]
        )
    if len(found) > 1:
        names = " and ".join(settings.engine for settings in found)
        raise BadFile([Fault(path, f"has logs of {names}", cure="give the log of one server")])
    return found[0]


def _vllm(log: str) -> ServerSettings | None:
    cache, engine, version = (_last(pattern, log) for pattern in (_VLLM_CACHE, _VLLM_ENGINE, _VLLM_VERSION))
    if cache is None and engine is None and version is None:
        return None
    config = {} if engine is None else _options(engine[2])
    given, chunk = _last(_VLLM_OPTIONS, log), _last(_VLLM_CHUNK, log)
    options = {} if given is None else _options(given[1])
    eager, speculative = flag(config.get("enforce_eager")), config.get("speculative_config")
    chunked = flag(config.get("chunked_prefill_enabled"))
    return ServerSettings(
        engine=ENGINE_TITLES["vllm"],
        engine_version=engine[1] if engine is not None else version[1] if version is not None else "",
        max_num_seqs=whole(options.get("max_num_seqs")),
        max_num_batched_tokens=whole(options.get("max_num_batched_tokens"))
        or (None if chunk is None else whole(chunk[1])),
        max_model_len=whole(config.get("max_seq_len")),
        gpu_memory_utilization=part(options.get("gpu_memory_utilization")),
        kv_cache_tokens=None if cache is None else whole(cache[1]),
        kv_precision=kv_precision(config.get("kv_cache_dtype")) or _sixteen_bit(config),
        quant_method=method(config["quantization"]) if "quantization" in config else None,
        cuda_graphs=None if eager is None else not eager,
        chunked_prefill=True if chunk is not None else chunked,
        prefix_caching=flag(config.get("enable_prefix_caching")),
        spec_decode=None if speculative is None else not is_nothing(speculative),
        api_servers=whole(options.get("api_server_count")),
    )


def _sixteen_bit(config: dict[str, str]) -> str | None:
    """The cache type; ``auto`` is that of activations, unless the weights are quantised and say otherwise."""
    if config.get("kv_cache_dtype") != "auto" or not is_nothing(config.get("quantization")):
        return None
    return kv_precision(config.get("dtype"))


def _sglang(log: str) -> ServerSettings | None:
    sizes, given = _last(_SGLANG_SIZES, log), _last(_SGLANG_OPTIONS, log)
    if sizes is None:
        return None
    options = {} if given is None else _options(given[1])
    said = _options(sizes[0])
    context = said.pop("context_len", options.get("context_length", ""))
    settings = sglang_settings({**options, **said, "context_length": context})
    return ServerSettings(engine=ENGINE_TITLES["sglang"]).completed_by(settings)


def _tensorrt_llm(log: str) -> ServerSettings | None:
    cache, sizes, version, reuse = (
        _last(pattern, log) for pattern in (_TRT_CACHE, _TRT_SIZES, _TRT_VERSION, _TRT_REUSE)
    )
    if cache is None and sizes is None and version is None:
        return None
    return ServerSettings(
        engine=ENGINE_TITLES["tensorrt-llm"],
        engine_version="" if version is None else text(version[1]),
        max_model_len=None if sizes is None else whole(sizes[1]),
        max_num_seqs=None if sizes is None else whole(sizes[2]),
        max_num_batched_tokens=None if sizes is None else whole(sizes[3]),
        kv_cache_tokens=None if cache is None else whole(cache[1]),
        prefix_caching=None if reuse is None else reuse[1] == "enabled",
    )


def _last(pattern: "re.Pattern[str]", log: str) -> "re.Match[str] | None":
    found = None
    for match in pattern.finditer(log):
        found = match
    return found


def _options(words: str) -> dict[str, str]:
    """Parse ``name='value', other=3`` or ``'name': 'value', 'other': 3``; nested values are skipped."""
    return {match[1]: match[2] or match[3] or match[4] or "" for match in _OPTION.finditer(_outermost(words))}


def _outermost(words: str) -> str:
    """The words up to their closing bracket, with blanks in place of nested brackets."""
    kept: list[str] = []
    depth, quote, escaped = 0, "", False
    for char in words:
        shown = depth == 0
        if quote:
            quote = "" if char == quote and not escaped else quote
            escaped = char == "\\" and not escaped
        elif char in "'\"":
            quote = char
        elif char in "([{":
            depth, shown = depth + 1, False
        elif char in ")]}":
            depth, shown = depth - 1, False
            if depth < 0:
                break
        kept.append(char if shown else " ")
    return "".join(kept)
