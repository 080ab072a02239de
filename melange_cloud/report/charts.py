"""What charts show, as plain data: panels of coloured fields or of lines, and the texts around them.

chart_drawing draws them. Colours are Okabe and Ito's, which colour-blind people tell apart, and no colour appears
without its letter, its mark or its name.
"""

from dataclasses import dataclass

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
BANNER_COLUMNS = 84
"""Characters of a banner's line, which is bold, in a chart of the usual width."""


@dataclass(frozen=True, slots=True)
class GridField:
    """One field of a GridPanel: its text, its colour, and how strong the colour is (0 is paper, 1 the full colour).

    A line is drawn between neighbours of different ``group``.
    """

    text: str
    colour: str = NOTHING_COLOUR
    strength: float = 1.0
    group: str = ""


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
    """A line through points (x, y), with a mark at each, or with a few marks that tell a GPU's line from another's.

    ``errors`` are fractions of y downward and upward, drawn as a band, or as bars where several lines have them.
    ``dashed`` tells a second kind of line from the first.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    colour: str = OTHER_COLOUR
    errors: tuple[tuple[float, float], ...] = ()
    dashed: bool = False
    marks: bool = True


@dataclass(frozen=True, slots=True)
class ChartBand:
    """The area between two lines; an infinite y reaches the top of the panel."""

    name: str
    low: tuple[tuple[float, float], ...]
    high: tuple[tuple[float, float], ...]
    colour: str = OTHER_COLOUR


@dataclass(frozen=True, slots=True)
class LinePanel:
    """Lines over one axis, drawn from y = ``lowest``.

    ``level`` draws a thin horizontal line there, ``doubling`` spaces x by its logarithm, ``y_doubling`` y, which then
    begins at ``level``; ``y_unit`` follows the numbers of y. ``point`` is one place, with its name, that is marked.
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
    y_unit: str = ""
    bands: tuple[ChartBand, ...] = ()
    point: tuple[float, float, str] | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels under one title, ``columns`` of them side by side; ``banners`` may not be missed, ``notes`` go below."""

    title: str
    panels: tuple[GridPanel | LinePanel, ...]
    columns: int = 1
    banners: tuple[str, ...] = ()
    subtitle: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    panel_inches: tuple[float, float] = (7.4, 3.4)
