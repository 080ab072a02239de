"""Measured rows behind the profiles, and where they contradict each other: the answer of ``profiles evidence``.

Field names are those of the JSON and of the columns of a file of measured rows.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ARRIVALS = ("closed", "poisson", "burst", "static")
"""How requests arrived: a fixed number in flight, at random at a rate, all at once, or as one batch that starts and
ends together."""

_NOT_NEGATIVE: Any = {"schema": {"minimum": 0}}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRow:
    """One measurement of one request size under one load. Null means that the source does not say.

    Attributes:
        source: name of its source in profiles/measured/sources.toml; null in a file that was only checked.
        source_url: where the figures come from.
        commit_or_version: of the source.
        date: when it was measured or published; the last day, if only the month or year is known.
        licence: of the figures.
        submitter: who contributed the row.
        model: the name that profiles use.
        revision: of the weights.
        weights_precision: bf16, fp16 or fp8.
        kv_precision: of the KV cache: bf16, fp16 or fp8.
        quant_method: how the weights were quantised.
        gpu_count: GPUs of the machine.
        tp: GPUs that one replica ran on.
        link: between the GPUs: NVLink or PCIe.
        instance_type: of the cloud.
        cloud: where it ran.
        host_cpu: of the machine.
        power_limit_w: of one GPU, W.
        sm_clock_mhz_mean: mean clock of the GPU's cores during the run, MHz.
        engine: the serving engine; for a ``gpu_only`` row the library.
        engine_version: its version.
        max_num_seqs: requests that the engine may run at once.
        max_num_batched_tokens: tokens that it may put into one step.
        max_model_len: longest input + output that the engine was started for, tokens.
        gpu_memory_utilization: part of the GPU's memory that it may use.
        kv_cache_tokens: tokens that fit in the KV cache, from the engine's log.
        cuda_graphs: whether it used CUDA graphs.
        chunked_prefill: whether prompts were split over steps.
        prefix_caching: whether prompts could come from a prefix cache.
        spec_decode: whether it decoded speculatively.
        api_servers: HTTP server processes.
        tool: what sent the requests.
        tool_version: its version.
        tokenizer: counted the tokens.
        input_tokens_mean, output_tokens_mean: tokens per request.
        input_tokens_p95, output_tokens_p95: 95th percentile, tokens.
        prompts_shared_fraction: part of the prompts that could already be in the prefix cache.
        arrival: closed, poisson, burst or static.
        concurrency: requests in flight, or of the batch.
        rate_asked: requests per second that were sent.
        requests: requests of the run.
        warmup_requests: requests before it that do not count.
        duration_s: of the run, s; for a static batch, from its start to its last token.
        requests_per_s: requests served.
        tpot_mean_ms, tpot_p50_ms, tpot_p99_ms: time per output token after the first, ms; for a ``gpu_only`` row, of
            one step.
        ttft_mean_ms, ttft_p50_ms, ttft_p99_ms: time to the first token, ms; for a ``gpu_only`` row, of one prefill.
        failed: requests that failed.
        gpu_only: whether only kernels or steps were timed, without a serving engine. Never compared with served rates.
        held_out: whether the row is kept out of all fits, to test them.
        doubt: why the row may be wrong; such a row is not used for fits either. Null if there is no doubt.
        note: what else is known.
    """

    source: str | None = None
    source_url: str | None = None
    commit_or_version: str | None = None
    date: dt.date | None = None
    licence: str | None = None
    submitter: str | None = None
    model: str
    revision: str | None = None
    weights_precision: str
    kv_precision: str | None = None
    quant_method: str | None = None
    gpu: str
    gpu_count: int | None = None
    tp: int
    link: str | None = None
    instance_type: str | None = None
    cloud: str | None = None
    host_cpu: str | None = None
    power_limit_w: float | None = None
    sm_clock_mhz_mean: float | None = None
    engine: str
    engine_version: str | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    max_model_len: int | None = None
    gpu_memory_utilization: float | None = None
    kv_cache_tokens: int | None = None
    cuda_graphs: bool | None = None
    chunked_prefill: bool | None = None
    prefix_caching: bool | None = None
    spec_decode: bool | None = None
    api_servers: int | None = None
    tool: str | None = None
    tool_version: str | None = None
    tokenizer: str | None = None
    input_tokens_mean: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    input_tokens_p95: float | None = None
    output_tokens_mean: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    output_tokens_p95: float | None = None
    prompts_shared_fraction: float | None = None
    arrival: str = field(metadata={"schema": {"enum": list(ARRIVALS)}})
    concurrency: int | None = None
    rate_asked: float | None = field(default=None, metadata=_NOT_NEGATIVE)
    requests: int | None = None
    warmup_requests: int | None = None
    duration_s: float | None = None
    requests_per_s: float | None = None
    tpot_mean_ms: float | None = None
    tpot_p50_ms: float | None = None
    tpot_p99_ms: float | None = None
    ttft_mean_ms: float | None = None
    ttft_p50_ms: float | None = None
    ttft_p99_ms: float | None = None
    failed: int | None = None
    gpu_only: bool = False
    held_out: bool = False
    doubt: str | None = None
    note: str | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Mean input and output tokens, whole."""
        return round(self.input_tokens_mean), round(self.output_tokens_mean)

    @property
    def enters_fits(self) -> bool:
        """True if constants may be fitted to it."""
        return not (self.held_out or self.doubt or self.gpu_only)


@dataclass(frozen=True, slots=True)
class CitedSource:
    """A source of measured rows.

    Attributes:
        name: the name used in the rows.
        title: what was measured, and by whom.
        source_url: where the figures come from.
        licence: of the figures.
        date: when they were measured or published.
        rows: how many of the listed rows come from it.
        constants: engine whose constants of the estimator it is compared with.
    """

    name: str
    title: str
    source_url: str
    licence: str
    date: dt.date
    rows: int = field(metadata=_NOT_NEGATIVE)
    constants: str


@dataclass(frozen=True, slots=True)
class ConstantsEvidence:
    """The basis of the estimator's constants for one GPU, era and precision.

    Attributes:
        era: engine era.
        precision: ``fp16`` stands for bf16 too.
        rows_by_source: source -> rows that constants were fitted to; empty if they are borrowed.
        borrowed: the constants from which they are derived, at least in part; empty if none.
    """

    gpu: str
    era: str
    precision: str
    rows_by_source: Mapping[str, int] = field(metadata=_NOT_NEGATIVE)
    borrowed: str


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """What one source found with one version of one engine.

    Attributes:
        source: its name, or the file that was checked.
        engine: the serving engine.
        engine_version: its version; null if not stated.
        date: when it was measured or published.
        rows: its rows of this size and load.
        lowest, highest: the lowest and the highest figure of these rows.
        doubt: why they may be wrong; null if there is no doubt.
    """

    source: str
    engine: str
    engine_version: str | None
    date: dt.date | None
    rows: int = field(metadata={"schema": {"minimum": 1}})
    lowest: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    highest: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    doubt: str | None


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Figures for the same case that differ by more than the figures of a single source do.

    Attributes:
        weights_precision: bf16, fp16 or fp8.
        kv_precision: of the KV cache; null if not stated.
        tp: GPUs that one replica ran on.
        input_tokens, output_tokens: means of the first row; the others are within 5 %, or where one request runs at a
            time, their mean context is within 500 tokens.
        arrival: closed, poisson, burst or static.
        load: requests in flight, requests of the batch, or requests per second that were sent; null where all were
            queued at once.
        measure: the column that differs: tpot_ms, requests_per_s or duration_s.
        between: ``engines`` or ``versions`` where those differ, else ``sources``.
        ratio: the highest figure over the lowest one.
        figures: one for each source and engine version, the lowest first.
    """

    model: str
    gpu: str
    tp: int
    weights_precision: str
    kv_precision: str | None
    input_tokens: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    output_tokens: float = field(metadata={"schema": {"exclusiveMinimum": 0}})
    arrival: str = field(metadata={"schema": {"enum": list(ARRIVALS)}})
    load: float | None
    measure: str
    between: str = field(metadata={"schema": {"enum": ["engines", "versions", "sources"]}})
    ratio: float
    figures: tuple[ComparedFigure, ...] = field(metadata={"schema": {"minItems": 2}})


@dataclass(frozen=True, slots=True)
class EvidenceList:
    """Measured rows, who measured them, and where they contradict each other.

    Attributes:
        gpus: only rows of these; empty is all.
        model: only rows of this model; null is all.
        checked: the file of rows that was checked; null if these are the shipped rows.
        rows: in the order of their file.
        sources: of the rows, in the order of their first one.
        constants: the basis of the constants of these GPUs.
        contradictions: the largest first.
    """

    gpus: tuple[str, ...]
    model: str | None
    checked: str | None
    rows: tuple[MeasuredRow, ...]
    sources: tuple[CitedSource, ...]
    constants: tuple[ConstantsEvidence, ...]
    contradictions: tuple[Contradiction, ...]
