"""One command renews every kept answer, and every test of one names it."""

import re
from pathlib import Path

import pytest

from tests import accept

TESTS = Path(__file__).parent


def test_every_test_of_a_kept_answer_names_a_known_one() -> None:
    named = {
        name
        for path in TESTS.rglob("test_*.py")
        for name in re.findall(r"how_to_accept\(\"([^\"]*)\"\)", path.read_text(encoding="utf-8"))
    }
    assert named == set(accept.KEPT)


def test_a_changed_file_is_written_and_what_changed_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    same, other, fresh = (tmp_path / name for name in ("same.txt", "other.txt", "fresh.txt"))
    same.write_text("one\n", encoding="utf-8")
    other.write_text("one\ntwo\nthree\n", encoding="utf-8")
    texts = [(same, "one\n"), (other, "one\n2\nthree\n"), (fresh, "four\n")]
    monkeypatch.setattr(accept, "ROOT", tmp_path)
    monkeypatch.setitem(accept.KEPT, "texts", lambda: iter(texts))
    assert accept.accept("texts") == 2
    assert [path.read_text(encoding="utf-8") for path, _ in texts] == [text for _, text in texts]
    assert capsys.readouterr().out.splitlines() == [
        "texts: other.txt",
        "    @@ -2 +2 @@",
        "    -two",
        "    +2",
        "texts: fresh.txt",
        "    @@ -0,0 +1 @@",
        "    +four",
    ]


def test_of_a_picture_only_its_texts_are_compared() -> None:
    before, after = '<svg><text x="1">1.0</text></svg>', '<svg><text x="2">1.5</text></svg>'
    assert list(accept.changes(Path("map.svg"), before, after)) == ["    @@ -1 +1 @@", "    -1.0", "    +1.5"]
