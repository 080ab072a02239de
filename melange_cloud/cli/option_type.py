"""An option of the command line: how it is spelled, what help says of it, and where its value goes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from inspect import Parameter
from typing import Annotated, Any

import typer

from melange_cloud.cli.value_types import ValueType


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    Attributes:
        name: the parameter of the command, and the key of the settings file.
        kind: type of its value; a bool is a flag.
        text: its help, without the default.
        default: what holds where it is not set, as help shows it; empty if there is nothing to say.
        panel: its panel in the help of ``plan``.
        many: whether it may be repeated.
        names: how it is spelled; ``--name`` where empty.
        variable: its environment variable; after ``--name`` where empty.
        field: the keyword of Question that takes its value; empty if none does.
        read: makes of (option, value) what Question takes; None takes the value as it is.
        word: what help calls its value: a unit, ``NAME``, ``FILE``; empty where its type says enough.
        takes: the quantity that it takes, with or without a unit; None where ``kind`` says all.
    """

    name: str
    kind: type
    text: str
    default: str = ""
    panel: str = ""
    many: bool = False
    names: tuple[str, ...] = ()
    variable: str = ""
    field: str = ""
    read: Callable[[str, Any], Any] | None = None
    word: str = ""
    takes: ValueType | None = None

    @property
    def spelled(self) -> tuple[str, ...]:
        """How it is spelled, the usual one first."""
        return self.names or ("--" + self.name.replace("_", "-"),)

    @property
    def variables(self) -> list[str]:
        """Its environment variables."""
        if self.variable:
            return [self.variable]
        long = (name for name in self.spelled if name.startswith("--"))
        return ["MELANGE_CLOUD_" + name[2:].replace("-", "_").upper() for name in long]

    def value(self, given: Any) -> Any:
        """What Question takes for what the command line gave; None if it was not given."""
        return given if given is None or self.read is None else self.read(self.spelled[0], given)

    def help(self, text: str | None = None, default: str | None = None) -> str:
        """Its help; a command where it means something else may have its own text or default."""
        shown = self.default if default is None else default
        said = self.text if text is None else text
        return f"{said.removesuffix('.')} [default: {shown}]." if shown else said

    def __call__(self, text: str | None = None, default: str | None = None, **more: Any) -> Any:
        """What Typer needs to know of it in a command that does not take it from a variable."""
        known: dict[str, Any] = {} if self.takes is None else self.takes.of(self.spelled[0])
        known |= {"rich_help_panel": self.panel or None, "metavar": self.word or known.get("metavar")}
        return typer.Option(*self.spelled, help=self.help(text, default), **(known | more))

    def parameter(self, *, variables: bool) -> Parameter:
        """As a parameter of a command.

        Args:
            variables: whether the command takes it from its environment variables too.
        """
        more: dict[str, Any] = {"envvar": self.variables, "show_envvar": False} if variables else {}
        info = self(**more)
        kind: Any = self.kind
        if kind is not bool:
            kind = list[kind] | None if self.many else kind | None
        default = False if self.kind is bool else None
        return Parameter(self.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, info])


def duration(time: timedelta) -> str:
    """As options take it: ``90s``, ``5m``, ``12h``, ``1d``, in the largest unit that divides it; a minute is 60s."""
    seconds = time / timedelta(seconds=1)
    for unit, least, name in ((86400, 1, "d"), (3600, 1, "h"), (60, 2, "m")):
        if seconds % unit == 0 and seconds >= least * unit:
            return f"{seconds / unit:g}{name}"
    return f"{seconds:g}s"
