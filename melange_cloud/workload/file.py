"""The workload file: JSON, written with one bucket per line so that a changed bucket is a changed line.

    {
      "format": "melange-cloud workload 2",
      "name": "chat",                       short name
      "title": "Arena, 1,500 requests",     what it is, for people
      "source": "...",                      where the sizes come from
      "licence": "...",                     under which they may be passed on
      "dated": "2023-11-16",                when the traffic was seen, for people; may be absent
      "requests": 1500,                     number of requests behind the sizes; null or absent: unknown
      "rows_unreadable": 0,                 rows of the source left out; null or absent: unknown
      "notes": ["..."],                     what a user should know; may be absent
      "input_tokens": {"mean": 136.3, "p50": 40, "p90": 432, "p99": 902},     of the requests themselves; a quantile
      "output_tokens": {"mean": 256.2, "p50": 211, "p90": 513, "p99": 785},   may be null, the object absent: unknown
      "cached_input_share": 0.95,           fraction of all input tokens read from a prompt cache; may be absent
      "load_error": 0.02,                   error of the load from using mean sizes per bucket; may be absent
      "drift": {                            how far the mix moves (total variation); may be absent
        "window_s": 21600, "windows": 28, "mean": 0.16, "max": 0.44
      },
      "requests_per_s": {                   arrival rates that the source saw; null or absent: unknown
        "window_s": 3600, "windows": 168, "mean": 27.8, "p95": 75.7, "peak": 83.6,
        "starts_at": "2024-05-10T00:00:00Z",      of the first window; null or absent: times without a date
        "source": "...",                          of the arrivals, if it is another source; may be absent
        "requests_by_window": [77540, null, ...], null: a gap in the collection; may be absent
        "hour_of_week": [21.5, null, ...]         168 mean rates from Monday 00:00 UTC (where there is no date, from
      },                                          the first hour on), null: not seen; only with two days or more
      "buckets": [
        {"input_tokens": [0, 25],           range (low, high]: above low, up to and including high
         "output_tokens": [25, 100],
         "mean_input_tokens": 13.2,         mean sizes of the bucket's requests, inside their ranges
         "mean_output_tokens": 61.5,
         "share": 0.103,                    fraction of all requests; shares sum to 1
         "longest_total_tokens": 117}       largest input + output of one request; null or absent: unknown
      ]
    }

file_form.py has the same as types, and ``melange-cloud schema workload`` as a JSON Schema. The first range, from 0,
holds requests of 0 tokens too. Input ranges are equal or disjoint; so are the output ranges of one input range.
Buckets are written sorted by their ranges, numbers with 12 significant digits (so shares sum to 1 within 1e-11), text
as UTF-8; the same workload gives the same bytes. Buckets whose share is 0 may be in a file and are left out when it
is loaded. Fields that are not listed here are rejected, since they may be misspelled. Files of format 1 had no
``dated``, ``rows_unreadable``, token figures, ``load_error`` and ``drift``, and of the rates only the figures; they are
read as they are.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC
from pathlib import Path

from melange_cloud.domain import ArrivalRates, Bucket, Workload, WorkloadFile
from melange_cloud.errors import BadFile, Fault
from melange_cloud.inputs.json_fields import json_object, json_shown
from melange_cloud.workload.buckets.bucket_fields import bucket_list, ranges_of
from melange_cloud.workload.rate_fields import arrival_rates, drift, token_figures

FORMAT = "melange-cloud workload 2"
OLDER_FORMATS = ("melange-cloud workload 1",)
SIGNIFICANT_DIGITS = 12
_WINDOWS_PER_LINE = 24

_REQUIRED = ("format", "name", "title", "source", "licence", "buckets")
_OPTIONAL = (
    "dated", "requests", "rows_unreadable", "notes", "input_tokens", "output_tokens", "cached_input_share",
    "load_error", "drift", "requests_per_s",
)  # fmt: skip


def write_workload(held: WorkloadFile) -> str:
    """Write a workload as the text of a workload file.

    Raises:
        BadFile: the workload could not be loaded again (its shares do not sum to 1, or buckets overlap).
    """
    workload = held.workload
    head: dict[str, str] = {
        "format": _text(FORMAT),
        "name": _text(workload.name),
        "title": _text(workload.title),
        "source": _text(workload.source),
        "licence": _text(workload.licence),
    }
    if held.dated:
        head["dated"] = _text(held.dated)
    head["requests"] = _text(workload.requests)
    head["rows_unreadable"] = _text(held.rows_unreadable)
    head["notes"] = _text(list(workload.notes))
    for key, figures in (("input_tokens", held.input_tokens), ("output_tokens", held.output_tokens)):
        if figures is not None:
            parts = {"mean": _digits(figures.mean), **{q: _text(getattr(figures, q)) for q in ("p50", "p90", "p99")}}
            head[key] = _object(parts)
    if held.cached_input_share is not None:
        head["cached_input_share"] = _digits(held.cached_input_share)
    if held.load_error is not None:
        head["load_error"] = _digits(held.load_error)
    if held.drift is not None:
        head["drift"] = _object(
            {
                "window_s": _text(held.drift.window_s),
                "windows": _text(held.drift.windows),
                "mean": _digits(held.drift.mean),
                "max": _digits(held.drift.most),
            }
        )
    if held.arrival_rates is not None:
        head["requests_per_s"] = _rates_text(held.arrival_rates)
    lines = [f"  {_text(key)}: {value}," for key, value in head.items()]
    buckets = ",\n".join(f"    {_bucket_text(bucket)}" for bucket in sorted(workload.buckets, key=ranges_of))
    text = "\n".join(["{", *lines, '  "buckets": [', buckets, "  ]", "}", ""])
    parse_workload_file(text, f"workload {workload.name}")
    return text


def parse_workload_file(text: str, path: Path | str) -> WorkloadFile:
    """Read the text of a workload file; faults name it ``path``.

    Shares that miss 1 by rounding (at most 1e-6) are divided by their sum, and a note says so.

    Raises:
        BadFile: with all faults of the file.
    """
    faults: list[Fault] = []
    fields = json_object(text, path, faults)
    if fields is None:
        raise BadFile(faults)
    fields.refuse_missing(_REQUIRED)
    fields.refuse_unknown((*_REQUIRED, *_OPTIONAL))
    if fields.has("format") and fields.value("format") not in (FORMAT, *OLDER_FORMATS):
        fields.fault("format", f"is {json_shown(fields.value('format'))}", f"this version reads {_text(FORMAT)} and 1")
    texts = {key: fields.text(key) for key in ("name", "title", "source", "licence")}
    requests, rows_unreadable = (
        fields.whole(key, least) if fields.given(key) else None
        for key, least in (("requests", 1), ("rows_unreadable", 0))
    )
    notes = list(fields.texts("notes")) if fields.given("notes") else []
    held = WorkloadFile(
        Workload(texts["name"], texts["title"], (), texts["source"], texts["licence"], requests),
        arrival_rates(fields),
        rows_unreadable=rows_unreadable,
        input_tokens=token_figures(fields, "input_tokens"),
        output_tokens=token_figures(fields, "output_tokens"),
        drift=drift(fields),
        load_error=fields.number("load_error", 0, 2),
        cached_input_share=fields.number("cached_input_share", 0, 1),
        dated=fields.text("dated"),
    )
    buckets = bucket_list(fields)
    if faults:
        raise BadFile(faults)
    total = math.fsum(bucket.share for bucket in buckets)
    if abs(total - 1) > 1e-9:
        buckets = [replace(bucket, share=bucket.share / total) for bucket in buckets]
        notes.append(f"shares in the file sum to {total:.9g} because of rounding; we divided them by that")
    used = tuple(sorted((bucket for bucket in buckets if bucket.share), key=ranges_of))
    return replace(held, workload=replace(held.workload, buckets=used, notes=tuple(notes)))


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _digits(number: float) -> str:
    return f"{number:.{SIGNIFICANT_DIGITS}g}"


def _object(parts: dict[str, str]) -> str:
    return "{" + ", ".join(f'"{key}": {value}' for key, value in parts.items()) + "}"


def _rates_text(rates: ArrivalRates) -> str:
    parts = {
        "window_s": _text(rates.window_s),
        "windows": _text(rates.windows),
        "mean": _digits(rates.mean_requests_per_s),
        "p95": _digits(rates.p95_requests_per_s),
        "peak": _digits(rates.peak_requests_per_s),
    }
    if rates.starts_at is not None:
        parts["starts_at"] = _text(rates.starts_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    if rates.source:
        parts["source"] = _text(rates.source)
    if rates.requests_by_window:
        parts["requests_by_window"] = _list(rates.requests_by_window)
    if week := rates.hour_of_week():
        parts["hour_of_week"] = _list(week)
    return "{\n" + ",\n".join(f'    "{key}": {value}' for key, value in parts.items()) + "\n  }"


def _list(numbers: Iterable[float | None]) -> str:
    texts = ["null" if number is None else _digits(number) for number in numbers]
    lines = [", ".join(texts[at : at + _WINDOWS_PER_LINE]) for at in range(0, len(texts), _WINDOWS_PER_LINE)]
    return "[\n      " + ",\n      ".join(lines) + "\n    ]"


def _bucket_text(bucket: Bucket) -> str:
    input_tokens, output_tokens = ranges_of(bucket)
    return (
        f'{{"input_tokens": {list(input_tokens)}, "output_tokens": {list(output_tokens)}, '
        f'"mean_input_tokens": {_digits(bucket.mean_input_tokens)}, '
        f'"mean_output_tokens": {_digits(bucket.mean_output_tokens)}, '
        f'"share": {_digits(bucket.share)}, "longest_total_tokens": {_text(bucket.longest_total_tokens)}}}'
    )
