"""A HeatMap as a terminal's page. Signs and letters say all that colour says.

E+23    the best GPU here is E, 23 percent above the second
EHF     the profile errors do not tell E, H and F apart; E is the best estimate, and the others are behind
E       no other GPU serves this size within the target
-       none does
L3.3x   a token costs 3.3 times as much on L as on the best
~+12    of two GPUs: the first is ahead by less than the profile errors can explain
"""

from collections.abc import Callable, Iterator

from melange_cloud.domain.heatmap import HeatCell, HeatMap, Yield
from melange_cloud.report.blocks import Block, Column, LabelledLines, Notices, Paragraph, Sheet, TitledSheet
from melange_cloud.report.page import Page
from melange_cloud.report.pages.heatmap_data import COLUMNS, UNIT, document, rows
from melange_cloud.report.sentences import PURCHASE, of_input, profiles_of
from melange_cloud.report.text import (
    GLUE,
    UNKNOWN,
    clean,
    error_range,
    glued,
    joined,
    number,
    once,
    plus_minus,
    quantity,
    region_title,
)

LETTERS = {"L4": "L", "A10G": "G", "A100-40GB": "F", "A100-80GB": "E", "H100": "H"}
"""How a cell names a GPU: L4, A10G, A100 of Forty and Eighty GB, H100."""

NO_LOSER = "any"
"""Where the profile errors do not even tell the best from the worst."""

STYLES = {
    "L4": "color(30)",
    "A10G": "color(166)",
    "A100-40GB": "color(133)",
    "A100-80GB": "color(32)",
    "H100": "color(28)",
}
"""A GPU's colour in a terminal: near its colour in charts, and dark enough for white, light enough for black."""

Shown = Callable[[HeatCell], tuple[str, str]]
"""A cell's text, and its style in colour."""


def heat_map_page(shown: HeatMap) -> Page:
    """The map: prices of replicas, then T/$ by request size or by target."""
    return Page(
        blocks=lambda _: _blocks(shown),
        document=document(shown),
        columns=COLUMNS,
        rows=list(rows(shown)),
    )


def _blocks(shown: HeatMap) -> Iterator[Block]:
    if shown.notices:
        yield Notices(tuple(once(clean(notice) for notice in shown.notices)))
    yield Paragraph((*title(shown), f"T/$ = {UNIT}; 1 of it is 3,600 tokens for a dollar"))
    yield _prices(shown)
    if shown.over == "tpot":
        yield _over_tpot(shown)
    else:
        for heading, show in _grids(shown):
            yield TitledSheet(heading, _grid(shown, show))
    yield from _foot(shown)


def title(shown: HeatMap) -> tuple[str, ...]:
    """What the map is of: model and profiles; region, purchase and price dates; target."""
    mark = dict.fromkeys(shown.defaulted, "*")
    place = f" - {clean(shown.place)}" if shown.place else ""
    first, last = shown.prices_as_of
    dates = str(last) if first == last else f"{first} to {last}"
    origins = joined(sorted({price.price.origin for price in shown.prices}))
    model = f"{shown.model}{mark.get('model', '')} {shown.precision}{mark.get('precision', '')}"
    whose = profiles_of(shown.era, shown.engine, mark.get("era", ""), mark.get("engine", ""))
    where = f"{region_title(shown.provider, shown.region)}{mark.get('region', '')}{place}"
    bought = f"{PURCHASE.get(shown.purchase, shown.purchase)}{mark.get('purchase', '')}"
    if shown.cached_input:
        whose += f"; {of_input(shown.cached_input)} from the prefix cache"
    return (
        f"{model}, {whose}",
        f"{where}, {bought}, {origins} prices of {dates}",
        _target(shown, mark.get("tpot_ms", "")),
    )


def _target(shown: HeatMap, mark: str) -> str:
    if shown.over == "tpot":
        cell = shown.cells[0]
        size = f"{cell.input_tokens:,} input + {cell.output_tokens:,} output tokens"
        return f"T/$ of {size} by target for the mean TPOT{mark}"
    target = "no latency target (saturation)" if shown.tpot_ms is None else f"mean TPOT <= {shown.tpot_ms:g}{GLUE}ms"
    return f"T/$ by request size, {target}{mark}"


def _prices(shown: HeatMap) -> Sheet:
    """One row per kind that is used anywhere, or that is its GPU's smallest."""
    used = {(one.gpu, one.tensor_parallel) for cell in shown.cells for one in cell.ranked}
    smallest = {gpu: min(p.tensor_parallel for p in shown.prices if p.gpu == gpu) for gpu in shown.gpus}
    served = {gpu for gpu, _ in used}
    rows = []
    for price in sorted(shown.prices, key=lambda one: (shown.gpus.index(one.gpu), one.tensor_parallel)):
        kind = (price.gpu, price.tensor_parallel)
        if kind in used or (price.gpu not in served and price.tensor_parallel == smallest[price.gpu]):
            errors = sorted(
                {
                    (one.error, one.error_down)
                    for cell in shown.cells
                    for one in cell.ranked
                    if (one.gpu, one.tensor_parallel) == kind
                }
            )
            rows.append(
                (
                    LETTERS[price.gpu],
                    price.gpu if price.tensor_parallel == 1 else f"{price.gpu} x{price.tensor_parallel}",
                    glued(price.instance_type),
                    number(price.replicas_per_instance),
                    number(price.usd_per_instance_hour, 4),
                    number(price.usd_per_replica_hour, 4),
                    _span(errors),
                    glued(price.price.age),
                )
            )
    columns = (
        Column(""),
        Column("GPU"),
        Column("Cheapest offer", least=8),
        Column("Replicas", right=True),
        Column("$/h each", right=True, drop=1),
        Column("$/h per replica", right=True, least=7),
        Column("Profile", right=True),
        Column("Price", drop=2),
    )
    return Sheet(columns, tuple(rows))


def _span(errors: list[tuple[float, float]]) -> str:
    """From the narrowest error (more, less) to the widest; the widest alone where it is not the same both ways."""
    if not errors:
        return UNKNOWN
    widest = error_range(max(more for more, _ in errors), max(less for _, less in errors))
    if not all(error_range(*error).startswith("±") for error in errors):
        return widest
    low, high = plus_minus(errors[0][0]), widest
    return low if low == high else f"{low.removesuffix(f'{GLUE}%')} to {high.removeprefix('±')}"


def _grids(shown: HeatMap) -> Iterator[tuple[str, Shown]]:
    """The titles of the tables, and the text of their cells."""
    if len(shown.gpus) == 2:
        first, second = shown.gpus
        yield f"{first} against {second}: T/$ above (+) or below (-), percent", _pair(first, second)
    if len(shown.gpus) > 2:
        yield "GPUs that may be the best, the best estimate first", _best
        yield "The worst GPU, and what a token costs on it, times the best estimate", _worst
    yield ("T/$ of the best GPU" if len(shown.gpus) > 1 else f"T/$ of {shown.gpus[0]}"), _value


def _best(cell: HeatCell) -> tuple[str, str]:
    if not cell.ranked:
        return UNKNOWN, "dim"
    best = cell.ranked[0]
    names = "".join(LETTERS[gpu] for gpu in cell.contenders)
    if cell.is_clear:
        names += _signed(best.lead_over(cell.ranked[1]))
    return names, f"{'bold' if len(cell.contenders) == 1 else 'not bold'} {STYLES[best.gpu]}"


def _worst(cell: HeatCell) -> tuple[str, str]:
    if len(cell.ranked) < 2:
        return UNKNOWN, "dim"
    if not cell.is_clear_of_worst:
        return NO_LOSER, "dim"
    worst = cell.ranked[-1]
    return f"{LETTERS[worst.gpu]}{factor(cell.ranked[0], worst)}x", f"bold {STYLES[worst.gpu]}"


def factor(best: Yield, other: Yield) -> str:
    """What a token costs on ``other``, times what it costs on ``best``: ``3.3``, ``12``."""
    times = 1 + best.lead_over(other)
    return number(times, 1 if times < 9.95 else 0)


def _value(cell: HeatCell) -> tuple[str, str]:
    if not cell.ranked:
        return UNKNOWN, "dim"
    return number(cell.ranked[0].tokens_per_s_per_usd_per_hour), STYLES[cell.ranked[0].gpu]


def _pair(first: str, second: str) -> Shown:
    def show(cell: HeatCell) -> tuple[str, str]:
        one, other = cell.of(first), cell.of(second)
        if one is None or other is None:
            alone = one or other
            return (UNKNOWN, "dim") if alone is None else (LETTERS[alone.gpu], f"bold {STYLES[alone.gpu]}")
        clear = one.is_clear_of(other)
        ahead = first if one.lead_over(other) >= 0 else second
        return f"{'' if clear else '~'}{_signed(one.lead_over(other))}", f"{'bold ' if clear else ''}{STYLES[ahead]}"

    return show


def _signed(fraction: float) -> str:
    percent = round(100 * fraction)
    if abs(percent) >= 10_000:
        return "+>99x"
    return f"{percent:+d}" if percent else "+0"


def _grid(shown: HeatMap, show: Shown) -> Sheet:
    """Output tokens down, the longest on top, input tokens to the right, as the paper draws it."""
    cells = {(cell.input_tokens, cell.output_tokens): show(cell) for cell in shown.cells}
    inputs = sorted({size[0] for size in cells})
    outputs = sorted({size[1] for size in cells}, reverse=True)
    return Sheet(
        (Column("out\\in", right=True), *(Column(number(tokens), right=True) for tokens in inputs)),
        tuple((number(row), *(cells[tokens, row][0] for tokens in inputs)) for row in outputs),
        styles=tuple(("dim", *(cells[tokens, row][1] for tokens in inputs)) for row in outputs),
        keys=1,
    )


def _over_tpot(shown: HeatMap) -> Sheet:
    """One row per target: every GPU's T/$, the best, and its lead."""
    columns = [Column("TPOT ms", right=True)]
    columns += [Column(gpu, right=True) for gpu in shown.gpus]
    pair = shown.gpus if len(shown.gpus) == 2 else None
    if pair:
        columns.append(Column(f"{pair[0]} against {pair[1]}", right=True, least=8))
    elif len(shown.gpus) > 2:
        columns += [Column("May be best", right=True, least=6), Column("Worst", right=True)]
    rows = []
    for cell in shown.cells:
        values = [cell.of(gpu) for gpu in shown.gpus]
        row = [
            "none" if cell.tpot_ms is None else quantity(cell.tpot_ms),
            *(number(None if one is None else one.tokens_per_s_per_usd_per_hour) for one in values),
        ]
        if pair:
            row.append(_percent(_pair(*pair)(cell)[0]))
        elif len(shown.gpus) > 2:
            row += [_percent(_best(cell)[0]), _percent(_worst(cell)[0])]
        rows.append(tuple(row))
    return Sheet(tuple(columns), tuple(rows), keys=1)


def _percent(text: str) -> str:
    return f"{text}{GLUE}%" if text[-1:].isdigit() else text


def _foot(shown: HeatMap) -> Iterator[Block]:
    lines = ["- cannot be served within the target."]
    if len(shown.gpus) > 1:
        lines = [clear_cases(shown), *_signs(shown)]
    lines.append(
        "A replica pays its part of an instance here; a fleet rents whole instances: see `melange-cloud plan`."
    )
    if shown.defaulted:
        lines.append("* default")
    yield Paragraph(tuple(lines))
    entries: list[tuple[str, tuple[str, ...]]] = [(gpu, (clean(reason),)) for gpu, reason in shown.missing.items()]
    without = [gpu for gpu in shown.gpus if not any(cell.of(gpu) for cell in shown.cells)]
    for gpu in without:
        reasons = once(clean(cell.refused[gpu]) for cell in shown.cells if gpu in cell.refused)
        entries.append((gpu, (f"serves none of this: {reasons[0]}",)))
    by_reason: dict[str, list[str]] = {}
    for item in shown.left_out:
        if item.code != "gpu_not_asked":
            by_reason.setdefault(clean(item.reason), []).append(clean(item.instance_type))
    if by_reason:
        entries.append(("Left out", tuple(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())))
    if entries:
        yield LabelledLines(tuple(entries))


def _signs(shown: HeatMap) -> Iterator[str]:
    """What the signs of the tables mean."""
    if len(shown.gpus) == 2:
        yield f"~{GLUE}the difference is within the errors of the two profiles (added in quadrature): no winner"
    else:
        yield "Several letters: the errors of their profiles (added in quadrature) do not tell these GPUs apart."
        if any(cell.is_clear for cell in shown.cells):
            yield "A letter and a number: clearly the best, by so many percent of the second's T/$."
    yield f"A letter alone: no other GPU serves this within the target; -{GLUE}none does."
    if len(shown.gpus) > 2 and any(len(cell.ranked) > 1 and not cell.is_clear_of_worst for cell in shown.cells):
        yield f"{NO_LOSER}: not even the best and the worst can be distinguished."


def clear_cases(shown: HeatMap) -> str:
    """How often there is a clear winner, and how often each GPU is clearly not it."""
    compared = [cell for cell in shown.cells if len(cell.ranked) > 1]
    what = "targets" if shown.over == "tpot" else "sizes"
    if not compared:
        return f"No two GPUs serve any of these {what}."
    clear = sum(cell.is_clear for cell in compared)
    behind = {
        gpu: sum(cell.of(gpu) is not None and gpu not in cell.contenders for cell in compared) for gpu in shown.gpus
    }
    ruled_out = [f"{gpu}{GLUE}at{GLUE}{count}" for gpu, count in behind.items() if count]
    text = f"Of {len(compared)} {what} that several GPUs serve, {clear or 'none'} "
    text += "has a clear winner" if clear <= 1 else "have a clear winner"
    return f"{text}; clearly behind: {joined(ruled_out)}." if ruled_out else f"{text}, and no GPU is clearly behind."
