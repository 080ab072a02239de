"""How far an estimate may be trusted, by the replica and the size of its requests."""

from collections.abc import Mapping

from melange_cloud.estimator.replica import Replica
from melange_cloud.profiles.grades import ERROR_OF_GRADE

SHORT_TOKENS, LONG_INPUT_TOKENS, LONG_OUTPUT_TOKENS = 100, 8192, 4096
"""Nearly all measured requests lie between these; longer ones were measured up to the farthest, one shape of each."""
FARTHEST_INPUT_TOKENS, FARTHEST_OUTPUT_TOKENS = 20_000, 8192

MOSTLY_BELOW: Mapping[tuple[str, str], float] = {("H100", "vllm-0.2.7"): 0.6}
"""By (GPU, era): by what fraction rates may be less where they were mostly less than estimated. H100s served by engines
of 2024 did 55 % of the estimate in the median, and 31 % of them were outside its 50 %: the law of that era is fitted on
batches that start together, without a server. With errors spread as a lognormal, 60 % less covers 9 in 10."""


def error_down_of(replica: Replica, grade: str) -> float | None:
    """By what fraction its rates may be less, where that is more than the error of the grade; None where it is not."""
    down = MOSTLY_BELOW.get((replica.gpu.name, replica.era.name), 0.0)
    return down if down > ERROR_OF_GRADE[grade] else None


def grade_of(replica: Replica, input_tokens: float, output_tokens: float) -> str:
    """How far an estimate may be trusted: the calibration's grade, less where its measurements do not reach.

    Whether a step is mostly overhead, a prompt longer than 4,000 tokens or a model large makes no difference that the
    report card shows; the number of GPUs does.
    """
    beyond = input_tokens > FARTHEST_INPUT_TOKENS or output_tokens > FARTHEST_OUTPUT_TOKENS
    if replica.is_a_sliver or beyond:
        return "D"
    grade = replica.calibration.grade.get(str(replica.tensor_parallel), "D")
    short = min(input_tokens, output_tokens) < SHORT_TOKENS
    if short or input_tokens > LONG_INPUT_TOKENS or output_tokens > LONG_OUTPUT_TOKENS:
        return max(grade, "C")
    return grade
