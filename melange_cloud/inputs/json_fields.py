"""The fields of the objects of a JSON file."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from melange_cloud.errors import Fault, echoed
from melange_cloud.inputs.fields import Fields, duplicates
from melange_cloud.inputs.json_and_toml import MalformedText, parse_json


class JsonObject(Fields):
    """The fields of one object; messages repeat values as JSON writes them."""

    def object_at(self, field: str, required: Iterable[str], optional: Iterable[str] = ()) -> "JsonObject | None":
        """An object with its own declared fields; None if the field is absent, null or not an object."""
        value = self.value(field)
        return None if value is None else self.inner(field, value, required, optional)

    def objects_at(self, field: str, required: Iterable[str], optional: Iterable[str]) -> "list[JsonObject | None]":
        """A list of at least one object with declared fields; None in place of an item that is not an object."""
        values = self.value(field)
        if not self.has(field):
            return []
        if not isinstance(values, list) or not values:
            self.fault(field, f"is {json_shown(values)}", "must be a list of at least one object")
            return []
        return [self.inner(f"{field}[{at}]", value, required, optional) for at, value in enumerate(values)]

    def inner(self, place: str, value: object, required: Iterable[str], optional: Iterable[str]) -> "JsonObject | None":
        """A value of this object as an object with declared fields; None, with a fault, if it is not an object."""
        required = tuple(required)
        if not isinstance(value, dict):
            self.fault(place, f"is {json_shown(value)}", f"must be an object with {', '.join(required)}")
            return None
        inner = JsonObject(self.path, value, self.faults, f"{self.place}{place}.", self.line)
        inner.refuse_missing(required)
        inner.refuse_unknown((*required, *optional))
        return inner

    def whole_range(self, field: str, most: int) -> tuple[int, int] | None:
        """A range ``[low, high]`` of whole numbers from 0 to ``most``."""

        def read(value: Any) -> tuple[int, int] | None:
            if not (isinstance(value, list) and len(value) == 2):
                return None
            low, high = (self._whole(edge, 0, most) for edge in value)
            return (low, high) if low is not None and high is not None and low < high else None

        return self._take(field, read, f"[low, high], whole numbers, 0 <= low < high <= {most:,}")

    def numbers_or_nulls(self, field: str) -> tuple[float | None, ...]:
        """A list of numbers of 0 or more, and nulls; empty if the field is absent, null or wrong."""
        values = self.value(field)
        if values is None:
            return ()
        if not isinstance(values, list):
            self.fault(field, f"is {json_shown(values)}", "must be a list of numbers and nulls")
            return ()
        for position, value in enumerate(values):
            if value is not None and self._number(value, 0, 1e15) is None:
                what = f"is {json_shown(value)}"
                self.fault(f"{field}[{position}]", what, "must be a number of 0 or more, or null")
                return ()
        return tuple(values)

    def _shown(self, value: object) -> str:
        return json_shown(value)


def json_object(text: str, path: Path | str, faults: list[Fault]) -> JsonObject | None:
    """The object that a JSON text holds, with its numbers unchecked; None, with a fault, if it holds no object."""
    try:
        document = parse_json(text, pairs=without_duplicates, non_finite=True)
    except MalformedText as error:
        faults.append(Fault(path, str(error), line=error.line))
        return None
    if not isinstance(document, dict):
        faults.append(Fault(path, "must be one JSON object, in braces"))
        return None
    return JsonObject(path, document, faults)


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of its (key, value) pairs, for ``parse_json``.

    Raises:
        MalformedText: a key appears more than once.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
        raise MalformedText(f"has a {duplicates('field', repeated[:3])} in one object: keep one")
    return found


def json_shown(value: object) -> str:
    """A value as JSON, short enough for a message."""
    return echoed(json.dumps(value))
