"""Quantities as people write them: ``20%``, ``50ms``, ``600/min``, ``64GiB``, ``1h30m``, ``2x``; each in one unit.

What may mean two numbers is refused: a comma, 20 without a percent sign, ``m`` for minutes or milliseconds, ``G`` for
GB or GiB. A wrong number would cost money, and a refusal costs a second.
"""

import math
import re

from melange_cloud.inputs.numbers import NotANumber, OutOfRange, parse_number

_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_QUANTITY = re.compile(rf"({_NUMBER})\s*(.*)", re.DOTALL)
_COMMA = re.compile(r"[0-9],[0-9]")
_LONGEST_TEXT = 100

_SECONDS = {
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3_600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
}
_GIB = {
    **dict.fromkeys(("gib", "gi"), 1.0),
    **dict.fromkeys(("mib", "mi"), 2.0**-10),
    **dict.fromkeys(("tib", "ti"), 2.0**10),
    "mb": 1e6 / 2**30,
    "gb": 1e9 / 2**30,
    "tb": 1e12 / 2**30,
}
_REQUESTS = r"(?:r|reqs?|requests?|q|quer(?:y|ies))?"
_RATE = re.compile(rf"(?P<thousands>k)?\s*{_REQUESTS}\s*(?:/|\bper\b)\s*(?P<unit>[a-z]+)")
_RATE_IN_LETTERS = re.compile(r"(?P<thousands>k)?\s*(?:r|q)p(?P<unit>[smhd])")
_OF_LETTER = {"s": "s", "m": "min", "h": "h", "d": "d"}
_TOKENS = re.compile(r"k?\s*(?:t|tok|toks|token|tokens)\s*(?:/|p|per\b).*")
_DURATION_PART = re.compile(rf"({_NUMBER})\s*([a-z]+)\s*")
_NOT_FINITE = ("nan", "inf", "infinity")
_MOST_AS_FACTOR = 2.0
"""Up to this, who wants a share added may write what that multiplies by: 1.2 for 20 % more."""
_MOST_TIMES = 1_000.0
"""A fraction without a percent sign is not meant above it."""


class Ambiguous(NotANumber):
    """A text that may mean two quantities, or a quantity of another kind; the message says what to write instead."""


def _times(value: float, scale: float) -> float:
    """A finite product."""
    if not math.isfinite(value * scale):
        raise OutOfRange("beyond the largest number")
    return value * scale


def without_comma(text: str) -> str:
    """The text without the spaces around it.

    Raises:
        Ambiguous: it has a comma in a number, which may be a decimal comma or one between thousands.
        NotANumber: it is too long for a quantity.
    """
    if len(text) > _LONGEST_TEXT:
        raise NotANumber("too long for a quantity")
    if _COMMA.search(text):
        raise Ambiguous("write the number without a comma, such as 1.5 or 1500")
    return text.strip()


def number_and_unit(text: str) -> tuple[float, str]:
    """``50 ms`` as (50.0, ``ms``); the unit in lower case, empty where there is none.

    Raises:
        NotANumber: it does not begin with a number, or has a comma in it.
    """
    found = _QUANTITY.fullmatch(without_comma(text))
    if found is None:
        raise NotANumber("not a quantity")
    return parse_number(found[1], -math.inf, math.inf), found[2].strip().lower()


def fraction(text: str, most: float = math.inf) -> float:
    """``20%`` and ``0.2`` are both 0.2.

    Args:
        most: the largest fraction that can be meant.

    Raises:
        NotANumber: it is not a number or a percentage, not from 0 to ``most``, or above 1 without a percent sign.
    """
    value, unit = number_and_unit(text)
    share = value / 100 if unit in ("%", "percent") else value
    if unit not in ("", "%", "percent") or not 0 <= share <= most or (not unit and value > _MOST_TIMES):
        raise NotANumber("not a fraction")
    if not unit and value > 1:
        if value <= _MOST_AS_FACTOR:
            raise Ambiguous(f"write {100 * (value - 1):g}% for {value:g} times, else {value:g}% or {100 * value:g}%")
        raise Ambiguous(f"write {value:g}% or {100 * value:g}%: a number above 1 may mean either")
    return share


def factor(text: str) -> float:
    """``2``, ``2x`` and ``200%`` are all 2.

    Raises:
        NotANumber: it is none of them.
    """
    value, unit = number_and_unit(text)
    if unit not in ("", "x", "times", "%"):
        raise NotANumber("not a factor")
    return value / 100 if unit == "%" else value


def latency_ms(text: str, longest_s: float = math.inf) -> float:
    """``50``, ``50ms`` and ``0.05s`` are all 50 ms; ``inf`` and ``nan`` are left to whoever may take them.

    Args:
        longest_s: the longest time that somebody means who writes s or min; a slip for ms above it.

    Raises:
        NotANumber: it is not a time, or may be in seconds as well as in milliseconds.
    """
    if text.strip().lower().lstrip("+-") in _NOT_FINITE:
        return float(text)
    value, unit = number_and_unit(text)
    if unit == "m":
        raise Ambiguous("m may be minutes or milliseconds: write min or ms")
    if not unit:
        if 0 < value < 1:
            raise Ambiguous(f"write {value:g}s or {value:g}ms: a number below 1 may mean either")
        return value
    if unit not in _SECONDS or _SECONDS[unit] > _SECONDS["min"]:
        raise NotANumber("not a time")
    milliseconds = _times(value, 1000 * _SECONDS[unit])
    if _SECONDS[unit] >= 1 and milliseconds > 1000 * longest_s:
        raise Ambiguous(f"write {value:g}ms, or {milliseconds:.0f}ms if that is meant")
    return milliseconds


def seconds(text: str, *, unit_needed: bool = False) -> float:
    """``90s``, ``15m``, ``1h30m`` and ``2 days``, in seconds; ``m`` is a minute here. A number alone is in seconds.

    Args:
        unit_needed: whether a number alone is refused.

    Raises:
        NotANumber: it is not a duration.
    """
    words = without_comma(text).lower()
    if not unit_needed and re.fullmatch(_NUMBER, words):
        return parse_number(words, -math.inf, math.inf)
    parts = _DURATION_PART.findall(words)
    units = {**_SECONDS, "m": _SECONDS["min"]}
    if not parts or _DURATION_PART.sub("", words) or any(unit not in units for _, unit in parts):
        raise NotANumber("not a duration")
    return math.fsum(_times(parse_number(number), units[unit]) for number, unit in parts)


def requests_per_s(text: str, *, busiest: bool = False) -> float:
    """``10``, ``10/s``, ``600 requests/min``, ``600rpm`` and ``36k/h`` are all 10 requests/s.

    Args:
        busiest: whether it is the rate of the busiest hour; a rate per day is a mean.

    Raises:
        NotANumber: it is not a rate, or not one of requests.
    """
    value, unit = number_and_unit(text)
    if _TOKENS.fullmatch(unit):
        raise Ambiguous("write requests, not tokens: tokens/s divided by the mean tokens of a request")
    if unit in ("", "k"):
        return _times(value, 1_000 if unit else 1)
    found = _RATE.fullmatch(unit) or _RATE_IN_LETTERS.fullmatch(unit)
    if found is None:
        raise NotANumber("not a rate")
    per = found["unit"] if found.re is _RATE else _OF_LETTER[found["unit"]]
    if per == "m":
        raise Ambiguous("write /min or /h: m may be a minute or a month")
    if per == "ms" or per not in _SECONDS or _SECONDS[per] > _SECONDS["d"]:
        raise NotANumber("not a rate")
    if busiest and _SECONDS[per] == _SECONDS["d"]:
        raise Ambiguous("a rate per day is a mean; give the busiest hour's, such as 36000/h")
    return _times(value, 1_000 if found["thousands"] else 1) / _SECONDS[per]


def gib(text: str) -> float:
    """``64``, ``64GiB`` and ``65536 MiB`` are all 64 GiB; ``64GB`` are 64e9 bytes, 59.6 GiB.

    Raises:
        NotANumber: it is not a size, or may be in GB as well as in GiB.
    """
    value, unit = number_and_unit(text)
    if unit in ("g", "t", "m"):
        raise Ambiguous(f"write {value:g}{unit.upper()}iB or {value:g}{unit.upper()}B, which are not the same")
    if unit and unit not in _GIB:
        raise NotANumber("not a size")
    return _times(value, _GIB.get(unit, 1.0))


def hours(text: str) -> float:
    """``730``, ``730h`` and ``31 days`` (744), in hours.

    Raises:
        NotANumber: it is not a number of hours.
    """
    value, unit = number_and_unit(text)
    return value if not unit else seconds(text) / _SECONDS["h"]
