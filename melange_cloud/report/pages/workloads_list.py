"""The shipped workloads, as a page."""

from collections.abc import Sequence

from melange_cloud.domain import WorkloadFile
from melange_cloud.report.blocks import Column, Sheet
from melange_cloud.report.page import Page
from melange_cloud.report.text import clean, number, short_rate

COLUMNS = (
    "name",
    "title",
    "mean_input_tokens",
    "mean_output_tokens",
    "buckets",
    "mean_requests_per_s",
    "peak_requests_per_s",
)


def workloads_list_page(shown: Sequence[WorkloadFile]) -> Page:
    """A row for each workload; rates are null if the source has no arrivals."""
    rows = [_row(file) for file in shown]
    return Page(
        blocks=lambda _: [_sheet(rows)],
        document={"workloads": [dict(zip(COLUMNS, row, strict=True)) for row in rows]},
        columns=COLUMNS,
        rows=rows,
    )


def _row(file: WorkloadFile) -> tuple[str, str, float, float, int, float | None, float | None]:
    workload, rates = file.workload, file.arrival_rates
    return (
        workload.name,
        workload.title,
        workload.mean_input_tokens,
        workload.mean_output_tokens,
        len(workload.buckets),
        rates.mean_requests_per_s if rates else None,
        rates.peak_requests_per_s if rates else None,
    )


def _sheet(rows: Sequence[tuple[str, str, float, float, int, float | None, float | None]]) -> Sheet:
    columns = (
        Column("Name"),
        Column("What it is", least=20),
        Column("Mean in", right=True),
        Column("Mean out", right=True),
        Column("Buckets", right=True, drop=1),
        Column("Mean/s", right=True),
        Column("Peak/s", right=True),
    )
    return Sheet(
        columns,
        tuple(
            (clean(name), clean(title), number(mean_in), number(mean_out), number(buckets), *map(short_rate, rates))
            for name, title, mean_in, mean_out, buckets, *rates in rows
        ),
    )
