"""What may follow the words of a command line: a command, an option, or a value."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from melange_cloud.cli.completion.values import takes_files, values_of, values_with_colon
from melange_cloud.cli.help_page import command_row, help_text


@dataclass(frozen=True, slots=True)
class Candidate:
    """A word that may come next, and what it means; empty where the word says it."""

    word: str
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may come next: words, and whether files may come too."""

    words: tuple[Candidate, ...] = ()
    files: bool = False

    @property
    def go_on(self) -> bool:
        """Whether every word wants more behind it without a blank: ``H100=``."""
        return bool(self.words) and all(candidate.word.endswith("=") for candidate in self.words)


def words_of(line: str) -> list[str]:
    """The words of a command line up to the cursor, as a shell splits them; the last is the one that is being typed.

    A quote that is still open is left out.
    """
    for end in ("", "'", '"'):
        try:
            words = shlex.split(line + end)
        except ValueError:
            continue
        return words if end or (line and not line[-1].isspace()) else [*words, ""]
    return [*line.split(), ""]


def candidates(root: Any, words: Sequence[str]) -> Candidates:
    """What may come instead of the last of ``words``.

    Args:
        root: the program's group of commands, of Typer.
        words: those after the program's name.
    """
    *before, typed = words or [""]
    command, pending, positional, plain = root, None, 0, False
    used: set[str] = set()
    for word in before:
        if pending is not None:
            pending = None
        elif word == "--" and not plain:
            plain = True
        elif word.startswith("-") and not plain:
            name, equals, _ = word.partition("=")
            used.add(name)
            option = _option(command, name)
            pending = option if option is not None and not equals and not _is_flag(option) else None
        elif _commands(command):
            if word not in _commands(command):
                return Candidates()
            command, used = _commands(command)[word], set()
        else:
            positional += 1
    if pending is not None:
        return _values(pending, typed, "")
    if typed.startswith("--") and "=" in typed and not plain:
        name, _, value = typed.partition("=")
        option = _option(command, name)
        return Candidates() if option is None or _is_flag(option) else _values(option, value, f"{name}=")
    if typed.startswith("-") and not plain:
        return _starting(typed, _options(command, used))
    if _commands(command):
        rows = (command_row(one) for one in _commands(command).values() if not one.hidden)
        return _starting(typed, (Candidate(row.name, row.text) for row in rows))
    argument = _argument(command, positional)
    if argument is not None:
        return _values(argument, typed, "")
    return Candidates() if plain else _starting(typed, _options(command, used))


def _values(parameter: Any, typed: str, prefix: str) -> Candidates:
    """Values that begin as typed; of a list with commas, where the option takes one, its last part."""
    takes_lists = parameter.multiple and not parameter.type_descriptor.is_choice
    listed, comma, last = typed.rpartition(",") if takes_lists else ("", "", typed)
    head = f"{prefix}{listed}{comma}"
    known = [*values_of(parameter), *(values_with_colon(parameter) if ":" in last else ())]
    words = (value for value in known if value.lower().startswith(last.lower()))
    return Candidates(tuple(Candidate(head + word) for word in words), files=takes_files(parameter))


def _starting(typed: str, those: Iterable[Candidate]) -> Candidates:
    return Candidates(tuple(one for one in those if one.word.startswith(typed)))


def _commands(command: Any) -> dict[str, Any]:
    found: dict[str, Any] = getattr(command, "commands", {})
    return found


def _is_flag(option: Any) -> bool:
    return bool(option.is_flag or option.count)


def _option(command: Any, name: str) -> Any:
    options = (one for one in command.params if one.param_type_name != "argument")
    return next((one for one in options if name in one.opts), None)


def _options(command: Any, used: set[str]) -> Iterable[Candidate]:
    """The options by their long names, those that are given already left out unless they may be repeated."""
    for option in command.params:
        if option.param_type_name == "argument" or option.hidden:
            continue
        if not option.multiple and not used.isdisjoint(option.opts):
            continue
        name = next(one for one in option.opts if one.startswith("--"))
        yield Candidate(name, " ".join(help_text(option.help or "", "").paragraphs[:1]))
    yield Candidate("--help", "Show this help.")


def _argument(command: Any, position: int) -> Any:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    if position < len(arguments):
        return arguments[position]
    return arguments[-1] if arguments and arguments[-1].nargs == -1 else None
