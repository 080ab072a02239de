"""How far an estimate may be trusted, by the replica and the size of its requests."""

from melange_cloud.estimator.replica import Replica

MANY_INPUT_TOKENS, MANY_OUTPUT_TOKENS = 4000, 4096
"""Beyond these few rows were measured: inputs up to 20,000 tokens, outputs up to 8,192 (70B on H100)."""
FARTHEST_OUTPUT_TOKENS = 8192
"""Longer answers were never measured."""
SHORT_TOKENS = 100
OVERHEAD_READ_S = 0.0015
"""Where a replica reads all its weights in less, a step is mostly overhead, and a server's front end limits the rate:
Llama-3.1-8B on 8 GPUs was measured at half the estimate."""


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
