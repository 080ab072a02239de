"""Selects model, precision and era; the model is a shipped one or one from the user's own profiles."""

from dataclasses import dataclass
from pathlib import Path

from melange_cloud.domain import GPUS
from melange_cloud.profiles.lookup import (
    find_era,
    find_model,
    is_own_model,
    own_precision,
    resolve_era,
    resolve_precision,
)
from melange_cloud.profiles.user_profiles import own_estimates, own_files, plain_name


@dataclass(frozen=True, slots=True)
class ModelSelection:
    """The profiles to look for.

    Attributes:
        weight_gib: weights of the model in this precision, GiB; None if the user's profiles do not say.
        notes: what was used of a config.json, one clause each; empty for other models.
        is_own: whether the model is only in the user's own profiles.
        all_measured: whether nothing is estimated, so that only the measured engine can be used.
    """

    model: str
    precision: str
    era: str
    weight_gib: float | None
    notes: tuple[str, ...] = ()
    is_own: bool = False
    all_measured: bool = False


def choose_config(
    config: Path, model: str | None = None, precision: str | None = None, era: str | None = None
) -> ModelSelection:
    """The same for a model known only from its ``config.json``; ``model`` is its name.

    Raises:
        BadFile: the config cannot be read, or the model is of a kind that cannot be estimated.
        BadInput: the precision or era does not exist.
    """
    from melange_cloud.profiles.estimates.config_profiles import model_of
    from melange_cloud.profiles.estimates.estimated import wanted_precision

    shape = model_of(config, model)
    wanted = wanted_precision(shape, precision)
    about = f"estimated from {config.name}: {shape.family}, {shape.parameters:,} parameters"
    return ModelSelection(shape.name, wanted, find_era(era).name, shape.weight_gib(wanted), (about, *shape.notes))


def choose(model: str, precision: str | None = None, era: str | None = None) -> ModelSelection:
    """The names of model, precision and era in profiles; None is the model's own precision and today's era.

    Raises:
        BadInput: the model, precision or era does not exist; the message has close matches.
    """
    where = find_era(era).name
    if is_own_model(model, where):
        name = plain_name(model)
        resolved = own_precision(model, precision, where)
        estimates = [file for gpu in GPUS for file in own_estimates(where, name, resolved, gpu)]
        files = [*estimates, *(file for gpu in GPUS for file in own_files(where, name, resolved, gpu))]
        weights = [file.header.weights_gib for file in files if file.header.weights_gib is not None]
        return ModelSelection(
            name, resolved, where, max(weights, default=None), is_own=True, all_measured=not estimates
        )
    found = find_model(model)
    named = resolve_era(found.name, where)
    resolved = resolve_precision(found.name, named, precision)
    return ModelSelection(found.name, resolved, named, found.weight_gib(resolved))
