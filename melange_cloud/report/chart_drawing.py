"""Charts as PNG or SVG: the one place that imports matplotlib, and only when something is drawn.

Same Chart, same bytes: no date, no random ids, none of the user's own matplotlib settings. The paper is white and
opaque, so that a picture reads the same on a light page and on a dark one. Legends are above their panel, where they
cover nothing.
"""

import math
from collections.abc import Sequence
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import MelangeError
from melange_cloud.report.charts import COLOURS, Chart, ChartBand, ChartLine, GridPanel, LinePanel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INSTALL = "pictures need matplotlib, which is not installed: pip install 'melange-cloud[plots]'"

_MARKERS = dict(zip(COLOURS.values(), "osD^v", strict=True))
_FEW_MARKS = (0.04, 0.12)
"""Where a line has marks only to be distinguished in grey: from here on, each so far, parts of the panel's diagonal."""
_BESIDE = 0.008
"""How far error bars are from each other, parts of the panel's width."""

_LEGEND_CHARACTERS = 14.0
"""Characters of a legend for each inch of a panel."""
_HANDLE_CHARACTERS = 6
_INK, _PAPER, _WARNING = "#1A1A1A", "#FFFFFF", "#8A4B00"
_SETTINGS: dict[str, Any] = {
    "svg.hashsalt": "melange-cloud",
    "svg.fonttype": "none",  # text stays text: it can be searched, and is compared by tests
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 9.0,
    "text.parse_math": False,  # a $ is a dollar
    "axes.edgecolor": "#888888",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}


def can_draw() -> None:
    """See that matplotlib is there, before time is spent on what it is to draw.

    Raises:
        MelangeError: it is not installed; says what to install.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MelangeError(INSTALL) from error


def drawn(chart: Chart, form: str) -> bytes:
    """The chart as ``png`` or ``svg``.

    Raises:
        MelangeError: matplotlib is not installed.
    """
    can_draw()
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        rows = math.ceil(len(chart.panels) / chart.columns)
        wide, high = chart.panel_inches
        head: list[tuple[str, float, dict[str, Any]]] = [
            (chart.title, 0.26, {"fontsize": 12, "fontweight": "bold", "color": _INK}),
            *((line, 0.2, {"fontsize": 9, "fontweight": "bold", "color": _WARNING}) for line in chart.banners),
            *((line, 0.2, {"fontsize": 9, "color": _INK}) for line in chart.subtitle),
        ]
        above = 0.12 + math.fsum(inches for _, inches, _ in head)
        below = 0.08 + 0.19 * len(chart.notes)
        width, height = wide * chart.columns, high * rows + above + below
        between = (0.005, below / height, 0.99, 1 - (above + below) / height)
        layout = ConstrainedLayoutEngine(rect=between)
        figure = Figure(figsize=(width, height), dpi=110, facecolor=_PAPER, layout=layout)
        for at, panel in enumerate(chart.panels, 1):
            axes = figure.add_subplot(rows, chart.columns, at)
            if isinstance(panel, GridPanel):
                _draw_grid(axes, panel, wide)
            else:
                _draw_lines(axes, panel, wide)
        left, down = 0.1 / width, 0.08
        for text, inches, style in head:
            figure.text(left, 1 - down / height, text, va="top", **style)
            down += inches
        for at, text in enumerate(chart.notes):
            y = (below - 0.06 - 0.19 * at) / height
            figure.text(left, y, text, va="top", fontsize=8, color="#444444")
        page = BytesIO()
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(page, format=form, metadata=metadata, facecolor=_PAPER)
    return page.getvalue()


def _draw_grid(axes: "Axes", grid: GridPanel, inches: float) -> None:
    from matplotlib.patches import Patch, Rectangle

    for y, row in enumerate(grid.rows):
        for x, field in enumerate(row):
            colour = _mixed(field.colour, field.strength)
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor=_PAPER, linewidth=1.5))
            axes.text(x + 0.5, y + 0.5, field.text, ha="center", va="center", fontsize=8.5, color=_readable_on(colour))
    _draw_groups(axes, grid)
    axes.set_xlim(0, len(grid.x))
    axes.set_ylim(0, len(grid.y))
    axes.set_xticks([at + 0.5 for at in range(len(grid.x))], grid.x)
    axes.set_yticks([at + 0.5 for at in range(len(grid.y))], grid.y)
    axes.tick_params(length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(grid.x_label)
    axes.set_ylabel(grid.y_label)
    _head(axes, grid.title, [Patch(facecolor=colour, label=words) for colour, words in grid.key], inches)


def _draw_groups(axes: "Axes", grid: GridPanel) -> None:
    """Lines between the fields of different groups."""
    groups = [[field.group for field in row] for row in grid.rows]
    for y, x in product(range(len(grid.y)), range(len(grid.x))):
        if x and groups[y][x] != groups[y][x - 1]:
            axes.plot((x, x), (y, y + 1), color=_INK, linewidth=1.4, solid_capstyle="projecting")
        if y and groups[y][x] != groups[y - 1][x]:
            axes.plot((x, x + 1), (y, y), color=_INK, linewidth=1.4, solid_capstyle="projecting")


def _head(axes: "Axes", title: str, handles: Sequence[Any], inches: float) -> None:
    """A panel's title, and below it a legend of as many rows as a panel so wide takes."""
    longest = max((len(handle.get_label()) for handle in handles), default=0) + _HANDLE_CHARACTERS
    columns = max(1, min(len(handles), int(_LEGEND_CHARACTERS * inches / longest)))
    rows = math.ceil(len(handles) / columns)
    axes.set_title(title, pad=8 + 14 * rows)
    if handles:
        legend = axes.legend(
            handles=handles,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=columns,
            frameon=False,
            borderpad=0,
            borderaxespad=0.3,
            handlelength=2.4,
            columnspacing=1.2,
            fontsize=8.5,
        )
        legend.set_in_layout(False)


def _draw_lines(axes: "Axes", panel: LinePanel, inches: float) -> None:
    from matplotlib.ticker import StrMethodFormatter

    lines = [_draw_line(axes, line) for line in panel.lines]
    _draw_errors(axes, [line for line in panel.lines if line.errors])
    highest = max(panel.level or panel.lowest, *(_top(line) for line in panel.lines))
    highest = max(highest, *(_band_top(band) for band in panel.bands)) if panel.bands else highest
    bands = [_draw_band(axes, band, 2 * highest) for band in panel.bands]
    point = []
    if panel.point is not None:
        x, y, name = panel.point
        axes.plot((x, x), (panel.lowest, y), color=_INK, linewidth=0.8, linestyle=":")
        point = axes.plot((x,), (y,), color=_INK, marker="o", markersize=6, linestyle="", label=name, zorder=4)
    if panel.level is not None:
        axes.axhline(panel.level, color="#888888", linewidth=0.8)
    if panel.doubling:
        axes.set_xscale("log", base=2)
        axes.minorticks_off()
    axes.set_xticks(panel.x_ticks, [f"{tick:g}" for tick in panel.x_ticks])
    axes.set_ylim(panel.lowest, panel.lowest + 1.06 * (highest - panel.lowest))
    if panel.y_doubling:
        axes.set_yscale("log", base=2)
        axes.set_ylim((panel.level or 1.0) * 0.95, highest * 1.06)
        axes.minorticks_off()
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(panel.x_label)
    axes.set_ylabel(panel.y_label)
    axes.yaxis.set_major_formatter(StrMethodFormatter(f"{{x:,g}}{panel.y_unit}"))
    _head(axes, panel.title, [*lines, *bands, *point], inches)


def _draw_line(axes: "Axes", line: ChartLine) -> Any:
    xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
    (artist,) = axes.plot(
        xs,
        ys,
        color=line.colour,
        marker=_MARKERS.get(line.colour, "s" if line.marks else ""),
        markevery=None if line.marks else _FEW_MARKS,
        markersize=4.5,
        linewidth=1.6,
        linestyle="--" if line.dashed else "-",
        markerfacecolor=_PAPER if line.dashed else line.colour,
        label=line.name,
    )
    return artist


def _draw_errors(axes: "Axes", lines: Sequence[ChartLine]) -> None:
    """The errors of one line as a band; of several as bars side by side, since bands on bands tell nothing."""
    every_x = [x for line in lines for x, _ in line.points]
    for at, line in enumerate(lines):
        xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
        low = [y * (1 - less) for y, (less, _) in zip(ys, line.errors, strict=True)]
        high = [y * (1 + more) for y, (_, more) in zip(ys, line.errors, strict=True)]
        if len(lines) == 1:
            axes.fill_between(xs, low, high, color=line.colour, alpha=0.15, linewidth=0)
            return
        aside = (at - (len(lines) - 1) / 2) * _BESIDE * (max(every_x) - min(every_x))
        axes.vlines([x + aside for x in xs], low, high, color=line.colour, linewidth=1.2, alpha=0.8)


def _top(line: ChartLine) -> float:
    """How high the panel of a line is; a band that reaches many times higher than its line is cut."""
    errors = line.errors or ((0.0, 0.0),) * len(line.points)
    return max(y * (1 + min(more, 1.0)) for (_, y), (_, more) in zip(line.points, errors, strict=True))


def _draw_band(axes: "Axes", band: ChartBand, top: float) -> Any:
    """A band, whose infinite ends are drawn at ``top``."""
    outline = [(x, min(y, top)) for x, y in (*band.low, *reversed(band.high))]
    (artist,) = axes.fill(*zip(*outline, strict=True), color=band.colour, alpha=0.18, linewidth=0, label=band.name)
    return artist


def _band_top(band: ChartBand) -> float:
    return max((y for _, y in band.high if math.isfinite(y)), default=0.0)


def _mixed(colour: str, strength: float) -> str:
    """A colour laid on white paper."""
    return "#" + "".join(f"{round(255 - (255 - part) * strength):02X}" for part in _parts(colour))


def _readable_on(colour: str) -> str:
    """Dark or light text, whichever stands out more (relative luminance of WCAG 2)."""
    linear = [
        part / 255 / 12.92 if part / 255 <= 0.03928 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in _parts(colour)
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return _INK if luminance > 0.18 else _PAPER


def _parts(colour: str) -> Sequence[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
