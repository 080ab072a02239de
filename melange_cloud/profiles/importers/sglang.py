"""Reads results of SGLang ``bench_serving``: JSON lines, one per run.

Sizes are those of completed requests: with ``random_range_ratio`` 0 the mean input is half of ``random_input_len``. Old
lines do not have request_throughput, mean TTFT and TPOT: the rate is then completed / duration, and TPOT is derived
    from
the mean end-to-end latency minus the (median) TTFT. The lines do not name the model (except in a ``tag``). Failures are
there only with ``--output-details``: ``errors`` then has a text per request. ``server_info``, if present, has the
server's options.
"""

from typing import Any

from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.importers.record import NO_TTFT, ResultRecord, labels_of
from melange_cloud.profiles.importers.vllm_or_sglang import is_sglangs

TOOL = "sglang bench_serving"
_SERVER_NAMES = tuple(f"server_info.{key}" for key in ("served_model_name", "model_path", "tokenizer_path"))


def recognises(document: Any) -> bool:
    """True if SGLang wrote it."""
    return is_sglangs(document)


def read(record: ResultRecord) -> list[BenchmarkRun]:
    """The single run of a line."""
    completed = record.completed("completed")
    if not completed:
        return []
    duration_s = record.needed("duration")
    said = record.positive("request_throughput")
    requests_per_s = completed / duration_s if said is None else said
    record.agree("request_throughput", requests_per_s, completed / duration_s)
    output_tokens = record.needed("total_output_tokens") / completed
    e2e_ms = record.needed("mean_e2e_latency_ms")
    ttft_ms = record.positive("mean_ttft_ms")
    tpot_ms = record.per_token_ms("mean_tpot_ms", output_tokens)
    if tpot_ms is None and output_tokens > 1:
        first_ms = record.positive("median_ttft_ms") if ttft_ms is None else ttft_ms
        if first_ms is not None and first_ms < e2e_ms:
            tpot_ms = (e2e_ms - first_ms) / (output_tokens - 1)
    speculative = record.positive("accept_length")
    names = ("model", "model_id", "model_path", "server_info.model_path")
    model = next((name for field in names if (name := record.text(field))), "")
    run = BenchmarkRun(
        tool=TOOL,
        source=record.source,
        model=model,
        input_tokens=record.needed("total_input_tokens") / completed,
        output_tokens=output_tokens,
        requests_per_s=requests_per_s,
        asked_requests_per_s=record.asked_rate("request_rate"),
        max_concurrency=record.count("max_concurrency"),
        concurrency=requests_per_s * e2e_ms / 1000,
        tpot_ms=tpot_ms,
        p99_tpot_ms=record.per_token_ms("p99_tpot_ms", output_tokens),
        ttft_ms=ttft_ms,
        p99_ttft_ms=record.positive("p99_ttft_ms"),
        completed=completed,
        failed=record.failed(completed, "num_prompts", "errors", "output_lens", "input_lens"),
        duration_s=duration_s,
        measured_on=None,
        engine=record.text("backend") + (" with speculative decoding" if speculative and speculative > 1 else ""),
        labels=(*record.labels(), *labels_of(record.value("server_info"))),
        cancelled=record.cancelled(),
        notes=() if ttft_ms is not None else (f"mean_ttft_ms {NO_TTFT}",),
        other_names=record.other_names(model, "tokenizer_path", *_SERVER_NAMES),
    )
    return record.checked(run, "mean_tpot_ms")
