"""Files are written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from melange_cloud.errors import MelangeError
from melange_cloud.inputs.write_whole import write_together, write_whole


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "out.txt"
    write_whole(path, "one\n")
    path.chmod(0o640)
    write_whole(path, "two\n")
    assert path.read_text() == "two\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_half_way_keeps_the_old_file_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing(tmp_path):
    target, link = tmp_path / "target.txt", tmp_path / "link.txt"
    target.write_text("old")
    link.symlink_to(target)
    write_whole(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_what_is_not_a_file_is_written_to_as_it_is():
    write_whole(Path(os.devnull), "gone")
    assert not Path(os.devnull).is_file()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MelangeError, match=r"cannot be written \(No such file or directory\): choose another path"):
        write_whole(tmp_path / "no" / "out.txt", "x")


def names(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_files_of_a_folder_are_replaced_together_and_others_stay(tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "a").write_text("old")
    (folder / "mine").write_text("mine")
    assert write_together(folder, {"a": "new", "b": "new"}, names) == {"a": "new", "b": "new"}
    assert names(folder) == {"a": "new", "b": "new", "mine": "mine"}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_is_not_there_comes_into_being_whole(tmp_path):
    write_together(tmp_path / "new", {"a": "1", "b": "2"}, lambda staged: None)
    assert names(tmp_path / "new") == {"a": "1", "b": "2"}
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o755


def test_what_the_check_refuses_changes_nothing(tmp_path):
    def refuse(staged):
        raise ValueError("wrong")

    (tmp_path / "a").write_text("old")
    for folder in (tmp_path, tmp_path / "new"):
        with pytest.raises(ValueError, match="wrong"):
            write_together(folder, {"a": "new"}, refuse)
    assert names(tmp_path) == {"a": "old"}


def test_a_file_that_cannot_be_moved_puts_the_others_back(tmp_path):
    folder = tmp_path / "prices"
    folder.mkdir()
    (folder / "a").write_text("old")
    with pytest.raises(MelangeError, match="nothing was changed"):
        write_together(folder, {"a": "new", "b": "new", "c": "new"}, lambda staged: (staged / "c").unlink())
    assert names(folder) == {"a": "old"}
    assert list(tmp_path.iterdir()) == [folder]
