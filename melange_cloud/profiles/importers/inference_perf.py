"""Reads inference-perf's ``stage_N_lifecycle_metrics.json``: one stage, with one rate, per file.

Times are in seconds. TPOT is derived as (request latency - TTFT) / (output tokens - 1), since the file's own
time_per_output_token counts chunks as tokens and is half of it. There is no model and no date.
``summary_lifecycle_metrics.json`` looks like a stage without a rate and averages over all stages.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.record import NO_TTFT, ResultRecord
from melange_cloud.profiles.importers.request_counts import counted

TOOL = "inference-perf"


def recognises(document: Any) -> bool:
    """True if inference-perf wrote it."""
    return isinstance(document, dict) and {"load_summary", "successes"} <= document.keys()


AVERAGES = "averages over all stages of the benchmark, not a run at one load"


def is_summary(path: Path, document: Any) -> bool:
    """True if it is the average over all stages, by its name or because it has no load of its own."""
    if not recognises(document):
        return False
    name = path.name.lower()
    return name.startswith("summary_") or not (_has_load(document["load_summary"]) or name.startswith("stage_"))


def _has_load(load: Any) -> bool:
    return isinstance(load, dict) and bool(load.get("requested_rate") or load.get("concurrency"))


def read(record: ResultRecord) -> list[BenchmarkRun]:
    """The single run of a stage."""
    completed = record.completed("successes.count")
    if not completed:
        return []
    if not _has_load(record.value("load_summary")):
        record.fault(
            "load_summary.requested_rate",
            "is missing, like load_summary.concurrency: import a stage file as inference-perf wrote it",
        )
    output_tokens = record.needed("successes.output_len.mean")
    ttft_s = record.positive("successes.latency.time_to_first_token.mean")
    e2e_s = record.needed("successes.latency.request_latency.mean")
    requests_per_s = record.needed("successes.throughput.requests_per_sec")
    tpot_ms = None
    if ttft_s is not None and output_tokens > 1 and record.is_sound:
        if ttft_s >= e2e_s:
            record.fault("successes.latency.time_to_first_token.mean", "is not below the mean request latency")
        else:
            tpot_ms = 1000 * (e2e_s - ttft_s) / (output_tokens - 1)
    failed, sent = _failed(record), record.count("load_summary.count")
    if sent is not None:
        failed = max(failed or 0, sent - completed)
    p99_ttft_s = record.positive("successes.latency.time_to_first_token.p99")
    model = ""
    run = BenchmarkRun(
        tool=TOOL,
        source=record.source,
        model=model,
        input_tokens=record.needed("successes.prompt_len.mean"),
        output_tokens=output_tokens,
        requests_per_s=requests_per_s,
        asked_requests_per_s=record.asked_rate("load_summary.requested_rate"),
        max_concurrency=record.count("load_summary.concurrency"),
        concurrency=requests_per_s * e2e_s,
        tpot_ms=tpot_ms,
        p99_tpot_ms=None,
        ttft_ms=None if ttft_s is None else 1000 * ttft_s,
        p99_ttft_ms=None if p99_ttft_s is None else 1000 * p99_ttft_s,
        completed=completed,
        failed=failed,
        duration_s=record.positive("load_summary.send_duration"),
        measured_on=None,
        engine="",
        labels=record.labels(),
        cancelled=record.cancelled(),
        notes=() if ttft_s is not None else (f"successes.latency.time_to_first_token {NO_TTFT}",),
        other_names=record.other_names(model),
    )
    return record.checked(run, "successes.latency.request_latency.mean", "s")


_STATISTICS = ("count", "request_latency", "latency", "prompt_len", "output_len", "throughput")


def _failed(record: ResultRecord) -> int | None:
    """Failures by their count or by their kinds, whichever is larger; None if both are missing."""
    found = record.value("failures")
    if not isinstance(found, Mapping):
        return record.failures("failures")
    kinds = {kind: count for kind, count in found.items() if kind not in _STATISTICS and count is not None}
    counts = [record.failures("failures.count"), counted(kinds) if kinds else None]
    return max((count for count in counts if count is not None), default=None)
