"""A HeatMap as a Chart: what ``profiles heatmap --output FILE.png`` draws."""

import math
from collections.abc import Callable, Iterator

from melange_cloud.domain.heatmap import HeatCell, HeatMap
from melange_cloud.report.charts import BANNER_COLUMNS, COLOURS, Chart, ChartLine, GridField, GridPanel, LinePanel
from melange_cloud.report.pages.heatmap import LETTERS, NO_LOSER, clear_cases, factor, title
from melange_cloud.report.text import GLUE, UNKNOWN, clean, number, once, region_title, wrap

NO_WINNER = 0.3
"""How strongly the colour of a GPU is laid on where its lead is within the profile errors."""

_STRENGTHS = {1: 1.0, 2: 0.6}
"""The same by the number of GPUs that may be the best; for more it is NO_WINNER."""

_FULL_AT = 2.0
"""From this ratio on, one GPU against another has its full colour."""

_AXES = ("input tokens per request", "output tokens per request")
_UNSERVED = "- : no GPU serves this size within the target"
_PAIR_DOUBT = "~ and pale: within the errors of the two profiles (added in quadrature), so no winner"
_DOUBT = (
    "Several letters, paler: the errors of their profiles do not tell these GPUs apart; the best estimate comes first."
)
_WINNER = "One letter and a percentage: clearly the best, and how far its T/$ is above the second's."
_NO_LOSER = f"{NO_LOSER}: not even the best and the worst can be distinguished."
_NOTE_COLUMNS = 112
"""Characters of a line below the panels."""

_WHOLE = "A replica pays its part of an instance here; a fleet rents whole instances."
_COST_COLOUR, _COST_FULL_AT = "#D55E00", 8.0
"""The worst GPU's colour, full where a token costs so many times as much as on the best."""


def heat_map_chart(shown: HeatMap) -> Chart:
    """The chart of a map: fields by request size, or lines over the target."""
    heading, *lines = (line.replace(GLUE, " ").replace("<=", "≤").replace("*", "") for line in title(shown))
    heading, _, profiles = heading.partition(", ")  # a title of all of it is wider than two charts
    lines.insert(0, profiles)
    lines.append("T/$ = (input + output tokens/s of one replica) / (USD/h of one replica)")
    panels: tuple[GridPanel | LinePanel, ...]
    if shown.over == "tpot":
        panels = (_over_tpot(shown),)
        notes: tuple[str, ...] = (
            "Vertical bars: the errors of the profiles. No point: the GPU cannot meet the target.",
        )
    else:
        panels = tuple(_grids(shown))
        notes = (*_signs(shown), _WHOLE)
    return Chart(
        title=f"{heading}: which GPU for which requests, {region_title(shown.provider, shown.region)}",
        banners=tuple(line for notice in once(map(clean, shown.notices)) for line in wrap(notice, BANNER_COLUMNS)),
        subtitle=tuple(lines),
        panels=panels,
        notes=notes,
    )


def _signs(shown: HeatMap) -> Iterator[str]:
    """What the signs in the fields mean, of those that are there."""
    if len(shown.gpus) > 2:
        yield from wrap(clear_cases(shown), _NOTE_COLUMNS)
        yield _DOUBT
        if any(cell.is_clear for cell in shown.cells):
            yield _WINNER
        if any(len(cell.ranked) > 1 and not cell.is_clear_of_worst for cell in shown.cells):
            yield _NO_LOSER
    elif len(shown.gpus) == 2:
        yield _PAIR_DOUBT
    if any(not cell.ranked for cell in shown.cells):
        yield _UNSERVED


def ratio_field(percent: float, first: str, second: str, *, clear: bool) -> GridField:
    """How far ``first`` is above ``second``, in percent: coloured by whoever is ahead, the more so the further."""
    ratio = 1 + percent / 100
    distance = min(1.0, abs(math.log2(ratio)) / math.log2(_FULL_AT))
    strength = 0.12 + 0.88 * distance
    shown = f"{round(percent) + 0:+d}".replace("-", "−")
    return GridField(
        f"{'' if clear else '~'}{shown}",
        COLOURS[first if percent >= 0 else second],
        strength if clear else min(strength, NO_WINNER),
    )


def _grids(shown: HeatMap) -> list[GridPanel]:
    key = tuple((COLOURS[gpu], f"{LETTERS[gpu]} {gpu}") for gpu in shown.gpus)
    if len(shown.gpus) == 1:
        return [_grid(shown, f"T/$ of {shown.gpus[0]}, tokens/s per USD/h", _value, ())]
    if len(shown.gpus) == 2:
        first, second = shown.gpus

        def pair(cell: HeatCell) -> GridField:
            one, other = cell.of(first), cell.of(second)
            if one is None or other is None:
                return _alone(cell)
            return ratio_field(100 * one.lead_over(other), first, second, clear=one.is_clear_of(other))

        ahead = tuple((COLOURS[gpu], f"{gpu} ahead") for gpu in shown.gpus)
        return [_grid(shown, f"T/$ of {first} above (+) or below (−) that of {second}, percent", pair, ahead)]
    return [
        _grid(shown, "Which GPU serves the most tokens for a dollar", _best, key),
        _grid(shown, "The worst GPU, and what a token costs on it, times the best", _worst, ()),
    ]


def _grid(
    shown: HeatMap, heading: str, field: Callable[[HeatCell], GridField], key: tuple[tuple[str, str], ...]
) -> GridPanel:
    cells = {(cell.input_tokens, cell.output_tokens): cell for cell in shown.cells}
    inputs = sorted({size[0] for size in cells})
    outputs = sorted({size[1] for size in cells})
    return GridPanel(
        title=heading,
        x_label=_AXES[0],
        y_label=_AXES[1],
        x=tuple(f"{tokens:,}" for tokens in inputs),
        y=tuple(f"{tokens:,}" for tokens in outputs),
        rows=tuple(tuple(field(cells[tokens, height]) for tokens in inputs) for height in outputs),
        key=key,
    )


def _best(cell: HeatCell) -> GridField:
    if len(cell.ranked) < 2:
        return _alone(cell)
    best = cell.ranked[0]
    text = " ".join(LETTERS[gpu] for gpu in cell.contenders)
    if cell.is_clear:
        text += f" +{100 * best.lead_over(cell.ranked[1]):.0f} %"
    strength = _STRENGTHS.get(len(cell.contenders), NO_WINNER)
    return GridField(text, COLOURS[best.gpu], strength, "".join(sorted(cell.contenders)))


def _worst(cell: HeatCell) -> GridField:
    if len(cell.ranked) < 2:
        return GridField(UNKNOWN)
    if not cell.is_clear_of_worst:
        return GridField(NO_LOSER)
    best, worst = cell.ranked[0], cell.ranked[-1]
    strength = min(1.0, math.log2(1 + best.lead_over(worst)) / math.log2(_COST_FULL_AT))
    return GridField(f"{LETTERS[worst.gpu]} {factor(best, worst)}×", _COST_COLOUR, 0.08 + 0.72 * strength, worst.gpu)


def _alone(cell: HeatCell) -> GridField:
    if not cell.ranked:
        return GridField(UNKNOWN)
    (only,) = cell.ranked[:1]
    return GridField(f"{LETTERS[only.gpu]} only", COLOURS[only.gpu], group=only.gpu)


def _value(cell: HeatCell) -> GridField:
    if not cell.ranked:
        return GridField(UNKNOWN)
    served = cell.ranked[0]
    return GridField(number(served.tokens_per_s_per_usd_per_hour), COLOURS[served.gpu], NO_WINNER)


def _over_tpot(shown: HeatMap) -> LinePanel:
    """T/$ of every GPU over the target; a GPU without a finite target that it meets has no line."""
    lines = []
    for gpu in shown.gpus:
        served = [(cell.tpot_ms, cell.of(gpu)) for cell in shown.cells if cell.tpot_ms is not None]
        known = [(target_ms, one) for target_ms, one in served if target_ms is not None and one is not None]
        if known:
            lines.append(
                ChartLine(
                    name=gpu,
                    points=tuple((target_ms, one.tokens_per_s_per_usd_per_hour) for target_ms, one in known),
                    colour=COLOURS[gpu],
                    errors=tuple((one.error_down, one.error) for _, one in known),
                )
            )
    return LinePanel(
        title="T/$ by latency target",
        x_label="target for the mean TPOT, ms per output token",
        y_label="T/$, tokens/s per USD/h",
        lines=tuple(lines),
        x_ticks=tuple(cell.tpot_ms for cell in shown.cells if cell.tpot_ms is not None),
    )
