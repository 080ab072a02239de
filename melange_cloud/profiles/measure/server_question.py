"""Completes the question of a measurement from what the server and the user say."""

from dataclasses import replace
from pathlib import Path

from melange_cloud.domain import Slo
from melange_cloud.domain.measurement import MeasureQuestion, RequestSize
from melange_cloud.errors import BadInput, echoed
from melange_cloud.profiles.attribution.attribute import attribute
from melange_cloud.profiles.attribution.named_model import other_model
from melange_cloud.profiles.measure.server import Server


def measure_question(
    server: Server,
    *,
    gpu: str,
    tensor_parallel: int,
    model: str | None,
    served_model: str | None,
    precision: str | None,
    era: str | None,
    endpoint: str,
    tokenizer: str | None,
    sizes: tuple[RequestSize, ...],
    slo: Slo,
    seconds_per_point: float,
    max_concurrency: int,
) -> MeasureQuestion:
    """The question, complete.

    Args:
        model: None is the model that the server reports.
        served_model: its name on the server; None is the model's name, or that of the only model.
        precision: None is the model's own.
        era: None is today's engines.
        tokenizer: None is the served model's.

    Raises:
        BadInput: the server does not have the model or serves several, or the options are contradictory or impossible.
    """
    served = _served(server, served_model, model)
    if model is not None and served_model is None and (other := other_model(served, model)):
        raise BadInput(
            f"--model {echoed(model)}: {server.url} serves {other}; if that is its name for {echoed(model)}, add "
            f"--served-model '{echoed(served)}'"
        )
    whose = attribute([], gpu=gpu, tensor_parallel=tensor_parallel, model=model or served, precision=precision, era=era)
    return MeasureQuestion(
        url=server.url,
        gpu=whose.gpu,
        tensor_parallel=whose.tensor_parallel,
        model=whose.model,
        served_model=served,
        precision=whose.precision,
        era=whose.era,
        endpoint=endpoint,
        tokenizer=_tokenizer(tokenizer or served),
        engine=server.engine,
        max_total_tokens=server.max_total_tokens.get(served),
        sizes=sizes,
        slo=slo,
        seconds_per_point=seconds_per_point,
        max_concurrency=max_concurrency,
    )


def within_reach(question: MeasureQuestion) -> tuple[MeasureQuestion, tuple[RequestSize, ...]]:
    """The question without the sizes that are too long for the server, and those sizes.

    Raises:
        BadInput: all sizes are too long.
    """
    reach = question.max_total_tokens
    if reach is None:
        return question, ()
    within = tuple(size for size in question.sizes if sum(size) <= reach)
    beyond = tuple(size for size in question.sizes if sum(size) > reach)
    if not within:
        named = ", ".join(map(str, beyond))
        raise BadInput(f"{named}: too long for the server's {reach:,} tokens (max_model_len); give smaller --sizes")
    return replace(question, sizes=within), beyond


def _served(server: Server, served_model: str | None, model: str | None) -> str:
    for wanted in (served_model, model):
        if wanted is not None and wanted in server.models:
            return wanted
    names = ", ".join(server.models[:10])
    if served_model is not None:
        raise BadInput(f"--served-model {served_model}: {server.url} serves {names}")
    if len(server.models) > 1:
        raise BadInput(f"{server.url} serves {len(server.models)} models: choose with --served-model: {names}")
    return server.models[0]


def _tokenizer(name: str) -> str:
    """An absolute folder, or a name on the hub."""
    if Path(name).is_dir():
        return str(Path(name).resolve())
    if Path(name).is_absolute() or name.startswith("."):
        raise BadInput(f"--tokenizer {name}: folder not found; give one with tokenizer.json, or a Hugging Face name")
    return name
