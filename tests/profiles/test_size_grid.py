import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from melange_cloud.domain import Kind, MaxTput, Slo, UnservableSize
from melange_cloud.profiles import load_models, load_profiles
from melange_cloud.profiles.estimates.listed_sizes import OUTPUT_TOKENS, grid
from melange_cloud.profiles.max_tput.size_grid import SizeGrid
from melange_cloud.workload import list_workloads, load_workload
from tests.properties import examples

CONTEXT = 131_072


def weights(of: SizeGrid, input_tokens: float, output_tokens: float, limit: int) -> dict[tuple[int, int], float]:
    found = of.about(input_tokens, output_tokens, limit)
    assert not isinstance(found, UnservableSize), found
    assert len(dict(found)) == len(found)
    return dict(found)


def test_a_row_is_read_at_its_own_input_tokens() -> None:
    of = SizeGrid([(100, 10), (200, 10), (400, 10), (100, 30), (400, 30)])
    # half way between the rows; input 300 is half way from 200 to 400, and two thirds of the way from 100 to 400
    assert weights(of, 300, 20, 1000) == pytest.approx(
        {(200, 10): 1 / 4, (400, 10): 1 / 4, (100, 30): 1 / 6, (400, 30): 1 / 3}
    )


def test_beyond_the_end_of_the_longer_row_the_line_from_that_end_is_followed() -> None:
    """Limit 1,000 tokens: the rows end at 900 + 100 and 500 + 500. Half way up, 600 lies on the line 500 -> 700."""
    of = SizeGrid([(100, 100), (500, 100), (600, 100), (800, 100), (900, 100), (100, 500), (500, 500)])
    assert weights(of, 600, 300, 1000) == pytest.approx({(600, 100): 1 / 4, (800, 100): 1 / 4, (500, 500): 1 / 2})
    assert weights(of, 700, 300, 1000) == pytest.approx({(900, 100): 1 / 2, (500, 500): 1 / 2})


def test_a_grid_that_ends_before_its_limit_refuses_what_lies_beyond() -> None:
    of = SizeGrid([(25, 100), (500, 100), (25, 4096), (500, 4096)])
    beyond = of.about(30, 5000, CONTEXT)
    assert beyond == UnservableSize("the profile stops at 4,096 output tokens, needs 5,000")
    assert of.about(501, 100, CONTEXT) == UnservableSize("the profile stops at 500 input tokens, needs 501")


@given(st.floats(1, CONTEXT), st.floats(1, CONTEXT))
@settings(max_examples=examples(300))
def test_everything_within_a_limit_lies_between_sizes_that_average_to_it(
    input_tokens: float, output_tokens: float
) -> None:
    for limit in (4096, 9000, 12_572, 27_381, CONTEXT):
        if input_tokens + output_tokens > limit:
            continue
        found = weights(SizeGrid(grid(limit)), input_tokens, output_tokens, limit)
        assert sum(found.values()) == pytest.approx(1)
        assert all(0 < weight <= 1 + 1e-9 for weight in found.values())
        # The least of the grid is 25 tokens, and it ends at a number of tokens that is up to 10 short of the limit.
        for axis, tokens in enumerate((input_tokens, output_tokens)):
            mean = sum(weight * size[axis] for size, weight in found.items())
            assert mean == pytest.approx(max(25, tokens), rel=1e-9, abs=26)


@given(st.floats(1, 100_000), st.floats(1, 4096))
@settings(max_examples=examples(300))
def test_rows_of_longer_answers_leave_what_lies_between_the_shorter_ones_alone(
    input_tokens: float, output_tokens: float
) -> None:
    every = grid(CONTEXT)
    shorter = [size for size in every if size[1] <= max(OUTPUT_TOKENS)]
    assert len(shorter) < len(every)
    asked = (input_tokens, output_tokens, CONTEXT)
    assert SizeGrid(every).about(*asked) == SizeGrid(shorter).about(*asked)


@pytest.mark.parametrize("workload", list_workloads())
def test_the_default_model_can_be_planned_for_every_shipped_workload(workload: str) -> None:
    profiles = load_profiles("llama-3.1-8b")[0].values()
    for bucket in load_workload(workload).buckets:
        size = (bucket.mean_input_tokens, bucket.mean_output_tokens)
        answers = [of.max_tput(*size, Slo(100), bucket.longest_total_tokens) for of in profiles]
        assert any(isinstance(answer, MaxTput) for answer in answers), (bucket, answers)


def test_what_a_shorter_context_cannot_hold_is_refused_for_that_reason_alone() -> None:
    for model in load_models().values():
        kinds = load_profiles(model.name, gpus=["A100-80GB", "H100"])[0]
        for bucket in load_workload("deepseek-r1").buckets:
            size = (bucket.mean_input_tokens, bucket.mean_output_tokens)
            longest = bucket.longest_total_tokens or math.ceil(sum(size))
            answers = {of.max_tput(*size, Slo(), longest) for of in kinds.values()}
            if longest > model.max_model_len:
                assert {answer.reason for answer in answers if isinstance(answer, UnservableSize)} == {
                    f"a request of {longest:,} tokens is longer than the model's context of {model.max_model_len:,}"
                }
            else:
                assert any(isinstance(answer, MaxTput) for answer in answers), (model.name, bucket)


def test_long_answers_are_graded_by_what_was_measured_of_them() -> None:
    """H100 in 16 bits is B; nothing was measured over 4,096 answer tokens in 16 bits, and over 8,192 at all."""
    of = load_profiles("llama-3.1-8b", gpus=["H100"])[0][Kind("H100", 1)]
    graded = {}
    for output_tokens in (2000, 4096, 6000, 8192, 8300, 32_768, 120_000):
        answer = of.max_tput(1000, output_tokens, Slo())
        assert isinstance(answer, MaxTput)
        graded[output_tokens] = (answer.grade, answer.error)
    assert graded == {
        2000: ("B", 0.2),
        4096: ("B", 0.2),
        6000: ("C", 0.3),
        8192: ("C", 0.3),
        8300: ("D", 0.5),
        32_768: ("D", 0.5),
        120_000: ("D", 0.5),
    }
