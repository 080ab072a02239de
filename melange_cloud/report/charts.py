"""Charts as PNG or SVG: the one place that imports matplotlib, and only when something is drawn.

What a chart shows is plain data (Chart and its panels), made elsewhere; same Chart, same bytes: no date, no random ids,
none of the user's own matplotlib settings. Colours are Okabe and Ito's, which colour-blind people tell apart, and no
colour appears without its letter or sign.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from melange_cloud.errors import MelangeError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "L4": "#56B4E9",
    "A10G": "#E69F00",
    "A100-40GB": "#CC79A7",
    "A100-80GB": "#0072B2",
    "H100": "#009E73",
}
"""A GPU's colour in every chart (Okabe and Ito, Color Universal Design, 2008)."""

OTHER_COLOUR = "#555555"
NOTHING_COLOUR = "#F2F2F2"
INSTALL = "pictures need matplotlib, which is not installed: pip install 'melange-cloud[plots]'"

_MARKERS = dict(zip(COLOURS.values(), "osD^v", strict=True))
_INK, _PAPER = "#1A1A1A", "#FFFFFF"
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


@dataclass(frozen=True, slots=True)
class GridField:
    """One field of a GridPanel: its text, its colour, and how strong the colour is (0 is paper, 1 the full colour)."""

    text: str
    colour: str = NOTHING_COLOUR
    strength: float = 1.0


@dataclass(frozen=True, slots=True)
class GridPanel:
    """A table of coloured fields; ``rows`` from the bottom up, one GridField per entry of ``x``.

    ``key`` says what the colours mean: (colour, words).
    """

    title: str
    x_label: str
    y_label: str
    x: tuple[str, ...]
    y: tuple[str, ...]
    rows: tuple[tuple[GridField, ...], ...]
    key: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A line through points (x, y), with a mark at each or without.

    ``errors`` are fractions of y downward and upward, drawn as a band; ``dashed`` tells a second kind of line from the
    first.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    colour: str = OTHER_COLOUR
    errors: tuple[tuple[float, float], ...] = ()
    dashed: bool = False
    marks: bool = True


@dataclass(frozen=True, slots=True)
class LinePanel:
    """Lines over one axis, drawn from y = ``lowest``.

    ``level`` draws a thin horizontal line there, ``doubling`` spaces x by its logarithm, ``y_doubling`` y, which then
    begins at ``level``.
    """

    title: str
    x_label: str
    y_label: str
    lines: tuple[ChartLine, ...]
    x_ticks: tuple[float, ...]
    level: float | None = None
    doubling: bool = False
    lowest: float = 0.0
    y_doubling: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels under one title, ``columns`` of them side by side; ``notes`` go below."""

    title: str
    panels: tuple[GridPanel | LinePanel, ...]
    columns: int = 1
    subtitle: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    panel_inches: tuple[float, float] = (7.4, 3.4)


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
        above = 0.32 + 0.2 * len(chart.subtitle)
        below = 0.08 + 0.19 * len(chart.notes)
        width, height = wide * chart.columns, high * rows + above + below
        between = (0.005, below / height, 0.99, 1 - (above + below) / height)
        layout = ConstrainedLayoutEngine(rect=between)
        figure = Figure(figsize=(width, height), dpi=110, facecolor=_PAPER, layout=layout)
        for at, panel in enumerate(chart.panels, 1):
            axes = figure.add_subplot(rows, chart.columns, at)
            if isinstance(panel, GridPanel):
                _draw_grid(axes, panel)
            else:
                _draw_lines(axes, panel)
        left = 0.1 / width
        figure.text(left, 1 - 0.08 / height, chart.title, va="top", fontsize=12, fontweight="bold", color=_INK)
        for at, text in enumerate(chart.subtitle):
            figure.text(left, 1 - (0.34 + 0.2 * at) / height, text, va="top", fontsize=9, color=_INK)
        for at, text in enumerate(chart.notes):
            y = (below - 0.06 - 0.19 * at) / height
            figure.text(left, y, text, va="top", fontsize=8, color="#444444")
        page = BytesIO()
        metadata = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
        figure.savefig(page, format=form, metadata=metadata, facecolor=_PAPER)
    return page.getvalue()


def _draw_grid(axes: "Axes", grid: GridPanel) -> None:
    from matplotlib.patches import Patch, Rectangle

    for y, row in enumerate(grid.rows):
        for x, field in enumerate(row):
            colour = _mixed(field.colour, field.strength)
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor=_PAPER, linewidth=1.5))
            axes.text(x + 0.5, y + 0.5, field.text, ha="center", va="center", fontsize=8.5, color=_readable_on(colour))
    axes.set_xlim(0, len(grid.x))
    axes.set_ylim(0, len(grid.y))
    axes.set_xticks([at + 0.5 for at in range(len(grid.x))], grid.x)
    axes.set_yticks([at + 0.5 for at in range(len(grid.y))], grid.y)
    axes.tick_params(length=0)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.set_xlabel(grid.x_label)
    axes.set_ylabel(grid.y_label)
    axes.set_title(grid.title, pad=22 if grid.key else 6)
    if grid.key:
        patches = [Patch(facecolor=colour, label=words) for colour, words in grid.key]
        axes.legend(
            handles=patches,
            loc="lower left",
            bbox_to_anchor=(-0.01, 1.0),
            ncols=len(patches),
            frameon=False,
            borderpad=0,
            borderaxespad=0.3,
            handlelength=1,
            columnspacing=1.2,
            fontsize=8.5,
        )


def _draw_lines(axes: "Axes", panel: LinePanel) -> None:
    from matplotlib.ticker import StrMethodFormatter

    highest = panel.level or panel.lowest
    for line in panel.lines:
        xs, ys = [x for x, _ in line.points], [y for _, y in line.points]
        axes.plot(
            xs,
            ys,
            color=line.colour,
            marker=_MARKERS.get(line.colour, "s") if line.marks else "",
            markersize=4.5,
            linewidth=1.6,
            linestyle="--" if line.dashed else "-",
            markerfacecolor=_PAPER if line.dashed else line.colour,
            label=line.name,
        )
        errors = line.errors or ((0.0, 0.0),) * len(ys)
        # A band that reaches many times higher than its line is cut, or the lines would all lie at the bottom.
        highest = max(highest, *(y * (1 + min(more, 1.0)) for y, (_, more) in zip(ys, errors, strict=True)))
        if line.errors:
            low = [y * (1 - less) for y, (less, _) in zip(ys, line.errors, strict=True)]
            high = [y * (1 + more) for y, (_, more) in zip(ys, line.errors, strict=True)]
            axes.fill_between(xs, low, high, color=line.colour, alpha=0.15, linewidth=0)
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
    axes.set_title(panel.title)
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


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
