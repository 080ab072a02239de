"""Where the order of two falling steps turns: every turn is found, and only where there is one."""

import math
from bisect import bisect_right

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.planner.ranking.turning_point import NEAR, where_it_turns
from tests.properties import examples


class Falling:
    """A cost that falls to the next of ``costs`` at each of ``breaks``."""

    def __init__(self, breaks, costs):
        self.breaks, self.costs = sorted(breaks), sorted(costs, key=lambda usd: -math.inf if usd is None else -usd)

    def usd(self, t):
        return self.costs[bisect_right(self.breaks, t)]

    def serves_from(self, t, low):
        at = bisect_right(self.breaks, t)
        return max(low, self.breaks[at - 1]) if at else low


def same(usd):
    return 1e-7 * usd


@st.composite
def falling(draw):
    count = draw(st.integers(0, 12))
    breaks = draw(st.lists(st.floats(-1, 1), min_size=count, max_size=count, unique_by=lambda t: round(t, 6)))
    costs = draw(st.lists(st.integers(1, 40), min_size=count + 1, max_size=count + 1))
    nothing = draw(st.integers(0, 1 if count else 0))
    return Falling(breaks, [None] * nothing + [float(usd) for usd in costs[nothing:]])


@settings(max_examples=examples(300))
@given(falling(), falling())
def test_a_turn_is_found_exactly_where_there_is_one(cheaper, costlier):
    # Between two neighbouring breaks nothing changes, so the breaks and the ends are all there is to look at.
    points = sorted({-1.0, 1.0, 0.0, *cheaper.breaks, *costlier.breaks})
    points += [math.nextafter(t, -math.inf) for t in points if t > -1]
    points = [t for t in points if -1 <= t <= 1]

    def costs_more(t):
        ours, theirs = cheaper.usd(t), costlier.usd(t)
        return theirs is not None and (ours is None or ours > theirs + same(theirs))

    if costs_more(0.0):
        return  # the first is the cheaper one as stated
    found = where_it_turns(cheaper, costlier, same)
    assert (found is not None) is any(map(costs_more, points))
    if found is not None:
        assert (found.cheaper_usd, found.dearer_usd) == (cheaper.usd(found.t), costlier.usd(found.t))
        assert costs_more(found.t)


def test_the_reported_turn_is_where_the_order_begins_to_reverse():
    # Cheaper until both are 30 % of the error better, as the more expensive side then does with less.
    found = where_it_turns(Falling([0.9], [100.0, 80.0]), Falling([0.3], [110.0, 90.0]), same)
    assert found.t == pytest.approx(0.3, abs=2 * NEAR)
    assert (found.cheaper_usd, found.dearer_usd) == (100.0, 90.0)


def test_two_breaks_at_one_place_are_no_turn():
    assert where_it_turns(Falling([0.5], [10.0, 5.0]), Falling([0.5], [11.0, 6.0]), same) is None
    assert where_it_turns(Falling([0.5], [10.0, 5.0]), Falling([0.5 - 1e-6], [11.0, 6.0]), same) is not None


def test_no_fleet_costs_more_than_any():
    assert where_it_turns(Falling([-0.5], [None, 5.0]), Falling([], [9.0]), same).cheaper_usd is None
    assert where_it_turns(Falling([], [5.0]), Falling([-0.5], [None, 9.0]), same) is None
