"""Computing a profile against reading it from a file: `python -m tests.benchmarks.computed_profiles`.

What a default plan asks of every kind, once per process: MaxTput within 100 ms at the mean sizes of each shipped
workload. In turn from the estimator, at these sizes; and from the files that `profiles estimate --save` writes, between
their sizes. CPU seconds, as ratios of medians: a busy machine hits both alike.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from melange_cloud.calibration.build_profiles import estimates
from melange_cloud.domain import Kind, Slo
from melange_cloud.profiles.estimates.estimate_table import EstimateTable
from melange_cloud.profiles.files.profile_file import parse_profile
from melange_cloud.profiles.max_tput.grid_profile import GridProfile
from melange_cloud.profiles.max_tput.point_table import PointTable
from melange_cloud.workload import load_workload

ROUNDS = 9
MODEL, PRECISION, ERA, TPOT_MS = "llama-3.1-8b", "bf16", "2025", 100.0
WORKLOADS = ("conversation", "sharegpt", "mixed", "deepseek-r1")


def asked(tables: list[PointTable], kinds: list[list[Kind]], workload: str) -> float:
    """The sum of all rates, so that nothing is skipped."""
    total = 0.0
    for table, of_table in zip(tables, kinds, strict=True):
        for kind in of_table:
            profile = GridProfile(table, kind)
            for bucket in load_workload(workload).buckets:
                size = (bucket.mean_input_tokens, bucket.mean_output_tokens)
                total += getattr(profile.max_tput(*size, Slo(TPOT_MS)), "requests_per_s", 0.0)
    return total


def main() -> None:
    """Print the seconds of both ways and their ratio, by workload."""
    shipped = [t for t in estimates([MODEL]) if (t.header.precision, t.header.era) == (PRECISION, ERA)]
    kinds = [list(table.replicas) for table in shipped]
    texts = [table.text for table in shipped]
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / f"{table.header.gpu}.csv" for table in shipped]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)

        def computed() -> list[PointTable]:
            return [EstimateTable(replicas=dict(table.replicas)) for table in shipped]

        def read() -> list[PointTable]:
            return [parse_profile(file, file.read_text()) for file in files]

        print(f"{MODEL} {PRECISION}, {sum(map(len, kinds))} kinds; the files have {sum(map(len, texts)):,} bytes")
        for workload in WORKLOADS:
            load_workload(workload)
            seconds: dict[str, list[float]] = {"computed": [], "read": []}
            for _ in range(ROUNDS):
                for name, tables in (("computed", computed), ("read", read)):
                    seconds[name].append(_cpu_s(tables, kinds, workload))
            of = {name: 1000 * statistics.median(values) for name, values in seconds.items()}
            print(
                f"{workload:14} computed {of['computed']:6.1f} ms   read {of['read']:6.1f} ms   "
                f"ratio {of['computed'] / of['read']:.2f}"
            )


def _cpu_s(tables: Callable[[], list[PointTable]], kinds: list[list[Kind]], workload: str) -> float:
    begun = time.process_time()
    assert asked(tables(), kinds, workload) > 0
    return time.process_time() - begun


if __name__ == "__main__":
    main()
