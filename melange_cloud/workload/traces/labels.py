"""Labels of the requests in a log: columns of ``--where``, the model, and whether a request failed."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from melange_cloud.workload.traces.clock import number_of
from melange_cloud.workload.traces.columns import LabelColumn
from melange_cloud.workload.traces.usage_names import FAILED_WORDS

MOST_VALUES = 1_000
"""Limit of different values that are counted; a column with more does not hold models."""

GUARDED = ("requests", "cache")
"""Roles of columns that make a log unusable if they have numbers above 1."""

_OTHERS = "(others)"
_NO_ERROR = frozenset({"", "null", "none", "nil", "false", "0", "ok", "{}", "[]", "nan", "-"})


@dataclass(slots=True)
class LabelCounts:
    """How often each value occurs, over all files.

    Attributes:
        seen: (role, column) -> value -> rows, before ``--where``; None is "no value".
        models: column -> model -> number of selected requests.
        above_one: (role, column) -> rows with a number above 1 in a column where none may have one.
        failed: selected requests that failed according to their status or error, by column.
    """

    seen: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    models: dict[str, Counter[str]] = field(default_factory=dict)
    above_one: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def wanted(self, labels: Sequence[LabelColumn], columns: Sequence[Sequence[str | None]]) -> list[bool] | None:
        """The rows that ``--where`` selects; None for all."""
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
        """Count models and failures of selected rows."""
        for label, values in zip(labels, columns, strict=True):
            if label.role == "model":
                _count(self.models.setdefault(label.column, Counter()), values)
            elif label.role in GUARDED:
                self.above_one[label.role, label.column] += sum(map(_is_above_one, values))
            elif label.role in ("status", "error"):
                has_failed = failed_by_status if label.role == "status" else failed_by_error
                self.failed[label.column] += sum(n for value, n in Counter(values).items() if has_failed(value))

    def pass_over(self, labels: Sequence[LabelColumn], values: Sequence[str | None]) -> None:
        """Count the values of a row that is not selected."""
        for label, value in zip(labels, values, strict=True):
            if label.role == "where":
                self._see(label, [value])

    def _see(self, label: LabelColumn, values: Sequence[str | None]) -> None:
        _count(self.seen.setdefault((label.role, label.column), Counter()), values, label.wanted or frozenset())


def label_text(value: object) -> str | None:
    """A value in the form that ``--where`` compares; None if there is none."""
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
    """True if the row names an error."""
    return value is not None and value.lower() not in _NO_ERROR


def _is_above_one(value: str | None) -> bool:
    number = number_of(value) if value is not None else None
    return number is not None and number > 1


def _count(into: Counter[str], values: Sequence[str | None], always: frozenset[str] = frozenset()) -> None:
    """Counts values; beyond MOST_VALUES, new ones count as others, except those in ``always``."""
    for value, rows in Counter(values).items():
        if value is not None:
            known = value in into or value in always or len(into) < MOST_VALUES
            into[value if known else _OTHERS] += rows
