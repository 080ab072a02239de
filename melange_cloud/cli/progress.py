"""Progress bars on stderr that say what is done and vanish when it is; none off a terminal, or on a dumb one.

rich is imported only where a bar is drawn.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from melange_cloud.cli.output import is_quiet
from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import echoed

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

BAR = "color(30)"
"""The colour of bars, legible on white and on black; red is for what is wrong."""

OnRegion = Callable[[int, int, str], None]
OnFetch = Callable[[str, int, int | None], None]


@contextmanager
def plan_bars() -> Iterator[tuple[OnRegion | None, OnFetch | None]]:
    """Yields the planner's two callbacks, which share one display: regions solved, and prices fetched."""
    if not _is_watched():
        yield None, None
        return
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}

        def on_region(done: int, total: int, name: str) -> None:
            if total > 1:
                _show(bar, tasks, "solving", done, total, f"planning {name}, region {done + 1} of {total}")
            else:
                _show(bar, tasks, "solving", 0, None, f"planning {name}")

        def on_fetch(what: str, done: int, total: int | None) -> None:
            _show(bar, tasks, what, done, total, _fetched(what, done, total))

        yield on_region, on_fetch


@contextmanager
def fetch_bar() -> Iterator[OnFetch | None]:
    """Yields a callback (what is fetched, units done, units in all or None), with a bar for each thing fetched."""
    if not _is_watched():
        yield None
        return
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}

        def on_fetch(what: str, done: int, total: int | None) -> None:
            _show(bar, tasks, what, done, total, _fetched(what, done, total))

        yield on_fetch


@contextmanager
def reading_bar(files: Sequence[str]) -> Iterator[Callable[[int, int], None] | None]:
    """Yields a callback (bytes read, bytes in all) with a bar for the files, or patterns of files, that are read."""
    if not _is_watched():
        yield None
        return
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}

        def on_bytes(done: int, total: int) -> None:
            more = f" and {len(files) - 1} more" if len(files) > 1 else ""
            _show(bar, tasks, "reading", done, total, f"reading {files[0]}{more}")

        yield on_bytes


@contextmanager
def steps_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a callback (steps done, steps in all) that moves one bar."""
    if not _is_watched():
        yield _unwatched
        return
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}
        yield lambda done, total: _show(bar, tasks, text, done, total, text)


def _unwatched(_done: int, _total: int) -> None:
    """No one is watching."""


def _is_watched() -> bool:
    return is_terminal(sys.stderr) and os.environ.get("TERM") != "dumb" and not is_quiet()


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(complete_style=BAR, finished_style=BAR, pulse_style=BAR),
        TextColumn("{task.fields[share]}"),
        console=Console(stderr=True),
        transient=True,
    )


def _fetched(what: str, done: int, total: int | None) -> str:
    """What is being read, and how much so far if the total is unknown."""
    return f"reading prices: {what}" + (f", {done:,}" if total is None and done else "")


def _show(bar: "Progress", tasks: "dict[str, TaskID]", key: str, done: int, total: int | None, text: str) -> None:
    text = echoed(text)  # names of regions may be a plug-in's
    if key not in tasks:
        tasks[key] = bar.add_task(text, total=None, share="")
    share = f"{100 * done / total:3.0f} %" if total else ""
    bar.update(tasks[key], completed=done, total=total, description=text, share=share)
