"""Finds the model of runs, from the option and from every name in the results."""

from collections.abc import Sequence

from melange_cloud.errors import BadInput, echoed
from melange_cloud.profiles.attribution.model_names import clues_of, differs, telling_part
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.lookup import SAME_SHAPE, find_model
from melange_cloud.profiles.user_profiles import plain_name

_TOKENIZERS = (
    "tokenizer_id", "tokenizer", "tokenizer_path", "server_info.tokenizer_path", "input_config.tokenizer.name",
)  # fmt: skip
_LONGEST_NAME = 100


def named_model(runs: Sequence[BenchmarkRun], asked: str | None, confirmed: str | None, notes: list[str]) -> str:
    """The model of runs: a shipped one's name or the plain name of another; assumptions are noted.

    Raises:
        BadInput: nothing names the model, or the results name another one and ``confirmed`` does not repeat that name.
    """
    said = list(dict.fromkeys(run.model for run in runs if run.model))
    if asked is None:
        named = [name for name in dict.fromkeys(canonical(name) for name in said) if name]
        if len(named) > 1:
            raise BadInput(f"the results are from several models, {_listed(named)}: import them one by one")
        if not named:
            raise BadInput("--model: the results do not name their model; name it, such as --model llama-3.1-8b")
        if len(named[0]) > _LONGEST_NAME:
            raise BadInput(
                f"--model: the model's name in the results has {len(named[0]):,} characters; give a shorter one"
            )
        notes.extend(f"the results are from {echoed(name)}, built like {named[0]}" for name in said if _shape(name))
        _refuse_contradicted(runs, named[0], None, confirmed, notes)
        return named[0]
    plain_name(asked)  # refused where nothing is left of it
    wanted = canonical(asked)
    for name in said:
        if canonical(name) == wanted:
            continue
        if confirmed is not None and _is_confirmed(name, confirmed):
            notes.append(f"the results are from {echoed(name)}; used as {wanted}, as confirmed by --result-model")
            continue
        other = other_model(name, asked)
        if other:
            raise BadInput(
                f"--model {echoed(asked)}: the results are from {other}; if the server used that name for {wanted}, "
                f"add --result-model '{_confirmable(name)}'"
            )
        notes.append(f"the results are from {echoed(name)}; used as {wanted}, as requested by --model")
    _refuse_contradicted(runs, wanted, asked, confirmed, notes)
    others = [name for name in dict.fromkeys(map(canonical, said)) if name != wanted]
    if len(others) > 1:
        raise BadInput(f"the results are from several models, {_listed(others)}: import them one by one")
    return wanted


def _refuse_contradicted(
    runs: Sequence[BenchmarkRun], wanted: str, asked: str | None, confirmed: str | None, notes: list[str]
) -> None:
    """Refuse runs with other names, such as the tokenizer's, that mean another model; confirming one is enough."""
    for run in runs:
        if (
            confirmed is not None
            and run.model
            and canonical(run.model) != wanted
            and _is_confirmed_model(run, confirmed)
        ):
            continue
        others = [
            (field, name, other)
            for field, name in other_names(run)
            if not (asked is not None and field in _TOKENIZERS and run.model and canonical(run.model) == wanted)
            if (other := other_model(name, asked or wanted))
        ]
        if not others:
            continue
        if confirmed is not None and any(_is_confirmed(name, confirmed) for _, name, _ in others):
            field, name, _ = others[0]
            note = f"{field} in the results is {echoed(name)}; used as {wanted}, as confirmed by --result-model"
            notes.extend([] if note in notes else [note])
            continue
        field, name, other = others[0]
        option = "--model" if asked is None else f"--model {echoed(asked)}"
        raise BadInput(
            f"{option}: {field} in the results says {other}; if they are from {wanted} nevertheless, "
            f"{'add' if asked else f'give --model {wanted} and'} --result-model '{_confirmable(name)}'"
        )


def _is_confirmed_model(run: BenchmarkRun, confirmed: str) -> bool:
    return _is_confirmed(run.model, confirmed) and bool(clues_of(run.model).size)


def _is_confirmed(name: str, confirmed: str) -> bool:
    return plain_name(telling_part(confirmed), "") == plain_name(telling_part(name), "")


def _confirmable(name: str) -> str:
    """The text to repeat: the name, or if it is too long to show, the part of it that names the model."""
    whole = echoed(name)
    return whole if whole == name else echoed(telling_part(name))


def other_model(said: str, asked: str) -> str:
    """The model that a name means, if it is not the requested one: by its name, its size or its family.

    Empty if they may be the same, for example if a server calls its model ``prod``.
    """
    if not said or canonical(said) == canonical(asked):
        return ""
    if is_shipped(said):
        return f"{canonical(said)} ({echoed(said)})"
    difference = differs(clues_of(said), clues_of(canonical(asked)))
    return f"{echoed(said)} ({difference})" if difference else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(echoed(name) for name in names[:5]) + (", ..." if len(names) > 5 else "")


def _shape(name: str) -> str | None:
    """The shipped model with the same dimensions as another one; None for its own names."""
    return SAME_SHAPE.get(clues_of(name).plain)


def canonical(model: str) -> str:
    """The shipped model of a name, regardless of precision and organisation; else the plain name."""
    if is_shipped(model):
        return find_model(model).name
    plain = clues_of(model).plain
    if plain and is_shipped(plain):
        return find_model(plain).name
    return SAME_SHAPE.get(plain) or plain_name(telling_part(model), "")


def is_shipped(model: str) -> bool:
    """True if a name is that of a shipped model."""
    try:
        find_model(model)
    except BadInput:
        return False
    return True


def other_names(run: BenchmarkRun) -> list[tuple[str, str]]:
    """Other names of the model; the tokenizer's only if the size is still unknown, since models share tokenizers."""
    has_size = bool(run.model) and (bool(clues_of(run.model).size) or is_shipped(run.model))
    return [(field, name) for field, name in run.other_names if name and not (has_size and field in _TOKENIZERS)]


def all_names(run: BenchmarkRun) -> list[str]:
    """Every name of the model in a result."""
    return [name for name in (run.model, *(name for _, name in other_names(run))) if name]
