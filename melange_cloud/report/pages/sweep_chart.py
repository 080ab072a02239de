"""A Sensitivity as a Chart: what ``sensitivity --output FILE.svg`` draws.

Every corner of a line is one that was computed: steps are drawn as steps, and nothing is sampled but the ratios along a
price, which are curves.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from melange_cloud.domain import Sensitivity, Stretch
from melange_cloud.report.charts import BANNER_COLUMNS, COLOURS, OTHER_COLOUR, Chart, ChartBand, ChartLine, LinePanel
from melange_cloud.report.pages.sweep import cost_at, range_at, title
from melange_cloud.report.text import GLUE, clean, once, quantity, region_title, usd_per_month, wrap

X_AXIS = {
    "rate": "requests per second in the busiest hour",
    "tpot": "target for the mean TPOT, ms per output token",
    "price": "price of {gpu}, times today's",
    "throughput": "speed of {gpu}, times what its profile states",
}
BY = {"rate": "request rate", "tpot": "TPOT target", "price": "price of {gpu}", "throughput": "speed of {gpu}"}

_MOST_TICKS = 8
_CURVE_POINTS = 16
"""Points of a ratio between two corners, where it is a curve."""


Points = tuple[tuple[float, float], ...]


def sensitivity_chart(answer: Sensitivity) -> Chart:
    """The cost with the range of the profiles' errors, and below it each GPU alone in units of the mix."""
    sweep = answer.sweep
    by = BY[sweep.over].format(gpu=clean(sweep.gpu))
    alone = _alone(answer)
    notes = ["Steps are whole instances; every change of the fleet is computed, not sampled."]
    if _band(answer):
        notes.append("Band: every profile off by its stated error at once, all slower or all faster.")
    else:
        notes.append("The errors of the profiles are not drawn here; a plan says what they do to its cost.")
    if alone:
        notes.append("A GPU type without a line cannot serve this traffic on its own.")
    return Chart(
        f"{region_title(answer.provider, answer.region)}: cost of the cheapest fleet by {by}",
        (_cost(answer), *alone),
        banners=tuple(line for notice in once(map(clean, answer.notices)) for line in wrap(notice, BANNER_COLUMNS)),
        subtitle=tuple(line.replace(GLUE, " ").replace("<=", "≤") for line in title(answer)),
        notes=tuple(notes),
        panel_inches=(7.4, 3.2),
    )


def _cost(answer: Sensitivity) -> LinePanel:
    sweep, hours = answer.sweep, answer.basis.calculation.hours_per_month
    cost = tuple((x, hours * usd) for x, usd in _corners(sweep.stretches, sweep.stretches, lambda mix, _: mix, 0.0))
    return LinePanel(
        "Cost of the cheapest fleet",
        X_AXIS[sweep.over].format(gpu=clean(sweep.gpu)),
        f"USD per month of {quantity(hours)} hours",
        (ChartLine("cheapest mix", cost, marks=False),) if cost else (),
        _round_ticks(sweep.low or 0.0, sweep.high or 0.0),
        bands=_band(answer),
        point=_plan(answer),
    )


def _band(answer: Sensitivity) -> tuple[ChartBand, ...]:
    """The range of the profiles' errors; none where it is not known."""
    sweep, hours = answer.sweep, answer.basis.calculation.hours_per_month
    if not sweep.better or not sweep.worse or not all(part.status.has_fleet for part in sweep.better):
        return ()

    def ends(stretches: Sequence[Stretch]) -> Points:
        return tuple(
            (x, math.inf if usd is None else hours * usd)
            for part in stretches
            for x, usd in ((part.low, part.fleet_usd_per_hour_at_low), (part.high, part.fleet_usd_per_hour_at_high))
        )

    return (ChartBand("if GPUs are slower or faster than estimated", ends(sweep.better), ends(sweep.worse)),)


def _plan(answer: Sensitivity) -> tuple[float, float, str] | None:
    """Where the plan is, if the sweep passes through it."""
    sweep, hours = answer.sweep, answer.basis.calculation.hours_per_month
    cost = None if sweep.asked is None else cost_at(sweep.stretches, sweep.asked)
    if sweep.asked is None or cost is None:
        return None
    name = f"the plan: ${usd_per_month(cost * hours)}"
    ends = range_at(answer, sweep.asked)
    return sweep.asked, cost * hours, name if ends is None else f"{name} ({ends})".replace(GLUE, " ")


def _alone(answer: Sensitivity) -> tuple[LinePanel, ...]:
    """The paper's main figure: each single-GPU fleet's cost over the mix's."""
    sweep = answer.sweep
    lines = []
    for name, stretches in sorted(sweep.singles.items()):
        points = _corners(sweep.stretches, stretches, lambda mix, alone: alone / mix, sweep.step)
        if points:
            gpu = name.split(" ")[0]
            colour = COLOURS.get(gpu, OTHER_COLOUR)
            lines.append(ChartLine(f"{name} only", points, colour, dashed=name != gpu, marks=False))
    if not lines:
        return ()
    return (
        LinePanel(
            "Fleets of one GPU type against the mix",
            X_AXIS[sweep.over].format(gpu=clean(sweep.gpu)),
            "cost ÷ cost of the mix (logarithmic)",
            tuple(lines),
            _round_ticks(sweep.low or 0.0, sweep.high or 0.0),
            level=1.0,
            y_doubling=True,
            y_unit="×",
        ),
    )


def _corners(
    mix: Sequence[Stretch], other: Sequence[Stretch], of: Callable[[float, float], float], step: float
) -> Points:
    """A function of two costs, USD/h, at both ends of every range over which both fleets stay the same.

    Args:
        mix, other: of two sweeps.
        of: the function.
        step: changes nearer than this, a fraction of the quantity, may be one change that the two sweeps found at
            slightly different values: nothing is known between them.
    """
    edges = sorted({edge for part in (*mix, *other) for edge in (part.low, part.high)})
    points: list[tuple[float, float]] = []
    for low, high in pairwise(edges):
        if high - low <= 2 * step * high:
            continue
        middle = (low + high) / 2
        parts = [next((part for part in of_one if part.low <= middle <= part.high), None) for of_one in (mix, other)]
        known = [part for part in parts if part is not None and part.status.has_fleet]
        if len(known) < 2:
            continue
        is_step = all(part.fleet_usd_per_hour_at_low == part.fleet_usd_per_hour_at_high for part in known)
        count = 1 if is_step else _CURVE_POINTS
        for x in (low + (high - low) * at / count for at in range(count + 1)):
            costs = [part.fleet_usd_per_hour(x) for part in known]
            if costs[0] and costs[1]:
                points.append((x, of(costs[0], costs[1])))
    return tuple(points)


def _round_ticks(low: float, high: float) -> tuple[float, ...]:
    """At most eight or nine round values between two."""
    rough = (high - low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(part * power for part in (1, 2, 5, 10) if part * power >= rough)
    return tuple(step * at for at in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))
