"""Selects one profile for each GPU that a user names, and says why others have none."""

from collections.abc import Callable, Iterable
from pathlib import Path

from melange_cloud.domain import Kind
from melange_cloud.domain.question import DEFAULT_MODEL
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.inputs.comma_lists import listed_or_all
from melange_cloud.profiles.library import load_profiles
from melange_cloud.profiles.lookup import find_gpus
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.model_selection import choose_config

_Load = Callable[[Iterable[str]], tuple[dict[Kind, Profile], dict[str | Kind, str]]]
"""The profiles of the model on GPUs, and why there are no others."""


def gpus_of(words: Iterable[str]) -> tuple[str, ...]:
    """The GPUs that words name, in the order of GPUS; ``all`` is every one, and a word may be a comma-separated list.

    Raises:
        BadInput: a name is not one of GPUS.
    """
    return find_gpus(listed_or_all("--gpu", words))


def one_per_gpu(
    model: str | None,
    gpus: Iterable[str],
    *,
    tensor_parallel: int | None,
    era: str | None,
    precision: str | None,
    engine: str | None = None,
    cached_input: float = 0.0,
    config: Path | None = None,
) -> tuple[list[Profile], dict[str, str]]:
    """The profile of each GPU, and by GPU why it has none.

    Args:
        model: with a config what to call it, None as the config does.
        tensor_parallel: GPUs per replica; None is the smallest number that fits.
        era: None is today's engines.
        precision: None is the model's own.
        engine: from ``resolve_engine``; None is the mean of the era's engines.
        cached_input: share of all input tokens that a prefix cache holds.
        config: the ``config.json`` of a model that is not shipped.

    Raises:
        BadInput: no GPU has one; the message has every reason.
    """
    if config is not None:
        choice = choose_config(config, model, precision, era)
        model, precision = choice.model, choice.precision
    called = model or DEFAULT_MODEL

    def load(names: Iterable[str]) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
        return load_profiles(called, precision, era, names, config, engine, cached_input)

    found: list[Profile] = []
    left_out: dict[str, str] = {}
    for gpu in gpus:
        try:
            found.append(_find(load, called, gpu, tensor_parallel))
        except BadFile:
            raise
        except BadInput as error:
            left_out[gpu] = str(error)
    if not found:
        raise BadInput("\n".join(dict.fromkeys(left_out.values())))
    return found, left_out


def _find(load: _Load, model: str, gpu: str, tensor_parallel: int | None) -> Profile:
    found, missing = load([gpu])
    if tensor_parallel is None and found:
        return next(iter(found.values()))
    kind = Kind(gpu, tensor_parallel or 1)
    if kind not in found:
        degrees = ", ".join(str(other.tensor_parallel) for other in found)
        has = f"; it has --tp {degrees}" if found else ""
        raise BadInput(f"no profile of {model} on {kind}: {missing.get(kind) or missing.get(gpu) or 'none'}{has}")
    return found[kind]
