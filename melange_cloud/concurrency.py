"""Threads and the deadline that ends the wait for them; knows nothing of prices, traffic or solvers.

Two kinds of work run in threads here:

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
"""In addition to the one that reads and counts, which keeps at most three busy. Each holds a piece in memory."""

_LOOK_S = 0.05
"""Between two looks at the clock, which a test may move."""
_LONGEST_DEADLINE_S = 24 * 3600.0


class DeadlinePassedError(Exception):
    """What was waited for has not come in time; ``finding`` is ``Deadline.why``."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


class Deadline:
    """A moment after which nothing is waited for: one for all that a command asks, whatever the callee does about time.

    The time-outs of SDKs begin again with every byte, every retry and every page, and so does a server that drips. So
    whoever collects answers looks at the clock, and abandons what has not come by then.

    Args:
        seconds: from now; above 0.
        clock: seconds since any fixed moment; None is the machine's.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] | None = None) -> None:
        self.seconds = seconds
        self.clock = clock or monotonic
        self._ends_at = self.clock() + seconds
        self._watching: set[threading.Thread] = set()

    @property
    def left_s(self) -> float:
        """Seconds until then; 0 if it has passed."""
        return max(0.0, self._ends_at - self.clock())

    @property
    def passed(self) -> bool:
        """Whether the moment has come."""
        return self.left_s == 0

    def check(self) -> None:
        """Go on, unless the moment has come.

        Raises:
            DeadlinePassedError: it has.
        """
        if self.passed:
            raise DeadlinePassedError(self.why())

    def next_of(self, answers: "queue.SimpleQueue[T]") -> T:
        """Wait for the next item of a queue; what is there when the moment comes still counts.

        Raises:
            DeadlinePassedError: none comes in time.
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
        """Promise that this thread, from now on, comes back by itself with what it has when the moment comes."""
        self._watching.add(threading.current_thread())

    def is_watched_by(self, thread: threading.Thread | None) -> bool:
        """Whether a thread has made that promise; None has not."""
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
        """Wait for what the call gives, and give it once; what the call raises is raised here.

        Raises:
            DeadlinePassedError: it has not come in time.
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

    An interrupt, or a caller that stops listening, ends the wait at once, and no call is begun after that. What a call
    raises is raised here.

    At the deadline calls are abandoned, their answers unread, except those whose thread has promised to come back by
    itself (``Deadline.watch``): these are waited for, since they are summing up what they have.

    Raises:
        DeadlinePassedError: calls were abandoned; all other answers have been yielded.
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
    """The same pieces in the same order, each made by a thread while the one before is in use; one waits at most.

    Python's lock does not matter where zlib, pyarrow, pandas or numpy make them: these release it. What making a piece
    raises is raised where the piece would have come. Close the generator where it is not used up: then no thread
    outlives it.
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

    The pieces themselves are made by whoever asks for results. Errors and closing as with ``ahead``.
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
    # A StopIteration cannot pass through a generator, and a piece may be false.
    for piece in pieces:
        return (piece,)
    return None
