"""Reads counts of requests as written by tools and their wrappers: numbers, texts, lists, or kinds with counts."""

from collections.abc import Mapping
from typing import Any

from melange_cloud.inputs import NotANumber, is_number, parse_whole


def whole(text: str) -> int | None:
    """A count, possibly written as a text such as "100"; None if it is not a count."""
    try:
        return parse_whole(text)
    except NotANumber:
        return None


def counted(found: Any) -> int:
    """The number of failures in a value: a count, a list with one entry per failure or kind, or kinds with counts.

    An entry with a ``count`` counts that many times, any other entry once.
    """
    if isinstance(found, str) and (number := whole(found)) is not None:
        return number
    if isinstance(found, int | float) and not isinstance(found, bool):
        return int(found) if is_number(found, 0) else 1
    if isinstance(found, Mapping):
        if found.get("count") is not None:
            return max(1, counted(found["count"]))
        return sum(counted(entry) for entry in found.values())
    if isinstance(found, list):
        return sum(max(1, counted(entry)) if isinstance(entry, Mapping) else 1 for entry in found)
    return 1 if found else 0
