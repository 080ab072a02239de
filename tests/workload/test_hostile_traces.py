"""Traces that nobody meant to be read: one line, never a traceback, in bounded memory and linear time."""

import gzip
import json
import os
import random
import struct
import tracemalloc
from pathlib import Path

import pytest
from typer.testing import CliRunner

from melange_cloud.cli.app import app
from melange_cloud.errors import BadFile, BadInput
from melange_cloud.workload import ColumnChoice, read_trace
from melange_cloud.workload.traces import line_blocks
from tests.workload.test_time_units import as_csv, as_json_lines, as_parquet

GOOD = {"timestamp": 1_777_593_600, "input_tokens": 10, "output_tokens": 5}
HEADER = "timestamp,input_tokens,output_tokens\n"


def written(tmp_path: Path, content: str | bytes, name: str = "log") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "record",
    [
        "[" * 100_000,
        '{"a": ' * 100_000,
        '{"input_tokens": ' + "[" * 100_000 + "]" * 100_000 + ', "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": ' + "9" * 5_000 + ', "output_tokens": 1}',
        '{"timestamp": ' + "9" * 400 + ', "input_tokens": 1, "output_tokens": 1}',
        '{"timestamp": 1e400, "input_tokens": 1, "output_tokens": 1}',
        '{"timestamp": NaN, "input_tokens": 1, "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": true, "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": -1, "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": 1e308, "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": Infinity, "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": 1.5, "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": "\u0663", "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": "1_0", "output_tokens": 1}',
        '{"timestamp": 1777593600, "input_tokens": {"a": 1}, "output_tokens": [1]}',
        '{"timestamp": [], "input_tokens": 1, "output_tokens": 1}',
        '{"timestamp": "0001-01-01T00:00:00+23:59", "input_tokens": 1, "output_tokens": 1}',
        "[1, 2], [3]",
        "null",
        '"\\ud800"',
        b'{"timestamp": 1777593600, "input_tokens": 1, "output_tokens": 1, "p": "\xff"}',
        b"\x00\x01\x02",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_a_record_that_cannot_be_read_is_counted(tmp_path: Path, record: str | bytes, first: bool) -> None:
    good = json.dumps(GOOD).encode()
    bad = record.encode("utf-8", "surrogatepass") if isinstance(record, str) else record
    lines = [bad, *[good] * 3] if first else [*[good] * 3, bad]
    if first and not bad.lstrip().startswith(b"{"):
        lines = [good, bad, good, good]
    trace = read_trace(written(tmp_path, b"\n".join(lines) + b"\n"))
    assert (trace.requests, trace.unreadable) == (3, 1)
    (row,) = trace.unreadable_rows
    assert len(str(row)) < 600
    assert str(row).isprintable()


def test_nesting_that_json_takes_is_no_trouble(tmp_path: Path) -> None:
    for depth in (10, 100, 900):
        inner: object = 1
        for _ in range(depth):
            inner = {"a": inner}
        trace = read_trace(written(tmp_path, (json.dumps({**GOOD, "x": inner}) + "\n") * 3))
        assert trace.requests == 3


@pytest.mark.parametrize(
    "cell",
    ["9" * 5_000, "1e308", "1e400", "nan", "inf", "-5", "true", "0x10", "1_0", "\u0663", "\u00b2", "\x1b[31m", "\x00"],
)
def test_a_cell_that_is_no_size_is_counted(tmp_path: Path, cell: str) -> None:
    trace = read_trace(written(tmp_path, f"{HEADER}1777593600,10,5\n1777593600,{cell},5\n"))
    assert (trace.requests, trace.unreadable) == (1, 1)
    assert str(trace.unreadable_rows[0]).isprintable()


@pytest.mark.parametrize("suffix", [b"", b"\n"])
@pytest.mark.parametrize(
    "start", [HEADER.encode() + b'"', b'{"p": "', HEADER.encode() + b"1777593600,1,1\n" + b'1,1,"']
)
def test_a_line_without_end_is_refused_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: bytes, suffix: bytes
) -> None:
    monkeypatch.setattr(line_blocks, "BLOCK_BYTES", 2**16)
    monkeypatch.setattr(line_blocks, "_LONGEST_RECORD_BYTES", 2**20)
    path = tmp_path / "log.gz"
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(start)
        for _ in range(64):
            stream.write(b"a" * 2**20)
        stream.write(suffix)
    tracemalloc.start()
    with pytest.raises(BadFile, match="no end of the record within"):
        read_trace(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 16 * 2**20


def test_a_quote_that_is_never_closed_takes_linear_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Lines that each hold two quotes keep the first one open; each block is looked at once.
    monkeypatch.setattr(line_blocks, "BLOCK_BYTES", 2**12)
    looked_at = 0
    real = line_blocks._end_of_lines

    def counting(piece: bytes, inside: bool) -> tuple[int, bool]:
        nonlocal looked_at
        looked_at += len(piece)
        return real(piece, inside)

    monkeypatch.setattr(line_blocks, "_end_of_lines", counting)
    path = written(tmp_path, HEADER + '"' + '""\n' * 100_000)
    with pytest.raises(BadFile):
        read_trace(path)
    assert looked_at <= path.stat().st_size


@pytest.mark.parametrize("cut", [1, 5, 10, 18, 100, -1, -4, -9])
def test_gzip_that_is_cut_off(tmp_path: Path, cut: int) -> None:
    content = gzip.compress((HEADER + "1777593600,1,1\n" * 5000).encode(), mtime=0)
    with pytest.raises(BadFile):
        read_trace(written(tmp_path, content[:cut]))


def test_gzip_with_a_tail_that_is_not_its_own(tmp_path: Path) -> None:
    content = gzip.compress((HEADER + "1777593600,1,1\n" * 5000).encode(), mtime=0)
    with pytest.raises(BadFile, match="damaged gzip data"):
        read_trace(written(tmp_path, content + b"trailing"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_devices_and_folders_are_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), tmp_path):
        with pytest.raises(BadFile, match=r"not a regular file|is a folder"):
            read_trace(path)
    for word in ("a\0b", "x" * 5000):
        with pytest.raises(BadInput):
            read_trace(word)


def test_very_many_columns_take_linear_time(tmp_path: Path) -> None:
    wide = ",".join(f"c{at}" for at in range(30_000))
    path = written(tmp_path, f"{HEADER.strip()},{wide}\n1777593600,1,1,{',' * 29_999}\n")
    assert read_trace(path).requests == 1
    record = {**GOOD, **{f"c{at}": at for at in range(30_000)}}
    assert read_trace(written(tmp_path, json.dumps(record) + "\n")).requests == 1


def test_very_many_values_of_a_label_stay_bounded(tmp_path: Path) -> None:
    rows = "".join(f"m{at},1,1\n" for at in range(20_000))
    path = written(tmp_path, f"model,input_tokens,output_tokens\n{rows}")
    with pytest.raises(BadInput, match=r"1,?001 models in one log"):
        read_trace(path)
    assert read_trace(path, ColumnChoice(where=("model=*",))).requests == 20_000
    assert read_trace(path, ColumnChoice(where=("model=m7",))).requests == 1
    assert read_trace(path, ColumnChoice(where=("model=m19999",))).requests == 1


@pytest.fixture(scope="module")
def small_parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("parquet") / "log"
    as_parquet([{**GOOD, "model": "a", "timestamp": GOOD["timestamp"] + at} for at in range(300)], path)
    return path.read_bytes()


def test_parquet_that_was_tampered_with(tmp_path: Path, small_parquet: bytes) -> None:
    dice = random.Random(5)  # noqa: S311
    for _ in range(150):
        torn = bytearray(small_parquet)
        for _ in range(dice.randrange(1, 6)):
            torn[dice.randrange(4, len(torn) - 8)] = dice.randrange(256)
        path = written(tmp_path, bytes(torn))
        try:
            read_trace(path)
        except BadInput as refused:
            assert all(len(line) < 300 for line in str(refused).splitlines())  # noqa: PT017
    for size in (4, 8, 12, 100, len(small_parquet) - 1):
        with pytest.raises(BadFile):
            read_trace(written(tmp_path, small_parquet[:size]))
    # A footer that claims to be as long as memory.
    with pytest.raises(BadFile, match="is not a valid Parquet file"):
        read_trace(written(tmp_path, small_parquet[:-8] + struct.pack("<I", 2**31 - 1) + b"PAR1"))


MUTATIONS = 60


@pytest.mark.parametrize("write", [as_csv, as_json_lines])
def test_texts_that_were_tampered_with(tmp_path: Path, write) -> None:
    dice = random.Random(6)  # noqa: S311
    path = tmp_path / "log"
    write([{**GOOD, "model": "a", "status": 200, "usage": 5} for _ in range(40)], path)
    sound = path.read_bytes()
    for _ in range(MUTATIONS):
        torn = bytearray(sound)
        for _ in range(dice.randrange(1, 30)):
            at = dice.randrange(len(torn))
            torn[at : at + dice.randrange(3)] = bytes(dice.choice(b'",:{}[]\\\n\r\x00\xff\x1b9e-.x') for _ in range(2))
        path.write_bytes(bytes(torn))
        try:
            trace = read_trace(path)
        except BadInput as refused:
            lines = str(refused).splitlines()
        else:
            lines = [str(row) for row in trace.unreadable_rows] + list(trace.notes)
        assert all(line.isprintable() and len(line) < 700 for line in lines)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"a": ' * 100_000, "does not begin with JSON records"),
        (b"\x1f\x8b\x08\x00", "damaged gzip data"),
        ((HEADER + "1,2,3\n").encode("utf-16"), "is UTF-16 text: save it as UTF-8"),
        (b"PAR1\x00\x00", "is not a valid Parquet file"),
        ("\x1b]0;owned\x07,input\n1,2\n", "no column found for input tokens"),
        ("model,input_tokens,output_tokens\na,1,1\n\x1b[31mb,1,1\n", "2 models in one log"),
    ],
)
def test_the_command_line_says_one_clean_line(tmp_path: Path, content: str | bytes, says: str) -> None:
    path = written(tmp_path, content)
    result = CliRunner().invoke(app, ["workloads", "from-trace", str(path), "--out", str(tmp_path / "out.json")])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert says in result.stderr
    for line in result.stderr.splitlines():
        assert len(line) < 320
        assert line.isprintable()
    assert not (tmp_path / "out.json").exists()
