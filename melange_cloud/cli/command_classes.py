"""What every command and group of ours does alike: help pages, ``--quiet``, errors in one line."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from melange_cloud.cli.gathered_faults import together
from melange_cloud.cli.help_page import Look, help_page
from melange_cloud.cli.options import QUIET
from melange_cloud.cli.output import be_quiet, colour, emit, note, width
from melange_cloud.cli.refusals import UsageError, errors_in_one_line, unexpected_argument, unknown_command
from melange_cloud.cli.streams import answers, is_terminal

SETTINGS_SAID = "melange_cloud.settings"
"""Where a context keeps what is to be said of the settings file."""


class _HelpIsAnAnswer:
    """A command whose ``--help`` is a page of ours and goes where answers go, in characters that the stream has."""

    def get_help(self, ctx: Any) -> str:
        """The page."""
        return help_page(self, ctx, Look(width(), colour=colour(), borders=is_terminal(answers())))

    def get_help_option(self, ctx: Any) -> Any:
        """The help option, which prints as every answer is printed."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.callback = _show_help
            option.help = "Show this help."
        return option


def _show_help(ctx: Any, _: Any, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        emit(ctx.get_help())
        ctx.exit()


class Command(_HelpIsAnAnswer, TyperCommand):
    """Any command of ours; says which settings it has, once it is known whether it may."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; one too many is refused with the option that it may be meant for."""
        takes_more, ctx.allow_extra_args = ctx.allow_extra_args, True
        try:
            with together():
                rest: list[str] = super().parse_args(ctx, args)
        except UsageError as error:
            error.ctx = getattr(error, "ctx", None) or ctx  # type: ignore[attr-defined]
            raise
        ctx.allow_extra_args = takes_more
        if rest and not takes_more and not ctx.resilient_parsing:
            raise unexpected_argument(self, ctx, rest[0])
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        be_quiet(any(context.params.get(QUIET.name, False) for context in (ctx, ctx.find_root())))
        said = ctx.meta.pop(SETTINGS_SAID, "")
        if said:
            note(said)
        return super().invoke(ctx)


class CommandGroup(_HelpIsAnAnswer, TyperGroup):
    """Any group of commands."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named; an unknown one is refused with what may be meant, also of another group."""
        name = args[0]
        if ctx.resilient_parsing or name.startswith("-") or name in self.commands:
            return super().resolve_command(ctx, args)
        raise unknown_command(self, ctx, name)


class ErrorsInOneLine(CommandGroup):
    """Prints a MelangeError's text on stderr and exits with its code; sits on the group so that tests see it too.

    Wrong usage too is one line, however long and strange the words are that it repeats.
    """

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Read the group's own options and find the command."""
        with errors_in_one_line():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:
        """Read the command's arguments and run it."""
        with errors_in_one_line():
            return super().invoke(ctx)


def use_our_classes(of: typer.Typer) -> None:
    """Make every command and group of a program one of these classes, the commands with ``--quiet``."""
    for command in of.registered_commands:
        command.cls = Command
        if command.callback is not None and not command.hidden:
            command.callback = _with_quiet(command.callback)
    for group in of.registered_groups:
        if group.typer_instance is not None:
            group.cls = CommandGroup
            use_our_classes(group.typer_instance)


def _with_quiet(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with ``--quiet``, which it does not see."""

    @wraps(command)
    def without_quiet(**values: Any) -> Any:
        return command(**{name: value for name, value in values.items() if name != QUIET.name})

    quiet = Parameter(QUIET.name, Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, QUIET()])
    without_quiet.__signature__ = Signature([*signature(command).parameters.values(), quiet])  # type: ignore[attr-defined]
    without_quiet.__annotations__ = {**command.__annotations__, quiet.name: quiet.annotation}
    return without_quiet
