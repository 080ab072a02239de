"""Finds models, eras, GPUs and precisions by the names that people use."""

import re
from collections.abc import Iterable

from melange_cloud.domain import GPUS
from melange_cloud.domain.engines import ENGINE_TITLES, ENGINES, MEAN_OF_ENGINES, SPELLINGS, engines_in, plain_engine
from melange_cloud.domain.question import DEFAULT_ERA
from melange_cloud.errors import BadInput, echoed
from melange_cloud.estimator.spec_files import load_eras, load_models
from melange_cloud.estimator.specs import PRECISIONS, Era, Model
from melange_cloud.inputs.gpu_names import gpu_of_option
from melange_cloud.inputs.suggestions import did_you_mean, not_supported, one_of, slip_or_not_supported, slips_of
from melange_cloud.profiles.user_profiles import own_folder, own_precisions, plain_name

SAME_SHAPE = {
    "llama-3-8b": "llama-3.1-8b",
    "deepseek-r1-distill-llama-8b": "llama-3.1-8b",
    "llama-3-70b": "llama-3.1-70b",
    "llama-3.3-70b": "llama-3.1-70b",
    "deepseek-r1-distill-llama-70b": "llama-3.1-70b",
    "llama-3.1-nemotron-70b": "llama-3.1-70b",
}
"""Models that have every dimension of a shipped one, by their config.json files: what one serves, the other does."""

_PRECISIONS_CALLED = {"bfloat16": "bf16", "float16": "fp16", "half": "fp16", "float8": "fp8", "fp8_e4m3": "fp8"}
_PRECISION_SUFFIX = re.compile(r"[-_ ](bf16|fp16|fp8)(?:[-_ ]dynamic)?$")
_SUFFIX = re.compile(r"[-_ ](instruct|chat|hf|base|it)$")


def find_model(name: str) -> Model:
    """The shipped model with a name such as ``llama-3.1-8b`` or ``meta-llama/Llama-3.1-8B-Instruct``.

    Raises:
        BadInput: not found; the message has close matches.
    """
    models = load_models()
    spellings = {
        _plain(spelling): model for model in models.values() for spelling in (model.name, *model.also_known_as)
    }
    found = spellings.get(_plain(name))
    if found is not None:
        return found
    if same := same_shape(name):
        raise BadInput(f"--model {echoed(name)}: not shipped; use {same}, which has the same shape and speed")
    slips = dict.fromkeys(spellings[match].name for match in slips_of(_plain(name), spellings))
    if precision := _PRECISION_SUFFIX.search(name.strip().lower()):
        stem = spellings.get(_plain(name.strip()[: precision.start()]))
        slips = {} if stem is None else {f"--model {stem.name} --precision {precision[1]}": None}
    hint = did_you_mean(slips) or not_supported(models, "for others: `plan --config config.json`")
    raise BadInput(f"--model {echoed(name)}: {hint}")


def find_era(name: str | None = None) -> Era:
    """An engine era by name; None is DEFAULT_ERA.

    Raises:
        BadInput: not found; the message lists all names.
    """
    eras = load_eras()
    name = DEFAULT_ERA if name is None else re.sub(r"[\s_-]+", "-", name.strip().lower())
    if name not in eras:
        raise BadInput(f"--era {echoed(name)}: {slip_or_not_supported(name, eras)}")
    return eras[name]


def engines_of(era: Era) -> tuple[str, ...]:
    """The engines of an era, in the order of ENGINES; if there is one, all profiles of the era are for it."""
    return tuple(engine for engine in ENGINES if engine in era.engines)


def find_engine(word: str | None) -> str:
    """An engine in any spelling, in the spelling of ENGINES; None is MEAN_OF_ENGINES.

    Raises:
        BadInput: it is not an engine; the message has close matches.
    """
    if word is None:
        return MEAN_OF_ENGINES
    plain = plain_engine(word)
    if plain in SPELLINGS:
        return SPELLINGS[plain]
    # Of "vLLM 0.12" the version is not dropped in silence: an era says which versions its engines have.
    near = engines_in(word) or dict.fromkeys(SPELLINGS[match] for match in slips_of(plain, SPELLINGS))
    hint = did_you_mean(near) or not_supported((*ENGINES, MEAN_OF_ENGINES))
    raise BadInput(f"--engine {echoed(word) or repr('')}: {hint}")


def resolve_engine(word: str | None, era: Era) -> str:
    """The engine of an era by name; None or ``mean`` is the mean of its engines, if it has several.

    Raises:
        BadInput: it is not an engine, or not one of the era's.
    """
    wanted, of_era = find_engine(word), engines_of(era)
    if wanted == MEAN_OF_ENGINES:
        return of_era[0] if len(of_era) == 1 else wanted
    if wanted not in of_era:
        titles = one_of(ENGINE_TITLES[engine] for engine in of_era)
        raise BadInput(f"--engine {echoed(word)}: era {era.name} has only {titles}; drop --engine or --era")
    return wanted


def find_gpus(names: Iterable[str] | None = None) -> tuple[str, ...]:
    """GPU names in the spelling and order of GPUS; None is all.

    Raises:
        BadInput: a name is not one of GPUS.
    """
    if names is None:
        return GPUS
    wanted = {gpu_of_option("--gpu", name) for name in names}
    return tuple(gpu for gpu in GPUS if gpu in wanted)


def resolve_era(model: str, era: str | None = None) -> str:
    """Check that an era has profiles of the model, and return its name; None is DEFAULT_ERA.

    Raises:
        BadInput: the model or the era is unknown, or the era has no profile of the model.
    """
    found, where = find_model(model), find_era(era)
    if found.name not in where.models and not own_precisions(where.name, found.name):
        others = [name for name, other in load_eras().items() if found.name in other.models]
        raise BadInput(f"no profile of {found.name} in era {where.name}: use {', '.join(others)}")
    return where.name


def resolve_precision(model: str, era: str | None = None, precision: str | None = None) -> str:
    """The precision of the profiles to use for ``precision``; None is the model's own.

    bf16 and fp16 are equally fast, so either selects the shipped 16-bit profile.

    Raises:
        BadInput: the model, the era or the precision is unknown, or the era has no such profile of the model.
    """
    found, where = find_model(model), find_era(resolve_era(model, era))
    shipped_precisions = where.models.get(found.name, ())
    wanted = plain_precision(precision or found.native_precision)
    if wanted not in PRECISIONS and wanted not in own_precisions(where.name, found.name):
        raise BadInput(f"--precision {echoed(precision)}: {slip_or_not_supported(wanted, PRECISIONS)}")
    if wanted in shipped_precisions:
        return wanted
    sixteen_bit = [name for name in shipped_precisions if name != "fp8"]
    if wanted in PRECISIONS and wanted != "fp8" and sixteen_bit:
        return sixteen_bit[0]
    if wanted in own_precisions(where.name, found.name):
        return wanted
    raise BadInput(
        f"--precision {echoed(precision or wanted)}: era {where.name} has no such profile of {found.name}; it has "
        f"{one_of(shipped_precisions)}"
    )


def is_own_model(model: str, era: str | None = None) -> bool:
    """True if a model is not shipped but the user measured it in an era."""
    folder = own_folder()
    if not folder.is_dir() or not plain_name(model, or_else=""):
        return False
    try:
        find_model(model)
    except BadInput:
        return (folder / find_era(era).name / plain_name(model)).is_dir()
    return False


def own_precision(model: str, precision: str | None, era: str) -> str:
    """The precision of a model that only the user has; None selects the only one.

    Raises:
        BadInput: it does not exist, or there are several.
    """
    there = own_precisions(era, model)
    wanted = plain_precision(precision) if precision else there[0] if len(there) == 1 else None
    if wanted not in there:
        held = f"your profiles of {plain_name(model)} are in {one_of(there)}"
        given = f" {echoed(precision)}" if precision else ""
        raise BadInput(f"--precision{given}: {held}; give one of them")
    return wanted


def plain_precision(word: str) -> str:
    """A precision as PRECISIONS spells it, of what people call it; other words in lower case."""
    plain = word.strip().lower()
    return _PRECISIONS_CALLED.get(plain, plain)


def same_shape(name: str) -> str:
    """The shipped model that has every dimension of another one; empty if there is none."""
    plain = _plain(name)
    return next((shipped for other, shipped in SAME_SHAPE.items() if _plain(other) == plain), "")


def _plain(name: str) -> str:
    """A model's name in lower case, without organisation, punctuation and endings that do not change its speed."""
    plain = name.strip().lower().rpartition("/")[2]
    while _SUFFIX.search(plain):
        plain = _SUFFIX.sub("", plain)
    plain = re.sub(r"[^a-z0-9]", "", plain)
    return plain.removeprefix("meta")
