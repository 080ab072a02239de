"""Reads times in any common notation as whole seconds.

The unit of a number follows from its size, unless something else names it: a present-day Unix time has ten digits in
seconds, thirteen in milliseconds, sixteen in microseconds and nineteen in nanoseconds. Other numbers count from the
source's own origin (``relative``), in a unit that ``time_units`` judges. Text is ISO 8601; stamps without a zone are in
the given zone, or else UTC.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_number
from melange_cloud.workload.traces.stamps import ends_in_utc, seconds_of_stamps
from melange_cloud.workload.traces.time_units import SECONDS_PER_UNIT, UNITS_S

if TYPE_CHECKING:
    import numpy as np

LEAST_UNIX_S = 1e8
"""Numbers in a named unit are Unix times from here on (1973)."""

UNIX_S = (1e9, 4.1e9)
"""Numbers without a named unit are Unix times in the unit that puts them here, from 2001 to 2099."""

_LONGEST_LOG_S = 10 * 366 * 86_400.0

FIRST_S, LAST_S = -62_135_596_800, 253_402_300_799
"""The calendar's first and last second, years 1 and 9999."""

OUTSIDE_CALENDAR = " since 1970"
"""The ending of placeholders for stamps outside the calendar."""

_ENDS_IN_ZONE = re.compile(r"(Z|[+-][0-9]{2}:?[0-9]{2})$")
_LARGEST = {1.0: 1e11, 1e-3: 1e14, 1e-6: 1e17, 1e-9: 1e20, 60.0: 1e9, 3600.0: 1e7, 86_400.0: 1e6}
_LARGEST_OF_ANY_UNIT = 4e18
"""The largest number that fits in 64 bits."""

_MICROSECONDS = 6
"""Minutes are rounded to this many decimals of a second, so that 0.05 minutes are 3 s and not slightly less."""

_MOST_DIGITS, _MOST_NUMBER = 20, 1e20
_LEAST_SAMPLES, _MINUTE_S = 8, 60
_TIME_OF_DAY = re.compile(r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?[APap][Mm])?")
_DAY = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one file are written.

    Attributes:
        is_text: ISO 8601 text, not numbers.
        seconds_per_unit: of numbers.
        absolute: True if the times have a date.
        zone: used for stamps without one.
        pyarrow_type: ``naive`` or ``utc`` stamps as pyarrow can read them; empty if it cannot.
        unit_is_known: False if the unit is a guess that all requests together must confirm.
    """

    is_text: bool
    seconds_per_unit: float
    absolute: bool
    zone: ZoneInfo | None
    pyarrow_type: str = ""
    unit_is_known: bool = True

    @property
    def unit(self) -> str:
        """The unit of numbers: ``ms``."""
        return next(name for name, seconds in UNITS_S.items() if seconds == self.seconds_per_unit)

    @property
    def words(self) -> str:
        """How times are read, in words: ``ms since 1970``."""
        if self.is_text:
            return f"ISO 8601, {self.zone or 'UTC'} if no zone is given"
        return f"{self.unit} since 1970" if self.absolute else f"{self.unit} from an origin without a date"

    @property
    def _units_per_second(self) -> int:
        return round(1 / self.seconds_per_unit)

    @property
    def _largest(self) -> float:
        return _LARGEST[self.seconds_per_unit] if self.unit_is_known else _LARGEST_OF_ANY_UNIT

    def second(self, value: object) -> int | None:
        """One time as whole seconds (rounded down); None if it is not a time."""
        if isinstance(value, str) and self.is_text:
            try:
                moment = datetime.fromisoformat(value.strip())
                if moment.tzinfo is None:
                    moment = moment.replace(tzinfo=self.zone or UTC)
                second = math.floor(moment.replace(microsecond=0).timestamp())  # a float rounds far dates up
            except (ValueError, OverflowError):  # OverflowError: the zone moves it out of the calendar
                return None
            return second if FIRST_S <= second <= LAST_S else None
        number = number_of(value)
        if self.is_text or number is None or not abs(number) < self._largest:
            return None
        if self.seconds_per_unit > 1:
            return math.floor(round(number * self.seconds_per_unit, _MICROSECONDS))
        # Division of whole numbers is exact; a product with 1e-9 may fall short of a whole second.
        return math.floor(number) if self.seconds_per_unit == 1.0 else math.floor(number // self._units_per_second)

    def seconds(self, values: Any) -> "np.ndarray[Any, Any] | None":
        """A column (pandas Series or numpy array) as whole seconds; None if one of its values is not a time."""
        import numpy as np

        numbers = np.asarray(values)
        if numbers.dtype.kind == "M":
            stamps: np.ndarray[Any, Any] = numbers.astype("datetime64[s]").astype(np.int64)
            return stamps
        if self.is_text:
            return self._seconds_of_text(values)
        if numbers.dtype.kind not in "iuf":
            return None
        if numbers.dtype.kind in "iu" and len(numbers):
            if not (numbers.min() > -self._largest and numbers.max() < self._largest):
                return None
            whole: np.ndarray[Any, Any] = numbers.astype(np.int64, copy=False)
            if self.seconds_per_unit > 1:
                return whole * round(self.seconds_per_unit)
            return whole if self.seconds_per_unit == 1.0 else whole // self._units_per_second
        # The comparison is also false for NaN.
        if not bool((np.abs(numbers) < self._largest).all()):
            return None
        if self.seconds_per_unit > 1:
            numbers = np.round(numbers * self.seconds_per_unit, _MICROSECONDS)
        elif self.seconds_per_unit < 1:
            numbers = numbers // self._units_per_second
        found: np.ndarray[Any, Any] = np.floor(numbers).astype(np.int64)
        return found

    def seconds_of_bytes(self, texts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any] | None":
        """Stamps ``2024-05-10 08:15:02.123456``, with ``T`` or not, fraction or not, ``Z`` or ``+00:00`` or no zone.

        Args:
            texts: their bytes, shape (stamps, bytes each).

        Returns:
            Whole seconds; None if one has another form or is not a time.
        """
        return None if self.zone is not None and not ends_in_utc(texts) else seconds_of_stamps(texts)

    def _seconds_of_text(self, values: Any) -> "np.ndarray[Any, Any] | None":
        import numpy as np
        import pandas as pd

        try:
            moments = pd.to_datetime(values, format="ISO8601", utc=self.zone is None)
            if self.zone is not None and moments.dt.tz is None:
                # Like datetime: if an hour occurs twice, the first.
                first = np.ones(len(moments), dtype=bool)
                moments = moments.dt.tz_localize(self.zone, ambiguous=first, nonexistent="raise")
        except Exception:  # noqa: BLE001 - pandas may raise anything; each row is then read by itself
            return None
        if moments.isna().any():
            return None
        naive = moments.dt.tz_convert(None).to_numpy()
        # From days or microseconds, whichever pandas chose; numpy rounds such a cast down.
        whole: np.ndarray[Any, Any] = naive.astype("datetime64[s]").astype(np.int64)
        return whole if in_calendar(whole) else None


def number_of(value: object) -> float | int | None:
    """A value from a file as a number, also if it is a text with a number in it; None if it is not one."""
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS:
            return int(text)
        try:
            return parse_number(text, -_MOST_NUMBER, _MOST_NUMBER)
        except NotANumber:
            return None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def clock_of(samples: Sequence[object], seconds_per_unit: float | None, time_zone: str | None) -> Clock:
    """How times are written, from the first sample that is a time; the unit is a guess if not ``unit_is_known``.

    Args:
        seconds_per_unit: of numbers, if it is known.

    Raises:
        BadInput: an unknown time zone.
    """
    zone = zone_of(time_zone)
    given = [sample for sample in samples if is_given(sample)]
    # Any other value tells nothing about the rest.
    first = next((sample for sample in given if number_of(sample) is not None or _is_iso(sample)), None)
    if first is None and any(isinstance(sample, str) for sample in given):
        first = next(sample for sample in given if isinstance(sample, str))
    if isinstance(first, str) and number_of(first) is None:
        written = _ENDS_IN_ZONE.search(first.strip())
        return Clock(True, 1.0, True, zone, "utc" if written else "" if zone else "naive")
    low, usual, high = _spread([number for number in map(number_of, given) if number is not None])
    if seconds_per_unit is not None:
        return Clock(False, seconds_per_unit, usual * seconds_per_unit >= LEAST_UNIX_S, zone)
    for unit in SECONDS_PER_UNIT.values():
        if UNIX_S[0] <= low * unit <= high * unit < UNIX_S[1] and (high - low) * unit < _LONGEST_LOG_S:
            return Clock(False, unit, True, zone)
    return Clock(False, 1.0, False, zone, unit_is_known=False)


def _is_iso(value: object) -> bool:
    return isinstance(value, str) and Clock(True, 1.0, True, None).second(value) is not None


def are_days(samples: Sequence[object]) -> bool:
    """True if all samples present are dates without a time of day, which give no hourly rates."""
    given = [sample for sample in samples if is_given(sample)]
    return bool(given) and all(
        isinstance(sample, str) and "-" in sample and _DAY.fullmatch(sample.strip()) is not None for sample in given
    )


def are_times_of_day(samples: Sequence[object]) -> bool:
    """True if all samples present are times without a date, which start again each day."""
    given = [sample for sample in samples if is_given(sample)]
    return bool(given) and all(isinstance(sample, str) and _TIME_OF_DAY.fullmatch(sample.strip()) for sample in given)


def mixed_units(numbers: Sequence[float]) -> tuple[str, ...]:
    """The units, if the numbers are all present-day Unix times but not all in the same unit; else none."""
    found: set[str] = set()
    for number in numbers:
        kinds = [unit for unit, size in SECONDS_PER_UNIT.items() if UNIX_S[0] <= number * size < UNIX_S[1]]
        if number > 0 and not kinds:
            return ()
        found.update(kinds)
    return tuple(unit for unit in SECONDS_PER_UNIT if unit in found) if len(found) > 1 else ()


def step_s(numbers: Sequence[float], seconds_per_unit: float) -> float | None:
    """The step to which numbers are rounded, in seconds, if it is more than a minute; else None.

    Numbers count as rounded if 32-bit floats hold them exactly, or if they are written with few digits (``1.7776e9``),
    so that all are multiples of 100 s or so.
    """
    import numpy as np

    if len(numbers) < _LEAST_SAMPLES:
        return None
    exact = np.array(numbers, dtype=np.float64)
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    if np.isfinite(rounded).all() and (rounded.astype(np.float64) == exact).all():
        step = float(np.spacing(rounded.max())) * seconds_per_unit
        if step > _MINUTE_S:
            return step
    if not 2 <= len(set(numbers)) <= len(numbers) / 2 or (exact != np.floor(exact)).any():
        return None
    step = math.gcd(*map(int, numbers)) * seconds_per_unit
    return step if step > _MINUTE_S and step % _MINUTE_S and step % 100 == 0 else None


def is_given(value: object) -> bool:
    """False for markers of a missing value."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def in_calendar(seconds: "np.ndarray[Any, Any]") -> bool:
    """True if all seconds are in the years 1 to 9999."""
    return not len(seconds) or bool(seconds.min() >= FIRST_S and seconds.max() <= LAST_S)


def _spread(numbers: Sequence[float]) -> tuple[float, float, float]:
    """The 5th, 50th and 95th percentiles of the numbers above 0: a stray 0 among Unix times does not count."""
    above = sorted(number for number in numbers if 0 < number < _MOST_NUMBER) or [0.0]
    return above[len(above) // 20], above[len(above) // 2], above[len(above) - 1 - len(above) // 20]


def zone_of(name: str | None) -> ZoneInfo | None:
    """A time zone by its IANA name; None for None.

    Raises:
        BadInput: unknown name.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # an unknown zone raises KeyError
        raise BadInput(f"--time-zone {echoed(name)}: unknown time zone; use a name like Europe/Berlin") from error
