"""From the option table to a command's signature, to the settings file's ``[plan]`` and to the planner's Question."""

from collections.abc import Callable, Collection, Mapping
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Any

from melange_cloud import settings
from melange_cloud.cli.option_checks import price_policy
from melange_cloud.cli.option_type import Option
from melange_cloud.cli.options import FORCE, FORMAT, ONE_ANSWER, OUT, QUESTION, RATE, REGION
from melange_cloud.errors import BadFile, BadInput, Fault, echoed, shown
from melange_cloud.inputs import is_number

if TYPE_CHECKING:
    from melange_cloud.planner import Question


def takes(
    command: Callable[..., None], options: Collection[Option], variables: Collection[Option] | None = None
) -> None:
    """Give a command options of the table, after its own; it gets their values as ``**values``.

    Typer reads a command's options from its signature, which is made here.

    Args:
        variables: those that it takes from environment variables too; None is all.
    """
    own = [one for one in signature(command).parameters.values() if one.kind is not Parameter.VAR_KEYWORD]
    shared = [option.parameter(variables=variables is None or option in variables) for option in options]
    parameters = [*(one.replace(kind=Parameter.KEYWORD_ONLY) for one in own), *shared]
    command.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}


def variables() -> list[str]:
    """The environment variables of the options."""
    return [name for option in (*QUESTION, *ONE_ANSWER) for name in option.variables]


def question_of(values: Mapping[str, Any], **more: Any) -> "Question":
    """The question that the options ask.

    Args:
        values: what the command line gave, by the options' names.
        more: further keywords of Question.

    Raises:
        BadInput: no region is given, where the command has that option, or what an option says cannot be.
    """
    if REGION.name in values and not values[REGION.name]:
        raise BadInput("give --region NAME (such as us-east-1), a glob ('eu-*') or all")
    from melange_cloud import catalog, planner

    asked = {
        option.field: option.value(values[option.name])
        for option in (*QUESTION, *ONE_ANSWER)
        if option.field and values.get(option.name) is not None
    }
    which = {name: values[name] for name in ("offline", "refresh", "require_fresh", "max_age", "deadline")}
    return planner.Question(**asked, trust=price_policy(**which), discounts=catalog.load_discounts(), **more)


def defaults_from_file() -> tuple[dict[str, dict[str, object]], str]:
    """The settings file's values by command, in the shape that the option parser takes as its map of defaults.

    Returns:
        The map, and a line that says what was taken; empty without a settings file.
    """
    path = settings.settings_path()
    if path is None:
        return {}, ""
    options = {option.name: option for option in (*QUESTION, *ONE_ANSWER) if option not in (FORMAT, OUT, FORCE)}
    read = settings.read_settings(path, {"plan": set(options)}).get("plan", {})
    defaults: dict[str, object] = {}
    faults = []
    for name, value in read.items():
        defaults[name], cure = _taken(options[name], value)
        if cure:
            faults.append(Fault(path, f"{shown(value)}: {cure}", field=f"[plan] {name.replace('_', '-')}"))
    if faults:
        raise BadFile(faults)
    taken = [*sorted(defaults), *_discounts_in_words()]
    of_question = {option.name for option in QUESTION}
    by_command = {
        "plan": defaults,
        "sensitivity": {name: value for name, value in defaults.items() if name in of_question},
    }
    return by_command, f"settings from {echoed(path, 200)}: {', '.join(taken) or 'none'}"


def _taken(option: Option, value: object) -> tuple[object, str]:
    """A settings file's value as the option takes it, and what to give instead where it cannot; else empty."""
    if option.many:
        words = [value] if isinstance(value, str) else value
        fits = isinstance(words, list) and all(isinstance(word, str) for word in words)
        return words, "" if fits else "give text or a list of texts"
    if option.takes is not None:
        return value, option.takes.fault(value)
    if option is RATE and is_number(value):
        return str(value), ""  # its type is text, since it takes words too
    number = is_number(value)
    if option.kind is float:
        return value, "" if number else "give a number"
    if option.kind is int:
        return value, "" if number and isinstance(value, int) else "give a whole number"
    if option.kind is bool:
        return value, "" if isinstance(value, bool) else "give true or false"
    return value, "" if isinstance(value, str) else "give text"


def _discounts_in_words() -> list[str]:
    """How many discounts the settings file has; empty if it has none."""
    from melange_cloud.catalog import load_discounts

    count = len(load_discounts())
    return [f"{count} discount{'s' if count > 1 else ''}"] if count else []
