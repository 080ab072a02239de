"""What distinguishes the requests of a log: columns requested with ``--where``, the model, and whether it failed."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from melange_cloud.workload.traces.clock import number_of
from melange_cloud.workload.traces.columns import LabelColumn
from melange_cloud.workload.traces.usage_names import FAILED_WORDS

MOST_VALUES = 1_000
"""Different values of a column that are counted; a log with more models than that has none."""

GUARDED = ("requests", "cache")
"""Roles of columns that make a log unfit where they have numbers above 1."""

_OTHERS = "(others)"
_NO_ERROR = frozenset({"", "null", "none", "nil", "false", "0", "ok", "{}", "[]", "nan", "-"})


@dataclass(slots=True)
class LabelCounts:
    """How often each value comes, over all files.

    Attributes:
        seen: (role, column) -> value -> rows, before ``--where``; None is "no value".
        models: column -> model -> requests, of those that count.
        above_one: (role, column) -> rows that have a number above 1 in a column of that role, where none may.
        failed: requests that count although their status, or error, says that they failed; by column.
    """

    seen: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    models: dict[str, Counter[str]] = field(default_factory=dict)
    above_one: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def wanted(self, labels: Sequence[LabelColumn], columns: Sequence[Sequence[str | None]]) -> list[bool] | None:
        """Which rows ``--where`` asks for; None if it asks for all."""
        keep: list[bool] | None = None
        for label, values in zip(labels, columns, strict=True):
            if label.role != "where":
                continue
            self._see(label, values)
            if label.wanted is not None:
                of_this = [value in label.wanted for value in values]
                keep = of_this if keep is None else [one and other for one, other in zip(keep, of_this, strict=True)]
        return keep

    def count(self, labels: Sequence[LabelColumn], columns: Sequence[Sequence[str | None]]) -> None:
        """Counts models and failures of rows that are kept."""
        for label, values in zip(labels, columns, strict=True):
            if label.role == "model":
                _count(self.models.setdefault(label.column, Counter()), values)
            elif label.role in GUARDED:
                self.above_one[label.role, label.column] += sum(map(_is_above_one, values))
            elif label.role in ("status", "error"):
                has_failed = failed_by_status if label.role == "status" else failed_by_error
                self.failed[label.column] += sum(n for value, n in Counter(values).items() if has_failed(value))

    def pass_over(self, labels: Sequence[LabelColumn], values: Sequence[str | None]) -> None:
        """Counts the values of one row that is not requested."""
        for label, value in zip(labels, values, strict=True):
            if label.role == "where":
                self._see(label, [value])

    def _see(self, label: LabelColumn, values: Sequence[str | None]) -> None:
        _count(self.seen.setdefault((label.role, label.column), Counter()), values, label.wanted or frozenset())


def label_text(value: object) -> str | None:
    """A value as ``--where`` compares it; None if there is none."""
    if value is None or isinstance(value, str):
        return value.strip() or None if value else None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dict | list):
        return "(nested)" if value else None
    return str(value)


def failed_by_status(value: str | None) -> bool:
    """True for HTTP codes from 400 on, and for words such as ``failure``."""
    if value is None:
        return False
    if value.isascii() and value.isdigit():
        return len(value) == 3 and int(value) >= 400
    return value.lower() in FAILED_WORDS


def failed_by_error(value: str | None) -> bool:
    """True if an error is named."""
    return value is not None and value.lower() not in _NO_ERROR


def _is_above_one(value: str | None) -> bool:
    number = number_of(value) if value is not None else None
    return number is not None and number > 1


def _count(into: Counter[str], values: Sequence[str | None], always: frozenset[str] = frozenset()) -> None:
    """Counts values; past MOST_VALUES, new ones count as others, except those in ``always``."""
    for value, rows in Counter(values).items():
        if value is not None:
            known = value in into or value in always or len(into) < MOST_VALUES
            into[value if known else _OTHERS] += rows
