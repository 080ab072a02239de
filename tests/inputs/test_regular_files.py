import gzip
import os
from pathlib import Path

import pytest

from melange_cloud.errors import BadFile
from melange_cloud.inputs import expand_gzip, read_bytes, read_text


def test_a_pipe_a_device_and_a_folder_are_refused_at_once(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in ((pipe, "not a regular file"), (Path("/dev/zero"), "not a regular"), (tmp_path, "a folder")):
        with pytest.raises(BadFile, match=said):
            read_text(path)
    with pytest.raises(BadFile, match="cannot be read"):
        read_text(tmp_path / "none")
    with pytest.raises(BadFile, match="cannot be read"):
        read_text(Path("a\0b"))


def test_a_file_is_read_up_to_its_bound(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 100)
    assert read_bytes(path, 100) == b"x" * 100
    with pytest.raises(BadFile, match="larger than 99 bytes"):
        read_bytes(path, 99)


def test_gzip_data_is_expanded_up_to_its_bound():
    content = os.urandom(3_000_000)
    packed = gzip.compress(content[:1_000_000]) + gzip.compress(content[1_000_000:]) + b"\0" * 8
    assert expand_gzip(packed) == content
    with pytest.raises(ValueError, match="expands beyond the limit of 2 MiB"):
        expand_gzip(gzip.compress(b"\0" * 100_000_000), 2 * 2**20)
    for damaged in (packed[:-20], packed[:500], packed[:30], b"\x1f\x8b" + b"x" * 40):
        with pytest.raises(ValueError, match="damaged"):
            expand_gzip(damaged)


def test_text_is_utf_8_with_or_without_gzip(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbfa\n\xc3\xa9"))
    assert read_text(path) == "a\né"
    path.write_bytes(b"a\nb\xff")
    with pytest.raises(BadFile, match="line 2: is not UTF-8"):
        read_text(path)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "x"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: no disk, and more than any memory
    with pytest.raises(BadFile, match="larger than 64 MiB"):
        read_bytes(path)
