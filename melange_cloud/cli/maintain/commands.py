"""``melange-cloud maintain``: what its maintainers do with the shipped data, not listed among the users' commands."""

from collections.abc import Callable
from typing import Any

import typer

from melange_cloud.cli.maintain import build, calibration, renew
from melange_cloud.errors import BadInput

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="For maintainers, in a checkout: renew the shipped prices, and make and prove the shipped profiles.",
    epilog="Example: melange-cloud maintain check",
)
app.command("renew-prices", epilog=renew.EXAMPLE)(renew.renew)
app.command(epilog=calibration.CALIBRATE_EXAMPLE)(calibration.calibrate)
app.command(epilog=build.BUILD_EXAMPLE)(build.build)
app.command(epilog=build.CHECK_EXAMPLE)(build.check)
app.command(epilog=calibration.VALIDATE_EXAMPLE)(calibration.validate)

_ANYTHING: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def answer_where_they_were(prices: typer.Typer, profiles: typer.Typer) -> None:
    """Let the groups ``prices`` and ``profiles``, which had these commands, say where each is now."""
    for group, old, now in (
        (prices, "renew", "renew-prices"),
        *((profiles, name, name) for name in ("calibrate", "build", "check", "validate")),
    ):
        group.command(old, hidden=True, context_settings=_ANYTHING)(_moved(f"melange-cloud maintain {now}"))


def _moved(to: str) -> Callable[[typer.Context], None]:
    def moved(ctx: typer.Context) -> None:
        raise BadInput(f"`{ctx.command_path}` has moved: use `{to}`")

    return moved
