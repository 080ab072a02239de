"""Progress bars on stderr that vanish when their work is done."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import echoed

OnRegion = Callable[[int, int, str], None]
OnFetch = Callable[[str, int, int | None], None]


@contextmanager
def plan_bars() -> Iterator[tuple[OnRegion, OnFetch]]:
    """Yields the planner's two callbacks, which share one display: regions solved, and prices fetched."""
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}

        def on_region(done: int, total: int, name: str) -> None:
            if total > 1:
                _show(bar, tasks, "solving", done, total, f"solving {name}")

        def on_fetch(what: str, done: int, total: int | None) -> None:
            _show(bar, tasks, what, done, total, f"asking {what}")

        yield on_region, on_fetch


@contextmanager
def fetch_bar() -> Iterator[OnFetch]:
    """Yields a callback (what is fetched, units done, units in all or None), with a bar for each thing fetched."""
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}

        def on_fetch(what: str, done: int, total: int | None) -> None:
            _show(bar, tasks, what, done, total, f"asking {what}")

        yield on_fetch


@contextmanager
def reading_bar() -> Iterator[Callable[[int, int], None]]:
    """Yields a callback (bytes read, bytes in all) with a bar for the files that are read."""
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}

        def on_bytes(done: int, total: int) -> None:
            _show(bar, tasks, "reading", done, total, "reading")

        yield on_bytes


@contextmanager
def steps_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Yields a callback (steps done, steps in all) that moves one bar; off a terminal there is none."""
    if not is_terminal(sys.stderr):
        yield _unwatched
        return
    with _bars() as bar:
        tasks: dict[str, TaskID] = {}
        yield lambda done, total: _show(bar, tasks, text, done, total, text)


def _unwatched(_done: int, _total: int) -> None:
    """No one is watching."""


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        console=Console(stderr=True),
        transient=True,
    )


def _show(bar: Progress, tasks: dict[str, TaskID], key: str, done: int, total: int | None, text: str) -> None:
    text = echoed(text)  # names of regions may be a plug-in's
    if key not in tasks:
        tasks[key] = bar.add_task(text, total=None)
    bar.update(tasks[key], completed=done, total=total, description=text)
