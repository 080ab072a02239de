"""Threads, and the deadline after which we stop waiting for them; knows nothing of prices, traffic or solvers.

Two kinds of work run in threads:

- Calls that may never return (``side_by_side``, ``begin``). Their threads are daemons, unlike those of
  concurrent.futures: Ctrl-C, a deadline or the end of the program never waits for one that hangs.
- Pieces of a file (``ahead``, ``worked_ahead``). Their threads end with the reader, so none outlives a file.
"""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import Generic, TypeAlias, TypeVar

from melange_cloud.errors import Finding

T = TypeVar("T")
Piece = TypeVar("Piece")

AHEAD_THREADS = max(1, min(4, os.cpu_count() or 1) - 1)
"""In addition to the thread that reads and counts, which keeps at most three busy. Each holds a piece in memory."""

_LOOK_S = 0.05
"""Between two checks of the clock, which a test may move."""
_LONGEST_DEADLINE_S = 24 * 3600.0


class DeadlinePassedError(Exception):
    """The answer did not arrive in time; ``finding`` is ``Deadline.why``."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Deadline:
    """The moment at which a command stops waiting, whatever time-outs its callees have.

    An SDK's time-out starts again with every byte, retry and page, so a slow server can hold a call for ever. Whoever
    collects answers therefore checks the clock and abandons what has not arrived by then.

    Args:
        seconds: from now; above 0.
        clock: seconds since any fixed moment; None uses the machine's clock.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] | None = None) -> None:
        self.seconds = seconds
        self.clock = clock or monotonic
        self._ends_at = self.clock() + seconds
        self._watching: set[threading.Thread] = set()

    @property
    def left_s(self) -> float:
        """Seconds until the deadline; 0 if it has passed."""
        return max(0.0, self._ends_at - self.clock())

    @property
    def passed(self) -> bool:
        """True if the deadline has passed."""
        return self.left_s == 0

    def check(self) -> None:
        """Do nothing, unless the deadline has passed.

        Raises:
            DeadlinePassedError: it has.
        """
        if self.passed:
            raise DeadlinePassedError(self.why())

    def next_of(self, answers: "queue.SimpleQueue[T]") -> T:
        """Wait for the next item of a queue; an item that is there at the deadline still counts.

        Raises:
            DeadlinePassedError: no item arrived in time.
        """
        while not self.passed:
            try:
                return answers.get(timeout=min(self.left_s, _LOOK_S))
            except queue.Empty:
                continue
        try:
            return answers.get_nowait()
        except queue.Empty:
            raise DeadlinePassedError(self.why()) from None

    def watch(self) -> None:
        """Promise that this thread will return by itself at the deadline, with whatever it has."""
        self._watching.add(threading.current_thread())

    def is_watched_by(self, thread: threading.Thread | None) -> bool:
        """True if the thread has made that promise; False for None."""
        return thread in self._watching

    def why(self) -> Finding:
        """Why something is missing."""
        longer = duration(min(self.seconds * 5, _LONGEST_DEADLINE_S)).replace(" ", "").removesuffix("in")
        return Finding(
            f"no answer within {duration(self.seconds)}",
            f"check the network and proxies, or allow more time (--deadline {longer})",
        )


def duration(seconds: float) -> str:
    """``0.5 s``, ``60 s``, ``15 min`` or ``2 h``."""
    if seconds > 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds > 60 and seconds % 60 == 0 else f"{seconds:g} s"


_Ending: TypeAlias = "tuple[int, T | None, BaseException | None]"


class PendingResult(Generic[T]):
    """The result of a call that runs in its own thread; made by ``begin``."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        self._ended: queue.SimpleQueue[_Ending[T]] = queue.SimpleQueue()
        _daemon(lambda: self._ended.put(_ending(0, call)), name)

    def result(self, deadline: Deadline | None = None) -> T:
        """Wait for the call and return its result, once; what the call raises is raised here.

        Raises:
            DeadlinePassedError: the call did not return in time.
        """
        _, answer, error = self._ended.get() if deadline is None else deadline.next_of(self._ended)
        if error is not None:
            raise error
        return answer  # type: ignore[return-value]  # an answer is there wherever no error is


def begin(call: Callable[[], T], name: str) -> PendingResult[T]:
    """Start a call in a daemon thread of this name, so that its answer can be fetched later."""
    return PendingResult(call, name)


def side_by_side(
    calls: Sequence[Callable[[], T]],
    threads: int | None = None,
    deadline: Deadline | None = None,
    name: str = "side by side",
) -> Iterator[tuple[int, T]]:
    """Make the calls, at most ``threads`` at once (None: all), and yield (index of the call, answer) as they end.

    An interrupt, or a caller that stops iterating, ends the wait at once, and no further call starts. What a call
    raises is raised here.

    At the deadline calls are abandoned and their answers ignored. Calls on threads that promised to return by
    themselves (``Deadline.watch``) are still waited for, since they are summing up what they have.

    Raises:
        DeadlinePassedError: calls were abandoned; every other answer has been yielded.
    """
    waiting: queue.SimpleQueue[tuple[int, Callable[[], T]]] = queue.SimpleQueue()
    ended: queue.SimpleQueue[_Ending[T]] = queue.SimpleQueue()
    stopped = threading.Event()
    thread_of: dict[int, threading.Thread] = {}

    def work() -> None:
        while not stopped.is_set():
            try:
                index, call = waiting.get_nowait()
            except queue.Empty:
                return
            thread_of[index] = threading.current_thread()
            ended.put(_ending(index, call))

    for numbered in enumerate(calls):
        waiting.put(numbered)
    for _ in range(len(calls) if threads is None else min(threads, len(calls))):
        _daemon(work, name)
    open_calls, waits = set(range(len(calls))), deadline is None
    late: DeadlinePassedError | None = None
    try:
        while open_calls:
            try:
                index, answer, error = ended.get() if waits or deadline is None else deadline.next_of(ended)
            except DeadlinePassedError as passed:
                stopped.set()
                promised = {at for at in open_calls if deadline and deadline.is_watched_by(thread_of.get(at))}
                late = passed if promised < open_calls else late
                open_calls, waits = promised, True
                continue
            if index not in open_calls:
                continue
            open_calls.remove(index)
            if error is not None:
                raise error
            yield index, answer  # type: ignore[misc]  # an answer is there wherever no error is
    finally:
        stopped.set()
    if late is not None:
        raise late


def ahead(pieces: Iterator[Piece]) -> Generator[Piece, None, None]:
    """The same pieces in the same order, each made by a thread while the previous one is in use; at most one waits.

    Python's lock does not matter where zlib, pyarrow, pandas or numpy make the pieces: they release it. If making a
    piece raises, the error is raised in that piece's place. Close a generator that you do not exhaust, so that no
    thread outlives it.
    """
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(_next, pieces)
        while found := coming.result():
            coming = pool.submit(_next, pieces)
            yield found[0]


def worked_ahead(
    work: Callable[[Piece], T], pieces: Iterator[Piece], threads: int = AHEAD_THREADS
) -> Generator[T, None, None]:
    """The results of all pieces in the order of the pieces, worked on by threads; ``threads`` + 1 wait at most.

    The pieces themselves are made by the thread that iterates over the results. Errors and closing work as for
    ``ahead``.
    """
    with ThreadPoolExecutor(threads, "ahead") as pool:
        waiting: deque[Future[T]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _daemon(work: Callable[[], None], name: str) -> None:
    threading.Thread(target=work, daemon=True, name=name).start()


def _ending(index: int, call: Callable[[], T]) -> "_Ending[T]":
    try:
        return index, call(), None
    except BaseException as error:  # noqa: BLE001 - handed to whoever waits, who raises it
        return index, None, error


def _next(pieces: Iterator[Piece]) -> tuple[Piece] | None:
    # A StopIteration cannot pass through a generator, and a piece may be falsy.
    for piece in pieces:
        return (piece,)
    return None
