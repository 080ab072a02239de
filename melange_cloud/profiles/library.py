"""Loads the profiles of a model at a precision, in an era, on the requested GPUs."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from melange_cloud.domain import Kind
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import TENSOR_PARALLEL_DEGREES, Era, Model
from melange_cloud.profiles.estimates.estimate_table import EstimateTable, estimate_table, replica_of
from melange_cloud.profiles.estimates.prefix_caches import prefix_caches, with_unmoved_noted
from melange_cloud.profiles.files.profile_file import ProfileFile, read_profile_file
from melange_cloud.profiles.lookup import (
    find_era,
    find_gpus,
    find_model,
    is_own_model,
    own_precision,
    resolve_engine,
    resolve_precision,
)
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.prefix_cache import PrefixCache
from melange_cloud.profiles.max_tput.profile import Profile
from melange_cloud.profiles.pinned_place import pinned_place
from melange_cloud.profiles.saved_estimates import saved_estimates
from melange_cloud.profiles.user_profiles import own_files, own_folder, plain_name
from melange_cloud.shipped import shipped

_MOST_PREFIX_CACHES = 64
"""GPUs times shares of cached input whose estimates are kept: a share may be any number."""


def load_profiles(
    model: str,
    precision: str | None = None,
    era: str | None = None,
    gpus: Iterable[str] | None = None,
    config: Path | None = None,
    engine: str | None = None,
    cached_input: float = 0.0,
) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
    """Load profiles, and say why others are missing.

    Args:
        model: as ``find_model`` accepts it.
        precision: None is the model's own.
        era: None is DEFAULT_ERA.
        gpus: None is all.
        config: a ``config.json`` from which the profiles are estimated instead; ``model`` is then its name, and a
            precision is required.
        engine: one of the era's, in any spelling; None is the mean of them.
        cached_input: share of the input tokens in a prefix cache, which saves their prefill but not their memory.

    Measured profiles, both shipped ones and the user's, are pinned over the estimates; ``notes`` says where the user's
    contradict each other.

    Returns:
        The profiles by kind, sorted by GPU (in the order of GPUS) and degree. Then why others are missing, one clause
        each: by GPU if it has no profile at all, by kind if it has profiles at other degrees.

    Raises:
        BadInput: a name is unknown.
        BadFile: a profile file is broken.
    """
    where = find_era(era)
    served_by = resolve_engine(engine, where)
    if config is not None and precision is not None:
        from melange_cloud.profiles.estimates.config_profiles import profiles_of_config

        return profiles_of_config(config, model, precision, era, gpus, served_by, cached_input)
    if is_own_model(model, where.name):
        return _load_own(model, precision, where, find_gpus(gpus), served_by, cached_input)
    found = find_model(model)
    resolved = resolve_precision(model, era, precision)
    profiles: dict[Kind, Profile] = {}
    missing: dict[str | Kind, str] = {}
    measured_here = shipped("profiles") / "pinned"
    has_measured, has_own = measured_here.is_dir(), own_folder().is_dir()
    for gpu in find_gpus(gpus):
        place = pinned_place(where, served_by, found.name, resolved, gpu)
        estimates: dict[Kind, GridProfile] = {}
        caches: Mapping[Kind, PrefixCache] = {}
        if resolved in where.models.get(found.name, ()):
            estimates = dict(_estimates(found.name, where.name, resolved, gpu, served_by))
            caches = _prefix_caches(found.name, where.name, resolved, gpu, served_by, cached_input)
        outranked: frozenset[Kind] = frozenset()
        if has_own:
            saved = saved_estimates(where.name, found.name, resolved, gpu, served_by)
            estimates.update(saved)
            outranked = frozenset(saved) & frozenset(caches)
            caches = {kind: cache for kind, cache in caches.items() if kind not in outranked}
        measured = _read_if_there(measured_here / place) if has_measured else None
        own = own_files(where.name, found.name, resolved, gpu) if has_own else []
        held: dict[Kind, Profile] = {**estimates, **{kind: cache.estimate for kind, cache in caches.items()}}
        if measured is not None or own:
            from melange_cloud.profiles.max_tput.measured_over_estimate import pin

            held = pin(estimates, [] if measured is None else [measured], own, served_by, caches)
        held = with_unmoved_noted(held, caches, cached_input, outranked)
        rows = sorted(held)
        profiles.update({kind: held[kind] for kind in rows})
        reasons: dict[str | Kind, str] = {
            kind: _why_not(found, where, resolved, kind, served_by)
            for kind in (Kind(gpu, degree) for degree in TENSOR_PARALLEL_DEGREES)
            if kind not in rows
        }
        if rows:
            missing.update(reasons)
        else:
            missing[gpu] = reasons[Kind(gpu, max(where.tensor_parallel))]
    return profiles, missing


def estimated_profile(model: str, precision: str, era: str, kind: Kind) -> Profile | None:
    """The estimate without measurements: the shipped one, or else the user's; None if there is none.

    It is for the mean of the era's engines.

    Args:
        model, precision, era: exact names.
    """
    served_by = resolve_engine(None, load_eras()[era])
    if precision in load_eras()[era].models.get(model, ()):
        found = _estimates(model, era, precision, kind.gpu, served_by)
        if kind in found:
            return found[kind]
    return saved_estimates(era, model, precision, kind.gpu, served_by).get(kind)


def _load_own(
    model: str, precision: str | None, era: Era, gpus: Iterable[str], engine: str, cached_input: float
) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
    """Profiles of a model that only the user has: measurements pinned over estimates from its config."""
    from melange_cloud.profiles.max_tput.measured_over_estimate import pin

    resolved = own_precision(model, precision, era.name)
    profiles: dict[Kind, Profile] = {}
    missing: dict[str | Kind, str] = {}
    for gpu in gpus:
        estimates = saved_estimates(era.name, model, resolved, gpu, engine)
        held = pin(estimates, [], own_files(era.name, model, resolved, gpu), engine)
        profiles.update(sorted(with_unmoved_noted(held, {}, cached_input).items()))
        if not held:
            missing[gpu] = f"no measurement or estimate of {plain_name(model)} on {gpu} (profiles estimate --save)"
    return profiles, missing


@cache
def _table(model: str, era: str, precision: str, gpu: str, engine: str) -> EstimateTable | None:
    """The estimates of a GPU; computed points are cached for the lifetime of the process."""
    constants = load_calibrations().get((gpu, era, "fp8" if precision == "fp8" else "fp16"))
    if constants is None or load_gpus()[gpu].peak_tflops(precision) is None:
        return None
    shape, where = load_models()[model], load_eras()[era]
    return estimate_table(shape, load_gpus()[gpu], where, precision, constants, engine=engine)


@cache
def _estimates(model: str, era: str, precision: str, gpu: str, engine: str) -> dict[Kind, GridProfile]:
    """The estimates of a GPU without a prefix cache, by kind."""
    table = _table(model, era, precision, gpu, engine)
    return {} if table is None else {kind: GridProfile(table, kind, engine=engine) for kind in table.replicas}


@lru_cache(maxsize=_MOST_PREFIX_CACHES)
def _prefix_caches(
    model: str, era: str, precision: str, gpu: str, engine: str, cached_input: float
) -> dict[Kind, PrefixCache]:
    """The effect of a prefix cache on a GPU, by kind."""
    table = _table(model, era, precision, gpu, engine)
    return {} if table is None else prefix_caches(table, engine, cached_input)


def _read_if_there(path: Path) -> ProfileFile | None:
    return read_profile_file(path) if path.is_file() else None


def _why_not(model: Model, era: Era, precision: str, kind: Kind, engine: str) -> str:
    """Why a kind has no profile, one clause."""
    gpu = load_gpus()[kind.gpu]
    constants = load_calibrations().get((kind.gpu, era.name, "fp8" if precision == "fp8" else "fp16"))
    if gpu.peak_tflops(precision) is None:
        return f"{kind.gpu} does not support {precision}"
    if constants is None:
        return f"nothing is known about {kind.gpu} in era {era.name}"
    if kind.tensor_parallel not in era.tensor_parallel:
        return f"era {era.name} has no profiles at tensor parallel {kind.tensor_parallel}"
    refusal = replica_of(model, gpu, kind.tensor_parallel, era, precision, constants, engine=engine).refusal
    if precision in era.models.get(model.name, ()) and era.fewest_gpus:
        return refusal or f"era {era.name} has only the smallest number of GPUs that fits, like the paper"
    return refusal or f"{model.name} is not estimated in era {era.name}"
