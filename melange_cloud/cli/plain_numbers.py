"""Numbers of options and of their environment variables, read by the one reader of numbers.

The libraries under the command line take what Python's ``int`` and ``float`` take: ``1_0``, Arabic digits, thousands of
digits. Here every option that is a number gets our own parser, in one place, so that none is missed.
"""

import inspect
import math
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, get_args

import typer
from typer.models import OptionInfo, ParameterInfo

from melange_cloud.cli.gathered_faults import gathering
from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import MOST, NotANumber, OutOfRange, parse_number, parse_whole

_MOST_COLUMNS = 10_000
_NO_NUMBERS = ("nan", "inf", "infinity")
"""What each option judges itself: some take ``inf`` for no target."""


def read_plain_numbers(app: typer.Typer) -> None:
    """Give every option of every command that is a number the parser for it; all are refused together."""
    seen: set[int] = set()  # some are shared by commands
    for callback in _callbacks(app):
        for parameter in inspect.signature(callback).parameters.values():
            wanted, *more = get_args(parameter.annotation) or (None,)
            for info in more:
                if not isinstance(info, OptionInfo):
                    continue
                if info.parser is None and (kind := _kind_of(wanted)):
                    # Within Annotated, what comes first is the name, which Typer keeps as the default until later.
                    names = [info.default, *(info.param_decls or ()), f"--{parameter.name}"]
                    name = next(one for one in names if isinstance(one, str) and one.startswith("--"))
                    info.parser = number(name) if kind is float else whole(name, info.min, info.max)
                    info.metavar = info.metavar or ("NUMBER" if kind is float else "N")
                if info.parser is not None and id(info) not in seen:
                    info.parser = gathering(info.parser)
                    seen.add(id(info))


def take_words_in_any_case(app: typer.Typer) -> None:
    """Let every command's options and arguments with a closed list of words take them in any case: ``JSON``."""
    for callback in _callbacks(app):
        for parameter in inspect.signature(callback).parameters.values():
            for info in get_args(parameter.annotation)[1:]:
                if isinstance(info, ParameterInfo):
                    info.case_sensitive = False


def drop_impossible_sizes() -> None:
    """Unset COLUMNS and LINES if they are not sizes that a page can have.

    The library that draws tables reads them itself, and breaks on ``COLUMNS=²``.
    """
    for name in ("COLUMNS", "LINES"):
        try:
            parse_whole(os.environ.get(name, "80"), 1, _MOST_COLUMNS)
        except NotANumber:
            del os.environ[name]


def number(option: str) -> Callable[[Any], float]:
    """A parser of a number; nan and infinities pass, since each option has its own words for them."""

    def parsed(value: Any) -> float:
        if isinstance(value, int | float):  # a default, or a value of the settings file
            return float(value)
        text = str(value).strip()
        if text.lower().lstrip("+-") in _NO_NUMBERS:
            return float(text)
        try:
            return parse_number(text, -sys.float_info.max, sys.float_info.max)
        except NotANumber:
            raise BadInput(f"{option} {echoed(text)}: give a number such as 12.5, without a unit") from None

    return parsed


def whole(option: str, least: float | None = None, most: float | None = None) -> Callable[[Any], int]:
    """A parser of a whole number in [least, most]."""

    def parsed(value: Any) -> int:
        try:
            if isinstance(value, int):
                found = value
            elif isinstance(value, float) and math.isfinite(value) and value.is_integer():
                found = int(value)
            else:
                found = parse_whole(str(value), -int(MOST), int(MOST))
        except OutOfRange:
            raise BadInput(f"{option} {echoed(value)}: give a whole number of at most {MOST:,.0f}") from None
        except NotANumber:
            raise BadInput(f"{option} {echoed(value)}: give a whole number such as 1") from None
        if (least is not None and found < least) or (most is not None and found > most):
            limits = f"of at least {least:g}" if most is None else f"from {least or 0:g} to {most:g}"
            raise BadInput(f"{option} {found}: give a whole number {limits}")
        return found

    return parsed


def _callbacks(app: typer.Typer) -> Iterator[Callable[..., Any]]:
    for command in app.registered_commands:
        if command.callback is not None:
            yield command.callback
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from _callbacks(group.typer_instance)


def _kind_of(wanted: Any) -> type | None:
    """float or int where an annotation is that, that or None, or a list of it."""
    if wanted is float or wanted is int:
        return float if wanted is float else int
    kinds = {kind for part in get_args(wanted) if (kind := _kind_of(part)) is not None}
    return kinds.pop() if len(kinds) == 1 else None
