"""The profile file: ``# key: value`` lines, a line of column names, one row per operating point.

Rows are kept as text, grouped by tensor parallel degree and size, and a size is parsed when it is needed: a plan uses a
tenth of a file. If there is a cheap sign of damage (a missing comma, ``nan``, a zero), the whole file is checked row by
row, as ``check_profile_file`` does, and every fault is reported with its line and field.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from melange_cloud.domain import GRADES, Kind, OperatingPoint
from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.inputs import read_text
from melange_cloud.profiles.files.profile_fields import LEAST, MOST_MS, MOST_PER_S, whole
from melange_cloud.profiles.files.profile_format import COLUMNS, COLUMNS_OF, MEASURED_COLUMNS, MEASURED_FORMAT
from melange_cloud.profiles.files.profile_header import Header, parse_header
from melange_cloud.profiles.files.profile_rows import ORIGINS, parse_row
from melange_cloud.profiles.points import Point, SizePoints, rates_of

_MOST_BYTES = 16 * 2**20
_MOST_HEAD_LINES = 100

_SIZE_COLUMNS = 3
_RATE, _TPOT, _TTFT, _BEFORE_TRUST = 4, 5, 6, 7
_SIGNS_OF_DAMAGE = (",,", ",-", ",0,", ",0.0,", ",0\n", "nan", "inf", "NaN", "Inf", "NAN", "INF", " ", "_", "\t", '"')


@dataclass(frozen=True, slots=True)
class ProfileFile:
    """A profile file with unparsed rows.

    Attributes:
        rows: the rows as text, by kind and (input_tokens, output_tokens).
    """

    path: Path
    header: Header
    rows: Mapping[Kind, Mapping[tuple[int, int], list[str]]] = field(repr=False)
    _parsed: dict[tuple[Kind, tuple[int, int]], SizePoints] = field(default_factory=dict, repr=False, compare=False)

    @property
    def any_size(self) -> bool:
        """Whether it has every size: a file has those of its rows."""
        return False

    def sizes(self, kind: Kind) -> tuple[tuple[int, int], ...]:
        """The (input, output) tokens that it has rows for, sorted."""
        return tuple(sorted(self.rows.get(kind, ())))

    def points(self, kind: Kind, size: tuple[int, int]) -> tuple[OperatingPoint, ...]:
        """The operating points of one size, in the order of the file.

        Raises:
            BadFile: a row of this size is broken.
        """
        faults: list[Fault] = []
        columns = COLUMNS_OF[self.header.format]
        points = [parse_row(self.path, None, columns, row.split(","), faults) for row in self.rows[kind][size]]
        if faults:
            check_profile_file(self.path)  # reports the line numbers, which are not kept
        sound = tuple(point for point in points if point is not None)
        if self.header.error_down is None:
            return sound
        return tuple(replace(point, error_down=self._down(point.error)) for point in sound)

    def _down(self, error: float) -> float | None:
        """By what fraction rates with an error may be lower; None if that is the error itself."""
        down = self.header.error_down
        return down if down is not None and down > error else None

    def rates(self, kind: Kind, size: tuple[float, float]) -> SizePoints:
        """What MaxTput needs for one size that has rows; parsed once, since a process reads a file once.

        This is a fast path for valid rows; ``points`` would take ten times as long.

        Raises:
            BadFile: a row of this size is broken.
        """
        held = int(size[0]), int(size[1])
        if (kind, held) not in self._parsed:
            self._parsed[kind, held] = self._rates(kind, held)
        return self._parsed[kind, held]

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
            LEAST < p.tpot_ms < MOST_MS and LEAST < p.requests_per_s < MOST_PER_S and LEAST < p.ttft_ms < MOST_MS
            for p in points
        )
        sound = sound and all(0 < error < 1 for error in errors)
        if not sound or any(origin not in ORIGINS or grade not in GRADES for origin, grade, _ in trusts):
            check_profile_file(self.path)
        origin = "measured" if all(origin == "measured" for origin, _, _ in trusts) else "estimated"
        error = max(errors)
        return SizePoints(points, max(grade for _, grade, _ in trusts), error, origin, self._down(error))


@cache
def read_profile_file(path: Path) -> ProfileFile:
    """Read a profile file; rows are parsed only when requested.

    Raises:
        BadFile: the header or the columns are wrong, or the rows show damage.
    """
    return parse_profile(path, read_text(path, _MOST_BYTES))


def parse_profile(path: Path, text: str) -> ProfileFile:
    """A profile from its text; ``path`` is where it is, or will be.

    Raises:
        BadFile: see ``read_profile_file``.
    """
    faults: list[Fault] = []
    head, _, body = _split(path, text, faults)
    header = parse_header(path, head, faults)
    if faults or header is None:
        raise BadFile(faults)
    lines = body.splitlines()
    columns = COLUMNS_OF[header.format]
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
        BadFile: with all faults, each with line and field.
    """
    faults: list[Fault] = []
    head, start, body = _split(path, read_text(path, _MOST_BYTES), faults)
    header = parse_header(path, head, faults)
    columns = COLUMNS if header is None else COLUMNS_OF[header.format]
    # Measured points also differ by their rate: concurrency is rounded, and empty if unknown.
    named = _SIZE_COLUMNS + (2 if columns == MEASURED_COLUMNS else 1)
    lines = body.splitlines()
    seen: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(lines, start=start):
        fields = line.split(",")
        if len(fields) != len(columns):
            faults.append(Fault(path, f"has {len(fields)} fields; it must have {len(columns)}", line=number))
            continue
        whole(path, number, columns[0], fields[0], faults)
        parse_row(path, number, columns, fields, faults)
        key = tuple(fields[:named])
        if key in seen:
            faults.append(Fault(path, f"repeats line {seen[key]}; keep one of the two", number, "concurrency"))
        seen[key] = number
    if not lines:
        faults.append(Fault(path, "has no operating points"))
    if faults:
        raise BadFile(faults)


def _split(path: Path, text: str, faults: list[Fault]) -> tuple[list[str], int, str]:
    """Header lines, the line number of the first row, and the rows as one text."""
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
