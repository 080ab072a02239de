"""Unpacks what ``parse_json`` read; one invalid part makes the whole document invalid.

For files that no user edits: the price cache, saved measurement runs, reports of other programs. For files that users
edit, ``fields`` collects all faults with their cures.
"""

from typing import Any

from melange_cloud.errors import echoed, shown
from melange_cloud.inputs.numbers import MOST, is_number

_LONGEST_TEXT = 2_000


class UnexpectedPart(ValueError):
    """A part is missing or invalid; the text is a clause."""


def entry(owner: object, name: str) -> Any:
    """The value of a required name of an object."""
    if not isinstance(owner, dict) or name not in owner:
        raise UnexpectedPart(f"has no '{name}'")
    return owner[name]


def entries(value: object, length: int | None = None) -> list[Any]:
    """A list, of this length where one is given."""
    if not isinstance(value, list) or length not in (None, len(value)):
        raise UnexpectedPart(f"{shown(value)} is not a list of {'any length' if length is None else length}")
    return value


def named(value: object) -> dict[str, Any]:
    """An object, all of its names."""
    if not isinstance(value, dict):
        raise UnexpectedPart(f"{shown(value)} is not an object")
    return value


def text_of(value: object) -> str:
    """A text, possibly empty, made safe to print: on one line, cut to 2,000 characters, nothing unprintable."""
    if not isinstance(value, str):
        raise UnexpectedPart(f"{shown(value)} is not a string")
    return echoed(value, _LONGEST_TEXT)


def number_of(value: object, low: float = -MOST, high: float = MOST) -> float:
    """A number in [low, high]."""
    if not is_number(value, low, high):
        raise UnexpectedPart(f"{shown(value)} is not a number from {low:g} to {high:g}")
    return float(value)


def whole_of(value: object, low: int = 0, high: int = int(MOST)) -> int:
    """A whole number in [low, high]."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise UnexpectedPart(f"{shown(value)} is not a whole number from {low} to {high}")
    return value
