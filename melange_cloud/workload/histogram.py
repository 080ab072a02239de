r"""Reads histograms: a CSV table with the number of requests in each (input range, output range).

    input\output,1-25,26-100,>100
    1-25,121,154,0
    26-100,39,62,0
    >100,0,0,0

Ranges are of whole tokens and include both ends; ``>100`` is open. Numbers are counts of requests, or shares that sum
to 1 (all at most 1, at least one not whole). A histogram has no mean sizes, so the middle of each range is used. An
open range has no middle, so requests in it are rejected. If the source says more, put it into ``SizeFacts``: an upper
edge for the open range, and the mean size of all requests. Each range's mean is then moved by the same fraction of its
range, so that all requests together have that mean.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from melange_cloud.domain import Bucket, Workload
from melange_cloud.errors import BadFile, Fault, shown
from melange_cloud.inputs import read_rows
from melange_cloud.inputs.csv_tables import CsvRow
from melange_cloud.workload.buckets.ranges import LONGEST_TOKENS, SUM_TOLERANCE, TokenRange, clashes, label

CORNER = "input\\output"
_CLOSED = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")
_OPEN = re.compile(r">([0-9]{1,10})")
_MOST_REQUESTS = 1e15


@dataclass(frozen=True, slots=True)
class SizeFacts:
    """What else the source of a histogram says about its sizes, tokens; None if unknown.

    Attributes:
        mean_input, mean_output: mean size of all requests.
        longest_input, longest_output: upper edge of the open range.
    """

    mean_input: float | None = None
    mean_output: float | None = None
    longest_input: int | None = None
    longest_output: int | None = None


def parse_histogram(text: str, path: Path, sizes: SizeFacts | None = None) -> Workload:
    """Read the text of a histogram; the workload is named after the file.

    Args:
        sizes: what else is known; None is nothing.

    Raises:
        BadFile: with all faults of the file.
    """
    rows = list(read_rows(text, path))
    header_line, header = rows[0] if rows else (1, [])
    if not header or header[0] != CORNER:
        raise BadFile([Fault(path, _no_header(header), line=header_line)])
    faults: list[Fault] = []
    outputs = _labels(header[1:], [header_line] * (len(header) - 1), path, faults)
    inputs = _labels([cells[0] for _, cells in rows[1:]], [line for line, _ in rows[1:]], path, faults)
    counts: list[list[float]] = []
    columns = [f"column {name}" for name in header[1:]]
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            faults.append(Fault(path, f"has {len(cells)} cells, the header has {len(header)}", line=line))
        counts.append(_counts(CsvRow(path, line, dict(zip(columns, cells[1:], strict=False)), faults), columns))
    if faults:
        raise BadFile(faults)
    total = math.fsum(count for row in counts for count in row)
    sizes = sizes or SizeFacts()
    row_labels, column_labels = [cells[0] for _, cells in rows[1:]], header[1:]
    inputs = _closed(inputs, row_labels, sizes.longest_input)
    outputs = _closed(outputs, column_labels, sizes.longest_output)
    still_open = _still_open(inputs, row_labels), _still_open(outputs, column_labels)
    faults = _faults_of_the_whole(counts, total, *still_open, path)
    if faults:
        raise BadFile(faults)
    cells_by_size = {
        (input_tokens, output_tokens): count
        for input_tokens, row in zip(inputs, counts, strict=True)
        for output_tokens, count in zip(outputs, row, strict=True)
        if input_tokens is not None and output_tokens is not None and count
    }
    requests = int(total) if _are_whole(counts) else None
    name = path.name.removesuffix(path.suffix)
    return Workload(
        name=name,
        title=f"{name}, {requests:,} requests" if requests else name,
        buckets=buckets_of_counts(cells_by_size, sizes, path),
        source=path.name,
        licence="not stated",
        requests=requests,
        notes=notes_of(sizes),
    )


def buckets_of_counts(
    counts: Mapping[tuple[TokenRange, TokenRange], float], sizes: SizeFacts, path: Path
) -> tuple[Bucket, ...]:
    """Buckets from (input range, output range) cells with their numbers of requests, and known mean sizes.

    Raises:
        BadFile: the ranges do not allow a stated mean.
    """
    total = math.fsum(counts.values())
    faults: list[Fault] = []
    places = []
    for axis, mean, option in ((0, sizes.mean_input, "--mean-input"), (1, sizes.mean_output, "--mean-output")):
        low = math.fsum(count * cell[axis][0] for cell, count in counts.items()) / total
        high = math.fsum(count * cell[axis][1] for cell, count in counts.items()) / total
        places.append(None if mean is None else (mean - low) / (high - low))
        if mean is not None and not low < mean <= high:
            message = f"{option} {mean:g}: the ranges allow means above {low:.6g} up to {high:.6g}"
            faults.append(Fault(path, message))
    if faults:
        raise BadFile(faults)

    def mean_of(tokens: TokenRange, place: float | None) -> float:
        return _middle(tokens) if place is None else tokens[0] + place * (tokens[1] - tokens[0])

    return tuple(
        Bucket(*cell[0], *cell[1], mean_of(cell[0], places[0]), mean_of(cell[1], places[1]), count / total)
        for cell, count in sorted(counts.items())
    )


def notes_of(sizes: SizeFacts) -> tuple[str, ...]:
    """Notes on the mean sizes."""
    notes = []
    for kind, mean in (("input", sizes.mean_input), ("output", sizes.mean_output)):
        if mean is not None:
            notes.append(f"mean {kind} sizes of the buckets are fitted to the source's mean of {mean:,g} tokens")
    if len(notes) < 2:
        which = "no mean sizes" if not notes else f"no mean {'output' if sizes.mean_output is None else 'input'} sizes"
        notes.append(f"{which} in the histogram: the middle of each range is used")
    for kind, longest in (("input", sizes.longest_input), ("output", sizes.longest_output)):
        if longest is not None:
            notes.append(f"the open {kind} range is assumed to end at {longest:,} tokens")
    return tuple(notes)


def _no_header(header: Sequence[str]) -> str:
    if "input_tokens" in header:
        return (
            "is a trace, not a histogram: make a workload from it first with "
            "melange-cloud workloads from-trace FILE --output mine.json"
        )
    return f"the header must be {CORNER},1-25,26-100,... (output ranges); found: {','.join(header)[:60] or 'nothing'}"


def _labels(texts: Sequence[str], lines: Sequence[int], path: Path, faults: list[Fault]) -> list[TokenRange | None]:
    """Ranges by position; None if open, or if invalid (with a fault)."""
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
                    "is not a range: write first-last, such as 26-100, or >4000",
                    line=line,
                    field=f"range {shown(text, 40)}",
                )
            )
    # With one input range for all, only conflicts of output ranges remain.
    for clash in clashes([((0, 1), tokens) for _, tokens in closed]):
        position, tokens = closed[clash.position]
        what = "is a duplicate" if clash.duplicate else "overlaps another range"
        faults.append(
            Fault(path, f"{what}: ranges must be disjoint", line=lines[position], field=f"range {label(tokens)}")
        )
    highest = max((tokens[1] for _, tokens in closed), default=0)
    for order, (position, low) in enumerate(open_from):
        if order or low < highest:
            message = "must be the only open range and start where the others end"
            faults.append(Fault(path, message, line=lines[position], field=f"range {texts[position]}"))
    return ranges


def _counts(row: CsvRow, columns: Sequence[str]) -> list[float]:
    """The requests of an input range by output range; 0 if a cell has a fault."""
    given = [row.required(column, "write 0 for no requests") for column in columns]
    return [
        row.number(column, 0, _MOST_REQUESTS, of="requests") or 0.0 if cell else 0.0
        for column, cell in zip(columns, given, strict=True)
    ]


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
                f"the shares sum to {total:.9g}: they must sum to 1; divide each by it, or give numbers of requests",
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
                f"{100 * share:.3g} % of the requests are in ranges without an upper edge ({', '.join(places)}), so "
                "their mean size is unknown: split those ranges, say where they end (--longest-input, "
                "--longest-output), or use from-trace",
            )
        )
    return faults


def _closed(
    ranges: Sequence[TokenRange | None], labels: Sequence[str], longest_tokens: int | None
) -> list[TokenRange | None]:
    """The ranges with the open one closed at ``longest_tokens``, if that is known and above its start."""
    closed: list[TokenRange | None] = []
    for tokens, text in zip(ranges, labels, strict=True):
        match = _OPEN.fullmatch(text)
        low = int(match[1]) if match else LONGEST_TOKENS
        closed.append(
            (low, longest_tokens) if match and longest_tokens is not None and low < longest_tokens else tokens
        )
    return closed


def _still_open(ranges: Sequence[TokenRange | None], labels: Sequence[str]) -> list[str]:
    """The labels of open ranges, by position; empty for the others."""
    return ["" if tokens else text for tokens, text in zip(ranges, labels, strict=True)]


def _middle(tokens: TokenRange) -> float:
    """The mean of the whole numbers in (low, high]."""
    return (tokens[0] + 1 + tokens[1]) / 2
