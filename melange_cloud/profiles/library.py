"""Finds profiles: by a model's name as people spell it, a precision, an era and the GPUs asked for."""

import difflib
import re
from collections.abc import Iterable

from melange_cloud.domain import GPUS, Kind
from melange_cloud.errors import BadInput
from melange_cloud.profiles.files import read_profile_file
from melange_cloud.profiles.profile import Profile
from melange_cloud.profiles.spec_files import load_calibrations, load_eras, load_gpus, load_models
from melange_cloud.profiles.specs import DEFAULT_ERA, PRECISIONS, TENSOR_PARALLEL_DEGREES, Era, Model
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
    if found.name not in where.models:
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
    shipped_precisions = where.models[found.name]
    wanted = (precision or found.native_precision).lower()
    if wanted in shipped_precisions:
        return wanted
    sixteen_bit = [name for name in shipped_precisions if name != "fp8"]
    if wanted in PRECISIONS and wanted != "fp8" and sixteen_bit:
        return sixteen_bit[0]
    raise BadInput(
        f"no {precision} profile of {found.name} in era {where.name}: there are {', '.join(shipped_precisions)}"
    )


def load_profiles(
    model: str, precision: str | None = None, era: str | None = None, gpus: Iterable[str] | None = None
) -> tuple[dict[Kind, Profile], dict[str | Kind, str]]:
    """The shipped profiles, and why there are no others.

    Args:
        model: as ``find_model`` accepts it.
        precision: None is the model's own.
        era: None is DEFAULT_ERA.
        gpus: None is all.

    Returns:
        The profiles by kind, sorted by GPU (as GPUS) and degree. Then why there is none, one clause each: by GPU where
        it has no profile at all, by kind where it has profiles at other degrees.

    Raises:
        BadInput: a name is unknown.
        BadFile: a profile file is broken.
    """
    found, where = find_model(model), find_era(era)
    resolved = resolve_precision(model, era, precision)
    profiles: dict[Kind, Profile] = {}
    missing: dict[str | Kind, str] = {}
    for gpu in find_gpus(gpus):
        path = shipped("profiles") / "throughput" / where.name / found.name / resolved / f"{gpu}.csv"
        rows: Iterable[Kind] = ()
        if path.is_file():
            file = read_profile_file(path)
            rows = sorted(file.rows)
            profiles.update({kind: Profile(file, kind) for kind in rows})
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


def _why_not(model: Model, era: Era, precision: str, kind: Kind) -> str:
    """Why a kind has no profile, one clause."""
    from melange_cloud.profiles.estimator import Replica

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
