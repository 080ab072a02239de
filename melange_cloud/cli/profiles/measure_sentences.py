"""How ``profiles measure`` tells what it does and what it found."""

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from melange_cloud.cli.output import note, rendered
from melange_cloud.cli.streams import is_terminal
from melange_cloud.errors import one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from melange_cloud.domain import Slo
    from melange_cloud.profiles.benchmark_run import BenchmarkRun
    from melange_cloud.profiles.measure import LoadPoint, MeasuredSize, MeasureQuestion, RequestSize

SCHEMA_VERSION = 1


def slo_text(slo: "Slo") -> str:
    """Where the load of a size stops to rise."""
    words = (("TPOT", slo.tpot_ms), ("p99 TPOT", slo.p99_tpot_ms), ("TTFT", slo.ttft_ms), ("end to end", slo.e2e_ms))
    targets = [f"{name} {target_ms:g} ms" for name, target_ms in words if target_ms < math.inf]
    return f"until {', '.join(targets)} or saturation" if targets else "until saturation"


def _best(runs: "tuple[tuple[int, BenchmarkRun], ...]", slo: "Slo") -> "tuple[int, BenchmarkRun] | None":
    from melange_cloud.profiles.measure import broken

    within = [(concurrency, run) for concurrency, run in runs if not broken(run, slo)]
    return max(within, key=lambda point: point[1].requests_per_s, default=None)


def as_json(question: "MeasureQuestion", measured: "tuple[MeasuredSize, ...]", profile: Path, tool: str) -> str:
    """The result: what was asked, and per size its points and why it ended."""
    answer = {
        "schema_version": SCHEMA_VERSION,
        "profile": str(profile),
        "model": question.model,
        "gpu": question.gpu,
        "tensor_parallel": question.tensor_parallel,
        "era": question.era,
        "precision": question.precision,
        "url": question.url,
        "engine": question.engine or None,
        "tool": tool,
        "slo": {name: target_ms if target_ms < math.inf else None for name, target_ms in asdict(question.slo).items()},
        "sizes": [
            {
                "input_tokens": size.size.input_tokens,
                "output_tokens": size.size.output_tokens,
                "ended": size.ended,
                "complete": size.complete,
                "points": [
                    {
                        "concurrency": concurrency,
                        "requests_per_s": run.requests_per_s,
                        "tpot_ms": run.tpot_ms,
                        "p99_tpot_ms": run.p99_tpot_ms,
                        "ttft_ms": run.ttft_ms,
                        "mean_input_tokens": run.input_tokens,
                        "mean_output_tokens": run.output_tokens,
                        "completed": run.completed,
                        "failed": run.failed,
                    }
                    for concurrency, run in size.runs
                ],
            }
            for size in measured
        ],
    }
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def as_table(question: "MeasureQuestion", measured: "tuple[MeasuredSize, ...]", profile: Path) -> str:
    """A row per size with the highest rate within the SLO; then why no more load was tried."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("Size", "Loads", "Requests/s", "In flight", "TPOT ms", "p99 ms", "TTFT ms"):
        table.add_column(heading, justify="left" if heading == "Size" else "right", no_wrap=True)
    for size in measured:
        best = _best(size.runs, question.slo)
        shown = ["-"] * 5
        if best is not None:
            concurrency, run = best
            latencies = [_number(value) for value in (run.tpot_ms, run.p99_tpot_ms, run.ttft_ms)]
            shown = [f"{run.requests_per_s:.3g}", str(concurrency), *latencies]
        table.add_row(str(size.size), str(len(size.runs)), *shown)
    lines = [
        f"{question.model} {question.precision} on {question.gpu}, tensor parallel {question.tensor_parallel}, "
        f"era {question.era}, measured",
        f"Highest rate of one replica, {slo_text(question.slo)}",
    ]
    ended = [f"{size.size}: {size.ended}" for size in measured]
    after = [f"Profile: {profile}"]
    if any(size.by_slo for size in measured):
        after.append("The SLO ended sizes before saturation: plans with a looser target will find too little in them.")
    return rendered(Group(*map(Text, lines), Text(), table, Text(), *map(Text, ended), Text(), *map(Text, after)))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


@contextmanager
def measure_bar(question: "MeasureQuestion") -> "Iterator[MeasureProgress]":
    """Progress on stderr: a bar on a terminal, a line per load point everywhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    if not is_terminal(sys.stderr):
        yield MeasureProgress(question, None)
        return
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        yield MeasureProgress(question, bar)


class MeasureProgress:
    """Tells how far the measurement is; sizes that end early take their rest of the bar at once."""

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
        self.note(
            f"{size}, {concurrency} in flight: {run.requests_per_s:.3g} requests/s, TPOT {_number(run.tpot_ms)} ms "
            f"(p99 {_number(run.p99_tpot_ms)}), TTFT {_number(run.ttft_ms)} ms"
        )

    def note(self, text: str) -> None:
        """A line on stderr, above the bar where there is one."""
        if self._bar is None:
            note(text)
        else:
            self._bar.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)
