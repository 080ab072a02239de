"""Threads: which are waited for, which are abandoned, and that none lingers."""

import ast
import itertools
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import melange_cloud
from melange_cloud.concurrency import Deadline, DeadlinePassedError, ahead, begin, side_by_side, worked_ahead
from tests.clouds.hostile import Clock


def test_what_is_there_when_the_moment_comes_still_counts():
    clock, ended = Clock(), queue.SimpleQueue()
    deadline = Deadline(60, clock)
    ended.put("early")
    assert deadline.next_of(ended) == "early"
    clock.advance(61)
    ended.put("there")
    assert deadline.next_of(ended) == "there"
    with pytest.raises(DeadlinePassedError, match="no answer within 60 s"):
        deadline.next_of(ended)


def test_calls_run_side_by_side_and_answers_come_as_they_end() -> None:
    second_ended = threading.Event()

    def first() -> str:
        assert second_ended.wait(120)
        return "first"

    def second() -> str:
        return "second"

    ended = []
    for index, answer in side_by_side([first, second], threads=2):
        ended.append((index, answer))
        second_ended.set()
    assert ended == [(1, "second"), (0, "first")]


def test_no_more_threads_than_allowed() -> None:
    running, most, lock, three = 0, 0, threading.Lock(), threading.Barrier(3)

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        three.wait(120)  # each runs until three do
        with lock:
            running -= 1

    assert len(list(side_by_side([call] * 9, threads=3))) == 9
    assert most == 3


def test_what_a_call_raises_is_raised_to_the_caller_and_ends_the_rest() -> None:
    threads: set[threading.Thread] = set()
    begun: list[int] = []
    raised = threading.Event()

    def fails() -> None:
        threads.add(threading.current_thread())
        raise ZeroDivisionError

    def later() -> None:
        begun.append(1)
        assert raised.wait(120)

    with pytest.raises(ZeroDivisionError):
        list(side_by_side([fails] + [later] * 50, threads=1))
    raised.set()
    [thread] = threads
    thread.join(120)
    assert not thread.is_alive()
    assert len(begun) <= 1


def test_no_calls_are_no_answers() -> None:
    assert list(side_by_side([], threads=4)) == []


def test_at_the_deadline_only_those_who_promised_to_come_back_are_waited_for() -> None:
    """The first hangs for good, the second sums up once the moment has come, the third was done long before."""
    clock = Clock()
    deadline = Deadline(60, clock)
    summing, over = threading.Event(), threading.Event()

    def hangs() -> str:
        over.wait()
        return "late"

    def sums_up() -> str:
        deadline.watch()
        summing.set()
        assert come.wait(120)
        return "what there is"

    def early() -> str:
        assert summing.wait(120)
        return "early"

    come = threading.Event()
    answers = side_by_side([hangs, sums_up, early], deadline=deadline)
    assert next(answers) == (2, "early")
    clock.advance(61)
    come.set()
    assert next(answers) == (1, "what there is")
    with pytest.raises(DeadlinePassedError, match="no answer within 60 s"):
        next(answers)
    over.set()


def test_where_all_who_are_late_promised_to_come_back_nothing_is_missing() -> None:
    clock = Clock()
    deadline = Deadline(60, clock)

    def sums_up() -> str:
        deadline.watch()
        clock.advance(61)
        return "what there is"

    assert list(side_by_side([sums_up], deadline=deadline)) == [(0, "what there is")]


def test_after_the_deadline_no_call_is_begun() -> None:
    clock = Clock()
    deadline, over, begun = Deadline(60, clock), threading.Event(), []
    threads: list[threading.Thread] = []

    def first() -> None:
        threads.append(threading.current_thread())
        clock.advance(61)
        over.wait()

    with pytest.raises(DeadlinePassedError):
        list(side_by_side([first, lambda: begun.append(1)], threads=1, deadline=deadline))
    over.set()
    threads[0].join(120)
    assert not threads[0].is_alive()
    assert begun == []


def test_a_call_begun_earlier_gives_its_answer_or_what_it_raised() -> None:
    def fails() -> None:
        raise ZeroDivisionError

    assert begin(lambda: 7, "seven").result() == 7
    with pytest.raises(ZeroDivisionError):
        begin(fails, "fails").result()


def test_a_call_begun_earlier_is_abandoned_at_the_deadline() -> None:
    clock, over = Clock(), threading.Event()
    deadline = Deadline(60, clock)
    coming = begin(over.wait, "hangs")
    clock.advance(61)
    with pytest.raises(DeadlinePassedError):
        coming.result(deadline)
    over.set()


def test_threads_are_made_in_one_module() -> None:
    """HiGHS has its own: an interrupt must end the C++ code in it, not the wait for it."""
    folder = Path(melange_cloud.__file__).parent
    makers = {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Thread", "PoolExecutor"))
    }
    assert makers == {"concurrency.py", "solver/programs/highs.py"}


@pytest.mark.parametrize("threads", [1, 3])
def test_work_ahead_keeps_the_order_and_its_bound(threads: int) -> None:
    made = []

    def pieces() -> Iterator[int]:
        for number in range(50):
            made.append(number)
            yield number

    for place, result in enumerate(worked_ahead(lambda number: number * 2, pieces(), threads)):
        assert result == 2 * place
        assert len(made) <= place + threads + 1
    assert list(ahead(iter(["", None, 0]))) == ["", None, 0]
    assert list(worked_ahead(str, iter([]))) == []


def test_what_fails_ahead_fails_in_its_place() -> None:
    def pieces() -> Iterator[int]:
        yield 1
        yield 0
        raise ValueError("no more")

    for run in (ahead(pieces()), worked_ahead(lambda piece: piece, pieces(), 1)):
        seen = []
        with pytest.raises(ValueError, match="no more"):
            seen.extend(run)
    found = worked_ahead(lambda piece: 1 // piece, iter([1, 0, 1]), 2)
    assert next(found) == 1
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_no_thread_outlives_a_closed_reader() -> None:
    before = threading.active_count()
    for run in (ahead(itertools.count()), worked_ahead(str, itertools.count(), 2)):
        next(run)
        run.close()
    assert threading.active_count() == before
