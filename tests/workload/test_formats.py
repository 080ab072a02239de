"""The same requests as CSV, JSON Lines and Parquet are the same workload, whatever type their times have."""

import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.errors import BadInput
from melange_cloud.workload import ColumnChoice, Trace, read_trace
from tests.properties import examples

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

NAMES = {"name": "n", "title": "t", "source": "s", "licence": "l"}
EPOCH = datetime(1970, 1, 1)
MAY = 1_777_593_600
"""2026-05-01 00:00 UTC."""


def parquet(folder: Path, times: Any, inputs: list[Any], outputs: list[Any]) -> Path:
    path = folder / "log.parquet"
    pq.write_table(pa.table({"timestamp": times, "input_tokens": inputs, "output_tokens": outputs}), path)
    return path


def texts(folder: Path, times: list[Any], inputs: list[Any], outputs: list[Any]) -> tuple[Path, Path]:
    rows = list(zip(times, inputs, outputs, strict=True))
    as_csv, as_json = folder / "log.csv", folder / "log.jsonl"
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    as_csv.write_text("\n".join(["timestamp,input_tokens,output_tokens", *map(",".join, cells)]) + "\n")
    names = ("timestamp", "input_tokens", "output_tokens")
    as_json.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    return as_csv, as_json


def read(path: Path, **asked: Any) -> object:
    try:
        trace = read_trace(path, ColumnChoice(**asked))
    except BadInput as refused:
        # How many rows it names differs: what is missing cannot be told from a column that is not there, in some.
        return type(refused), refused.exit_code
    return counted(trace)


def counted(trace: Trace) -> object:
    return trace.workload_file(**NAMES), [row.line for row in trace.unreadable_rows]


def line_numbers_from_one(counts: Any) -> Any:
    """CSV has its header in line 1."""
    if isinstance(counts[0], type):
        return counts
    return counts[0], [line - 1 for line in counts[1]]


SIZES = st.integers(0, 50_000) | st.none()
SECONDS = st.integers(MAY, MAY + 400_000) | st.none()


def blank(row: tuple[object, ...]) -> bool:
    """A line of nothing but commas is a blank line of a CSV file, and no row."""
    return row[0] is None and row[-1] is None and row[-2] is None


@settings(max_examples=examples(40))
@given(
    st.lists(
        st.tuples(SECONDS, st.integers(0, 999_999), SIZES, SIZES).filter(lambda row: not blank(row)),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from([None, "UTC", "Asia/Kolkata"]),
    st.sampled_from([None, "Europe/Berlin"]),
)
def test_stamps_of_any_unit_and_zone(rows: list[Any], unit: str, zone: str | None, default_zone: str | None) -> None:
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    units = [
        None if second is None else second * per_second + micro * per_second // 10**6 for second, micro, *_ in rows
    ]
    inputs, outputs = [row[2] for row in rows], [row[3] for row in rows]
    column = pa.array(units, pa.int64()).cast(pa.timestamp(unit, zone))
    moments = [None if value is None else EPOCH + timedelta(seconds=value // per_second) for value in units]
    written = [
        None if moment is None else moment.isoformat() + ("" if zone is None else "+00:00") for moment in moments
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        as_csv, as_json = texts(folder, written, inputs, outputs)
        expected = read(as_json, time_zone=default_zone)
        assert line_numbers_from_one(read(as_csv, time_zone=default_zone)) == expected
        as_parquet = parquet(folder, column, inputs, outputs)
        if any(written):  # a column of nothing but nulls is of type null in JSON alone
            assert read(as_parquet, time_zone=default_zone) == expected


@settings(max_examples=examples(40))
@given(
    st.lists(st.tuples(SECONDS, SIZES, SIZES).filter(lambda row: not blank(row)), min_size=1, max_size=40),
    st.sampled_from([1, 10**3, 10**6, 10**9]),
    st.sampled_from(["int64", "uint64", "float64", "string"]),
)
def test_numbers_of_any_type(rows: list[Any], scale: int, kind: str) -> None:
    units = [None if second is None else second * scale for second, *_ in rows]
    if not any(units):
        return
    inputs, outputs = [row[1] for row in rows], [row[2] for row in rows]
    made = {"string": str, "float64": float}.get(kind, int)
    typed = [None if value is None else made(value) for value in units]
    column = pa.array(typed, getattr(pa, kind)())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        as_csv, as_json = texts(folder, units, inputs, outputs)
        expected = read(as_json)
        assert line_numbers_from_one(read(as_csv)) == expected
        assert read(parquet(folder, column, inputs, outputs)) == expected


def test_integer_times_in_parquet(tmp_path: Path) -> None:
    trace = read_trace(parquet(tmp_path, [MAY, MAY + 60, MAY + 120], [10, 20, 30], [5, 6, 7]))
    assert (trace.requests, trace.unreadable, trace.dated) == (3, 0, "2026-05-01")
    assert trace.arrival_rates is not None
    assert trace.arrival_rates.requests_by_window == (1, 1)


YEAR_1, YEAR_9999 = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)
GOOD = [datetime(2026, 5, 1), datetime(2026, 5, 2)]


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("stray", [YEAR_1, datetime(9999, 12, 31), datetime(1901, 1, 1), datetime(1970, 1, 1)])
@pytest.mark.parametrize("zone", [None, "America/New_York"])
def test_sentinels_are_refused_in_one_line_in_every_format(
    tmp_path: Path, unit: str, stray: datetime, zone: str | None
) -> None:
    moments = [GOOD[0], stray, GOOD[1]]
    sizes: tuple[list[Any], list[Any]] = ([10, 20, 30], [5, 6, 7])
    files = (
        parquet(tmp_path, pa.array(moments, pa.timestamp(unit)), *sizes),
        *texts(tmp_path, [moment.isoformat() for moment in moments], *sizes),
    )
    for path in files:
        with pytest.raises(BadInput, match="more than ten years: fix the wrong ones") as caught:
            read_trace(path, ColumnChoice(time_zone=zone))
        assert len(str(caught.value).splitlines()) == 1
        assert read_trace(path, ColumnChoice(ignore_times=True)).requests == 3


@pytest.mark.parametrize("stray", [YEAR_1, YEAR_9999])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo", "America/New_York"])
def test_nothing_but_sentinels(tmp_path: Path, stray: datetime, zone: str | None) -> None:
    column = pa.array([stray] * 3, pa.timestamp("us"))
    as_parquet = parquet(tmp_path, column, [10, 20, 30], [5, 6, 7])
    as_csv, as_json = texts(tmp_path, [stray.isoformat()] * 3, [10, 20, 30], [5, 6, 7])
    expected = read(as_json, time_zone=zone)
    assert line_numbers_from_one(read(as_csv, time_zone=zone)) == expected
    assert read(as_parquet, time_zone=zone) == expected


@pytest.mark.parametrize("units", [[2**52, MAY], [-(2**52), MAY], [253_402_300_800, MAY], [-62_135_596_801, MAY]])
def test_stamps_of_no_calendar_are_left_out(tmp_path: Path, units: list[int]) -> None:
    column = pa.array(units, pa.int64()).cast(pa.timestamp("s"))
    trace = read_trace(parquet(tmp_path, column, [10, 20], [5, 6]))
    assert (trace.requests, trace.unreadable) == (1, 1)
    assert "timestamp is" in trace.unreadable_rows[0].reason


@pytest.mark.parametrize(
    "column",
    [
        pa.array([date(2026, 5, 1), date(2026, 5, 2)]),
        pa.array([date(2026, 5, 1), date(2026, 5, 2)], pa.date64()),
        pa.array([date(1, 1, 1), date(9999, 12, 31)]),
        pa.array([2**31 - 1, -(2**31)], pa.int32()).cast(pa.date32()),
    ],
)
def test_days_in_parquet(tmp_path: Path, column: Any) -> None:
    trace = read_trace(parquet(tmp_path, column, [10, 20], [5, 6]))
    assert (trace.requests, trace.arrival_rates) == (2, None)
    assert "has days without a time of day" in trace.notes[0]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 2], pa.time32("s")),
        pa.array([1, 2], pa.duration("s")),
        pa.array([True, False]),
        pa.array([None, None]),
        pa.array([None, None], pa.timestamp("ns")),
        pa.array([[1], [2]]),
        pa.array([{"a": 1}, {"a": 2}]),
        pa.array([b"\xff\xfe", b"x"]),
        pa.array(["2026-05-01T00:00:00", "x"]).dictionary_encode(),
        pa.array([float("nan"), float("inf")]),
        pa.array([1e308, -1e308]),
        pa.array([2**63, 2**64 - 1], pa.uint64()),
        pa.array([1.5, 2.5], pa.float32()),
    ],
)
def test_columns_that_hold_no_times_raise_nothing_else(tmp_path: Path, column: Any) -> None:
    path = parquet(tmp_path, column, [10, 20], [5, 6])
    read(path)
    assert read_trace(path, ColumnChoice(ignore_times=True)).requests == 2


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["10", "20"]),
        pa.array(["10", "20"]).dictionary_encode(),
        pa.array([10, 20], pa.uint8()),
        pa.array([10.0, 20.0], pa.float32()),
        pa.array([10, 20], pa.decimal128(10, 2)),
        pa.array([b"10", b"20"]),
    ],
)
def test_sizes_of_any_type_of_number(tmp_path: Path, column: Any) -> None:
    trace = read_trace(parquet(tmp_path, [MAY, MAY + 60], column, [5, 6]))
    assert (trace.requests, trace.tally.input_values.total) == (2, 30)


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True, False]),
        pa.array([10.5, -1.0]),
        pa.array([float("nan"), 1e308]),
        pa.array([2**40, 2**64 - 1], pa.uint64()),
        pa.array([[1], [2]]),
        pa.array([b"\xff", b"\xfe"]),
        pa.array([datetime(2026, 5, 1)] * 2),
        pa.array([None, None]),
    ],
)
def test_sizes_that_are_none_are_refused_row_by_row(tmp_path: Path, column: Any) -> None:
    path = parquet(tmp_path, [MAY, MAY + 60], column, [5, 6])
    with pytest.raises(BadInput):
        read_trace(path)


def test_names_with_dots_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "otel.parquet"
    flat = {"gen_ai.usage.input_tokens": [10, 20], "gen_ai.usage.output_tokens": [5, 6], "start_time": [MAY, MAY + 90]}
    pq.write_table(pa.table(flat), path)
    trace = read_trace(path)
    assert (trace.requests, trace.tally.input_values.total) == (2, 30)
    nested = [
        {"attributes": {"gen_ai": {"usage": {"input_tokens": at, "output_tokens": 5}}}, "startTime": MAY + 60 * at}
        for at in (10, 20)
    ]
    pq.write_table(pa.Table.from_pylist(nested), path)
    trace = read_trace(path)
    assert (trace.requests, trace.tally.input_values.total, trace.dated) == (2, 30, "2026-05-01")


def test_local_times_in_parquet_keep_their_zone(tmp_path: Path) -> None:
    # 2024-03-31 02:30 does not exist in Berlin, 2024-10-27 02:30 comes twice.
    moments = [datetime(2024, 3, 31, 2, 30), datetime(2024, 7, 1, 12), datetime(2024, 10, 27, 2, 30)]
    path = parquet(tmp_path, pa.array(moments, pa.timestamp("us")), [1, 2, 3], [1, 2, 3])
    as_csv, as_json = texts(tmp_path, [moment.isoformat() for moment in moments], [1, 2, 3], [1, 2, 3])
    expected = [datetime(2024, 3, 31, 1, 30), datetime(2024, 7, 1, 10), datetime(2024, 10, 27, 0, 30)]
    ends = [int(moment.replace(tzinfo=UTC).timestamp()) for moment in (expected[0], expected[-1])]
    for each in (path, as_csv, as_json):
        trace = read_trace(each, ColumnChoice(time_zone="Europe/Berlin"))
        assert [trace.tally.by_second.least, trace.tally.by_second.most] == ends
