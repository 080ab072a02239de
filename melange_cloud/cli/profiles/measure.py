"""``melange-cloud profiles measure``: offline profiling of a running server."""

import os
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli import output
from melange_cloud.cli.current_time import now
from melange_cloud.cli.exit_codes import INTERRUPTED
from melange_cloud.cli.option_checks import latency_targets
from melange_cloud.cli.options import (
    E2E_MS,
    ENGINE,
    GPU,
    MODEL,
    P99_TPOT_MS,
    PRECISION,
    TENSOR_PARALLEL,
    TPOT_MS,
    TTFT_MS,
    AnyFormat,
    Era,
    Force,
    Out,
    one_of,
)  # fmt: skip
from melange_cloud.cli.profiles.measure_progress import measure_bar
from melange_cloud.cli.result_file import result_of
from melange_cloud.cli.value_types import DURATION_S, MEMORY_GIB
from melange_cloud.domain.gpu_kinds import GPUS
from melange_cloud.errors import BadInput, MelangeError
from melange_cloud.inputs.quantities import positive
from melange_cloud.report.page import Format

if TYPE_CHECKING:
    from melange_cloud.domain.measurement import MeasureQuestion, RequestSize

EXAMPLES = """
Examples:

melange-cloud profiles measure --url http://localhost:8000 --gpu A10G --sizes 128x128,1024x256 --tpot-ms 100

melange-cloud profiles measure --url http://localhost:8000 --gpu L4 --server-log vllm.log --evidence rows.csv
"""

_LONGEST_POINT_S = 3600.0
_MOST_CONCURRENCY = 4096


class Endpoint(StrEnum):
    """Where requests go."""

    COMPLETIONS = "completions"
    CHAT = "chat"


def measure(
    url: Annotated[str, typer.Option("--url", help="The server's address, such as http://localhost:8000.")],
    gpu: Annotated[str, GPU(f"The GPU that it runs on: {one_of(GPUS)}.")],
    tensor_parallel: Annotated[int, TENSOR_PARALLEL("GPUs that its replica uses.", default="", min=1)] = 1,
    model: Annotated[str | None, MODEL("The model", default="what the server says that it serves")] = None,
    served_model: Annotated[
        str | None,
        typer.Option("--served-model", help="The server's own name for it, if it serves several or hides it."),
    ] = None,
    precision: Annotated[str | None, PRECISION(default="the model's own, where it is shipped")] = None,
    era: Era = None,
    weights_gib: Annotated[
        float | None,
        typer.Option(
            "--weights-gib", help="Weights of a model that is not shipped, GiB.", **MEMORY_GIB.of("--weights-gib")
        ),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(
            "--sizes",
            help="Request sizes, input x output tokens: 128x128,1024x256. Default: a grid of 128, 1024 and 4096 "
            "input tokens by 128 and 1024 output tokens.",
        ),
    ] = None,
    workload: Annotated[
        str | None,
        typer.Option("--workload", help="Instead of --sizes: a grid that spans this workload (name or file)."),
    ] = None,
    tpot_ms: Annotated[
        float | None, TPOT_MS("Stop a size where the mean time per output token exceeds this, ms", default="no target")
    ] = None,
    p99_tpot_ms: Annotated[float | None, P99_TPOT_MS("The same for its 99th percentile, ms.")] = None,
    ttft_ms: Annotated[float | None, TTFT_MS("The same for the mean time to the first token, ms.")] = None,
    e2e_ms: Annotated[float | None, E2E_MS("The same for the mean time from request to last token, ms.")] = None,
    max_concurrency: Annotated[
        int, typer.Option("--max-concurrency", min=1, max=_MOST_CONCURRENCY, help="Requests in flight, at most.")
    ] = 256,
    seconds_per_point: Annotated[
        float,
        typer.Option(
            "--seconds-per-point",
            help="Shortest measurement of each load, s, warm-up excluded.",
            **DURATION_S.of("--seconds-per-point"),
        ),
    ] = 20.0,
    endpoint: Annotated[
        Endpoint,
        typer.Option("--endpoint", help="completions has exact input lengths; chat adds its template's tokens."),
    ] = Endpoint.COMPLETIONS,
    engine: Annotated[
        str | None, ENGINE("The server's software, with its version: 'vLLM 0.12.0'", "what the server says")
    ] = None,
    server_log: Annotated[
        Path | None,
        typer.Option(
            "--server-log",
            help="The log of the server's start (vLLM, SGLang, TensorRT-LLM), to fill in --evidence.",
        ),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            "--evidence",
            metavar="FILE.csv",
            help="Also write every load as a measured row, with all known facts about server and GPUs.",
        ),
    ] = None,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="Folder or Hugging Face name, to make prompts [default: the served model]."),
    ] = None,
    guidellm: Annotated[
        str | None,
        typer.Option("--guidellm", help="GuideLLM's program [default: of this environment, else of the PATH]."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder of what was measured [default: in the user's cache].")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Ignore earlier measurements.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, say how long it takes, stop.")] = False,
    format_: AnyFormat = None,
    out: Out = None,
    force: Force = False,
) -> None:
    """Measure what your server really does, and plan with it: the paper's offline profiling.

    For each request size the requests in flight double until a target is missed or throughput stops growing. Each load
    counts at least 10 requests, 4 x those in flight and --seconds-per-point. Every finished load is kept: after Ctrl-C
    or a fault the same command resumes where it stopped. The profile goes to your folder and outranks the shipped one.

    Nothing else may use the server meanwhile. OPENAI_API_KEY is sent where it is set. The load is made by GuideLLM, an
    optional extra: python3 -m pip install 'melange-cloud[measure]'
    """
    from melange_cloud.cli.profiles.measure_evidence import evidence_options, server_evidence
    from melange_cloud.domain import Slo
    from melange_cloud.profiles import find_gpus
    from melange_cloud.profiles.importers import read_runs
    from melange_cloud.profiles.measure import (
        API_KEY_VARIABLE,
        START_UP_S,
        KeptPoints,
        Session,
        alone_in,
        ask_server,
        find_guidellm,
        longest_s,
        measure_question,
        measurement_of,
        named_by_user,
        probe,
        rungs,
        save_measurement,
        within_reach,
    )
    from melange_cloud.report.pages.measurement import before, measurement_page

    result = result_of(out, format_, Format, force=force)
    targets = {"tpot_ms": tpot_ms, "p99_tpot_ms": p99_tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}
    slo = Slo(**latency_targets(targets))
    if weights_gib is not None:
        positive("--weights-gib", weights_gib)
    positive("--seconds-per-point", seconds_per_point, most=_LONGEST_POINT_S)
    asked_sizes = _sizes(sizes, workload)
    api_key = os.environ.get(API_KEY_VARIABLE) or None
    options = evidence_options(engine, server_log, evidence, force=force)
    find_gpus([gpu])  # a wrong name is refused before we contact the server
    server = named_by_user(ask_server(url, api_key), options.engine)
    question, beyond = within_reach(
        measure_question(
            server,
            gpu=gpu,
            tensor_parallel=tensor_parallel,
            model=model,
            served_model=served_model,
            precision=precision,
            era=era,
            endpoint=endpoint.value,
            tokenizer=tokenizer,
            sizes=asked_sizes,
            slo=slo,
            seconds_per_point=seconds_per_point,
            max_concurrency=max_concurrency,
        )
    )
    if beyond:
        takes = f"the server accepts at most {question.max_total_tokens:,} tokens (max_model_len)"
        output.warn(f"left out, since {takes}: {', '.join(map(str, beyond))}")
    tool = find_guidellm(guidellm)
    known = server_evidence(options, server, question, tool, api_key)
    speed = probe(server, question.served_model, question.endpoint, api_key)
    if speed.output_tokens < speed.asked_tokens:
        output.warn(
            f"the server made {speed.output_tokens} of {speed.asked_tokens} tokens requested: it seems to ignore "
            "ignore_eos; real means will be used"
        )
    longest = longest_s(question, speed.seconds_per_token, START_UP_S)
    for line in before(question, tool=tool.name, most_in_flight=rungs(question.max_concurrency)[-1], longest_s=longest):
        output.note(line)
    if dry_run:
        return
    folder = (state or _default_state(question)).absolute()
    with alone_in(folder):
        kept, line = KeptPoints.opened(folder, question.conditions, fresh)
        if line:
            output.note(line)
        try:
            with measure_bar(question) as watcher:
                session = Session(question, known.generator, read_runs, kept, speed.seconds_per_token, watcher, api_key)
                measured = session.measure()
        except KeyboardInterrupt:
            output.warn(f"melange-cloud: interrupted; {kept.how_to_resume}")
            raise typer.Exit(INTERRUPTED) from None
        except MelangeError as error:
            error.args = (f"{error}\n{kept.how_to_resume}",)
            raise
        profile = save_measurement(question, measured, now(), weights_gib)
        kept.saved(profile)
        known.write(question, measured, kept)
    output.show(measurement_page(measurement_of(question, measured, profile, tool.name)), result)
    cut_short = [f"{size.size}: {size.ended}" for size in measured if not size.complete]
    if cut_short:
        raise MelangeError("\n".join([*cut_short, "run the same command to try these again and keep the rest"]))


def _sizes(sizes: str | None, workload: str | None) -> "tuple[RequestSize, ...]":
    from melange_cloud.profiles.measure import DEFAULT_SIZES, sizes_in, sizes_of

    if sizes is not None and workload is not None:
        raise BadInput("--sizes and --workload: give one of them")
    if workload is not None:
        from melange_cloud.workload import load_workload

        return sizes_of(load_workload(workload).buckets)
    return DEFAULT_SIZES if sizes is None else sizes_in(sizes)


def _default_state(question: "MeasureQuestion") -> Path:
    from melange_cloud.catalog import cache_folder

    name = f"{question.model}-{question.precision}-{question.gpu}-tp{question.tensor_parallel}-{question.era}"
    return cache_folder() / "measure" / re.sub(r"[^\w.-]+", "-", name)
