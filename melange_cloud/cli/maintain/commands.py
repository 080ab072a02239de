"""The maintainers' commands, which are listed among the users': ``prices renew``, ``profiles calibrate``."""

import typer

from melange_cloud.cli.maintain import build, calibration, renew


def add_to(prices: typer.Typer, profiles: typer.Typer) -> None:
    """Add them to the groups ``prices`` and ``profiles``."""
    prices.command("renew", epilog="Example: melange-cloud prices renew --output renewed-pricing")(renew.renew)
    profiles.command(epilog=build.BUILD_EXAMPLE)(build.build)
    profiles.command(epilog=build.CHECK_EXAMPLE)(build.check)
    profiles.command(epilog=calibration.CALIBRATE_EXAMPLE)(calibration.calibrate)
    profiles.command(epilog=calibration.VALIDATE_EXAMPLE)(calibration.validate)
