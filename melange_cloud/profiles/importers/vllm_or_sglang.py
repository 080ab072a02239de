"""Distinguishes results of vLLM and SGLang, whose benchmarks share an origin and most keys."""

from typing import Any

_SHARED = frozenset(
    ("completed", "duration", "total_input_tokens", "total_output_tokens", "request_throughput", "output_throughput",
     "mean_ttft_ms", "median_ttft_ms", "mean_tpot_ms", "median_tpot_ms", "mean_itl_ms", "median_itl_ms")
)  # fmt: skip
_ENOUGH = 4
"""Shared keys that identify a result of either, so that missing ones can be reported."""

_VLLM = frozenset(
    ("model_id", "num_prompts", "tokenizer_id", "burstiness", "mean_e2el_ms", "median_e2el_ms", "p99_e2el_ms",
     "total_token_throughput", "request_goodput", "endpoint_type", "label", "request_inthroughput")
)  # fmt: skip
_SGLANG = frozenset(
    ("mean_e2e_latency_ms", "median_e2e_latency_ms", "p99_e2e_latency_ms", "random_input_len", "random_output_len",
     "random_range_ratio", "sharegpt_output_len", "total_output_tokens_retokenized", "output_throughput_retokenized",
     "accept_length", "server_info", "input_throughput", "dataset_name", "concurrency")
)  # fmt: skip


def is_vllms(document: Any) -> bool:
    """True if vLLM wrote a document; assumed if it has no key that only one of the two writes."""
    return _is_either(document) and not _is_more_sglangs(document)


def is_sglangs(document: Any) -> bool:
    """True if SGLang wrote a document."""
    return _is_either(document) and _is_more_sglangs(document)


def _is_either(document: Any) -> bool:
    if not isinstance(document, dict):
        return False
    return sum(1 for key in document.keys() & _SHARED if not isinstance(document[key], dict | list)) >= _ENOUGH


def _is_more_sglangs(document: dict[str, Any]) -> bool:
    return len(document.keys() & _SGLANG) > len(document.keys() & _VLLM)
