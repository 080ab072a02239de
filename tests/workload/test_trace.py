"""Traces: sizes and arrival rates of what was really asked."""

import gzip
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from melange_cloud.errors import BadFile, BadInput
from melange_cloud.workload import Trace, read_trace

GOOD = "arrival_s,client,output_tokens,input_tokens\n0.5,a,7,300\n1e1,b,0,12\n"


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "trace.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content", [GOOD, gzip.compress(GOOD.encode(), mtime=0), "\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD + "\n"]
)
def test_columns_are_found_by_name(tmp_path: Path, content: str | bytes) -> None:
    assert read_trace(written(tmp_path, content)) == Trace((300, 12), (7, 0), (0.5, 10.0))


def test_times_may_be_absent(tmp_path: Path) -> None:
    trace = read_trace(str(written(tmp_path, "input_tokens,output_tokens\n1,2\n")))
    assert trace == Trace((1,), (2,))
    assert trace.arrival_rates() is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the header must name input_tokens and output_tokens"),
        ("input_tokens\n1\n", "the header must name"),
        ("input_tokens,input_tokens,output_tokens\n1,1,1\n", "once each"),
        ("input_tokens,output_tokens\n", "has a header and no request"),
        ("input_tokens,output_tokens\n1,2\n1\n", "line 3: has 1 cells, the header has 2"),
        ("input_tokens,output_tokens\n1,2\n\n1,-2\n", "line 4, output_tokens: is '-2'"),
        ("input_tokens,output_tokens\n1,2.5\n", "line 2, output_tokens: is '2.5'"),
        ("input_tokens,output_tokens\n,2\n", "line 2, input_tokens: is ''"),
        ("input_tokens,output_tokens\nnan,2\n", "line 2, input_tokens: is 'nan'"),
        ("input_tokens,output_tokens\n1700000000,2\n", "line 2, input_tokens: is '1700000000'"),
        ("input_tokens,output_tokens\n" + "9" * 5000 + ",2\n", "must be a whole number from 0 to 1,000,000,000"),
        ("input_tokens,output_tokens\n٣,2\n", "line 2, input_tokens"),
        ("input_tokens,output_tokens,arrival_s\n1,2,inf\n", "line 2, arrival_s: is 'inf': must be seconds"),
        ("input_tokens,output_tokens,arrival_s\n1,2,12:30\n", "line 2, arrival_s: is '12:30'"),
        ('input_tokens,output_tokens\n"1,2\n', "is not CSV"),
    ],
)
def test_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadFile) as caught:
        read_trace(written(tmp_path, text))
    assert says in str(caught.value)


def test_all_bad_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as caught:
        read_trace(written(tmp_path, "input_tokens,output_tokens\n1,x\n1,1\ny,z\n"))
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [
        (2, "output_tokens"),
        (4, "input_tokens"),
        (4, "output_tokens"),
    ]


def test_damaged_or_absent_files_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress((GOOD * 100).encode(), mtime=0)
    for content in (packed[:-20], packed[:30] + b"\x00" * 20 + packed[50:], b"\x1f\x8b"):
        with pytest.raises(BadFile, match="damaged gzip data"):
            read_trace(written(tmp_path, content))
    with pytest.raises(BadFile, match="line 2: is not UTF-8"):
        read_trace(written(tmp_path, b"input_tokens,output_tokens\n\xff,1\n"))
    with pytest.raises(BadInput, match="cannot be read"):
        read_trace(tmp_path / "absent.csv")


def test_arrival_rates_by_hand() -> None:
    # Minutes of 6, 0 and 12 requests, then 1 request in a minute that is cut off, in no order.
    arrival_s = [1000.0 + second for second in (*range(6), *range(120, 132), 185)]
    trace = Trace((1,) * 19, (1,) * 19, tuple(reversed(arrival_s)))
    rates = trace.arrival_rates()
    assert rates is not None
    assert (rates.window_s, rates.windows) == (60, 3)
    assert rates.mean_requests_per_s == pytest.approx(18 / 180)
    assert rates.peak_requests_per_s == pytest.approx(12 / 60)
    assert rates.p95_requests_per_s == pytest.approx((6 + 0.9 * 6) / 60)


def test_less_than_one_window_is_no_rate() -> None:
    assert Trace((1, 1), (1, 1), (0.0, 59.9)).arrival_rates() is None


def test_a_stray_time_costs_neither_memory_nor_time() -> None:
    rates = Trace((1, 1), (1, 1), (0.0, 1.7e12)).arrival_rates()
    assert rates is not None
    assert rates.p95_requests_per_s == 0


@given(st.lists(st.floats(0, 1e5), min_size=1, max_size=200))
def test_rates_agree_with_a_plain_count(arrival_s: list[float]) -> None:
    size = (1,) * len(arrival_s)
    rates = Trace(size, size, tuple(arrival_s)).arrival_rates()
    first = min(arrival_s)
    windows = int((max(arrival_s) - first) // 60)
    if windows == 0:
        assert rates is None
        return
    counts = [0] * (windows + 1)
    for arrival in arrival_s:
        counts[int((arrival - first) // 60)] += 1
    counts.pop()
    assert rates is not None
    assert rates.mean_requests_per_s == pytest.approx(statistics.fmean(counts) / 60)
    assert rates.peak_requests_per_s == max(counts) / 60
    expected = counts[0] if windows == 1 else statistics.quantiles(counts, n=20, method="inclusive")[-1]
    assert rates.p95_requests_per_s == pytest.approx(expected / 60)
    assert rates.p95_requests_per_s <= rates.peak_requests_per_s
