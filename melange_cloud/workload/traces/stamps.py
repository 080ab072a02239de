"""Reads a column of stamps like ``2024-05-10 08:15:02.123456`` as whole seconds, all at once, from their bytes."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_PARTS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16))
_MINUTES, _WHOLE_SECONDS = len("2024-05-10 08:15"), len("2024-05-10 08:15:02")


def ends_in_utc(texts: "np.ndarray[Any, Any]") -> bool:
    """True if the first of the stamps (shape: stamps, bytes each) says that it is UTC."""
    return texts[0, _WHOLE_SECONDS:].tobytes().endswith((b"+00:00", b"Z"))


def seconds_of_stamps(texts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any] | None":
    """Whole seconds since 1970 of stamps in UTC; None if one differs in form from the first, or is not a time.

    Args:
        texts: their bytes, shape (stamps, bytes each).
    """
    import numpy as np

    width = texts.shape[1]
    if width < _WHOLE_SECONDS:
        return None
    tail = texts[0, _WHOLE_SECONDS:].tobytes()
    zone = next((zone for zone in (b"+00:00", b"Z", b"") if tail.endswith(zone)), b"")
    form = _form(width - len(zone), zone)
    if form is None or not _has_form(texts, form):
        return None
    # Neighbouring rows mostly share their minute: each run of the same minute is parsed once.
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


def _all_digits(signs: "np.ndarray[Any, Any]") -> bool:
    # Values below 0 wrap to above 9.
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
    """True if the last bytes of all texts have the form, checked eight at a time."""
    import numpy as np

    width = texts.shape[1]
    # The bytes before the form are masked, since they may be anything.
    least = bytes(width - len(form)) + bytes(sign for sign, _ in form)
    more = bytes([15] * (width - len(form))) + bytes(15 - count for _, count in form)
    asked = bytes(width - len(form)) + bytes([255] * len(form))
    for at in {*range(_MINUTES, width - 7, 8), width - 8}:
        word, first, room, mask = (
            _word(texts, at),
            *(np.uint64(int.from_bytes(part[at : at + 8], "little")) for part in (least, more, asked)),
        )
        over = (word ^ first) & mask
        # A byte in the range, minus the range's lowest, stays below 16 when 15 minus the range's width is added.
        if int(np.bitwise_or.reduce((over + room) | over)) & 0xF0F0F0F0F0F0F0F0:
            return False
    return True


def _word(texts: "np.ndarray[Any, Any]", at: int) -> "np.ndarray[Any, Any]":
    """Eight bytes of each text, the first lowest."""
    words: np.ndarray[Any, Any] = texts[:, at : at + 8].view("<u8")[:, 0]
    return words


def _parse_minutes(texts: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any] | None":
    """Seconds since 1970 of UTC stamps ``2024-05-10 08:15``, shape (stamps, 16); None if one is not a valid date."""
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
