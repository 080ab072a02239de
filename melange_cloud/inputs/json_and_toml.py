"""Untrusted JSON and TOML, read without overflowing, recursing too deep or growing without bound."""

import json
import math
import re
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs.regular_files import MOST_BYTES, read_text

MOST_DEPTH = 64
"""Levels of nesting that are read; no format that we know has more than 12."""

MOST_TOML_BYTES = 2**20
"""Bytes of the largest TOML file; Python's reader takes a second for each MB."""

_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_DEEP_KEY = re.compile(rf"""(?<![\w"'-])(?>(?>[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MOST_DEPTH}}}""")
"""A dotted TOML key with more parts than levels that are read: Python's reader takes time quadratic in them."""

_MOST_DIGITS = 20
"""Digits of a whole number: a time in nanoseconds has 19."""


_LONGEST_FRACTION = 400
"""Characters of a number with a point or an exponent; a double in full has 24, written out in decimals up to 330."""


class MalformedText(ValueError):
    """A text cannot be parsed. The message is a clause that does not name the file; ``line`` is None if unknown."""

    def __init__(self, what: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(what)


class NotJson(MalformedText):
    """A text is not one JSON value; it may still be several, one per line.

    Attributes:
        reason: what Python's reader says about it.
    """

    def __init__(self, reason: str, line: int, column: int) -> None:
        self.reason = reason
        super().__init__(f"is not JSON ({reason}, column {column}): fix it there", line)


ObjectHook = Callable[[list[tuple[str, Any]]], Any]


def parse_json(text: str | bytes, *, pairs: ObjectHook | None = None, non_finite: bool = False) -> Any:
    """The value that a JSON text holds.

    Args:
        text: UTF-8 where it is bytes.
        pairs: makes an object of its (key, value) pairs, as ``object_pairs_hook`` does; a dict without it.
        non_finite: accept NaN and infinities, which Python tools write; the caller checks each number.

    Raises:
        NotJson: the text is not valid JSON.
        MalformedText: not UTF-8; NaN or infinity, a number that is not finite or has more than 20 digits; nested deeper
            than MOST_DEPTH.
    """
    try:
        # Decoded here, since json.loads reads bytes that begin with a zero or 0xFF as UTF-16 or UTF-32.
        text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
        value = json.loads(
            text,
            parse_int=_whole,
            parse_float=_any_float if non_finite else _finite,
            parse_constant=float if non_finite else _no_constant,
            object_pairs_hook=pairs,
        )
    except json.JSONDecodeError as error:
        raise NotJson(error.msg, error.lineno, error.colno) from None
    except UnicodeDecodeError:
        raise MalformedText("is not UTF-8 text: save it as UTF-8") from None
    except RecursionError:
        raise MalformedText(f"is nested more than {MOST_DEPTH} levels deep") from None
    _refuse_depth(value)
    if isinstance(text, str) and _ESCAPED_SURROGATE.search(text):
        _refuse_half_characters(value)
    return value


def parse_toml(text: str, *, non_finite: bool = False) -> dict[str, Any]:
    """The tables that a TOML text holds.

    Args:
        non_finite: accept nan and infinities; the caller checks each number and names its field.

    Raises:
        MalformedText: not TOML; a number that is not finite or has more than 20 digits; nested deeper than MOST_DEPTH.
    """
    if _DEEP_KEY.search(text):
        raise MalformedText(f"is nested more than {MOST_DEPTH} levels deep")
    try:
        document = tomllib.loads(text, parse_float=_any_float if non_finite else _finite)
    except tomllib.TOMLDecodeError as error:
        raise MalformedText(f"is not TOML: {error}") from None
    except RecursionError:
        raise MalformedText(f"is nested more than {MOST_DEPTH} levels deep") from None
    except MalformedText:
        raise
    except ValueError:  # Python refuses to convert thousands of digits; tomllib lets that through.
        raise MalformedText(f"has a number of more than {_MOST_DIGITS} digits") from None
    _refuse_depth(document)
    return document


def read_json(
    path: Path, most_bytes: int = MOST_BYTES, *, pairs: ObjectHook | None = None, non_finite: bool = False
) -> Any:
    """The value that a JSON file holds; ``pairs`` and ``non_finite`` as for ``parse_json``.

    Raises:
        BadFile: it cannot be read, is too large, or ``parse_json`` refuses it.
    """
    return _of_file(path, most_bytes, lambda text: parse_json(text, pairs=pairs, non_finite=non_finite))


def read_toml(path: Path, most_bytes: int = MOST_TOML_BYTES, *, non_finite: bool = False) -> dict[str, Any]:
    """The tables of a TOML file; ``non_finite`` as for ``parse_toml``.

    Raises:
        BadFile: it cannot be read, is too large, or ``parse_toml`` refuses it.
    """
    tables: dict[str, Any] = _of_file(path, most_bytes, lambda text: parse_toml(text, non_finite=non_finite))
    return tables


def _of_file(path: Path, most_bytes: int, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(read_text(path, most_bytes))
    except MalformedText as malformed:
        raise BadFile([Fault(path, str(malformed), line=malformed.line)]) from None


def _whole(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise MalformedText(f"has a number of more than {_MOST_DIGITS} digits")
    return int(digits)


def _any_float(digits: str) -> float:
    return float(digits) if len(digits) <= _LONGEST_FRACTION else math.inf


def _finite(digits: str) -> float:
    value = _any_float(digits)
    if not math.isfinite(value):
        raise MalformedText("has a number that is not finite")
    return value


def _no_constant(name: str) -> NoReturn:
    raise MalformedText(f"has {name} where a number is expected")


def _refuse_half_characters(value: Any) -> None:
    r"""Reject half of a surrogate pair, such as ``\ud800`` alone: it cannot be printed or written.

    Raises:
        MalformedText: the text has one.
    """
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise MalformedText(r"has half of a character (\ud800 to \udfff without its other half)") from None


def _refuse_depth(value: Any) -> None:
    """Walk level by level, since a deeply nested text would break a recursive walk.

    Raises:
        MalformedText: nested deeper than MOST_DEPTH, or a whole number of more digits than are read (TOML's own).
    """
    level: list[Any] = [value]
    for _ in range(MOST_DEPTH + 1):
        inner: list[Any] = []
        for part in level:
            held: Iterable[Any] = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
            for one in held:
                if isinstance(one, dict | list):
                    inner.append(one)
                elif isinstance(one, int) and abs(one) >= 10**_MOST_DIGITS:
                    raise MalformedText(f"has a number of more than {_MOST_DIGITS} digits")
        if not inner:
            return
        level = inner
    raise MalformedText(f"is nested more than {MOST_DEPTH} levels deep")


def parse_records(texts: Iterable[bytes]) -> list[Any]:
    """Parse many short JSON texts quickly, without the limits on size that ``parse_json`` has.

    For logs of millions of lines. Numbers may be of any size, or not finite; depth is limited only by Python's own
    reader. Check each value that you use.

    Raises:
        MalformedText: one of the texts is not JSON, or not a single value; the message does not say which.
    """
    texts = list(texts)
    try:
        values: list[Any] = json.loads(b"[" + b",".join(texts) + b"]")
    except RecursionError:
        raise MalformedText("is nested too deeply to be read") from None
    except json.JSONDecodeError as error:
        raise MalformedText(f"is not JSON ({error.msg})") from None
    except UnicodeDecodeError:
        raise MalformedText("is not UTF-8 text: save it as UTF-8") from None
    except ValueError:  # Python refuses to convert thousands of digits
        raise MalformedText(f"has a number of more than {_MOST_DIGITS} digits") from None
    if len(values) != len(texts):
        raise MalformedText("is not JSON (more than one value)")
    return values
