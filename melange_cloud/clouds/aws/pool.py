"""Runs calls side by side, in threads that Ctrl-C need not wait for."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from melange_cloud.clouds.deadline import Deadline

Answer = TypeVar("Answer")


def side_by_side(
    calls: Sequence[Callable[[], Answer]], threads: int, deadline: Deadline | None = None
) -> Iterator[tuple[int, Answer]]:
    """Make the calls, at most ``threads`` at once, and yield (index of the call, answer) as they end.

    The threads are daemons, unlike concurrent.futures' ones: an interrupt, or a caller that stops listening, ends the
    wait at once, and no call is begun after that. What a call raises is raised here.

    Raises:
        DeadlinePassedError: an answer has not come in time; those that had come have been yielded.
    """
    waiting: queue.SimpleQueue[tuple[int, Callable[[], Answer]]] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[int, Answer | None, BaseException | None]] = queue.SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        while not stopped.is_set():
            try:
                index, call = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                ended.put((index, call(), None))
            except BaseException as error:  # handed to the caller, who raises it
                ended.put((index, None, error))

    for numbered in enumerate(calls):
        waiting.put(numbered)
    for _ in range(min(threads, len(calls))):
        threading.Thread(target=work, daemon=True, name="aws-prices").start()
    try:
        for _ in calls:
            index, answer, error = ended.get() if deadline is None else deadline.next_of(ended)
            if error is not None:
                raise error
            yield index, answer  # type: ignore[misc]  # an answer is there wherever no error is
    finally:
        stopped.set()
