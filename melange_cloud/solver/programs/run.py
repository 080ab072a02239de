"""Runs one solver on one model and returns how it ended; the model's variables get the values.

Pyomo writes the model as an LP file, which all three solvers read. GLPK and CBC are started here and not by Pyomo: its
interfaces treat a killed program as one that answered, and print to stdout if an answer is invalid.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import Any, TextIO

from melange_cloud.domain import Status
from melange_cloud.errors import SolverFailed
from melange_cloud.solver.programs.find import SolverProgram
from melange_cloud.solver.programs.highs import run_highs
from melange_cloud.solver.programs.solver_output import SolverOutcome, UnusableOutput, read_cbc, read_glpk

GRACE_S = 2
"""Seconds that a program may run beyond its time limit before it is killed."""


def write_lp(model: Any, stream: TextIO, symbolic: bool = False) -> dict[str, Any]:
    """Write ``model`` as an LP file; return its variables by their names in it."""
    from pyomo.core.base.var import VarData
    from pyomo.repn.plugins.lp_writer import LPWriter

    written = LPWriter().write(model, stream, symbolic_solver_labels=symbolic)
    return {name: part for name, part in written.symbol_map.bySymbol.items() if isinstance(part, VarData)}


def run(program: SolverProgram, model: Any, time_limit_s: int | None = None) -> SolverOutcome:
    """Solve ``model`` with all gaps 0.

    Args:
        program: the solver.
        model: its variables get the values, if the solver found any.
        time_limit_s: whole seconds, at least 1; None for no limit.

    Raises:
        SolverFailed: the program cannot be started, was killed, failed, or gave an invalid answer.
    """
    with tempfile.TemporaryDirectory(prefix="melange-cloud-") as folder:
        lp = Path(folder) / "model.lp"
        with lp.open("w", encoding="ascii") as stream:
            variables = write_lp(model, stream)
        try:
            if program.executable is None:
                ending = run_highs(lp, time_limit_s)
            elif program.solver == "glpk":
                ending = _run_glpk(program, lp, time_limit_s)
            else:
                ending = _run_cbc(program, lp, time_limit_s)
            if ending.status.has_fleet:
                for name, variable in variables.items():
                    if name not in ending.values:
                        raise UnusableOutput("variables are missing in its answer")
                    if not isfinite(ending.values[name]):
                        raise UnusableOutput(f"{ending.values[name]} in its answer is not a number")
                    variable.set_value(ending.values[name], skip_validation=True)
        except UnusableOutput as nonsense:
            raise failure(program, str(nonsense)) from None
    return ending


def failure(program: SolverProgram, happened: str) -> SolverFailed:
    """The error with what happened to ``program``, and the cure."""
    where = "" if program.executable is None else f" ({program.executable})"
    return SolverFailed(f"{program.solver}{where} failed: {happened}; {program.cure}")


def _run_glpk(program: SolverProgram, lp: Path, time_limit_s: int | None) -> SolverOutcome:
    columns, answer = lp.with_name("columns.glp"), lp.with_name("answer.txt")
    options = ["--lp", str(lp), "--mipgap", "0", "--wglp", str(columns), "--write", str(answer)]
    if time_limit_s is not None:
        options += ["--tmlim", str(time_limit_s)]
    log = _run_program(program, options, lp.parent, time_limit_s)
    return SolverOutcome(Status.UNKNOWN) if log is None else read_glpk(log, columns, answer)


def _run_cbc(program: SolverProgram, lp: Path, time_limit_s: int | None) -> SolverOutcome:
    answer = lp.with_name("answer.txt")
    options = [str(lp), "-ratioGap", "0", "-allowableGap", "0"]
    if time_limit_s is not None:
        options += ["-sec", str(time_limit_s), "-timeMode", "elapsed"]
    options += ["-printingOptions", "all", "-solve", "-solu", str(answer)]
    log = _run_program(program, options, lp.parent, time_limit_s)
    return SolverOutcome(Status.UNKNOWN) if log is None else read_cbc(log, answer)


def _run_program(program: SolverProgram, options: list[str], folder: Path, time_limit_s: int | None) -> str | None:
    """The program's output; None if it ran out of time. No process that it started is left behind."""
    log = folder / "log.txt"
    process: subprocess.Popen[bytes] | None = None
    with log.open("wb") as output:
        try:
            with _signals_held_back():
                try:
                    # Its own process group, so that its child processes can be ended with it.
                    process = subprocess.Popen(
                        [str(program.executable), *options],
                        cwd=folder,
                        env=program.environment(),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        process_group=0,
                    )
                except OSError as error:
                    raise failure(program, f"it cannot be started ({error.strerror})") from None
            _wait(process, None if time_limit_s is None else time_limit_s + GRACE_S)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process is not None:
                _end(process)
    text = log.read_text(encoding="utf-8", errors="replace")
    if process.returncode < 0:
        raise failure(program, f"it was killed by {signal.Signals(-process.returncode).name}")
    if process.returncode > 0:
        last = text.strip().splitlines()[-1:]
        raise failure(
            program, f"it ended with exit code {process.returncode}" + (f" ({last[0][:160]})" if last else "")
        )
    return text


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Delay signals until after the block, since one in the middle of Popen would leave its process running."""
    arrived: list[int] = []
    handlers = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
            if callable(handler := signal.getsignal(number)):
                handlers[number] = handler
                signal.signal(number, lambda which, _: arrived.append(which))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for which in arrived:
            signal.raise_signal(which)


def _wait(process: "subprocess.Popen[bytes]", timeout_s: float | None) -> None:
    """Wait for a process to end; the growing intervals of ``Popen.wait`` are as long as a small solve itself.

    Raises:
        subprocess.TimeoutExpired: it is still running.
    """
    if sys.platform == "linux":
        ended = os.pidfd_open(process.pid)
        try:
            select.select([ended], [], [], timeout_s)
        finally:
            os.close(ended)
        timeout_s = None if process.poll() is not None else 0
    process.wait(timeout_s)


def _end(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
