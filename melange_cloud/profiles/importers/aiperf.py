"""AIPerf's ``profile_export_aiperf.json`` and its forerunner's ``*_genai_perf.json``: one run per file.

Every metric is an object with its unit; times are in ms. The load asked for stands in AIPerf's input_config; where it
is not found there, as in genai-perf's, whose layout varies, a closed loop is assumed and its size derived.
"""

from typing import Any

from melange_cloud.errors import shown
from melange_cloud.profiles.importers.record import Record
from melange_cloud.profiles.runs import BenchmarkRun

TOOL = "aiperf or genai-perf"
_MARKS = {"request_throughput", "request_latency", "inter_token_latency", "time_to_first_token"}
_MS_PER = {"ms": 1.0, "s": 1000.0, "sec": 1000.0, "us": 1e-3, "ns": 1e-6}


def recognises(document: Any) -> bool:
    """Whether AIPerf or genai-perf wrote it."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("request_throughput"), dict)
        and ("input_config" in document or len(document.keys() & _MARKS) >= 2)
    )


def read(record: Record) -> list[BenchmarkRun]:
    """The one run of a file."""
    completed = _completed(record)
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
    errors = record.count("error_request_count.avg") or 0
    run = BenchmarkRun(
        tool="aiperf" if is_aiperf else "genai-perf",
        source=record.source,
        model=", ".join(names),
        input_tokens=record.needed("input_sequence_length.avg"),
        output_tokens=record.needed("output_sequence_length.avg"),
        requests_per_s=requests_per_s,
        asked_requests_per_s=asked,
        max_concurrency=limit,
        concurrency=in_flight,
        tpot_ms=_ms(record, "inter_token_latency", "avg"),
        p99_tpot_ms=_ms(record, "inter_token_latency", "p99"),
        ttft_ms=_ms(record, "time_to_first_token", "avg"),
        p99_ttft_ms=_ms(record, "time_to_first_token", "p99"),
        completed=completed,
        failed=errors,
        duration_s=None,
        measured_on=None,
        engine="",
        labels=record.labels(),
    )
    return record.checked(run, "inter_token_latency.avg")


def _completed(record: Record) -> int:
    for field in ("request_count.avg", "input_config.loadgen.request_count"):
        if record.value(field) is not None:
            return record.completed(field)
    return 1


def _ms(record: Record, metric: str, statistic: str) -> float | None:
    found = record.number(f"{metric}.{statistic}")
    unit = record.text(f"{metric}.unit") or "ms"
    if found is None:
        return None
    if unit not in _MS_PER:
        record.fault(f"{metric}.unit", f"is {shown(unit)}; it must be one of {', '.join(_MS_PER)}")
        return None
    return found * _MS_PER[unit]
