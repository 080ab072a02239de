"""How much a mix changes: total variation distance between each window's histogram and that of the whole trace."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from melange_cloud.domain import Drift
from melange_cloud.domain.units import SECONDS_PER_HOUR
from melange_cloud.workload.arrivals import whole_hours
from melange_cloud.workload.request_tally import Tally

if TYPE_CHECKING:
    import numpy as np

LONG_WINDOW_HOURS = 6
"""Windows of a trace of a day or more; a shorter trace is cut into hours."""


def drift_by_hour(tally: Tally, *, absolute: bool) -> Drift | None:
    """The drift of a trace on the default edges, over its complete windows; None below two complete hours."""
    if not tally.mix_by_hour or tally.by_second.least is None or tally.by_second.most is None:
        return None
    start_s, hours = whole_hours(tally.by_second.least, tally.by_second.most, absolute)
    first, last = -(-start_s // SECONDS_PER_HOUR), (start_s // SECONDS_PER_HOUR) + hours
    size = LONG_WINDOW_HOURS if hours >= 24 else 1
    windows: dict[int, np.ndarray[Any, Any]] = {}
    for hour, counts in sorted(tally.mix_by_hour.items()):
        window = hour // size
        if window * size >= first and (window + 1) * size <= last:
            windows[window] = windows[window] + counts if window in windows else counts
    return drift_of(windows, size * SECONDS_PER_HOUR)


def drift_of(windows: "Mapping[int, np.ndarray[Any, Any]]", window_s: int) -> Drift | None:
    """The drift of windows with these numbers of requests per cell; None for fewer than two."""
    import numpy as np

    if len(windows) < 2:
        return None
    stacked = np.stack(list(windows.values())).astype(np.float64)
    whole = stacked.sum(axis=0) / stacked.sum()
    apart = np.abs(stacked / stacked.sum(axis=1, keepdims=True) - whole).sum(axis=1) / 2
    return Drift(window_s, len(windows), float(apart.mean()), float(apart.max()))
