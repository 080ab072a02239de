"""Times of any usual writing as whole seconds.

Numbers are seconds, or what their size says where nobody does: a Unix time of our days has ten digits in seconds,
thirteen in milliseconds, sixteen in microseconds, nineteen in nanoseconds; smaller numbers are seconds from an origin
of the source's own (``relative``). Text is ISO 8601; stamps without a zone are of the zone asked for, else UTC.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from melange_cloud.errors import BadInput
from melange_cloud.workload.reading import parse_number

if TYPE_CHECKING:
    import numpy as np

LEAST_UNIX_S = 1e8
"""Numbers from here on (1973) are Unix times; three years of seconds from an own origin stay below."""

SECONDS_PER_UNIT = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

_ENDS_IN_ZONE = re.compile(r"(Z|[+-][0-9]{2}:?[0-9]{2})$")
_PARTS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16))
_MINUTES, _WHOLE_SECONDS = len("2024-05-10 08:15"), len("2024-05-10 08:15:02")

_LARGEST = {1.0: 1e11, 1e-3: 1e14, 1e-6: 1e17, 1e-9: 1e20}


@dataclass(frozen=True, slots=True)
class Clock:
    """How the times of one file are written.

    Attributes:
        is_text: ISO 8601 text, not numbers.
        seconds_per_unit: of numbers.
        absolute: whether the times have a date.
        zone: of stamps without one.
        pyarrow_type: ``naive`` or ``utc`` stamps as pyarrow can read them; empty where it cannot.
    """

    is_text: bool
    seconds_per_unit: float
    absolute: bool
    zone: ZoneInfo | None
    pyarrow_type: str = ""

    @property
    def words(self) -> str:
        """How times are read, for people: ``ms since 1970``."""
        if self.is_text:
            return f"ISO 8601, {self.zone or 'UTC'} where no zone is written"
        unit = next(name for name, seconds in SECONDS_PER_UNIT.items() if seconds == self.seconds_per_unit)
        return f"{unit} since 1970" if self.absolute else f"{unit} from an origin without a date"

    def second(self, value: object) -> int | None:
        """One time as whole seconds (rounded down), None where it is none."""
        if isinstance(value, str) and self.is_text:
            try:
                moment = datetime.fromisoformat(value.strip())
            except ValueError:
                return None
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self.zone or UTC)
            return math.floor(moment.replace(microsecond=0).timestamp())  # a float rounds far dates up
        number = parse_number(value.strip()) if isinstance(value, str) else value
        if self.is_text or isinstance(number, bool) or not isinstance(number, int | float):
            return None
        return math.floor(number * self.seconds_per_unit) if abs(number) < _LARGEST[self.seconds_per_unit] else None

    def seconds(self, values: Any) -> "np.ndarray[Any, Any] | None":
        """A column (pandas Series or numpy array) as whole seconds, None where one of its values is no time."""
        import numpy as np

        numbers = np.asarray(values)
        if numbers.dtype.kind == "M":
            stamps: np.ndarray[Any, Any] = numbers.astype("datetime64[s]").astype(np.int64)
            return stamps
        if self.is_text:
            return self._seconds_of_text(values)
        if numbers.dtype.kind not in "iuf":
            return None
        if numbers.dtype == np.int64 and self.seconds_per_unit == 1.0:
            sound = not len(numbers) or (numbers.min() > -_LARGEST[1.0] and numbers.max() < _LARGEST[1.0])
            return numbers if sound else None
        # The comparison is false for NaN too.
        if not bool((np.abs(numbers) < _LARGEST[self.seconds_per_unit]).all()):
            return None
        whole: np.ndarray[Any, Any] = np.floor(numbers * self.seconds_per_unit).astype(np.int64)
        return whole

    def seconds_of_bytes(self, texts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any] | None":
        """Stamps ``2024-05-10 08:15:02.123456``, with ``T`` or not, fraction or not, ``Z`` or ``+00:00`` or neither.

        Args:
            texts: their bytes, shape (stamps, bytes each).

        Returns:
            Whole seconds; None where one is of another form, or no time.
        """
        import numpy as np

        width = texts.shape[1]
        if width < _WHOLE_SECONDS:
            return None
        tail = texts[0, _WHOLE_SECONDS:].tobytes()
        zone = next((zone for zone in (b"+00:00", b"Z", b"") if tail.endswith(zone)), b"")
        if not zone and self.zone is not None:
            return None
        form = _form(width - len(zone), zone)
        if form is None or not _has_form(texts, form):
            return None
        # Neighbours of a log mostly share their minute: each stretch of the same one is parsed once.
        days, hours = _word(texts, 0), _word(texts, 8)
        changes = (days[1:] != days[:-1]) | (hours[1:] != hours[:-1])
        starts = np.concatenate([[0], np.flatnonzero(changes) + 1])
        parsed = _parse_minutes(texts[starts, :_MINUTES])
        if parsed is None:
            return None
        whole: np.ndarray[Any, Any] = np.repeat(parsed, np.diff(np.append(starts, len(texts))))
        seconds = _word(texts, _WHOLE_SECONDS - 8)
        whole += ((seconds >> np.uint64(56)) & np.uint64(15)).view(np.int64)
        whole += ((seconds >> np.uint64(48)) & np.uint64(15)).view(np.int64) * 10
        return whole

    def _seconds_of_text(self, values: Any) -> "np.ndarray[Any, Any] | None":
        import numpy as np
        import pandas as pd

        try:
            moments = pd.to_datetime(values, format="ISO8601", utc=self.zone is None)
            if self.zone is not None and moments.dt.tz is None:
                # As datetime does: of an hour that comes twice, the first.
                first = np.ones(len(moments), dtype=bool)
                moments = moments.dt.tz_localize(self.zone, ambiguous=first, nonexistent="raise")
        except (ValueError, TypeError, AttributeError):
            return None
        if moments.isna().any():
            return None
        naive = moments.dt.tz_convert(None).to_numpy()
        # From days or microseconds, whatever pandas made of them; numpy rounds such a cast down.
        whole: np.ndarray[Any, Any] = naive.astype("datetime64[s]").astype(np.int64)
        return whole


def clock_of(sample: object, seconds_per_unit: float | None, time_zone: str | None) -> Clock:
    """How times are written, told by one of them.

    Raises:
        BadInput: an unknown time zone.
    """
    zone = zone_of(time_zone)
    number = parse_number(sample.strip()) if isinstance(sample, str) else sample
    if isinstance(number, bool) or not isinstance(number, int | float):
        written = isinstance(sample, str) and _ENDS_IN_ZONE.search(sample.strip())
        return Clock(True, 1.0, True, zone, "utc" if written else "" if zone else "naive")
    if seconds_per_unit is None:
        seconds_per_unit = next((unit for unit, largest in _LARGEST.items() if abs(number) < largest), 1.0)
    return Clock(False, seconds_per_unit, number * seconds_per_unit >= LEAST_UNIX_S, zone)


def _all_digits(signs: "np.ndarray[Any, Any]") -> bool:
    # What lies below 0 wraps to above 9.
    return int((signs - signs.dtype.type(ord("0"))).max(initial=0)) <= 9


def _form(end: int, zone: bytes) -> tuple[tuple[int, int], ...] | None:
    """What the bytes from the seconds' colon on must be, each (least, how many more): a sign, or a digit."""
    form = [(ord(":"), 0), (ord("0"), 5), (ord("0"), 9)]
    if end > _WHOLE_SECONDS:
        form += [(ord("."), 0), *[(ord("0"), 9)] * (end - _WHOLE_SECONDS - 1)]
        if form[-1] == (ord("."), 0):
            return None
    return (*form, *((sign, 0) for sign in zone))


def _has_form(texts: "np.ndarray[Any, Any]", form: tuple[tuple[int, int], ...]) -> bool:
    """Whether the last bytes of all texts are of a form, eight at a time."""
    import numpy as np

    width = texts.shape[1]
    # The bytes before the form are masked: whatever they are, it is none of the form's business.
    least = bytes(width - len(form)) + bytes(sign for sign, _ in form)
    more = bytes([15] * (width - len(form))) + bytes(15 - count for _, count in form)
    asked = bytes(width - len(form)) + bytes([255] * len(form))
    for at in {*range(_MINUTES, width - 7, 8), width - 8}:
        word, first, room, mask = (
            _word(texts, at),
            *(np.uint64(int.from_bytes(part[at : at + 8], "little")) for part in (least, more, asked)),
        )
        over = (word ^ first) & mask
        # What lies in the range, less its least, stays below 16 when the rest of 15 is added.
        if int(np.bitwise_or.reduce((over + room) | over)) & 0xF0F0F0F0F0F0F0F0:
            return False
    return True


def _word(texts: "np.ndarray[Any, Any]", at: int) -> "np.ndarray[Any, Any]":
    """Eight bytes of each text, the first lowest."""
    words: np.ndarray[Any, Any] = texts[:, at : at + 8].view("<u8")[:, 0]
    return words


def _parse_minutes(texts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any] | None":
    """Seconds since 1970 of UTC stamps ``2024-05-10 08:15``, shape (stamps, 16); None where one is in no calendar."""
    import numpy as np

    if (texts[:, [4, 7, 13]] != np.frombuffer(b"--:", dtype=np.uint8)).any():
        return None
    if not ((texts[:, 10] == ord(" ")) | (texts[:, 10] == ord("T"))).all():
        return None
    if not _all_digits(texts[:, [at for start, stop in _PARTS for at in range(start, stop)]]):
        return None
    digits = texts.astype(np.int64) - ord("0")
    year, month, day, hour, minute = (
        sum(digits[:, at] * 10 ** (stop - 1 - at) for at in range(start, stop)) for start, stop in _PARTS
    )
    sound = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (hour < 24) & (minute < 60)
    if not sound.all():
        return None
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    if (days.astype("datetime64[M]") != months).any():
        return None
    seconds: np.ndarray[Any, Any] = days.astype(np.int64) * 86_400 + hour * 3600 + minute * 60
    return seconds


def zone_of(name: str | None) -> ZoneInfo | None:
    """A zone of the IANA list; None for None.

    Raises:
        BadInput: there is none of that name.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # an unknown zone is a KeyError
        raise BadInput(f"--time-zone {name}: no zone is called so; write it as Europe/Berlin or UTC") from error
