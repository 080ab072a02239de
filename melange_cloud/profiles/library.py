"""Finds profiles: by a model's name as people spell it, a precision, an era and the GPUs asked for."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from melange_cloud.domain import GPUS, Kind
from melange_cloud.errors import BadInput
from melange_cloud.estimator.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import DEFAULT_ERA, PRECISIONS, TENSOR_PARALLEL_DEGREES, Era, Model
from melange_cloud.profiles.profile import Profile
from melange_cloud.profiles.profile_file import ProfileFile, read_profile_file
from melange_cloud.profiles.user_profiles import own_estimates, own_files, own_folder, own_precisions, plain_name
from melange_cloud.shipped import shipped

_SUFFIX = re.compile(r"[-_ ](instruct|chat|hf|base|it)$")


def _plain(name: str) -> str:
    """A model's name without case, organisation, punctuation and the endings that do not change its speed."""
    plain = name.strip().lower().rpartition("/")[2]
    while _SUFFIX.search(plain):
        plain = _SUFFIX.sub("", plain)
    plain = re.sub(r"[^a-z0-9]", "", plain)
    return plain.removeprefix("meta")


def find_model(name: str) -> Model:
    """The shipped model of a name such as ``llama-3.1-8b`` or ``meta-llama/Llama-3.1-8B-Instruct``.

    Raises:
        BadInput: there is none; close matches are named.
    """
    models = load_models()
    spellings = {
        _plain(spelling): model for model in models.values() for spelling in (model.name, *model.also_known_as)
    }
    found = spellings.get(_plain(name))
    if found is not None:
        return found
    close = difflib.get_close_matches(_plain(name), spellings, n=3, cutoff=0.6)
    names = list(dict.fromkeys(spellings[match].name for match in close))
    hint = f"did you mean {' or '.join(names)}?" if names else f"there are {', '.join(models)}"
    raise BadInput(f"no profile of the model {name!r}: {hint}")


def find_era(name: str | None = None) -> Era:
    """An engine era by name; None is DEFAULT_ERA.

    Raises:
        BadInput: there is none of that name; all are named.
    """
    eras = load_eras()
    name = DEFAULT_ERA if name is None else name
    if name not in eras:
        raise BadInput(f"no engine era {name!r}: there are {', '.join(eras)}")
    return eras[name]


def resolve_era(model: str, era: str | None = None) -> str:
    """The era's name, checked to have profiles of the model; None is DEFAULT_ERA.

    Raises:
        BadInput: the model or the era is unknown, or the era has no profile of the model.
    """
    found, where = find_model(model), find_era(era)
    if found.name not in where.models and not own_precisions(where.name, found.name):
        others = [name for name, other in load_eras().items() if found.name in other.models]
        raise BadInput(f"no profile of {found.name} in era {where.name}: it has {', '.join(others)}")
    return where.name


def find_gpus(names: Iterable[str] | None = None) -> tuple[str, ...]:
    """GPU names as GPUS spells them, in its order; None is all.

    Raises:
        BadInput: a name is none of GPUS.
    """
    if names is None:
        return GPUS
    by_plain = {gpu.lower(): gpu for gpu in GPUS}
    wanted = set()
    for name in names:
        if name.lower() not in by_plain:
            begins = [gpu for gpu in GPUS if name and gpu.lower().startswith(name.lower())]
            close = begins or [by_plain[match] for match in difflib.get_close_matches(name.lower(), by_plain, n=2)]
            hint = f"did you mean {' or '.join(close)}?" if close else f"there are {', '.join(GPUS)}"
            raise BadInput(f"no profile of the GPU {name!r}: {hint}")
        wanted.add(by_plain[name.lower()])
    return tuple(gpu for gpu in GPUS if gpu in wanted)


def resolve_precision(model: str, era: str | None = None, precision: str | None = None) -> str:
    """The precision of the profiles that answer for ``precision``; None asks for the model's own.

    bf16 and fp16 are equally fast: either finds the 16-bit profile that is shipped.

    Raises:
        BadInput: the model, the era or the precision is unknown, or the era has no such profile of the model.
    """
    found, where = find_model(model), find_era(resolve_era(model, era))
    shipped_precisions = where.models.get(found.name, ())
    wanted = (precision or found.native_precision).lower()
    if wanted in shipped_precisions:
        return wanted
    sixteen_bit = [name for name in shipped_precisions if name != "fp8"]
    if wanted in PRECISIONS and wanted != "fp8" and sixteen_bit:
        return sixteen_bit[0]
    if wanted in own_precisions(where.name, found.name):
        return wanted
    raise BadInput(
        f"no {precision} profile of {found.name} in era {where.name}: there are {', '.join(shipped_precisions)}"
    )


def load_profiles(
    model: str,
    precision: str | None = None,
    era: str | None = None,
    gpus: Iterable[str] | None = None,
    config: Path | None = None,
) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
    """The shipped profiles, and why there are no others.

    Args:
        model: as ``find_model`` accepts it.
        precision: None is the model's own.
        era: None is DEFAULT_ERA.
        gpus: None is all.
        config: a ``config.json`` of which the profiles are made instead; then ``model`` is its name and a precision is
            needed.

    Measured profiles, the shipped ones and the user's, are pinned over the estimates; their ``notes`` say where the
    user's contradict each other.

    Returns:
        The profiles by kind, sorted by GPU (as GPUS) and degree. Then why there is none, one clause each: by GPU where
        it has no profile at all, by kind where it has profiles at other degrees.

    Raises:
        BadInput: a name is unknown.
        BadFile: a profile file is broken.
    """
    where = find_era(era)
    if config is not None and precision is not None:
        from melange_cloud.profiles.config_profiles import profiles_of_config

        return profiles_of_config(config, model, precision, era, gpus)
    if is_own_model(model, where.name):
        return _load_own(model, precision, where, find_gpus(gpus))
    found = find_model(model)
    resolved = resolve_precision(model, era, precision)
    profiles: dict[Kind, Profile] = {}
    missing: dict[str | Kind, str] = {}
    measured_here = shipped("profiles") / "pinned"
    has_measured, has_own = measured_here.is_dir(), own_folder().is_dir()
    for gpu in find_gpus(gpus):
        place = Path(where.name) / found.name / resolved / f"{gpu}.csv"
        file = _read_if_there(shipped("profiles") / "throughput" / place)
        held: dict[Kind, Profile] = {} if file is None else {kind: Profile(file, kind) for kind in file.rows}
        if has_own:
            held.update(_own_estimates(where.name, found.name, resolved, gpu))
        measured = _read_if_there(measured_here / place) if has_measured else None
        own = own_files(where.name, found.name, resolved, gpu) if has_own else []
        if measured is not None or own:
            from melange_cloud.profiles.measured_over_estimate import pin

            held = pin(held, [] if measured is None else [measured], own)
        rows = sorted(held)
        profiles.update({kind: held[kind] for kind in rows})
        reasons: dict[str | Kind, str] = {
            kind: _why_not(found, where, resolved, kind)
            for kind in (Kind(gpu, degree) for degree in TENSOR_PARALLEL_DEGREES)
            if kind not in rows
        }
        if rows:
            missing.update(reasons)
        else:
            missing[gpu] = reasons[Kind(gpu, max(where.tensor_parallel))]
    return profiles, missing


def estimated_profile(model: str, precision: str, era: str, kind: Kind) -> Profile | None:
    """The estimate alone, whatever was measured: the shipped one, else the user's; None where there is none.

    Args:
        model, precision, era: exactly as they are called.
    """
    file = _read_if_there(shipped("profiles") / "throughput" / era / model / precision / f"{kind.gpu}.csv")
    if file is not None and kind in file.rows:
        return Profile(file, kind)
    return _own_estimates(era, model, precision, kind.gpu).get(kind)


def is_own_model(model: str, era: str | None = None) -> bool:
    """Whether a model is not shipped, but the user measured it in an era."""
    folder = own_folder()
    if not folder.is_dir() or not plain_name(model, or_else=""):
        return False
    try:
        find_model(model)
    except BadInput:
        return (folder / find_era(era).name / plain_name(model)).is_dir()
    return False


def _load_own(
    model: str, precision: str | None, era: Era, gpus: Iterable[str]
) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
    """Profiles of a model that only the user knows: what was measured, over what was estimated by its config."""
    from melange_cloud.profiles.measured_over_estimate import pin

    resolved = own_precision(model, precision, era.name)
    profiles: dict[Kind, Profile] = {}
    missing: dict[str | Kind, str] = {}
    for gpu in gpus:
        held = pin(_own_estimates(era.name, model, resolved, gpu), [], own_files(era.name, model, resolved, gpu))
        profiles.update(sorted(held.items()))
        if not held:
            missing[gpu] = f"{plain_name(model)} was neither measured on {gpu} nor estimated (profiles estimate --save)"
    return profiles, missing


def _own_estimates(era: str, model: str, precision: str, gpu: str) -> dict[Kind, Profile]:
    return {kind: Profile(file, kind) for file in own_estimates(era, model, precision, gpu) for kind in file.rows}


def own_precision(model: str, precision: str | None, era: str) -> str:
    """The precision that is meant of a model that only the user knows; None is the only one there is.

    Raises:
        BadInput: there is no such one, or several to choose from.
    """
    there = own_precisions(era, model)
    wanted = precision.lower() if precision else there[0] if len(there) == 1 else None
    if wanted not in there:
        raise BadInput(
            f"no {precision or 'one'} precision of {plain_name(model)} in your profiles: there are {', '.join(there)}; "
            "choose with --precision"
        )
    return wanted


def _read_if_there(path: Path) -> ProfileFile | None:
    return read_profile_file(path) if path.is_file() else None


def _why_not(model: Model, era: Era, precision: str, kind: Kind) -> str:
    """Why a kind has no profile, one clause."""
    from melange_cloud.estimator.replica import Replica

    gpu = load_gpus()[kind.gpu]
    constants = load_calibrations().get((kind.gpu, era.name, "fp8" if precision == "fp8" else "fp16"))
    if gpu.peak_tflops(precision) is None:
        return f"{kind.gpu} has no {precision}"
    if constants is None:
        return f"nothing is known of {kind.gpu} in era {era.name}"
    if kind.tensor_parallel not in era.tensor_parallel:
        return f"era {era.name} has no profiles at tensor parallel {kind.tensor_parallel}"
    refusal = Replica(model, gpu, kind.tensor_parallel, era, precision, constants).refusal
    return refusal or "no profile is shipped"
