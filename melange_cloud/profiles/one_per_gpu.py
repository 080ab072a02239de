"""The one profile of each GPU that a user names, and why others have none."""

from collections.abc import Iterable

from melange_cloud.domain import Kind
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.profiles.library import load_profiles
from melange_cloud.profiles.lookup import find_gpus
from melange_cloud.profiles.max_tput.profile import Profile


def gpus_of(words: Iterable[str]) -> tuple[str, ...]:
    """The GPUs that words name, in the order of GPUS; ``all`` is every one, and a word may hold several after commas.

    Raises:
        BadInput: a name is not one of GPUS.
    """
    names = [part.strip() for word in words for part in word.split(",")]
    return find_gpus(None if any(name.lower() == "all" for name in names) else names)


def one_per_gpu(
    model: str,
    gpus: Iterable[str],
    *,
    tensor_parallel: int | None,
    era: str | None,
    precision: str | None,
    engine: str | None = None,
    cached_input: float = 0.0,
) -> tuple[list[Profile], dict[str, str]]:
    """The profile of each GPU, and by GPU why it has none.

    Args:
        tensor_parallel: GPUs per replica; None is the fewest that fit.
        era: None is today's engines.
        precision: None is the model's own.
        engine: as ``resolve_engine`` gives it; None is the mean of the era's engines.
        cached_input: share of all input tokens that a prefix cache holds.

    Raises:
        BadInput: no GPU has one; every reason is named.
    """
    found: list[Profile] = []
    left_out: dict[str, str] = {}
    for gpu in gpus:
        try:
            found.append(_find(model, gpu, tensor_parallel, era, precision, engine, cached_input))
        except BadFile:
            raise
        except BadInput as error:
            left_out[gpu] = str(error)
    if not found:
        raise BadInput("\n".join(dict.fromkeys(left_out.values())))
    return found, left_out


def _find(
    model: str,
    gpu: str,
    tensor_parallel: int | None,
    era: str | None,
    precision: str | None,
    engine: str | None,
    cached_input: float,
) -> Profile:
    found, missing = load_profiles(model, precision, era, [gpu], engine=engine, cached_input=cached_input)
    if tensor_parallel is None and found:
        return next(iter(found.values()))
    kind = Kind(gpu, tensor_parallel or 1)
    if kind not in found:
        degrees = ", ".join(str(other.tensor_parallel) for other in found)
        has = f"; it has --tp {degrees}" if found else ""
        raise BadInput(f"no profile of {model} on {kind}: {missing.get(kind) or missing.get(gpu) or 'none'}{has}")
    return found[kind]
