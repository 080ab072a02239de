"""Traces as CSV: blocks without a blemish are read at once, whatever could be misread goes row by row.

A block counts as read when every line has as many cells as the header, and whole numbers and times stand throughout:
in the common forms ``cells`` tells, in others pandas (which alone would not do: told to read some columns only, it
takes rows that are too long or too short in silence). Any other block is cut up until the blemish stands in a short
one.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import BadFile, Fault
from melange_cloud.workload.ahead import worked_ahead
from melange_cloud.workload.blocks import Lines
from melange_cloud.workload.cells import Cells, cells_of, count_of
from melange_cloud.workload.columns import Asked, Columns, find_columns
from melange_cloud.workload.reader import Reading, RowByRow, whole_array
from melange_cloud.workload.reading import parse_number
from melange_cloud.workload.times import Clock, clock_of

if TYPE_CHECKING:
    import numpy as np

    Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any] | None]

DELIMITERS = ",;\t"
_FEW_BYTES, _PARTS = 2**13, 8
_LEARNT_FROM_BYTES = 2**16


def read_csv_trace(lines: Lines, asked: Asked, reading: Reading) -> None:
    """Counts the requests of a CSV file.

    Raises:
        BadFile: the header names no sizes, or the file is damaged.
    """
    # A log may carry the prompts themselves; the standard limit is 131,072 characters.
    csv.field_size_limit(2**26)
    table = _Table(lines, asked, reading)

    def parsed(piece: tuple[int, bytes]) -> "tuple[int, bytes, Arrays | None]":
        return (*piece, table.at_once(piece[1]))

    with closing(worked_ahead(parsed, _without_header(lines.blocks(quoted=True)))) as found:
        for line, block, arrays in found:
            table.take(line, block, arrays)


def header_of(start: bytes, path: Path) -> tuple[list[str], str]:
    """The column names of a CSV text, and its delimiter.

    Raises:
        BadFile: there is no header line.
    """
    text = start[:_LEARNT_FROM_BYTES].decode("utf-8", errors="surrogateescape")
    line = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(DELIMITERS, key=line.count)
    names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter), [])]
    if names and all(parse_number(name) is not None for name in names):
        raise BadFile(
            [Fault(path, "has no header line: add one, such as input_tokens,output_tokens,arrival_s", line=1)]
        )
    return names, delimiter


def _without_header(blocks: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """The blocks from the line after the header, the last with a line feed at its end, none of them blank."""
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


class _Table:
    def __init__(self, lines: Lines, asked: Asked, reading: Reading) -> None:
        self.reading, self.path = reading, lines.path
        self.names, self.delimiter = header_of(lines.start, lines.path)
        self.columns: Columns = find_columns(self.names, asked, lines.path)
        self.places = (self.names.index(self.columns.input), self.names.index(self.columns.output))
        self.arrival_place = None if self.columns.arrival is None else self.names.index(self.columns.arrival)
        self.clock = self._clock(lines.start, asked)
        reading.begin(lines.path, self.columns, self.clock)
        self.sizes_are_whole, self.pandas_reads = True, False

    def _clock(self, start: bytes, asked: Asked) -> Clock | None:
        if self.arrival_place is None:
            return None
        text = start[:_LEARNT_FROM_BYTES].decode("utf-8", errors="surrogateescape")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        cells = [row[self.arrival_place].strip() for row in rows if len(row) == len(self.names)][1:]
        # An empty cell tells nothing of how the others are written.
        return clock_of(next((cell for cell in cells if cell), "0"), self.columns.seconds_per_unit, asked.time_zone)

    def take(self, line: int, block: bytes, arrays: "Arrays | None") -> None:
        """Counts the rows of a block whose first line is number ``line``.

        Args:
            arrays: what ``at_once`` found in it.
        """
        if arrays is not None:
            self.reading.tally.add(*arrays)
            return
        cuts = {block.find(b"\n", part * len(block) // _PARTS) + 1 for part in range(1, _PARTS)} - {0, len(block)}
        if len(block) <= _FEW_BYTES or b'"' in block or not cuts:
            self._row_by_row(line, block)
            return
        for start, end in pairwise((0, *sorted(cuts), len(block))):
            piece = block[start:end]
            self.take(line, piece, self.at_once(piece, again=True))
            line += count_of(piece, b"\n")

    def at_once(self, block: bytes, *, again: bool = False) -> "Arrays | None":
        """The rows of a block, all of them readable; None where one may not be, or there are few.

        Several threads call it at a time.

        Args:
            again: whether it is a part of a block that could not be read at once: then pandas is asked only where it
                could read others of the file, since mostly it is an unreadable row that stands in the way.
        """
        if len(block) <= _FEW_BYTES:
            return None
        numbers = self.clock is not None and not self.clock.is_text
        cells = cells_of(block, self.delimiter, len(self.names), points=numbers)
        if cells is None and numbers:  # points may stand in other columns, here and there
            cells = cells_of(block, self.delimiter, len(self.names), points=False)
        if cells is None:
            return None
        arrays = self._from_cells(cells)
        if arrays is not None or b'"' in block or (again and not self.pandas_reads):
            return arrays
        arrays = self._with_pandas(block, cells.lines)
        self.pandas_reads = self.pandas_reads or arrays is not None
        return arrays

    def _from_cells(self, cells: Cells) -> "Arrays | None":
        inputs, outputs = (whole_array(cells.whole_numbers(place)) for place in self.places)
        if inputs is None or outputs is None or self.clock is None or self.arrival_place is None:
            return None if inputs is None or outputs is None else (inputs, outputs, None)
        seconds = cells.seconds(self.arrival_place, self.clock)
        return None if seconds is None else (inputs, outputs, seconds)

    def _with_pandas(self, block: bytes, count: int) -> "Arrays | None":
        """The same, slower, for whatever pandas reads: numbers as 374.0 or 1e3, times of any form."""
        if self.sizes_are_whole:
            arrays = self._of_type("int64", block, count)
            if arrays is not None:
                return arrays
        arrays = self._of_type("float64", block, count)
        if arrays is not None:
            self.sizes_are_whole = False  # the next block is like it
        return arrays

    def _of_type(self, sizes: str, block: bytes, count: int) -> "Arrays | None":
        import numpy as np
        import pandas as pd

        types: dict[int, str] = dict.fromkeys(self.places, sizes)
        if self.arrival_place is not None:
            types[self.arrival_place] = "object" if self.clock and self.clock.is_text else "float64"
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
        except (ValueError, TypeError, OverflowError):  # pandas' own parser errors are ValueErrors
            return None
        if len(frame) != count:
            return None
        inputs, outputs = (whole_array(frame[place].to_numpy()) for place in self.places)
        if inputs is None or outputs is None:
            return None
        seconds = None if self.clock is None else self.clock.seconds(frame[self.arrival_place])
        return None if self.clock is not None and seconds is None else (inputs, outputs, seconds)

    def _row_by_row(self, line: int, block: bytes) -> None:
        columns = self.columns
        rows = RowByRow(self.reading, self.path, (columns.input, columns.output, columns.arrival or ""), self.clock)
        text = block.decode("utf-8", errors="surrogateescape")
        # Cut at line feeds alone, so that a stray carriage return moves no line number.
        lines = csv.reader((f"{line}\n" for line in text.removesuffix("\n").split("\n")), delimiter=self.delimiter)
        at_in, at_out = self.places
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
            arrival = None if self.arrival_place is None else cells[self.arrival_place]
            rows.take(here, (cells[at_in], cells[at_out]), arrival)
        rows.flush()
