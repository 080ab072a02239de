import math
import sys

import pytest

from melange_cloud.errors import MelangeError
from melange_cloud.report import chart_drawing, charts
from melange_cloud.report.chart_drawing import drawn
from melange_cloud.report.charts import Chart, ChartBand, ChartLine, GridField, GridPanel, LinePanel
from tests.pictures import texts

GRID = GridPanel(
    "T/$ of $ome", "in", "out", ("25", "100"), ("25",), ((GridField("~+5", "#0072B2", 0.3), GridField("-")),)
)
LINES = LinePanel(
    "by target",
    "ms",
    "T/$",
    (ChartLine("L4", ((40.0, 1.0), (80.0, 2.0)), errors=((0.3, 0.3), (0.3, 0.3))),),
    (40.0, 80.0),
    level=1.5,
    y_unit="×",
    bands=(ChartBand("slower or faster", ((40.0, 0.5), (80.0, 1.0)), ((40.0, 2.0), (80.0, math.inf))),),
    point=(40.0, 1.0, "the plan"),
)
CHART = Chart("one & two", (GRID, LINES), banners=("NOT YOURS",), subtitle=("prices in $ and more $",), notes=("note",))


@pytest.fixture
def matplotlib():
    return pytest.importorskip("matplotlib")


@pytest.mark.usefixtures("matplotlib")
@pytest.mark.parametrize("form", ["svg", "png"])
def test_same_chart_same_bytes_without_date_or_program(form):
    first = drawn(CHART, form)
    assert first == drawn(CHART, form)
    assert b"dc:date" not in first
    assert b"Matplotlib v" not in first
    assert b"Software" not in first


@pytest.mark.usefixtures("matplotlib")
def test_png_is_a_png_and_svg_holds_every_text():
    assert drawn(CHART, "png").startswith(b"\x89PNG\r\n")
    shown = texts(drawn(CHART, "svg").decode())
    for text in (
        "T/$ of $ome",
        "~+5",
        "-",
        "in",
        "out",
        "40",
        "80",
        "L4",
        "one &amp; two",
        "prices in $ and more $",
        "NOT YOURS",
        "slower or faster",
        "the plan",
        "2×",
    ):
        assert text in shown


def test_the_users_own_settings_change_nothing(matplotlib):
    before = drawn(CHART, "svg")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "red", "svg.fonttype": "path"}):
        assert drawn(CHART, "svg") == before
        assert matplotlib.rcParams["font.size"] == 20


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MelangeError) as raised:
        drawn(CHART, "svg")
    assert str(raised.value) == chart_drawing.INSTALL
    assert raised.value.exit_code == 1


@pytest.mark.parametrize("colour", sorted(charts.COLOURS.values()))
@pytest.mark.parametrize("strength", [0.0, 0.12, 0.3, 0.5, 0.75, 1.0])
def test_text_stands_out_from_every_field(colour, strength):
    """Contrast of at least 3:1 (WCAG 2 for graphics), computed here again."""

    def luminance(of):
        parts = [int(of[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    field = chart_drawing._mixed(colour, strength)
    light, dark = sorted((luminance(field), luminance(chart_drawing._readable_on(field))), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 3
