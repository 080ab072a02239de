"""Working ahead: while one piece of a file is counted, threads unpack and parse the next ones.

Python's lock is no hindrance: zlib, pyarrow, pandas and numpy let go of it for what takes them time.
"""

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Result = TypeVar("Result")

THREADS = max(1, min(4, os.cpu_count() or 1) - 1)
"""Beside the one that reads and counts, which keeps three busy at most. Each holds a piece in memory."""


def ahead(pieces: Iterator[Piece]) -> Generator[Piece, None, None]:
    """The same pieces in the same order, each made by a thread while the one before is in use; one waits at most.

    What making a piece raises is raised where the piece would have come. Close the generator where it is not used up:
    then no thread outlives it.
    """
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(_next, pieces)
        while found := coming.result():
            coming = pool.submit(_next, pieces)
            yield found[0]


def worked_ahead(
    work: Callable[[Piece], Result], pieces: Iterator[Piece], threads: int = THREADS
) -> Generator[Result, None, None]:
    """The results of all pieces in the order of the pieces, worked on by threads; ``threads`` + 1 wait at most.

    The pieces themselves are made by whoever asks for results. Errors and closing as with ``ahead``.
    """
    with ThreadPoolExecutor(threads, "ahead") as pool:
        waiting: deque[Future[Result]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(work, piece))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _next(pieces: Iterator[Piece]) -> tuple[Piece] | None:
    # A StopIteration cannot pass through a generator, and a piece may be false.
    for piece in pieces:
        return (piece,)
    return None
