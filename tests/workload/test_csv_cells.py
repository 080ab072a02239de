"""Whole columns at once, and one row at a time: they must read the same of any file."""

import tempfile
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from melange_cloud.errors import BadFile, BadInput
from melange_cloud.workload import Trace, read_trace
from melange_cloud.workload.traces import from_csv, line_blocks
from melange_cloud.workload.traces.clock import clock_of
from melange_cloud.workload.traces.csv_cells import cells_of
from tests.properties import examples

SIZES = st.integers(0, 10**9).map(str) | st.sampled_from(
    [
        "",
        " 7",
        "7 ",
        "+7",
        "-7",
        "7.0",
        "7.5",
        "1e3",
        "inf",
        "nan",
        "x",
        "0007",
        "1000000001",
        "9" * 17,
        '"7"',
        "٣",
        "7\r",
    ]
)
NUMBERS = st.floats(0, 10**7).map(lambda number: f"{number:.6f}") | st.sampled_from(
    [
        "5",
        "5.",
        ".5",
        "5.5",
        "0005.25",
        "-1.5",
        "1e3",
        "1.5.5",
        "5.x",
        "x.5",
        "",
        "nan",
        "1.2345678901234567",
    ]
)
MOMENTS = st.datetimes(datetime(2023, 12, 31), datetime(2024, 3, 2))
STAMPS = MOMENTS.map(lambda moment: moment.isoformat(sep=" ", timespec="microseconds")) | st.sampled_from(
    ["2024-01-10 08:15:02", "2024-01-10T08:15:02.5Z", "2024-02-30 00:00:00.000000", "2024-01-10 08:15:60.000000",
     "2024-01-10 08:15:0x.000000", "2024-01-10 08:15:02.00000x", "2024-01-10 08:15:02+05:30", "", "5"]
)  # fmt: skip
TEXTS = st.sampled_from(["a", "", "gpt-3.5", '"a,b"', '"a\nb"', "a,b", "é", 'a"b', '"a"b', 'a "b,c"'])


def read(text: bytes, few_bytes: int, block_bytes: int) -> Trace | str:
    """What the text is read as, blocks up to ``few_bytes`` row by row; of a refused one the faults."""
    patch = pytest.MonkeyPatch()
    patch.setattr(from_csv, "_FEW_BYTES", few_bytes)
    patch.setattr(line_blocks, "BLOCK_BYTES", block_bytes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        path.write_bytes(text)
        try:
            return read_trace(path)
        except (BadFile, BadInput) as error:
            return str(error).replace(folder, "")
        finally:
            patch.undo()


def counted(trace: Trace | str) -> object:
    """All that is counted of a trace."""
    if isinstance(trace, str):
        return trace
    tally = trace.tally
    return (
        tally.requests,
        trace.unreadable,
        [(row.line, row.reason) for row in trace.unreadable_rows],
        [values.dense.tolist() for values in (tally.input_values, tally.output_values)],
        [values.large for values in (tally.input_values, tally.output_values)],
        [part.tolist() for part in (trace.grid.counts, trace.grid.inputs, trace.grid.outputs, trace.grid.longest)],
        (tally.by_second.least, tally.by_second.most, trace.arrival_rates, trace.drift, trace.dated),
        {hour: cells.tolist() for hour, cells in tally.mix_by_hour.items()},
    )


def rows_of(times: st.SearchStrategy[str] | None) -> st.SearchStrategy[list[str]]:
    """Rows of a table, most of them sound, with times of a form or with none."""
    cells = st.tuples(TEXTS, SIZES, SIZES, *([] if times is None else [times]))
    sound = st.tuples(st.just("a"), st.just("12"), st.just("7"), *([] if times is None else [times]))
    quoted = sound.map(lambda row: [f'"{cell}"' for cell in row])
    others = st.sampled_from(["", "1", "1,2", "a,1,2,3,4,5", '"a",1,2,3,', '"a",1,2,3,,5', ",,,", "  "])
    rows = cells.map(",".join) | sound.map(",".join) | quoted.map(",".join) | others
    return st.lists(rows, min_size=1, max_size=30) | st.lists(quoted.map(",".join), min_size=1, max_size=9)


@settings(max_examples=examples(150))
@given(
    st.tuples(st.just(",time\nb,1,1,0.5"), rows_of(NUMBERS))
    | st.tuples(st.just(",time\nb,1,1,2024-01-01 00:00:00"), rows_of(STAMPS))
    | st.tuples(st.just("\nb,1,1"), rows_of(None)),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([96, 256, 2**20]),
)
def test_columns_and_rows_read_the_same(
    table: tuple[str, list[str]], feed: str, marked: bool, ended: bool, block_bytes: int
) -> None:
    start, rows = table
    text = feed.join([*f"client,input_tokens,output_tokens{start}".split("\n"), *rows])
    as_bytes = ("\ufeff" * marked + text + feed * ended).encode()
    assert counted(read(as_bytes, 0, block_bytes)) == counted(read(as_bytes, 2**30, 2**20))


@settings(deadline=None)
@given(st.lists(st.text("0123456789", min_size=1, max_size=16), min_size=1, max_size=20))
@example(["9" * 16, "0", "00000001", "123456789"])
def test_digits_are_what_they_are_worth(numbers: list[str]) -> None:
    cells = cells_of("".join(f"{number},7\n" for number in numbers).encode(), ",", 2, points=False)
    assert cells is not None
    found = cells.whole_numbers(0)
    assert found is not None
    assert found.tolist() == [int(number) for number in numbers]


@pytest.mark.parametrize("sign", [sign for sign in map(chr, range(128)) if sign not in '0123456789,\n"'])
@pytest.mark.parametrize("at", [0, 3, 9])
def test_what_is_no_digit_is_no_number(sign: str, at: int) -> None:
    number = "1234567890"[:at] + sign + "1234567890"[at:]
    cells = cells_of(f"11,1\n{number},2\n".encode(), ",", 2, points=False)
    assert cells is None or cells.whole_numbers(0) is None


@pytest.mark.parametrize(
    ("block", "reads"),
    [("1,2\n3,4\n", True), ("1,2\r\n3,4\r\n", True), ("1,2\r\n3,4\n", False), ("1,2\n3\n,4\n", False),
     ("1,2\n3,4,5\n6\n", False), ("1\r,2\n3,4\n", False), ("1,2\n\n3,4\n", False), ("1,2,3\n", False)],
)  # fmt: skip
def test_only_lines_alike_are_cells(block: str, reads: bool) -> None:
    cells = cells_of(block.encode(), ",", 2, points=False)
    assert (cells is not None) == reads
    if cells is not None:
        assert [column.tolist() for column in (cells.whole_numbers(0), cells.whole_numbers(1))] == [[1, 3], [2, 4]]
        assert cells.lines == 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=1, max_size=20))
def test_seconds_are_the_digits_before_the_point(times: list[tuple[int, int]]) -> None:
    texts = [f"{whole}.{part:06d}" for whole, part in times]
    clock = clock_of(["1.5"], 1.0, None)
    cells = cells_of("".join(f"{text},7\n" for text in texts).encode(), ",", 2, points=True)
    assert cells is not None
    found = cells.seconds(0, clock)
    expected = [clock.second(text) for text in texts]
    assert found is None if max(map(len, texts)) > 16 else found is not None and found.tolist() == expected
