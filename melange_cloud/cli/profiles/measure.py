"""``melange-cloud profiles measure``: offline profiling of a running server."""

import math
import os
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from melange_cloud.cli.output import emit, note
from melange_cloud.cli.profiles.measure_sentences import as_json, as_table, measure_bar, slo_text
from melange_cloud.cli.result_file import output_option, result_of
from melange_cloud.errors import BadInput, MelangeError, echoed, shown

if TYPE_CHECKING:
    from melange_cloud.domain import Slo
    from melange_cloud.profiles.measure import KeptPoints, MeasuredSize, MeasureQuestion, RequestSize, Server

EXAMPLE = (
    "Example: melange-cloud profiles measure --url http://localhost:8000 --gpu A10G --sizes 128x128,1024x256 "
    "--tpot-ms 100"
)

_MOST_TOKENS = 1_000_000
_MOST_CONCURRENCY = 4096


class Format(StrEnum):
    """How the result is shown."""

    TABLE = "table"
    JSON = "json"


class Endpoint(StrEnum):
    """Where requests go."""

    COMPLETIONS = "completions"
    CHAT = "chat"


def measure(
    url: Annotated[str, typer.Option("--url", help="The server's address, such as http://localhost:8000.")],
    gpu: Annotated[str, typer.Option("--gpu", help="The GPU that it runs on: L4, A10G, A100-40GB, A100-80GB or H100.")],
    tensor_parallel: Annotated[int, typer.Option("--tp", min=1, help="GPUs that its replica uses.")] = 1,
    model: Annotated[
        str | None, typer.Option("--model", help="The model; default: what the server says that it serves.")
    ] = None,
    served_model: Annotated[
        str | None,
        typer.Option("--served-model", help="The server's own name for it, where it serves several or hides it."),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option("--precision", help="Such as bf16 or fp8; default: the model's own, where it is shipped."),
    ] = None,
    era: Annotated[str | None, typer.Option("--era", help="Engine era; default: today's engines.")] = None,
    weights_gib: Annotated[
        float | None, typer.Option("--weights-gib", help="Weights of a model that is not shipped, GiB.")
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
        float | None,
        typer.Option("--tpot-ms", help="Stop a size where the mean time per output token exceeds this, ms."),
    ] = None,
    p99_tpot_ms: Annotated[
        float | None, typer.Option("--p99-tpot-ms", help="The same for its 99th percentile.")
    ] = None,
    ttft_ms: Annotated[
        float | None, typer.Option("--ttft-ms", help="The same for the mean time to the first token.")
    ] = None,
    e2e_ms: Annotated[
        float | None, typer.Option("--e2e-ms", help="The same for the mean time from request to last token.")
    ] = None,
    max_concurrency: Annotated[
        int, typer.Option("--max-concurrency", min=1, max=_MOST_CONCURRENCY, help="Requests in flight, at most.")
    ] = 256,
    seconds_per_point: Annotated[
        float, typer.Option("--seconds-per-point", help="Each load is measured at least so long, s, warm-up excluded.")
    ] = 20.0,
    endpoint: Annotated[
        Endpoint,
        typer.Option("--endpoint", help="completions has exact input lengths; chat adds its template's tokens."),
    ] = Endpoint.COMPLETIONS,
    tokenizer: Annotated[
        str | None,
        typer.Option("--tokenizer", help="Folder or Hugging Face name, to make prompts; default: the served model."),
    ] = None,
    guidellm: Annotated[
        str | None,
        typer.Option("--guidellm", help="GuideLLM's program; default: of this environment, else of the PATH."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", help="Folder of what was measured; default: in the user's cache.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Use nothing that was measured before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, say how long it takes, stop.")] = False,
    format_: Annotated[
        Format | None, typer.Option("--format", help="How to show the result [default: as --output ends, else table].")
    ] = None,
    out: Annotated[Path | None, output_option()] = None,
) -> None:
    """Measure what your server really does, and plan with it: the paper's offline profiling.

    For each request size the requests in flight double until a target is missed or throughput stops growing. Each load
    counts at least 10 requests, 4 x those in flight and --seconds-per-point. Every finished load is kept: after Ctrl-C
    or a fault the same command goes on where it stopped. The profile lands in your folder and outranks the shipped one.

    Nothing else may use the server meanwhile. OPENAI_API_KEY is sent where it is set. The load is made by GuideLLM, an
    optional extra: python3 -m pip install 'melange-cloud[measure]'
    """
    from melange_cloud.domain import Slo
    from melange_cloud.profiles import find_gpus
    from melange_cloud.profiles.importers import read_runs
    from melange_cloud.profiles.measure import (
        API_KEY_VARIABLE,
        KeptPoints,
        Session,
        alone_in,
        ask_server,
        find_guidellm,
        probe,
    )

    result = result_of(out, format_, Format)
    targets = {"tpot_ms": tpot_ms, "p99_tpot_ms": p99_tpot_ms, "ttft_ms": ttft_ms, "e2e_ms": e2e_ms}
    for name, target_ms in targets.items():
        if target_ms is not None and not 0 < target_ms < math.inf:
            raise BadInput(f"--{name.replace('_', '-')} {target_ms:g}: milliseconds above 0, such as 100")
    if weights_gib is not None and not 0 < weights_gib < math.inf:
        raise BadInput(f"--weights-gib {weights_gib:g}: GiB above 0, such as 15")
    if not 0 < seconds_per_point <= 3600:
        raise BadInput(f"--seconds-per-point {seconds_per_point:g}: seconds above 0, at most 3600")
    slo = Slo(**{name: target_ms for name, target_ms in targets.items() if target_ms is not None})
    asked_sizes = _sizes(sizes, workload)
    api_key = os.environ.get(API_KEY_VARIABLE) or None
    find_gpus([gpu])  # a wrong name is told before anything is asked
    server = ask_server(url, api_key)
    question = _question(
        server, gpu, tensor_parallel, model, served_model, precision, era, endpoint, tokenizer, asked_sizes, slo,
        seconds_per_point, max_concurrency,
    )  # fmt: skip
    question = _within_reach(question)
    tool = find_guidellm(guidellm)
    speed = probe(server, question.served_model, question.endpoint, api_key)
    if speed.output_tokens < speed.asked_tokens:
        note(
            f"the server made {speed.output_tokens} of {speed.asked_tokens} tokens asked: it seems to ignore "
            "ignore_eos; real means will be used"
        )
    _say_what_comes(question, tool.name, speed.seconds_per_token)
    if dry_run:
        return
    folder = (state or _default_state(question)).absolute()
    with alone_in(folder):
        kept, line = KeptPoints.opened(folder, question.conditions, fresh)
        if line:
            note(line)
        try:
            with measure_bar(question) as watcher:
                session = Session(question, tool, read_runs, kept, speed.seconds_per_token, watcher, api_key)
                measured = session.measure()
        except KeyboardInterrupt:
            from melange_cloud.cli.exit_codes import INTERRUPTED

            note(f"melange-cloud: interrupted; {_how_to_go_on(kept)}")
            raise typer.Exit(INTERRUPTED) from None
        except MelangeError as error:
            error.args = (f"{error}\n{_how_to_go_on(kept)}",)
            raise
        profile = _saved(question, measured, kept, weights_gib)
    emit(
        as_json(question, measured, profile, tool.name)
        if result.format == Format.JSON
        else as_table(question, measured, profile),
        result,
    )
    cut_short = [f"{size.size}: {size.ended}" for size in measured if not size.complete]
    if cut_short:
        raise MelangeError("\n".join([*cut_short, "the same command tries these again and keeps the rest"]))


def _sizes(sizes: str | None, workload: str | None) -> "tuple[RequestSize, ...]":
    from melange_cloud.profiles.measure import DEFAULT_SIZES, RequestSize, sizes_of

    if sizes is not None and workload is not None:
        raise BadInput("--sizes and --workload: give one of them")
    if workload is not None:
        from melange_cloud.workload import load_workload

        return sizes_of(load_workload(workload).buckets)
    if sizes is None:
        return DEFAULT_SIZES
    found = []
    for text in sizes.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,7})\s*[xX×]\s*([0-9]{1,7})\s*", text)
        if match is None or not all(0 < int(tokens) <= _MOST_TOKENS for tokens in match.groups()):
            raise BadInput(f"--sizes {shown(text.strip() or sizes)}: input x output tokens, such as 128x128,1024x256")
        size = RequestSize(int(match[1]), int(match[2]))
        if size.output_tokens < 2:
            raise BadInput(f"--sizes {echoed(text)}: one output token has no time per output token; at least 2")
        found.append(size)
    return tuple(dict.fromkeys(found))


def _question(
    server: "Server",
    gpu: str,
    tensor_parallel: int,
    model: str | None,
    served_model: str | None,
    precision: str | None,
    era: str | None,
    endpoint: Endpoint,
    tokenizer: str | None,
    sizes: "tuple[RequestSize, ...]",
    slo: "Slo",
    seconds_per_point: float,
    max_concurrency: int,
) -> "MeasureQuestion":
    from melange_cloud.profiles.attribution.attribute import attribute
    from melange_cloud.profiles.attribution.named_model import other_model
    from melange_cloud.profiles.measure import MeasureQuestion

    served = _served(server, served_model, model)
    if model is not None and served_model is None and (other := other_model(served, model)):
        raise BadInput(
            f"--model {echoed(model)}: {server.url} serves {other}; if that is what it calls {echoed(model)}, add "
            f"--served-model '{echoed(served)}'"
        )
    whose = attribute([], gpu=gpu, tensor_parallel=tensor_parallel, model=model or served, precision=precision, era=era)
    made_with = tokenizer or served
    if Path(made_with).is_dir():
        made_with = str(Path(made_with).resolve())
    elif Path(made_with).is_absolute() or made_with.startswith("."):
        raise BadInput(f"--tokenizer {made_with}: no such folder; give one with tokenizer.json, or a Hugging Face name")
    return MeasureQuestion(
        url=server.url,
        gpu=whose.gpu,
        tensor_parallel=whose.tensor_parallel,
        model=whose.model,
        served_model=served,
        precision=whose.precision,
        era=whose.era,
        endpoint=endpoint.value,
        tokenizer=made_with,
        engine=server.engine,
        max_total_tokens=server.max_total_tokens.get(served),
        sizes=sizes,
        slo=slo,
        seconds_per_point=seconds_per_point,
        max_concurrency=max_concurrency,
    )


def _served(server: "Server", served_model: str | None, model: str | None) -> str:
    for wanted in (served_model, model):
        if wanted is not None and wanted in server.models:
            return wanted
    names = ", ".join(server.models[:10])
    if served_model is not None:
        raise BadInput(f"--served-model {served_model}: {server.url} serves {names}")
    if len(server.models) > 1:
        raise BadInput(f"{server.url} serves {len(server.models)} models: choose with --served-model: {names}")
    return server.models[0]


def _within_reach(question: "MeasureQuestion") -> "MeasureQuestion":
    """Without the sizes that the server says it cannot take."""
    reach = question.max_total_tokens
    if reach is None:
        return question
    within = tuple(size for size in question.sizes if sum(size) <= reach)
    beyond = [str(size) for size in question.sizes if sum(size) > reach]
    if not within:
        raise BadInput(f"{', '.join(beyond)}: the server takes {reach:,} tokens (max_model_len); give smaller --sizes")
    if beyond:
        note(f"left out, since the server takes {reach:,} tokens (max_model_len): {', '.join(beyond)}")
    return replace(question, sizes=within)


def _say_what_comes(question: "MeasureQuestion", tool: str, seconds_per_token: float) -> None:
    from melange_cloud.profiles.measure import longest_s, rungs
    from melange_cloud.profiles.measure.load_generator import START_UP_S

    sizes = ", ".join(map(str, question.sizes))
    note(
        f"{question.served_model} at {question.url} as {question.model} {question.precision} on {question.gpu}, "
        f"tensor parallel {question.tensor_parallel}, era {question.era}"
    )
    note(f"sizes {sizes}; 1 to {rungs(question.max_concurrency)[-1]} in flight; {slo_text(question.slo)}; {tool}")
    note(f"takes at most about {_duration(longest_s(question, seconds_per_token, START_UP_S))}")
    note("tokens are counted by the server; nothing else may use it meanwhile")


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _default_state(question: "MeasureQuestion") -> Path:
    from melange_cloud.catalog.cache.store import cache_folder

    name = f"{question.model}-{question.precision}-{question.gpu}-tp{question.tensor_parallel}-{question.era}"
    return cache_folder() / "measure" / re.sub(r"[^\w.-]+", "-", name)


def _how_to_go_on(kept: "KeptPoints") -> str:
    number = len(kept.points)
    if not number:
        return "nothing was measured yet; the same command starts anew"
    points = "1 load point is" if number == 1 else f"{number} load points are"
    return f"{points} kept in {kept.folder}; the same command goes on from there"


def _saved(
    question: "MeasureQuestion", measured: "tuple[MeasuredSize, ...]", kept: "KeptPoints", weights_gib: float | None
) -> Path:
    from melange_cloud.cli.current_time import now
    from melange_cloud.profiles import load_eras, load_models
    from melange_cloud.profiles.measure import runs_to_save
    from melange_cloud.profiles.user_profiles import save_runs

    runs = runs_to_save(question, measured)
    if not runs:
        reasons = "\n".join(f"{size.size}: {size.ended}" for size in measured)
        raise MelangeError(f"{reasons}\nno load point was measured, so there is no profile")
    longest = question.max_total_tokens
    if longest is None and question.model in load_models():
        longest = load_eras()[question.era].context(load_models()[question.model])
    profile = save_runs(
        runs,
        gpu=question.gpu,
        tensor_parallel=question.tensor_parallel,
        model=question.model,
        precision=question.precision,
        era=question.era,
        max_total_tokens=longest,
        weights_gib=weights_gib,
        now=now(),
    )
    kept.saved(profile)
    return profile
