"""Profiles of a model known only from its config, made for one answer and not saved."""

from collections.abc import Iterable
from pathlib import Path

from melange_cloud.domain import Kind
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.errors import BadInput
from melange_cloud.estimator.config_json import ConfigModel, read_config
from melange_cloud.profiles.estimates.estimated import NotEstimated, estimated_at_every_degree
from melange_cloud.profiles.estimates.prefix_caches import prefix_caches, with_unmoved_noted
from melange_cloud.profiles.lookup import find_era, find_gpus
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.measured_over_estimate import pin
from melange_cloud.profiles.max_tput.prefix_cache import PrefixCache
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.user_profiles import own_files, own_folder, plain_name


def model_of(config: Path, model: str | None = None) -> ConfigModel:
    """The model of a ``config.json``; ``model`` is its name, None uses the config's.

    Raises:
        BadFile: the file cannot be read, or the model is of a kind that cannot be estimated.
    """
    return read_config(config, None if model is None else plain_name(model))


def profiles_of_config(
    config: Path,
    model: str,
    precision: str,
    era: str | None = None,
    gpus: Iterable[str] | None = None,
    engine: str = MEAN_OF_ENGINES,
    cached_input: float = 0.0,
) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
    """The estimates of every GPU that can hold the model, at every degree; otherwise like ``load_profiles``.

    The user's measurements under the model's name are pinned over them.

    Args:
        model, precision: from ``choose``.
        engine: from ``resolve_engine``.
        cached_input: as for ``load_profiles``.
    """
    shape, where = model_of(config, model), find_era(era)
    has_own = own_folder().is_dir()
    profiles: dict[Kind, Profile] = {}
    missing: dict[str | Kind, str] = {}
    for gpu in find_gpus(gpus):
        estimates: dict[Kind, GridProfile] = {}
        caches: dict[Kind, PrefixCache] = {}
        try:
            table, refused = estimated_at_every_degree(shape, gpu, precision=precision, era=where.name, engine=engine)
        except NotEstimated as error:
            missing[gpu] = error.reason
        except BadInput as error:
            missing[gpu] = str(error)
        else:
            estimates = {kind: GridProfile(table, kind, engine=engine) for kind in table.replicas}
            caches = prefix_caches(table, engine, cached_input)
            missing.update({Kind(gpu, degree): reason for degree, reason in refused.items()})
        own = own_files(where.name, shape.name, precision, gpu) if has_own else []
        held = with_unmoved_noted(pin(estimates, [], own, engine, caches), caches, cached_input)
        if own:
            missing = {key: reason for key, reason in missing.items() if key != gpu and key not in held}
        profiles.update(sorted(held.items()))
    return profiles, missing
