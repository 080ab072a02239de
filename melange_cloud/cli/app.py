"""Joins the command groups, and runs them."""

import gc
import signal
import sys
import warnings
from typing import Annotated

import typer

from melange_cloud.cli import gpus, options_to_question, plan, regions, schema, sensitivity, solve
from melange_cloud.cli.command_classes import SETTINGS_SAID, ErrorsInOneLine, use_our_classes
from melange_cloud.cli.completion.command import complete, completion
from melange_cloud.cli.help_page import MORE
from melange_cloud.cli.maintain import commands
from melange_cloud.cli.options import QUIET
from melange_cloud.cli.output import be_quiet, emit, warn
from melange_cloud.cli.plain_numbers import drop_impossible_sizes, read_plain_numbers, take_words_in_any_case
from melange_cloud.cli.prices import price_commands
from melange_cloud.cli.profiles import profile_commands
from melange_cloud.cli.streams import take_stdout
from melange_cloud.cli.workloads import workload_commands
from melange_cloud.settings import unused_variables

_PLANS, _BASIS = "Plans", "Prices, traffic and profiles"
_PANELS = {
    **dict.fromkeys(("plan", "sensitivity", "gpus", "regions"), _PLANS),
    **dict.fromkeys(("prices", "workloads", "profiles"), _BASIS),
}
"""Command -> its panel in help; MORE where there is none."""

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


@app.callback(
    epilog="Exit codes: 0 plan found; 1 expected failure; 2 wrong usage or bad input; 3 no plan can serve this "
    "workload; 5 prices or profiles unavailable; 6 time limit reached without proof."
)
def melange_cloud(
    ctx: typer.Context,
    quiet: Annotated[bool, QUIET(rich_help_panel=None)] = False,
    _: bool = typer.Option(False, "--version", "-V", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Which GPU instances to rent, and how many of each, to serve LLM traffic in time for the least money.

    melange-cloud plan --region us-east-1
    """
    be_quiet(quiet)
    drop_impossible_sizes()
    for line in unused_variables(options_to_question.variables()):
        warn(f"melange-cloud: {line}")
    if ctx.invoked_subcommand in ("plan", "sensitivity"):
        ctx.default_map, ctx.meta[SETTINGS_SAID] = options_to_question.defaults_from_file()


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
take_words_in_any_case(app)


for listed in app.registered_commands:
    listed.rich_help_panel = _PANELS.get(str(listed.name), MORE)
for group in app.registered_groups:
    group.rich_help_panel = _PANELS.get(str(group.name), MORE)


use_our_classes(app)


def _end_by_signal(number: int, _: object) -> None:
    # As an exception, so that a solver that runs is ended and its files are removed on the way out.
    raise SystemExit(128 + number)


def main() -> None:
    """Run the command line; ``cli/start.py`` comes before it."""
    take_stdout()
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end_by_signal)
    if not sys.warnoptions:  # users of a command cannot act on warnings that libraries give to their callers
        warnings.simplefilter("ignore")
    try:
        app()
    finally:
        gc.freeze()  # Python would look through every module for garbage before it ends: half a second after a fetch
