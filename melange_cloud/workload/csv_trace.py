"""Traces as CSV: blocks without a blemish go through pandas, whatever it could misread goes row by row.

pandas alone would not do: told to read some columns only, it takes rows that are too long or too short in silence. So
a block counts as read when every line has as many cells as the header, and whole numbers and times stand throughout;
any other block is halved until the blemish stands in a short one.
"""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import BadFile, Fault
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
_FEW_BYTES = 2**14
_LEARNT_FROM_BYTES = 2**16


def read_csv_trace(lines: Lines, asked: Asked, reading: Reading) -> None:
    """Counts the requests of a CSV file.

    Raises:
        BadFile: the header names no sizes, or the file is damaged.
    """
    # A log may carry the prompts themselves; the standard limit is 131,072 characters.
    csv.field_size_limit(2**26)
    table = _Table(lines, asked, reading)
    for line, block in lines.blocks(quoted=True):
        table.take(line, block)


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


class _Table:
    def __init__(self, lines: Lines, asked: Asked, reading: Reading) -> None:
        self.reading, self.path = reading, lines.path
        self.names, self.delimiter = header_of(lines.start, lines.path)
        self.columns: Columns = find_columns(self.names, asked, lines.path)
        self.places = (self.names.index(self.columns.input), self.names.index(self.columns.output))
        self.arrival_place = None if self.columns.arrival is None else self.names.index(self.columns.arrival)
        self.clock = self._clock(lines.start, asked)
        reading.begin(lines.path, self.columns, self.clock)
        self.header_passed = False
        self.sizes_are_whole = True

    def _clock(self, start: bytes, asked: Asked) -> Clock | None:
        if self.arrival_place is None:
            return None
        text = start[:_LEARNT_FROM_BYTES].decode("utf-8", errors="surrogateescape")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        cells = [row[self.arrival_place].strip() for row in rows if len(row) == len(self.names)][1:]
        # An empty cell tells nothing of how the others are written.
        return clock_of(next((cell for cell in cells if cell), "0"), self.columns.seconds_per_unit, asked.time_zone)

    def take(self, line: int, block: bytes) -> None:
        """Counts the rows of a block whose first line is number ``line``."""
        if not self.header_passed:
            skipped = len(block) - len(block.lstrip(b"\r\n"))
            end = block.find(b"\n", skipped) + 1 or len(block)
            line += block.count(b"\n", 0, end)
            block, self.header_passed = block[end:], True
        if not block or block.isspace():
            return
        if not block.endswith(b"\n"):
            block += b"\n"
        if len(block) > _FEW_BYTES:
            arrays = self._at_once(block)
            if arrays is not None:
                self.reading.tally.add(*arrays)
                return
            if b'"' not in block:
                half = block.find(b"\n", len(block) // 2) + 1
                if 0 < half < len(block):
                    self.take(line, block[:half])
                    self.take(line + block.count(b"\n", 0, half), block[half:])
                    return
        self._row_by_row(line, block)

    def _at_once(self, block: bytes) -> "Arrays | None":
        """The readable rows of a block whose every row is one; None where there may be another."""
        if b'"' not in block:
            numbers = self.clock is not None and not self.clock.is_text
            cells = cells_of(block, self.delimiter, len(self.names), points=numbers)
            if cells is None and numbers:  # points may stand in other columns, here and there
                cells = cells_of(block, self.delimiter, len(self.names), points=False)
            return None if cells is None else self._from_cells(cells) or self._with_pandas(block, cells.lines)
        return self._with_pandas(block, count_of(block, b"\n"))

    def _from_cells(self, cells: Cells) -> "Arrays | None":
        inputs, outputs = (whole_array(cells.whole_numbers(place)) for place in self.places)
        if inputs is None or outputs is None or self.clock is None or self.arrival_place is None:
            return None if inputs is None or outputs is None else (inputs, outputs, None)
        seconds = cells.seconds(self.arrival_place, self.clock)
        return None if seconds is None else (inputs, outputs, seconds)

    def _with_pandas(self, block: bytes, count: int) -> "Arrays | None":
        """The same, slower, for whatever pandas reads: quoted cells, numbers as 374.0 or 1e3, times of any form."""
        import numpy as np
        import pandas as pd

        quoted = b'"' in block
        width = len(self.names)
        types: dict[int, str] = dict.fromkeys(self.places, "int64" if self.sizes_are_whole else "float64")
        if self.arrival_place is not None:
            types[self.arrival_place] = "object" if self.clock and self.clock.is_text else "float64"
        wanted = list(types)
        if quoted:
            # All columns, and one that must stay empty: short and long rows show in the last two.
            types = {place: types.get(place, "str") for place in range(width)}
        try:
            with np.errstate(invalid="ignore"):  # inf where whole numbers are expected
                frame = pd.read_csv(
                    io.BytesIO(block),
                    header=None,
                    names=list(range(width + quoted)),
                    usecols=None if quoted else wanted,
                    dtype=types,
                    sep=self.delimiter,
                    keep_default_na=False,
                    na_values=[""],
                    index_col=False,
                    encoding_errors="surrogateescape",
                )
        except (ValueError, TypeError, OverflowError):  # pandas' own parser errors are ValueErrors
            return self._with_fractions(block, count)
        if len(frame) != count:
            return None
        if quoted and (frame[width].notna().any() or frame[width - 1].isna().any()):
            return None
        inputs, outputs = (whole_array(frame[place].to_numpy()) for place in self.places)
        if inputs is None or outputs is None:
            return None
        seconds = None if self.clock is None else self.clock.seconds(frame[self.arrival_place])
        return None if self.clock is not None and seconds is None else (inputs, outputs, seconds)

    def _with_fractions(self, block: bytes, count: int) -> "Arrays | None":
        """Once more where sizes were not all written as whole numbers: 374.0 is one too."""
        if not self.sizes_are_whole:
            return None
        self.sizes_are_whole = False
        arrays = self._with_pandas(block, count)
        self.sizes_are_whole = arrays is None
        return arrays

    def _row_by_row(self, line: int, block: bytes) -> None:
        columns = self.columns
        rows = RowByRow(self.reading, self.path, (columns.input, columns.output, columns.arrival or ""), self.clock)
        text = block.decode("utf-8", errors="surrogateescape")
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        at_in, at_out = self.places
        while True:
            try:
                cells = next(lines, None)
            except csv.Error as error:
                self.reading.reject(self.path, line + lines.line_num - 1, f"is not CSV ({error})")
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
