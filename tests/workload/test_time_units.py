"""Times without a unit: never a thousand times too fast or too slow in silence."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from melange_cloud.errors import BadFile, BadInput
from melange_cloud.workload import ColumnChoice, Trace, read_rates, read_trace
from melange_cloud.workload.traces.time_units import TimeSpan, unit_of

Row = dict[str, Any]


def as_csv(rows: list[Row], path: Path) -> None:
    path.write_text("\n".join([",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]) + "\n")


def as_json_lines(rows: list[Row], path: Path) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_parquet(rows: list[Row], path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.Table.from_pylist(rows), path)


WRITERS = (as_csv, as_json_lines, as_parquet)


def log(times: Sequence[Any], sizes: tuple[str, str] = ("input_tokens", "output_tokens"), **more: Any) -> list[Row]:
    return [{"timestamp": time, sizes[0]: 500 + at % 7, sizes[1]: 100, **more} for at, time in enumerate(times)]


def read(rows: list[Row], folder: Path, write: Callable[[list[Row], Path], None] = as_csv, **asked: Any) -> Trace:
    path = folder / "log"
    write(rows, path)
    return read_trace(path, ColumnChoice(**asked))


MOONCAKE = ("input_length", "output_length")
ONE_IN_300_S = [300 * at for at in range(288)]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("sizes", [MOONCAKE, ("prompt_len", "output_len")])
def test_a_doubtful_unit_is_asked_for_with_what_each_would_mean(tmp_path: Path, write, sizes) -> None:
    rows = log(ONE_IN_300_S, sizes)
    with pytest.raises(BadInput) as caught:
        read(rows, tmp_path, write)
    says = str(caught.value)
    assert "as seconds, 288 requests in 23.9 h, 0.0033/s" in says
    assert "as milliseconds, 288 requests in 86.1 s, 3.3/s" in says
    assert "--time-unit s or --time-unit ms" in says or "--time-unit ms or --time-unit s" in says
    assert caught.value.exit_code == 2
    for unit, peak in (("s", 12 / 3600), ("ms", 200 / 60)):
        rates = read(rows, tmp_path, write, time_unit=unit).arrival_rates
        assert rates is not None
        assert rates.peak_requests_per_s == pytest.approx(peak)
    assert read(rows, tmp_path, write, ignore_times=True).arrival_rates is None


@pytest.mark.parametrize("write", WRITERS)
def test_bailian_traces_are_in_seconds(tmp_path: Path, write) -> None:
    times = [0.125 + time for time in ONE_IN_300_S]
    trace = read(log(times, MOONCAKE, chat_id=1, parent_chat_id=-1), tmp_path, write)
    assert trace.arrival_rates is not None
    assert trace.arrival_rates.peak_requests_per_s == pytest.approx(1 / 300)
    assert (
        "timestamp seems to count seconds: 288 requests in 23.9 h, 0.0033/s; use --time-unit ms, us or ns if it "
        "does not"
    ) in trace.notes


def test_mooncakes_own_traces_are_in_milliseconds(tmp_path: Path) -> None:
    # Ten requests every three seconds for an hour, as Kimi's were collected.
    rows = [{**row, "hash_ids": [1, 2]} for row in log([3000 * (at // 10) for at in range(12_000)], MOONCAKE)]
    trace = read(rows, tmp_path, as_json_lines)
    assert trace.arrival_rates is not None
    assert trace.arrival_rates.mean_requests_per_s == pytest.approx(10 / 3)
    assert trace.taken[tmp_path / "log"].endswith("time timestamp (ms from an origin without a date)")
    assert "timestamp seems to count milliseconds: 12,000 requests in 60 min, 3.3/s" in trace.notes[0]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(
    ("requests", "step", "unit"),
    [
        (3000, 2, "s"),  # one in two seconds
        (3000, 1.5, "s"),
        (4000, 2_000_000, "us"),
        (4000, 2_000_000_000, "ns"),
    ],
)
def test_one_unit_alone_is_plausible(tmp_path: Path, write, requests: int, step: float, unit: str) -> None:
    trace = read(log([step * at for at in range(requests)]), tmp_path, write)
    assert trace.arrival_rates is not None
    seconds_each = step * {"s": 1, "us": 1e-6, "ns": 1e-9}[unit]
    assert trace.arrival_rates.mean_requests_per_s == pytest.approx(1 / seconds_each, rel=0.01)


def test_a_whole_file_is_judged_not_its_beginning(tmp_path: Path) -> None:
    # The first requests come slowly enough to be milliseconds; all of them can only be seconds.
    times = [*range(0, 60_000, 20), *(60_000 + at / 4 for at in range(120_000))]
    trace = read(log([int(time) for time in times]), tmp_path)
    assert trace.arrival_rates is not None
    assert trace.arrival_rates.window_s == 3600
    assert trace.requests == len(times)
    assert trace.arrival_rates.peak_requests_per_s == pytest.approx(4, rel=0.01)


def test_files_of_one_log_are_judged_together(tmp_path: Path) -> None:
    for part in range(2):
        as_csv(log([time + 86_400 * part for time in ONE_IN_300_S]), tmp_path / f"part-{part}.csv")
    with pytest.raises(BadInput, match=r"as seconds, 576 requests in 47.9 h"):
        read_trace(str(tmp_path / "part-*.csv"))


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("scale", [1, 10**3, 10**6, 10**9])
def test_unix_times_are_known_by_their_size(tmp_path: Path, write, scale: int) -> None:
    start = 1_777_593_600  # 2026-05-01 00:00 UTC
    trace = read(log([(start + 60 * at) * scale for at in range(3)]), tmp_path, write)
    assert trace.dated == "2026-05-01"
    assert trace.arrival_rates is not None
    assert (trace.tally.by_second.least, trace.tally.by_second.most) == (start, start + 120)


def test_texts_of_nanoseconds_are_numbers(tmp_path: Path) -> None:
    rows = log([str(1_777_593_600_000_000_000 + 60_000_000_000 * at) for at in range(3)])
    trace = read(rows, tmp_path, as_json_lines)
    assert trace.dated == "2026-05-01"
    assert (trace.tally.by_second.least, trace.tally.by_second.most) == (1_777_593_600, 1_777_593_720)


@pytest.mark.parametrize(("name", "unit_s"), [("start_ms", 1e-3), ("startTimeMs", 1e-3), ("start_time_us", 1e-6)])
def test_a_name_may_tell_the_unit(tmp_path: Path, name: str, unit_s: float) -> None:
    rows = [{name: round(300 * at / unit_s), "input_tokens": 5, "output_tokens": 5} for at in range(288)]
    trace = read(rows, tmp_path, time_column=name)
    assert trace.arrival_rates is not None
    assert trace.arrival_rates.peak_requests_per_s == pytest.approx(1 / 300)


@pytest.mark.parametrize(
    ("requests", "units", "unit"),
    [
        (12_031, 3_537_000, None),  # Mooncake's density, but nothing else of Mooncake
        (1_380_000, 86_400, "s"),  # ServeGen's day
        (300, 300, "s"),  # a benchmark
        (2, 40, "s"),  # too short for rates in any unit
        (108_000, 3_600_000, None),  # 30/s for an hour, or one in 33 s for 42 days
    ],
)
def test_plausible_units(requests: int, units: float, unit: str | None) -> None:
    assert unit_of(TimeSpan(requests, units), {}) == unit


@pytest.mark.parametrize(
    ("header", "step", "window_s"),
    [("timestamp", 3_600_000, 3600), ("time", 60, 60), ("t_ms", 60_000, 60), ("start", 60_000_000_000, 60)],
)
def test_windows_of_rates_have_a_usual_length(tmp_path: Path, header: str, step: int, window_s: int) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(f"{header},requests\n" + "".join(f"{step * at},120\n" for at in range(3)))
    rates = read_rates(path)
    assert (rates.window_s, rates.peak_requests_per_s) == (window_s, 120 / window_s)


def test_windows_of_no_usual_length_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("time,requests\n0,5\n7777,5\n15554,5\n")
    with pytest.raises(BadInput, match="have no known unit"):
        read_rates(path)


def test_a_log_of_seconds_says_that_it_tells_no_rate(tmp_path: Path) -> None:
    trace = read(log([1_777_593_600 + at for at in range(5)]), tmp_path)
    assert trace.arrival_rates is None
    assert trace.notes == ("no arrival rates: the times span less than a minute",)


def rows_of(path: Path, name: str, times: Sequence[object]) -> Path:
    path.write_text(f"{name},input_tokens,output_tokens\n" + "".join(f"{time},70,10\n" for time in times))
    return path


@pytest.mark.parametrize(
    ("name", "unit", "in_s"),
    [
        ("time_min", None, 60),
        ("minutes", None, 60),
        ("minute", None, 60),
        ("t (min)", None, 60),
        ("t_hours", None, 3600),
        ("hour", None, 3600),
        ("day", None, 86_400),
        ("clock", "min", 60),
        ("clock", "h", 3600),
    ],
)
def test_minutes_and_hours_are_heeded(tmp_path: Path, name: str, unit: str | None, in_s: int) -> None:
    # A request every 3 s for two hours.
    times = [f"{3 * at / in_s:.12f}" for at in range(2401)]
    for path in (rows_of(tmp_path / "log.csv", name, times), tmp_path / "log.jsonl"):
        if path.suffix == ".jsonl":
            rows = [{name: float(time), "input_tokens": 70, "output_tokens": 10} for time in times]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        rates = read_trace(path, ColumnChoice(time_column=name, time_unit=unit)).arrival_rates
        assert rates is not None
        assert (rates.windows, rates.mean_requests_per_s) == (120, pytest.approx(1 / 3, rel=1e-3))


@pytest.mark.parametrize(
    ("name", "times", "why"),
    [
        ("hour", [*range(24)] * 3, "counts whole hours"),
        ("day", [*range(1, 31)], "counts whole days"),
        ("minute", [*range(60)] * 2, "has minutes without the hour"),
        ("clock", ["01:46:40", "01:46:44.5"], "has times of day without a date"),
        # What 32-bit floats make of 2026: steps of 128 s.
        ("timestamp", [1777600000 + 128 * (at // 5) for at in range(300)], "rounded to steps of 128 s"),
        ("timestamp", [f"{1777600000 + 7 * at:.6e}" for at in range(300)], "rounded to steps of 1,000 s"),
        ("timestamp", ["", ""], "is empty in the first 2 rows"),
    ],
)
def test_times_too_coarse_for_rates_are_refused(tmp_path: Path, name: str, times: list[Any], why: str) -> None:
    path = rows_of(tmp_path / "log.csv", name, times)
    with pytest.raises(BadFile, match=why):
        read_trace(path, ColumnChoice(time_column=name))
    assert read_trace(path, ColumnChoice(ignore_times=True)).requests == len(times)


def test_coarse_floats_of_parquet_give_no_rates(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    seconds = [1777600000 + 2 * at for at in range(300)]
    for kind, noted in ((pa.float32(), True), (pa.float64(), False)):
        columns = {"timestamp": pa.array(seconds, pa.float64()).cast(kind, safe=False)}
        columns.update({name: pa.array([9] * 300) for name in ("input_tokens", "output_tokens")})
        pq.write_table(pa.table(columns), tmp_path / "log.parquet")
        trace = read_trace(tmp_path / "log.parquet")
        assert (trace.arrival_rates is None) == noted
        assert len(trace.notes) == noted
        assert all("rounded to steps of 128 s" in note for note in trace.notes)


def test_times_by_the_minute_are_not_too_coarse(tmp_path: Path) -> None:
    times = [1777600020 + 60 * (at // 10) for at in range(3000)]
    rates = read_trace(rows_of(tmp_path / "log.csv", "timestamp", times)).arrival_rates
    assert rates is not None
    assert rates.mean_requests_per_s == pytest.approx(10 / 60, rel=0.01)


def test_types_of_parquet_tell_the_unit_or_that_there_is_no_date(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    micros = [2_000_000 * at for at in range(301)]  # ten minutes
    columns = {name: pa.array([9] * 301) for name in ("input_tokens", "output_tokens")}
    path = tmp_path / "log.parquet"
    pq.write_table(pa.table({"timestamp": pa.array(micros, pa.duration("us")), **columns}), path)
    rates = read_trace(path).arrival_rates
    assert rates is not None
    assert (rates.windows, rates.mean_requests_per_s) == (10, pytest.approx(0.5))
    pq.write_table(pa.table({"timestamp": pa.array(micros, pa.time64("us")), **columns}), path)
    (note,) = read_trace(path).notes
    assert "no arrival rates: timestamp has times of day without a date" in note


def test_seconds_and_milliseconds_in_one_column_are_refused(tmp_path: Path) -> None:
    times = [1777600000 + at if at % 2 else (1777600000 + at) * 1000 + 48 for at in range(300)]
    path = rows_of(tmp_path / "log.csv", "timestamp", times)
    for asked in (ColumnChoice(), ColumnChoice(time_unit="s")):
        with pytest.raises(BadFile, match="timestamp mixes seconds and milliseconds since 1970: write all in one unit"):
            read_trace(path, asked)


def test_far_dates_in_words_are_not_blamed_on_a_unit(tmp_path: Path) -> None:
    path = rows_of(tmp_path / "log.csv", "timestamp", ["0001-01-01T00:00:00Z", "2026-05-01T01:46:42Z"])
    with pytest.raises(BadInput, match="fix the wrong ones, or ignore the times with --ignore-times"):
        read_trace(path)


@pytest.mark.parametrize("name", ["elapsed", "offset_seconds", "t", "time_minutes"])
def test_columns_that_count_up_look_like_times(tmp_path: Path, name: str) -> None:
    (note,) = read_trace(rows_of(tmp_path / "log.csv", name, [0.5, 1.5, 1.5, 4])).notes
    assert f"If {name} has them, use --time-column {name}" in note
    assert not read_trace(rows_of(tmp_path / "log.csv", "elapsed", [3, 1, 2])).notes  # durations


def test_a_stamp_beyond_the_calendar_is_said_to_be_so(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {name: pa.array([9, 9]) for name in ("input_tokens", "output_tokens")}
    times = pa.array([1_777_600_000_000, 253_402_300_800_000], pa.int64()).cast(pa.timestamp("ms"))  # the year 10000
    pq.write_table(pa.table({"timestamp": times, **columns}), tmp_path / "log.parquet")
    (row,) = read_trace(tmp_path / "log.parquet").unreadable_rows
    assert row.reason == "timestamp is '253402300800000 ms since 1970': must be a time in the years 1 to 9999"
