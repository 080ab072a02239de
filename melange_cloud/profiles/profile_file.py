"""The profile file: ``# key: value`` lines, a line of column names, one row per operating point.

Version 1 holds estimates, thousands of rows whose every field is known. Version 2 holds measurements: its rows also
have a p99 TPOT, a date and a source, and concurrency and latencies are empty where the benchmark tool does not tell.

Reading keeps the rows as text, grouped by tensor parallel degree and size, and parses a size when it is asked for: a
plan looks at a tenth of a file. What cheap signs of damage betray (a missing comma, ``nan``, a zero) has the whole
file checked row by row, as does ``check_profile_file``, and every fault is reported with its line and field.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

from melange_cloud.domain import GPUS, GRADES, Kind, OperatingPoint
from melange_cloud.errors import BadFile, Fault, echoed, shown
from melange_cloud.inputs import NotANumber, OutOfRange, parse_number, parse_whole, read_text
from melange_cloud.profiles.points import Point

FORMAT = "melange-cloud profile 1"
MEASURED_FORMAT = "melange-cloud profile 2"
REQUIRED = (
    "format", "model", "precision", "gpu", "era", "max_total_tokens", "max_num_seqs", "source", "calibration",
    "made by",
)  # fmt: skip
OPTIONAL = ("weights_gib", "weight_read_ms", "cache_tokens", "saved", "engine", "doubt")
COLUMNS = (
    "tensor_parallel", "input_tokens", "output_tokens", "concurrency", "requests_per_s", "tpot_ms", "ttft_ms", "origin",
    "grade", "error",
)  # fmt: skip
MEASURED_COLUMNS = (
    "tensor_parallel", "input_tokens", "output_tokens", "concurrency", "requests_per_s", "tpot_ms", "p99_tpot_ms",
    "ttft_ms", "origin", "grade", "error", "measured_on", "source",
)  # fmt: skip
_COLUMNS_OF = {FORMAT: COLUMNS, MEASURED_FORMAT: MEASURED_COLUMNS}
_MAY_BE_EMPTY = ("concurrency", "tpot_ms", "p99_tpot_ms", "ttft_ms", "measured_on", "source")
ORIGINS = ("measured", "estimated")

MOST_PER_S = 1e6
MOST_MS = 1e9
MOST_TOKENS = 1_000_000_000
"""What one replica cannot exceed: requests/s, ms (eleven days), tokens of a request or requests in flight."""

_LEAST = 1e-9
_MOST_OF = {"requests_per_s": MOST_PER_S, "cache_tokens": 1e12, "weights_gib": 1e6, "error": 1e3}
_MOST_BYTES = 16 * 2**20
_MOST_HEAD_LINES = 100
_LONGEST_VALUE = 500

_SIZE_COLUMNS = 3
_RATE, _TPOT, _TTFT, _BEFORE_TRUST = 4, 5, 6, 7
_SIGNS_OF_DAMAGE = (",,", ",-", ",0,", ",0.0,", ",0\n", "nan", "inf", "NaN", "Inf", "NAN", "INF", " ", "_", "\t", '"')


@dataclass(frozen=True, slots=True)
class Header:
    """What a profile file declares before its rows.

    Attributes:
        max_total_tokens: longest input + output, tokens: the engine's context limit.
        weights_gib: weights of the model in this precision, GiB; None where not stated.
        weight_read_ms: by tensor parallel degree, time to read all weights once; empty where not stated.
        cache_tokens: by tensor parallel degree, tokens that the KV cache holds; empty where not stated.
        saved: when a user saved it, UTC, as 2026-11-22T18:39:12Z; empty where not stated.
        engine: the server that was measured and its version; empty where not stated.
        doubt: what keeps its measurements from being trusted in full; empty where nothing does.
    """

    format: str

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
    saved: str = ""
    engine: str = ""
    doubt: str = ""


class SizePoints(NamedTuple):
    """The points of one size, TPOT rising; worst grade, largest error; origin of all."""

    points: list[Point]
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
    _parsed: dict[tuple[Kind, tuple[int, int]], SizePoints] = field(default_factory=dict, repr=False, compare=False)

    def points(self, kind: Kind, size: tuple[int, int]) -> tuple[OperatingPoint, ...]:
        """The operating points of one size, as the file orders them.

        Raises:
            BadFile: a row of this size is broken.
        """
        faults: list[Fault] = []
        columns = _COLUMNS_OF[self.header.format]
        points = [_parse_point(self.path, None, columns, row.split(","), faults) for row in self.rows[kind][size]]
        if faults:
            check_profile_file(self.path)  # names the lines, which are not kept
        return tuple(point for point in points if point is not None)

    def rates(self, kind: Kind, size: tuple[int, int]) -> SizePoints:
        """What MaxTput needs of one size; parsed once, since a file is read once in a process.

        The fast way for rows that are in order, which ``points`` would take ten times as long for.

        Raises:
            BadFile: a row of this size is broken.
        """
        if (kind, size) not in self._parsed:
            self._parsed[kind, size] = self._rates(kind, size)
        return self._parsed[kind, size]

    def _rates(self, kind: Kind, size: tuple[int, int]) -> SizePoints:
        rows = self.rows[kind][size]
        if self.header.format == MEASURED_FORMAT:
            return rates_of(self.points(kind, size))
        try:
            split = [row.split(",", _BEFORE_TRUST) for row in rows]
            steps = size[1] - 1
            points = [
                Point(
                    tpot_ms := float(fields[_TPOT]),
                    float(fields[_RATE]),
                    ttft_ms := float(fields[_TTFT]),
                    ttft_ms + steps * tpot_ms,
                )
                for fields in split
            ]
            trusts = [trust.split(",") for trust in sorted({fields[_BEFORE_TRUST] for fields in split})]
            errors = [float(error) for _, _, error in trusts]
        except ValueError:
            check_profile_file(self.path)
            raise
        points.sort()
        sound = all(
            _LEAST < p.tpot_ms < MOST_MS and _LEAST < p.requests_per_s < MOST_PER_S and _LEAST < p.ttft_ms < MOST_MS
            for p in points
        )
        sound = sound and all(0 < error < 1 for error in errors)
        if not sound or any(origin not in ORIGINS or grade not in GRADES for origin, grade, _ in trusts):
            check_profile_file(self.path)
        origin = "measured" if all(origin == "measured" for origin, _, _ in trusts) else "estimated"
        return SizePoints(points, max(grade for _, grade, _ in trusts), max(errors), origin)


@cache
def read_profile_file(path: Path) -> ProfileFile:
    """Read a profile file; rows are parsed only when asked for.

    Raises:
        BadFile: the header or the columns are wrong, or the rows show damage.
    """
    return parse_profile(path, read_text(path, _MOST_BYTES))


def parse_profile(path: Path, text: str) -> ProfileFile:
    """A profile from its text; ``path`` is where it lies or will lie.

    Raises:
        BadFile: as ``read_profile_file``.
    """
    faults: list[Fault] = []
    head, _, body = _split(path, text, faults)
    header = _parse_header(path, head, faults)
    if faults or header is None:
        raise BadFile(faults)
    lines = body.splitlines()
    columns = _COLUMNS_OF[header.format]
    damaged = header.format == MEASURED_FORMAT or not body.isascii() or any(sign in body for sign in _SIGNS_OF_DAMAGE)
    if damaged or not lines or body.count(",") != len(lines) * (len(columns) - 1):
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
    head, start, body = _split(path, read_text(path, _MOST_BYTES), faults)
    header = _parse_header(path, head, faults)
    columns = COLUMNS if header is None else _COLUMNS_OF[header.format]
    # Measured points are told apart by their rate too: concurrency is rounded, and empty where not known.
    named = _SIZE_COLUMNS + (2 if columns == MEASURED_COLUMNS else 1)
    lines = body.splitlines()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=start):
        fields = line.split(",")
        if len(fields) != len(columns):
            faults.append(Fault(path, f"has {len(fields)} fields; it must have {len(columns)}", line=number))
            continue
        _whole(path, number, columns[0], fields[0], faults)
        _parse_point(path, number, columns, fields, faults)
        key = tuple(fields[:named])
        if key in seen:
            faults.append(Fault(path, f"repeats line {seen[key]}; keep one of the two", number, "concurrency"))
        seen[key] = number
    if not lines:
        faults.append(Fault(path, "has no operating points"))
    if faults:
        raise BadFile(faults)


def rates_of(points: Iterable[OperatingPoint]) -> SizePoints:
    """What MaxTput needs of the points of one size; at least one."""
    held = list(points)
    origin = "measured" if all(point.origin == "measured" for point in held) else "estimated"
    brief = sorted(_brief(point) for point in held)
    return SizePoints(brief, max(point.grade for point in held), max(point.error for point in held), origin)


def _brief(point: OperatingPoint) -> Point:
    tpot_ms, ttft_ms, p99_ms = (
        math.inf if value is None else value for value in (point.tpot_ms, point.ttft_ms, point.p99_tpot_ms)
    )
    e2e_ms = ttft_ms if point.output_tokens == 1 else ttft_ms + (point.output_tokens - 1) * tpot_ms
    return Point(tpot_ms, point.requests_per_s, ttft_ms, e2e_ms, p99_ms)


def format_profile(header: Mapping[str, str], kinds_and_points: Iterable[tuple[int, OperatingPoint]]) -> str:
    """The text of a profile file.

    Args:
        header: values by key, in the order in which they are to stand; ``format`` decides the columns.
        kinds_and_points: (tensor_parallel, point), sorted.
    """
    columns = _COLUMNS_OF[header["format"]]
    lines = [f"# {key}: {value}" for key, value in header.items()]
    lines.append(",".join(columns))
    lines.extend(
        ",".join([str(degree), *(_field(getattr(point, column)) for column in columns[1:])])
        for degree, point in kinds_and_points
    )
    return "\n".join(lines) + "\n"


def _field(value: object) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _split(path: Path, text: str, faults: list[Fault]) -> tuple[list[str], int, str]:
    """Header lines, the number of the first row's line, and the rows as one text."""
    head: list[str] = []
    text = text.replace("\r\n", "\n")
    at = 0
    while text.startswith("#", at) and len(head) < _MOST_HEAD_LINES:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        head.append(text[at:end])
        at = end + 1
    columns, _, body = text[at:].partition("\n")
    number = len(head) + 1
    measured = any(line.partition(":")[2].strip() == MEASURED_FORMAT for line in head)
    wanted = ",".join(MEASURED_COLUMNS if measured else COLUMNS)
    if columns != wanted:
        faults.append(Fault(path, f"has the columns {shown(columns)}; they must be {wanted}", line=number))
    return head, number + 1, body


def _parse_header(path: Path, lines: list[str], faults: list[Fault]) -> Header | None:
    found: dict[str, tuple[int, str]] = {}
    before = len(faults)
    for number, line in enumerate(lines, start=1):
        key, colon, value = line.removeprefix("#").partition(":")
        key, value = key.strip(), echoed(value, _LONGEST_VALUE)
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
    for key, wanted in (("format", tuple(_COLUMNS_OF)), ("gpu", GPUS)):
        number, value = found[key]
        if value not in wanted:
            faults.append(Fault(path, f"is {shown(value)}; it must be {' or '.join(wanted)}", number, key))
    limits = {
        key: _whole(path, found[key][0], key, found[key][1], faults) for key in ("max_total_tokens", "max_num_seqs")
    }
    reads = _by_degree(path, found.get("weight_read_ms"), "weight_read_ms", faults)
    cache_tokens = _by_degree(path, found.get("cache_tokens"), "cache_tokens", faults)
    weights = found.get("weights_gib")
    if found["format"][1] not in _COLUMNS_OF:
        return None
    return Header(
        format=found["format"][1],
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
        saved=found["saved"][1] if "saved" in found else "",
        engine=found["engine"][1] if "engine" in found else "",
        doubt=found["doubt"][1] if "doubt" in found else "",
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
    path: Path, line: int | None, columns: tuple[str, ...], fields: list[str], faults: list[Fault]
) -> OperatingPoint | None:
    """A row, checked; None and at least one fault where it is broken."""
    before = len(faults)
    if len(fields) != len(columns):
        faults.append(Fault(path, f"has {len(fields)} fields; it must have {len(columns)}", line=line))
        return None
    row = dict(zip(columns, fields, strict=True))
    may_be_empty = _MAY_BE_EMPTY if columns == MEASURED_COLUMNS else ()

    def unknown(column: str) -> bool:
        return row.get(column, "") == "" and (column in may_be_empty or column not in columns)

    def number(column: str) -> float | None:
        return None if unknown(column) else _positive(path, line, column, row[column], faults)

    point = OperatingPoint(
        input_tokens=_whole(path, line, "input_tokens", row["input_tokens"], faults),
        output_tokens=_whole(path, line, "output_tokens", row["output_tokens"], faults),
        concurrency=None if unknown("concurrency") else _whole(path, line, "concurrency", row["concurrency"], faults),
        requests_per_s=_positive(path, line, "requests_per_s", row["requests_per_s"], faults),
        tpot_ms=number("tpot_ms"),
        ttft_ms=number("ttft_ms"),
        origin=_word(path, line, "origin", row["origin"], ORIGINS, faults),
        grade=_word(path, line, "grade", row["grade"], GRADES, faults),
        error=_positive(path, line, "error", row["error"], faults),
        p99_tpot_ms=number("p99_tpot_ms"),
        source=echoed(row.get("source", ""), _LONGEST_VALUE),
        measured_on=None if unknown("measured_on") else _day(path, line, row["measured_on"], faults),
    )
    if point.error >= 1:
        faults.append(Fault(path, f"is {row['error']}; it must be a fraction under 1, such as 0.25", line, "error"))
    return point if len(faults) == before else None


def _day(path: Path, line: int | None, text: str, faults: list[Fault]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        faults.append(Fault(path, f"is {shown(text)}; it must be a date such as 2026-11-22", line, "measured_on"))
        return None


def _whole(path: Path, line: int | None, field: str, text: str, faults: list[Fault]) -> int:
    digits = text.isascii() and text.isdigit()
    try:
        return parse_whole(text if digits else "", 1, MOST_TOKENS)
    except NotANumber:
        large = digits and text.strip("0") != ""
        wanted = f"at most {MOST_TOKENS:,}" if large else "a whole number above 0"
        faults.append(Fault(path, f"is {shown(text)}; it must be {wanted}", line, field))
        return 1


def _positive(path: Path, line: int | None, field: str, text: str, faults: list[Fault]) -> float:
    most = _MOST_OF.get(field, MOST_MS)
    try:
        value = parse_number(text)
    except OutOfRange:
        value = -1.0 if text.strip().startswith("-") else math.inf
    except NotANumber:
        value = 0.0
    if _LEAST < value < most:
        return value
    wanted = "a number above 0" if value <= 0 else f"from {_LEAST:g} to {most:,g}, which is what can be"
    faults.append(Fault(path, f"is {shown(text)}; it must be {wanted}", line, field))
    return 1.0


def _word(path: Path, line: int | None, field: str, text: str, words: tuple[str, ...], faults: list[Fault]) -> str:
    if text not in words:
        faults.append(Fault(path, f"is {shown(text)}; it must be one of {', '.join(words)}", line, field))
    return text
