"""A workload as a page: figures, a heat map of its sizes, its rate over time, its origin; and all its buckets."""

from collections.abc import Iterator, Sequence

from melange_cloud.domain import ArrivalRates, Bucket, TokenFigures, WorkloadFile
from melange_cloud.report.blocks import Block, Column, LabelledLines, Paragraph, Sheet, TitledSheet
from melange_cloud.report.page import Page
from melange_cloud.report.pages.arrivals import over_time, rates_in_words, window_length
from melange_cloud.report.text import GLUE, UNKNOWN, clean, number, percent

SCHEMA_VERSION = 2

BUCKET_COLUMNS = (
    "input_low_tokens",
    "input_high_tokens",
    "output_low_tokens",
    "output_high_tokens",
    "mean_input_tokens",
    "mean_output_tokens",
    "share",
    "longest_total_tokens",
)
"""Of the CSV: a row for each bucket, its ranges from above ``low`` up to and including ``high``."""

_SHADES = f"{GLUE}░▒▓█"
_GREYS = ("", "on grey23", "on grey35", "on grey46", "on grey58", "black on grey70", "black on grey85")
_MOST_NUMBERS = 16
"""Columns of a heat map that are written as numbers; more of them are shades."""


def workload_page(shown: WorkloadFile, *, buckets: bool) -> Page:
    """What a workload file holds; unknown is null in JSON.

    Args:
        buckets: whether the table lists every bucket, too. JSON and CSV always do.
    """
    return Page(
        blocks=lambda wide: _blocks(shown, buckets=buckets, wide=wide),
        document=_document(shown),
        columns=BUCKET_COLUMNS,
        rows=[tuple(getattr(bucket, column) for column in BUCKET_COLUMNS) for bucket in shown.workload.buckets],
        schema_version=SCHEMA_VERSION,
    )


def short_tokens(tokens: int) -> str:
    """A number of tokens in at most five characters: ``250``, ``1.5k``, ``32k``, ``2M``."""
    for unit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if tokens >= unit:
            value = tokens / unit
            return f"{value:.0f}{sign}" if value >= 10 or value == int(value) else f"{value:.1f}{sign}"
    return f"{tokens}"


def _document(shown: WorkloadFile) -> dict[str, object]:
    workload, drift = shown.workload, shown.drift
    return {
        "name": workload.name,
        "title": workload.title,
        "requests": workload.requests,
        "rows_unreadable": shown.rows_unreadable,
        "input_tokens": _figures(shown.input_tokens, workload.mean_input_tokens),
        "output_tokens": _figures(shown.output_tokens, workload.mean_output_tokens),
        "requests_per_s": _rates(shown.arrival_rates, workload.source),
        "drift": None
        if drift is None
        else {"window_s": drift.window_s, "windows": drift.windows, "mean": drift.mean, "max": drift.most},
        "cached_input_share": shown.cached_input_share,
        "load_error": shown.load_error,
        "buckets": [_bucket(bucket) for bucket in workload.buckets],
        "source": workload.source,
        "licence": workload.licence,
        "dated": shown.dated or None,
        "notes": workload.notes,
    }


def _figures(figures: TokenFigures | None, mean: float) -> dict[str, float | None]:
    known = figures or TokenFigures(mean)
    return {"mean": known.mean, "p50": known.p50, "p90": known.p90, "p99": known.p99}


def _rates(rates: ArrivalRates | None, source: str) -> dict[str, object]:
    return {
        "mean": rates.mean_requests_per_s if rates else None,
        "p95": rates.p95_requests_per_s if rates else None,
        "peak": rates.peak_requests_per_s if rates else None,
        "window_s": rates.window_s if rates else None,
        "windows": rates.windows if rates else None,
        "gaps": rates.gaps if rates else None,
        "starts_at": rates.starts_at.isoformat() if rates and rates.starts_at else None,
        "source": (rates.source or source) if rates else None,
        "requests_by_window": rates.requests_by_window if rates else None,
        "hour_of_week": rates.hour_of_week() if rates else None,
    }


def _bucket(bucket: Bucket) -> dict[str, object]:
    return {
        "input_tokens": (bucket.input_low_tokens, bucket.input_high_tokens),
        "output_tokens": (bucket.output_low_tokens, bucket.output_high_tokens),
        "mean_input_tokens": bucket.mean_input_tokens,
        "mean_output_tokens": bucket.mean_output_tokens,
        "share": bucket.share,
        "longest_total_tokens": bucket.longest_total_tokens,
    }


def _blocks(shown: WorkloadFile, *, buckets: bool, wide: bool) -> Iterator[Block]:
    yield Paragraph((f"{clean(shown.workload.name)}: {clean(shown.workload.title)}",), strong=True)
    yield _sizes(shown)
    yield from _heat_map(shown.workload.buckets, wide=wide)
    if shown.arrival_rates is not None:
        yield from over_time(shown.arrival_rates, wide=wide)
    if buckets:
        yield _bucket_sheet(shown.workload.buckets)
    yield LabelledLines(tuple((label, (clean(fact),)) for label, fact in _facts(shown)))


def _sizes(shown: WorkloadFile) -> Sheet:
    columns = (Column("Tokens"), *(Column(header, right=True) for header in ("mean", "p50", "p90", "p99")))
    figures = (
        ("input", shown.input_tokens or TokenFigures(shown.workload.mean_input_tokens)),
        ("output", shown.output_tokens or TokenFigures(shown.workload.mean_output_tokens)),
    )
    return Sheet(
        columns, tuple((name, *map(number, (of.mean, of.p50, of.p90, of.p99))) for name, of in figures), keys=1
    )


def _heat_map(buckets: Sequence[Bucket], *, wide: bool) -> Iterator[Block]:
    """Shares of requests by input (rows) and output range (columns); numbers where they can be read, else shades."""
    rows: dict[int, dict[int, float]] = {}
    for bucket in buckets:
        row = rows.setdefault(bucket.input_high_tokens, {})
        row[bucket.output_high_tokens] = row.get(bucket.output_high_tokens, 0.0) + bucket.share
    columns = sorted({column for row in rows.values() for column in row})
    shares = {high: [rows[high].get(column, 0.0) for column in columns] for high in sorted(rows)}
    largest = max(share for row in shares.values() for share in row)
    where = "input tokens up to (down), output tokens up to (across)"
    if len(columns) <= _MOST_NUMBERS:
        yield TitledSheet(
            f"Share of requests (%): {where}",
            Sheet(
                (Column("", right=True), *(Column(short_tokens(column), right=True) for column in columns)),
                tuple((short_tokens(high), *map(_map_cell, row)) for high, row in shares.items()),
                keys=1,
                styles=tuple(
                    ("", *(_GREYS[_level(share / largest, len(_GREYS))] for share in row)) for row in shares.values()
                ),
            ),
        )
        return
    cell = 2 if wide else 1
    yield TitledSheet(
        f"Share of requests (shade of {100 * largest:.2g} %): {where}",
        Sheet(
            (Column("", right=True), Column(f"{short_tokens(columns[0])} to {short_tokens(columns[-1])}")),
            tuple(
                (short_tokens(high), "".join(_SHADES[_level(share / largest, len(_SHADES))] * cell for share in row))
                for high, row in shares.items()
            ),
        ),
    )


def _map_cell(share: float) -> str:
    if share == 0:
        return "."
    return "<.1" if share < 0.0005 else f"{100 * share:.1f}"


def _level(part: float, levels: int) -> int:
    """From 0 (nothing) up; by the square root, so that small shares can be seen."""
    return 0 if part <= 0 else min(levels - 1, 1 + int(part**0.5 * (levels - 1)))


def _bucket_sheet(buckets: Sequence[Bucket]) -> Sheet:
    headers = ("Input tokens", "Output tokens", "Mean in", "Mean out", "Longest", "Share")
    return Sheet(
        tuple(Column(header, right=True) for header in headers),
        tuple(
            (
                f"{number(bucket.input_low_tokens + 1)}-{number(bucket.input_high_tokens)}",
                f"{number(bucket.output_low_tokens + 1)}-{number(bucket.output_high_tokens)}",
                number(bucket.mean_input_tokens, 1),
                number(bucket.mean_output_tokens, 1),
                number(bucket.longest_total_tokens),
                percent(bucket.share, 2),
            )
            for bucket in buckets
        ),
        keys=2,
    )


def _facts(shown: WorkloadFile) -> Iterator[tuple[str, str]]:
    workload, rates, drift = shown.workload, shown.arrival_rates, shown.drift
    yield "Requests", _requests(shown)
    yield "Arrivals", "no data" if rates is None else rates_in_words(rates)
    if drift is not None:
        yield (
            "Drift",
            f"the mix of {drift.windows:,} windows of {window_length(drift.window_s)} differs from the whole by "
            f"{drift.mean:.2f} on average, {drift.most:.2f} at most (total variation, 0 to 1)",
        )
    if shown.cached_input_share:
        yield "Cached", cached_in_words(shown.cached_input_share)
    error = "" if shown.load_error is None else f"; {load_error_in_words(shown.load_error)}"
    yield "Buckets", f"{len(workload.buckets)}{error}"
    if shown.dated:
        yield "Dated", shown.dated
    yield "Source", workload.source
    if rates is not None and rates.source:
        yield "", f"arrivals: {rates.source}"
    yield "Licence", workload.licence
    yield from (("Note", note) for note in workload.notes)


def _requests(shown: WorkloadFile) -> str:
    known = UNKNOWN if shown.workload.requests is None else number(shown.workload.requests)
    rows = "row" if shown.rows_unreadable == 1 else "rows"
    return f"{known}; {shown.rows_unreadable:,} {rows} could not be read" if shown.rows_unreadable else known


def cached_in_words(share: float) -> str:
    """What part of the input tokens came from a prompt cache, and what plans make of it."""
    return (
        f"{100 * share:.3g} % of the input tokens were read from a prompt cache; plans take the same share from the "
        "engine's own, unless --cached-input says otherwise"
    )


def load_error_in_words(error: float) -> str:
    """How wrong the load may be that the buckets give."""
    return f"load error at most {100 * error:.2g} %"
