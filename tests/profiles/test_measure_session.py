"""The measurement against a real engine, with a load generator that starts at once."""

from dataclasses import replace

import pytest

from melange_cloud.domain import Slo
from melange_cloud.errors import BadInput, MelangeError
from melange_cloud.profiles.measure import KeptPoints, RequestSize, Session, runs_to_save
from tests.profiles.measuring import QUESTION, Heard
from tests.profiles.small_load import SmallLoad, read_small_load
from tests.profiles.tiny_engine import LONGEST_TOKENS, TinyEngine

SMALL, LARGE = RequestSize(16, 8), RequestSize(64, 16)


@pytest.fixture
def session(tmp_path, tiny_engine):
    """Makes a session of two sizes; what is kept lies in one folder whatever is changed."""

    def make(load=None, read_runs=read_small_load, **changes):
        question = replace(
            QUESTION, url=tiny_engine.url, sizes=(SMALL, LARGE), max_concurrency=2, seconds_per_point=0.05, **changes
        )
        kept, line = KeptPoints.opened(tmp_path / "state", question.conditions)
        return Session(question, load or SmallLoad(), read_runs, kept, 0.005, Heard()), line

    return make


def test_both_sizes_are_measured_and_kept(session):
    run, _ = session()
    small, large = run.measure()
    assert [small.size, large.size] == [SMALL, LARGE]
    for size in (small, large):
        assert size.complete
        assert [concurrency for concurrency, _ in size.runs] == [1, 2]
        for _, found in size.runs:
            assert (found.input_tokens, found.output_tokens) == size.size
            assert found.completed >= 10
            assert found.tpot_ms > 0
        for concurrency, found in size.runs:
            (kept,) = read_small_load(run.kept.report(size.size, concurrency))
            assert replace(kept, source=found.source) == found
    assert run.watcher.ended == [(SMALL, 1), (SMALL, 2), (LARGE, 1), (LARGE, 2)]


def test_a_rerun_measures_nothing_again(session):
    first, _ = session()
    before = first.measure()
    again, line = session()
    assert line.startswith("resuming with 4 load points")
    assert runs_to_save(again.question, again.measure()) == runs_to_save(first.question, before)
    assert again.generator.loads == []


def test_a_server_that_dies_leaves_what_was_measured(tmp_path, tiny_model, session):
    engine = TinyEngine(tiny_model)
    broken, _ = session(SmallLoad(before=lambda number: engine.stop() if number == 2 else None))
    broken = replace(broken, question=replace(broken.question, url=engine.url))
    with pytest.raises(MelangeError, match=r"the server at .* has stopped answering; 64x16 at 1 in flight"):
        broken.measure()
    assert sorted(broken.kept.points) == [(SMALL, 1), (SMALL, 2)]
    whole, _ = session()
    whole.measure()
    assert [(load.size, load.concurrency) for load in whole.generator.loads] == [(LARGE, 1), (LARGE, 2)]


def test_an_interruption_leaves_what_was_measured(session):
    def press_ctrl_c(number):
        if number == 3:
            raise KeyboardInterrupt

    stopped, _ = session(SmallLoad(before=press_ctrl_c))
    with pytest.raises(KeyboardInterrupt):
        stopped.measure()
    whole, line = session()
    assert line.startswith("resuming with 3 load points")
    small, large = whole.measure()
    assert [(load.size, load.concurrency) for load in whole.generator.loads] == [(LARGE, 2)]
    assert len(small.runs) == len(large.runs) == 2


def test_a_size_that_the_server_refuses_is_tried_twice_and_ends_with_the_reason(session):
    run, _ = session()
    too_long = RequestSize(LONGEST_TOKENS, 8)
    run = replace(run, question=replace(run.question, sizes=(too_long, SMALL)))
    refused, small = run.measure()
    assert not refused.complete
    assert refused.runs == ()
    assert "HTTP 400" in refused.ended
    assert refused.ended.endswith("at 1 in flight, twice")
    assert small.complete
    assert [load.size for load in run.generator.loads] == [too_long, too_long, SMALL, SMALL]
    assert "trying once more" in run.watcher.notes[0]


def test_one_failure_in_ten_rejects_the_point_once(session):
    """The second try is sound: the size goes on."""
    spoiled = []

    def read_spoiled(path):
        (run,) = read_small_load(path)
        if not spoiled:
            spoiled.append(path)
            return [replace(run, failed=max(1, run.completed // 10))]
        return [run]

    run, _ = session(read_runs=read_spoiled)
    small, _ = run.measure()
    assert small.complete
    assert len(run.generator.loads) == 5
    assert "requests failed; trying once more" in run.watcher.notes[0]


def test_a_server_too_slow_for_its_load_ends_the_size(session):
    run, _ = session(SmallLoad(most_requests=5))
    small, _ = run.measure()
    assert not small.complete
    assert small.ended.startswith("only 5 of ")
    assert small.ended.endswith("at 1 in flight, twice")


def test_a_point_with_an_unreadable_report_is_measured_again(session):
    first, _ = session()
    first.measure()
    first.kept.report(LARGE, 1).write_text("{")
    again, _ = session()
    again.measure()
    assert [(load.size, load.concurrency) for load in again.generator.loads] == [(LARGE, 1)]
    assert "64x16 at 1 in flight is measured again" in " ".join(again.watcher.notes)


def test_a_tighter_slo_uses_the_points_that_are_there(session):
    first, _ = session()
    first.measure()
    again, _ = session(slo=Slo(tpot_ms=0.001))
    small, large = again.measure()
    assert small.by_slo
    assert "the lightest load already misses the SLO" in large.ended
    assert again.generator.loads == []


def test_short_outputs_are_reported_and_their_real_means_kept(session):
    def read_short(path):
        (run,) = read_small_load(path)
        return [replace(run, output_tokens=run.output_tokens / 2)]

    run, _ = session(read_runs=read_short)
    measured = run.measure()
    assert any(
        "64x16: outputs averaged 8 tokens, not the requested 16 (does the server honour ignore_eos?)" in text
        for text in run.watcher.notes
    )
    assert {found.output_tokens for found in runs_to_save(run.question, measured)} == {4.0, 8.0}


def test_a_first_token_more_does_not_break_the_grid(session):
    def read_with_first_token(path):
        (run,) = read_small_load(path)
        return [replace(run, input_tokens=run.input_tokens + 1)]

    run, _ = session(read_runs=read_with_first_token)
    saved = runs_to_save(run.question, run.measure())
    assert {(found.input_tokens, found.output_tokens) for found in saved} == {SMALL, LARGE}
    assert [found.concurrency for found in saved] == [1, 2, 1, 2]
    assert saved[0].source == f"{run.question.url} 16x8 at 1 in flight"
    assert saved[0].engine == "llamacpp"


def test_another_load_on_the_server_is_suspected(session):
    def read_odd(path):
        (run,) = read_small_load(path)
        slow = 100.0 if run.max_concurrency == 1 else 10.0
        return [replace(run, requests_per_s=float(run.max_concurrency), tpot_ms=slow, concurrency=0.5)]

    run, _ = session(read_runs=read_odd)
    run.measure()
    assert any("was something else using the server?" in text for text in run.watcher.notes)
    assert any("kept only 0.5 of 2 requests in flight" in text for text in run.watcher.notes)


def test_times_that_the_gpu_cannot_reach_are_refused_at_the_first_point(session):
    """A tiny model is not Llama-2-7B, whatever the user says: its weights alone take 22 ms to read."""
    run, _ = session(model="llama-2-7b")
    with pytest.raises(BadInput, match=r"16x8 at 1 in flight: .* ms per output token, but A10G at --tp 1 needs 2\d"):
        run.measure()
    assert len(run.generator.loads) == 1
    assert run.kept.points == {}
