"""Rows left out of a fit, the shares of those within their error, and what the product says of them."""

from dataclasses import replace

import pytest

from melange_cloud.calibration.as_shipped import as_shipped
from melange_cloud.calibration.calibrate import trials_of
from melange_cloud.calibration.card_rows import card_rows
from melange_cloud.calibration.comparisons import Comparison, compared
from melange_cloud.calibration.constant_groups import GROUPS
from melange_cloud.calibration.kept_share import kept_share, quantile
from melange_cloud.calibration.leave_outs import LEAVE_OUTS, folds, shape_parts
from melange_cloud.calibration.pins_judged import pins_against, pins_without_each_source
from melange_cloud.calibration.training_data import load_measurements
from melange_cloud.domain import Kind, MaxTput, Slo
from melange_cloud.estimator.spec_files import load_calibrations
from melange_cloud.profiles.library import estimated_profile
from melange_cloud.profiles.served_profile import served_max_tput

H100 = next(group for group in GROUPS if group.key == ("H100", "2025", "fp16"))


@pytest.mark.parametrize("left_out", LEAVE_OUTS)
def test_every_row_is_left_out_once_and_never_seen_then(left_out: str) -> None:
    trials = trials_of(H100)
    parts = list(folds(trials, left_out))
    assert sorted(id(each) for part in parts for each in part.unseen) == sorted(map(id, trials))
    for seen, unseen in parts:
        assert len(seen) + len(unseen) == len(trials)
        for what in (
            {
                "shape": lambda each: each.row.size,
                "model": lambda each: each.row.model,
                "source": lambda each: each.row.source.name,
            }[left_out],
            id,
        ):
            assert not {what(each) for each in seen} & {what(each) for each in unseen}


def test_a_fold_that_would_see_nothing_is_left_out() -> None:
    one = [each for each in trials_of(H100) if each.row.source.name == "vllm-0.12-served"]
    assert list(folds(one, "source")) == []


def test_shapes_are_divided_into_five() -> None:
    shapes = [(100 * i, 50 * j) for i in range(1, 6) for j in range(1, 4)]
    parts = shape_parts(shapes)
    assert [len(part) for part in parts] == [3] * 5
    assert sorted(shape for part in parts for shape in part) == sorted(shapes)
    assert len(shape_parts(shapes[:2])) == 2


def test_quantiles_lie_between_their_neighbours() -> None:
    assert quantile([1.0, 2.0, 4.0], 0.5) == 2
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3
    assert quantile([7.0], 0.9) == 7


def test_a_share_is_as_sure_as_its_sources_agree() -> None:
    """Two sources are drawn twice: in a quarter of the draws both are the first, in a quarter both the second."""
    torn = kept_share([("a", True)] * 10 + [("b", False)] * 30)
    assert torn == (0.25, 0.0, 1.0)
    assert kept_share([("a", True)] * 10 + [("b", True)] * 30) == (1.0, 1.0, 1.0)
    assert kept_share([("a", True), ("a", False)]) == (0.5, None, None)
    alike = kept_share([(source, at < 9) for source in "abcdef" for at in range(10)])
    assert alike == pytest.approx((0.9, 0.9, 0.9))


def test_as_shipped_is_what_the_product_says() -> None:
    """With the shipped constants, the rate, the grade and the error are those of the profile behind its front end."""
    constants = load_calibrations()[H100.key]
    compared_rows = 0
    for each in trials_of(H100)[::12]:
        row = each.row
        precision = {"llama-2-7b": "fp16", "llama-2-70b": "fp16"}.get(row.model, "bf16")
        profile = estimated_profile(row.model, precision, "2025", Kind("H100", row.tensor_parallel))
        assert profile is not None
        for tpot_ms in (15.0, 40.0, 120.0):
            here = as_shipped(each, constants).served(tpot_ms)
            if row.source.front_end:
                served = served_max_tput(profile, row.size, Slo(tpot_ms=tpot_ms))
            else:
                served = profile.max_tput(*row.size, Slo(tpot_ms=tpot_ms))
            if isinstance(served, MaxTput):
                assert here == served
                compared_rows += 1
            else:
                assert here is None
    assert compared_rows > 20


def test_a_row_is_kept_where_the_measured_rate_is_within_the_stated_error() -> None:
    constants = load_calibrations()[H100.key]
    judged = [each for each in compared(trials_of(H100)[:60], constants) if each.shipped_off is not None]
    assert len(judged) > 40
    for each in judged:
        assert each.shipped_off is not None
        assert each.stated is not None
        measured_over_shipped = 1 / (1 + each.shipped_off)
        assert each.is_kept == (abs(measured_over_shipped - 1) <= each.stated), each


def test_pins_are_judged_by_other_sources() -> None:
    """Only Qwen3-32B on H100 was measured by two engines at the same sizes: each is held against the other's pins."""
    judged = list(pins_without_each_source(load_measurements()))
    assert {(each.model, each.key) for each in judged} == {("qwen3-32b", H100.key)}
    assert {each.source for each in judged} <= {"sglang-0.5-served", "vllm-0.12-served"}
    assert all(each.grade == "A" and each.off is None for each in judged)
    rows = [row for row in load_measurements() if row.source.name == "trtllm-1.0-served"]
    themselves = list(pins_against(rows, rows))
    assert themselves
    assert all(each.is_kept for each in themselves), "a pin of the mean of engines holds the run that it is made of"


def comparison(grade: str, source: str, *, is_kept: bool) -> Comparison:
    facts = ("llama-3.1-8b", 1, "vLLM", source, (grade, source))
    return Comparison(H100.key, "saturation", *facts, 0.1, 0.1, 0.1, grade, 0.25, is_kept)


def test_grades_with_few_rows_are_also_counted_together() -> None:
    judged = [
        comparison(grade, source, is_kept=at > 0)
        for grade, rows in (("A", 4), ("B", 30), ("C", 40), ("near floor", 5))
        for source in "xy"
        for at in range(rows)
    ]
    rows = {row.grade: row for row in card_rows("source", judged) if row.grade != "all"}
    assert list(rows) == ["A", "B", "C", "near floor", "A+B", "C+near floor"]
    assert [row.n for row in rows.values()] == [8, 60, 80, 10, 68, 90]
    assert rows["A+B"].within_stated == pytest.approx(64 / 68, abs=1e-4)
    assert rows["A"].promise == "not judged"


def test_a_first_token_is_not_counted_as_a_rate() -> None:
    rate = comparison("B", "x", is_kept=True)
    first_token = replace(rate, quantity="ttft_alone", shipped_off=0.7, grade=None, stated=None, is_kept=None)
    rows = {(row.gpu, row.engine, row.quantity): row.n for row in card_rows("shape", [rate, first_token])}
    assert rows["H100", "all", "ttft_alone"] == 1
    assert rows["all", "vLLM", "rate_or_tpot"] == rows["all", "all", "rate_or_tpot"] == 1
