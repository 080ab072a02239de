"""The profile file: ``# key: value`` lines, a line of column names, one row per operating point.

Reading keeps the rows as text, grouped by tensor parallel degree and size, and parses a size when it is asked for: a
plan looks at a tenth of a file. What cheap signs of damage betray (a missing comma, ``nan``, a zero) has the whole
file checked row by row, as does ``check_profile_file``, and every fault is reported with its line and field.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

from melange_cloud.domain import GPUS, GRADES, Kind, OperatingPoint
from melange_cloud.errors import BadFile, Fault

FORMAT = "melange-cloud profile 1"
REQUIRED = (
    "format", "model", "precision", "gpu", "era", "max_total_tokens", "max_num_seqs", "source", "calibration",
    "made by",
)  # fmt: skip
OPTIONAL = ("weights_gib", "weight_read_ms", "cache_tokens")
COLUMNS = (
    "tensor_parallel", "input_tokens", "output_tokens", "concurrency", "requests_per_s", "tpot_ms", "ttft_ms", "origin",
    "grade", "error",
)  # fmt: skip
ORIGINS = ("measured", "estimated")

_SIZE_COLUMNS = 3
_RATE, _TPOT, _BEFORE_TRUST = 4, 5, 7
_SIGNS_OF_DAMAGE = (",,", ",-", ",0,", ",0.0,", ",0\n", "nan", "inf", "NaN", "Inf", "NAN", "INF", " ", "\t", '"')


@dataclass(frozen=True, slots=True)
class Header:
    """What a profile file declares before its rows.

    Attributes:
        max_total_tokens: longest input + output, tokens: the engine's context limit.
        weights_gib: weights of the model in this precision, GiB; None where not stated.
        weight_read_ms: by tensor parallel degree, time to read all weights once; empty where not stated.
        cache_tokens: by tensor parallel degree, tokens that the KV cache holds; empty where not stated.
    """

    model: str
    precision: str
    gpu: str
    era: str
    max_total_tokens: int
    max_num_seqs: int
    source: str
    calibration: str
    made_by: str
    weights_gib: float | None
    weight_read_ms: Mapping[int, float]
    cache_tokens: Mapping[int, int]


class Rates(NamedTuple):
    """The points of one size: (tpot_ms, requests_per_s) sorted; worst grade, largest error; origin of all."""

    points: list[tuple[float, float]]
    grade: str
    error: float
    origin: str


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file with its rows still text.

    Attributes:
        rows: by kind and (input_tokens, output_tokens): its rows as text.
    """

    path: Path
    header: Header
    rows: Mapping[Kind, Mapping[tuple[int, int], list[str]]] = field(repr=False)

    def points(self, kind: Kind, size: tuple[int, int]) -> tuple[OperatingPoint, ...]:
        """The operating points of one size, as the file orders them.

        Raises:
            BadFile: a row of this size is broken.
        """
        faults: list[Fault] = []
        rows = [row.split(",")[_SIZE_COLUMNS:] for row in self.rows[kind][size]]
        points = [_parse_point(self.path, None, size, fields, faults) for fields in rows]
        if faults:
            check_profile_file(self.path)  # names the lines, which are not kept
        return tuple(point for point in points if point is not None)

    def rates(self, kind: Kind, size: tuple[int, int]) -> Rates:
        """What MaxTput needs of one size.

        The fast way for rows that are in order, which ``points`` would take ten times as long for.

        Raises:
            BadFile: a row of this size is broken.
        """
        rows = self.rows[kind][size]
        try:
            split = [row.split(",", _BEFORE_TRUST) for row in rows]
            points = [(float(fields[_TPOT]), float(fields[_RATE])) for fields in split]
            trusts = [trust.split(",") for trust in sorted({fields[_BEFORE_TRUST] for fields in split})]
            errors = [float(error) for _, _, error in trusts]
        except ValueError:
            check_profile_file(self.path)
            raise
        points.sort()
        sound = all(0 < tpot_ms < math.inf and 0 < rate < math.inf for tpot_ms, rate in points)
        sound = sound and all(0 < error < 1 for error in errors)
        if not sound or any(origin not in ORIGINS or grade not in GRADES for origin, grade, _ in trusts):
            check_profile_file(self.path)
        origin = "measured" if all(origin == "measured" for origin, _, _ in trusts) else "estimated"
        return Rates(points, max(grade for _, grade, _ in trusts), max(errors), origin)


@cache
def read_profile_file(path: Path) -> ProfileFile:
    """Read a profile file; rows are parsed only when asked for.

    Raises:
        BadFile: the header or the columns are wrong, or the rows show damage.
    """
    text = _read(path)
    faults: list[Fault] = []
    head, _, body = _split(path, text, faults)
    header = _parse_header(path, head, faults)
    if faults or header is None:
        raise BadFile(faults)
    lines = body.splitlines()
    damaged = any(sign in body for sign in _SIGNS_OF_DAMAGE)
    if damaged or not lines or body.count(",") != len(lines) * (len(COLUMNS) - 1):
        check_profile_file(path)
    rows: dict[Kind, dict[tuple[int, int], list[str]]] = {}
    group: list[str] = []
    prefix = "\n"
    for line in lines:
        if not line.startswith(prefix):
            *size_fields, _ = line.split(",", _SIZE_COLUMNS)
            prefix = ",".join(size_fields) + ","
            try:
                degree, input_tokens, output_tokens = map(int, size_fields)
            except ValueError:
                check_profile_file(path)
                raise
            group = rows.setdefault(Kind(header.gpu, degree), {}).setdefault((input_tokens, output_tokens), [])
        group.append(line)
    return ProfileFile(path, header, rows)


def check_profile_file(path: Path) -> None:
    """Check every row of a profile file.

    Raises:
        BadFile: all the faults, each with line and field.
    """
    faults: list[Fault] = []
    head, start, body = _split(path, _read(path), faults)
    _parse_header(path, head, faults)
    lines = body.splitlines()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=start):
        fields = line.split(",")
        if len(fields) != len(COLUMNS):
            faults.append(Fault(path, f"has {len(fields)} fields; it must have {len(COLUMNS)}", line=number))
            continue
        _, *size = (_whole(path, number, COLUMNS[i], fields[i], faults) for i in range(_SIZE_COLUMNS))
        _parse_point(path, number, (size[0], size[1]), fields[_SIZE_COLUMNS:], faults)
        key = tuple(fields[: _SIZE_COLUMNS + 1])
        if key in seen:
            faults.append(Fault(path, f"repeats line {seen[key]}; keep one of the two", number, "concurrency"))
        seen[key] = number
    if not lines:
        faults.append(Fault(path, "has no operating points"))
    if faults:
        raise BadFile(faults)


def format_profile(header: Mapping[str, str], kinds_and_points: Iterable[tuple[int, OperatingPoint]]) -> str:
    """The text of a profile file.

    Args:
        header: values by key, in the order in which they are to stand.
        kinds_and_points: (tensor_parallel, point), sorted.
    """
    lines = [f"# {key}: {value}" for key, value in header.items()]
    lines.append(",".join(COLUMNS))
    lines.extend(
        f"{degree},{p.input_tokens},{p.output_tokens},{p.concurrency},{p.requests_per_s:g},{p.tpot_ms:g},{p.ttft_ms:g},"
        f"{p.origin},{p.grade},{p.error:g}"
        for degree, p in kinds_and_points
    )
    return "\n".join(lines) + "\n"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadFile([Fault(path, f"is not UTF-8 text: {error}")]) from error
    except OSError as error:
        raise BadFile([Fault(path, f"cannot be read: {error.strerror}")]) from error


def _split(path: Path, text: str, faults: list[Fault]) -> tuple[list[str], int, str]:
    """Header lines, the number of the first row's line, and the rows as one text."""
    head: list[str] = []
    rest = text.replace("\r\n", "\n")
    while rest.startswith("#"):
        line, _, rest = rest.partition("\n")
        head.append(line)
    columns, _, body = rest.partition("\n")
    number = len(head) + 1
    if columns != ",".join(COLUMNS):
        faults.append(Fault(path, f"has the columns {columns!r}; they must be {','.join(COLUMNS)}", line=number))
    return head, number + 1, body


def _parse_header(path: Path, lines: list[str], faults: list[Fault]) -> Header | None:
    found: dict[str, tuple[int, str]] = {}
    before = len(faults)
    for number, line in enumerate(lines, start=1):
        key, colon, value = line.removeprefix("#").partition(":")
        key, value = key.strip(), value.strip()
        if not colon or key not in (*REQUIRED, *OPTIONAL):
            faults.append(Fault(path, f"has no known key ({', '.join(REQUIRED + OPTIONAL)})", number, key or None))
        elif key in found:
            faults.append(Fault(path, f"repeats line {found[key][0]}; keep one of the two", number, key))
        else:
            found[key] = (number, value)
    faults.extend(
        Fault(path, f"is missing; add a line '# {key}: ...' at the top", field=key)
        for key in REQUIRED
        if key not in found or not found[key][1]
    )
    if len(faults) > before:
        return None
    for key, wanted in (("format", (FORMAT,)), ("gpu", GPUS)):
        number, value = found[key]
        if value not in wanted:
            faults.append(Fault(path, f"is {value!r}; it must be {' or '.join(wanted)}", number, key))
    limits = {
        key: _whole(path, found[key][0], key, found[key][1], faults) for key in ("max_total_tokens", "max_num_seqs")
    }
    reads = _by_degree(path, found.get("weight_read_ms"), "weight_read_ms", faults)
    cache_tokens = _by_degree(path, found.get("cache_tokens"), "cache_tokens", faults)
    weights = found.get("weights_gib")
    return Header(
        model=found["model"][1],
        precision=found["precision"][1],
        gpu=found["gpu"][1],
        era=found["era"][1],
        max_total_tokens=limits["max_total_tokens"],
        max_num_seqs=limits["max_num_seqs"],
        source=found["source"][1],
        calibration=found["calibration"][1],
        made_by=found["made by"][1],
        weights_gib=_positive(path, weights[0], "weights_gib", weights[1], faults) if weights else None,
        weight_read_ms=reads,
        cache_tokens={degree: int(tokens) for degree, tokens in cache_tokens.items()},
    )


def _by_degree(path: Path, found: tuple[int, str] | None, key: str, faults: list[Fault]) -> dict[int, float]:
    """``1=53.5 2=26.8`` as {1: 53.5, 2: 26.8}."""
    if found is None:
        return {}
    number, text = found
    values: dict[int, float] = {}
    for item in text.split():
        degree, _, value = item.partition("=")
        values[_whole(path, number, key, degree, faults)] = _positive(path, number, key, value, faults)
    return values


def _parse_point(
    path: Path, line: int | None, size: tuple[int, int], fields: list[str], faults: list[Fault]
) -> OperatingPoint | None:
    """A row after its size, checked; None and at least one fault where it is broken."""
    before = len(faults)
    if len(fields) != len(COLUMNS) - _SIZE_COLUMNS:
        wrong = len(fields) + _SIZE_COLUMNS
        faults.append(Fault(path, f"has {wrong} fields; it must have {len(COLUMNS)}", line=line))
        return None
    concurrency, requests_per_s, tpot_ms, ttft_ms, origin, grade, error = fields
    point = OperatingPoint(
        input_tokens=size[0],
        output_tokens=size[1],
        concurrency=_whole(path, line, "concurrency", concurrency, faults),
        requests_per_s=_positive(path, line, "requests_per_s", requests_per_s, faults),
        tpot_ms=_positive(path, line, "tpot_ms", tpot_ms, faults),
        ttft_ms=_positive(path, line, "ttft_ms", ttft_ms, faults),
        origin=_word(path, line, "origin", origin, ORIGINS, faults),
        grade=_word(path, line, "grade", grade, GRADES, faults),
        error=_positive(path, line, "error", error, faults),
    )
    if point.error >= 1:
        faults.append(Fault(path, f"is {error}; it must be a fraction under 1, such as 0.25", line, "error"))
    return point if len(faults) == before else None


def _whole(path: Path, line: int | None, field: str, text: str, faults: list[Fault]) -> int:
    if text.isascii() and text.isdigit() and int(text) > 0:
        return int(text)
    faults.append(Fault(path, f"is {text!r}; it must be a whole number above 0", line, field))
    return 1


def _positive(path: Path, line: int | None, field: str, text: str, faults: list[Fault]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        faults.append(Fault(path, f"is {text!r}; it must be a number above 0", line, field))
        return 1.0
    return value


def _word(path: Path, line: int | None, field: str, text: str, words: tuple[str, ...], faults: list[Fault]) -> str:
    if text not in words:
        faults.append(Fault(path, f"is {text!r}; it must be one of {', '.join(words)}", line, field))
    return text
