"""Which request sizes go to which GPU kind."""

from melange_cloud.domain import Kind, RegionPlan, RoutingLine
from melange_cloud.report.blocks import Column, Sheet
from melange_cloud.report.text import GLUE, clean, glued, number, percent, quantity

_COLUMNS_FOR_KINDS = 4


def routing_sheet(region: RegionPlan, *, wide: bool) -> Sheet:
    """One row per bucket with traffic, by size; the share that each kind serves, and where wide its MaxTput.

    With few kinds each has a column; with many, one column names those that serve the bucket.
    """
    buckets: dict[tuple[tuple[int, int], tuple[int, int]], dict[Kind, RoutingLine]] = {}
    for line in region.fleet.routing:
        kind = Kind(clean(line.gpu), line.tensor_parallel)
        buckets.setdefault((line.input_tokens, line.output_tokens), {})[kind] = line
    kinds = sorted({kind for lines in buckets.values() for kind in lines})
    columns = [
        Column("Input tokens", right=True),
        Column("Output", right=True),
        Column("Mean in/out", right=True, drop=1),
        Column("Req/s", right=True),
    ]
    spread = len(kinds) <= (_COLUMNS_FOR_KINDS if wide else _COLUMNS_FOR_KINDS // 2)
    if spread:
        columns += [Column(str(kind), right=True, least=max(6, len(kind.gpu))) for kind in kinds]
        if wide:
            columns += [Column(f"{kind} max/s", right=True, drop=2) for kind in kinds]
    else:
        columns.append(Column("Served by", least=16))
    rows = []
    for bucket in sorted(buckets):
        lines = buckets[bucket]
        any_line = next(iter(lines.values()))
        cells = [
            _range(any_line.input_tokens),
            _range(any_line.output_tokens),
            f"{number(any_line.mean_input_tokens)}{GLUE}/{GLUE}{number(any_line.mean_output_tokens)}",
            quantity(any_line.bucket_requests_per_s),
        ]
        if spread:
            cells += [percent(lines[kind].share) if kind in lines else "" for kind in kinds]
            if wide:
                cells += [quantity(lines[kind].max_tput_requests_per_s) if kind in lines else "" for kind in kinds]
        else:
            cells.append(
                ", ".join(
                    f"{glued(kind)}{GLUE}{percent(lines[kind].share)}"
                    + (f"{GLUE}(max{GLUE}{quantity(lines[kind].max_tput_requests_per_s)}/s)" if wide else "")
                    for kind in sorted(lines)
                )
            )
        rows.append(tuple(cells))
    return Sheet(tuple(columns), tuple(rows))


def _range(tokens: tuple[int, int]) -> str:
    """(low, high] as its first and last whole number."""
    return f"{number(tokens[0] + 1)}-{number(tokens[1])}"
