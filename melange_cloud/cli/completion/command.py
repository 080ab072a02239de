"""``melange-cloud completion``: prints the script that a shell loads; ``__complete`` answers it."""

import contextlib
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from melange_cloud.cli.options import OUT, Force
from melange_cloud.cli.output import emit
from melange_cloud.cli.result_file import ResultFile, refuse_existing, refuse_unwritable
from melange_cloud.errors import BadInput


class Shell(StrEnum):
    """A shell whose completion we know."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[
        Shell | None, typer.Argument(help="bash, zsh or fish [default: that of $SHELL].", metavar="SHELL")
    ] = None,
    out: Annotated[Path | None, OUT("Write to this file; its folder is made.")] = None,
    force: Force = False,
) -> None:
    """Complete commands, options and values in your shell.

    Prints the script that your shell has to load.

    Values are regions, models, GPUs, workloads and more, as installed: completing never asks a cloud.

    Load it in the shell that is open with: source <(melange-cloud completion bash)

    To keep it, write it to where your shell looks. bash with the package bash-completion:
    ~/.local/share/bash-completion/completions/melange-cloud (without it, put the line above into ~/.bashrc).
    zsh: a file _melange-cloud in a folder of $fpath, before compinit runs. fish:
    ~/.config/fish/completions/melange-cloud.fish

    Examples:

    melange-cloud completion bash

    melange-cloud completion fish -o ~/.config/fish/completions/melange-cloud.fish
    """
    from melange_cloud.cli.completion.scripts import OF_SHELL

    chosen = shell or _of_user()
    if out is not None:
        refuse_existing(out, force=force)
        with contextlib.suppress(OSError):  # the folders where shells look are often not there yet
            out.parent.mkdir(parents=True, exist_ok=True)
        refuse_unwritable(out)
    emit(OF_SHELL[chosen.value], ResultFile("table", out))


def complete(ctx: typer.Context, shell: Shell) -> None:
    """Print what may come next, for the script of a shell.

    bash hands over its word breaks and the line up to the cursor, the others the words after the program's name.
    """
    from melange_cloud.cli.completion.candidates import candidates, words_of
    from melange_cloud.cli.completion.scripts import for_bash, with_meanings

    root = ctx.find_root().command
    if shell is Shell.BASH:
        breaks, line = (*ctx.args, "", "")[:2]
        words = words_of(line)[1:]
        emit(for_bash(candidates(root, words), words[-1] if words else "", breaks))
    else:
        emit(with_meanings(candidates(root, ctx.args)))


def _of_user() -> Shell:
    name = Path(os.environ.get("SHELL", "")).name
    if name not in list(Shell):
        raise BadInput("name your shell: melange-cloud completion bash, zsh or fish")
    return Shell(name)
