"""A histogram by hours: a CSV with the columns ``start_hour,input_bucket,output_bucket,expected_requests``.

ServeGen publishes its traffic so. The ranges are written as in a histogram. From the counts of each window follow the
arrival rates and the drift of the mix; a window that is left out is a gap, one with 0 requests is not.
"""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from melange_cloud.domain import ArrivalRates, Workload, WorkloadFile
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.inputs import read_rows
from melange_cloud.inputs.csv_tables import CsvRow
from melange_cloud.workload.arrivals import rates_of
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS, TokenRange
from melange_cloud.workload.histogram import SizeFacts, buckets_of_counts, notes_of
from melange_cloud.workload.traces.drift import drift_of

COLUMNS = ("start_hour", "input_bucket", "output_bucket", "expected_requests")
_LABEL = re.compile(r"([0-9]{1,10})-([0-9]{1,10})|>([0-9]{1,10})")
_MOST_WINDOWS = 100_000
"""Eleven years of hours."""


def is_by_hours(text: str) -> bool:
    """Whether a CSV is such a histogram."""
    return text.startswith(",".join(COLUMNS))


def parse_hourly_histogram(text: str, path: Path, sizes: SizeFacts) -> WorkloadFile:
    """The workload, with its arrivals where the windows are of one length.

    Args:
        sizes: what the source tells of its sizes.

    Raises:
        BadFile: all that is wrong with the file.
    """
    import numpy as np

    faults: list[Fault] = []
    windows: dict[float, dict[tuple[TokenRange, TokenRange], float]] = {}
    for line, cells in list(read_rows(text, path))[1:]:
        if len(cells) != len(COLUMNS):
            faults.append(Fault(path, f"has {len(cells)} cells, the header has {len(COLUMNS)}", line=line))
            continue
        row = CsvRow(path, line, dict(zip(COLUMNS, cells, strict=True)), faults)
        hour, count = (
            row.number(name, 0) if row.required(name) else None for name in ("start_hour", "expected_requests")
        )
        input_tokens = _range(cells[1], sizes.longest_input)
        output_tokens = _range(cells[2], sizes.longest_output)
        if isinstance(input_tokens, str) or isinstance(output_tokens, str):
            for field, found in zip(COLUMNS[1:3], (input_tokens, output_tokens), strict=True):
                if isinstance(found, str):
                    row.fault(field, found)
        elif hour is not None and count is not None:
            window = windows.setdefault(hour, {})  # an hour that is written with 0 requests is a quiet one, no gap
            if count:
                window[input_tokens, output_tokens] = window.get((input_tokens, output_tokens), 0.0) + count
    if not faults and not any(windows.values()):
        faults.append(Fault(path, "has no requests"))
    if faults:
        raise BadFile(faults)
    cells_used = sorted({cell for window in windows.values() for cell in window})
    total = {cell: math.fsum(window.get(cell, 0.0) for window in windows.values()) for cell in cells_used}
    hours = sorted(windows)
    step_hours = min((after - before for before, after in pairwise(hours)), default=1.0)
    step_s = max(1, round(step_hours * SECONDS_PER_HOUR))
    mixes = [windows[hour] for hour in hours if windows[hour]]
    by_window = {at: np.array([mix.get(cell, 0.0) for cell in cells_used]) for at, mix in enumerate(mixes)}
    name = path.name.split(".")[0]
    requests = round(math.fsum(total.values()))
    workload = Workload(
        name,
        f"{name}, {requests:,} requests",
        buckets_of_counts(total, sizes, path),
        source=path.name,
        licence="not stated",
        requests=requests,
        notes=notes_of(sizes),
    )
    return WorkloadFile(workload, _arrivals(windows, hours, step_hours), drift=drift_of(by_window, step_s))


def _arrivals(
    windows: Mapping[float, Mapping[tuple[TokenRange, TokenRange], float]], hours: Sequence[float], step_hours: float
) -> ArrivalRates | None:
    """The rates of the windows, a gap where one is left out; None for a single window or uneven ones."""
    places = [(hour - hours[0]) / step_hours for hour in hours]
    if len(hours) < 2 or places[-1] >= _MOST_WINDOWS or any(abs(at - round(at)) > 1e-6 for at in places):
        return None
    counts: list[float | None] = [None] * (round(places[-1]) + 1)
    for at, hour in zip(places, hours, strict=True):
        counts[round(at)] = math.fsum(windows[hour].values())
    return rates_of(counts, max(1, round(step_hours * SECONDS_PER_HOUR)), None, "rate")


def _range(text: str, longest_tokens: int | None) -> TokenRange | str:
    match = _LABEL.fullmatch(text)
    if match is None:
        return f"is {shown(text, 40)}: write first-last such as 26-100, or >4000"
    if match[3] is not None:
        low = int(match[3])
        if longest_tokens is None or longest_tokens <= low:
            return f"has no upper edge: say where {text} ends, --longest-input or --longest-output"
        return low, longest_tokens
    low, high = max(0, int(match[1]) - 1), int(match[2])
    return (low, high) if low < high <= LONGEST_TOKENS else f"is {shown(text, 40)}: the first must be below the last"
