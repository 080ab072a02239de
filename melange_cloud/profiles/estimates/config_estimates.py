"""Estimates of a config's model on each GPU, for ``profiles estimate``."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.errors import BadInput
from melange_cloud.estimator.config_json import ConfigModel
from melange_cloud.profiles.estimates.estimated import estimated_profile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.user_profiles import own_folder, save_file


@dataclass(frozen=True, slots=True)
class ConfigEstimate:
    """The estimate of one replica: the text of its profile file, and its content."""

    text: str
    profile: GridProfile


def estimate_per_gpu(
    model: ConfigModel,
    gpus: Iterable[str],
    *,
    tensor_parallel: int | None,
    precision: str | None,
    era: str | None,
    engine: str = MEAN_OF_ENGINES,
    cached_input: float = 0.0,
) -> tuple[list[ConfigEstimate], dict[str, str]]:
    """The estimate of each GPU that can hold the model, and by GPU why others cannot.

    Args:
        tensor_parallel, precision, era, engine: as for ``estimated_profile``.
        cached_input: share of all input tokens in a prefix cache.

    Raises:
        BadInput: no GPU can; the message has every reason.
    """
    estimates: list[ConfigEstimate] = []
    left_out: dict[str, str] = {}
    for gpu in gpus:
        try:
            table = estimated_profile(
                model, gpu, tensor_parallel=tensor_parallel, precision=precision, era=era, engine=engine
            )
        except BadInput as error:
            left_out[gpu] = str(error)
            continue
        (kind,) = table.replicas
        table = table.with_cached_input(cached_input)
        estimates.append(ConfigEstimate(table.text, GridProfile(table, kind, engine=engine)))
    if not estimates:
        raise BadInput("\n".join(dict.fromkeys(left_out.values())))
    return estimates, left_out


def save_estimate(estimate: ConfigEstimate) -> Path:
    """Write the profile file to the folder where plans look for the user's own.

    Raises:
        MelangeError: the folder cannot be created, or the file cannot be written.
    """
    profile, kind = estimate.profile, estimate.profile.kind
    folder = own_folder() / profile.era / profile.model / profile.precision / kind.gpu
    of_engine = "" if profile.engine == MEAN_OF_ENGINES else f"-{profile.engine}"
    path = folder / f"tp{kind.tensor_parallel}-estimated{of_engine}.csv"
    save_file(path, estimate.text)
    return path
