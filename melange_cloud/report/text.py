"""Numbers and outside text as people read them. ``GLUE`` is a space at which no line may break.

Unknown (None, NaN, infinite) is ``-`` everywhere.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from rich.cells import cell_len

from melange_cloud.errors import echoed

GLUE = "\u00a0"
UNKNOWN = "-"
_TOO_LONG_TO_READ = 1e15
_TOO_SMALL_TO_READ = 1e-9
_LONGEST_TEXT = 1000
_OPTION = re.compile(r"(?<!\S)([^\w\s-]*--[a-z][a-z0-9-]*) (?=[^\s-])")
_COMMAND = re.compile(r"`[^`]+`")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|min|h|W|GB|GiB|MiB|GB/s|req/s|requests/s|tokens/s|USD|USD/h|times)(?![\w/]))")
_PIECES = re.compile(r"([0-9]{1,18})|([^0-9]+)")


def clean(text: object) -> str:
    """Text from outside on one line: blanks collapsed, everything unprintable (escapes, surrogates) made visible.

    What is longer than any text of ours is cut.
    """
    return echoed(text, _LONGEST_TEXT)


def known(value: float | None) -> float | None:
    """The value, None if it is not a finite number."""
    return value if value is not None and math.isfinite(value) else None


def number(value: float | None, decimals: int = 0) -> str:
    """With thousands separators; beyond 10^15 in powers of ten."""
    value = known(value)
    if value is None:
        return UNKNOWN
    return f"{value:.3e}" if abs(value) >= _TOO_LONG_TO_READ else f"{value:,.{decimals}f}"


def quantity(value: float | None) -> str:
    """At least four significant digits, no trailing zeros: ``12``, ``0.001``, ``1,155``, ``3.333``."""
    value = known(value)
    if value is None:
        return UNKNOWN
    if value == 0:
        return "0"
    if abs(value) < _TOO_SMALL_TO_READ:
        return f"{value:.3e}"
    text = number(value, max(0, 3 - math.floor(math.log10(abs(value)))))
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def short_rate(value: float | None) -> str:
    """A rate in three significant digits, for narrow columns: ``83.6``, ``0.00333``, ``1,155``."""
    value = known(value)
    if value is None:
        return UNKNOWN
    return number(value) if abs(value) >= 1000 else f"{value:.3g}"


def usd_per_month(value: float | None) -> str:
    """USD per month, without the sign: whole dollars from 10 on, else cents."""
    value = known(value)
    return UNKNOWN if value is None else number(value, 0 if abs(value) >= 10 else 2)


def usd_per_million(value: float | None) -> str:
    """USD per million tokens, without the sign: three significant digits or cents, whichever tells more."""
    value = known(value)
    if value is None:
        return UNKNOWN
    decimals = 2 if value == 0 else max(2, 2 - math.floor(math.log10(abs(value))))
    return number(value, decimals)


def dollars(text: str) -> str:
    """A formatted amount as a sentence has it."""
    return text if text == UNKNOWN else f"${text}"


def percent(fraction: float | None, decimals: int = 0) -> str:
    """A share in percent: ``92 %``; what is above nothing never reads 0 %."""
    fraction = known(fraction)
    if fraction is None:
        return UNKNOWN
    least = 10.0**-decimals
    if 0 < 100 * fraction < least / 2:
        return f"<{number(least, decimals)}{GLUE}%"
    return f"{number(fraction * 100, decimals)}{GLUE}%"


def percents_of_whole(shares: Iterable[float]) -> list[str]:
    """Shares that sum to 1, as whole percents that sum to 100 (the largest remainders are rounded up)."""
    values = [100 * share for share in shares]
    whole = [math.floor(value + 1e-9) for value in values]
    missing = round(sum(values)) - sum(whole)
    by_remainder = sorted(range(len(values)), key=lambda at: (whole[at] - values[at], at))
    for at in by_remainder[: max(0, missing)]:
        whole[at] += 1
    return [
        f"<1{GLUE}%" if count == 0 and value > 0 else f"{number(count)}{GLUE}%"
        for count, value in zip(whole, values, strict=True)
    ]


def amounts_of_whole(amounts: Sequence[float], whole: float, decimals: int = 0) -> list[str]:
    """Amounts rounded so that they sum to the rounded whole, as it is shown: the largest remainders are rounded up."""
    if abs(whole) >= _TOO_LONG_TO_READ or not all(map(math.isfinite, (whole, *amounts))):
        return [number(amount, decimals) for amount in amounts]
    units = [amount * 10**decimals for amount in amounts]
    floors = [math.floor(unit + 1e-9) for unit in units]
    missing = int(f"{whole:.{decimals}f}".replace(".", "")) - sum(floors)
    by_remainder = sorted(range(len(units)), key=lambda at: (floors[at] - units[at], at))
    for at in by_remainder[: max(0, missing)]:
        floors[at] += 1
    return [number(count / 10**decimals, decimals) for count in floors]


def region_title(provider: str, region: str) -> str:
    """``aws us-east-1``."""
    return f"{clean(provider)} {clean(region)}"


def plus_minus(error: float) -> str:
    """A relative error, understated by less than 0.05 percentage points: ``±30 %``."""
    return f"±{math.ceil(round(error * 100, 1))}{GLUE}%"


def error_range(error: float, error_down: float) -> str:
    """Relative errors upward and downward: ``±30 %``, ``-58 to +50 %``, ``none to +80 %``, ``none to 3.2 times``."""
    if error_down < 1 and plus_minus(error) == plus_minus(error_down):
        return plus_minus(error)
    by_factor = error >= 1
    low = "none" if error_down >= 1 else f"-{plus_minus(error_down).removeprefix('±')}"
    high = f"{times(1 + error)}{GLUE}times" if by_factor else f"+{plus_minus(error).removeprefix('±')}"
    low = low if by_factor else low.removesuffix(f"{GLUE}%")
    return f"{low}{GLUE}to{GLUE}{high}"


def times(factor: float) -> str:
    """A factor, never understated: ``3.8``, ``2``, ``105``."""
    if factor < 10:
        return f"{math.ceil(10 * factor - 1e-6) / 10:g}"
    return number(math.ceil(factor - 1e-6))


def own_errors(error: float, error_down: float) -> str:
    """The same after "its" or "whose": ``±30 %``, ``errors (none to +50 %)``."""
    width = error_range(error, error_down)
    return width if width.startswith("±") else f"errors ({width})"


def difference(value: float | None, reference: float | None, decimals: int = 1) -> str:
    """By how much ``value`` is more expensive than ``reference``: ``+7.6 %``, ``-1.9 %``, ``0 %``."""
    value, reference = known(value), known(reference)
    if value is None or not reference:
        return UNKNOWN
    relative = value / reference - 1
    if abs(relative) <= 1e-6:
        return f"0{GLUE}%"
    return f"{'+' if relative > 0 else '-'}{number(abs(relative) * 100, decimals if abs(relative) < 1 else 0)}{GLUE}%"


def fleet(instances: Mapping[str, int]) -> str:
    """``7 g5.2xlarge + 4 g6.2xlarge``; a line may break after a plus only."""
    return f"{GLUE}+ ".join(f"{number(count)}{GLUE}{glued(name)}" for name, count in sorted(instances.items()))


def glued(text: object) -> str:
    """Cleaned text that stays on one line where it fits one."""
    return clean(text).replace(" ", GLUE)


def joined(items: Iterable[str], last: str = "and") -> str:
    """``a, b and c``."""
    *head, tail = items
    return f"{', '.join(head)} {last} {tail}" if head else tail


def once(items: Iterable[str]) -> list[str]:
    """The items in their order, repetitions and empty ones left out."""
    return [item for item in dict.fromkeys(items) if item]


def by_number(text: str) -> list[tuple[int, str]]:
    """A key that sorts 16 before 128: the text in pieces, digits by their value."""
    return [(int(digits or -1), words) for digits, words in _PIECES.findall(text)]


def words(text: str) -> list[str]:
    """The parts between which a line may break.

    Never between an option and its value, a number and its unit, or inside a command in backticks.
    """
    text = _COMMAND.sub(lambda command: command[0].replace(" ", GLUE), text)
    return _OPTION.sub(rf"\1{GLUE}", _UNIT.sub(GLUE, text)).split(" ")


def wrap(text: str, width: int, hang: int = 0) -> list[str]:
    """Lines of at most ``width`` columns, broken at blanks.

    What may not be broken and is longer than a line is broken at its own blanks, and a word without one is folded.
    Lines after the first are indented by ``hang`` columns. At least one line comes back.
    """
    if cell_len(text) <= width and not text.startswith(" "):
        return [text.replace(GLUE, " ").rstrip()]
    lines: list[str] = []
    line, used = "", 0
    room = max(1, width - hang)
    pieces = [piece for word in words(text) for piece in (word.split(GLUE) if cell_len(word) > room else (word,))]
    for word in pieces:
        if line.strip(" ") and used + 1 + cell_len(word) <= width:
            line, used = f"{line} {word}", used + 1 + cell_len(word)
            continue
        if line.strip(" "):
            lines.append(line)
        line = " " * hang if lines else ""
        used = len(line)
        for char in word:
            if used + cell_len(char) > width:
                lines.append(line)
                line, used = " " * hang, hang
            line, used = line + char, used + cell_len(char)
    return [line.replace(GLUE, " ").rstrip() for line in [*lines, line]]


def utc(moment: datetime) -> str:
    """ISO 8601 to the second, with Z; a time without a zone is taken as UTC."""
    aware = moment.astimezone(UTC) if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%SZ")
