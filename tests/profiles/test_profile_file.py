import math
import os
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from melange_cloud.domain import Kind, Slo
from melange_cloud.errors import BadFile
from melange_cloud.profiles import check_profile_file, read_profile_file
from melange_cloud.profiles.files.profile_format import COLUMNS, format_profile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile

GOOD = """\
# format: melange-cloud profile 1
# model: llama-3.1-8b
# precision: bf16
# gpu: L4
# era: 2025
# max_total_tokens: 131072
# max_num_seqs: 256
# source: a test: with a colon
# calibration: none
# made by: a test
tensor_parallel,input_tokens,output_tokens,concurrency,requests_per_s,tpot_ms,ttft_ms,origin,grade,error
1,100,100,1,1.5,60,20,estimated,C,0.3
1,100,100,2,2.5,70,30,estimated,C,0.3
2,100,100,1,3.5,40,20,measured,A,0.05
"""
LINE = {"first row": 12, "last row": 14}


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "L4.csv"
    path.write_text(text)
    return path


def faults(path: Path) -> list[tuple[int | None, str | None]]:
    with pytest.raises(BadFile) as raised:
        check_profile_file(path)
    assert all(str(fault).startswith(str(path)) for fault in raised.value.faults)
    return [(fault.line, fault.field) for fault in raised.value.faults]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    check_profile_file(path)
    file = read_profile_file(path)
    assert file.header.source == "a test: with a colon"
    assert file.header.cache_tokens == {}
    assert [point.requests_per_s for point in file.points(Kind("L4", 1), (100, 100))] == [1.5, 2.5]
    assert file.points(Kind("L4", 2), (100, 100))[0].grade == "A"


@pytest.mark.parametrize(
    ("before", "after", "line", "field"),
    [
        ("1,100,100,1,1.5,60,20", "1,100,100,1,nan,60,20", 12, "requests_per_s"),
        ("1,100,100,1,1.5,60,20", "1,100,100,1,0,60,20", 12, "requests_per_s"),
        ("1,100,100,1,1.5,60,20", "1,100,100,1,0.000,60,20", 12, "requests_per_s"),
        ("1,100,100,1,1.5,60,20", "1,100,100,1,-1.5,60,20", 12, "requests_per_s"),
        ("1,100,100,1,1.5,60,20", "1,100,100,1,many,60,20", 12, "requests_per_s"),
        ("1,100,100,1,1.5,60,20", "1,100,100,1,1.5,inf,20", 12, "tpot_ms"),
        ("1,100,100,1,1.5,60,20", "1,100,100,1,1.5,60,", 12, "ttft_ms"),
        ("1,100,100,2,", "1,100,100,2.5,", 13, "concurrency"),
        ("1,100,100,2,", "1,100,100,1,", 13, "concurrency"),
        ("2,100,100,1", "2,0,100,1", 14, "input_tokens"),
        ("2,100,100,1", "2,100,1e2,1", 14, "output_tokens"),
        ("2,100,100,1", "two,100,100,1", 14, "tensor_parallel"),
        ("measured,A,0.05", "guessed,A,0.05", 14, "origin"),
        ("measured,A,0.05", "measured,Z,0.05", 14, "grade"),
        ("measured,A,0.05", "measured,A,5", 14, "error"),
        ("1,100,100,1,1.5,60,20,estimated", "1,100,100,1,1.5,60,estimated", 12, None),
        ("melange-cloud profile 1", "melange-cloud profile 3", 1, "format"),
        ("# gpu: L4", "# gpu: T4", 4, "gpu"),
        ("# max_num_seqs: 256", "# max_num_seqs: lots", 7, "max_num_seqs"),
        ("# made by: a test\n", "", None, "made by"),
        ("# made by: a test", "# made by: a test\n# colour: red", 11, "colour"),
        ("# made by: a test", "# made by: a test\n# era: 2025", 11, "era"),
        ("# made by: a test", "# made by: a test\n# weight_read_ms: 1=fast", 11, "weight_read_ms"),
        ("input_tokens,output_tokens", "output_tokens,input_tokens", 11, None),
    ],
)
def test_each_fault_is_named_with_line_and_field(
    tmp_path: Path, before: str, after: str, line: int | None, field: str | None
) -> None:
    assert GOOD.count(before) == 1
    assert faults(write(tmp_path, GOOD.replace(before, after))) == [(line, field)]


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    broken = GOOD.replace(",1.5,60,", ",nan,-60,").replace("measured,A", "measured,E")
    assert faults(write(tmp_path, broken)) == [(12, "requests_per_s"), (12, "tpot_ms"), (14, "grade")]


def read_and_use(path: Path) -> None:
    file = read_profile_file(path)
    for kind in sorted(file.rows):
        GridProfile(file, kind).max_tput(100, 100, Slo(1000))


def read_points(path: Path) -> None:
    file = read_profile_file(path)
    for kind, sizes in file.rows.items():
        for size in sizes:
            file.points(kind, size)


@pytest.mark.parametrize("use", [read_and_use, read_points])
@pytest.mark.parametrize(
    "broken",
    [
        GOOD.replace("1.5,60", "nan,60"),
        GOOD.replace("1.5,60", "NaN,60"),
        GOOD.replace("1.5,60", "nAn,60"),
        GOOD.replace("1.5,60", "0,60"),
        GOOD.replace("1.5,60", "0e0,60"),
        GOOD.replace("1.5,60", "much,60"),
        GOOD.replace("1.5,60,20", "1.5,20"),
        GOOD.replace("1.5,60", "1.5,-60"),
        GOOD.replace("1.5,60", "1e308,60"),
        GOOD.replace("1.5,60", "1.5,1e308"),
        GOOD.replace("1.5,60", "1.5,1e-308"),
        GOOD.replace("1.5,60", "1_0,60"),
        GOOD.replace("1.5,60", "٣,60"),
        GOOD.replace("1.5,60", "7_000_001,60"),
        GOOD.replace("1.5,60", f"1.5,{'9' * 5_000}"),
        GOOD.replace("2,100,100,1", "1_0,100,100,1"),
        GOOD.replace("2,100,100,1", "²,100,100,1"),
        GOOD.replace("2,100,100,1", f"{'9' * 5_000},100,100,1"),
        GOOD.replace("# max_num_seqs: 256", f"# max_num_seqs: {'9' * 5_000}"),
        GOOD.replace("# max_num_seqs: 256", "# max_num_seqs: 2_5"),
        GOOD.replace("# made by: a test", "# made by: a test\n# weights_gib: 1e308"),
        GOOD.replace("# made by: a test", "# made by: a test\n# cache_tokens: 1=1e308"),
        GOOD.replace("2,100,100,1", "x,100,100,1"),
        GOOD.replace("measured,A", "measured,E"),
        GOOD.replace("measured,A", "told,A"),
        GOOD.replace("# era: 2025\n", ""),
        GOOD.replace("2,100,100,1", "\n2,100,100,1"),
    ],
)
def test_no_broken_row_reaches_a_plan(tmp_path: Path, broken: str, use: Callable[[Path], None]) -> None:
    with pytest.raises(BadFile):
        use(write(tmp_path, broken))


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", GOOD.encode()[: GOOD.index("tensor_parallel,input")]])
def test_what_is_no_profile_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "L4.csv"
    path.write_bytes(content)
    with pytest.raises(BadFile):
        read_profile_file(path)


def test_a_pipe_and_a_header_without_end_are_refused_at_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    with pytest.raises(BadFile, match="not a regular file"):
        read_profile_file(pipe)
    before = time.process_time()
    with pytest.raises(BadFile):
        read_profile_file(write(tmp_path, "#\n" * 5_000_000))
    assert time.process_time() - before < 5


def test_a_profile_without_points_is_refused(tmp_path: Path) -> None:
    assert faults(write(tmp_path, GOOD[: GOOD.index("1,100,100,1")])) == [(None, None)]


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be read"):
        read_profile_file(tmp_path / "none.csv")


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "L4.csv"
    path.write_bytes(GOOD.replace("\n", "\r\n").encode())
    check_profile_file(path)
    assert len(read_profile_file(path).rows) == 2


def test_the_columns_are_those_of_operating_points() -> None:
    assert GOOD.splitlines()[10] == ",".join(COLUMNS)


MEASURED = """\
# format: melange-cloud profile 2
# model: llama-3.1-8b
# precision: bf16
# gpu: L4
# era: 2025
# max_total_tokens: 8192
# max_num_seqs: 256
# source: measured by a tool
# calibration: none, measured
# made by: a test
# saved: 2026-03-02T12:00:00Z
# engine: vllm 0.12
tensor_parallel,input_tokens,output_tokens,concurrency,requests_per_s,tpot_ms,p99_tpot_ms,ttft_ms,origin,grade,error,measured_on,source
1,100,100,4,1.5,60,90,20,measured,A,0.1,2026-03-01,tool a.json
1,100,100,,2.5,,,,measured,A,0.1,,tool b.json
1,100,100,,2.6,,,,measured,A,0.1,,tool c.json
"""


def test_a_measured_profile_leaves_unknown_what_the_tool_did_not_tell(tmp_path: Path) -> None:
    path = write(tmp_path, MEASURED)
    check_profile_file(path)
    file = read_profile_file(path)
    assert (file.header.saved, file.header.engine) == ("2026-03-02T12:00:00Z", "vllm 0.12")
    known, flooded, _ = file.points(Kind("L4", 1), (100, 100))
    assert (known.p99_tpot_ms, known.measured_on, known.source) == (90, date(2026, 3, 1), "tool a.json")
    assert (flooded.tpot_ms, flooded.ttft_ms, flooded.concurrency, flooded.measured_on) == (None, None, None, None)
    rates = file.rates(Kind("L4", 1), (100, 100))
    assert [point.tpot_ms for point in rates.points] == [60, math.inf, math.inf]
    assert (rates.origin, rates.grade, rates.error) == ("measured", "A", 0.1)


@pytest.mark.parametrize(
    ("before", "after", "line", "field"),
    [
        ("4,1.5,60", "4,,60", 14, "requests_per_s"),
        ("4,1.5,60", "4,1.5,-60", 14, "tpot_ms"),
        ("60,90,20", "60,nan,20", 14, "p99_tpot_ms"),
        ("4,1.5,60", "4.5,1.5,60", 14, "concurrency"),
        ("2026-03-01", "01.03.2026", 14, "measured_on"),
        ("A,0.1,2026-03-01", "A,,2026-03-01", 14, "error"),
        ("100,,2.6", "100,,2.5", 16, "concurrency"),
        ("tool b.json", "tool, b.json", 15, None),
        ("profile 2", "profile 1", 13, None),
    ],
)
def test_each_fault_of_a_measured_profile_is_named(
    tmp_path: Path, before: str, after: str, line: int | None, field: str | None
) -> None:
    assert MEASURED.count(before) == 1
    assert (line, field) in faults(write(tmp_path, MEASURED.replace(before, after)))
    with pytest.raises(BadFile):
        read_profile_file(tmp_path / "L4.csv")


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    file = read_profile_file(write(tmp_path, MEASURED))
    points = file.points(Kind("L4", 1), (100, 100))
    keys = [line[2:].partition(": ") for line in MEASURED.splitlines() if line.startswith("#")]
    assert format_profile({key: value for key, _, value in keys}, [(1, point) for point in points]) == MEASURED
