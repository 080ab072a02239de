"""How fast traces are read, as ratios to pandas reading the same file: `python -m tests.benchmarks.from_trace [ROWS]`.

pandas only reads (`read_csv`, `read_json(lines=True)`, `read_parquet`: strings stay strings, nothing is counted); ours
reads, checks every row and counts sizes, buckets, arrivals and drift. Best of RUNS runs each, interleaved so that a
busy machine hits both alike.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from melange_cloud.workload import read_trace

RUNS = 5
ROWS = 1_000_000
LEAST_RATIO = 0.5


def requests(rows: int) -> pd.DataFrame:
    """A week of requests."""
    dice = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "arrival_s": np.sort(dice.uniform(0, 7 * 86_400, rows)).round(6),
            "input_tokens": np.minimum(dice.lognormal(6.5, 1.2, rows).astype(int) + 1, 120_000),
            "output_tokens": np.minimum(dice.lognormal(4.5, 1.0, rows).astype(int) + 1, 20_000),
        }
    )


def files(folder: Path, rows: int) -> dict[Path, Callable[[Path], object]]:
    """The same requests in several forms, each with what pandas reads it with."""
    frame = requests(rows)
    stamps = pd.to_datetime(frame["arrival_s"] + 1_715_299_200, unit="s").dt.strftime("%Y-%m-%d %H:%M:%S.%f0")
    azure = pd.DataFrame(
        {"TIMESTAMP": stamps, "ContextTokens": frame["input_tokens"], "GeneratedTokens": frame["output_tokens"]}
    )
    readers: dict[Path, Callable[[Path], object]] = {
        folder / "numbers.csv": pd.read_csv,
        folder / "azure.csv": pd.read_csv,
        folder / "azure.csv.gz": pd.read_csv,
        folder / "mooncake.jsonl": lambda path: pd.read_json(path, lines=True),
    }
    frame.to_csv(folder / "numbers.csv", index=False)
    azure.to_csv(folder / "azure.csv", index=False)
    azure.to_csv(folder / "azure.csv.gz", index=False, compression={"method": "gzip", "mtime": 0})
    frame.rename(
        columns={"arrival_s": "timestamp", "input_tokens": "input_length", "output_tokens": "output_length"}
    ).to_json(folder / "mooncake.jsonl", orient="records", lines=True)
    try:
        azure.to_parquet(folder / "azure.parquet", index=False)
        readers[folder / "azure.parquet"] = pd.read_parquet
    except ImportError:
        print("no pyarrow: Parquet is not measured")
    return readers


def seconds(read: Callable[[Path], object], path: Path) -> float:
    """Wall time of one reading."""
    start = time.perf_counter()
    read(path)
    return time.perf_counter() - start


def main() -> None:
    """Print seconds and ratios."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        print(
            f"{rows:,} rows; best of {RUNS}; speed is to be at least {LEAST_RATIO}\n"
            f"{'file':16} {'pandas s':>9} {'ours s':>8} {'speed':>6}"
        )
        for path, pandas_reads in files(Path(folder), rows).items():
            theirs, ours = [], []
            for _ in range(RUNS):
                theirs.append(seconds(pandas_reads, path))
                ours.append(seconds(read_trace, path))
            ratio = min(theirs) / min(ours)
            verdict = "" if ratio >= LEAST_RATIO else "  TOO SLOW"
            print(f"{path.name:16} {min(theirs):9.3f} {min(ours):8.3f} {ratio:6.2f}{verdict}")


if __name__ == "__main__":
    main()
