"""The input format of the paper's release: GPU costs, MaxTput tables and a distribution over buckets, in one JSON file.

    {"gpu_info": {"A10G": {"cost": 1.01, "tputs": [[2, 1], [5, 2]]}, ...},
     "workload_distribution": [[0.2, 0.1], [0.5, 0.2]], "total_request_rate": 30.0, "slice_factor": 1}

``cost`` is USD/h of one GPU; ``tputs`` and ``workload_distribution`` have one row per input range and one column per
output range, requests/s of one GPU and shares of the traffic. A MaxTput of 0 means that the GPU cannot serve the
bucket. Source: arXiv 2404.14527 and its release.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melange_cloud.domain import Kind, OfferNumbers, Problem
from melange_cloud.errors import BadFile, Fault, NoPlan
from melange_cloud.inputs import is_number, read_json

SHARES_MAY_MISS_ONE_BY = 1e-6


@dataclass(frozen=True, slots=True)
class PaperInput:
    """The release's file, checked.

    Attributes:
        usd_per_gpu_hour: by GPU name.
        max_tput_requests_per_s: by GPU name; rows are input ranges, columns output ranges; 0 if it cannot serve.
        shares: of the traffic, same shape; sum to 1.
        requests_per_s: of all buckets together.
        slice_factor: as the file has it; None if it has none.
    """

    usd_per_gpu_hour: Mapping[str, float]
    max_tput_requests_per_s: Mapping[str, tuple[tuple[float, ...], ...]]
    shares: tuple[tuple[float, ...], ...]
    requests_per_s: float
    slice_factor: int | None


def bucket_name(row: int, column: int) -> str:
    """Key of a bucket, sorted by row, then column."""
    return f"in{row:04d}_out{column:04d}"


def read_paper_input(path: Path) -> PaperInput:
    """Read and check a file in the release's format.

    Raises:
        BadFile: with all faults of the file.
    """
    document = read_json(path, non_finite=True)
    faults: list[Fault] = []

    def fault(field: str, message: str) -> None:
        faults.append(Fault(path, message, field=field))

    if not isinstance(document, dict):
        raise BadFile([Fault(path, "not a JSON object with gpu_info, workload_distribution and total_request_rate")])
    rate = _number(document.get("total_request_rate"))
    if rate is None or rate <= 0:
        fault("total_request_rate", "give a positive number of requests/s")
    factor = document.get("slice_factor")
    if factor is not None and (isinstance(factor, bool) or not isinstance(factor, int) or factor < 1):
        fault("slice_factor", "give a whole number of at least 1, or leave it out")
    shares = _matrix(document.get("workload_distribution"))
    if shares is None:
        fault("workload_distribution", "give rows of equal length, numbers of at least 0")
    elif abs(total := sum(map(sum, shares)) - 1) > SHARES_MAY_MISS_ONE_BY:
        fault("workload_distribution", f"shares sum to {total + 1:g}, not 1: scale them, or the bill is off by it too")
    gpus = document.get("gpu_info")
    if not isinstance(gpus, dict) or not gpus:
        fault("gpu_info", "give at least one GPU with cost and tputs")
        gpus = {}
    usd_per_hour: dict[str, float] = {}
    max_tput: dict[str, tuple[tuple[float, ...], ...]] = {}
    for name, entry in gpus.items():
        if not isinstance(entry, dict):
            fault(f"gpu_info.{name}", "give an object with cost and tputs")
            continue
        cost = _number(entry.get("cost"))
        if cost is None or cost <= 0:
            fault(f"gpu_info.{name}.cost", "give a positive number of USD/h")
        tputs = _matrix(entry.get("tputs"))
        if tputs is None:
            fault(f"gpu_info.{name}.tputs", "give rows of equal length, numbers of at least 0 (0: cannot serve)")
        elif shares is not None and (len(tputs), len(tputs[0])) != (len(shares), len(shares[0])):
            fault(
                f"gpu_info.{name}.tputs",
                f"{len(tputs)} x {len(tputs[0])}, the distribution is {len(shares)} x {len(shares[0])}",
            )
        if cost is not None and tputs is not None:
            usd_per_hour[name], max_tput[name] = cost, tputs
    if faults or rate is None or shares is None:
        raise BadFile(faults)
    return PaperInput(usd_per_hour, max_tput, shares, rate, factor)


def to_problem(paper: PaperInput) -> Problem:
    """The paper's question: every GPU is an instance of its own, and every bucket goes where it is cheapest.

    Raises:
        NoPlan: no GPU serves a bucket that has traffic; the message names the bucket by its indexes.
    """
    kinds = {name: Kind(name, 1) for name in sorted(paper.usd_per_gpu_hour)}
    rates: dict[str, float] = {}
    max_tput: dict[tuple[str, Kind], float] = {}
    for row, row_shares in enumerate(paper.shares):
        for column, share in enumerate(row_shares):
            if share == 0:
                continue
            bucket = bucket_name(row, column)
            rates[bucket] = share * paper.requests_per_s
            served = {
                (bucket, kind): paper.max_tput_requests_per_s[name][row][column]
                for name, kind in kinds.items()
                if paper.max_tput_requests_per_s[name][row][column] > 0
            }
            if not served:
                raise NoPlan(
                    f"no GPU serves bucket row {row}, column {column} ({100 * share:.3g} % of the traffic): "
                    "every tputs entry there is 0"
                )
            max_tput.update(served)
    return Problem(
        offers=tuple(
            OfferNumbers(
                name, name, gpu_count=1, vcpus=0, quota_family="", usd_per_instance_hour=paper.usd_per_gpu_hour[name]
            )
            for name in sorted(kinds)
        ),
        kinds=tuple(kinds[name] for name in sorted(kinds)),
        planned_requests_per_s=rates,
        row_of_bucket={bucket: bucket for bucket in rates},
        max_tput_requests_per_s=max_tput,
    )


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None


def _matrix(value: Any) -> tuple[tuple[float, ...], ...] | None:
    """Rows of equal length, finite and not negative; None for anything else."""
    if not isinstance(value, list) or not value or not all(isinstance(row, list) and row for row in value):
        return None
    rows = [[_number(cell) for cell in row] for row in value]
    if len({len(row) for row in rows}) != 1:
        return None
    checked = [[cell for cell in row if cell is not None and cell >= 0] for row in rows]
    if any(len(kept) != len(row) for kept, row in zip(checked, rows, strict=True)):
        return None
    return tuple(tuple(row) for row in checked)
