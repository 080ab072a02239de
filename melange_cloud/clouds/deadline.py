"""The one deadline of a command for all that it asks of a network, whatever the SDKs do about time.

boto3's and Google's time-outs begin anew with every byte, every retry and every page, and so does a server that drips.
So whoever collects answers looks at the clock, and leaves what has not come by then: threads that still wait are
daemons, which the end of the program need not wait for.
"""

import queue
import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from melange_cloud.errors import BadInput, echoed
from melange_cloud.inputs import NotANumber, parse_number

T = TypeVar("T")

PLAN_S = 60.0
"""For a question: everybody who waits for it looks at the screen. All regions of both clouds took under 20 s."""
BULK_S = 900.0
"""For filling the cache, with public lists of 300 MB a region among them."""

_LOOK_S = 0.05
"""Between two looks at the clock, which a test may move."""
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}
_MOST_S = 24 * 3600.0


class DeadlinePassedError(Exception):
    """What was waited for has not come in time; the text is ``Deadline.why``."""


class Deadline:
    """A moment after which nothing is waited for.

    Args:
        seconds: from now; above 0.
        clock: seconds since any fixed moment; None is the machine's.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] | None = None) -> None:
        self.seconds = seconds
        self.clock = clock or monotonic
        self._ends_at = self.clock() + seconds
        self._watching: set[int | None] = set()

    @property
    def left_s(self) -> float:
        """Seconds until then; 0 where it has passed."""
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

    def next_of(self, ended: "queue.SimpleQueue[T]") -> T:
        """Wait for the next item of a queue; what is there when the moment comes still counts.

        Raises:
            DeadlinePassedError: there is none in time.
        """
        while not self.passed:
            try:
                return ended.get(timeout=min(self.left_s, _LOOK_S))
            except queue.Empty:
                continue
        try:
            return ended.get_nowait()
        except queue.Empty:
            raise DeadlinePassedError(self.why()) from None

    def watch(self) -> None:
        """Promise that this thread, from now on, comes back by itself with what it has when the moment comes."""
        self._watching.add(threading.get_ident())

    def is_watched_by(self, thread: threading.Thread) -> bool:
        """Whether a thread has made that promise."""
        return thread.ident in self._watching

    def why(self) -> str:
        """Why something is missing, with the cure."""
        longer = words_of(min(self.seconds * 5, _MOST_S)).replace(" ", "").removesuffix("in")
        return (
            f"no answer within {words_of(self.seconds)}: look at the network and proxies, or give it longer "
            f"(--deadline {longer})"
        )


def deadline_of(text: str) -> float:
    """What ``--deadline`` says, in seconds: ``90s``, ``15m``, ``1h``, or a number of seconds.

    Raises:
        BadInput: anything else, or more than a day.
    """
    word = text.strip().lower()
    unit = word[-1:] if word[-1:] in _UNITS else ""
    try:
        return parse_number(word.removesuffix(unit), 0.001, _MOST_S / _UNITS.get(unit, 1.0)) * _UNITS.get(unit, 1.0)
    except NotANumber:
        raise BadInput(
            f"--deadline {echoed(text)}: give seconds, minutes or hours up to a day, such as 90s, 15m or 1h"
        ) from None


def words_of(seconds: float) -> str:
    """``0.5 s``, ``60 s``, ``15 min`` or ``2 h``."""
    if seconds > 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    return f"{seconds / 60:g} min" if seconds > 60 and seconds % 60 == 0 else f"{seconds:g} s"
