"""How far an estimate may be trusted, by the replica and the size of its requests."""

from collections.abc import Mapping

from melange_cloud.estimator.replica import Replica
from melange_cloud.profiles.grades import ERROR_OF_GRADE

MANY_INPUT_TOKENS, MANY_OUTPUT_TOKENS = 4000, 4096
"""Beyond these few rows were measured: inputs up to 20,000 tokens, outputs up to 8,192 (70B on H100)."""
FARTHEST_OUTPUT_TOKENS = 8192
"""Longer answers were never measured."""
SHORT_TOKENS = 100
OVERHEAD_READ_S = 0.0015
"""Where a replica reads all its weights in less, a step is mostly overhead, and a server's front end limits the rate:
Llama-3.1-8B on 8 GPUs was measured at half the estimate."""

MOSTLY_BELOW: Mapping[tuple[str, str], float] = {("H100", "vllm-0.2.7"): 0.6}
"""By (GPU, era): by what fraction rates may be less where they were mostly less than estimated. H100s served by engines
of 2024 did 55 % of the estimate in the median, and 31 % of them were outside its 50 %: the law of that era is fitted on
batches that start together, without a server. With errors spread as a lognormal, 60 % less covers 9 in 10."""


def error_down_of(replica: Replica, grade: str) -> float | None:
    """By what fraction its rates may be less, where that is more than the error of the grade; None where it is not."""
    down = MOSTLY_BELOW.get((replica.gpu.name, replica.era.name), 0.0)
    return down if down > ERROR_OF_GRADE[grade] else None


def grade_of(replica: Replica, input_tokens: float, output_tokens: float) -> str:
    """How far an estimate may be trusted: the calibration's grade, less where its measurements do not reach."""
    grade = replica.calibration.grade.get(str(replica.tensor_parallel), "D")
    if replica.is_a_sliver or replica.weight_read_s < OVERHEAD_READ_S:
        return "D"
    if output_tokens > FARTHEST_OUTPUT_TOKENS:
        return "D"
    if input_tokens > MANY_INPUT_TOKENS:
        return "C" if grade == "B" else "D"
    if min(input_tokens, output_tokens) < SHORT_TOKENS or output_tokens > MANY_OUTPUT_TOKENS:
        return max(grade, "C")
    return grade
