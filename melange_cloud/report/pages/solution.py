"""The answer to the paper's own input: counts, cost, bound and shares."""

from collections.abc import Iterator
from typing import TypedDict

from melange_cloud.domain import Solution, Status
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet, TitledSheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import clean, percent

COLUMNS = ("row", "column", "gpu", "share")
"""A share in CSV: the bucket's row and column in the input (from 0), the GPU, and the share it serves."""


class BucketShare(TypedDict):
    """The part of one bucket that one GPU serves.

    Attributes:
        row: the bucket's row in the input, from 0.
        column: the bucket's column in the input, from 0.
        share: part of the bucket's traffic; the shares of a bucket sum to 1.
    """

    row: int
    column: int
    gpu: str
    share: float


class PaperSolution(TypedDict):
    """The answer to the paper's own input.

    Attributes:
        instances: instances by GPU.
        usd_per_hour: cost of the instances, USD/h; null if none was found.
        lower_bound_usd_per_hour: no mix can cost less, USD/h; null if nothing is known.
        shares: every bucket with traffic and every GPU that serves a part of it.
    """

    status: Status
    instances: dict[str, int]
    usd_per_hour: float | None
    lower_bound_usd_per_hour: float | None
    solver: str
    shares: list[BucketShare]


def paper_solution(solution: Solution, *, slices: int | None, asked: int | None) -> Page:
    """The solution: counts and cost for people, every bucket's shares for programs too.

    Args:
        slices: how many equal slices each bucket was cut into; None for continuous shares.
        asked: the file's own slice_factor, which applies only through ``--slices``.
    """
    shares = _shares(solution)
    document: PaperSolution = {
        "status": solution.status,
        "instances": {name: count for (name, _), count in sorted(solution.instances.items())},
        "usd_per_hour": solution.fleet_usd_per_hour,
        "lower_bound_usd_per_hour": solution.fleet_lower_bound_usd_per_hour,
        "solver": solution.solver,
        "shares": [{"row": row, "column": column, "gpu": gpu, "share": share} for row, column, gpu, share in shares],
    }
    return Page(
        blocks=lambda _: _blocks(solution, slices, asked),
        document=document,
        columns=COLUMNS,
        rows=shares,
    )


def _blocks(solution: Solution, slices: int | None, asked: int | None) -> Iterator[Block]:
    cut = "continuous shares" if slices is None else f"{slices} slices per bucket"
    ignored = f" (the file's slice_factor {asked} is not applied: --slices {asked})" if asked and slices is None else ""
    yield Paragraph((f"The paper's input, {cut}{ignored}",))
    if solution.fleet_usd_per_hour is None:
        yield Paragraph((f"{solution.status}: {solution.reason}",))
        return
    counts = tuple((clean(name), f"{count:,}") for (name, _), count in sorted(solution.instances.items()))
    total = ("Total", f"{sum(solution.instances.values()):,}")
    yield Sheet((Column("GPU", least=8), Column("Count", right=True)), counts, total)
    bound = solution.fleet_lower_bound_usd_per_hour
    proof = "proven cheapest" if solution.status is Status.OPTIMAL else "not proven"
    known = "no bound" if bound is None else f"no mix costs less than {bound:,.4f}"
    yield Paragraph((f"{solution.fleet_usd_per_hour:,.4f} USD/h, {proof}; {known}",), True)
    rows = tuple((str(row), str(column), clean(gpu), percent(share)) for row, column, gpu, share in _shares(solution))
    headers = (
        Column("Row", right=True),
        Column("Column", right=True),
        Column("GPU", least=8),
        Column("Share", right=True),
    )
    yield TitledSheet("Who serves which bucket (row and column of the input, from 0)", Sheet(headers, rows))


def _shares(solution: Solution) -> list[tuple[int, int, str, float]]:
    """(row, column, GPU, share), in the input's order; row names are those of ``paper.bucket_name``."""
    shares = []
    for (bucket, kind), share in sorted(solution.shares.items()):
        row, column = bucket.removeprefix("in").split("_out")
        shares.append((int(row), int(column), kind.gpu, share))
    return shares
