"""Fields of a parsed JSON file, taken out one by one while all that is wrong is collected."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from melange_cloud.errors import Fault, echoed
from melange_cloud.inputs import MalformedText, is_number, parse_json


def shown(value: object) -> str:
    """A value as JSON, short enough for a message."""
    return echoed(json.dumps(value))


class FieldChecker:
    """Takes values out of a parsed file and collects what is wrong with them in ``faults``.

    The methods that take ``owner`` (an object of the file), ``key`` and ``where`` (the path of the owner, with its dot)
    return None where the field is absent or wrong; ``known_fields`` is what reports absent ones.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.faults: list[Fault] = []

    def fault(self, field: str, message: str) -> None:
        """Adds a fault at a field path such as ``buckets[3].share``."""
        self.faults.append(Fault(self.path, message, field=field))

    def document(self, text: str) -> dict[str, object] | None:
        """The JSON object that a text holds, None where it holds none. A field that stands twice is a fault."""

        def without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
            fields = dict(pairs)
            if len(fields) < len(pairs):
                counts = Counter(key for key, _ in pairs)
                twice = [echoed(key) for key in sorted(counts) if counts[key] > 1]
                self.faults.append(Fault(self.path, f"{', '.join(twice)} stands twice in one object: keep one"))
            return fields

        try:
            document = parse_json(text, pairs=without_repeats, non_finite=True)
        except MalformedText as error:
            self.faults.append(Fault(self.path, str(error), line=error.line))
            return None
        if not isinstance(document, dict):
            self.faults.append(Fault(self.path, "must be one JSON object, in braces"))
            return None
        return document

    def known_fields(
        self, owner: dict[str, object], where: str, required: Iterable[str], optional: Iterable[str]
    ) -> None:
        """Faults each required field that is absent, and each field that is not known."""
        known = (*required, *optional)
        for key in required:
            if key not in owner:
                self.fault(f"{where}{key}", "is missing: add it")
        for key in owner:
            if key not in known:
                self.fault(f"{where}{key}", f"is not a field here; the fields are {', '.join(known)}")

    def text(self, owner: dict[str, object], key: str) -> str:
        """A text that is not empty; the empty one where absent or wrong."""
        value = owner.get(key, "-")
        if isinstance(value, str) and value.strip():
            return value
        self.fault(key, f"is {shown(value)}: must be a text that is not empty")
        return ""

    def number(self, owner: dict[str, object], key: str, where: str, low: float, high: float) -> float | None:
        """A number from low to high, so a finite one."""
        if key not in owner:
            return None
        value = owner[key]
        if is_number(value, low, high):
            return float(value)
        self.fault(f"{where}{key}", f"is {shown(value)}: must be a number from {low:,} to {high:,}")
        return None

    def whole(self, owner: dict[str, object], key: str, where: str, low: int, high: int = 10**15) -> int | None:
        """A whole number from low to high."""
        if key not in owner:
            return None
        value = owner[key]
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(f"{where}{key}", f"is {shown(value)}: must be a whole number from {low:,} to {high:,}")
        return None

    def whole_range(self, owner: dict[str, object], key: str, where: str, most: int) -> tuple[int, int] | None:
        """A range ``[low, high]`` of whole numbers from 0 to ``most``."""
        if key not in owner:
            return None
        value = owner[key]
        if isinstance(value, list) and len(value) == 2:
            low, high = value
            whole = all(isinstance(edge, int) and not isinstance(edge, bool) for edge in value)
            if whole and 0 <= low < high <= most:
                return low, high
        self.fault(
            f"{where}{key}",
            f"is {shown(value)}: must be [low, high], whole numbers, 0 <= low < high <= {most:,}",
        )
        return None
