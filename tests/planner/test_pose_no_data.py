"""What is not known to be possible is not called impossible: targets that profiles know nothing of."""

import pytest

from melange_cloud.domain import MaxTput, UnservableSize
from melange_cloud.planner.pose import pose
from tests.builders import A10G, H100, L4, LONG, SHORT, offer, rules

UNKNOWN = UnservableSize("no data: the profile has no p99 TPOT", no_data=True)
TOO_SLOW = UnservableSize("54 ms to read the weights > 50 ms")
SERVED = MaxTput(5.0, "A", 0.1, "measured", "p99_tpot")
OFFERS = [offer("g6", "L4", 1, 1.0), offer("g5", "A10G", 1, 1.3), offer("p5", "H100", 8, 40.0)]


def posed(cells, router="plain"):
    table = {}
    for kind, (short, long) in cells.items():
        table |= {(SHORT.name, kind): short, (LONG.name, kind): long}
    return pose(OFFERS, table, {}, (SHORT, LONG), 10.0, rules(router))


def test_nothing_known_is_no_data():
    answer = posed({L4: (UNKNOWN, UNKNOWN), A10G: (UNKNOWN, UNKNOWN), H100: (UNKNOWN, UNKNOWN)})
    assert answer.problem is None
    assert answer.no_data
    assert answer.reason == "A10G, H100, L4: no data: the profile has no p99 TPOT"
    assert answer.unknown_kinds == {L4, A10G, H100}
    assert {item.code for item in answer.left_out} == {"no_data"}


def test_one_unknown_kind_is_enough_for_doubt():
    answer = posed({L4: (TOO_SLOW, TOO_SLOW), A10G: (UNKNOWN, UNKNOWN), H100: (TOO_SLOW, TOO_SLOW)})
    assert answer.no_data
    assert answer.unknown_kinds == {A10G}
    assert {item.instance_type: item.code for item in answer.left_out} == {
        "g5": "no_data",
        "g6": "cannot_serve",
        "p5": "cannot_serve",
    }


def test_what_is_impossible_anyway_is_no_matter_of_data():
    answer = posed({L4: (TOO_SLOW, UNKNOWN), A10G: (UNKNOWN, TOO_SLOW), H100: (TOO_SLOW, TOO_SLOW)})
    assert answer.problem is None
    assert not answer.no_data
    assert not answer.unknown_kinds


def test_measured_kinds_are_planned_with_and_the_others_named():
    answer = posed({L4: (UNKNOWN, UNKNOWN), A10G: (SERVED, SERVED), H100: (TOO_SLOW, TOO_SLOW)})
    assert answer.problem is not None
    assert answer.problem.kinds == (A10G,)
    assert {item.instance_type: item.code for item in answer.left_out} == {"g6": "no_data", "p5": "cannot_serve"}


@pytest.mark.parametrize(("long_cell", "no_data"), [(UNKNOWN, True), (TOO_SLOW, False)])
def test_a_row_that_none_serves(long_cell, no_data):
    answer = posed({L4: (SERVED, long_cell), A10G: (SERVED, TOO_SLOW), H100: (TOO_SLOW, TOO_SLOW)}, "oracle")
    assert answer.problem is None
    assert answer.no_data is no_data
