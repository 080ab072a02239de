"""Turns the loads of a finished measurement into measured rows, with all known facts about the server and its GPUs."""

import platform
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from melange_cloud.domain.evidence import MeasuredRow
from melange_cloud.domain.measurement import MeasureQuestion
from melange_cloud.errors import BadFile, echoed
from melange_cloud.inputs import read_text
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.evidence.hold_out import hold_out_key, is_held_out
from melange_cloud.profiles.measure.gpu_readings import GpuReadings, read_readings
from melange_cloud.profiles.measure.pace import warm_up_requests
from melange_cloud.profiles.measure.resume import KeptPoints, readings_file
from melange_cloud.profiles.measure.server_settings import ServerSettings
from melange_cloud.profiles.measure.session import MeasuredSize

_MOST_BYTES = 2**20
_LONGEST_NAME = 120


def evidence_rows(
    question: MeasureQuestion,
    measured: Sequence[MeasuredSize],
    settings: ServerSettings,
    kept: KeptPoints,
    *,
    host_cpu: str | None,
) -> list[MeasuredRow]:
    """One row per accepted load, sorted by size and requests in flight.

    Args:
        settings: what the server, its log and the user say about it; the engine is known.
        kept: where the GPU readings are.
        host_cpu: of the server's machine; None if it is another one.
    """
    return list(_rows(question, measured, settings, kept, host_cpu))


def _rows(
    question: MeasureQuestion,
    measured: Sequence[MeasuredSize],
    settings: ServerSettings,
    kept: KeptPoints,
    host_cpu: str | None,
) -> Iterator[MeasuredRow]:
    for size in measured:
        for concurrency, run in size.runs:
            file = readings_file(kept.report(size.size, concurrency))
            readings = read_readings(file, question.gpu, question.tensor_parallel)
            yield _row(question, concurrency, run, settings, readings, host_cpu)


def _row(
    question: MeasureQuestion,
    concurrency: int,
    run: BenchmarkRun,
    settings: ServerSettings,
    readings: GpuReadings | None,
    host_cpu: str | None,
) -> MeasuredRow:
    tool, _, tool_version = run.tool.partition(" ")
    row = MeasuredRow(
        date=run.measured_on,
        model=question.model,
        weights_precision=question.precision,
        kv_precision=settings.kv_precision,
        quant_method=settings.quant_method,
        gpu=question.gpu,
        gpu_count=None if readings is None else readings.gpu_count,
        tp=question.tensor_parallel,
        host_cpu=host_cpu,
        power_limit_w=None if readings is None else readings.power_limit_w,
        sm_clock_mhz_mean=None if readings is None else readings.sm_clock_mhz_mean,
        engine=settings.engine,
        engine_version=settings.engine_version or None,
        max_num_seqs=settings.max_num_seqs,
        max_num_batched_tokens=settings.max_num_batched_tokens,
        max_model_len=settings.max_model_len,
        gpu_memory_utilization=settings.gpu_memory_utilization,
        kv_cache_tokens=settings.kv_cache_tokens,
        cuda_graphs=settings.cuda_graphs,
        chunked_prefill=settings.chunked_prefill,
        prefix_caching=settings.prefix_caching,
        spec_decode=settings.spec_decode,
        api_servers=settings.api_servers,
        tool=tool,
        tool_version=tool_version or None,
        # The path of a folder is private.
        tokenizer=Path(question.tokenizer).name if Path(question.tokenizer).is_absolute() else question.tokenizer,
        input_tokens_mean=run.input_tokens,
        input_tokens_p95=run.p95_input_tokens,
        output_tokens_mean=run.output_tokens,
        output_tokens_p95=run.p95_output_tokens,
        # Every load has its own seed, and its prompts differ from the first words on.
        prompts_shared_fraction=0.0,
        arrival="closed",
        concurrency=concurrency,
        requests=run.completed,
        warmup_requests=warm_up_requests(concurrency),
        duration_s=run.duration_s,
        requests_per_s=run.requests_per_s,
        tpot_mean_ms=run.tpot_ms,
        tpot_p50_ms=run.p50_tpot_ms,
        tpot_p99_ms=run.p99_tpot_ms,
        ttft_mean_ms=run.ttft_ms,
        ttft_p50_ms=run.p50_ttft_ms,
        ttft_p99_ms=run.p99_ttft_ms,
        failed=run.failed,
    )
    key = hold_out_key(row.model, row.gpu, row.tp, row.weights_precision, row.engine, row.size)
    return replace(row, held_out=is_held_out(key))


def processor_name() -> str | None:
    """The processor of this machine; None if the system does not say."""
    try:
        text = read_text(Path("/proc/cpuinfo"), _MOST_BYTES)
    except BadFile:
        return platform.processor() or None
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return echoed(value.strip(), _LONGEST_NAME) or None
    return platform.processor() or None
