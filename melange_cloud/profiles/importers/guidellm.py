"""Reads GuideLLM's ``benchmarks.json``, version 2: one run per entry of ``benchmarks``.

TPOT is ``inter_token_latency_ms``, since GuideLLM's ``time_per_output_token_ms`` spreads the first token's time over
all. Latencies are in ms, except the request latency, which is in seconds. A constant-rate strategy also has a
max_concurrency, the tool's own 10,240, which limits nothing. A run with a time limit ends with requests in flight,
which count as ``incomplete``: up to twice the mean in flight, as in a queue that grows steadily. Any more were
abandoned.
"""

import math
from typing import Any

from melange_cloud.errors import shown
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.record import NO_TTFT, ResultRecord, labels_of

TOOL = "guidellm"
_VERSION = 2
_CLOSED_LOOP = ("concurrent", "synchronous")


def recognises(document: Any) -> bool:
    """True if GuideLLM wrote it."""
    return isinstance(document, dict) and isinstance(document.get("benchmarks"), list) and "metadata" in document


def read(record: ResultRecord) -> list[BenchmarkRun]:
    """The runs of a report."""
    version = record.value("metadata.version")
    if version != _VERSION:
        record.fault(
            "metadata.version",
            f"is {shown(version)}; only version {_VERSION} (GuideLLM 0.4 or later) defines its times: run the "
            "benchmark again",
        )
        return []
    tool = f"{TOOL} {record.text('metadata.guidellm_version')}".strip()
    model = record.text("config.spec.backend.model")
    labels = labels_of(record.value("config.metadata.labels"))
    runs = []
    for index, document in enumerate(record.items("benchmarks")):
        runs.extend(_read_one(record.part(f"benchmarks[{index}]", document), tool, model, labels))
    return runs


def _read_one(part: ResultRecord, tool: str, model: str, labels: tuple[tuple[str, str], ...]) -> list[BenchmarkRun]:
    completed = part.completed("metrics.request_totals.successful")
    if not completed:
        return []
    strategy = part.text("config.strategy.type_")
    closed = strategy in _CLOSED_LOOP
    limit = part.count("config.strategy.streams") or part.count("config.strategy.max_concurrency")
    errored, incomplete = _errored(part, completed), _incomplete(part)
    in_flight = part.positive("metrics.request_concurrency.successful.mean")
    most_at_the_end = math.ceil(max(2 * (in_flight or 0), (limit or 1) if closed else 0))
    given_up = max(0, (incomplete or 0) - most_at_the_end)
    output_tokens = part.needed("metrics.output_token_count.successful.mean")
    ttft_ms = part.positive("metrics.time_to_first_token_ms.successful.mean")
    name = part.text("config.backend.model") or model
    run = BenchmarkRun(
        tool=tool,
        source=part.source,
        model=name,
        input_tokens=part.needed("metrics.prompt_token_count.successful.mean"),
        output_tokens=output_tokens,
        requests_per_s=part.needed("metrics.requests_per_second.successful.mean"),
        asked_requests_per_s=part.asked_rate("config.strategy.rate"),
        max_concurrency=(limit or 1) if closed else None,
        concurrency=in_flight,
        tpot_ms=part.per_token_ms("metrics.inter_token_latency_ms.successful.mean", output_tokens),
        p99_tpot_ms=part.per_token_ms("metrics.inter_token_latency_ms.successful.percentiles.p99", output_tokens),
        ttft_ms=ttft_ms,
        p99_ttft_ms=part.positive("metrics.time_to_first_token_ms.successful.percentiles.p99"),
        completed=completed,
        failed=None if errored is None and incomplete is None else (errored or 0) + given_up,
        duration_s=part.positive("duration"),
        measured_on=part.day_of("start_time"),
        engine="",
        labels=labels,
        cut_off=(incomplete or 0) - given_up,
        cancelled=part.cancelled(),
        notes=() if ttft_ms is not None else (f"metrics.time_to_first_token_ms {NO_TTFT}",),
        other_names=part.other_names(name),
        p50_tpot_ms=part.per_token_ms("metrics.inter_token_latency_ms.successful.percentiles.p50", output_tokens),
        p50_ttft_ms=part.positive("metrics.time_to_first_token_ms.successful.percentiles.p50"),
        p95_input_tokens=part.positive("metrics.prompt_token_count.successful.percentiles.p95"),
        p95_output_tokens=part.positive("metrics.output_token_count.successful.percentiles.p95"),
    )
    return part.checked(run, "metrics.inter_token_latency_ms.successful.mean")


_TOTALS = ("metrics.request_totals", "scheduler_metrics.requests_made")
"""Where requests are counted by outcome."""


def _incomplete(part: ResultRecord) -> int | None:
    counts = [part.count(f"{totals}.incomplete") for totals in _TOTALS]
    return max((count for count in counts if count is not None), default=None)


def _errored(part: ResultRecord, completed: int) -> int | None:
    """The number of failed requests, the largest of: a count, the listed entries, and those missing from the total."""
    counts = [part.failures("requests.errored")]
    for totals in _TOTALS:
        counts.append(part.count(f"{totals}.errored"))
        total, incomplete = part.count(f"{totals}.total"), part.count(f"{totals}.incomplete")
        successful = part.count(f"{totals}.successful")
        if total is not None:
            # The scheduler also counts the warm-up, which the metrics leave out: each total has its own successful
            # requests.
            counts.append(max(0, total - (completed if successful is None else successful) - (incomplete or 0)))
    return max((count for count in counts if count is not None), default=None)
