"""How far to trust an estimate, by replica and request size."""

from collections.abc import Mapping

from melange_cloud.estimator.replica import Replica
from melange_cloud.profiles.grades import ERROR_OF_GRADE

SHORT_TOKENS, LONG_INPUT_TOKENS, LONG_OUTPUT_TOKENS = 100, 8192, 4096
"""Nearly all measured requests are between these sizes; longer ones were measured, but only one shape of each."""
FARTHEST_INPUT_TOKENS, FARTHEST_OUTPUT_TOKENS = 20_000, 8192

MOSTLY_BELOW: Mapping[tuple[str, str], float] = {("H100", "vllm-0.2.7"): 0.6}
"""By (GPU, era): by what fraction rates may be lower, if most were lower than estimated. H100s with engines of 2024 had
55 % of the estimate in the median, and 31 % of them were outside its 50 %: the law of that era was fitted to batches
that start together, without a server. With lognormal errors, 60 % less covers 9 in 10."""


def error_down_of(replica: Replica, grade: str) -> float | None:
    """By what fraction its rates may be lower, if that is more than the error of the grade; None if it is not."""
    down = MOSTLY_BELOW.get((replica.gpu.name, replica.era.name), 0.0)
    return down if down > ERROR_OF_GRADE[grade] else None


def grade_of(replica: Replica, input_tokens: float, output_tokens: float) -> str:
    """The grade of an estimate: the calibration's, lowered where its measurements do not reach.

    The report card shows no effect of steps that are mostly overhead, prompts longer than 4,000 tokens or large models,
    but one of the number of GPUs.
    """
    beyond = input_tokens > FARTHEST_INPUT_TOKENS or output_tokens > FARTHEST_OUTPUT_TOKENS
    if replica.is_a_sliver or beyond:
        return "D"
    grade = replica.calibration.grade.get(str(replica.tensor_parallel), "D")
    short = min(input_tokens, output_tokens) < SHORT_TOKENS
    if short or input_tokens > LONG_INPUT_TOKENS or output_tokens > LONG_OUTPUT_TOKENS:
        return max(grade, "C")
    return grade
