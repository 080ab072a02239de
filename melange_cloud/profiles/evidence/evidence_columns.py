"""The columns of a file of measured rows, and how to read their cells.

A value that is the same for all rows of a source may be in sources.toml instead, under the same name.
"""

from collections.abc import Mapping
from dataclasses import fields

from melange_cloud.domain.evidence import ARRIVALS, MeasuredRow
from melange_cloud.estimator.specs import PRECISIONS
from melange_cloud.inputs.csv_tables import CsvRow
from melange_cloud.inputs.fields import Fields

COLUMNS = tuple(field.name for field in fields(MeasuredRow))
"""All columns, in order."""

REQUIRED = ("model", "gpu", "tp", "weights_precision", "input_tokens_mean", "output_tokens_mean", "arrival")
"""Columns that every file of rows needs; every row also needs an engine and a source."""

CITED = ("date", "licence")
"""Columns of a row without a source in sources.toml; it also needs ``source_url``, or ``submitter`` for own runs."""

ENGINES = ("vLLM", "SGLang", "TensorRT-LLM", "TGI")
"""Serving engines; a ``gpu_only`` row names its library instead."""

MEASURES = (
    *("requests_per_s", "duration_s"),
    *("tpot_mean_ms", "tpot_p50_ms", "tpot_p99_ms", "ttft_mean_ms", "ttft_p50_ms", "ttft_p99_ms"),
)
"""Columns with the measured figures."""

OF_A_SOURCE = (
    *("commit_or_version", "submitter", "quant_method", "gpu_count", "link", "instance_type", "cloud", "host_cpu"),
    *("power_limit_w", "engine", "engine_version", "max_num_batched_tokens", "max_model_len", "kv_cache_tokens"),
    *("cuda_graphs", "chunked_prefill", "prefix_caching", "spec_decode", "api_servers", "tool", "tool_version"),
    *("tokenizer", "warmup_requests", "gpu_only", "doubt", "note"),
)
"""Columns that sources.toml may hold, in addition to those of its own fields."""

_COUNTS = (
    *("gpu_count", "max_num_seqs", "max_num_batched_tokens", "max_model_len", "kv_cache_tokens", "api_servers"),
    *("concurrency", "requests"),
)
_MAY_BE_ZERO = ("warmup_requests", "failed")
_FLAGS = ("cuda_graphs", "chunked_prefill", "prefix_caching", "spec_decode", "gpu_only", "held_out")
_SHARES = ("gpu_memory_utilization", "prompts_shared_fraction")
_NUMBERS = (
    *("power_limit_w", "sm_clock_mhz_mean", "rate_asked", *MEASURES),
    *("input_tokens_mean", "input_tokens_p95", "output_tokens_mean", "output_tokens_p95"),
)
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "weights_precision": PRECISIONS,
    "kv_precision": PRECISIONS,
    "arrival": ARRIVALS,
}


def read_value(record: Fields, column: str) -> object:
    """The value of a column of a row or a source; None if it is absent, or invalid (a fault)."""
    if not record.has(column):
        return None
    if column in _CHOICES:
        return record.choice(column, _CHOICES[column])
    if column in _FLAGS:
        if not isinstance(record, CsvRow):
            return record.flag(column)
        word = record.choice(column, ("true", "false"))
        return None if word is None else word == "true"
    if column in _COUNTS:
        return record.whole(column, 1)
    if column in _MAY_BE_ZERO:
        return record.whole(column, 0)
    if column in _SHARES:
        return record.number(column, 0, 1)
    if column in _NUMBERS:
        return record.positive(column)
    return record.day(column) if column == "date" else record.text(column) or None
