"""Where the ``melange-cloud`` script begins: standard output is kept for the answer before any library is loaded."""

import sys

from melange_cloud.cli.exit_codes import INTERRUPTED
from melange_cloud.cli.streams import take_stdout


def main() -> None:
    """Entry point of the ``melange-cloud`` script."""
    take_stdout()
    try:
        from melange_cloud.cli.app import main as run
    except KeyboardInterrupt:  # Ctrl-C while modules are loaded
        sys.exit(INTERRUPTED)
    run()
