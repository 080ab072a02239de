"""Reads AIPerf's ``profile_export_aiperf.json`` and its predecessor's ``*_genai_perf.json``: one run per file.

Every metric is an object with its unit; times are in ms. The requested load is in AIPerf's input_config. If it is not
there (the layout of genai-perf's files varies), a closed loop is assumed and its size derived. Failures are in
``error_request_count`` (absent if there were none), in ``error_summary`` and in the difference from the requested
number; a run that was stopped has ``was_cancelled`` or ``is_complete: false``.
"""

import math
from typing import Any

from melange_cloud.errors import shown
from melange_cloud.inputs import is_number
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.record import NO_TTFT, ResultRecord

TOOL = "aiperf or genai-perf"
_MARKS = {"request_throughput", "request_latency", "inter_token_latency", "time_to_first_token"}
_MOST_CANCELLED = 1.0
"""Percent of the requests that a run may cancel on purpose, the same as may fail."""

_MS_PER = {"ms": 1.0, "s": 1000.0, "sec": 1000.0, "us": 1e-3, "ns": 1e-6}


def recognises(document: Any) -> bool:
    """True if AIPerf or genai-perf wrote it."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("request_throughput"), dict)
        and ("input_config" in document or len(document.keys() & _MARKS) >= 2)
    )


def read(record: ResultRecord) -> list[BenchmarkRun]:
    """The single run of a file."""
    completed = None
    if record.value("request_count.avg") is not None:
        completed = record.completed("request_count.avg")
        if not completed:
            return []
    is_aiperf = record.value("input_config.loadgen") is not None or record.value("aiperf_version") is not None
    models = record.value("input_config.endpoint.model_names") or record.value("input_config.model_names")
    names = [str(name) for name in models] if isinstance(models, list) else []
    requests_per_s = record.needed("request_throughput.avg")
    e2e_ms = _ms(record, "request_latency", "avg")
    asked = record.asked_rate("input_config.loadgen.request_rate")
    limit = record.count("input_config.loadgen.concurrency")
    in_flight = None if e2e_ms is None else requests_per_s * e2e_ms / 1000
    if asked is None and limit is None and in_flight is not None:
        limit = max(1, round(in_flight))
    output_tokens = record.needed("output_sequence_length.avg")
    ttft_ms = _ms(record, "time_to_first_token", "avg")
    model = ", ".join(names)
    run = BenchmarkRun(
        tool="aiperf" if is_aiperf else "genai-perf",
        source=record.source,
        model=model,
        input_tokens=record.needed("input_sequence_length.avg"),
        output_tokens=output_tokens,
        requests_per_s=requests_per_s,
        asked_requests_per_s=asked,
        max_concurrency=limit,
        concurrency=in_flight,
        tpot_ms=_ms(record, "inter_token_latency", "avg", output_tokens),
        p99_tpot_ms=_ms(record, "inter_token_latency", "p99", output_tokens),
        ttft_ms=ttft_ms,
        p99_ttft_ms=_ms(record, "time_to_first_token", "p99"),
        completed=completed,
        failed=_failed(record, completed, is_aiperf),
        duration_s=None,
        measured_on=None,
        engine="",
        labels=(*record.labels(), *_gpu_of(record.value("telemetry_data"))),
        cancelled=_cancelled(record),
        notes=() if ttft_ms is not None else (f"time_to_first_token {NO_TTFT}",),
        other_names=record.other_names(model, "input_config.tokenizer.name", "input_config.endpoint.served_model_name"),
    )
    return record.checked(run, "inter_token_latency.avg")


def _failed(record: ResultRecord, completed: int | None, is_aiperf: bool) -> int | None:
    counts = []
    counted = record.count("error_request_count.avg")
    if counted is not None:
        counts.append(counted)
    summary = record.failures("error_summary")
    if summary is not None:
        counts.append(summary)
    rate = record.value("request_error_rate.avg")
    if completed is not None and is_number(rate, 0, 99):
        counts.append(round(completed * rate / (100 - rate)))
    sent = record.count("total_request_count.avg")
    if sent is not None and completed is not None:
        counts.append(max(0, sent - completed))
    asked = record.count("input_config.loadgen.request_count")
    if asked and completed is not None:
        counts.append(max(0, asked - completed))
    # AIPerf leaves out the count if nothing failed; for genai-perf that is unknown.
    return max(counts, default=0 if is_aiperf and completed is not None else None)


def _cancelled(record: ResultRecord) -> str:
    rate = record.value("input_config.loadgen.request_cancellation_rate")
    if is_number(rate, _MOST_CANCELLED):
        return f"request_cancellation_rate is {rate:g} %"
    return record.cancelled()


def _gpu_of(telemetry: Any) -> tuple[tuple[str, str], ...]:
    """The names of the GPUs in AIPerf's telemetry, which are a few levels deep."""
    names: dict[str, None] = {}
    level: list[Any] = [telemetry]
    while level:
        inner: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                name = part.get("gpu_name")
                names.update({name: None} if isinstance(name, str) and name else {})
            held = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
            inner.extend(one for one in held if isinstance(one, dict | list))
        level = inner
    return tuple(("gpu_name", name) for name in names)


def _ms(record: ResultRecord, metric: str, statistic: str, output_tokens: float = math.inf) -> float | None:
    found = record.per_token_ms(f"{metric}.{statistic}", output_tokens)
    unit = record.text(f"{metric}.unit") or "ms"
    if found is None:
        return None
    if unit not in _MS_PER:
        record.fault(f"{metric}.unit", f"is {shown(unit)}; it must be one of {', '.join(_MS_PER)}")
        return None
    return found * _MS_PER[unit]
