"""--rate as a number or as one of the workload's own arrivals."""

from dataclasses import replace

import pytest

from melange_cloud import planner
from melange_cloud.domain import ArrivalRates
from melange_cloud.errors import BadInput
from melange_cloud.planner.rates import rate_of
from melange_cloud.planner.trust import Trust
from melange_cloud.workload import load_workload_file

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
        ("p101", "give requests/s, or mean, p95, peak or another quantile such as p99.5"),
        ("fast", "--rate fast: give requests/s"),
        ("p10", "below the mean of code-week, 27.78: such a fleet cannot serve the mean"),
    ],
)
def test_other_words_are_refused(word: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        rate_of(word, WEEK)


def test_a_workload_without_arrivals_has_no_rate() -> None:
    with pytest.raises(BadInput, match="chat holds no arrival rates; give requests/s"):
        rate_of("p95", load_workload_file("chat"))
    figures_only = replace(WEEK, arrival_rates=ArrivalRates(60, 58, 5.5, 7.8, 8.4))
    assert rate_of("p95", figures_only).requests_per_s == 7.8
    with pytest.raises(BadInput, match="tells mean, p95 and peak only"):
        rate_of("p99", figures_only)


def test_a_plan_for_the_p95_divides_by_the_mean() -> None:
    def ask(**more):
        question = planner.Question(
            regions=("us-east-1",), workload="code-week", trust=Trust(offline=True), explain=False, **more
        )
        return planner.answer(question)

    by_word = ask(peak_requests_per_s="p95")
    rates = WEEK.arrival_rates
    assert rates is not None
    by_number = ask(peak_requests_per_s=rates.p95_requests_per_s, mean_requests_per_s=rates.mean_requests_per_s)
    assert by_word.regions == by_number.regions
    assert by_word.request.rate_source == "p95 of the 168 hours of code-week"
    assert "peak_requests_per_s" not in by_word.defaulted
