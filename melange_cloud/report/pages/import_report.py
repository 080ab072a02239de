"""What an import of benchmark results did, as a page."""

from collections.abc import Iterator
from dataclasses import fields

from melange_cloud.domain.import_report import EstimateComparison, ImportReport
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet
from melange_cloud.report.json_ import object_of
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, clean, number, short_rate

_SHOWN = 10
"""Runs that are listed before the rest is counted."""

COLUMNS = (
    "model",
    "precision",
    "gpu",
    "tensor_parallel",
    "era",
    "written",
    "target_tpot_ms",
    *(field.name for field in fields(EstimateComparison)),
    "measured_over_estimated",
)
"""One row per measured size."""


def import_page(report: ImportReport) -> Page:
    """What was read, what of it is used, and the measured rates next to the estimated ones."""
    whose = (report.model, report.precision, report.gpu, report.tensor_parallel, report.era)
    return Page(
        blocks=lambda _: _blocks(report),
        document=object_of(report),
        columns=COLUMNS,
        rows=[(*whose, report.written, report.target_tpot_ms, *object_of(size).values()) for size in report.sizes],
    )


def _blocks(report: ImportReport) -> Iterator[Block]:
    files = (f"{clean(file.file)}: {file.tool}, runs: {file.runs}" for file in report.files)
    kind = f"{report.tensor_parallel} x {report.gpu}"
    yield Paragraph((f"{clean(report.model)} {report.precision} on {kind}, era {report.era}",), strong=True)
    yield Paragraph(tuple(files))
    yield Paragraph(tuple(_runs(report)))
    yield _sizes(report)
    yield Paragraph(("Nothing was saved (--dry-run)" if report.written is None else f"Saved: {clean(report.written)}",))


def _runs(report: ImportReport) -> Iterator[str]:
    for run in report.runs[:_SHOWN]:
        yield f"{clean(run.source)}: {short_rate(run.requests_per_s)} requests/s, {clean(run.use)}"
    if len(report.runs) > _SHOWN:
        yield f"and {number(len(report.runs) - _SHOWN)} more runs; --format json has them all"


def _sizes(report: ImportReport) -> Sheet:
    target = report.target_tpot_ms
    within = "at the measured TPOT" if target is None else f"within {target:g}{GLUE}ms per output token"
    columns = (
        *(Column("Input", right=True), Column("Output", right=True), Column("Points", right=True, drop=2)),
        Column("Requests /s", right=True, least=8, legend="Requests/s: the highest measured; - not known"),
        Column("TPOT ms", right=True, least=4),
        Column("TTFT ms", right=True, least=4, drop=1),
        Column("Estimated /s", right=True, least=9, legend=f"Estimated: what the shipped profile says {within}"),
        Column("Ratio", right=True),
    )
    return Sheet(columns, tuple(map(_row, report.sizes)))


def _row(size: EstimateComparison) -> tuple[str, ...]:
    figures = (size.requests_per_s, size.tpot_ms, size.ttft_ms, size.estimated_requests_per_s, size.ratio)
    return (
        *(number(size.input_tokens), number(size.output_tokens), number(size.points)),
        *map(short_rate, figures),
    )
