import json
from datetime import UTC, datetime

import pytest

from melange_cloud.errors import BadFile, MelangeError
from melange_cloud.profiles.measure import KeptPoints, RequestSize, alone_in
from tests.profiles.measuring import QUESTION

SIZE = RequestSize(32, 8)
AT = datetime(2026, 11, 22, 18, 39, tzinfo=UTC)


def take(kept, concurrency, text="{}"):
    kept.running.write_text(text)
    kept.accept(SIZE, concurrency, AT)


def opened(folder, fresh=False, **changes):
    return KeptPoints.opened(folder, {**QUESTION.conditions, **changes}, fresh)


def test_points_are_there_again(tmp_path):
    kept, line = opened(tmp_path / "state")
    assert line == ""
    take(kept, 1)
    take(kept, 2)
    again, line = opened(tmp_path / "state")
    assert again.points == kept.points == {(SIZE, 1): "2026-11-22 18:39", (SIZE, 2): "2026-11-22 18:39"}
    assert again.report(SIZE, 2).read_text() == "{}"
    assert line == "resuming with 2 load points measured until 2026-11-22 18:39 UTC (use --fresh to measure them again)"


def test_what_was_running_is_not_a_point(tmp_path):
    kept, _ = opened(tmp_path)
    kept.running.write_text("half")
    again, _ = opened(tmp_path)
    assert again.points == {}
    assert not again.running.exists()


def test_other_conditions_start_again_and_delete_nothing(tmp_path):
    kept, _ = opened(tmp_path / "state")
    take(kept, 1, "before")
    fresh, line = opened(tmp_path / "state", url="http://other:8000")
    assert fresh.points == {}
    assert line.startswith(
        "starting again (url was http://127.0.0.1:1, is http://other:8000); earlier results (1 load point)"
    )
    assert (tmp_path / "state.1" / "32x8-1.json").read_text() == "before"
    take(fresh, 1)
    _, line = opened(tmp_path / "state", url="http://third:8000")
    assert (tmp_path / "state.2").is_dir()


def test_fresh_starts_again(tmp_path):
    kept, _ = opened(tmp_path / "state")
    take(kept, 1)
    fresh, line = opened(tmp_path / "state", fresh=True)
    assert fresh.points == {}
    assert "--fresh" in line


def test_a_point_can_be_forgotten(tmp_path):
    kept, _ = opened(tmp_path)
    take(kept, 1)
    take(kept, 2)
    kept.forget(SIZE, 1)
    assert list(opened(tmp_path)[0].points) == [(SIZE, 2)]


def test_a_new_profile_takes_the_place_of_the_one_before(tmp_path):
    kept, _ = opened(tmp_path / "state")
    first, second = tmp_path / "a.csv", tmp_path / "b.csv"
    first.write_text("")
    second.write_text("")
    kept.saved(first)
    kept.saved(first)
    assert first.exists()
    opened(tmp_path / "state")[0].saved(second)
    assert not first.exists()
    assert second.exists()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is not JSON"),
        ("[]", "has no 'format'"),
        ("{}", "has no 'format'"),
        (json.dumps({"format": "other"}), "the format is 'other'"),
        (json.dumps({"format": "melange-cloud measure 1", "points": [{}], "conditions": {}}), "has no 'input_tokens'"),
    ],
)
def test_a_damaged_state_is_named_with_its_cure(tmp_path, text, what):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(BadFile, match="is damaged") as caught:
        opened(tmp_path)
    assert what in str(caught.value)
    assert "--state" in str(caught.value)


def test_two_measurements_do_not_share_a_folder(tmp_path):
    folder = tmp_path / "state"
    with alone_in(folder), pytest.raises(MelangeError, match="another measurement is running there"), alone_in(folder):
        pass
    with alone_in(folder):
        pass


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MelangeError, match="give another --state"), alone_in(tmp_path / "file" / "state"):
        pass
    with pytest.raises(MelangeError, match="give another --state"):
        opened(tmp_path / "file")
