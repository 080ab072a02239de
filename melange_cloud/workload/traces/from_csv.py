"""Reads traces in CSV: blocks without a fault at once, everything else row by row.

A block is read at once if every line has as many cells as the header, with whole numbers and times throughout.
``csv_cells`` reads the common forms, pandas the others (pandas alone is not enough: when it reads only some columns, it
silently accepts rows that are too long or too short). Any other block is split until the fault is in a short one.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melange_cloud.concurrency import worked_ahead
from melange_cloud.errors import BadFile, Fault
from melange_cloud.workload.traces.clock import Clock, number_of
from melange_cloud.workload.traces.columns import ColumnChoice, find_columns
from melange_cloud.workload.traces.csv_cells import CellPlaces, cells_of, count_of
from melange_cloud.workload.traces.line_blocks import FileLines
from melange_cloud.workload.traces.time_column import timed
from melange_cloud.workload.traces.token_sums import settled
from melange_cloud.workload.traces.trace_rows import RowReader, TraceRows, TraceState, rows_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

DELIMITERS = ",;\t"
_FEW_BYTES, _PARTS = 2**13, 8
_LEARNT_FROM_BYTES, _LEARNT_FROM_ROWS = 2**16, 2_000
_PANDAS_TYPES = (("int64", "int64"), ("int64", "float64"), ("float64", "int64"), ("float64", "float64"))
"""The types that pandas tries for sizes and numeric times, whole numbers first."""


def read_csv_trace(lines: FileLines, asked: ColumnChoice, reading: TraceState) -> None:
    """Count the requests of a CSV file.

    Raises:
        BadFile: the header has no columns of sizes, or the file is damaged.
    """
    # A log may contain the prompts themselves; the standard limit is 131,072 characters.
    csv.field_size_limit(2**26)
    blocks = lines.blocks(quoted=True)
    first = next(blocks, (1, b""))
    table = _CsvTable(lines.path, first[1], asked, reading)

    def parsed(piece: tuple[int, bytes]) -> tuple[int, bytes, TraceRows | None]:
        return (*piece, table.at_once(piece[1]))

    with closing(worked_ahead(parsed, _without_header(chain([first], blocks)))) as found:
        for line, block, rows in found:
            table.take(line, block, rows)


def header_of(start: bytes, path: Path) -> tuple[list[str], str]:
    """The column names and the delimiter of a CSV text.

    Raises:
        BadFile: the header line is missing.
    """
    lines = (line for line in io.BytesIO(start) if line.strip())
    header = next(lines, b"")
    try:
        text = header.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise BadFile([Fault(path, "is not UTF-8 text", 1, cure="save it as UTF-8")]) from None
    if "\0" in text:
        raise BadFile([Fault(path, "is not text: give a CSV, JSON Lines or Parquet file", line=1)])
    delimiter = max(DELIMITERS, key=text.count)
    try:
        names = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
    except csv.Error as error:
        raise BadFile([Fault(path, f"its header is not valid CSV ({error})", line=1)]) from error
    if names and all(number_of(name) is not None for name in names):
        raise BadFile(
            [Fault(path, "has no header line: add one, such as input_tokens,output_tokens,arrival_s", line=1)]
        )
    return names, delimiter


def _without_header(blocks: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The blocks from the line after the header on; none is blank, and the last ends with a line feed."""
    passed = False
    for first, whole in blocks:
        line, block = first, whole
        if not passed:
            skipped = len(block) - len(block.lstrip(b"\r\n"))
            end = block.find(b"\n", skipped) + 1 or len(block)
            line += block.count(b"\n", 0, end)
            block, passed = block[end:], True
        if block and not block.isspace():
            yield line, block if block.endswith(b"\n") else block + b"\n"


class _CsvTable:
    def __init__(self, path: Path, start: bytes, asked: ColumnChoice, reading: TraceState) -> None:
        self.reading, self.path = reading, path
        self.names, self.delimiter = header_of(start, path)
        columns = find_columns(self.names, asked, path)
        rows = self._first_rows(start)
        columns, notes = settled(columns, self.names, rows, asked, path)
        reading.notes += notes
        self.columns, self.clock, lean = timed(columns, self.names, rows, asked, reading, path)
        self.place = {name: self.names.index(name) for name in self.columns.used}
        reading.begin(path, self.columns, self.clock, lean)
        self.pandas_types, self.pandas_reads = 0, False

    def _first_rows(self, start: bytes) -> list[dict[str, object]]:
        text = start[:_LEARNT_FROM_BYTES].decode("utf-8", errors="surrogateescape")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        found: list[dict[str, object]] = []
        while len(found) < _LEARNT_FROM_ROWS:
            try:
                cells = next(rows, None)
            except csv.Error:
                continue  # counted where the rows are read
            if cells is None:
                break
            if len(cells) == len(self.names):
                found.append(dict(zip(self.names, (cell.strip() for cell in cells), strict=True)))
        return list(islice(found, 1, None))

    def take(self, line: int, block: bytes, rows: TraceRows | None) -> None:
        """Count the rows of a block that starts at line ``line``.

        Args:
            rows: the result of ``at_once``.
        """
        if rows is not None:
            self.reading.take(self.path, rows)
            return
        cuts = {block.find(b"\n", part * len(block) // _PARTS) + 1 for part in range(1, _PARTS)} - {0, len(block)}
        if len(block) <= _FEW_BYTES or b'"' in block or not cuts:
            self._row_by_row(line, block)
            return
        for start, end in pairwise((0, *sorted(cuts), len(block))):
            piece = block[start:end]
            self.take(line, piece, self.at_once(piece, again=True))
            line += count_of(piece, b"\n")

    def at_once(self, block: bytes, *, again: bool = False) -> TraceRows | None:
        """The rows of a block if all of them are readable; None if one may not be, or if there are few.

        Several threads call it at once.

        Args:
            again: True for a part of a block that could not be read at once. Then pandas is used only if it could read
                other blocks of the file, since usually an unreadable row is the cause.
        """
        if len(block) <= _FEW_BYTES:
            return None
        numbers = self.clock is not None and not self.clock.is_text
        cells = cells_of(block, self.delimiter, len(self.names), points=numbers)
        if cells is None and numbers:  # other columns may have decimal points here and there
            cells = cells_of(block, self.delimiter, len(self.names), points=False)
        if cells is None:
            return None
        labels = self._labels(cells)
        if labels is None:
            return None
        rows = self._from_cells(cells, labels)
        if rows is not None or b'"' in block or (again and not self.pandas_reads):
            return rows
        rows = self._with_pandas(block, cells.lines, labels)
        self.pandas_reads = self.pandas_reads or rows is not None
        return rows

    def _labels(self, cells: CellPlaces) -> tuple[list[str | None], ...] | None:
        found = [cells.texts(self.place[label.column]) for label in self.columns.labels]
        return None if any(values is None for values in found) else tuple(values for values in found if values)

    def _from_cells(self, cells: CellPlaces, labels: tuple[list[str | None], ...]) -> TraceRows | None:
        def numbers(name: str, optional: bool) -> "Array | None":
            return cells.whole_numbers(self.place[name], empty_is_zero=optional)

        def seconds(name: str, clock: Clock) -> "Array | None":
            return cells.seconds(self.place[name], clock)

        rows = rows_of(self.columns, self.clock, numbers, seconds)
        return None if rows is None else replace(rows, labels=labels)

    def _with_pandas(self, block: bytes, count: int, labels: tuple[list[str | None], ...]) -> TraceRows | None:
        """As above, slower, for anything that pandas reads: numbers like 374.0 or 1e3, times in any form."""
        for at, types in enumerate(_PANDAS_TYPES[self.pandas_types :], self.pandas_types):
            rows = self._of_type(*types, block, count, labels)
            if rows is not None:
                self.pandas_types = at  # the next block is like it
                return rows
        return None

    def _of_type(
        self, sizes: str, times: str, block: bytes, count: int, labels: tuple[list[str | None], ...]
    ) -> TraceRows | None:
        import numpy as np
        import pandas as pd

        columns, place = self.columns, self.place
        optional = [*columns.input[1:], *columns.output[1:], *([columns.cached] if columns.cached else [])]
        types = {place[name]: sizes for name in (columns.input[0], columns.output[0])}
        types.update({place[name]: "float64" for name in optional if place[name] not in types})
        if columns.arrival is not None:
            types[place[columns.arrival]] = "object" if self.clock and self.clock.is_text else times
        try:
            with np.errstate(invalid="ignore"):  # inf where whole numbers are expected
                frame = pd.read_csv(
                    io.BytesIO(block),
                    header=None,
                    names=list(range(len(self.names))),
                    usecols=list(types),
                    dtype=types,
                    sep=self.delimiter,
                    keep_default_na=False,
                    na_values=[""],
                    index_col=False,
                    encoding_errors="surrogateescape",
                )
        except Exception:  # noqa: BLE001 - whatever pandas raises, the rows of the block are then read one by one
            return None
        if len(frame) != count:
            return None

        def numbers(name: str, optional: bool) -> "Array | None":
            values = frame[place[name]]
            found: Array = (values.fillna(0) if optional else values).to_numpy()
            return found

        rows = rows_of(columns, self.clock, numbers, lambda name, clock: clock.seconds(frame[place[name]]))
        return None if rows is None else replace(rows, labels=labels)

    def _row_by_row(self, line: int, block: bytes) -> None:
        rows = RowReader(self.reading, self.path, self.columns, self.clock)
        text = block.decode("utf-8", errors="surrogateescape")
        # Split at line feeds only, so that a stray carriage return does not shift line numbers.
        lines = csv.reader((f"{line}\n" for line in text.removesuffix("\n").split("\n")), delimiter=self.delimiter)
        while True:
            try:
                cells = next(lines, None)
            except csv.Error as error:
                self.reading.reject(self.path, line + lines.line_num - 1, f"is not CSV ({str(error).split(' - ')[0]})")
                continue
            if cells is None:
                break
            if not any(cell.strip() for cell in cells):
                continue
            here = line + lines.line_num - 1
            if len(cells) != len(self.names):
                self.reading.reject(self.path, here, f"has {len(cells)} cells, the header has {len(self.names)}")
                continue
            rows.take(here, lambda name, cells=cells: cells[self.place[name]])  # type: ignore[misc]
        rows.flush()
