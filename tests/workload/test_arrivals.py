"""Arrival rates, hour by hour or minute by minute, and how the mix drifts."""

import statistics
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import ArrivalRates
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.planner import Question
from melange_cloud.planner.resolve import resolve
from melange_cloud.workload import (
    ColumnChoice,
    SizeFacts,
    load_workload_file,
    read_histogram,
    read_rates,
    read_trace,
    with_rates,
)
from melange_cloud.workload.arrivals import arrival_rates
from melange_cloud.workload.request_tally import Tally

MONDAY = 1_715_558_400
"""2024-05-13 00:00 UTC."""

FRIDAY = datetime(2024, 5, 10, tzinfo=UTC)


def rates_of_seconds(seconds: list[int], *, absolute: bool = False, zeros: str = "auto") -> ArrivalRates | None:
    import numpy as np

    tally = Tally((100,), (100,))
    ones = np.ones(len(seconds), dtype=np.int64)
    half = len(seconds) // 2
    for part in (slice(half, None), slice(0, half)):  # the later half first: order does not matter
        tally.add(ones[part], ones[part], np.array(seconds[part], dtype=np.int64))
    return arrival_rates(tally, absolute=absolute, zeros=zeros)


def test_a_short_trace_is_counted_by_minute_from_its_first_arrival() -> None:
    # Minutes of 6, 0 and 12 requests, then 1 request in a minute that is cut off.
    seconds = [1013 + second for second in (*range(6), *range(120, 132), 185)]
    rates = rates_of_seconds(seconds)
    assert rates is not None
    assert (rates.window_s, rates.windows, rates.requests_by_window) == (60, 3, (6, 0, 12))
    assert rates.mean_requests_per_s == pytest.approx(18 / 180)
    assert rates.peak_requests_per_s == pytest.approx(12 / 60)
    assert rates.p95_requests_per_s == pytest.approx((6 + 0.9 * 6) / 60)
    assert rates.starts_at is None


def test_less_than_a_minute_is_no_rate() -> None:
    assert rates_of_seconds([0, 59]) is None


@settings(deadline=None)
@given(st.lists(st.integers(0, 20_000), min_size=2, max_size=200))
def test_minutes_agree_with_a_plain_count(seconds: list[int]) -> None:
    rates = rates_of_seconds(seconds)
    first = min(seconds)
    windows = (max(seconds) - first) // 60
    counts = [0] * (windows + 1)
    for second in seconds:
        counts[(second - first) // 60] += 1
    counts.pop()
    if not any(counts):
        assert rates is None
        return
    assert rates is not None
    assert rates.requests_by_window == tuple(counts)
    assert rates.peak_requests_per_s == max(counts) / 60
    expected = counts[0] if windows == 1 else statistics.quantiles(counts, n=20, method="inclusive")[-1]
    assert rates.p95_requests_per_s == pytest.approx(expected / 60)


def test_a_long_trace_is_counted_by_the_hours_of_the_clock() -> None:
    # From Sunday 23:30 to Wednesday 02:30, one request a minute, two in hours that are even on Monday.
    start, end = MONDAY - 1800, MONDAY + 2 * 86_400 + 9000
    seconds = list(range(start, end, 60))
    seconds += [s + 1 for s in seconds if 0 <= s - MONDAY < 86_400 and (s - MONDAY) // 3600 % 2 == 0]
    rates = rates_of_seconds(seconds, absolute=True)
    assert rates is not None
    assert (rates.window_s, rates.windows) == (3600, 50)  # the half hours at the ends are left out
    assert rates.starts_at == datetime(2024, 5, 13, tzinfo=UTC)
    assert rates.requests_by_window[:3] == (120, 60, 120)
    week = rates.hour_of_week()
    assert week[:3] == (120 / 3600, 60 / 3600, 120 / 3600)
    assert week[49] == 60 / 3600
    assert week[50] is None
    relative = rates_of_seconds([second - start for second in seconds])
    assert relative is not None
    assert (relative.windows, relative.starts_at) == (51, None)


def test_silence_in_busy_traffic_is_a_gap() -> None:
    seconds = [second for hour in range(8) if hour != 5 for second in range(hour * 3600, hour * 3600 + 3600)] * 3
    busy = rates_of_seconds(seconds)
    assert busy is not None
    assert (busy.gaps, busy.windows, busy.mean_requests_per_s) == (1, 7, 3)
    as_rate = rates_of_seconds(seconds, zeros="rate")
    assert as_rate is not None
    assert (as_rate.gaps, as_rate.windows) == (0, 8)
    quiet = rates_of_seconds(seconds[::100])
    assert quiet is not None
    assert (quiet.gaps, quiet.quantile(0)) == (0, 0)
    as_gap = rates_of_seconds(seconds[::100], zeros="gap")
    assert as_gap is not None
    assert as_gap.gaps == 1


def test_stray_times_are_refused_with_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n0,1,1\n1700000000,1,1\n")
    with pytest.raises(BadInput, match="more than ten years: fix the wrong ones, name their unit with --time-unit"):
        read_trace(path)
    assert read_trace(path, ColumnChoice(ignore_times=True)).arrival_rates is None


def test_quantiles_are_placed_exactly() -> None:
    rates = ArrivalRates(1, 61, 0, 0, 0, tuple(float(count) for count in range(61)))
    assert rates.quantile(95) == 57
    assert rates.quantile("99.5") == pytest.approx(59.7)
    assert (rates.quantile(0), rates.quantile(100)) == (0, 60)


def test_drift_is_the_distance_of_windows_from_the_whole(tmp_path: Path) -> None:
    # Two days: short prompts in the first, long ones in the second; equal counts.
    rows = [f"{at * 60},{10 if at < 1440 else 5000},1" for at in range(2880)]
    path = tmp_path / "t.csv"
    path.write_text("arrival_s,input_tokens,output_tokens\n" + "\n".join(rows) + "\n")
    drift = read_trace(path).drift
    assert drift is not None
    assert (drift.window_s, drift.windows) == (21_600, 8)
    assert (drift.mean, drift.most) == pytest.approx((0.5, 0.5))


HISTOGRAM = "input\\output,1-25,26-100,>100\n1-25,30,50,10\n26-100,0,10,0\n>100,0,0,0\n"


def test_a_histogram_takes_what_its_source_tells_of_sizes(tmp_path: Path) -> None:
    path = tmp_path / "h.csv"
    path.write_text(HISTOGRAM)
    with pytest.raises(BadFile, match="10 % of the requests are in ranges without an upper edge"):
        read_histogram(path)
    held = read_histogram(path, SizeFacts(mean_input=16, mean_output=66, longest_output=400))
    workload = held.workload
    assert workload.mean_input_tokens == pytest.approx(16)
    assert workload.mean_output_tokens == pytest.approx(66)
    assert max(bucket.output_high_tokens for bucket in workload.buckets) == 400
    places = {
        round((b.mean_output_tokens - b.output_low_tokens) / (b.output_high_tokens - b.output_low_tokens), 9)
        for b in workload.buckets
    }
    assert len(places) == 1
    assert "the open output range is assumed to end at 400 tokens" in workload.notes
    with pytest.raises(BadFile, match="--mean-input 500: the ranges allow means above 2"):
        read_histogram(path, SizeFacts(mean_input=500, longest_output=400))


def test_a_histogram_by_hours_tells_the_drift(tmp_path: Path) -> None:
    path = tmp_path / "by_hours.csv"
    path.write_text(
        "start_hour,input_bucket,output_bucket,expected_requests\n0,1-25,1-25,30\n0,26-100,1-25,10\n"
        "6,1-25,1-25,10\n6,26-100,1-25,30\n"
    )
    held = read_histogram(path)
    assert [bucket.share for bucket in held.workload.buckets] == [0.5, 0.5]
    assert held.drift is not None
    assert (held.drift.window_s, held.drift.windows, held.drift.mean) == (21_600, 2, 0.25)
    rates = held.arrival_rates
    assert rates is not None
    # 40 requests in each of two windows of six hours.
    assert (rates.window_s, rates.windows, rates.peak_requests_per_s) == (21_600, 2, 40 / 21_600)
    path.write_text("start_hour,input_bucket,output_bucket,expected_requests\n0,1-25,>25,30\n0,x,1-25,10\n0,1-25\n")
    with pytest.raises(BadFile) as caught:
        read_histogram(path)
    assert [fault.line for fault in caught.value.faults] == [2, 3, 4]


BY_HOURS = "start_hour,input_bucket,output_bucket,expected_requests\n"


def test_a_histogram_by_hours_has_its_own_arrivals(tmp_path: Path) -> None:
    """Hours 0, 1 and 3 with 7,200, 18,000 and 3,600 requests: 2, 5 and 1 a second, and a gap."""
    path = tmp_path / "by_hours.csv"
    rows = ("0,1-500,1-100,3600", "0,501-1000,1-100,3600", "1,1-500,1-100,7200", "1,501-1000,1-100,10800")
    path.write_text(BY_HOURS + "\n".join((*rows, "3,1-500,1-100,3600")) + "\n")
    for held in (read_histogram(path), load_workload_file(path)):
        rates = held.arrival_rates
        assert rates is not None
        assert (rates.window_s, rates.windows, rates.gaps) == (3600, 3, 1)
        assert (rates.peak_requests_per_s, rates.mean_requests_per_s) == (5, pytest.approx(8 / 3))
    planned = resolve(Question(regions=("us-east-1",), workload=str(path)), ()).basis.traffic
    assert planned.planned_requests_per_s == pytest.approx(1.2 * 5)
    assert planned.rate_source == "peak of the 3 hours of by_hours"
    other = tmp_path / "rates.csv"
    other.write_text("hour,requests\n0,36000\n1,72000\n")
    assert with_rates(read_histogram(path), read_rates(other), "other").arrival_rates == replace(
        read_rates(other), source="other"
    )


def test_an_hour_that_is_written_with_no_requests_is_quiet_and_no_gap(tmp_path: Path) -> None:
    """7,200, 0, 18,000 and 0 requests: 25,200 in four hours, 5 a second in the busiest."""
    path = tmp_path / "by_hours.csv"
    requests = (7200, 0, 18_000, 0)
    path.write_text(BY_HOURS + "".join(f"{hour},1-500,1-100,{count}\n" for hour, count in enumerate(requests)))
    held = read_histogram(path)
    rates = held.arrival_rates
    assert rates is not None
    assert (rates.window_s, rates.windows, rates.gaps) == (3600, 4, 0)
    assert (rates.peak_requests_per_s, rates.mean_requests_per_s) == (5, 1.75)
    assert held.drift is not None
    assert (held.drift.windows, held.drift.mean) == (2, 0)
    path.write_text(BY_HOURS + "0,1-500,1-100,0\n1,1-500,1-100,0\n")
    with pytest.raises(BadFile, match="has no requests"):
        read_histogram(path)


@pytest.mark.parametrize("hours", [("0",), ("0", "1", "2.5"), ("0", "1", "9e8")])
def test_windows_that_are_alone_or_uneven_have_no_rates(tmp_path: Path, hours: tuple[str, ...]) -> None:
    path = tmp_path / "by_hours.csv"
    path.write_text(BY_HOURS + "".join(f"{hour},1-500,1-100,3600\n" for hour in hours))
    assert read_histogram(path).arrival_rates is None


def test_rates_of_ten_minutes_become_hours_without_those_that_have_gaps(tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    rows = [f"{600 * at},{0 if at == 8 else 100 + at // 6}" for at in range(48)]
    path.write_text("t_s,requests_per_s\n" + "\n".join(rows) + "\n")
    rates = read_rates(path)
    assert (rates.window_s, rates.windows, rates.gaps) == (3600, 7, 1)
    assert rates.requests_by_window[:3] == (360_000, None, 102 * 3600)
    assert read_rates(path, zeros="rate").gaps == 0


@pytest.mark.parametrize(
    ("text", "starts_at", "counts"),
    [
        ("hour_utc,requests\n2024-05-10T00:00Z,36\n2024-05-10T01:00Z,72\n", FRIDAY, (36, 72)),
        ("hour,requests\n0,36\n1,\n3,72\n", None, (36, None, None, 72)),
        ("hour,requests\n0,36\n1,72\n", None, (36, 72)),
    ],
)  # fmt: skip
def test_files_of_rates(
    tmp_path: Path, text: str, starts_at: datetime | None, counts: tuple[float | None, ...]
) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(text)
    rates = read_rates(path)
    assert (rates.window_s, rates.starts_at, rates.requests_by_window) == (3600, starts_at, counts)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a file of rates needs a first column of times"),
        ("hour,tokens\n0,1\n1,2\n", "found: hour, tokens"),
        ("hour,requests\n0,x\n1,2\n", "line 2, requests: is 'x'"),
        ("hour,requests\n0,1\nlate,2\n", "line 3, hour: is 'late'"),
        ("hour,requests\n0,1\n0,2\n", "times must rise by equal steps"),
        ("hour,requests\n0,0\n1,0\n", "has no requests"),
    ],
)
def test_bad_rates_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(text)
    with pytest.raises(BadFile) as caught:
        read_rates(path)
    assert says in str(caught.value)


def test_times_that_rise_by_one_are_asked_for_their_unit(tmp_path):
    # As seconds, these hours would be planned 3,600 times too dear.
    path = tmp_path / "hours.csv"
    rows = "\n".join(f"{hour},{1000 * (hour + 1)}" for hour in range(24))
    path.write_text(f"time,requests\n{rows}\n", encoding="utf-8")
    with pytest.raises(BadFile, match="may be seconds, minutes or hours: name the column t_s, minute or hour"):
        read_rates(path)
    path.write_text(f"hour,requests\n{rows}\n", encoding="utf-8")
    assert read_rates(path).peak_requests_per_s == pytest.approx(24_000 / 3600)


def test_a_workload_that_is_given_arrivals_no_longer_says_that_it_lacks_them(tmp_path):
    path = tmp_path / "hours.csv"
    path.write_text("hour,requests\n0,36000\n1,72000\n", encoding="utf-8")
    bare = read_histogram("chat")
    assert any(note.startswith("no arrival rates") for note in bare.workload.notes)
    held = with_rates(bare, read_rates(path), "hours.csv")
    assert not any(note.startswith("no arrival rates") for note in held.workload.notes)
    assert len(held.workload.notes) == len(bare.workload.notes) - 1
