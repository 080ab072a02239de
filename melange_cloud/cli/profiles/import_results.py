"""``melange-cloud profiles import``: the user's own benchmark results as a profile."""

from typing import Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.current_time import now
from melange_cloud.cli.option_checks import latency_targets
from melange_cloud.cli.options import (
    ENGINE,
    GPU,
    MODEL,
    TENSOR_PARALLEL,
    TPOT_MS,
    AnyFormat,
    Era,
    Force,
    Out,
    Precision,
)
from melange_cloud.cli.result_file import result_of
from melange_cloud.cli.value_types import MEMORY_GIB
from melange_cloud.domain.gpu_kinds import GPUS
from melange_cloud.errors import BadInput, echoed
from melange_cloud.estimator.specs import DEFAULT_MAX_NUM_SEQS
from melange_cloud.inputs.quantities import positive
from melange_cloud.report.page import Format

EXAMPLES = """
Examples:

melange-cloud profiles import results/*.json --gpu A10G --tp 1

melange-cloud profiles import sweep.jsonl --gpu H100 --tp 8 --model llama-3.1-70b --precision fp8 --dry-run

melange-cloud profiles import reports-20260301/ --gpu H100 --tp 1 --model llama-3.1-8b

It reads the results of vllm bench serve, SGLang bench_serving, GuideLLM (version 2), AIPerf, genai-perf, inference-perf
and AIBrix profiles; other files of a folder are skipped. A run counts with 10 completed requests; grade A (±10 %)
needs at least 100, and 10 times those in flight. Runs are refused if they were cancelled, if more than 1 % of their
requests failed, if they name another model, or if they are faster than the GPU can be.

An import is one file in your data folder (or in MELANGE_CLOUD_PROFILES). The answer names the file: delete it to undo
the import.
"""


def import_(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Result files, folders of them, or patterns such as 'run*.json'."),
    ],
    gpu: Annotated[list[str] | None, GPU(f"The measured GPU: {', '.join(GPUS)}.")] = None,
    tensor_parallel: Annotated[int | None, TENSOR_PARALLEL("GPUs of the measured replica.", default="", min=1)] = None,
    model: Annotated[str | None, MODEL("The measured model", default="what the results say")] = None,
    precision: Precision = None,
    era: Era = None,
    engine: Annotated[
        str | None, ENGINE("The measured engine, with its version: 'vLLM 0.12.0'", "what the results say")
    ] = None,
    result_model: Annotated[
        str | None,
        typer.Option("--result-model", help="The model's name in the results, if it seems to be another than --model."),
    ] = None,
    kv_cache_dtype: Annotated[
        str | None, typer.Option("--kv-cache-dtype", help="Data type of the KV cache, such as fp8.")
    ] = None,
    max_model_len: Annotated[
        int | None, typer.Option("--max-model-len", min=1, help="Longest input + output the engine was started for.")
    ] = None,
    max_num_seqs: Annotated[
        int | None,
        typer.Option(
            "--max-num-seqs", min=1, help=f"Requests at once it was started for [default: {DEFAULT_MAX_NUM_SEQS}]."
        ),
    ] = None,
    weights_gib: Annotated[
        float | None,
        typer.Option(
            "--weights-gib", help="Weights of a model that is not shipped, GiB.", **MEMORY_GIB.of("--weights-gib")
        ),
    ] = None,
    tpot_ms: Annotated[float | None, TPOT_MS("Compare under this mean TPOT, ms", default="the measured one")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be saved without saving it.")] = False,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Import your own benchmark results as a profile: plans use it instead of the shipped one near the measured sizes.

    Labels in the results (vllm bench serve --metadata gpu=A10G tp=1) fill the options that are not given.
    """
    from melange_cloud.profiles.import_results import ImportQuestion, import_results, reading_notes
    from melange_cloud.profiles.importers.folder import read_all
    from melange_cloud.report.pages.import_report import import_page

    result = result_of(out, format_, Format, force=force)
    latency_targets({"tpot_ms": tpot_ms})
    if weights_gib is not None:
        positive("--weights-gib", weights_gib)
    if len(set(gpu or ())) > 1:
        raise BadInput(
            f"--gpu {' and '.join(map(echoed, dict.fromkeys(gpu or ())))}: a run was measured on one of them"
        )
    results = read_all(files)
    output.warn(*reading_notes(results))
    question = ImportQuestion(
        gpu=gpu[0] if gpu else None,
        tensor_parallel=tensor_parallel,
        model=model,
        precision=precision,
        era=era,
        engine=engine,
        result_model=result_model,
        kv_cache_dtype=kv_cache_dtype,
        max_model_len=max_model_len,
        max_num_seqs=max_num_seqs,
        weights_gib=weights_gib,
        tpot_ms=tpot_ms,
        saves=not dry_run,
    )
    report = import_results(results, question, now())
    output.warn(*report.notices)
    output.show(import_page(report), result)
