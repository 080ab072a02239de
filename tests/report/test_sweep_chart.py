"""The picture of a sweep: its corners, its band, and what it says, from a sweep made by hand."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from melange_cloud.domain import Sensitivity, Status, Stretch, Sweep
from melange_cloud.report.charts import LinePanel
from melange_cloud.report.page import written
from melange_cloud.report.pages.sweep import sensitivity_page
from melange_cloud.report.pages.sweep_chart import sensitivity_chart
from tests.report import plans


def stretch(low: float, high: float, count: int, usd_per_hour: float | None = None) -> Stretch:
    """So many instances at 1 USD/h."""
    cost = float(count) if usd_per_hour is None else usd_per_hour
    return Stretch(low, high, Status.OPTIMAL, {"g5.2xlarge": count}, float(count), cost)


def none(low: float, high: float) -> Stretch:
    return Stretch(low, high, Status.INFEASIBLE, {}, None, None, "too fast")


OVER_RATE = Sensitivity(
    generated_at=datetime(2026, 11, 22, tzinfo=UTC),
    notices=(plans.EXAMPLE, plans.SNAPSHOT),
    defaulted=(),
    basis=plans.BASIS,
    provider="aws",
    region="us-east-1",
    place="US East (N. Virginia)",
    price_as_of="snapshot 2026-07-20",
    sweep=Sweep(
        over="rate",
        gpu="",
        unit="requests/s",
        asked=10.0,
        low=8.0,
        high=16.0,
        error=None,
        error_down=None,
        step=1e-5,
        stretches=(stretch(8.0, 11.0, 2), stretch(11.0, 16.0, 3)),
        singles={"A10G": (stretch(8.0, 9.0, 2), stretch(9.0, 14.0, 4), none(14.0, 16.0)), "L4": (none(8.0, 16.0),)},
        better=(stretch(8.0, 15.0, 1), stretch(15.0, 16.0, 2)),
        worse=(stretch(8.0, 12.0, 5), none(12.0, 16.0)),
        choices=(),
    ),
)


def panels(answer: Sensitivity) -> list[LinePanel]:
    found = [panel for panel in sensitivity_chart(answer).panels if isinstance(panel, LinePanel)]
    assert len(found) == len(sensitivity_chart(answer).panels)
    return found


def test_steps_are_drawn_as_steps_from_zero() -> None:
    cost, alone = panels(OVER_RATE)
    assert cost.lines[0].points == ((8.0, 1460.0), (11.0, 1460.0), (11.0, 2190.0), (16.0, 2190.0))
    assert cost.lowest == 0
    assert not cost.y_doubling
    assert cost.y_label == "USD per month of 730 hours"
    (line,) = alone.lines
    assert line.name == "A10G only"
    assert line.points == (
        (8.0, 1.0), (9.0, 1.0), (9.0, 2.0), (11.0, 2.0), (11.0, pytest.approx(4 / 3)), (14.0, pytest.approx(4 / 3)),
    )  # fmt: skip
    assert "logarithmic" in alone.y_label


def test_the_band_reaches_from_the_better_end_to_the_worse_and_to_the_top_where_none_serves() -> None:
    (band,) = panels(OVER_RATE)[0].bands
    assert band.low == ((8.0, 730.0), (15.0, 730.0), (15.0, 1460.0), (16.0, 1460.0))
    assert band.high == ((8.0, 3650.0), (12.0, 3650.0), (12.0, math.inf), (16.0, math.inf))


def test_the_plan_is_marked_with_its_range() -> None:
    assert panels(OVER_RATE)[0].point == (10.0, 1460.0, "the plan: $1,460 ($730 to $3,650)")
    beyond = replace(OVER_RATE, sweep=replace(OVER_RATE.sweep, asked=13.0))
    assert panels(beyond)[0].point == (13.0, 2190.0, "the plan: $2,190 (from $730, or no fleet)")
    outside = replace(OVER_RATE, sweep=replace(OVER_RATE.sweep, asked=40.0))
    assert panels(outside)[0].point is None


def test_without_the_ends_there_is_no_band_and_none_is_spoken_of() -> None:
    bare = replace(OVER_RATE, sweep=replace(OVER_RATE.sweep, better=(), worse=()))
    chart = sensitivity_chart(bare)
    assert panels(bare)[0].bands == ()
    assert panels(bare)[0].point == (10.0, 1460.0, "the plan: $1,460")
    assert not any("Band" in note for note in chart.notes)
    assert any("errors of the profiles are not drawn" in note for note in chart.notes)


def test_the_banners_are_in_the_picture() -> None:
    assert sensitivity_chart(OVER_RATE).banners == (plans.EXAMPLE, plans.SNAPSHOT)


def test_a_change_that_two_sweeps_found_at_slightly_different_values_is_no_spike() -> None:
    """At 11 both go from 2 to 3 instances, so that in between one of them would look cheaper than the other."""
    for late in (10.9999, 11.0001):
        both = {"A10G": (stretch(8.0, late, 2), stretch(late, 16.0, 3))}
        swept = replace(OVER_RATE, sweep=replace(OVER_RATE.sweep, singles=both, step=1e-4))
        assert {y for _, y in panels(swept)[1].lines[0].points} == {1.0}


def test_ratios_along_a_price_are_curves() -> None:
    """The mix costs 1 to 2 USD/h and the other GPU 2: their ratio at 1.5 times the price is 2 / 1.5."""
    over_price = replace(
        OVER_RATE.sweep,
        over="price",
        gpu="A10G",
        asked=1.0,
        low=1.0,
        high=2.0,
        stretches=(stretch(1.0, 2.0, 1, 2.0),),
        singles={"L4": (stretch(1.0, 2.0, 2),)},
    )
    cost, alone = panels(replace(OVER_RATE, sweep=over_price))
    assert dict(cost.lines[0].points)[2.0] == 1460.0
    assert dict(alone.lines[0].points)[1.5] == pytest.approx(2 / 1.5)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_plot_in_a_terminal_has_both_ends_and_no_line_is_wrapped(width: int) -> None:
    page = written(sensitivity_page(OVER_RATE, width=width), "table", width=width)
    lines = page.split("requests/s, 8 to 16\n")[1].splitlines()
    plot = {line[1:15].strip(): line for line in lines if "$" in line or "%" in line}
    assert list(plot) == ["Cost", "if GPUs slower", "if GPUs faster", "A10G only"]
    assert plot["Cost"].endswith("$1,460 to $2,190")
    assert plot["if GPUs slower"].endswith("$3,650 to $3,650")
    assert plot["if GPUs faster"].endswith("$730 to $1,460")
    assert plot["A10G only"].endswith("0 % to +100 %")
    assert "·" in plot["if GPUs slower"]
    assert max(map(len, page.splitlines())) <= width
