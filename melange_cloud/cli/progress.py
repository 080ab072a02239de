"""A progress bar on stderr that vanishes when its work is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn


@contextmanager
def region_bar() -> Iterator[Callable[[int, int, str], None]]:
    """Yields a callback (regions done, regions in all, name of the next)."""
    bar = Progress(
        TextColumn("solving"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.description}", markup=False),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None, visible=False)

        def on_region(done: int, total: int, name: str) -> None:
            bar.update(task, completed=done, total=total, description=name, visible=total > 1)

        yield on_region
