"""The answer to the paper's own input: counts, cost, bound and shares."""

import json

from melange_cloud.domain import Solution, Status
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet, TitledSheet
from melange_cloud.report.terminal import terminal
from melange_cloud.report.text import clean, percent

SOLUTION_SCHEMA_VERSION = 1


def solution_as_json(solution: Solution) -> str:
    """The solution as JSON.

    ``shares`` lists, for every bucket with traffic and every GPU that serves a part of it, the bucket's row and column
    in the input (from 0), the GPU and the share.
    """
    document = {
        "schema_version": SOLUTION_SCHEMA_VERSION,
        "status": solution.status.value,
        "instances": {name: count for (name, _), count in sorted(solution.instances.items())},
        "usd_per_hour": solution.usd_per_hour,
        "lower_bound_usd_per_hour": solution.lower_bound_usd_per_hour,
        "solver": solution.solver,
        "shares": [
            {"row": row, "column": column, "gpu": gpu, "share": share} for row, column, gpu, share in _shares(solution)
        ],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def solution_table(solution: Solution, *, slices: int | None, asked: int | None, width: int) -> str:
    """The solution for a terminal.

    Args:
        slices: how many equal slices each bucket was cut into; None for continuous shares.
        asked: the file's own slice_factor, which applies only through ``--slices``.
        width: columns.
    """
    cut = "continuous shares" if slices is None else f"{slices} slices per bucket"
    ignored = f" (the file's slice_factor {asked} is not applied: --slices {asked})" if asked and slices is None else ""
    blocks: list[Block] = [Paragraph((f"The paper's input, {cut}{ignored}",))]
    if solution.usd_per_hour is None:
        return terminal([*blocks, Paragraph((f"{solution.status}: {solution.reason}",))], width=width, colour=False)
    counts = tuple((clean(name), f"{count:,}") for (name, _), count in sorted(solution.instances.items()))
    blocks.append(
        Sheet(
            (Column("GPU", least=8), Column("Count", right=True)),
            counts,
            ("Total", f"{sum(solution.instances.values()):,}"),
        )
    )
    bound = solution.lower_bound_usd_per_hour
    proof = "proven cheapest" if solution.status is Status.OPTIMAL else "not proven"
    known = "no bound" if bound is None else f"no mix costs less than {bound:,.4f}"
    blocks.append(Paragraph((f"{solution.usd_per_hour:,.4f} USD/h, {proof}; {known}",), True))
    rows = tuple((str(row), str(column), clean(gpu), percent(share)) for row, column, gpu, share in _shares(solution))
    headers = (
        Column("Row", right=True),
        Column("Column", right=True),
        Column("GPU", least=8),
        Column("Share", right=True),
    )
    blocks.append(
        TitledSheet("Who serves which bucket (row and column of the input, from 0)", Sheet(headers, rows, None))
    )
    return terminal(blocks, width=width, colour=False)


def _shares(solution: Solution) -> list[tuple[int, int, str, float]]:
    """(row, column, GPU, share), in the input's order; row names are those of ``paper.bucket_name``."""
    shares = []
    for (bucket, kind), share in sorted(solution.shares.items()):
        row, column = bucket.removeprefix("in").split("_out")
        shares.append((int(row), int(column), kind.gpu, share))
    return shares
