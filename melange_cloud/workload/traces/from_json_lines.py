"""Reads traces in JSON Lines: one record per line, sizes and times anywhere inside it (``usage.prompt_tokens``).

A list of ``{"key": ..., "value": {...}}``, OpenTelemetry's form of attributes, counts as a record with these keys.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs import MalformedText, parse_records
from melange_cloud.workload.traces.clock import Clock
from melange_cloud.workload.traces.columns import ColumnChoice, TraceColumns, find_columns, normal
from melange_cloud.workload.traces.labels import label_text
from melange_cloud.workload.traces.line_blocks import FileLines
from melange_cloud.workload.traces.time_column import timed
from melange_cloud.workload.traces.token_sums import clues, settled
from melange_cloud.workload.traces.trace_rows import RowReader, TraceRows, TraceState, rows_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_LEARNT_FROM = 1_000
_SHOWN = 20
_MOST_LEVELS, _MOST_NAMES = 12, 10_000
"""Of names: no known log nests usage deeper than five records."""


def read_json_trace(lines: FileLines, asked: ColumnChoice, reading: TraceState) -> None:
    """Count the requests of a JSON Lines file.

    Raises:
        BadFile: none of the first hundred records has sizes, or the file is damaged.
    """
    if lines.start.lstrip()[:1] == b"[":
        cure = "is one JSON array: write one record per line (jq -c '.[]' FILE)"
        raise BadFile([Fault(lines.path, cure, line=1)])
    blocks = lines.blocks(quoted=False)
    first = next(blocks, (1, b""))
    records = list(_first_records(first[1]))
    if not records and first[1].strip():
        cure = "does not begin with JSON records: write one record per line (jq -c . FILE)"
        raise BadFile([Fault(lines.path, cure, line=1)])
    names = list(dict.fromkeys(name for record in records for name in names_of(record)))[:_MOST_NAMES]
    columns = find_columns(names, asked, lines.path, all_seen=False)
    telling = clues(columns, names)
    sums = [{name: value_of(record, name) for name in telling} for record in records]
    columns, notes = settled(columns, names, sums, asked, lines.path)
    reading.notes += notes
    shown = names if columns.arrival is None else [columns.arrival]
    few = records if columns.arrival is not None else records[:_SHOWN]
    rows = [{name: value_of(record, name) for name in shown} for record in few]
    columns, clock, lean = timed(columns, names, rows, asked, reading, lines.path)
    reading.begin(lines.path, columns, clock, lean)
    reader = _JsonRecords(lines, columns, clock, reading, records)
    for line, block in chain([first], blocks):
        reader.take(line, block)


def names_of(record: object, before: str = "", level: int = 0) -> Iterator[str]:
    """The dotted names of all values in a record that are not records themselves."""
    inner = _opened(record)
    if inner is None or level > _MOST_LEVELS:
        return
    for name, value in inner.items():
        if _opened(value) is not None:
            yield from names_of(value, f"{before}{name}.", level + 1)
        else:
            yield f"{before}{name}"


def value_of(record: object, name: str) -> object:
    """The value under a dotted name (or under a key that contains dots); None if there is none."""
    path = path_of(record, name)
    if path is None:
        return None
    for key in path:
        inner = _opened(record)
        if inner is None:
            return None
        record = inner[key]
    return _bare(record)


def path_of(record: object, name: str) -> tuple[str, ...] | None:
    """The keys that lead to a dotted name; None if the record does not have it."""
    inner = _opened(record)
    if inner is None:
        return None
    if name in inner:
        return (name,)
    head, dot, tail = name.partition(".")
    while dot:
        if head in inner:
            rest = path_of(inner[head], tail)
            return None if rest is None else (head, *rest)
        more, dot, tail = tail.partition(".")
        head = f"{head}.{more}"
    return None


def _opened(value: object) -> Mapping[str, object] | None:
    """The value under nested names; None if there is none."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, list) and value and all(isinstance(part, Mapping) and "key" in part for part in value[:3]):
        return {
            str(part["key"]): _bare(part.get("value")) for part in value if isinstance(part, Mapping) and "key" in part
        }
    return None


def _bare(value: object) -> object:
    """``{"intValue": "12"}`` is 12."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, inner),) = value.items()
        if kind in ("intValue", "stringValue", "doubleValue", "boolValue"):
            return inner
    return value


def _first_records(block: bytes) -> Iterator[object]:
    for text in block.split(b"\n", _LEARNT_FROM)[:_LEARNT_FROM]:
        try:
            yield from parse_records([text]) if text.strip() else ()
        except MalformedText:
            continue  # counted where the rows are read


class _JsonRecords:
    def __init__(
        self, lines: FileLines, columns: TraceColumns, clock: Clock | None, reading: TraceState, records: list[object]
    ) -> None:
        self.path, self.columns, self.clock, self.reading = lines.path, columns, clock, reading
        self.paths = {name: _common_path(records, name) for name in columns.used}
        for first, *others in (columns.input, columns.output):
            self.paths.update(
                {name: _sibling_path(self.paths[first], name) for name in others if normal(name) not in columns.names}
            )

    def take(self, line: int, block: bytes) -> None:
        rows = self._at_once(block)
        if rows is None:
            self._row_by_row(line, block)
        else:
            self.reading.take(self.path, rows)

    def _at_once(self, block: bytes) -> TraceRows | None:
        """The rows of a block if every line is a valid record; None if one is not."""
        texts = [text for text in block.split(b"\n") if text and not text.isspace()]
        try:
            records = parse_records(texts)
        except MalformedText:
            return None

        def numbers(name: str, optional: bool) -> "Array | None":
            return _whole(_values(records, self.paths[name], optional=optional))

        def seconds(name: str, clock: Clock) -> "Array | None":
            return _seconds(_values(records, self.paths[name]), clock)

        rows = rows_of(self.columns, self.clock, numbers, seconds)
        if rows is None:
            return None
        labels = []
        for label in self.columns.labels:
            values = _values(records, self.paths[label.column], optional=True, missing=None)
            if values is None:
                return None
            labels.append([label_text(value) for value in values])
        return replace(rows, labels=tuple(labels))

    def _row_by_row(self, line: int, block: bytes) -> None:
        rows = RowReader(self.reading, self.path, self.columns, self.clock)
        for number, text in enumerate(block.removesuffix(b"\n").split(b"\n"), line):
            if not text.strip():
                continue
            try:
                (record,) = parse_records([text])
            except MalformedText as malformed:
                self.reading.reject(self.path, number, str(malformed))
                continue
            rows.take(number, _getter(record))
        rows.flush()


def _getter(record: object) -> Callable[[str], object]:
    return lambda name: value_of(record, name)


def _common_path(records: list[object], name: str) -> tuple[str, ...]:
    """The keys that lead to a name in the first record that has it."""
    found = (path_of(record, name) for record in records)
    return next((path for path in found if path is not None), (name,))


def _sibling_path(path: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The keys to a name that no record has had yet, next to the keys of a column that is present."""
    *before, last = path
    return (*before, last[: len(last) - len(last.rpartition(".")[2])] + name.rpartition(".")[2])


def _values(
    records: list[Any], path: tuple[str, ...], *, optional: bool = False, missing: object = 0
) -> list[Any] | None:
    """The values of all records under a path of keys; None if one does not have it or is not a record."""
    try:
        if optional:
            return [_inside_or(record, path, missing) for record in records]
        if len(path) == 1:
            (key,) = path
            return [record[key] for record in records]
        return [_inside(record, path) for record in records]
    except (KeyError, TypeError, IndexError):  # a key is missing, or something is not a record
        return None


def _inside(record: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        record = record[key]
    return record


def _inside_or(record: Any, path: tuple[str, ...], missing: object) -> Any:
    for key in path:
        record = record.get(key) if type(record) is dict else None if record is None else record[key]
    return missing if record is None else record


def _whole(values: list[Any] | None) -> "Array | None":
    import numpy as np

    # Not left to numpy, which reads true as 1 and text as numbers.
    if values is None or any(type(value) is not int for value in values):
        return None
    try:
        return np.array(values, dtype=np.int64)
    except OverflowError:
        return None


def _seconds(values: list[Any] | None, clock: Clock) -> "Array | None":
    import numpy as np
    import pandas as pd

    if values is None:
        return None
    if clock.is_text:
        return clock.seconds(pd.Series(values)) if all(type(value) is str for value in values) else None
    if all(type(value) is str and value.isascii() and value.isdigit() and len(value) <= 19 for value in values):
        values = [int(value) for value in values]
    elif any(type(value) not in (int, float) for value in values):
        return None
    if all(type(value) is int for value in values):
        whole = _whole(values)
        return None if whole is None else clock.seconds(whole)
    try:
        return clock.seconds(np.array(values, dtype=np.float64))
    except OverflowError:
        return None
