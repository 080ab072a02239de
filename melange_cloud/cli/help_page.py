"""The help of a command as one page: what it does, its options in panels, the examples last, where a prompt follows.

On a terminal a panel has a border, elsewhere a heading. A command in an example is never broken within an option: where
it is too long it goes on in the next line after a backslash, so that it can still be copied.
"""

import re
import shlex
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

OPTIONS, OUTPUT, ARGUMENTS = "Options", "Output", "Arguments"
COMMANDS, MORE = "Commands", "More"
"""Panels of options, arguments and commands; OUTPUT and MORE are the last of theirs."""

WIDEST = 100
"""Columns: longer lines are hard to read."""

_LEAST_TEXT = 32
"""Columns of a text next to its option; where there are fewer, texts are below."""

_BOLD, _COLOURED, _PLAIN = "\x1b[1m", "\x1b[1;38;5;30m", "\x1b[0m"  # a teal that is legible on white and on black
_EXAMPLE = re.compile(r"(?:Examples?: *)?(melange-cloud [^;]+(?:; *melange-cloud [^;]+)*)")
_LONGEST_CHOICES = 26
_JOIN = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class Look:
    """How a page may look: columns, whether in colour, whether panels have borders."""

    columns: int
    colour: bool = False
    borders: bool = False

    @property
    def width(self) -> int:
        """Columns of the page."""
        return min(self.columns, WIDEST)

    def strong(self, text: str, style: str = _COLOURED) -> str:
        """The text in colour, where there is colour."""
        return f"{style}{text}{_PLAIN}" if self.colour and text else text


@dataclass(frozen=True, slots=True)
class HelpText:
    """What a command says of itself: paragraphs before and after its options, and commands to try."""

    paragraphs: tuple[str, ...]
    after: tuple[str, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a panel: an option, an argument or a command, the word for its value, and its help."""

    name: str
    word: str
    text: str

    @property
    def label(self) -> str:
        """Name and word."""
        return f"{self.name} {self.word}".strip()


def help_page(command: Any, ctx: Any, look: Look) -> str:
    """The page of a command or of a group of commands.

    Args:
        command: a command of Typer, with ``ctx`` as its context.
    """
    wording = help_text(command.help or "", command.epilog or "")
    lines = [f"{look.strong('Usage:', _BOLD)} {usage(command, ctx)}", ""]
    for paragraph in wording.paragraphs:
        lines += [*_wrapped(paragraph, look.width), ""]
    panels = dict(panels_of(command, ctx))
    widest = max((len(row.label) for rows in panels.values() for row in rows), default=0)
    for title, rows in panels.items():
        lines += _panel(title, rows, widest, look)
    if look.borders and wording.after:
        lines.append("")
    for paragraph in wording.after:
        lines += [*_wrapped(paragraph, look.width), ""]
    if wording.examples:
        lines.append(look.strong("Examples:" if len(wording.examples) > 1 else "Example:", _BOLD))
        for example in wording.examples:
            lines += broken(example, look.width)
    return "\n".join(lines).rstrip("\n") + "\n"


def help_text(help_: str, epilog: str) -> HelpText:
    """What a docstring and an epilog say; an example is a paragraph that begins with the program's name."""
    (before, above), (after, below) = _told(help_), _told(epilog)
    return HelpText(before, after, above + below)


def _told(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(paragraphs, examples) of a text."""
    paragraphs: list[str] = []
    examples: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        joined = " ".join(paragraph.split())
        if found := _EXAMPLE.fullmatch(joined):
            examples += re.split(r"; *(?=melange-cloud )", found[1])
        elif joined and joined not in ("Example:", "Examples:"):
            paragraphs.append(joined)
    return tuple(paragraphs), tuple(examples)


def usage(command: Any, ctx: Any) -> str:
    """How it is called: the arguments and, last, that there are options or commands."""
    words = [ctx.command_path]
    words += (
        argument_word(one) if one.required else f"[{argument_word(one)}]"
        for one in command.get_params(ctx)
        if one.param_type_name == "argument"
    )
    return " ".join([*words, "[OPTIONS]", *(["COMMAND"] if _commands(command) else [])])


def panels_of(command: Any, ctx: Any) -> Iterator[tuple[str, list[Row]]]:
    """(title, lines) of the panels: arguments and commands, then options as they are declared, output last."""
    parameters = [one for one in command.get_params(ctx) if not getattr(one, "hidden", False)]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    if arguments:
        yield ARGUMENTS, [Row(argument_word(one), "", _with_default(one, ctx)) for one in arguments]
    yield from _last(MORE, _grouped((one.rich_help_panel or COMMANDS, command_row(one)) for one in _commands(command)))
    options = [one for one in parameters if one.param_type_name != "argument"]
    options.sort(key=_place)
    yield from _last(OUTPUT, _grouped((panel_of(one, command), option_row(one, ctx)) for one in options))


def panel_of(option: Any, command: Any) -> str:
    """The panel of an option; ``--help`` of a command is with its output, that of a group with its other options."""
    if "--help" in option.opts and not hasattr(command, "commands"):
        return OUTPUT
    return option.rich_help_panel or OPTIONS


def _place(option: Any) -> int:
    """Where it is among the options: the same ones are first and last in every panel of output."""
    if "--output" in option.opts or "--format" in option.opts:
        return -1 if "--output" in option.opts else 0
    last = ("--force", "--quiet", "--version", "--help")
    return next((2 + at for at, name in enumerate(last) if name in option.opts), 1)


def command_row(command: Any) -> Row:
    """A command and what it does: the first sentence of its help."""
    wording = help_text(command.help or "", "").paragraphs
    first = re.split(r"(?<=[.])\s", wording[0])[0] if wording else ""
    return Row(command.name, "", first)


def option_row(option: Any, ctx: Any) -> Row:
    """An option: the short spelling first, other long ones left out."""
    long = [name for name in option.opts if name.startswith("--")]
    short = [name for name in option.opts if not name.startswith("--")]
    return Row(", ".join([*short, *long[:1]]), value_word(option), _with_default(option, ctx))


def value_word(option: Any) -> str:
    """What is to be given, in a plain word: a unit, FILE, NUMBER, the choices; empty for a flag."""
    if option.is_flag or option.count:
        return ""
    if option.metavar:
        return str(option.metavar)
    kind = option.type_descriptor
    if kind.is_choice and kind.choices:
        listed = "|".join(str(getattr(choice, "value", choice)) for choice in kind.choices)
        return listed if len(listed) <= _LONGEST_CHOICES else "NAME"
    return "FILE" if kind.is_path else "TEXT"


def argument_word(argument: Any) -> str:
    """What an argument is called."""
    return str(argument.metavar or argument.name.upper())


def _with_default(parameter: Any, ctx: Any) -> str:
    """The help of an option or argument, with what is required or holds by default."""
    text = parameter.help or ""
    if parameter.required and parameter.param_type_name != "argument":
        return f"{text.removesuffix('.')} [required]."
    default = parameter.get_default(ctx, call=False)
    if not parameter.show_default or default in (None, False, (), []) or "[default: " in text:
        return text
    return f"{text.removesuffix('.')} [default: {getattr(default, 'value', default)}]."


def _commands(command: Any) -> list[Any]:
    return [one for one in getattr(command, "commands", {}).values() if not one.hidden]


def _grouped(rows: Iterable[tuple[str, Row]]) -> Iterator[tuple[str, list[Row]]]:
    by_title: dict[str, list[Row]] = {}
    for title, row in rows:
        by_title.setdefault(title, []).append(row)
    return iter(by_title.items())


def _last(title: str, panels: Iterable[tuple[str, list[Row]]]) -> list[tuple[str, list[Row]]]:
    """The panels as they come, but the one of that title at the end."""
    return sorted(panels, key=lambda panel: panel[0] == title)


def _panel(title: str, rows: list[Row], widest: int, look: Look) -> list[str]:
    """The lines of a panel, and an empty one after it where it has no border.

    Args:
        widest: characters of the longest label of all panels, so that the texts of all begin in one column.
    """
    inside = look.width - 4 if look.borders else look.width - 2
    column = widest if widest + 2 + _LEAST_TEXT <= inside else 0
    lines = [line for row in rows for line in _row(row, column, inside, look)]
    if not look.borders:
        return [look.strong(f"{title}:", _BOLD), *(f"  {line}".rstrip() for line in lines), ""]
    top = f"╭─ {look.strong(title, _BOLD)} {'─' * (look.width - len(title) - 5)}╮"
    return [top, *(f"│ {line}{' ' * (inside - _shown(line))} │" for line in lines), f"╰{'─' * (look.width - 2)}╯"]


def _row(row: Row, column: int, inside: int, look: Look) -> list[str]:
    label = f"{look.strong(row.name)} {row.word}".strip()
    if len(row.label) <= column:
        texts = _wrapped(row.text, inside - column - 2) or [""]
        first = label + " " * (column - len(row.label) + 2) + texts[0]
        return [first, *(" " * (column + 2) + text for text in texts[1:])]
    indent = column + 2 if column else 4
    return [label, *(" " * indent + text for text in _wrapped(row.text, inside - indent))]


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width``; a number stays with its unit, a short default in one line, an option in one piece."""
    joined = re.sub(r"(?<=[0-9]) (?=%|s\b|ms\b|GiB\b|MB\b)", _JOIN, text)
    joined = re.sub(r"\[default: [^]]{1,20}\]", lambda found: found[0].replace(" ", _JOIN), joined)
    lines = textwrap.wrap(joined, width, break_on_hyphens=False)
    return [line.replace(_JOIN, " ") for line in lines]


def _shown(line: str) -> int:
    """Columns that a line takes."""
    return len(re.sub(r"\x1b\[[0-9;]*m", "", line))


def broken(command: str, width: int) -> list[str]:
    """A command in lines of at most ``width`` where it can be, broken before options only."""
    words = _with_values(shlex.split(command, posix=False))
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else f"{lines[-1]}{word}"
        if len(longer) > width - 4 and lines[-1].strip():
            lines.append(f"    {word}")
        else:
            lines[-1] = longer
    return [f"  {line} \\" for line in lines[:-1]] + [f"  {lines[-1]}"]


def _with_values(words: list[str]) -> list[str]:
    """Words of a command in pieces that belong together: the program and its commands, an option with its value."""
    pieces: list[str] = []
    for word in words:
        begins = word.startswith("-") or not pieces
        follows_option = bool(pieces) and pieces[-1].startswith("-") and " " in pieces[-1]
        if begins or follows_option:
            pieces.append(word)
        else:
            pieces[-1] += f" {word}"
    return pieces
