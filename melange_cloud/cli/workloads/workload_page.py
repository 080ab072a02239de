"""A workload as ``workloads show`` prints it: figures, a heat map of its sizes, its rate over time, its origin."""

import io
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from melange_cloud.cli.output import colour, width
from melange_cloud.errors import echoed

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from melange_cloud.domain import ArrivalRates, TokenFigures
    from melange_cloud.workload import WorkloadFile

SCHEMA_VERSION = 2

_BARS = "▁▂▃▄▅▆▇█"
_SHADES = " ░▒▓█"
_GREYS = ("", "on grey23", "on grey35", "on grey46", "on grey58", "black on grey70", "black on grey85")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LEAST_CELL, _LABEL = 5, 6
_LONGEST_TEXT = 1000
"""Characters that are shown of a title, a source or a note, which are the file's."""


def as_json(held: "WorkloadFile") -> str:
    """The JSON of ``show``; null is "the file does not hold it"."""
    workload, rates, drift = held.workload, held.arrival_rates, held.drift
    answer = {
        "schema_version": SCHEMA_VERSION,
        "name": workload.name,
        "title": workload.title,
        "requests": workload.requests,
        "rows_unreadable": held.rows_unreadable,
        "input_tokens": _figures(held.input_tokens, workload.mean_input_tokens),
        "output_tokens": _figures(held.output_tokens, workload.mean_output_tokens),
        "requests_per_s": {
            "mean": rates.mean_requests_per_s if rates else None,
            "p95": rates.p95_requests_per_s if rates else None,
            "peak": rates.peak_requests_per_s if rates else None,
            "window_s": rates.window_s if rates else None,
            "windows": rates.windows if rates else None,
            "gaps": rates.gaps if rates else None,
            "starts_at": rates.starts_at.isoformat() if rates and rates.starts_at else None,
            "source": (rates.source or workload.source) if rates else None,
            "requests_by_window": list(rates.requests_by_window) if rates else None,
            "hour_of_week": list(rates.hour_of_week()) if rates else None,
        },
        "drift": None
        if drift is None
        else {"window_s": drift.window_s, "windows": drift.windows, "mean": drift.mean, "max": drift.most},
        "cached_input_share": held.cached_input_share,
        "load_error": held.load_error,
        "buckets": [
            {
                "input_tokens": [bucket.input_low_tokens, bucket.input_high_tokens],
                "output_tokens": [bucket.output_low_tokens, bucket.output_high_tokens],
                "mean_input_tokens": bucket.mean_input_tokens,
                "mean_output_tokens": bucket.mean_output_tokens,
                "share": bucket.share,
                "longest_total_tokens": bucket.longest_total_tokens,
            }
            for bucket in workload.buckets
        ],
        "source": workload.source,
        "licence": workload.licence,
        "dated": held.dated or None,
        "notes": list(workload.notes),
    }
    return json.dumps(answer, indent=2, ensure_ascii=False) + "\n"


def as_page(held: "WorkloadFile", *, buckets: bool, in_colour: bool) -> str:
    """The page for people; ``buckets`` lists every bucket too."""
    from rich.console import Console, Group
    from rich.text import Text

    workload = held.workload
    title = f"{echoed(workload.name)}: {echoed(workload.title, _LONGEST_TEXT)}"
    blocks: list[RenderableType] = [Text(title), Text(), _sizes(held), Text()]
    blocks += [*_heat_map(held, coloured=in_colour and colour()), Text()]
    if held.arrival_rates is not None and (lines := _over_time(held.arrival_rates)):
        blocks += [*(Text(line) for line in lines), Text()]
    if buckets:
        blocks += [_bucket_table(held), Text()]
    blocks.append(_facts(held))
    page = io.StringIO()
    painted = in_colour and colour()
    console = Console(
        file=page,
        width=width(),
        force_terminal=painted,
        force_jupyter=False,
        color_system="256" if painted else None,
        highlight=False,
    )
    console.print(Group(*blocks))
    return "\n".join(line.rstrip() for line in page.getvalue().splitlines()) + "\n"


def sparkline(values: Sequence[float | None], most: float) -> str:
    """One character per value, from nothing to ``most``; a blank where there is no value."""
    return "".join(
        " " if value is None else _BARS[min(len(_BARS) - 1, int(value / most * len(_BARS)))] if most else _BARS[0]
        for value in values
    )


def short(tokens: int) -> str:
    """A number of tokens in at most five characters: ``250``, ``1.5k``, ``32k``, ``2M``."""
    for unit, sign in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if tokens >= unit:
            value = tokens / unit
            return f"{value:.0f}{sign}" if value >= 10 or value == int(value) else f"{value:.1f}{sign}"
    return f"{tokens}"


def _figures(figures: "TokenFigures | None", mean: float) -> dict[str, float | None]:
    if figures is None:
        return {"mean": mean, "p50": None, "p90": None, "p99": None}
    return {"mean": figures.mean, "p50": figures.p50, "p90": figures.p90, "p99": figures.p99}


def _table(*headings: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    return table


def _sizes(held: "WorkloadFile") -> "Table":
    table = _table("", "mean", "p50", "p90", "p99")
    for name, figures, mean in (
        ("Input tokens", held.input_tokens, held.workload.mean_input_tokens),
        ("Output tokens", held.output_tokens, held.workload.mean_output_tokens),
    ):
        quantiles = (figures.p50, figures.p90, figures.p99) if figures else (None, None, None)
        shown = ("-" if size is None else f"{size:,}" for size in quantiles)
        table.add_row(name, f"{figures.mean if figures else mean:,.0f}", *shown)
    return table


def _heat_map(held: "WorkloadFile", *, coloured: bool) -> "Iterator[Text]":
    """Shares of requests by input (rows) and output range (columns); numbers where they fit, else shades."""
    from rich.text import Text

    rows: dict[int, dict[int, float]] = {}
    for bucket in held.workload.buckets:
        row = rows.setdefault(bucket.input_high_tokens, {})
        row[bucket.output_high_tokens] = row.get(bucket.output_high_tokens, 0.0) + bucket.share
    columns = sorted({column for row in rows.values() for column in row})
    largest = max(share for row in rows.values() for share in row.values())
    cell = min(7, (width() - _LABEL - 1) // len(columns))
    numbers = cell >= _LEAST_CELL
    cell = cell if numbers else max(1, min(2, cell))
    unit = "%" if numbers else f"shade of {100 * largest:.2g} %"
    yield Text(f"Share of requests ({unit}): input tokens up to (down), output tokens up to (across)")
    if numbers:
        yield Text(" " * _LABEL + "".join(short(column).rjust(cell) for column in columns))
    else:
        yield Text(" " * _LABEL + f" {short(columns[0])} to {short(columns[-1])}")
    for high in sorted(rows):
        line = Text(short(high).rjust(_LABEL))
        for column in columns:
            share = rows[high].get(column, 0.0)
            if numbers:
                line.append(_percent(share).rjust(cell), _grey(share / largest) if coloured else "")
            else:
                line.append(_SHADES[_level(share / largest, len(_SHADES))] * cell)
        yield line


def _percent(share: float) -> str:
    if share == 0:
        return "."
    return "<.1" if share < 0.0005 else f"{100 * share:.1f}"


def _level(part: float, levels: int) -> int:
    """From 0 (nothing) up; by the square root, so that small shares can be seen."""
    return 0 if part <= 0 else min(levels - 1, 1 + int(part**0.5 * (levels - 1)))


def _grey(part: float) -> str:
    return _GREYS[_level(part, len(_GREYS))]


def _over_time(rates: "ArrivalRates") -> list[str]:
    """The rate over the hours of the week, or over the windows of the source."""
    from melange_cloud.report.text import short_rate

    week = rates.hour_of_week()
    if week:
        days = _DAYS if rates.starts_at is not None else tuple(f"d{day}" for day in range(1, 8))
        most = max(rate for rate in week if rate is not None)
        hours = "Hour of the week (UTC)" if rates.starts_at is not None else "Hour of the week, from the first hour"
        lines = [f"{hours}: requests/s, a full bar is {short_rate(most)}", "     0     6     12    18"]
        for at, day in enumerate(days):
            hourly = week[24 * at : 24 * at + 24]
            known = [rate for rate in hourly if rate is not None]
            mean = short_rate(sum(known) / len(known) if known else None)
            lines.append(f"{day:4} {sparkline(hourly, most)}  mean {mean}")
        return lines
    if not rates.requests_by_window:
        return []
    columns = min(len(rates.requests_by_window), width() - 2, 120)
    step = -(-len(rates.requests_by_window) // columns)
    pieces = [rates.requests_by_window[at : at + step] for at in range(0, len(rates.requests_by_window), step)]
    values = []
    for piece in pieces:
        known = [count for count in piece if count is not None]
        values.append(sum(known) / len(known) / rates.window_s if known else None)
    most = max(value for value in values if value is not None)
    return [f"Rate over time: requests/s, a full bar is {short_rate(most)}", sparkline(values, most)]


def _bucket_table(held: "WorkloadFile") -> "Table":
    table = _table("Input tokens", "Output tokens", "Mean in", "Mean out", "Longest", "Share")
    for bucket in held.workload.buckets:
        longest = bucket.longest_total_tokens
        table.add_row(
            f"{bucket.input_low_tokens + 1:,}-{bucket.input_high_tokens:,}",
            f"{bucket.output_low_tokens + 1:,}-{bucket.output_high_tokens:,}",
            f"{bucket.mean_input_tokens:,.1f}",
            f"{bucket.mean_output_tokens:,.1f}",
            "-" if longest is None else f"{longest:,}",
            f"{100 * bucket.share:.2f} %" if bucket.share >= 0.00005 else "< 0.01 %",
        )
    return table


def _facts(held: "WorkloadFile") -> "Table":
    from rich.table import Table
    from rich.text import Text

    workload, rates, drift = held.workload, held.arrival_rates, held.drift
    lines = [("Requests", _requests(held)), ("Arrivals", "no data" if rates is None else rates_in_words(rates))]
    if drift is not None:
        lines.append(
            (
                "Drift",
                f"the mix of {drift.windows:,} windows of {duration(drift.window_s)} differs from the whole by "
                f"{drift.mean:.2f} on average, {drift.most:.2f} at most (total variation, 0 to 1)",
            )
        )
    if held.cached_input_share:
        share = f"{100 * held.cached_input_share:.3g}"
        lines.append(
            ("Cached", f"{share} % of the input tokens were read from a prompt cache; plans count all of them")
        )
    error = "" if held.load_error is None else f"; load error at most {100 * held.load_error:.2g} %"
    lines.append(("Buckets", f"{len(workload.buckets)}{error}"))
    if held.dated:
        lines.append(("Dated", held.dated))
    lines += [("Source", workload.source)]
    if rates is not None and rates.source:
        lines.append(("", f"arrivals: {rates.source}"))
    lines += [("Licence", workload.licence), *(("Note", note) for note in workload.notes)]
    facts = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for term, fact in lines:
        facts.add_row(term, Text(echoed(fact, _LONGEST_TEXT)))
    return facts


def _requests(held: "WorkloadFile") -> str:
    known = "-" if held.workload.requests is None else f"{held.workload.requests:,}"
    rows = "row" if held.rows_unreadable == 1 else "rows"
    return f"{known}; {held.rows_unreadable:,} {rows} could not be read" if held.rows_unreadable else known


def rates_in_words(rates: "ArrivalRates") -> str:
    """The rates with the binning that they come from."""
    gaps = f", {rates.gaps:,} with gaps left out" if rates.gaps else ""
    return (
        f"mean {per_s(rates.mean_requests_per_s)}, p95 {per_s(rates.p95_requests_per_s)}, "
        f"peak {per_s(rates.peak_requests_per_s)} requests/s, over {rates.windows:,} windows of "
        f"{duration(rates.window_s)}{gaps}"
    )


def per_s(rate: float) -> str:
    """A rate with two decimals, a low one with three significant digits: ``5.55``, ``0.00333``, ``0``."""
    return f"{rate:,.2f}" if rate >= 1 else f"{rate:.3g}"


def duration(seconds: int) -> str:
    """A window's length: ``1 h``, ``10 min``, ``90 s``."""
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"
