"""The workload file: JSON, written with one bucket per line so that a changed bucket is a changed line.

    {
      "format": "melange-cloud workload 1",
      "name": "chat",                       short name
      "title": "Arena, 1,500 requests",     what it is, for people
      "source": "...",                      where the sizes come from
      "licence": "...",                     under which they may be passed on
      "requests": 1500,                     how many requests the sizes are of; null or absent: unknown
      "notes": ["..."],                     what a user should know; may be absent
      "requests_per_s": {                   arrival rates that the source saw; null or absent: unknown
        "window_s": 60, "windows": 58, "mean": 5.55, "p95": 7.78, "peak": 8.45
      },
      "buckets": [
        {"input_tokens": [0, 25],           range (low, high]: above low, up to and including high
         "output_tokens": [25, 100],
         "mean_input_tokens": 13.2,         mean sizes of the bucket's requests, inside their ranges
         "mean_output_tokens": 61.5,
         "share": 0.103,                    fraction of all requests; shares sum to 1
         "longest_total_tokens": 117}       largest input + output of one request; null or absent: unknown
      ]
    }

The first range, from 0, holds requests of 0 tokens too. Input ranges are equal or disjoint; so are the output ranges
of one input range. Buckets are written sorted by their ranges, numbers with 12 significant digits (so shares sum to 1
within 1e-11), text as UTF-8; the same workload gives the same bytes. Buckets whose share is 0 may stand in a file and
are left out when it is loaded. Fields that are not listed here are refused: they may be misspelt.
"""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

from melange_cloud.domain import Bucket, Workload
from melange_cloud.errors import BadFile
from melange_cloud.workload.fields import FieldChecker, shown
from melange_cloud.workload.ranges import LONGEST_TOKENS, TokenRange, clashes, holds
from melange_cloud.workload.requests import SUM_TOLERANCE
from melange_cloud.workload.trace import ArrivalRates

FORMAT = "melange-cloud workload 1"
SIGNIFICANT_DIGITS = 12

_REQUIRED = ("format", "name", "title", "source", "licence", "buckets")
_OPTIONAL = ("requests", "notes", "requests_per_s")
_BUCKET_REQUIRED = ("input_tokens", "output_tokens", "mean_input_tokens", "mean_output_tokens", "share")
_BUCKET_OPTIONAL = ("longest_total_tokens",)
_RATES = ("window_s", "windows", "mean", "p95", "peak")


@dataclass(frozen=True, slots=True)
class WorkloadFile:
    """What a workload file holds: the workload, and the arrival rates that its source saw (None: unknown)."""

    workload: Workload
    arrival_rates: ArrivalRates | None = None


def write_workload(workload: Workload, arrival_rates: ArrivalRates | None = None) -> str:
    """The text of a workload file.

    Raises:
        BadFile: the workload is one that could not be loaded again (shares that do not sum to 1, overlapping buckets).
    """
    head: dict[str, object] = {
        "format": FORMAT,
        "name": workload.name,
        "title": workload.title,
        "source": workload.source,
        "licence": workload.licence,
        "requests": workload.requests,
        "notes": list(workload.notes),
    }
    lines = [f"  {_text(key)}: {_text(value)}," for key, value in head.items()]
    if arrival_rates is not None:
        numbers = (
            arrival_rates.window_s,
            arrival_rates.windows,
            arrival_rates.mean_requests_per_s,
            arrival_rates.p95_requests_per_s,
            arrival_rates.peak_requests_per_s,
        )
        fields = ", ".join(f'"{key}": {_digits(number)}' for key, number in zip(_RATES, numbers, strict=True))
        lines.append(f'  "requests_per_s": {{{fields}}},')
    buckets = ",\n".join(f"    {_bucket_text(bucket)}" for bucket in sorted(workload.buckets, key=_ranges))
    text = "\n".join(["{", *lines, '  "buckets": [', buckets, "  ]", "}", ""])
    parse_workload_file(text, f"workload {workload.name}")
    return text


def parse_workload_file(text: str, path: Path | str) -> WorkloadFile:
    """Reads the text of a workload file; ``path`` is what its faults are reported under.

    Shares that miss 1 by rounding (at most 1e-6) are divided by their sum, and a note says so.

    Raises:
        BadFile: all that is wrong with it.
    """
    checker = FieldChecker(path)
    document = checker.document(text)
    if document is None:
        raise BadFile(checker.faults)
    checker.known_fields(document, "", _REQUIRED, _OPTIONAL)
    if "format" in document and document["format"] != FORMAT:
        checker.fault("format", f"is {shown(document['format'])}: this version reads {_text(FORMAT)}")
    texts = {key: checker.text(document, key) for key in ("name", "title", "source", "licence")}
    requests = checker.whole(document, "requests", "", 1) if document.get("requests") is not None else None
    notes = _notes(checker, document)
    arrival_rates = _arrival_rates(checker, document)
    buckets = _buckets(checker, document)
    if checker.faults:
        raise BadFile(checker.faults)
    total = math.fsum(bucket.share for bucket in buckets)
    if abs(total - 1) > 1e-9:
        buckets = [replace(bucket, share=bucket.share / total) for bucket in buckets]
        notes.append(f"shares in the file sum to {total:.9g} by rounding: divided by that")
    workload = Workload(
        **texts,
        buckets=tuple(sorted((bucket for bucket in buckets if bucket.share), key=_ranges)),
        requests=requests,
        notes=tuple(notes),
    )
    return WorkloadFile(workload, arrival_rates)


def _ranges(bucket: Bucket) -> tuple[TokenRange, TokenRange]:
    return (
        (bucket.input_low_tokens, bucket.input_high_tokens),
        (bucket.output_low_tokens, bucket.output_high_tokens),
    )


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _digits(number: float) -> str:
    return f"{number:.{SIGNIFICANT_DIGITS}g}"


def _bucket_text(bucket: Bucket) -> str:
    input_tokens, output_tokens = _ranges(bucket)
    return (
        f'{{"input_tokens": {list(input_tokens)}, "output_tokens": {list(output_tokens)}, '
        f'"mean_input_tokens": {_digits(bucket.mean_input_tokens)}, '
        f'"mean_output_tokens": {_digits(bucket.mean_output_tokens)}, '
        f'"share": {_digits(bucket.share)}, "longest_total_tokens": {_text(bucket.longest_total_tokens)}}}'
    )


def _notes(checker: FieldChecker, document: dict[str, object]) -> list[str]:
    notes = document.get("notes") or []
    if isinstance(notes, list) and all(isinstance(note, str) for note in notes):
        return list(notes)
    checker.fault("notes", f"is {shown(notes)}: must be a list of texts")
    return []


def _arrival_rates(checker: FieldChecker, document: dict[str, object]) -> ArrivalRates | None:
    value = document.get("requests_per_s")
    if value is None:
        return None
    if not isinstance(value, dict):
        checker.fault("requests_per_s", f"is {shown(value)}: must be an object with {', '.join(_RATES)}")
        return None
    where = "requests_per_s."
    checker.known_fields(value, where, _RATES, ())
    window_s = checker.whole(value, "window_s", where, 1)
    windows = checker.whole(value, "windows", where, 1)
    mean = checker.number(value, "mean", where, 0, 1e9)
    p95 = checker.number(value, "p95", where, 0, 1e9)
    peak = checker.number(value, "peak", where, 0, 1e9)
    if window_s is None or windows is None or mean is None or p95 is None or peak is None:
        return None
    if peak < max(mean, p95) or peak == 0:
        checker.fault(f"{where}peak", f"is {peak:g}: must be above 0 and not below mean or p95")
    return ArrivalRates(window_s, windows, mean, p95, peak)


def _buckets(checker: FieldChecker, document: dict[str, object]) -> list[Bucket]:
    if "buckets" not in document:
        return []
    values = document["buckets"]
    if not isinstance(values, list) or not values:
        checker.fault("buckets", f"is {shown(values)}: must be a list of at least one bucket")
        return []
    parsed = [_bucket(checker, value, f"buckets[{position}]") for position, value in enumerate(values)]
    buckets = {position: bucket for position, bucket in enumerate(parsed) if bucket is not None}
    positions = list(buckets)
    for place, message in clashes([_ranges(bucket) for bucket in buckets.values()]):
        checker.fault(f"buckets[{positions[place]}]", f"{message}: ranges must be equal or disjoint")
    if len(buckets) == len(values):
        total = math.fsum(bucket.share for bucket in buckets.values())
        if round(abs(total - 1), 12) > SUM_TOLERANCE:
            checker.fault(
                "buckets",
                f"the shares sum to {total:.9g}: they must sum to 1; divide each by {total:.9g}"
                if total
                else "all shares are 0: a workload needs traffic",
            )
    return list(buckets.values())


def _bucket(checker: FieldChecker, value: object, place: str) -> Bucket | None:
    if not isinstance(value, dict):
        checker.fault(place, f"is {shown(value)}: must be an object with {', '.join(_BUCKET_REQUIRED)}")
        return None
    where = f"{place}."
    checker.known_fields(value, where, _BUCKET_REQUIRED, _BUCKET_OPTIONAL)
    input_tokens = checker.token_range(value, "input_tokens", where)
    output_tokens = checker.token_range(value, "output_tokens", where)
    mean_input = checker.number(value, "mean_input_tokens", where, 0, LONGEST_TOKENS)
    mean_output = checker.number(value, "mean_output_tokens", where, 0, LONGEST_TOKENS)
    share = checker.number(value, "share", where, 0, 1)
    if input_tokens is None or output_tokens is None or mean_input is None or mean_output is None or share is None:
        return None
    longest = None
    if value.get("longest_total_tokens") is not None:
        longest = checker.whole(value, "longest_total_tokens", where, 0)
    if share:
        for kind, tokens, mean in (("input", input_tokens, mean_input), ("output", output_tokens, mean_output)):
            if not holds(tokens, mean):
                checker.fault(
                    f"{where}mean_{kind}_tokens",
                    f"is {mean:.12g}: must lie in its range, above {tokens[0]:,} up to {tokens[1]:,}",
                )
        # Half a token of room: the means may have been rounded to whole tokens.
        if longest is not None and not mean_input + mean_output - 1 <= longest <= input_tokens[1] + output_tokens[1]:
            checker.fault(
                f"{where}longest_total_tokens",
                f"is {longest:,}: must lie between the mean sizes' sum and the sum of the upper edges, "
                f"{mean_input + mean_output:,.6g} to {input_tokens[1] + output_tokens[1]:,}",
            )
    return Bucket(*input_tokens, *output_tokens, mean_input, mean_output, share, longest)
