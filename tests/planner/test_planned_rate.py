"""--rate as a number or as one of the workload's own arrivals."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from melange_cloud import planner
from melange_cloud.domain import ArrivalRates
from melange_cloud.errors import BadInput
from melange_cloud.market.policy import PricePolicy
from melange_cloud.planner.answer_question import notices_of
from melange_cloud.planner.planned_rate import doubts_of, rate_of
from melange_cloud.planner.resolve import resolve
from melange_cloud.shipped import shipped
from melange_cloud.workload import load_workload_file, scale, write_workload
from tests.questions import ask

WEEK = load_workload_file("code-week")


@pytest.mark.parametrize(
    ("word", "requests_per_s"),
    [("mean", 27.78), ("p95", 75.74), ("P95 ", 75.74), ("peak", 83.64), ("p100", 83.64), ("p99.5", 82.96)],
)
def test_words_take_the_rate_and_the_mean_of_the_file(word: str, requests_per_s: float) -> None:
    found = rate_of(word, WEEK)
    assert found.requests_per_s == pytest.approx(requests_per_s, abs=0.01)
    assert found.mean_requests_per_s == pytest.approx(27.78, abs=0.01)
    assert found.words == f"{word.strip().lower()} of the 168 hours of code-week"


@pytest.mark.parametrize("number", [25, 25.0, "25", " 2.5e1 "])
def test_numbers_stay_numbers(number: float | str) -> None:
    found = rate_of(number, WEEK)
    assert (found.requests_per_s, found.mean_requests_per_s, found.words) == (25, None, "")


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("p101", "or mean, p95, peak or another quantile such as p99.5"),
        ("fast", "--rate fast: give requests/s"),
        ("p10", "below the mean of code-week, 27.78: such a fleet cannot serve the mean"),
    ],
)
def test_other_words_are_refused(word: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        rate_of(word, WEEK)


def test_a_workload_without_arrivals_has_no_rate() -> None:
    with pytest.raises(BadInput, match="chat has no arrival rates; give requests/s"):
        rate_of("p95", load_workload_file("chat"))
    figures_only = replace(WEEK, arrival_rates=ArrivalRates(60, 58, 5.5, 7.8, 8.4))
    assert rate_of("p95", figures_only).requests_per_s == 7.8
    with pytest.raises(BadInput, match="has only mean, p95 and peak"):
        rate_of("p99", figures_only)


def resolved(**more):
    return resolve(planner.Question(regions=("us-east-1",), **more), ())


def test_a_chosen_workload_is_planned_at_its_own_peak_unless_a_rate_is_given():
    asked = resolved(workload="code-week")
    # Azure's week of code completion, May 2024: 16,803,695 requests in 168 hours, 83.6/s in the busiest.
    assert asked.basis.traffic.peak_requests_per_s == pytest.approx(83.6, abs=0.05)
    assert asked.basis.traffic.mean_requests_per_s == pytest.approx(16_803_695 / 168 / 3600)
    assert asked.basis.traffic.rate_source == "peak of the 168 hours of code-week"
    assert "peak_requests_per_s" in asked.defaulted
    given = resolved(workload="code-week", mean_requests_per_s=20.0)
    assert (given.basis.traffic.mean_requests_per_s, given.basis.traffic.peak_requests_per_s) == (
        20,
        pytest.approx(83.64, abs=0.01),
    )


@pytest.mark.parametrize("workload", [None, "chat"])
def test_ten_requests_per_s_where_no_workload_is_chosen_or_it_has_no_arrivals(workload):
    asked = resolved(workload=workload)
    assert (asked.basis.traffic.peak_requests_per_s, asked.basis.traffic.mean_requests_per_s) == (10, None)
    assert "peak_requests_per_s" in asked.defaulted
    assert asked.basis.traffic.rate_source == ""


def test_traffic_of_ones_own_is_no_example(tmp_path):
    mine = tmp_path / "mine.json"
    held = replace(WEEK, workload=replace(WEEK.workload, name="mine"))
    mine.write_text(write_workload(held), encoding="utf-8")
    mute = replace(held, arrival_rates=None)

    def is_example(**more) -> bool:
        market: Any = SimpleNamespace(every_offer=(), moment=None)
        return any("EXAMPLE TRAFFIC" in line for line in notices_of(resolved(**more), market))

    assert is_example()
    assert is_example(workload="code-week")
    assert not is_example(workload="code-week", peak_requests_per_s="peak")
    assert not is_example(workload=str(mine))
    mine.write_text(write_workload(mute), encoding="utf-8")
    assert is_example(workload=str(mine))


def test_a_mean_above_a_default_peak_says_so():
    with pytest.raises(BadInput, match=r"--mean-rate 90 is above --rate 83.64.*\(the default: set yours\)"):
        resolved(workload="code-week", mean_requests_per_s=90.0)


@pytest.mark.parametrize("word", ["1_0", "\u0663", "0x10", "9" * 400])
def test_a_rate_is_a_plain_decimal_number(word):
    with pytest.raises(BadInput, match="give requests/s"):
        rate_of(word, WEEK)


def test_code_week_without_a_rate_costs_what_its_peak_costs():
    def usd_per_month(**more) -> float:
        question = planner.Question(
            regions=("us-east-1",), workload="code-week", trust=PricePolicy(offline=True), explain=False, **more
        )
        (region,) = planner.answer(question).regions
        return region.fleet_usd_per_hour * 730

    # 1.2 x 83.64 requests/s keep 16.085 A100-40GB or 125.5 L4 busy (tests/estimates_by_hand.py): two p4d.24xlarge at
    # 21.9576 USD/h are 0.9947 of what it takes, and a g6.2xlarge at 0.9776, the cheapest GPU, the rest: 0.0080.
    assert usd_per_month() == pytest.approx((2 * 21.957642 + 0.9776) * 730, abs=1)
    assert usd_per_month() == pytest.approx(usd_per_month(peak_requests_per_s="peak"))


def test_a_plan_for_the_p95_divides_by_the_mean() -> None:
    week = {"workload": "code-week", "explain": False}
    by_word = ask(**week, peak_requests_per_s="p95")
    rates = WEEK.arrival_rates
    assert rates is not None
    by_number = ask(**week, peak_requests_per_s=rates.p95_requests_per_s, mean_requests_per_s=rates.mean_requests_per_s)
    assert by_word.regions == by_number.regions
    assert by_word.basis.traffic.rate_source == "p95 of the 168 hours of code-week"
    assert "peak_requests_per_s" not in by_word.defaulted


def test_the_busiest_window_is_dated():
    """Read from the shipped file itself: 168 counts from 2024-05-10, of which the largest comes once."""
    with (shipped("profiles") / "workloads" / "code-week.json").open(encoding="utf-8") as file:
        arrivals_json = json.load(file)["requests_per_s"]
    counts = arrivals_json["requests_by_window"]
    begins = datetime.fromisoformat(arrivals_json["starts_at"]) + timedelta(hours=counts.index(max(counts)))
    traffic = resolved(workload="code-week").basis.traffic
    assert traffic.peak_window_starts_at == begins
    assert (traffic.rate_window_s, traffic.rate_windows) == (3600, 168)
    p95 = resolved(workload="code-week", peak_requests_per_s="p95").basis.traffic
    assert (p95.peak_window_starts_at, p95.rate_windows) == (None, 168)
    number = resolved(workload="code-week", peak_requests_per_s=90.0).basis.traffic
    assert (number.peak_window_starts_at, number.rate_window_s, number.rate_windows) == (None, None, None)


def test_of_equal_windows_the_first_is_the_busiest_and_gaps_are_none():
    start = datetime(2026, 3, 1, tzinfo=UTC)
    rates = ArrivalRates(60, 3, 2.0, 3.0, 3.0, (60, None, 180, 180), start)
    assert rates.busiest_starts_at == start + timedelta(minutes=2)
    assert replace(rates, starts_at=None).busiest_starts_at is None
    assert replace(rates, requests_by_window=()).busiest_starts_at is None


@pytest.mark.parametrize(
    ("window_s", "windows", "word", "says"),
    [
        (60, 101, "peak", "its arrivals cover 101 minutes, and the peak of a whole day may be higher"),
        (3600, 6, "peak", "its arrivals cover 6 hours"),
        (3600, 24, "peak", None),
        (86_400, 14, "peak", "its rates are means over 24 hours, and the busiest hour is higher"),
        (60, 101, "p95", None),
        (60, 101, "25", None),
    ],
)
def test_what_the_peak_of_short_or_coarse_arrivals_leaves_open(window_s, windows, word, says):
    held = replace(WEEK, arrival_rates=ArrivalRates(window_s, windows, 5.0, 8.0, 9.0))
    doubts = doubts_of(rate_of(word, held))
    assert len(doubts) == (says is not None)
    assert says is None or doubts[0].startswith(says)


def test_a_file_is_planned_at_its_peak_whichever_way_it_was_made(tmp_path):
    """30 requests/s in the busiest of 24 hours, 10 in the others; x 1.2 is 36."""
    mine = tmp_path / "mine.json"
    hours = (30 * 3600, *([10 * 3600] * 23))
    rates = ArrivalRates(3600, 24, (30 + 23 * 10) / 24, 10.0, 30.0, hours)
    held = replace(WEEK, workload=replace(WEEK.workload, name="mine", notes=()), arrival_rates=rates)
    mine.write_text(write_workload(held), encoding="utf-8")

    def traffic(path):
        return resolved(workload=str(path)).basis.traffic

    assert traffic(mine).planned_requests_per_s == pytest.approx(36)
    assert traffic(mine).mean_requests_per_s == pytest.approx(260 / 24)
    assert resolved(workload=str(mine)).notes == ()
    twice = tmp_path / "twice.json"
    twice.write_text(write_workload(scale(held, times=2.0)), encoding="utf-8")
    assert traffic(twice).planned_requests_per_s == pytest.approx(72)
    assert traffic(twice).rate_source == "peak of the 24 hours of mine", "the name in the file"
