"""What `csv_cells` buys `workloads from-trace`: `python -m tests.benchmarks.csv_cells [ROWS]`.

The same file is read three ways in turn: as it is; with pandas for the numbers; with pandas for numbers and stamps. All
three must count the same. CPU seconds, as ratios of medians: a busy machine hits all alike.
"""

import io
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from melange_cloud.workload import read_trace
from melange_cloud.workload.traces.csv_cells import CellPlaces
from melange_cloud.workload.traces.from_csv import _CsvTable
from melange_cloud.workload.traces.trace_rows import TraceRows, rows_of
from tests.benchmarks.from_trace import requests

ROUNDS = 7
ROWS = 600_000

Labels = tuple[list[str | None], ...]


def numbers_by_pandas(table: _CsvTable, cells: CellPlaces, labels: Labels) -> TraceRows | None:
    """The rows of a block, as `_CsvTable._from_cells` finds them, but for the numbers."""
    columns, place, clock = table.columns, table.place, table.clock
    types = {place[name]: "int64" for name in (columns.input[0], columns.output[0])}
    stamped = clock is not None and clock.is_text
    if columns.arrival is not None and not stamped:
        types[place[columns.arrival]] = "float64"
    frame = pd.read_csv(
        io.BytesIO(cells.block),
        header=None,
        names=list(range(len(table.names))),
        usecols=list(types),
        dtype=types,
        sep=table.delimiter,
        keep_default_na=False,
        na_values=[""],
        index_col=False,
        encoding_errors="surrogateescape",
    )
    assert len(frame) == cells.lines

    def seconds(name, clock):
        return cells.seconds(place[name], clock) if stamped else clock.seconds(frame[place[name]])

    rows = rows_of(columns, clock, lambda name, optional: frame[place[name]].to_numpy(), seconds)
    return None if rows is None else replace(rows, labels=labels)


def everything_by_pandas(table: _CsvTable, cells: CellPlaces, labels: Labels) -> None:
    """Nothing, upon which `_CsvTable` asks pandas."""


WAYS: dict[str, Callable[..., TraceRows | None]] = {
    "as it is": _CsvTable._from_cells,
    "numbers by pandas": numbers_by_pandas,
    "all by pandas": everything_by_pandas,
}


def files(folder: Path, rows: int) -> list[Path]:
    """The same requests as numbers, in the form of Azure's traces, and with seventeen columns more."""
    numbers = requests(rows)
    stamps = pd.to_datetime(numbers["arrival_s"] + 1_715_299_200, unit="s").dt.strftime("%Y-%m-%d %H:%M:%S.%f0")
    azure = pd.DataFrame(
        {"TIMESTAMP": stamps, "ContextTokens": numbers["input_tokens"], "GeneratedTokens": numbers["output_tokens"]}
    )
    more = {f"extra_{at}": f"value-{at}" if at % 2 else np.arange(rows) % 1000 for at in range(17)}
    written = {"numbers": numbers, "azure": azure, "wide": azure.assign(**more)}
    for name, frame in written.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    return [folder / f"{name}.csv" for name in written]


def main() -> None:
    """Print the ratios."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        for path in files(Path(folder), rows):
            cpu_s: dict[str, list[float]] = {way: [] for way in WAYS}
            for _ in range(ROUNDS):
                counted = set()
                for way, from_cells in WAYS.items():
                    with mock.patch.object(_CsvTable, "_from_cells", from_cells):
                        start = time.process_time()
                        trace = read_trace([path])
                        cpu_s[way].append(time.process_time() - start)
                    counted.add((trace.requests, trace.tally.input_values.figures(), trace.arrival_rates))
                assert len(counted) == 1
            usual = statistics.median(cpu_s["as it is"])
            ratios = ", ".join(f"{way} {statistics.median(some) / usual:.2f}" for way, some in cpu_s.items())
            print(f"{path.name:12} {rows:,} rows in {usual:.3f} s: {ratios}")


if __name__ == "__main__":
    main()
