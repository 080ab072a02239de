"""Makes hostile inputs of valid ones: bytes are cut, repeated and replaced; parts of JSON, CSV and TOML exchanged.

Everything follows from a ``random.Random``, so that the name of a reader and a number give the same input again.
"""

import copy
import gzip
import json
import random
from typing import Any

WORDS = (
    "9" * 5_000, "9" * 25, "-" + "9" * 400, "1e999", "-1e999", "1e308", "1e-308", "1e15", "1e16", "NaN", "nan",
    "Infinity", "inf", "-0", "0", "-1", "0.0", "1_0", "٣", "²", "½", "0x10", "1,5", "1.5.2", "007", "+5", "\x1b[31m",
    "\x1b]0;t\x07", "\x00", "\x7f", "\x9b31m", "\u2028", "\u202e", "\ufeff", "\ufffd", "\U0001f600", "e\u0301" * 50,
    "", " ", "\t", "\r", "\n", '"', "'", ",", ";", "[", "{", "}", "null", "true", "false", "None", "#", "=", "[[x]]",
    "\\ud800", "\\", "\\u0000", "=cmd|' /C calc'!A0", "@SUM(1)", "x" * 70_000, " " * 3_000, "a." * 2_000 + "a",
    "../../etc/passwd", "/dev/zero", "%s%n", "2026-02-30", "0001-01-01", "9999-12-31", "2026-11-22T12:00:00Z", "1-25",
    ">9999999999", "us-east-1", "H100:2", "9223372036854775808", "1700000000000000000", "é", "日本" * 40,
)  # fmt: skip

_DEEP: Any = []
for _ in range(100):
    _DEEP = [_DEEP]
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**19, 10**25, 10**400, 1e308, 1e-308, -1e308, 1e15, 1e16, 0.5,
    float("nan"), float("inf"), float("-inf"), "", "x", "1", "nan", "9" * 5_000, "x" * 50_000, "\x1b[31m",
    "\x1b]0;t\x07", "\x00", "\ud800", "\u2028", "٣", [], {}, [[]], [None], [1, 2], [0] * 3_000, {"a": {"b": 1}},
    {"\x1b[31m": 1}, _DEEP, [1e308] * 3, "2026-02-30", "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59-12:00",
    253402300800, -62135596801,
)  # fmt: skip
RAW = (
    b"\xff\xfe", b"\xc3\x28", b"\xed\xa0\x80", b"\x1f\x8b", b"\x1f\x8b\x08\x00", b"PAR1", b"\xef\xbb\xbf",
    b"[" * 3_000, b'{"a":' * 3_000, b'"' * 999, b"," * 3_000, b"\n" * 3_000, b"9" * 4_400,
)  # fmt: skip


_TOML_VALUES = (
    "[" * 2_000, "{a=" * 900, "[1, 2]", "{}", "[[]]", "2026-02-30", "1979-05-27T07:32:00Z", "true", '""', "1_0", "nan",
)  # fmt: skip


def mutated(content: bytes, kind: str, chance: random.Random) -> bytes:
    """A hostile relative of a valid input of a kind: ``json``, ``jsonl``, ``csv``, ``toml`` or ``bytes``."""
    structured = {"json": _json, "jsonl": _jsonl, "csv": _csv, "toml": _toml}.get(kind)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        if structured is not None and chance.random() < 0.65:
            content = structured(content, chance)
        else:
            content = _bytes(content, chance)
    return _zipped(content, chance) if chance.random() < 0.04 else content


def word(seed: str, chance: random.Random) -> str:
    """A hostile relative of a word as options take it."""
    for _ in range(chance.choice((1, 1, 2))):
        at, to = sorted((chance.randint(0, len(seed)), chance.randint(0, len(seed))))
        part = chance.choice(WORDS)
        seed = chance.choice((part, seed[:at] + part + seed[at:], seed[:at] + part + seed[to:], seed[:at] + seed[to:]))
    return seed


def _bytes(content: bytes, chance: random.Random) -> bytes:
    at, to = sorted((chance.randint(0, len(content)), chance.randint(0, len(content))))
    near = min(len(content), at + chance.randint(0, 8))
    part = chance.choice((chance.choice(WORDS).encode("utf-8", "replace"), chance.choice(RAW)))
    match chance.randrange(8):
        case 0:
            return content[:at]
        case 1:
            return content[:at] + content[near:]
        case 2:
            return content[:at] + part + content[near:]
        case 3:
            return content[:at] + part + content[at:]
        case 4:
            return (
                content[:at] + content[at:to] * chance.choice((2, 3, 20)) + content[to:]
                if to - at < 5_000
                else content[at:]
            )
        case 5:
            return content[:at] + bytes(byte ^ (1 << chance.randrange(8)) for byte in content[at:near]) + content[near:]
        case 6:
            return content[at:]
        case _:
            return content[:at] + content[to:]


def _zipped(content: bytes, chance: random.Random) -> bytes:
    packed = gzip.compress(content, mtime=0)
    return packed if chance.random() < 0.5 else _bytes(packed, chance)


def _json(content: bytes, chance: random.Random) -> bytes:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _bytes(content, chance)
    changed = _changed(copy.deepcopy(document), chance)
    try:
        return json.dumps(changed, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    except ValueError:  # Python writes no whole number of thousands of digits
        return content


def _jsonl(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, lines[at])
        case 2:
            lines.insert(at, chance.choice(RAW))
        case _:
            lines[at] = _json(lines[at], chance)
    return b"\n".join(lines)


def _changed(document: Any, chance: random.Random) -> Any:
    """The document with one part exchanged, dropped, renamed, repeated or wrapped."""
    places: list[tuple[Any, Any]] = []
    level = [document]
    while level:
        owner = level.pop()
        for key in list(owner) if isinstance(owner, dict) else range(len(owner)) if isinstance(owner, list) else ():
            places.append((owner, key))
            level.append(owner[key])
    if not places:
        return chance.choice(VALUES)
    owner, key = chance.choice(places)
    value = owner[key]
    match chance.randrange(8):
        case 0:
            del owner[key]
        case 1 if isinstance(owner, dict):
            owner[chance.choice(WORDS)] = owner.pop(key)
        case 1 | 2 if isinstance(owner, list):
            owner[key:key] = [value] * chance.choice((1, 2, 40))
        case 3:
            owner[key] = [value]
        case 4:
            owner[key] = {"a": value}
        case 5 if isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**64):
            owner[key] = value * chance.choice((-1, 0, 1e-9, 1e9, 1e300, 0.999, 10**30))
        case 6 if isinstance(value, str):
            owner[key] = word(value, chance)
        case _:
            owner[key] = copy.deepcopy(chance.choice(VALUES))
    return document


def _csv(content: bytes, chance: random.Random) -> bytes:
    rows = [line.split(",") for line in content.decode("utf-8", "replace").split("\n")]
    row = chance.choice(rows)
    column = chance.randrange(max(1, len(rows[0])))
    match chance.randrange(12):
        case 0:
            rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
        case 1:
            rows = [[*cells[: column + 1], *cells[column:]] for cells in rows]
        case 2:
            row.append(chance.choice(WORDS))
        case 3:
            rows.remove(row)
        case 4:
            rows.insert(chance.randrange(len(rows)), row)
        case 5:
            rows[0] = [*rows[0], *(f"c{n}" for n in range(chance.choice((1, 3_000))))]
        case 6:
            sign = chance.choice((";", "\t", "|", ", ", '","'))
            return "\n".join(sign.join(cells) for cells in rows).encode("utf-8", "replace")
        case _:
            at = chance.randrange(len(row))
            row[at] = chance.choice((chance.choice(WORDS), word(row[at], chance), f'"{chance.choice(WORDS)}"'))
    return (
        chance.choice(("\n", "\n", "\n", "\r\n", "\r"))
        .join(",".join(cells) for cells in rows)
        .encode("utf-8", "replace")
    )


def _toml(content: bytes, chance: random.Random) -> bytes:
    lines = content.decode("utf-8", "replace").split("\n")
    at = chance.randrange(len(lines))
    key, equals, value = lines[at].partition("=")
    match chance.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(at, chance.choice(lines))
        case 2 if equals:
            lines[at] = f"{chance.choice((word(key, chance), '.'.join([key.strip() or 'a'] * 500)))} = {value}"
        case 3:
            lines[at] = word(lines[at], chance)
        case _:
            text = chance.choice(WORDS)
            made = chance.choice((text, json.dumps(text), word(value, chance), *_TOML_VALUES))
            lines[at] = f"{key}= {made}"
    return "\n".join(lines).encode("utf-8", "replace")
