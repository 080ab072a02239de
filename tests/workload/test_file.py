"""The workload file: round trip, and every refusal."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from melange_cloud.cli.schema import DocumentName, document_of
from melange_cloud.domain import ArrivalRates, Bucket, Drift, TokenFigures, Workload
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.report.schemas import schema as schema_of
from melange_cloud.workload import (
    WorkloadFile,
    list_workloads,
    load_workload,
    load_workload_file,
    write_workload,
)
from melange_cloud.workload.file import _OPTIONAL, _REQUIRED, parse_workload_file

GOOD: dict[str, Any] = {
    "format": "melange-cloud workload 2",
    "name": "mine",
    "title": "My traffic",
    "source": "own log",
    "licence": "private",
    "requests": 4,
    "notes": ["a note"],
    "requests_per_s": {"window_s": 60, "windows": 3, "mean": 1.5, "p95": 2.0, "peak": 2.5},
    "buckets": [
        {
            "input_tokens": [0, 25],
            "output_tokens": [25, 100],
            "mean_input_tokens": 12.5,
            "mean_output_tokens": 40,
            "share": 0.75,
            "longest_total_tokens": 70,
        },
        {
            "input_tokens": [25, 100],
            "output_tokens": [0, 25],
            "mean_input_tokens": 50.5,
            "mean_output_tokens": 0,
            "share": 0.25,
        },
    ],
}


def written(tmp_path: Path, document: object) -> Path:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def refusal(path: Path) -> BadFile:
    with pytest.raises(BadFile) as caught:
        load_workload(path)
    return caught.value


def test_a_good_file_is_read(tmp_path: Path) -> None:
    held = load_workload_file(str(written(tmp_path, GOOD)))
    assert held.arrival_rates == ArrivalRates(60, 3, 1.5, 2.0, 2.5)
    assert held.workload == Workload(
        "mine",
        "My traffic",
        (Bucket(0, 25, 25, 100, 12.5, 40.0, 0.75, 70), Bucket(25, 100, 0, 25, 50.5, 0.0, 0.25)),
        "own log",
        "private",
        4,
        ("a note",),
    )


def test_optional_fields_may_be_absent(tmp_path: Path) -> None:
    document = {key: GOOD[key] for key in GOOD if key not in ("requests", "notes", "requests_per_s")}
    held = load_workload_file(written(tmp_path, document))
    assert held.arrival_rates is None
    assert (held.workload.requests, held.workload.notes) == (None, ())


def test_round_trip_in_any_order_of_buckets() -> None:
    workload = Workload(
        "ümlaut",
        'with "quotes"',
        (Bucket(25, 100, 0, 25, 50.123456789, 0.0, 1 / 3), Bucket(0, 25, 25, 100, 12.5, 40.0, 2 / 3, 70)),
        "s",
        "l",
    )
    text = write_workload(WorkloadFile(workload))
    read = parse_workload_file(text, "file").workload
    assert read.buckets[0].share == pytest.approx(2 / 3, abs=1e-12)
    assert read.buckets[1].mean_input_tokens == 50.123456789
    assert (read.name, read.title) == ("ümlaut", 'with "quotes"')
    assert write_workload(WorkloadFile(read)) == text
    assert len([line for line in text.splitlines() if "share" in line]) == 2


def test_arrival_rates_survive(tmp_path: Path) -> None:
    arrivals = ArrivalRates(60, 58, 5.5, 7.75, 8.45)
    path = tmp_path / "a.json"
    path.write_text(write_workload(WorkloadFile(load_workload("chat"), arrivals)), encoding="utf-8")
    assert load_workload_file(path).arrival_rates == arrivals


def test_a_workload_that_could_not_be_loaded_is_not_written() -> None:
    workload = Workload("broken", "t", (Bucket(0, 25, 0, 25, 1.0, 1.0, 0.5),), "s", "l")
    with pytest.raises(BadFile, match=r"workload broken, buckets: the shares sum to 0\.5"):
        write_workload(WorkloadFile(workload))


def test_buckets_without_traffic_are_left_out(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    document["buckets"].append(
        {
            "input_tokens": [100, 250],
            "output_tokens": [0, 25],
            "mean_input_tokens": 0,
            "mean_output_tokens": 0,
            "share": 0,
        }
    )
    assert len(load_workload(written(tmp_path, document)).buckets) == 2


def test_shares_that_miss_1_by_rounding_are_scaled_and_it_is_said(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    third = {**document["buckets"][1], "output_tokens": [25, 100], "mean_output_tokens": 30}
    document["buckets"] = [{**bucket, "share": 0.333333} for bucket in (*document["buckets"], third)]
    workload = load_workload(written(tmp_path, document))
    assert [bucket.share for bucket in workload.buckets] == pytest.approx([1 / 3] * 3, abs=1e-15)
    assert "shares in the file sum to 0.999999" in workload.notes[-1]


def change(*path: str | int, to: object = None, remove: bool = False) -> Callable[[Any], None]:
    def act(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        if remove:
            del document[path[-1]]
        else:
            document[path[-1]] = to

    return act


NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (change("format", to="melange-cloud workload 3"), 'format: is "melange-cloud workload 3": this version reads'),
        (change("format", remove=True), "format: is missing"),
        (change("name", remove=True), "name: is missing"),
        (change("title", to=""), 'title: is "": must be a string'),
        (change("source", to=3), "source: is 3: must be a string"),
        (change("licence", remove=True), "licence: is missing"),
        (change("requests", to=0), "requests: is 0: must be a whole number from 1"),
        (change("requests", to=1.5), "requests: is 1.5: must be a whole number"),
        (change("notes", to="one"), 'notes: is "one": must be a list of strings'),
        (change("request", to=3), "request: is not a known field: did you mean requests"),
        (change("requests_per_s", to=10), "requests_per_s: is 10: must be an object"),
        (change("requests_per_s", "peak", to=1), "requests_per_s.peak: is 1: must be above 0 and not below"),
        (change("requests_per_s", "mean", to=NAN), "requests_per_s.mean: is NaN: must be a number"),
        (change("requests_per_s", "p95", remove=True), "requests_per_s.p95: is missing"),
        (change("buckets", remove=True), "buckets: is missing"),
        (change("buckets", to=[]), "buckets: is []: must be a list"),
        (change("buckets", 1, to=7), "buckets[1]: is 7: must be an object"),
        (change("buckets", 1, "share", to=NAN), "buckets[1].share: is NaN: must be a number from 0 to 1"),
        (change("buckets", 1, "share", to=INFINITY), "buckets[1].share: is Infinity"),
        (change("buckets", 1, "share", to=-0.25), "buckets[1].share: is -0.25"),
        (change("buckets", 1, "share", to=True), "buckets[1].share: is true"),
        (change("buckets", 1, "share", to="0.25"), 'buckets[1].share: is "0.25"'),
        (change("buckets", 1, "share", remove=True), "buckets[1].share: is missing"),
        (change("buckets", 1, "share", to=0.251), "buckets: the shares sum to 1.001"),
        (change("buckets", 1, "share", to=0.250002), "buckets: the shares sum to 1.000002"),
        (change("buckets", 1, "input_tokens", to=[100, 25]), "buckets[1].input_tokens: is [100, 25]: must be [low"),
        (change("buckets", 1, "input_tokens", to=[25, 25]), "buckets[1].input_tokens: is [25, 25]"),
        (change("buckets", 1, "input_tokens", to=[25, 100.5]), "buckets[1].input_tokens: is [25, 100.5]"),
        (change("buckets", 1, "input_tokens", to=[25]), "buckets[1].input_tokens: is [25]"),
        (change("buckets", 1, "output_tokens", to=None), "buckets[1].output_tokens: is null"),
        (
            change("buckets", 1, "mean_input_tokens", to=25),
            "buckets[1].mean_input_tokens: is 25: must be in its range",
        ),
        (change("buckets", 1, "mean_input_tokens", to=101), "above 25 and at most 100"),
        (change("buckets", 0, "mean_output_tokens", to=0), "buckets[0].mean_output_tokens: is 0: must be in its range"),
        (
            change("buckets", 0, "longest_total_tokens", to=50),
            "buckets[0].longest_total_tokens: is 50: must be between",
        ),
        (change("buckets", 0, "longest_total_tokens", to=126), "buckets[0].longest_total_tokens: is 126"),
        (change("buckets", 0, "weight", to=1), "buckets[0].weight: is not a known field"),
        (change("buckets", 1, "input_tokens", to=[20, 100]), "buckets[1]: input range 21-100 overlaps 1-25"),
    ],
)
def test_refused(tmp_path: Path, spoil: Callable[[Any], None], says: str) -> None:
    document = copy.deepcopy(GOOD)
    spoil(document)
    path = written(tmp_path, document)
    message = str(refusal(path))
    assert says in message
    assert all(line.startswith(str(path)) for line in message.splitlines())


def test_shares_that_sum_to_2_are_refused_with_the_sum(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    for bucket in document["buckets"]:
        bucket["share"] = 1.0
    assert "the shares sum to 2: they must sum to 1; divide each by 2" in str(refusal(written(tmp_path, document)))


def test_all_zero_is_refused(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    for bucket in document["buckets"]:
        bucket["share"] = 0
    assert "all shares are 0" in str(refusal(written(tmp_path, document)))


@pytest.mark.parametrize(
    ("output_tokens", "says"),
    [
        ([25, 100], "buckets[2]: duplicate bucket (output range 26-100)"),
        ([50, 250], "buckets[2]: output range 51-250 overlaps 26-100 of the same input range"),
    ],
)
def test_buckets_that_share_sizes_are_refused(tmp_path: Path, output_tokens: list[int], says: str) -> None:
    document = copy.deepcopy(GOOD)
    document["buckets"][0]["share"] = 0.5
    twin = {**document["buckets"][0], "output_tokens": output_tokens, "mean_output_tokens": 60, "share": 0.25}
    document["buckets"].append({**twin, "longest_total_tokens": None})
    assert says in str(refusal(written(tmp_path, document)))


def test_all_faults_come_together(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    document["title"] = None
    document["buckets"][0]["share"] = NAN
    document["buckets"][1]["input_tokens"] = [5, 1]
    fields = [fault.field for fault in refusal(written(tmp_path, document)).faults]
    assert fields == ["title", "buckets[0].share", "buckets[1].input_tokens"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: is not JSON"),
        ('{\n  "format": oops}', "line 2: is not JSON"),
        ("[1, 2]", "must be one JSON object"),
        ("null", "must be one JSON object"),
        ('{"share": 1, "share": 2}', "has a duplicate field share in one object: keep one"),
        ("[" * 100_000, "is nested more than 64 levels deep"),
        ('{"requests": ' + "9" * 5_000 + "}", "has a number of more than 20 digits"),
    ],
)
def test_what_is_not_our_json_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text, encoding="utf-8")
    assert says in str(refusal(path))


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load_workload(tmp_path / "absent.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(BadInput, match="it is a folder"):
        load_workload(tmp_path / "folder.json")
    (tmp_path / "latin.json").write_bytes('{\n"name": "ü"}'.encode("latin-1"))
    with pytest.raises(BadFile, match="line 2: is not UTF-8"):
        load_workload(tmp_path / "latin.json")
    (tmp_path / "mine.txt").write_text("{}")
    with pytest.raises(BadInput, match=r"must end in \.json"):
        load_workload(tmp_path / "mine.txt")


def test_a_file_of_format_1_is_read_as_it_is(tmp_path: Path) -> None:
    held = load_workload_file(written(tmp_path, {**GOOD, "format": "melange-cloud workload 1"}))
    assert held == load_workload_file(written(tmp_path, GOOD))
    assert (held.rows_unreadable, held.input_tokens, held.drift, held.load_error, held.dated) == (None,) * 4 + ("",)
    assert held.arrival_rates is not None
    assert held.arrival_rates.quantile(99) is None
    assert held.arrival_rates.hour_of_week() == ()


def two_days() -> WorkloadFile:
    """From Sunday 22:00 UTC on, an hour of a gap, 50 hours in all."""
    counts = [float(3600 * (hour % 24 + 1)) for hour in range(50)]
    counts_with_gap = (*counts[:10], None, *counts[11:])
    bare = ArrivalRates(3600, 49, 0.0, 0.0, 0.0, counts_with_gap, datetime(2024, 5, 12, 22, tzinfo=UTC), "another")
    known = [count for count in counts_with_gap if count is not None]
    rates = replace(
        bare,
        mean_requests_per_s=sum(known) / 49 / 3600,
        p95_requests_per_s=bare.quantile(95),
        peak_requests_per_s=24.0,
    )
    return WorkloadFile(
        load_workload("chat"),
        rates,
        rows_unreadable=3,
        input_tokens=TokenFigures(136.3, 40, 432, 902),
        output_tokens=TokenFigures(256.2, 211, 513),
        drift=Drift(21_600, 8, 0.16, 0.44),
        load_error=0.034,
        dated="May 2024",
    )


def test_everything_survives_writing_and_reading() -> None:
    held = two_days()
    text = write_workload(held)
    read = parse_workload_file(text, "file")
    assert read.arrival_rates is not None
    assert read.arrival_rates.requests_by_window == held.arrival_rates.requests_by_window
    assert read.arrival_rates.gaps == 1
    assert replace(read, arrival_rates=None, workload=held.workload) == replace(held, arrival_rates=None)
    assert write_workload(read) == text
    week = json.loads(text)["requests_per_s"]["hour_of_week"]
    assert len(week) == 168
    assert week[0] == 3.0  # Monday 00:00 UTC is hour 2 of the trace: 3 requests/s
    assert week[166:] == [1.0, 2.0]  # Sunday 22:00, 23:00
    assert week[8] is None  # the gap
    assert week[100] is None  # Friday was not seen


def test_the_schema_describes_what_is_written() -> None:
    schema: dict[str, Any] = schema_of(document_of(DocumentName.WORKLOAD))
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    for held in (two_days(), *(load_workload_file(name) for name in list_workloads())):
        check.validate(json.loads(write_workload(held)))
    assert set(schema["properties"]) == {*_REQUIRED, *_OPTIONAL}
    assert schema["required"] == list(_REQUIRED)
    spoiled = json.loads(write_workload(two_days()))
    spoiled["buckets"][0]["share"] = -1
    assert not check.is_valid(spoiled)
    assert not check.is_valid({**GOOD, "weight": 1})


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("dated", 5, "dated: is 5: must be a string"),
        ("rows_unreadable", -1, "rows_unreadable: is -1"),
        ("load_error", "low", 'load_error: is "low"'),
        ("input_tokens", [1], "input_tokens: is [1]: must be an object with mean"),
        ("input_tokens", {"p50": 1}, "input_tokens.mean: is missing"),
        ("output_tokens", {"mean": 1, "p50": 1.5}, "output_tokens.p50: is 1.5"),
        ("output_tokens", {"mean": 1, "p50": 5, "p90": 3}, "p50, p90 and p99 must not decrease"),
        ("drift", {"window_s": 1, "windows": 2, "mean": 0.5, "max": 0.4}, "drift.mean: is 0.5: must not be above max"),
        ("drift", {"window_s": 1, "windows": 2, "mean": 0.5}, "drift.max: is missing"),
    ],
)
def test_new_fields_are_checked(tmp_path: Path, field: str, value: object, says: str) -> None:
    assert says in str(refusal(written(tmp_path, {**GOOD, field: value})))


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("requests_by_window", 5, "requests_per_s.requests_by_window: is 5: must be a list"),
        ("requests_by_window", [1, "x"], "requests_by_window[1]: is"),
        ("requests_by_window", [1, -1], "requests_by_window[1]: is -1"),
        ("requests_by_window", [90, 90], "requests_per_s.windows: is 3: requests_by_window has 2 non-null windows"),
        ("requests_by_window", [60, 90, 120], "requests_per_s.p95: is 2: requests_by_window gives 1.95"),
        ("starts_at", "2024-05-10T00:00:00", "requests_per_s.starts_at: is"),
        ("starts_at", "noon", "must be a time with a zone"),
        ("source", 7, "requests_per_s.source: is 7"),
        ("hour_of_week", [1.0] * 168, "hour_of_week: does not follow from requests_by_window"),
    ],
)
def test_rates_must_agree_with_themselves(tmp_path: Path, field: str, value: object, says: str) -> None:
    document = copy.deepcopy(GOOD)
    document["requests_per_s"][field] = value
    assert says in str(refusal(written(tmp_path, document)))
