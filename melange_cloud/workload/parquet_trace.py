"""Traces as Parquet, with pyarrow (the extra ``melange-cloud[parquet]``)."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import BadFile, BadInput, Fault
from melange_cloud.workload.ahead import ahead
from melange_cloud.workload.blocks import OnBytes
from melange_cloud.workload.cells import seconds_of_texts
from melange_cloud.workload.columns import Asked, Columns, find_columns
from melange_cloud.workload.reader import Reading, RowByRow, whole_array
from melange_cloud.workload.times import Clock, clock_of, zone_of

if TYPE_CHECKING:
    import numpy as np

    Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any] | None]

MAGIC = b"PAR1"
_BATCH_ROWS = 2**17
"""What is counted of them at a time stays in a processor's cache."""

_LEARNT_FROM = 1_000


def read_parquet_trace(path: Path, asked: Asked, reading: Reading, size_bytes: int, on_bytes: OnBytes | None) -> None:
    """Counts the requests of a Parquet file; rows are numbered from 1.

    Raises:
        BadInput: pyarrow is not installed, or the file cannot be read.
        BadFile: it is damaged, or no column names sizes.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BadInput(
            f'{path}: Parquet needs pyarrow: python3 -m pip install "melange-cloud[parquet]", or convert it to CSV'
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            names = _names(file.schema_arrow)
            columns = find_columns(names, asked, path)
            reader = _Batches(path, reading, columns, asked.time_zone)
            total = max(1, file.metadata.num_rows)
            with closing(ahead(file.iter_batches(batch_size=_BATCH_ROWS, columns=reader.wanted))) as batches:
                for batch in batches:
                    reader.take(batch)
                    if on_bytes is not None:
                        on_bytes(size_bytes * min(reader.row, total) // total)
    except pa.ArrowInvalid as error:
        raise BadFile([Fault(path, f"is no sound Parquet file ({str(error)[:80]}): fetch it again")]) from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror or str(error)[:80]})") from error


def _names(schema: Any) -> list[str]:
    import pyarrow.types as kinds

    def inside(field: Any, before: str) -> list[str]:
        if kinds.is_struct(field.type):
            return [name for child in field.type for name in inside(child, f"{before}{field.name}.")]
        return [f"{before}{field.name}"]

    return [name for field in schema for name in inside(field, "")]


class _Batches:
    def __init__(self, path: Path, reading: Reading, columns: Columns, time_zone: str | None) -> None:
        self.path, self.reading, self.columns, self.time_zone = path, reading, columns, time_zone
        self.wanted = [name for name in (columns.input, columns.output, columns.arrival) if name]
        self.clock: Clock | None = None
        self.begun = False
        self.row = 0

    def take(self, batch: Any) -> None:
        """Counts the rows of a batch, at once where all are sound."""
        import pyarrow as pa

        table = pa.Table.from_batches([batch])
        while any(pa.types.is_struct(field.type) for field in table.schema):
            table = table.flatten()
        columns = [table.column(name) for name in self.wanted]
        if not self.begun:
            self.clock = self._clock(columns[2]) if len(columns) > 2 else None
            self.reading.begin(self.path, self.columns, self.clock)
            self.begun = True
        arrays = self._at_once(columns)
        if arrays is None:
            self._row_by_row([self._series(column) for column in columns])
        else:
            self.reading.tally.add(*arrays)
        self.row += len(table)

    def _clock(self, column: Any) -> Clock:
        known = self._series(column.slice(0, _LEARNT_FROM)).dropna()
        unit = 1.0 if self._is_stamp(column) else self.columns.seconds_per_unit
        return clock_of(known.iloc[0] if len(known) else 0, unit, self.time_zone)

    def _at_once(self, columns: list[Any]) -> "Arrays | None":
        """The columns as arrays; None where a value is missing, or is no size or time."""
        import pyarrow as pa

        if any(column.null_count for column in columns):
            return None
        inputs, outputs = (whole_array(self._numbers(column)) for column in columns[:2])
        if inputs is None or outputs is None:
            return None
        if self.clock is None:
            return inputs, outputs, None
        arrival = columns[2]
        is_text = pa.types.is_string(arrival.type) or pa.types.is_large_string(arrival.type)
        seconds = seconds_of_texts(arrival, self.clock) if is_text else None
        if seconds is None:  # numbers, or text in a form that pandas reads
            seconds = self.clock.seconds(self._series(arrival))
        return None if seconds is None else (inputs, outputs, seconds)

    def _numbers(self, column: Any) -> Any:
        import pyarrow.types as kinds

        return (column if kinds.is_integer(column.type) else self._series(column)).to_numpy()

    def _is_stamp(self, column: Any) -> bool:
        import pyarrow.types as kinds

        return bool(kinds.is_timestamp(column.type))

    def _series(self, column: Any) -> Any:
        """A column as pandas has it; stamps as whole Unix seconds, which every clock can read."""
        import pandas as pd
        import pyarrow.types as kinds

        if self._is_stamp(column):
            moments = column.to_pandas()
            if moments.dt.tz is None:
                first = pd.Series(True, index=moments.index).to_numpy()
                moments = moments.dt.tz_localize(zone_of(self.time_zone) or "UTC", ambiguous=first, nonexistent="NaT")
            return (moments.dt.floor("s") - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        if kinds.is_decimal(column.type):
            column = column.cast("float64")
        return column.to_pandas()

    def _row_by_row(self, series: list[Any]) -> None:
        names = (self.wanted[0], self.wanted[1], self.wanted[2] if len(self.wanted) > 2 else "")
        rows = RowByRow(self.reading, self.path, names, self.clock)
        lists = [
            [None if missing else value for value, missing in zip(values.tolist(), values.isna(), strict=True)]
            for values in series
        ]
        times = lists[2] if len(lists) > 2 else [None] * len(lists[0])
        for number, (size_in, size_out, arrival) in enumerate(
            zip(lists[0], lists[1], times, strict=True), self.row + 1
        ):
            rows.take(number, (size_in, size_out), arrival)
        rows.flush()
