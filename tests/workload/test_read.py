"""Traces: sizes and arrivals of what was really asked, from every usual log."""

import gzip
import io
import json
import random
import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.errors import BadFile, BadInput
from melange_cloud.workload import ColumnChoice, Edges, Trace, fine_edges, read_trace, workload_from_requests
from melange_cloud.workload.traces import from_csv
from tests.properties import examples

ROWS = ["1,2", "0,7", "3.0,4", " 5 ,6", "x,1", "1", "1,2,3", '"8",9', "", "1e3,2", "-1,2", "inf,1", ",4", "+5,3"]
OURS = "arrival_s,client,output_tokens,input_tokens\n0.5,a,7,300\n1e1,b,0,12\n"


def written(tmp_path: Path, content: str | bytes, name: str = "trace.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sizes(trace: Trace) -> tuple[int, float, float]:
    """Requests, sums of input and output tokens."""
    return trace.requests, trace.tally.input_values.total, trace.tally.output_values.total


@pytest.mark.parametrize(
    "content",
    [OURS, gzip.compress(OURS.encode(), mtime=0), "\ufeff" + OURS, OURS.replace("\n", "\r\n"), OURS + "\n\n",
     OURS.replace(",", ";"), OURS.replace(",", "\t"), OURS.replace("300", '"300"'), OURS.replace("300", "300.0")],
)  # fmt: skip
def test_ways_to_write_the_same(tmp_path: Path, content: str | bytes) -> None:
    trace = read_trace(written(tmp_path, content))
    assert sizes(trace) == (2, 312, 7)
    assert (trace.tally.by_second.least, trace.tally.by_second.most) == (0, 10)
    assert trace.unreadable == 0


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        (
            "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n"
            "2023-11-16 18:17:04.0319600,3180,8\n",
            "input ContextTokens, output GeneratedTokens, time TIMESTAMP (ISO 8601, UTC if no zone is given)",
        ),
        (
            "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,4808,10,4818,API log\n"
            "45,GPT-4,3180,8,3188,Conversation log\n",
            "input Request tokens, output Response tokens, time Timestamp (s from an origin without a date)",
        ),
        (
            '{"id": "a", "created": 1700000000, "usage": {"prompt_tokens": 4808, "completion_tokens": 10}}\n'
            '{"id": "b", "created": 1700000009, "usage": {"completion_tokens": 8, "prompt_tokens": 3180}}\n',
            "input usage.prompt_tokens, output usage.completion_tokens, time created (s since 1970)",
        ),
        (
            '{"response": {"body": {"created": 1700000000000, "usage": {"input_tokens": 4808, "output_tokens": 10}}}}\n'
            '{"response": {"body": {"created": 1700000000001, "usage": {"input_tokens": 3180, "output_tokens": 8}}}}\n',
            "input response.body.usage.input_tokens, output response.body.usage.output_tokens, "
            "time response.body.created (ms since 1970)",
        ),
        (
            "request_id,timestamp,input_tokens,output_tokens\n0,0.02,4808,10\n1,0.4,3180,8\n",
            "input input_tokens, output output_tokens, time timestamp (s from an origin without a date)",
        ),
        ("prompt_len,output_len\n4808,10\n3180,8\n", "input prompt_len, output output_len, no times"),
        (
            "arrived_at,num_prefill_tokens,num_decode_tokens\n0,4808,10\n1,3180,8\n",
            "input num_prefill_tokens, output num_decode_tokens, time arrived_at (s from an origin without a date)",
        ),
    ],
)  # fmt: skip
def test_the_common_logs_are_known(tmp_path: Path, text: str, taken: str) -> None:
    path = written(tmp_path, text)
    trace = read_trace(path, ColumnChoice(where=("Model=*",)) if "Model," in text else None)
    assert sizes(trace) == (2, 7988, 18)
    assert trace.taken == {path: taken}


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path, "in,out,input_tokens,when\n1,2,99,60\n3,4,99,0\n")
    trace = read_trace(path, ColumnChoice("in", "OUT", "when", "ms"))
    assert sizes(trace) == (2, 4, 6)
    assert "time when (ms from an origin without a date)" in trace.taken[path]
    with pytest.raises(BadFile, match="column inn not found: name it with --input-column; found: in, out, input_tok"):
        read_trace(path, ColumnChoice("inn", "out"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "trace.csv, line 1: no column found for input tokens: name it with --input-column; found: nothing"),
        ("input_tokens\n1\n", "no column found for output tokens"),
        ("input_tokens,input_tokens,output_tokens\n1,1,1\n", "duplicate column input_tokens"),
        ("input_tokens,output_tokens\n", "has no requests"),
        ("5,6\n7,8\n", "has no header line: add one"),
        ("[1, 2]", "is one JSON array: write one record per line"),
        ('{\n  "input_tokens": 1\n}\n', "does not begin with JSON records: write one record per line"),
        ('{"a": 1}\n', "no column found for input tokens: name it with --input-column; found: a"),
        ("input_tokens,output_tokens\nx,1\n", "line 2: input_tokens is 'x': must be a whole number from 0 to"),
    ],
)
def test_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadFile) as caught:
        read_trace(written(tmp_path, text))
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x7fELF\x02\x01\x01\0\0,\xb0\x6d\n1,2\n", "line 1: is not UTF-8 text: save it as UTF-8"),
        (b"PK\x03\x04\x14\0,a\n1,2\n", "line 1: is not text: give a CSV, JSON Lines or Parquet file"),
    ],
)
def test_a_binary_file_is_refused_without_its_bytes(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_bytes(content)
    with pytest.raises(BadFile) as caught:
        read_trace(file)
    assert str(caught.value).endswith(f"trace.csv, {says}")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("1,2", "has 2 cells, the header has 3"),
        ("1,2,3,4", "has 4 cells, the header has 3"),
        ("1,-2,3", "output_tokens is '-2': must be a whole number from 0 to 1,000,000,000"),
        ("1.5,2,3", "input_tokens is '1.5'"),
        (",2,3", "input_tokens is ''"),
        ("nan,2,3", "input_tokens is 'nan'"),
        ("inf,2,3", "input_tokens is 'inf'"),
        ("1700000000,2,3", "input_tokens is '1700000000'"),
        ("9" * 5000 + ",2,3", "input_tokens is '9999"),
        ("٣,2,3", "input_tokens is"),
        ("1_0,2,3", "input_tokens is '1_0'"),
        ("1,2,inf", "arrival_s is 'inf': must be a number"),
        ("1,2,", "arrival_s is ''"),
        ("1,2,12:30", "arrival_s is '12:30'"),
        ("x,y,3", "input_tokens is 'x': must be a whole number from 0 to 1,000,000,000; output_tokens is 'y'"),
    ],
)
@pytest.mark.parametrize("rows_around", [1, 1500])
def test_unreadable_rows_are_counted_and_named(tmp_path: Path, row: str, reason: str, rows_around: int) -> None:
    good = "".join(f"{at % 7},{at % 5},{at}\n" for at in range(rows_around))
    trace = read_trace(written(tmp_path, f"input_tokens,output_tokens,arrival_s\n{good}{row}\n{good}"))
    assert trace.requests == 2 * rows_around
    assert trace.unreadable == 1
    (bad,) = trace.unreadable_rows
    assert bad.line == rows_around + 2
    assert reason in bad.reason
    assert f"1 of {2 * rows_around + 1:,} rows could not be read and is left out" in trace.notes
    assert trace.tally.input_values.total == 2 * sum(at % 7 for at in range(rows_around))


def test_all_are_counted_and_five_are_named(tmp_path: Path) -> None:
    trace = read_trace(written(tmp_path, "input_tokens,output_tokens\n1,1\n" + "x,1\n" * 3000))
    assert (trace.requests, trace.unreadable, len(trace.unreadable_rows)) == (1, 3000, 5)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"usage": {"prompt_tokens": 5}, "created": 1}', "usage.completion_tokens is missing"),
        ('{"usage": null, "created": 1}', "usage.prompt_tokens is missing"),
        ('{"usage": {"prompt_tokens": true, "completion_tokens": 1}, "created": 1}', "usage.prompt_tokens is True"),
        ('{"usage": {"prompt_tokens": 1, "completion_tokens": 1}}', "created is missing: must be a number"),
        ('{"usage": {"prompt_tokens": NaN, "completion_tokens": 1}, "created": 1}', "usage.prompt_tokens is nan"),
        ('{"usage":', "is not JSON"),
        ("[]", "usage.prompt_tokens is missing"),
    ],
)
def test_unreadable_records_are_counted_and_named(tmp_path: Path, record: str, reason: str) -> None:
    good = '{"created": 1, "usage": {"prompt_tokens": 5, "completion_tokens": 6}}\n'
    trace = read_trace(written(tmp_path, f"{good}\n{record}\n{good}"))
    assert (trace.requests, trace.unreadable) == (2, 1)
    assert trace.unreadable_rows[0].line == 3
    assert reason in trace.unreadable_rows[0].reason


def test_a_prompt_may_hold_line_feeds_commas_and_quotes(tmp_path: Path) -> None:
    rows = "".join(f'"a ""b"",\nc {at}",{at},1\n' for at in range(3000))
    trace = read_trace(written(tmp_path, f"prompt,input_tokens,output_tokens\n{rows}"))
    assert sizes(trace) == (3000, sum(range(3000)), 3000)
    assert trace.unreadable == 0


@settings(max_examples=examples(60))
@given(
    st.lists(st.sampled_from(ROWS), min_size=1, max_size=60),
    st.sampled_from(["\n", "\r\n"]),
)  # fmt: skip
def test_blocks_and_single_rows_read_the_same(rows: list[str], feed: str) -> None:
    import tempfile

    text = feed.join(["input_tokens,output_tokens", "1,1", *rows]) + feed
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), text)
        slow = read_trace(path)
        few, from_csv._FEW_BYTES = from_csv._FEW_BYTES, 0
        try:
            fast = read_trace(path)
        finally:
            from_csv._FEW_BYTES = few
    assert sizes(fast) == sizes(slow)
    assert (fast.unreadable, fast.unreadable_rows) == (slow.unreadable, slow.unreadable_rows)


@settings(max_examples=examples(60))
@given(st.lists(st.datetimes(), min_size=1, max_size=30), st.sampled_from(["", "Z", "+00:00", "+05:30"]), st.booleans())
def test_times_read_the_same_in_blocks(moments: list, zone: str, fraction: bool) -> None:
    import numpy as np
    import pandas as pd

    from melange_cloud.workload.traces.clock import clock_of

    texts = [moment.isoformat(sep=" ", timespec="microseconds" if fraction else "seconds") + zone for moment in moments]
    clock = clock_of(texts, None, None)
    expected = [clock.second(text) for text in texts]
    as_bytes = np.array([list(text.encode()) for text in texts], dtype=np.uint8)
    fast = clock.seconds_of_bytes(as_bytes)
    assert (fast is None) == (zone == "+05:30")
    assert fast is None or fast.tolist() == expected
    by_pandas = clock.seconds(pd.Series(texts))
    assert by_pandas is None or by_pandas.tolist() == expected


@pytest.mark.parametrize(
    "text", ["2024-13-01 00:00:00", "2024-02-30 00:00:00", "2024-02-01 24:00:00", "2024-02-01 00:60:00",
             "2024/02/01 00:00:00", "2024-02-01 00:00:0x", "2024-02-01 00:00:00.", "2024-02-01 00:00:00+01:00"]
)  # fmt: skip
def test_what_is_no_common_stamp_is_not_read_as_one(text: str) -> None:
    import numpy as np

    from melange_cloud.workload.traces.clock import clock_of

    assert clock_of([text], None, None).seconds_of_bytes(np.array([list(text.encode())], dtype=np.uint8)) is None


def test_a_time_zone_counts_where_none_is_written(tmp_path: Path) -> None:
    rows = "time,input_tokens,output_tokens\n2024-07-01T12:00:00,1,1\n2024-07-01T12:00:00+00:00,1,1\n"
    trace = read_trace(written(tmp_path, rows), ColumnChoice(time_zone="Europe/Berlin"))
    assert (trace.tally.by_second.least, trace.tally.by_second.most) == (1_719_828_000, 1_719_835_200)
    with pytest.raises(BadInput, match="--time-zone Berlin: unknown time zone"):
        read_trace(written(tmp_path, rows), ColumnChoice(time_zone="Berlin"))


def test_globs_and_several_files_are_one_trace(tmp_path: Path) -> None:
    for part in range(3):
        written(tmp_path, f"input_tokens,output_tokens\n{part},1\n", f"part-{part}.csv")
    assert sizes(read_trace(str(tmp_path / "part-*.csv"))) == (3, 3, 3)
    assert sizes(read_trace([tmp_path / "part-1.csv", str(tmp_path / "part-*.csv")])) == (3, 3, 3)
    with pytest.raises(BadInput, match=r"none-\*.csv: no file matches"):
        read_trace(str(tmp_path / "none-*.csv"))
    written(tmp_path, "arrival_s,input_tokens,output_tokens\n5,1,1\n90,1,1\n", "part-9.csv")
    mixed = read_trace(str(tmp_path / "part-*.csv"))
    assert mixed.arrival_rates is None
    assert "no arrival rates: not all files have times with dates" in mixed.notes


def test_damaged_or_absent_files_are_refused(tmp_path: Path) -> None:
    packed = gzip.compress((OURS * 100).encode(), mtime=0)
    for content in (packed[:-20], packed[:30] + b"\x00" * 20 + packed[50:], b"\x1f\x8b"):
        with pytest.raises(BadFile, match="damaged gzip data"):
            read_trace(written(tmp_path, content))
    with pytest.raises(BadInput, match="cannot be read"):
        read_trace(tmp_path / "absent.csv")
    with pytest.raises(BadInput, match="it is a folder"):
        read_trace(tmp_path)


def test_parquet_with_nested_columns_and_missing_values(tmp_path: Path) -> None:
    import datetime as dt

    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    start = dt.datetime(2024, 5, 10, tzinfo=dt.UTC)
    rows = [
        {
            "created": start + dt.timedelta(seconds=at),
            "usage": {"prompt_tokens": at if at != 5 else None, "completion_tokens": 2 * at},
        }
        for at in range(200)
    ]
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    done: list[tuple[int, int]] = []
    trace = read_trace(path, on_bytes=lambda read, total: done.append((read, total)))
    assert sizes(trace) == (199, sum(range(200)) - 5, 2 * (sum(range(200)) - 5))
    assert [(row.line, row.reason.split(":")[0]) for row in trace.unreadable_rows] == [
        (6, "usage.prompt_tokens is missing")
    ]
    assert trace.dated == "2024-05-10"
    assert trace.arrival_rates is not None
    assert trace.arrival_rates.windows == 3
    assert done[-1] == (path.stat().st_size,) * 2
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(BadFile, match="is not a valid Parquet file"):
        read_trace(path)


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress((OURS + "1,c,1,1\n" * 1000).encode(), mtime=0))
    done: list[tuple[int, int]] = []
    read_trace([path, written(tmp_path, OURS, "two.csv")], on_bytes=lambda read, total: done.append((read, total)))
    assert done[-1][0] == done[-1][1] == path.stat().st_size + len(OURS)
    assert done == sorted(done)


@settings(max_examples=examples(50))
@given(
    st.lists(st.tuples(st.integers(0, 200_000), st.integers(0, 20_000)), min_size=1, max_size=80),
)
def test_the_stream_counts_what_the_memory_counts(pairs: list[tuple[int, int]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(f"{size_in},{size_out}\n" for size_in, size_out in pairs)
        trace = read_trace(written(Path(folder), f"input_tokens,output_tokens\n{rows}"))
    held = trace.workload_file(name="n", title="t", source="s", licence="l")
    inputs, outputs = zip(*pairs, strict=True)
    assert held.workload == workload_from_requests(inputs, outputs, name="n", title="t", source="s", licence="l")
    for values, figures in ((inputs, held.input_tokens), (outputs, held.output_tokens)):
        assert figures is not None
        ordered = sorted(values)
        assert figures.mean == pytest.approx(statistics.fmean(values))
        assert (figures.p50, figures.p90, figures.p99) == tuple(
            ordered[-(-percent * len(ordered) // 100) - 1] for percent in (50, 90, 99)
        )


def test_given_edges_are_extended_as_far_as_the_sizes_go(tmp_path: Path) -> None:
    path = written(tmp_path, "input_tokens,output_tokens\n5,5\n150,5\n900,60\n")
    buckets = read_trace(path, edges=Edges((10, 100), (50,))).workload_file(
        name="n", title="t", source="s", licence="l"
    ).workload.buckets  # fmt: skip
    assert [(b.input_low_tokens, b.input_high_tokens, b.output_high_tokens) for b in buckets] == [
        (0, 10, 50), (100, 200, 50), (800, 1600, 100)
    ]  # fmt: skip


def test_auto_edges_need_few_buckets_for_little_error(tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311
    rows = "".join(
        f"{round(dice.lognormvariate(6.5, 1.1)) + 1},{round(dice.lognormvariate(4.5, 0.9)) + 1}\n" for _ in range(5000)
    )
    path = written(tmp_path, f"input_tokens,output_tokens\n{rows}")
    usual, auto = read_trace(path), read_trace(path, edges=fine_edges())
    assert auto.load_error <= 0.02 < usual.load_error
    assert int((auto.grid.counts > 0).sum()) < int((usual.grid.counts > 0).sum())
    held = auto.workload_file(name="n", title="t", source="s", licence="l")
    assert sum(bucket.share for bucket in held.workload.buckets) == pytest.approx(1)
    pairs = [tuple(map(int, row.split(","))) for row in rows.split()]
    squares = sum(size_in**2 for size_in, _ in pairs) / 5000
    at_means = sum(bucket.share * bucket.mean_input_tokens**2 for bucket in held.workload.buckets)
    assert 1 - at_means / squares == pytest.approx(0, abs=0.02)
    assert held.workload.mean_input_tokens == pytest.approx(sum(pair[0] for pair in pairs) / 5000)
    # Where context limits lie, no bucket spans more than a doubling.
    for bucket in held.workload.buckets:
        assert bucket.input_high_tokens <= max(4_000, 2 * bucket.input_low_tokens)


def test_memory_does_not_grow_with_the_trace(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "big.csv"
    with path.open("w") as stream:
        stream.write("arrival_s,input_tokens,output_tokens\n")
        for part in range(20):
            lines = io.StringIO()
            for at in range(50_000):
                lines.write(f"{part * 5000 + at * 0.1:.1f},{at % 3000},{at % 700}\n")
            stream.write(lines.getvalue())

    def peak(source: Path) -> int:
        tracemalloc.start()
        read_trace(source)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    half = written(tmp_path, path.read_bytes()[: path.stat().st_size // 2], "half.csv")
    peak(half)
    assert peak(path) < 1.3 * peak(half)


def test_json_and_csv_of_the_same_requests_agree(tmp_path: Path) -> None:
    dice = random.Random(3)  # noqa: S311
    rows = [(at * 7, dice.randrange(9000), dice.randrange(900)) for at in range(5000)]
    as_csv = "arrival_s,input_tokens,output_tokens\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows)
    as_json = "".join(json.dumps({"arrival_s": a, "input_tokens": b, "output_tokens": c}) + "\n" for a, b, c in rows)
    one, two = read_trace(written(tmp_path, as_csv)), read_trace(written(tmp_path, as_json, "t.jsonl"))
    names = {"name": "n", "title": "t", "source": "s", "licence": "l"}
    assert one.workload_file(**names) == two.workload_file(**names)
    assert one.arrival_rates is not None
    assert one.arrival_rates.window_s == 3600
