"""vLLM ``bench serve --save-result`` (``benchmark_serving.py`` before): one JSON object, or one per line when appended.

Times in ms. No GPU or tensor parallel degree, but ``--metadata gpu=A10G`` lands as a key of its own. Results of 2024
lack burstiness, max_concurrency and failed; failures are then the prompts that were not completed.
"""

from typing import Any

from melange_cloud.profiles.importers.record import Record
from melange_cloud.profiles.runs import BenchmarkRun

TOOL = "vllm bench serve"
_MARKS = {"num_prompts", "total_input_tokens", "total_output_tokens", "mean_ttft_ms"}


def recognises(document: Any) -> bool:
    """Whether vLLM wrote it."""
    return isinstance(document, dict) and document.keys() >= _MARKS and "model_id" in document


def read(record: Record) -> list[BenchmarkRun]:
    """The one run of a document."""
    completed = record.completed("completed")
    if not completed:
        return []
    failed = record.count("failed")
    if failed is None:
        failed = max(0, (record.count("num_prompts") or completed) - completed)
    duration_s = record.needed("duration")
    requests_per_s = record.needed("request_throughput")
    record.agree("request_throughput", requests_per_s, completed / duration_s)
    run = BenchmarkRun(
        tool=TOOL,
        source=record.source,
        model=record.text("model_id"),
        input_tokens=record.needed("total_input_tokens") / completed,
        output_tokens=record.needed("total_output_tokens") / completed,
        requests_per_s=requests_per_s,
        asked_requests_per_s=record.asked_rate("request_rate"),
        max_concurrency=record.count("max_concurrency"),
        concurrency=None,
        tpot_ms=record.number("mean_tpot_ms"),
        p99_tpot_ms=record.number("p99_tpot_ms"),
        ttft_ms=record.number("mean_ttft_ms"),
        p99_ttft_ms=record.number("p99_ttft_ms"),
        completed=completed,
        failed=failed,
        duration_s=duration_s,
        measured_on=record.day("date", "%Y%m%d-%H%M%S"),
        engine=record.text("backend"),
        labels=record.labels(),
    )
    return record.checked(run, "mean_tpot_ms")
