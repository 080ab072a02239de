"""Measured rows, who measured them, and where they contradict each other, as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from itertools import groupby

from melange_cloud.domain import GPUS
from melange_cloud.domain.evidence import (
    CitedSource,
    ComparedFigure,
    ConstantsEvidence,
    Contradiction,
    EvidenceList,
    MeasuredRow,
)
from melange_cloud.report.blocks import Block, Column, LabelledLines, Paragraph, Sheet, TitledSheet, without
from melange_cloud.report.page import Page
from melange_cloud.report.text import GLUE, UNKNOWN, clean, number, quantity

COLUMNS = tuple(field.name for field in fields(MeasuredRow))
"""Those of a file of measured rows: what this prints can be checked again."""

_UNITS = {"tpot_ms": "ms per token", "requests_per_s": "requests/s", "duration_s": "s"}
_HELD_OUT, _DOUBTED, _GPU_ONLY = "held out", "doubted", "GPU only"


def evidence_page(shown: EvidenceList) -> Page:
    """The rows by model and GPU, then what the constants rest on, the contradictions and the sources."""
    return Page(
        blocks=lambda _: _blocks(shown),
        document={field.name: getattr(shown, field.name) for field in fields(shown)},
        columns=COLUMNS,
        rows=[[getattr(row, name) for name in COLUMNS] for row in shown.rows],
    )


def _blocks(shown: EvidenceList) -> Iterator[Block]:
    yield Paragraph((_headline(shown),), strong=True)
    for (model, gpu, tp, precision), rows in groupby(sorted(shown.rows, key=_place), key=_group):
        title = f"{clean(model)} {precision} on {gpu}" + (f" x{tp}" if tp > 1 else "")
        yield TitledSheet(title, _sheet(list(rows)))
    if shown.contradictions:
        yield TitledSheet("Contradictions: the same thing, measured differently", _contradictions(shown.contradictions))
    elif shown.rows:
        yield Paragraph(("No two sources contradict each other on the same size and load.",))
    doubts = list(dict.fromkeys((row.source or "", row.doubt) for row in shown.rows if row.doubt))
    if doubts:
        yield Paragraph(("Doubtful rows, which are not used for any constant:",), strong=True)
        yield LabelledLines(tuple((clean(source), (clean(doubt),)) for source, doubt in doubts))
    if shown.constants:
        yield Paragraph(("The basis of the estimator's constants:",), strong=True)
        yield LabelledLines(
            tuple((f"{each.gpu}, {each.era}, {each.precision}", _rests_on(each)) for each in shown.constants)
        )
    if shown.sources:
        yield Paragraph(("Sources:",), strong=True)
        yield LabelledLines(tuple((clean(source.name), _cited(source)) for source in shown.sources))


def _headline(shown: EvidenceList) -> str:
    held_out = sum(row.held_out for row in shown.rows)
    of = clean(shown.model) if shown.model else "all models"
    on = ", ".join(shown.gpus) or "all GPUs"
    what = f"in {clean(shown.checked)} can be sent" if shown.checked else f"of {of} on {on}"
    aside = f"; {number(held_out)} of them {_are(held_out)} held out of every fit" if held_out or shown.checked else ""
    return f"{_count(len(shown.rows), 'measured row')} {what}{aside}."


def _count(count: int, noun: str) -> str:
    return f"{number(count)} {noun}" + ("" if count == 1 else "s")


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _group(row: MeasuredRow) -> tuple[str, str, int, str]:
    return row.model, row.gpu, row.tp, row.weights_precision


def _place(row: MeasuredRow) -> tuple[str, int, int, str]:
    return row.model, GPUS.index(row.gpu), row.tp, row.weights_precision


def _sheet(rows: Sequence[MeasuredRow]) -> Sheet:
    columns = (
        Column("Input", right=True),
        Column("Output", right=True),
        Column("Load", least=6),
        Column("TPOT ms", right=True, legend=_legend(rows)),
        Column("TTFT ms", right=True, drop=2),
        Column("Req/s", right=True),
        Column("Batch s", right=True),
        Column("Engine", least=8),
        Column("Source", least=10),
        Column("Date", drop=1),
        Column("Remark", least=8),
    )
    sheet = without(Sheet(columns, tuple(map(_row, rows))), frozenset(("Remark",)), only_if="")
    return without(sheet, frozenset(("TTFT ms", "TPOT ms", "Req/s", "Batch s")), only_if=UNKNOWN) if rows else sheet


def _legend(rows: Sequence[MeasuredRow]) -> str:
    medians = any(row.tpot_mean_ms is None and row.tpot_p50_ms for row in rows)
    return "Times are means; where only a median is known (p50), that." if medians else ""


def _row(row: MeasuredRow) -> tuple[str, ...]:
    return (
        number(row.input_tokens_mean),
        number(row.output_tokens_mean),
        _load(row.arrival, row.rate_asked if row.arrival == "poisson" else row.concurrency),
        _time(row.tpot_mean_ms, row.tpot_p50_ms),
        _time(row.ttft_mean_ms, row.ttft_p50_ms),
        quantity(row.requests_per_s),
        quantity(row.duration_s if row.arrival == "static" else None),
        _engine(row.engine, row.engine_version),
        clean(row.source or row.source_url or row.submitter or UNKNOWN),
        UNKNOWN if row.date is None else row.date.isoformat(),
        ", ".join(_remarks(row)),
    )


def _remarks(row: MeasuredRow) -> Iterator[str]:
    if row.kv_precision == "fp8":
        yield "8-bit cache"
    if row.prompts_shared_fraction:
        yield "cached prompts"
    if row.cuda_graphs is False:
        yield "no CUDA graphs"
    for said, so in ((_HELD_OUT, row.held_out), (_DOUBTED, row.doubt), (_GPU_ONLY, row.gpu_only)):
        if so:
            yield said


def _time(mean_ms: float | None, median_ms: float | None) -> str:
    if mean_ms is None and median_ms is not None:
        return f"{quantity(median_ms)}{GLUE}p50"
    return quantity(mean_ms)


def _load(arrival: str, load: float | None) -> str:
    if load is None:
        return "all at once"
    written = {"poisson": f"{quantity(load)}/s", "static": f"batch of {number(load)}"}
    return written.get(arrival, f"{number(load)} in flight").replace(" ", GLUE)


def _engine(engine: str, version: str | None) -> str:
    return clean(f"{engine} {version}" if version else engine)


def _contradictions(found: Sequence[Contradiction]) -> Sheet:
    columns = (
        Column("What", least=16),
        Column("Size", right=True),
        Column("Load", least=6),
        Column("Factor", right=True),
        Column("Between", drop=1),
        Column("Figures", least=24, hang=2),
    )
    return Sheet(columns, tuple(map(_contradiction, found)))


def _contradiction(each: Contradiction) -> tuple[str, ...]:
    kind = f"{each.gpu} x{each.tp}" if each.tp > 1 else each.gpu
    return (
        f"{clean(each.model)} {each.weights_precision} {kind}",
        f"{number(each.input_tokens)}/{number(each.output_tokens)}",
        _load(each.arrival, each.load),
        number(each.ratio, 2),
        each.between,
        "; ".join(_figure(figure) for figure in each.figures) + f" ({_UNITS[each.measure]})",
    )


def _figure(figure: ComparedFigure) -> str:
    lowest, highest = quantity(figure.lowest), quantity(figure.highest)
    value = lowest if lowest == highest else f"{lowest}-{highest}"
    doubt = f", {_DOUBTED}" if figure.doubt else ""
    return f"{_engine(figure.engine, figure.engine_version)} {value} [{clean(figure.source)}{doubt}]"


def _rests_on(each: ConstantsEvidence) -> tuple[str, ...]:
    rows = ", ".join(f"{clean(source)} {number(count)}" for source, count in each.rows_by_source.items())
    total = sum(each.rows_by_source.values())
    lines = [f"{_count(total, 'row')}: {rows}"] if rows else []
    return (*lines, *([f"borrowed from {clean(each.borrowed)}"] if each.borrowed else []))


def _cited(source: CitedSource) -> tuple[str, ...]:
    about = f"{clean(source.title)} ({source.date.isoformat()}, {clean(source.licence)}; {_count(source.rows, 'row')})"
    return about, clean(source.source_url)
