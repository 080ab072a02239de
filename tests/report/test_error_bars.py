"""The sentences on profile errors: cost range, the mix at its ends, what to measure first; and on every target."""

import csv
import io
import json
from dataclasses import replace

import pytest

import melange_cloud
from melange_cloud.domain import ErrorBars, FleetAtThroughput, ProfileSwing
from tests.report import forms, plans
from tests.report.test_json import SCHEMA, faults
from tests.schemas import closed

PLAN = {"g5.2xlarge": 11}
MEASURE = "melange-cloud profiles import FILE --gpu A10G --tp 1"


def swing(better=7000.0, worse=12000.0, gpu="A10G", *, in_fleet=True):
    size = None if better is None or worse is None else worse - better
    return ProfileSwing(gpu, 1, 0.3, 0.3, in_fleet, better, worse, size, MEASURE)


def bars(better=None, worse=None, profiles=()):
    stated = FleetAtThroughput(9732.36, PLAN, True)
    return ErrorBars(better or stated, stated, worse or stated, tuple(profiles))


def page(expected, *, pessimistic=False, ends=(7000.0, 13000.0), width=200):
    region = plans.region_plan([plans.allocation(plans.G5, 11)], error_bars=expected, usd_per_month_range=ends)
    return forms.table(plans.plan(region, pessimistic=pessimistic), width=width, colour=False)


BETTER = FleetAtThroughput(7000.0, {"g5.2xlarge": 8}, True)
WORSE = FleetAtThroughput(13000.0, {"p4d.24xlarge": 1}, False)


def test_the_mix_at_either_end_is_named():
    text = page(bars(BETTER, WORSE))
    assert "If profiles are 30 % better or worse: $7,000 to $13,000." in text
    assert "If better 8 g5.2xlarge, the same mix; if worse 1 p4d.24xlarge, another mix." in text


def test_ends_that_change_nothing_are_one_sentence():
    text = page(bars(), ends=(9732.36, 9732.36))
    assert "If profiles are 30 % better or worse, the cost stays at $9,732." in text
    assert "mix" not in text.split("Alternatives")[0].split("stays at")[1]


def test_an_end_without_a_fleet_is_said_and_not_filled():
    text = page(bars(BETTER, FleetAtThroughput(None, {}, None)), ends=(7000.0, None))
    assert "If profiles are 30 % better: $7,000; if 30 % worse: no fleet can serve this." in text
    assert "If better 8 g5.2xlarge, the same mix." in text


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (swing(), f"Measure first A10G, whose ±30 % alone moves the cost by $5,000 ($7,000 to $12,000): `{MEASURE}`"),
        (
            swing(gpu="L4", in_fleet=False),
            "Measure first L4, which would enter if it were 30 % better and save $5,000: ",
        ),
        (
            replace(swing(gpu="L4", in_fleet=False), error=1.5, error_down=1.0),
            "Measure first L4, which would enter if it were 2.5 times as fast and save $5,000: ",
        ),
        (
            replace(swing(gpu="L4", in_fleet=False), error=0.0, error_down=1.0),
            "first L4, which serves none of this as stated; if it served a few, it would enter and save $5,000: ",
        ),
        (
            replace(swing(worse=None), error=0.5, error_down=1.0),
            "errors (none to +50 %) alone decide whether there is a fleet ($7,000 if better, no fleet if worse): ",
        ),
        (swing(worse=None), "decides whether there is a fleet ($7,000 if better, no fleet if worse): "),
    ],
)
def test_what_to_measure_first(first, expected):
    assert expected in page(bars(BETTER, WORSE, [first, swing(8000.0, 8100.0, "L4")]))


def test_nothing_is_to_be_measured_where_no_error_moves_the_cost():
    assert "Measure first" not in page(bars(profiles=[swing(7000.0, 7000.0)]))
    assert "Measure first" not in page(bars())


def test_a_pessimistic_page_says_what_it_is_based_on():
    text = page(bars(BETTER, WORSE, [swing()]), pessimistic=True)
    assert "This is the low end of every profile: as stated $9,732, at the high end $7,000." in text
    assert "at the high end 8 g5.2xlarge, the same mix." in text
    assert "better or worse" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_longer_than_the_terminal(width):
    for expected in (bars(BETTER, WORSE, [swing()]), bars(profiles=[swing(worse=None)])):
        for pessimistic in (True, False):
            text = page(expected, pessimistic=pessimistic, width=width)
            assert max(map(len, text.splitlines())) <= width


def test_the_json_of_error_bars_holds_nothing_undescribed():
    expected = bars(BETTER, FleetAtThroughput(None, {}, None), [swing(), swing(worse=None)])
    region = plans.region_plan([plans.allocation(plans.G5, 11)], error_bars=expected)
    document = json.loads(forms.as_json(plans.plan(region)))
    assert faults(document, closed(SCHEMA)) == []
    shown = document["regions"][0]["error_bars"]
    assert shown["better"] == {"usd_per_month": 7000, "instances": {"g5.2xlarge": 8}, "same_mix": True, "proven": True}
    assert shown["profiles"][1]["swing_usd_per_month"] is None
    shown["better"]["same_mix"] = "yes"
    assert faults(document, closed(SCHEMA))


def test_a_frame_of_the_swings():
    expected = bars(profiles=[swing(), swing(8000.0, 8100.0, "L4")])
    frames = melange_cloud.frames(plans.plan(plans.region_plan([plans.allocation(plans.G5, 11)], error_bars=expected)))
    assert list(frames["profile_swings"]["gpu"]) == ["A10G", "L4"]
    assert list(frames["profile_swings"]["region"]) == ["us-east-1"] * 2
    assert "error_bars" not in frames["regions"].columns


def targets(**more):
    return plans.plan(plans.region_plan([plans.allocation(plans.G5, 11)]), **more)


def test_every_target_is_shown():
    answer = targets(p99_tpot_ms=250.0, ttft_ms=1500.0, e2e_ms=30000.0, pessimistic=True)
    expected = "mean TPOT <= 100 ms*; p99 TPOT <= 250 ms; mean TTFT <= 1,500 ms; mean end to end <= 30,000 ms"
    assert expected in forms.table(answer, width=200, colour=False)
    assert "no TTFT target" not in forms.table(answer, width=200, colour=False)
    assert "1,500 ms" in forms.as_markdown(answer)
    request = json.loads(forms.as_json(answer))["request"]
    assert [request[name] for name in ("p99_tpot_ms", "ttft_ms", "e2e_ms", "pessimistic")] == [250, 1500, 30000, True]
    (row,) = csv.DictReader(io.StringIO(forms.as_csv(answer)))
    assert [row[name] for name in ("tpot_ms", "p99_tpot_ms", "ttft_ms", "e2e_ms", "pessimistic")] == [
        "100.0",
        "250.0",
        "1500.0",
        "30000.0",
        "true",
    ]


def test_targets_that_were_not_asked_for_are_null_and_empty():
    answer = targets()
    assert "mean TPOT <= 100 ms*; no TTFT target" in forms.table(answer, width=200, colour=False)
    request = json.loads(forms.as_json(answer))["request"]
    assert [request[name] for name in ("p99_tpot_ms", "ttft_ms", "e2e_ms", "pessimistic")] == [None, None, None, False]
    (row,) = csv.DictReader(io.StringIO(forms.as_csv(answer)))
    assert [row[name] for name in ("p99_tpot_ms", "ttft_ms", "e2e_ms", "pessimistic")] == ["", "", "", "false"]
