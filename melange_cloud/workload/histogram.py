"""Histograms: a CSV table of how many requests fall in each (input range, output range).

    input\\output,1-25,26-100,>100
    1-25,121,154,0
    26-100,39,62,0
    >100,0,0,0

Ranges are of whole tokens, both ends included; ``>100`` is open. Numbers are counts of requests, or shares that sum
to 1 (all at most 1, one at least not whole). A histogram does not tell mean sizes, so the middle of each range stands
for its requests; an open range has no middle, so requests in one are refused.
"""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from melange_cloud.domain import Bucket, Workload
from melange_cloud.errors import BadFile, Fault
from melange_cloud.workload.ranges import LONGEST_TOKENS, TokenRange, clashes, label
from melange_cloud.workload.reading import parse_number, read_rows
from melange_cloud.workload.requests import SUM_TOLERANCE

CORNER = "input\\output"
_CLOSED = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")
_OPEN = re.compile(r">([0-9]{1,10})")
_MOST_REQUESTS = 1e15


def parse_histogram(text: str, path: Path) -> Workload:
    """Reads the text of a histogram; the workload is named after the file.

    Raises:
        BadFile: all that is wrong with it.
    """
    rows = list(read_rows(text, path))
    header_line, header = rows[0] if rows else (1, [])
    if not header or header[0] != CORNER:
        raise BadFile([Fault(path, _no_header(header), line=header_line)])
    faults: list[Fault] = []
    outputs = _labels(header[1:], [header_line] * (len(header) - 1), path, faults)
    inputs = _labels([cells[0] for _, cells in rows[1:]], [line for line, _ in rows[1:]], path, faults)
    counts: list[list[float]] = []
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            faults.append(Fault(path, f"has {len(cells)} cells, the header has {len(header)}", line=line))
        counts.append(
            [_count(cell, line, column, path, faults) for column, cell in zip(header, cells, strict=False)][1:]
        )
    if faults:
        raise BadFile(faults)
    total = math.fsum(count for row in counts for count in row)
    faults = _faults_of_the_whole(counts, total, [cells[0] for _, cells in rows[1:]], header[1:], path)
    if faults:
        raise BadFile(faults)
    cells_by_size = [
        (input_tokens, output_tokens, count)
        for input_tokens, row in zip(inputs, counts, strict=True)
        for output_tokens, count in zip(outputs, row, strict=True)
        if input_tokens is not None and output_tokens is not None and count
    ]
    buckets = tuple(
        Bucket(*input_tokens, *output_tokens, _middle(input_tokens), _middle(output_tokens), count / total)
        for input_tokens, output_tokens, count in sorted(cells_by_size)
    )
    requests = int(total) if _are_whole(counts) else None
    name = path.name.removesuffix(path.suffix)
    return Workload(
        name=name,
        title=f"{name}, {requests:,} requests" if requests else name,
        buckets=buckets,
        source=path.name,
        licence="not stated",
        requests=requests,
        notes=("no mean sizes in the histogram: the middle of each range is used",),
    )


def _no_header(header: Sequence[str]) -> str:
    if "input_tokens" in header:
        return (
            "is a trace, not a histogram: make a workload of it first, "
            "melange-cloud workloads from-trace FILE --out mine.json"
        )
    return f"the header must be {CORNER},1-25,26-100,... (output ranges); found: {','.join(header)[:60] or 'nothing'}"


def _labels(texts: Sequence[str], lines: Sequence[int], path: Path, faults: list[Fault]) -> list[TokenRange | None]:
    """Ranges by position, None where open (or faulty, with its fault added)."""
    ranges: list[TokenRange | None] = []
    closed: list[tuple[int, TokenRange]] = []
    open_from: list[tuple[int, int]] = []
    for position, (text, line) in enumerate(zip(texts, lines, strict=True)):
        ranges.append(None)
        if match := _OPEN.fullmatch(text):
            open_from.append((position, int(match[1])))
            continue
        match = _CLOSED.fullmatch(text)
        low, high = (max(0, int(match[1]) - 1), int(match[2])) if match else (0, 0)
        if low < high <= LONGEST_TOKENS:
            ranges[position] = (low, high)
            closed.append((position, (low, high)))
        else:
            faults.append(
                Fault(
                    path,
                    "is not a range: write first-last such as 26-100, or >4000",
                    line=line,
                    field=f"range {text!r}",
                )
            )
    # One common input range turns output-range clashes into the whole question.
    for place, message in clashes([((0, 1), tokens) for _, tokens in closed]):
        position, tokens = closed[place]
        what = "stands twice" if "twice" in message else "overlaps another range"
        faults.append(
            Fault(path, f"{what}: ranges must be disjoint", line=lines[position], field=f"range {label(tokens)}")
        )
    highest = max((tokens[1] for _, tokens in closed), default=0)
    for order, (position, low) in enumerate(open_from):
        if order or low < highest:
            message = "must stand once, and start where the other ranges end"
            faults.append(Fault(path, message, line=lines[position], field=f"range {texts[position]}"))
    return ranges


def _count(cell: str, line: int, column: str, path: Path, faults: list[Fault]) -> float:
    if column == CORNER:
        return 0.0
    count = parse_number(cell)
    if count is not None and 0 <= count <= _MOST_REQUESTS:
        return count
    message = f"is {cell[:40]!r}: must be a number of requests, 0 or more, finite"
    faults.append(Fault(path, message, line=line, field=f"column {column}"))
    return 0.0


def _are_whole(counts: Sequence[Sequence[float]]) -> bool:
    return all(count.is_integer() for row in counts for count in row)


def _faults_of_the_whole(
    counts: Sequence[Sequence[float]],
    total: float,
    input_labels: Sequence[str],
    output_labels: Sequence[str],
    path: Path,
) -> list[Fault]:
    if total == 0:
        return [Fault(path, "all counts are 0: a workload needs traffic")]
    faults = []
    are_shares = not _are_whole(counts) and max(max(row) for row in counts) <= 1
    if are_shares and round(abs(total - 1), 12) > SUM_TOLERANCE:
        faults.append(
            Fault(
                path,
                f"the shares sum to {total:.9g}: they must sum to 1; divide each by it, or give counts of requests",
            )
        )
    in_open = [
        (input_label, output_label, count)
        for input_label, row in zip(input_labels, counts, strict=True)
        for output_label, count in zip(output_labels, row, strict=True)
        if count and (input_label.startswith(">") or output_label.startswith(">"))
    ]
    if in_open:
        share = math.fsum(count for _, _, count in in_open) / total
        places = sorted({f"input {row}" for row, _, _ in in_open if row.startswith(">")})
        places += sorted({f"output {column}" for _, column, _ in in_open if column.startswith(">")})
        faults.append(
            Fault(
                path,
                f"{100 * share:.3g} % of the requests lie in ranges without an upper edge ({', '.join(places)}), so "
                "their mean size is unknown: split those ranges, or make the workload from the requests themselves "
                "with melange-cloud workloads from-trace",
            )
        )
    return faults


def _middle(tokens: TokenRange) -> float:
    """The mean of the whole numbers in (low, high]."""
    return (tokens[0] + 1 + tokens[1]) / 2
