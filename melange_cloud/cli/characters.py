"""Text in the characters that a stream can take: nothing that a terminal obeys, nothing that an encoding does not have.

A result never fails for a typographic sign: under LANG=C or PYTHONIOENCODING=cp437 it has other characters.
"""

import codecs
import re
import unicodedata
from collections.abc import Callable

_LEVELS = "▁▂▃▄▅▆▇█"
_SHADES = "░▒▓"
_INSTEAD = {
    **dict(zip(_LEVELS, "_.-:=+*#", strict=True)),
    **dict(zip(_SHADES, ".:+", strict=True)),
    "±": "+/-",
    "×": "x",
    "·": "-",
    "•": "-",
    "…": "...",
    "→": "->",
    "←": "<-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    **dict.fromkeys("–—−─‐‑", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’′", "'"),
    "│": "|",
    **dict.fromkeys("╭╮╰╯", "+"),
    "━": "=",
    "µ": "u",
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
}
"""What replaces a sign that the encoding does not have; blocks keep their width, so that pictures keep theirs."""

_COLOUR = r"\x1b\[[0-9;]*m"
# C0 and C1 but tab and newline, line and paragraph separators, and what turns the direction of writing.
_OBEYED = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
_TEXT = re.compile(_OBEYED)
_COLOURED = re.compile(f"({_COLOUR})|{_OBEYED}")
_NOT_PLAIN = re.compile(r"[^\n\r\t -~]")


def harmless(text: str, *, coloured: bool = False) -> str:
    """The text without control characters (newlines and tabs stay), each made visible as U+FFFD.

    Args:
        coloured: sequences that set a colour stay.
    """
    if coloured:
        return _COLOURED.sub(lambda found: found[1] or "\ufffd", text)
    return _TEXT.sub("\ufffd", text)


def harmless_json(text: str, encoding: str | None) -> str:
    r"""JSON in which what a terminal obeys is an escape (``\u2026``), and in other encodings all beyond ASCII.

    JSON is UTF-8: the bytes of another encoding would be no JSON, whether it has the character or not. The document
    stays the same, since beyond ASCII JSON has characters in strings only.
    """
    is_utf_8 = _codec(encoding) == "utf-8"
    return _NOT_PLAIN.sub(lambda found: found[0] if found[0].isprintable() and is_utf_8 else _escape(found[0]), text)


def fitting(text: str, encoding: str | None) -> str:
    """The text in characters that ``encoding`` has, similar ones for those that it does not have.

    Blocks are replaced all together: where an encoding has some heights of a bar only, the others would read wrong.

    Args:
        text: anything but JSON.
        encoding: a codec's name; None is UTF-8.
    """
    has = _has(encoding)
    if has(text):
        return text
    blocks = () if has(_LEVELS + _SHADES) else _LEVELS + _SHADES
    return "".join(char if char not in blocks and has(char) else _instead(char, has) for char in text)


def _codec(encoding: str | None) -> str:
    """The one name of a codec; an unknown one is taken for UTF-8."""
    try:
        return codecs.lookup(encoding or "utf-8").name
    except LookupError:
        return "utf-8"


def _has(encoding: str | None) -> Callable[[str], bool]:
    """Whether an encoding has all characters of a text."""
    codec = _codec(encoding)

    def has(text: str) -> bool:
        try:
            text.encode(codec)
        except UnicodeEncodeError:
            return False
        return True

    return has


def _instead(char: str, has: Callable[[str], bool]) -> str:
    if char in _INSTEAD:
        return _INSTEAD[char]
    # The letter without its accents, the plain form of a wide or ligated one.
    plain = "".join(part for part in unicodedata.normalize("NFKD", char) if not unicodedata.combining(part))
    if plain and plain != char:
        return "".join(part if has(part) else _INSTEAD.get(part, "?") for part in plain)
    return "\ufffd" if has("\ufffd") else "?"


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
