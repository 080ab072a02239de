"""The cells of a block of CSV, found in all lines at once. For blocks without quotes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from melange_cloud.workload.times import Clock

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_LINE_FEED = 10
_PYARROW_BLOCK_BYTES = 2**20
"""What one of its threads takes at a time."""


def count_of(block: bytes, byte: bytes) -> int:
    """How often a byte comes; much faster than ``bytes.count`` where it comes often."""
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == byte[0]))


def cell_ends(block: bytes, delimiter: str, lines: int, width: int) -> "Array | None":
    """The place of the byte after each cell, shape (lines, width); None unless every line has ``width`` cells."""
    import numpy as np

    data = np.frombuffer(block, dtype=np.uint8)
    ends: Array = np.flatnonzero((data == ord(delimiter)) | (data == _LINE_FEED))
    if not block.endswith(b"\n"):
        ends = np.append(ends, len(block))
    if len(ends) != lines * width:
        return None
    ends = ends.reshape(lines, width)
    feeds = data[ends[:, :-1]] == _LINE_FEED
    last = data[ends[:-1, -1]] == _LINE_FEED
    return ends if not feeds.any() and last.all() else None


def cells_of_one_width(block: bytes, ends: "Array", column: int) -> "Array | None":
    """The bytes of a column's cells, shape (lines, width in bytes); None where they differ in width."""
    import numpy as np

    starts = ends[:, column - 1] + 1 if column else np.concatenate([[0], ends[:-1, -1] + 1])
    widths = ends[:, column] - starts
    if widths[0] < 1 or (widths != widths[0]).any():
        return None
    data = np.frombuffer(block, dtype=np.uint8)
    found: Array = np.lib.stride_tricks.sliding_window_view(data, int(widths[0]))[starts]
    return found


def columns_of(block: bytes, delimiter: str, names: Sequence[str], types: Mapping[int, str]) -> list[Any] | None:
    """Some columns of a block by pyarrow; None where it is not installed, or a cell or a line is not as expected.

    Args:
        names: of all columns.
        types: place -> ``int64``, ``float64`` (which come back as numpy arrays) or ``text`` (as pyarrow's own), in the
            order in which the columns come back.
    """
    try:
        import pyarrow as pa
        from pyarrow import csv
    except ImportError:
        return None
    kinds = {"int64": pa.int64(), "float64": pa.float64(), "text": pa.binary()}
    wanted = [names[place] for place in types]
    try:
        table = csv.read_csv(
            pa.BufferReader(block),
            read_options=csv.ReadOptions(column_names=list(names), use_threads=True, block_size=_PYARROW_BLOCK_BYTES),
            parse_options=csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: kinds[kind] for name, kind in zip(wanted, types.values(), strict=True)},
                null_values=[],
                strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid:
        return None
    columns = [table.column(name) for name in wanted]
    if any(column.null_count for column in columns):
        return None
    return [
        column if kind == "text" else column.to_numpy() for column, kind in zip(columns, types.values(), strict=True)
    ]


def seconds_of_texts(column: Any, clock: Clock) -> "Array | None":
    """A pyarrow column of stamps as whole seconds; None where one is no time, or is written in no common form."""
    import numpy as np
    import pyarrow as pa

    texts = column.combine_chunks()
    _, ends, data = texts.buffers()
    if len(texts) and data is not None and texts.offset == 0:
        wide = pa.types.is_large_string(texts.type)
        places = np.frombuffer(ends, dtype=np.int64 if wide else np.int32)[: len(texts) + 1]
        width = int(places[1] - places[0])
        if width and (np.diff(places) == width).all():
            signs = np.frombuffer(data, dtype=np.uint8)[places[0] : places[-1]].reshape(len(texts), width)
            seconds = clock.seconds_of_bytes(signs)
            if seconds is not None:
                return seconds
    types = {"naive": pa.timestamp("ns"), "utc": pa.timestamp("ns", "UTC")}
    if clock.pyarrow_type not in types:
        return None
    try:
        return clock.seconds(column.cast(pa.string()).cast(types[clock.pyarrow_type]).to_numpy())
    except pa.ArrowInvalid:
        return None
