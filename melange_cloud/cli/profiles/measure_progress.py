"""How far a measurement is: a bar on a terminal, a line per load point everywhere."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from melange_cloud.cli import output
from melange_cloud.cli.progress import BAR
from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from melange_cloud.domain.measurement import MeasureQuestion, RequestSize
    from melange_cloud.profiles.benchmark_run import BenchmarkRun
    from melange_cloud.profiles.measure import LoadPoint


@contextmanager
def measure_bar(question: "MeasureQuestion") -> "Iterator[MeasureProgress]":
    """Progress on stderr: a bar on a terminal, a line per load point everywhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    if output.is_quiet() or not is_terminal(sys.stderr):
        yield MeasureProgress(question, None)
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(complete_style=BAR, finished_style=BAR, pulse_style=BAR),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        yield MeasureProgress(question, bar)


class MeasureProgress:
    """Says how far the measurement is; sizes that end early take their rest of the bar at once."""

    def __init__(self, question: "MeasureQuestion", bar: "Progress | None") -> None:
        from melange_cloud.profiles.measure import rungs

        self._bar = bar
        self._sizes = len(question.sizes)
        self._loads = rungs(question.max_concurrency)
        self._task: TaskID | None = None if bar is None else bar.add_task("starting", total=float(self._sizes))
        self._before = self._width = 0.0
        self._expected_s = 1.0

    def starts(self, place: int, load: "LoadPoint") -> None:
        """A load point begins."""
        from melange_cloud.profiles.measure.load_generator import START_UP_S

        climbed = sum(1 for concurrency in self._loads if concurrency < load.concurrency)
        self._before = place + climbed / len(self._loads)
        self._width = 1 / len(self._loads)
        self._expected_s = START_UP_S + load.expected_s
        if self._bar is not None and self._task is not None:
            text = f"{load.size}, {load.concurrency} in flight (size {place + 1} of {self._sizes})"
            self._bar.update(self._task, completed=self._before, description=text)

    def tick(self, seconds: float) -> None:
        """The point that runs has taken so long."""
        if self._bar is not None and self._task is not None:
            part = min(1.0, seconds / self._expected_s)
            self._bar.update(self._task, completed=self._before + part * self._width)

    def ends(self, size: "RequestSize", concurrency: int, run: "BenchmarkRun") -> None:
        """A point was accepted."""
        from melange_cloud.profiles.measure import load_measurement
        from melange_cloud.report.pages.measurement import load_line

        self.note(load_line(size, load_measurement(concurrency, run)))

    def note(self, text: str) -> None:
        """A line on stderr, above the bar where there is one."""
        if self._bar is None:
            output.note(text)
        else:
            self._bar.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)
