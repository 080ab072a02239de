"""Finds the cells of a block of CSV in all lines at once, and reads the numbers in them.

A general CSV reader reads one cell at a time. Here a whole column is read at once: eight bytes of each cell form one
word, and a few operations on all words test and join the digits. Cells that do not fit are rejected, not guessed.

The gain is worth the code: with pandas for the numbers in the cells, `workloads from-trace` takes 1.5 times as long
    over
Azure's three columns and over three columns of numbers, 1.7 times over twenty columns; with pandas for the stamps too,
4.2, 1.5 and 2.6 times (CPU seconds of 600,000 rows, median of 7 rounds in one run: `python -m
tests.benchmarks.csv_cells`).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from melange_cloud.workload.traces.clock import Clock

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

_LINE_FEED, _RETURN, _POINT, _QUOTE = b"\n"[0], b"\r"[0], b"."[0], b'"'[0]
_WORD_BYTES = 8
_EXACT_DIGITS = 15
"""A float distinguishes decimals of this many digits, so rounding never turns one into a whole number."""


def count_of(block: bytes, byte: bytes) -> int:
    """How often a byte occurs; much faster than ``bytes.count`` if it occurs often."""
    import numpy as np

    return int(np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == byte[0]))


@dataclass(frozen=True, slots=True)
class CellPlaces:
    """The places of the cells in the bytes of a block, by column.

    Attributes:
        block: the bytes.
        starts: for each column, the first byte of its cells.
        ends: for each column, the byte after its cells.
        points: for each column, the decimal point of its cells; None if they have none.
    """

    block: bytes
    starts: "tuple[Array, ...]"
    ends: "tuple[Array, ...]"
    points: "tuple[Array | None, ...]"

    @property
    def lines(self) -> int:
        """The number of lines."""
        return len(self.ends[0])

    def whole_numbers(self, column: int, *, empty_is_zero: bool = False) -> "Array | None":
        """A column as int64; None if a cell is anything but one to sixteen digits (or empty, if that counts as 0)."""
        import numpy as np

        if self.points[column] is not None:
            return None
        starts, ends = self.starts[column], self.ends[column]
        if not empty_is_zero or bool((ends > starts).all()):
            return self._digits(starts, ends)
        found = np.zeros(len(ends), dtype=np.int64)
        given = ends > starts
        if given.any():
            digits = self._digits(starts[given], ends[given])
            if digits is None:
                return None
            found[given] = digits
        return found

    def texts(self, column: int) -> "list[str | None] | None":
        """A column as stripped texts, None for empty cells; None if a cell has quotes inside."""
        first = bytes(self.block[int(self.starts[column][0]) : int(self.ends[column][0])])
        alike = self._texts(column)
        if alike is not None and bool((alike == alike[0]).all()):
            cells = [first]
        else:
            block = self.block
            places = zip(self.starts[column].tolist(), self.ends[column].tolist(), strict=True)
            cells = [block[start:end] for start, end in places]
        if any(b'"' in cell for cell in set(cells)):
            return None
        known = {cell: cell.decode("utf-8", errors="surrogateescape").strip() or None for cell in set(cells)}
        return [known[cell] for cell in cells] * (self.lines if len(cells) == 1 else 1)

    def seconds(self, column: int, clock: Clock) -> "Array | None":
        """A column of times as whole seconds; None if a cell is not a time in a common form."""
        if clock.is_text:
            texts = self._texts(column)
            return None if texts is None else clock.seconds_of_bytes(texts)
        starts, ends, points = self.starts[column], self.ends[column], self.points[column]
        if points is not None:
            exact = clock.seconds_per_unit == 1.0 and int((ends - starts).max()) <= _EXACT_DIGITS + 1
            if not exact or self._digits(points + 1, ends, value=False) is None:
                return None
        numbers = self._digits(starts, ends if points is None else points)
        return None if numbers is None else clock.seconds(numbers)

    def _texts(self, column: int) -> "Array | None":
        """The bytes of a column's cells, shape (lines, width in bytes); None if they differ in width."""
        import numpy as np

        starts = self.starts[column]
        widths = self.ends[column] - starts
        width = int(widths[0])
        if width < 1 or (widths != width).any():
            return None
        data = np.frombuffer(self.block, dtype=np.uint8)
        at_each_byte: Array = np.ndarray(len(data) - width + 1, f"V{width}", data, strides=(1,))
        return at_each_byte[starts].view(np.uint8).reshape(-1, width)

    def _digits(self, starts: "Array", ends: "Array", *, value: bool = True) -> "Array | None":
        """The value of the digits between two places; None if there are no digits, other characters, or 17 digits.

        Args:
            value: False to check the characters only; then any result but None means that they are digits.
        """
        import numpy as np

        widths = ends - starts
        least, most = int(widths.min()), int(widths.max())
        if least < 1 or most > 2 * _WORD_BYTES:
            return None
        if most <= _WORD_BYTES:
            return self._word(ends, widths, value)
        low = self._word(ends, np.minimum(widths, _WORD_BYTES), value)
        some = widths > _WORD_BYTES
        high = self._word((ends - _WORD_BYTES)[some], (widths - _WORD_BYTES)[some], value)
        if low is None or high is None:
            return None
        low[some] += high * 10**_WORD_BYTES
        return low

    def _word(self, ends: "Array", widths: "Array", value: bool) -> "Array | None":
        """As above, for one to eight digits."""
        import numpy as np

        data = np.frombuffer(self.block, dtype=np.uint8)
        # Little-endian: the last character of a cell is in the highest byte, whatever precedes the cell in the lowest.
        words: Array = np.ndarray(max(0, len(data) - _WORD_BYTES + 1), "<u8", data, strides=(1,))
        early = int(np.searchsorted(ends, _WORD_BYTES))
        found = np.empty(len(ends), dtype=np.uint64)
        found[early:] = words[ends[early:] - _WORD_BYTES]
        for at, end in enumerate(ends[:early].tolist()):
            found[at] = int.from_bytes(self.block[:end].rjust(_WORD_BYTES, b"0"), "little")
        found ^= np.uint64(0x3030303030303030)
        before = widths * -8
        before += 64
        before = before.view(np.uint64)
        found >>= before
        found <<= before
        # A digit is below 10: it stays below 16 when 6 is added.
        seen = found + np.uint64(0x0606060606060606)
        seen |= found
        if int(np.bitwise_or.reduce(seen)) & 0xF0F0F0F0F0F0F0F0:
            return None
        if value:
            # Join neighbours to pairs, fours, eight: the left one times 10, 100, 10,000, plus the right one.
            for join, bits, mask in (
                (10 << 8 | 1, 8, 0x00FF00FF00FF00FF),
                (100 << 16 | 1, 16, 0x0000FFFF0000FFFF),
                (10_000 << 32 | 1, 32, 0xFFFFFFFF),
            ):
                found *= np.uint64(join)
                found >>= np.uint64(bits)
                found &= np.uint64(mask)
        return found.view(np.int64)


def cells_of(block: bytes, delimiter: str, width: int, *, points: bool) -> CellPlaces | None:
    """The cells of whole records; None unless every record has ``width`` cells and the form of the first.

    Quotes around all cells of a column are not part of them.

    Args:
        block: ends in a line feed, where no quote is open.
        points: True to look for decimal points; a column must then have one in every record or in none.
    """
    import numpy as np

    data = np.frombuffer(block, dtype=np.uint8)
    marks = (data == ord(delimiter)) | (data == _LINE_FEED)
    if points:
        marks |= data == _POINT
    if b'"' in block:
        outside = _outside_quotes(data, ord(delimiter))
        if outside is None:
            return None
        marks &= outside | (data == _POINT)
    places: Array = np.flatnonzero(marks)
    signs = []
    for sign in data[places[: 2 * width]].tolist():
        signs.append(sign)
        if sign == _LINE_FEED:
            break
    if sum(sign != _POINT for sign in signs) != width or len(places) % len(signs):
        return None
    by_sign = [np.ascontiguousarray(column) for column in places.reshape(-1, len(signs)).T]
    if any((data[found] != sign).any() for found, sign in zip(by_sign, signs, strict=True)):
        return None
    ends = [found for found, sign in zip(by_sign, signs, strict=True) if sign != _POINT]
    starts = [np.concatenate([[0], ends[-1][:-1] + 1]), *(found + 1 for found in ends[:-1])]
    points_of: list[Array | None] = [None] * width
    column = 0
    for found, sign in zip(by_sign, signs, strict=True):
        if sign != _POINT:
            column += 1
        elif points_of[column] is None:
            points_of[column] = found
    if b"\r" in block:
        ends[-1] = ends[-1] - 1
        if (data[ends[-1]] != _RETURN).any() or count_of(block, b"\r") != len(ends[-1]):
            return None
    for column in range(width):
        # An empty cell would begin with what ends it, which is not a quote.
        if data[starts[column][0]] == _QUOTE and (data[starts[column]] == _QUOTE).all():
            starts[column], ends[column] = starts[column] + 1, ends[column] - 1
    return CellPlaces(block, tuple(starts), tuple(ends), tuple(points_of))


def _outside_quotes(data: "Array", delimiter: int) -> "Array | None":
    """The bytes outside quotes; None if a quote is anywhere but around a whole cell."""
    import numpy as np

    quotes = data == _QUOTE
    places = np.flatnonzero(quotes)
    opening, closing = places[::2], places[1::2]
    if len(opening) != len(closing):
        return None
    before, after = data[opening[opening > 0] - 1], data[closing + 1]
    # Two quotes in a cell mean one: the first closes and the second opens.
    for neighbours, allowed in (
        (before, (delimiter, _LINE_FEED, _QUOTE)),
        (after, (delimiter, _LINE_FEED, _QUOTE, _RETURN)),
    ):
        if not np.isin(neighbours, allowed).all():
            return None
    inside: Array = np.cumsum(quotes, dtype=np.uint8)  # beyond 255 it continues at 0, which is even too
    outside: Array = (inside & 1) == 0
    return outside


def seconds_of_texts(column: Any, clock: Clock) -> "Array | None":
    """A pyarrow column of stamps as whole seconds; None if one is not a time in a common form."""
    import numpy as np
    import pyarrow as pa

    texts = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    _, ends, data = texts.buffers()
    if len(texts) and data is not None:
        wide = pa.types.is_large_string(texts.type)
        places = np.frombuffer(ends, dtype=np.int64 if wide else np.int32)[texts.offset :][: len(texts) + 1]
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
        stamps = column.cast(pa.string()).cast(types[clock.pyarrow_type]).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        return None
    return clock.seconds(stamps)
