"""Traces: one row per request.

A trace is a CSV file (gzip or not, told by its content) with a header that has the columns ``input_tokens`` and
``output_tokens`` and may have ``arrival_s`` (seconds from any origin, in any order). Other columns are passed over.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.errors import BadFile, Fault
from melange_cloud.workload.ranges import LONGEST_TOKENS
from melange_cloud.workload.reading import parse_number, read_rows, read_text

RATE_WINDOW_S = 60
"""Traces of an hour are the common case; a minute is the shortest window in which a fleet could react at all."""

_WHOLE = re.compile(r"[0-9]{1,12}")
_SIZES = ("input_tokens", "output_tokens")


@dataclass(frozen=True, slots=True)
class ArrivalRates:
    """Arrival rates that a source saw, requests/s, counted in ``windows`` whole windows of ``window_s`` seconds.

    ``p95_requests_per_s`` is interpolated linearly between the two windows next to it.
    """

    window_s: int
    windows: int
    mean_requests_per_s: float
    p95_requests_per_s: float
    peak_requests_per_s: float


@dataclass(frozen=True, slots=True)
class Trace:
    """The requests of a trace, in the order of the file; ``arrival_s`` is None where the file has no times."""

    input_tokens: tuple[int, ...]
    output_tokens: tuple[int, ...]
    arrival_s: tuple[float, ...] | None = None

    def arrival_rates(self, window_s: int = RATE_WINDOW_S) -> ArrivalRates | None:
        """Rates by window, counted from the first arrival; the last, incomplete window is left out.

        None where there are no times, or where they span less than one window.
        """
        if self.arrival_s is None:
            return None
        return _arrival_rates(self.arrival_s, window_s)


def read_trace(path: str | Path) -> Trace:
    """Reads a trace.

    Raises:
        BadInput: the file cannot be read.
        BadFile: columns are missing, or rows are ragged or hold something else than whole token counts from 0 to
            1,000,000,000 and finite times; every bad row is named with its line.
    """
    path = Path(path)
    rows = read_rows(read_text(path), path)
    header_line, header = next(rows, (1, []))
    missing = [column for column in _SIZES if header.count(column) != 1]
    if missing or header.count("arrival_s") > 1:
        raise BadFile(
            [
                Fault(
                    path,
                    "the header must name input_tokens and output_tokens, and may name arrival_s, once each; "
                    f"found: {', '.join(header) or 'nothing'}",
                    line=header_line,
                )
            ]
        )
    size_positions = [header.index(column) for column in _SIZES]
    arrival_position = header.index("arrival_s") if "arrival_s" in header else None
    sizes: tuple[list[int], list[int]] = ([], [])
    arrival_s: list[float] = []
    faults: list[Fault] = []
    for line, cells in rows:
        if len(cells) != len(header):
            faults.append(Fault(path, f"has {len(cells)} cells, the header has {len(header)}", line=line))
            continue
        for column, position, into in zip(_SIZES, size_positions, sizes, strict=True):
            cell = cells[position]
            if _WHOLE.fullmatch(cell) and int(cell) <= LONGEST_TOKENS:
                into.append(int(cell))
            else:
                message = f"is {cell[:40]!r}: must be a whole number from 0 to {LONGEST_TOKENS:,}"
                faults.append(Fault(path, message, line=line, field=column))
        if arrival_position is not None:
            arrival = parse_number(cells[arrival_position])
            if arrival is None:
                message = f"is {cells[arrival_position][:40]!r}: must be seconds, as a number"
                faults.append(Fault(path, message, line=line, field="arrival_s"))
            else:
                arrival_s.append(arrival)
    if not faults and not sizes[0]:
        faults.append(Fault(path, "has a header and no request"))
    if faults:
        raise BadFile(faults)
    return Trace(tuple(sizes[0]), tuple(sizes[1]), tuple(arrival_s) if arrival_position is not None else None)


def _arrival_rates(arrival_s: Sequence[float], window_s: int) -> ArrivalRates | None:
    first = min(arrival_s)
    windows = int((max(arrival_s) - first) // window_s)
    if windows == 0:
        return None
    by_window = Counter(int((arrival - first) // window_s) for arrival in arrival_s)
    by_window.pop(windows)
    busy = sorted(by_window.values())
    idle = windows - len(busy)

    def count_at(rank: int) -> int:
        return 0 if rank < idle else busy[rank - idle]

    # Whole numbers place the quantile: 0.95 * 60 is not 57 in floating point.
    below, twentieths = divmod(19 * (windows - 1), 20)
    p95 = float(count_at(below))
    if twentieths:
        p95 += (count_at(below + 1) - p95) * twentieths / 20
    return ArrivalRates(
        window_s=window_s,
        windows=windows,
        mean_requests_per_s=sum(busy) / windows / window_s,
        p95_requests_per_s=p95 / window_s,
        peak_requests_per_s=busy[-1] / window_s,
    )
