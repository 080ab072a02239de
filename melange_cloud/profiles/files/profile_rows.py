"""Turns a row of a profile file into an operating point."""

from datetime import date
from pathlib import Path

from melange_cloud.domain import GRADES, OperatingPoint
from melange_cloud.errors import Fault, echoed, shown
from melange_cloud.profiles.files.profile_fields import LONGEST_VALUE, positive, whole, word
from melange_cloud.profiles.files.profile_format import MEASURED_COLUMNS

ORIGINS = ("measured", "estimated")
_MAY_BE_EMPTY = ("concurrency", "tpot_ms", "p99_tpot_ms", "ttft_ms", "measured_on", "source")


def parse_row(
    path: Path, line: int | None, columns: tuple[str, ...], fields: list[str], faults: list[Fault]
) -> OperatingPoint | None:
    """Check a row; None, with at least one fault, if it is broken."""
    before = len(faults)
    if len(fields) != len(columns):
        faults.append(Fault(path, f"has {len(fields)} fields; it must have {len(columns)}", line=line))
        return None
    row = dict(zip(columns, fields, strict=True))
    may_be_empty = _MAY_BE_EMPTY if columns == MEASURED_COLUMNS else ()

    def unknown(column: str) -> bool:
        return row.get(column, "") == "" and (column in may_be_empty or column not in columns)

    def number(column: str) -> float | None:
        return None if unknown(column) else positive(path, line, column, row[column], faults)

    point = OperatingPoint(
        input_tokens=whole(path, line, "input_tokens", row["input_tokens"], faults),
        output_tokens=whole(path, line, "output_tokens", row["output_tokens"], faults),
        concurrency=None if unknown("concurrency") else whole(path, line, "concurrency", row["concurrency"], faults),
        requests_per_s=positive(path, line, "requests_per_s", row["requests_per_s"], faults),
        tpot_ms=number("tpot_ms"),
        ttft_ms=number("ttft_ms"),
        origin=word(path, line, "origin", row["origin"], ORIGINS, faults),
        grade=word(path, line, "grade", row["grade"], GRADES, faults),
        error=positive(path, line, "error", row["error"], faults),
        p99_tpot_ms=number("p99_tpot_ms"),
        source=echoed(row.get("source", ""), LONGEST_VALUE),
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
