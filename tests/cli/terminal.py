"""Runs the program in a real process whose stderr is a terminal."""

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

MAIN = "from melange_cloud.cli.start import main; main()"


def seen_at_a_terminal(*arguments: str, folder: Path, interrupt_at: str = "", kind: str = "xterm") -> tuple[int, str]:
    """The exit code, and all that the terminal got.

    Args:
        interrupt_at: once the terminal has this, Ctrl-C is sent.
        kind: what TERM says.
    """
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": kind, "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=theirs, cwd=folder, env=environment,
    )  # fmt: skip
    os.close(theirs)
    seen = ""
    while True:
        try:
            part = os.read(ours, 65536).decode("utf-8", "replace")
        except OSError:  # the end, on Linux
            break
        if not part:
            break
        seen += part
        if interrupt_at and interrupt_at in seen:
            process.send_signal(signal.SIGINT)
            interrupt_at = ""
    os.close(ours)
    return process.wait(), seen
