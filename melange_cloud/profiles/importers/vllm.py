"""Reads results of vLLM ``bench serve --save-result`` (``benchmark_serving.py``): one JSON object or one per line.

Times are in ms. There is no GPU or tensor parallel degree, but ``--metadata gpu=A10G`` becomes a key. Results of 2024
do not have burstiness, max_concurrency and failed; prompts that were not completed then count as failures. vLLM 0.3 and
0.4 wrote the rate as ``request_inthroughput``, so it is derived. With ``--save-detailed``, ``errors`` has a text per
request.
"""

from typing import Any

from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.record import NO_TTFT, ResultRecord
from melange_cloud.profiles.importers.vllm_or_sglang import is_vllms

TOOL = "vllm bench serve"


def recognises(document: Any) -> bool:
    """True if vLLM wrote it."""
    return is_vllms(document)


def read(record: ResultRecord) -> list[BenchmarkRun]:
    """The single run of a document."""
    completed = record.completed("completed")
    if not completed:
        return []
    duration_s = record.needed("duration")
    said = record.positive("request_throughput")
    requests_per_s = completed / duration_s if said is None else said
    record.agree("request_throughput", requests_per_s, completed / duration_s)
    output_tokens = record.needed("total_output_tokens") / completed
    ttft_ms, e2e_ms = record.positive("mean_ttft_ms"), record.positive("mean_e2el_ms")
    model = record.text("model_id")
    run = BenchmarkRun(
        tool=TOOL,
        source=record.source,
        model=model,
        input_tokens=record.needed("total_input_tokens") / completed,
        output_tokens=output_tokens,
        requests_per_s=requests_per_s,
        asked_requests_per_s=record.asked_rate("request_rate"),
        max_concurrency=record.count("max_concurrency"),
        concurrency=None if e2e_ms is None else requests_per_s * e2e_ms / 1000,
        tpot_ms=record.per_token_ms("mean_tpot_ms", output_tokens),
        p99_tpot_ms=record.per_token_ms("p99_tpot_ms", output_tokens),
        ttft_ms=ttft_ms,
        p99_ttft_ms=record.positive("p99_ttft_ms"),
        completed=completed,
        failed=record.failed(completed, "num_prompts", "errors", "output_lens"),
        duration_s=duration_s,
        measured_on=record.day_as("date", "%Y%m%d-%H%M%S"),
        engine=record.text("backend"),
        labels=record.labels(),
        cancelled=record.cancelled(),
        notes=() if ttft_ms is not None else (f"mean_ttft_ms {NO_TTFT}",),
        other_names=record.other_names(model),
    )
    return record.checked(run, "mean_tpot_ms")
