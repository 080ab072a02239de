"""Reads traces in Parquet with pyarrow (the extra ``melange-cloud[parquet]``).

The metadata of a Parquet file may be damaged or malicious, and pyarrow and its C++ may then raise any error. All calls
into pyarrow go through ``_sound``, the only place that turns such an error into one line.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from melange_cloud.concurrency import ahead
from melange_cloud.errors import BadFile, BadInput, Fault, MelangeError, echoed
from melange_cloud.inputs import open_regular
from melange_cloud.workload.traces.clock import FIRST_S, LAST_S, OUTSIDE_CALENDAR, Clock, in_calendar, zone_of
from melange_cloud.workload.traces.columns import ColumnChoice, TraceColumns, find_columns
from melange_cloud.workload.traces.csv_cells import seconds_of_texts
from melange_cloud.workload.traces.labels import label_text
from melange_cloud.workload.traces.line_blocks import OnBytes
from melange_cloud.workload.traces.time_column import timed
from melange_cloud.workload.traces.time_units import SECONDS_PER_UNIT
from melange_cloud.workload.traces.token_sums import clues, settled
from melange_cloud.workload.traces.trace_rows import RowReader, TraceRows, TraceState, rows_of

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

MAGIC = b"PAR1"
_BATCH_ROWS = 2**17
"""So few rows at a time stay in a processor's cache."""

_LEARNT_FROM = 1_000
_MOST_CHUNK_BYTES = 2**31
"""Limit of one column in one row group, decompressed; writers make groups of about a million rows."""

_MOST_LOOKED_AT_BYTES = 2**24

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_parquet_trace(
    path: Path, asked: ColumnChoice, reading: TraceState, size_bytes: int, on_bytes: OnBytes | None
) -> None:
    """Count the requests of a Parquet file; rows are numbered from 1.

    Raises:
        BadInput: pyarrow is not installed, or the file cannot be read.
        BadFile: the file is damaged, or has no columns of sizes.
    """
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise BadInput(
            f"{echoed(path, 150)}: Parquet needs pyarrow: python3 -m pip install "
            '"melange-cloud[parquet]", or convert it to CSV'
        ) from error
    with open_regular(path) as stream:
        with _sound(path):
            file = pq.ParquetFile(stream)
            schema = file.schema_arrow
            names = _names(schema)
            total = max(1, file.metadata.num_rows)
        columns = find_columns(names, asked, path)
        sizes = _chunk_bytes(file, path)
        telling = [name for name in clues(columns, names) if sizes.get(name, 0) <= _MOST_CHUNK_BYTES]
        with _sound(path):
            sums = _first_rows(file, telling)
        columns, notes = settled(columns, names, sums, asked, path)
        reading.notes += notes
        if max((sizes.get(name, 0) for name in columns.used), default=0) > _MOST_CHUNK_BYTES:
            message = "has more than 2 GiB of one column in one row group: write it again with smaller row groups"
            raise BadFile([Fault(path, message)])
        # If no times are known, other columns may look like times; prompts and answers are not read.
        others = [name for name in names if sizes.get(name, _MOST_LOOKED_AT_BYTES) < _MOST_LOOKED_AT_BYTES]
        columns = _with_unit_of_type(columns, schema)
        learnt = _samples(file, columns.used, [] if columns.arrival or asked.ignore_times else others, path)
        columns, clock, lean = timed(columns, names, learnt, asked, reading, path)
        reader = _ParquetBatches(path, reading, columns, clock, zone_of(asked.time_zone))
        reading.begin(path, columns, clock, lean)
        with closing(ahead(_batches(file, columns.used, path))) as batches:
            for batch in batches:
                reader.take(batch)
                if on_bytes is not None:
                    on_bytes(size_bytes * min(reader.row, total) // total)
    if on_bytes is not None:
        on_bytes(size_bytes)


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """Raise whatever pyarrow raises as a BadFile: the only edge of this module to pyarrow."""
    try:
        yield
    except MelangeError:
        raise
    except Exception as error:
        raise BadFile([Fault(path, f"is not a valid Parquet file ({echoed(error, 80)}): download it again")]) from error


def _batches(file: Any, names: Sequence[str], path: Path) -> Iterator[Any]:
    with _sound(path):
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=list(names)):
            yield _flat(batch)


def _flat(batch: Any) -> Any:
    """A batch as a table; nested columns have dotted names."""
    import pyarrow as pa

    table = pa.Table.from_batches([batch])
    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    return table


def _names(schema: Any) -> list[str]:
    import pyarrow.types as kinds

    def inside(field: Any, before: str) -> Iterator[str]:
        if kinds.is_struct(field.type):
            for child in field.type:
                yield from inside(child, f"{before}{field.name}.")
        else:
            yield f"{before}{field.name}"

    return [name for field in schema for name in inside(field, "")]


def _with_unit_of_type(columns: TraceColumns, schema: Any) -> TraceColumns:
    """The columns, with the unit that a duration type itself has."""
    import pyarrow.types as kinds

    fields = {field.name: field.type for field in schema}
    kind = fields.get(columns.arrival)
    if kind is None or not kinds.is_duration(kind):
        return columns
    return replace(columns, seconds_per_unit=SECONDS_PER_UNIT[kind.unit])


def _chunk_bytes(file: Any, path: Path) -> dict[str, int]:
    """For each column, the bytes of its largest row group, decompressed."""
    most: dict[str, int] = {}
    with _sound(path):
        metadata = file.metadata
        for group in range(metadata.num_row_groups):
            row_group = metadata.row_group(group)
            for at in range(metadata.num_columns):
                column = row_group.column(at)
                name = column.path_in_schema
                most[name] = max(most.get(name, 0), column.total_uncompressed_size)
    return most


def _first_rows(file: Any, names: Sequence[str]) -> list[dict[str, object]]:
    """The first rows of the columns with single values."""
    import pyarrow.types as kinds

    batch = next(file.iter_batches(batch_size=_LEARNT_FROM, columns=list(dict.fromkeys(names))), None)
    if batch is None:
        return []
    table = _flat(batch)
    simple = [field.name for field in table.schema if not kinds.is_nested(field.type)]
    columns = {name: _python_values(table.column(name)) for name in dict.fromkeys(simple)}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _samples(file: Any, names: Sequence[str], others: Sequence[str], path: Path) -> list[dict[str, object]]:
    """The first rows of the columns that are read, and of others that may look like times."""
    with _sound(path):
        rows = _first_rows(file, names)
    if others:
        try:
            with _sound(path):
                return _first_rows(file, [*names, *others])
        except BadFile:  # a column that is not needed may contain anything
            return rows
    return rows


def _python_values(column: Any) -> list[object]:
    """Values as in JSON: stamps as ISO text, days unchanged."""
    import pyarrow.types as kinds

    if kinds.is_date(column.type):
        return [None if days is None else "1970-01-01" for days in _integers(column).to_pylist()]
    if kinds.is_time(column.type):
        return [None if units is None else "00:00:00" for units in column.to_pylist()]
    if kinds.is_timestamp(column.type):
        return [None if units is None else "1970-01-01T00:00:00Z" for units in _integers(column).to_pylist()]
    column = _plain(column)
    if kinds.is_temporal(column.type) or kinds.is_nested(column.type):
        return [None] * len(column)
    return list(column.to_pylist())


def _integers(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.types as kinds

    return column.cast(pa.int32() if kinds.is_date32(column.type) else pa.int64())


def _plain(column: Any) -> Any:
    """A column of texts or numbers, however it is encoded."""
    import pyarrow as pa
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if kinds.is_binary(column.type) or kinds.is_large_binary(column.type) or kinds.is_fixed_size_binary(column.type):
        try:
            column = column.cast(pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:  # bytes that are not text stay bytes, which no row can use
            return column
    if kinds.is_decimal(column.type) or kinds.is_float16(column.type):
        column = column.cast(pa.float64())
    if kinds.is_duration(column.type):
        column = column.cast(pa.int64())
    return column


class _ParquetBatches:
    def __init__(
        self, path: Path, reading: TraceState, columns: TraceColumns, clock: Clock | None, zone: ZoneInfo | None
    ) -> None:
        self.path, self.reading, self.columns, self.clock, self.zone = path, reading, columns, clock, zone
        self.row = 0

    def take(self, table: Any) -> None:
        """Count the rows of a batch, all at once if none has a fault."""
        rows = None
        with _sound(self.path):
            columns = {name: table.column(name) for name in self.columns.used}
            rows = self._at_once(columns)
        if rows is None:
            self._row_by_row(columns)
        else:
            self.reading.take(self.path, rows)
        self.row += len(table)

    def _at_once(self, of: dict[str, Any]) -> TraceRows | None:
        """The columns as arrays; None if a value is missing, or is not a size or time."""
        import pyarrow.types as kinds

        columns = self.columns

        def numbers(name: str, optional: bool) -> "Array | None":
            column = _plain(of[name])
            if not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
                return None
            if column.null_count:
                if not optional:
                    return None
                column = column.fill_null(0)
            found: Array = column.to_numpy()
            return found

        rows = rows_of(columns, self.clock, numbers, lambda name, clock: self._seconds(of[name], clock))
        if rows is None:
            return None
        labels = tuple([label_text(value) for value in _python_values(of[label.column])] for label in columns.labels)
        return replace(rows, labels=labels)

    def _seconds(self, column: Any, clock: Clock) -> "Array | None":
        import pyarrow.types as kinds

        if column.null_count:
            return None
        if kinds.is_timestamp(column.type):
            return self._of_stamps(column)
        column = _plain(column)
        if kinds.is_string(column.type) or kinds.is_large_string(column.type):
            if clock.is_text and (found := seconds_of_texts(column, clock)) is not None:
                return found
            return clock.seconds(column.to_pandas()) if clock.is_text else None
        if clock.is_text or not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
            return None
        return clock.seconds(column.to_numpy())

    def _of_stamps(self, column: Any) -> "Array | None":
        """Whole seconds of stamps of any unit and zone; None if one is outside the calendar."""
        seconds: Array = _integers(column).to_numpy() // _PER_SECOND[column.type.unit]
        if not in_calendar(seconds):
            return None
        if column.type.tz is not None or self.zone is None:
            return seconds
        return _localised(seconds, self.zone)

    def _row_by_row(self, of: dict[str, Any]) -> None:
        import pyarrow.types as kinds

        columns, clock = self.columns, self.clock
        with _sound(self.path):
            values = {name: _python_values(column) for name, column in of.items()}
            if columns.arrival is not None and kinds.is_timestamp(of[columns.arrival].type):
                values[columns.arrival] = self._texts_of_stamps(of[columns.arrival])
        rows = RowReader(self.reading, self.path, columns, clock)
        count = len(next(iter(of.values())))
        for at in range(count):
            rows.take(self.row + at + 1, lambda name, at=at: values[name][at])  # type: ignore[misc]
        rows.flush()

    def _texts_of_stamps(self, column: Any) -> list[object]:
        """Stamps as ISO text; one outside the calendar as its number."""
        per_second, naive = _PER_SECOND[column.type.unit], column.type.tz is None
        texts: list[object] = []
        for units in _integers(column).to_pylist():
            if units is None:
                texts.append(None)
            elif FIRST_S <= units // per_second <= LAST_S:
                moment = _EPOCH + timedelta(seconds=units // per_second)
                texts.append(moment.replace(tzinfo=None).isoformat() if naive else moment.isoformat())
            else:
                texts.append(f"{units} {column.type.unit}{OUTSIDE_CALENDAR}")
        return texts


def _localised(seconds: "Array", zone: ZoneInfo) -> "Array | None":
    """Seconds since 1970 of local times, given as if they were UTC; if an hour occurs twice, the first."""
    import numpy as np

    minutes, places = np.unique(seconds // 60, return_inverse=True)
    starts: list[int] = []
    for minute in minutes.tolist():
        local = (_EPOCH + timedelta(minutes=minute)).replace(tzinfo=zone)
        try:
            starts.append(int(local.timestamp()))
        except (OverflowError, ValueError):  # its zone moves it out of the calendar
            return None
    found: Array = np.array(starts, dtype=np.int64)[places.reshape(-1)] + seconds % 60
    return found if in_calendar(found) else None
