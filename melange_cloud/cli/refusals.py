"""Errors in one line with the cure and an exit code: expected ones, and words that no command or option has."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from melange_cloud.cli.completion.values import option_of_value
from melange_cloud.cli.exit_codes import INTERRUPTED, PIPE_CLOSED
from melange_cloud.cli.output import warn
from melange_cloud.errors import BadInput, MelangeError, echoed, one_line
from melange_cloud.inputs.suggestions import closest, did_you_mean, slips_of

FIRST_STEPS = """\
melange-cloud finds the cheapest GPU instances that serve your LLM traffic within its latency target.

  melange-cloud plan --region us-east-1   a first plan, with example traffic
  melange-cloud plan --help               your traffic, latency target, GPUs and prices
  melange-cloud --help                    all commands
"""
"""What the program says when it is called without a command."""

_ELSEWHERE = dict.fromkeys(("--install-completion", "--show-completion"), "use melange-cloud completion.")
"""Options that programs like ours have -> what to use here."""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Typer brings its own copy of Click from 0.17 on, so that click.UsageError may be another class."""


@contextmanager
def errors_in_one_line() -> Iterator[None]:
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
        meant = (
            _ELSEWHERE.get(error.option_name)
            or did_you_mean(_with_option(error.ctx, error.option_name))
            or did_you_mean(_close_options(error.option_name, error.ctx))
        )
        warn(one_line(f"melange-cloud: no option {echoed(error.option_name)}; {_way_on(meant, asked)}"))
        return typer.Exit(BadInput.exit_code)
    # A list of all documents in quotes would not fit the line.
    what = error.format_message().replace("Value error, ", "").replace("', '", ", ")
    what = " ".join(what.split()).rstrip(".")
    warn(one_line(f"melange-cloud: {what}; see {echoed(asked)} --help"))
    return typer.Exit(BadInput.exit_code)


def _close_options(typed: str, ctx: Any) -> list[str]:
    """The options of a context's command that begin as typed; else the one that it is a slip of, if any."""
    options = [one for one in ctx.command.get_params(ctx) if one.param_type_name != "argument"]
    known = [next((name for name in one.opts if name.startswith("--")), "") for one in options]
    begun = [name for name in known if name.startswith(typed)][:3]
    # Without the dashes, which every option has and which would make each word a long one.
    slips = slips_of(typed.lstrip("-"), (name.lstrip("-") for name in known if name), most=1)
    return begun or [f"--{name}" for name in slips]


def _with_option(ctx: Any, option: str) -> list[str]:
    """The first command of a group that has an option which was given before any command, with the option."""
    commands = getattr(ctx.command, "commands", {}).items()
    having = (
        name
        for name, command in commands
        if not command.hidden and any(option in parameter.opts for parameter in command.params)
    )
    return [f"{ctx.command_path} {name} {option}" for name in having][:1]


def _paths_to(name: str, group: Any) -> list[str]:
    """The commands of that name in the groups of a group: ``profiles estimate``."""
    return [
        f"{one} {name}"
        for one, below in group.commands.items()
        if not below.hidden and name in getattr(below, "commands", {}) and not below.commands[name].hidden
    ]


def unknown_command(group: Any, ctx: Any, name: str) -> BadInput:
    """The refusal of a command that a group does not have, with what may be meant, also of a group below."""
    known = [one for one, command in group.commands.items() if not command.hidden]
    below = [f"{ctx.command_path} {path}" for path in _paths_to(name, group)]
    meant = did_you_mean(below or closest(name, known, most=1))
    return BadInput(one_line(f"no command {echoed(name)}; {_way_on(meant, ctx.command_path)}"))


def unexpected_argument(command: Any, ctx: Any, word: str) -> BadInput:
    """The refusal of a word too many, with the option that takes such a word, if one is known to."""
    option = option_of_value(command, word)
    meant = f"did you mean {option} {echoed(word)}?" if option else f"see {ctx.command_path} --help"
    return BadInput(one_line(f"unexpected argument {echoed(word)}; {meant}"))


def _way_on(meant: str, asked: str) -> str:
    """What may be meant, a sentence or empty, and where help is."""
    return f"{meant} See {asked} --help" if meant else f"see {asked} --help"
