"""Where the ``melange-cloud`` script begins: standard output is kept for the answer before any library is loaded."""

from melange_cloud.cli.streams import take_stdout


def main() -> None:
    """Entry point of the ``melange-cloud`` script."""
    take_stdout()
    from melange_cloud.cli.app import main as run

    run()
