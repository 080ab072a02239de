"""Finds measured rows that contradict each other: different figures for the same model, GPUs, precision, size and load.

Two sources never ran exactly the same, so a difference counts only if it exceeds LEAST_DIFFERENCE and the differences
among repeated measurements of a single source. Engines, and versions of one engine, may really differ; a profile of all
of them is then off for each, which is worth knowing too.
"""

from collections.abc import Iterable, Sequence

from melange_cloud.domain.evidence import ComparedFigure, Contradiction, MeasuredRow

SAME_SIZE = 0.05
"""Sizes with input and output tokens within this fraction count as the same."""

SAME_CONTEXT_TOKENS = 500
"""With one request at a time, mean contexts within this distance count as the same: reading their cache takes 0.4 % of
a step of an 8B model, 2 % of Llama-2-7B."""

LEAST_DIFFERENCE = 0.05
"""Smaller differences are not shown: repeated runs of one source, on two hosts or nights, differ by 1 to 2 %."""

_Found = tuple[MeasuredRow, str, float]


def contradictions(rows: Iterable[MeasuredRow], among: Iterable[MeasuredRow] | None = None) -> list[Contradiction]:
    """The contradictions that involve the rows, largest first.

    Args:
        among: further rows with which they are compared, such as the shipped ones; None compares only the rows.
    """
    own = list(rows)
    asked = {id(row) for row in own}
    groups: dict[tuple[object, ...], list[list[_Found]]] = {}
    for row in [*own, *(among or ())]:
        measured = None if row.gpu_only else _figure(row)
        if measured is None:
            continue
        cached = row.prompts_shared_fraction or 0.0
        # If nothing is said about the cache it is in 16 bits, the default of engines.
        bits = row.weights_precision == "fp8", row.kv_precision == "fp8"
        key = (row.model, row.gpu, row.tp, bits, row.arrival, _load(row), cached)
        clusters = groups.setdefault((*key, measured[0]), [])
        cluster = next((held for held in clusters if _is_same_size(held[0][0], row, measured[0])), None)
        if cluster is None:
            clusters.append(cluster := [])
        cluster.append((row, *measured))
    found = [
        _compared(cluster)
        for clusters in groups.values()
        for cluster in clusters
        if any(id(row) in asked for row, _, _ in cluster)
    ]
    return sorted((each for each in found if each is not None), key=lambda each: -each.ratio)


def _figure(row: MeasuredRow) -> tuple[str, float] | None:
    """What is compared, and its value: how fast an engine decodes, if that is known."""
    if row.arrival == "static":
        return ("duration_s", row.duration_s) if row.duration_s else None
    tpot_ms = row.tpot_mean_ms or row.tpot_p50_ms
    if row.arrival != "burst" and tpot_ms:
        return "tpot_ms", tpot_ms
    return ("requests_per_s", row.requests_per_s) if row.requests_per_s else None


def _load(row: MeasuredRow) -> float | None:
    if row.arrival == "burst":
        return None
    return row.rate_asked if row.arrival == "poisson" else row.concurrency


def _is_same_size(one: MeasuredRow, other: MeasuredRow, measure: str) -> bool:
    if measure == "tpot_ms" and one.arrival == "closed" and one.concurrency == 1:
        return abs(_context_tokens(one) - _context_tokens(other)) <= SAME_CONTEXT_TOKENS
    return all(
        abs(theirs / ours - 1) <= SAME_SIZE
        for ours, theirs in (
            (one.input_tokens_mean, other.input_tokens_mean),
            (one.output_tokens_mean, other.output_tokens_mean),
        )
    )


def _context_tokens(row: MeasuredRow) -> float:
    return row.input_tokens_mean + row.output_tokens_mean / 2


def _compared(cluster: Sequence[_Found]) -> Contradiction | None:
    """The contradiction among rows for the same case; None if they agree or have the same source and version."""
    by_run: dict[tuple[str, str, str | None], list[_Found]] = {}
    for found in cluster:
        row = found[0]
        by_run.setdefault((row.source or "", row.engine, row.engine_version), []).append(found)
    figures = sorted((_figure_of(runs) for runs in by_run.values()), key=lambda figure: figure.lowest)
    own = max(figure.highest / figure.lowest - 1 for figure in figures)
    ratio = max(figure.highest for figure in figures) / figures[0].lowest
    apart = max((_apart(one, other) for one in figures for other in figures), default=0.0)
    if len(figures) < 2 or apart <= max(own, LEAST_DIFFERENCE):
        return None
    row, measure, _ = cluster[0]
    engines = {figure.engine for figure in figures}
    versions = {figure.engine_version for figure in figures}
    return Contradiction(
        model=row.model,
        gpu=row.gpu,
        tp=row.tp,
        weights_precision=row.weights_precision,
        kv_precision=row.kv_precision,
        input_tokens=row.input_tokens_mean,
        output_tokens=row.output_tokens_mean,
        arrival=row.arrival,
        load=_load(row),
        measure=measure,
        between="engines" if len(engines) > 1 else "versions" if len(versions) > 1 else "sources",
        ratio=ratio,
        figures=tuple(figures),
    )


def _apart(one: ComparedFigure, other: ComparedFigure) -> float:
    """By what fraction all figures of one are above those of the other; negative if they are not."""
    return one.lowest / other.highest - 1


def _figure_of(runs: Sequence[_Found]) -> ComparedFigure:
    row = runs[0][0]
    values = [value for _, _, value in runs]
    return ComparedFigure(
        source=row.source or "the checked file",
        engine=row.engine,
        engine_version=row.engine_version,
        date=row.date,
        rows=len(runs),
        lowest=min(values),
        highest=max(values),
        doubt=next((each.doubt for each, _, _ in runs if each.doubt), None),
    )
