"""Joins the command groups; turns expected errors into one line and an exit code."""

import gc
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from melange_cloud.cli import gpus, options_to_question, plan, regions, schema, sensitivity, solve
from melange_cloud.cli.completion.command import complete, completion
from melange_cloud.cli.completion.values import option_of_value
from melange_cloud.cli.exit_codes import INTERRUPTED, PIPE_CLOSED
from melange_cloud.cli.help_page import MORE, Look, help_page
from melange_cloud.cli.maintain import commands
from melange_cloud.cli.options import QUIET
from melange_cloud.cli.output import be_quiet, colour, emit, note, warn, width
from melange_cloud.cli.plain_numbers import drop_impossible_sizes, read_plain_numbers
from melange_cloud.cli.prices import price_commands
from melange_cloud.cli.profiles import profile_commands
from melange_cloud.cli.streams import answers, is_terminal, take_stdout
from melange_cloud.cli.workloads import workload_commands
from melange_cloud.errors import BadInput, MelangeError, echoed, one_line
from melange_cloud.inputs.suggestions import closest, did_you_mean
from melange_cloud.settings import unused_variables

FIRST_STEPS = """\
melange-cloud finds the cheapest GPU instances that serve your LLM traffic within its latency target.

  melange-cloud plan --region us-east-1   a first plan, with example traffic
  melange-cloud plan --help               your traffic, latency target, GPUs and prices
  melange-cloud --help                    all commands
"""
"""What the program says when it is called without a command."""

_PLANS, _BASIS = "Plans", "Prices, traffic and profiles"
_PANELS = {
    **dict.fromkeys(("plan", "sensitivity", "gpus", "regions"), _PLANS),
    **dict.fromkeys(("prices", "workloads", "profiles"), _BASIS),
}
"""Command -> its panel in help; MORE where there is none."""

_ELSEWHERE = dict.fromkeys(("--install-completion", "--show-completion"), "use melange-cloud completion.")
"""Options that programs like ours have -> what to use here."""

_SETTINGS_SAID = "melange_cloud.settings"
"""Where a context keeps what is to be said of the settings file."""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Typer brings its own copy of Click from 0.17 on, so that click.UsageError may be another class."""


@contextmanager
def _errors_in_one_line() -> Iterator[None]:
    """Expected errors, wrong usage among them, become a line on stderr and their exit code."""
    try:
        yield
    except UsageError as error:
        raise _refused(error) from None
    except MelangeError as error:
        for line in str(error).split("\n"):
            warn(one_line(f"melange-cloud: {line}"))
        raise typer.Exit(error.exit_code) from error
    except KeyboardInterrupt:
        warn("melange-cloud: interrupted, nothing was written")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader (head, less) has what it wanted.
        raise typer.Exit(PIPE_CLOSED) from None


def _refused(error: Any) -> Exception:
    """What ends the command: help where no command was given, else one line and exit code 2."""
    if type(error).__name__ == "NoArgsIsHelpError":
        warn(FIRST_STEPS if error.ctx.parent is None else error.format_message())
        return typer.Exit(BadInput.exit_code)
    asked = getattr(error.ctx, "command_path", None) or "melange-cloud"
    if type(error).__name__ == "NoSuchOption":
        meant = _ELSEWHERE.get(error.option_name) or did_you_mean(
            closest(error.option_name, _long_options(error.ctx), most=1)
        )
        see = f"{meant} See {asked} --help" if meant else f"see {asked} --help"
        warn(one_line(f"melange-cloud: no option {echoed(error.option_name)}; {see}"))
        return typer.Exit(BadInput.exit_code)
    what = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    warn(one_line(f"melange-cloud: {what}; see {echoed(asked)} --help"))
    return typer.Exit(BadInput.exit_code)


def _long_options(ctx: Any) -> list[str]:
    """The options of a context's command."""
    return [name for option in ctx.command.get_params(ctx) for name in option.opts if name.startswith("--")]


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
        rest: list[str] = super().parse_args(ctx, args)
        ctx.allow_extra_args = takes_more
        if rest and not takes_more and not ctx.resilient_parsing:
            option = option_of_value(self, rest[0])
            meant = f"did you mean {option} {echoed(rest[0])}?" if option else f"see {ctx.command_path} --help"
            raise BadInput(f"unexpected argument {echoed(rest[0])}; {meant}")
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run it."""
        be_quiet(ctx.params.get(QUIET.name, False))
        said = ctx.meta.pop(_SETTINGS_SAID, "")
        if said:
            note(said)
        return super().invoke(ctx)


class CommandGroup(_HelpIsAnAnswer, TyperGroup):
    """Any group of commands."""


class ErrorsInOneLine(CommandGroup):
    """Prints a MelangeError's text on stderr and exits with its code; sits on the group so that tests see it too.

    Wrong usage too is one line, however long and strange the words are that it repeats.
    """

    def make_context(self, *arguments: Any, **more: Any) -> Any:
        """Read the group's own options and find the command."""
        with _errors_in_one_line():
            return super().make_context(*arguments, **more)

    def invoke(self, ctx: Any) -> Any:
        """Read the command's arguments and run it."""
        with _errors_in_one_line():
            return super().invoke(ctx)


app = typer.Typer(
    cls=ErrorsInOneLine,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        emit(f"melange-cloud {version('melange-cloud')}")
        raise typer.Exit


@app.callback()
def melange_cloud(
    ctx: typer.Context,
    _: bool = typer.Option(False, "--version", "-V", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Which GPU instances to rent, and how many of each, to serve LLM traffic in time for the least money.

    melange-cloud plan --region us-east-1

    Exit codes: 0 plan found; 1 expected failure; 2 wrong usage or bad input; 3 no plan can serve this workload;
    5 prices or profiles unavailable; 6 time limit reached without proof.
    """
    drop_impossible_sizes()
    for line in unused_variables(options_to_question.variables()):
        warn(f"melange-cloud: {line}")
    if ctx.invoked_subcommand in ("plan", "sensitivity"):
        ctx.default_map, ctx.meta[_SETTINGS_SAID] = options_to_question.defaults_from_file()


app.command("plan")(plan.plan)
app.command("sensitivity")(sensitivity.sensitivity)
app.command("gpus")(gpus.gpus)
app.command("regions")(regions.regions)
app.command(
    "__complete",
    hidden=True,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "allow_interspersed_args": False,
        "help_option_names": [],
    },
)(complete)
commands.answer_where_they_were(price_commands.app, profile_commands.app)
app.add_typer(price_commands.app, name="prices")
app.add_typer(workload_commands.app, name="workloads")
app.add_typer(profile_commands.app, name="profiles")
app.add_typer(commands.app, name="maintain", hidden=True)
app.command("solve")(solve.solve)
app.command("schema")(schema.schema)
app.command("completion")(completion)
read_plain_numbers(app)


for listed in app.registered_commands:
    listed.rich_help_panel = _PANELS.get(str(listed.name), MORE)
for group in app.registered_groups:
    group.rich_help_panel = _PANELS.get(str(group.name), MORE)


def _use_our_classes(of: typer.Typer) -> None:
    for command in of.registered_commands:
        command.cls = Command
        if command.callback is not None and not command.hidden:
            command.callback = _with_quiet(command.callback)
    for group in of.registered_groups:
        if group.typer_instance is not None:
            group.cls = CommandGroup
            _use_our_classes(group.typer_instance)


def _with_quiet(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command with ``--quiet``, which it does not see."""

    @wraps(command)
    def without_quiet(**values: Any) -> Any:
        return command(**{name: value for name, value in values.items() if name != QUIET.name})

    quiet = Parameter(QUIET.name, Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, QUIET()])
    without_quiet.__signature__ = Signature([*signature(command).parameters.values(), quiet])  # type: ignore[attr-defined]
    without_quiet.__annotations__ = {**command.__annotations__, quiet.name: quiet.annotation}
    return without_quiet


_use_our_classes(app)


def _end_by_signal(number: int, _: Any) -> None:
    # As an exception, so that a solver that runs is ended and its files are removed on the way out.
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command line; ``cli/start.py`` comes before it."""
    take_stdout()
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end_by_signal)
    if not sys.warnoptions:  # what libraries advise their callers is nothing that a user of a command can act on
        warnings.simplefilter("ignore")
    try:
        app()
    finally:
        gc.freeze()  # Python would look through every module for garbage before it ends: half a second after a fetch
