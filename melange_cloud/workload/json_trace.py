"""Traces as JSON Lines: one record per line, sizes and times anywhere inside it (``usage.prompt_tokens``)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from melange_cloud.errors import BadFile, Fault
from melange_cloud.workload.blocks import Lines
from melange_cloud.workload.columns import Asked, Columns, find_columns
from melange_cloud.workload.reader import Reading, RowByRow, whole_array
from melange_cloud.workload.times import Clock, clock_of

_LEARNT_FROM = 100


def read_json_trace(lines: Lines, asked: Asked, reading: Reading) -> None:
    """Counts the requests of a JSON Lines file.

    Raises:
        BadFile: no record among the first hundred names sizes, or the file is damaged.
    """
    records = list(_first_records(lines))
    names = list(dict.fromkeys(name for record in records for name in names_of(record)))
    if lines.start.lstrip()[:1] == b"[":
        cure = "is one JSON array: write one record per line (jq -c '.[]' FILE)"
        raise BadFile([Fault(lines.path, cure, line=1)])
    columns = find_columns(names, asked, lines.path)
    clock = None
    if columns.arrival is not None:
        times = (value_of(record, columns.arrival) for record in records)
        sample = next((time for time in times if isinstance(time, str | int | float)), 0)
        clock = clock_of(sample, columns.seconds_per_unit, asked.time_zone)
    reading.begin(lines.path, columns, clock)
    reader = _Records(lines, columns, clock, reading)
    for line, block in lines.blocks(quoted=False):
        reader.take(line, block)


def names_of(record: object, before: str = "") -> Iterator[str]:
    """The dotted names of everything in a record that is not a record itself."""
    if not isinstance(record, Mapping):
        return
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from names_of(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def value_of(record: object, name: str) -> object:
    """The value under a dotted name (or under one key that has dots itself); None where there is none."""
    if not isinstance(record, Mapping):
        return None
    if name in record:
        return record[name]
    head, dot, tail = name.partition(".")
    while dot:
        if head in record:
            return value_of(record[head], tail)
        more, dot, tail = tail.partition(".")
        head = f"{head}.{more}"
    return None


def _first_records(lines: Lines) -> Iterator[object]:
    for text in lines.start.split(b"\n", _LEARNT_FROM)[:_LEARNT_FROM]:
        try:
            yield json.loads(text)
        except ValueError:
            continue  # counted where the rows are read


class _Records:
    def __init__(self, lines: Lines, columns: Columns, clock: Clock | None, reading: Reading) -> None:
        self.path, self.columns, self.clock, self.reading = lines.path, columns, clock, reading
        self.paths = [name.split(".") for name in (columns.input, columns.output, columns.arrival) if name]

    def take(self, line: int, block: bytes) -> None:
        if not self._at_once(block):
            self._row_by_row(line, block)

    def _at_once(self, block: bytes) -> bool:
        """Counts a block whose every line is a sound record; False (and nothing counted) where one is not."""
        import numpy as np

        texts = [text for text in block.split(b"\n") if text and not text.isspace()]
        try:
            records = json.loads(b"[" + b",".join(texts) + b"]")
            columns = [[_inside(record, path) for record in records] for path in self.paths]
        except (ValueError, KeyError, TypeError, IndexError, RecursionError):
            return False
        if len(records) != len(texts):
            return False
        # Not left to numpy, which takes true for 1 and text for numbers.
        if any(type(value) is not int for values in columns[:2] for value in values):
            return False
        try:
            inputs, outputs = (whole_array(np.array(values, dtype=np.int64)) for values in columns[:2])
        except OverflowError:
            return False
        if inputs is None or outputs is None:
            return False
        seconds = None
        if self.clock is not None:
            kinds = (str,) if self.clock.is_text else (int, float)
            if any(type(value) not in kinds for value in columns[2]):
                return False
            seconds = self.clock.seconds(_series(columns[2]))
            if seconds is None:
                return False
        self.reading.tally.add(inputs, outputs, seconds)
        return True

    def _row_by_row(self, line: int, block: bytes) -> None:
        columns = self.columns
        rows = RowByRow(self.reading, self.path, (columns.input, columns.output, columns.arrival or ""), self.clock)
        for number, text in enumerate(block.removesuffix(b"\n").split(b"\n"), line):
            if not text.strip():
                continue
            try:
                record = json.loads(text)
            except (ValueError, RecursionError) as error:
                self.reading.reject(self.path, number, f"is not JSON ({str(error)[:60]})")
                continue
            arrival = None if columns.arrival is None else value_of(record, columns.arrival)
            rows.take(number, (value_of(record, columns.input), value_of(record, columns.output)), arrival)
        rows.flush()


def _inside(record: Any, path: list[str]) -> Any:
    for key in path:
        record = record[key]
    return record


def _series(values: list[Any]) -> Any:
    import pandas as pd

    return pd.Series(values)
