"""A measurement of a server: what is said before it, during it, and its answer as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import fields

from melange_cloud.domain import Slo
from melange_cloud.domain.measurement import (
    LoadLimits,
    LoadMeasurement,
    MeasureQuestion,
    RequestSize,
    ServerMeasurement,
    SizeMeasurement,
)
from melange_cloud.report.blocks import Block, Column, Paragraph, Sheet
from melange_cloud.report.json_ import object_of
from melange_cloud.report.page import Page
from melange_cloud.report.text import UNKNOWN, clean, known, number, short_rate

COLUMNS = (
    "model",
    "precision",
    "gpu",
    "tensor_parallel",
    "era",
    "engine",
    "tool",
    "profile",
    "input_tokens",
    "output_tokens",
    "ended",
    *(field.name for field in fields(LoadMeasurement)),
)
"""One row per load; a size at which no load was measured has one row that says why."""


def measurement_page(measurement: ServerMeasurement) -> Page:
    """The highest rate of each size within the SLO, and why no more load was tried."""
    return Page(
        blocks=lambda _: _blocks(measurement),
        document=object_of(measurement),
        columns=COLUMNS,
        rows=[row for size in measurement.sizes for row in _rows(measurement, size)],
    )


def _blocks(measurement: ServerMeasurement) -> Iterator[Block]:
    yield Paragraph((f"{_replica(measurement)}, measured",), strong=True)
    yield Paragraph((f"Highest rate of one replica, {until(measurement.slo)}",))
    yield _best(measurement.sizes)
    yield Paragraph(tuple(f"{size.size}: {clean(size.ended)}" for size in measurement.sizes))
    after = [f"Profile: {clean(measurement.profile)}"]
    if any(size.by_slo for size in measurement.sizes):
        after.append("The SLO ended sizes before saturation: plans with a looser target will find too little in them.")
    yield Paragraph(tuple(after))


def _replica(of: ServerMeasurement | MeasureQuestion) -> str:
    return f"{clean(of.model)} {of.precision} on {of.gpu}, tensor parallel {of.tensor_parallel}, era {of.era}"


def until(slo: Slo | LoadLimits) -> str:
    """Where the load of a size stops rising."""
    limits = (("TPOT", slo.tpot_ms), ("p99 TPOT", slo.p99_tpot_ms), ("TTFT", slo.ttft_ms), ("end to end", slo.e2e_ms))
    targets = [f"{name} {target_ms:g} ms" for name, target_ms in limits if known(target_ms) is not None]
    return f"until {', '.join(targets)} or saturation" if targets else "until saturation"


def _best(sizes: Sequence[SizeMeasurement]) -> Sheet:
    columns = (
        *(Column("Size"), Column("Loads", right=True), Column("Requests/s", right=True)),
        *(Column("In flight", right=True), Column("TPOT ms", right=True), Column("p99 ms", right=True)),
        Column("TTFT ms", right=True),
    )
    rows = []
    for size in sizes:
        best = size.best
        figures: tuple[str, ...] = (UNKNOWN,) * 5
        if best is not None:
            latencies = (short_rate(value) for value in (best.tpot_ms, best.p99_tpot_ms, best.ttft_ms))
            figures = (short_rate(best.requests_per_s), number(best.concurrency), *latencies)
        rows.append((str(size.size), number(len(size.points)), *figures))
    return Sheet(columns, tuple(rows), keys=1)


def _rows(measurement: ServerMeasurement, size: SizeMeasurement) -> Iterator[tuple[object, ...]]:
    whose = (
        *(measurement.model, measurement.precision, measurement.gpu, measurement.tensor_parallel, measurement.era),
        *(measurement.engine, measurement.tool, measurement.profile),
        *(size.input_tokens, size.output_tokens, size.ended),
    )
    for load in size.points:
        yield (*whose, *object_of(load).values())
    if not size.points:
        yield (*whose, *(None for _ in fields(LoadMeasurement)))


def before(question: MeasureQuestion, *, tool: str, most_in_flight: int, longest_s: float) -> Iterator[str]:
    """What will be measured and how long that takes, one line each."""
    yield f"{question.served_model} at {question.url} as {_replica(question)}"
    sizes = ", ".join(map(str, question.sizes))
    yield f"sizes {sizes}; 1 to {most_in_flight} in flight; {until(question.slo)}; {tool}"
    yield f"takes at most about {_duration(longest_s)}"
    yield "tokens are counted by the server; nothing else may use it meanwhile"


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def load_line(size: RequestSize, load: LoadMeasurement) -> str:
    """A load point that was just measured."""
    return (
        f"{size}, {load.concurrency} in flight: {short_rate(load.requests_per_s)} requests/s, "
        f"TPOT {short_rate(load.tpot_ms)} ms (p99 {short_rate(load.p99_tpot_ms)}), TTFT {short_rate(load.ttft_ms)} ms"
    )
