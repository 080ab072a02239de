"""The text of an estimated profile: its grid of request sizes, and how far each of its rows may be trusted."""

from collections.abc import Iterator

from melange_cloud.domain import OperatingPoint
from melange_cloud.estimator.closed_loop import rounded
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.specs import Calibration, Era, Gpu, Model
from melange_cloud.profiles.files.profile_format import FORMAT, format_profile
from melange_cloud.profiles.grades import ERROR_OF_GRADE

INPUT_TOKENS = (25, 100, 250, 500, 1000, 2000, 4000, 6000, 8000, 12000, 16000, 24000, 32000, 48000, 64000, 96000)
OUTPUT_TOKENS = (25, 100, 250, 500, 1000, 2000, 4096)
"""The grid: the paper's bucket edges (to 16,000 in, 2,000 out), and more where the rate bends or requests are long."""

LONG_OUTPUT_TOKENS = (6000, 8192, 12_000, 16_384, 24_000, 32_768, 48_000, 65_536, 96_000)
WITH_LONG_OUTPUTS = (25, 1000, 4000, 8000, 16_000, 32_000, 64_000)
"""Answers up to the context, and the input tokens that go with them: the prompt matters less there."""

MANY_INPUT_TOKENS, MANY_OUTPUT_TOKENS = 4000, 4096
"""Beyond these few rows were measured: inputs up to 20,000 tokens, outputs up to 8,192 (70B on H100)."""
FARTHEST_OUTPUT_TOKENS = 8192
"""Longer answers were never measured."""
SHORT_TOKENS = 100
OVERHEAD_READ_S = 0.0015
"""Where a replica reads all its weights in less, a step is mostly overhead, and a server's front end limits the rate:
Llama-3.1-8B on 8 GPUs was measured at half the estimate."""


def grid(limit_tokens: int) -> list[tuple[int, int]]:
    """The request sizes of a profile whose requests have at most ``limit_tokens`` input + output tokens, sorted.

    Inputs that reach the limit exactly with an output of the grid are added, and for short contexts outputs that do so
    with an input: a cell that the limit cuts then has only its far corner beyond, and no servable size is lost. In a
    longer context rows of longer answers go on to it, each to its own longest input; the last has the shortest.
    """
    edge = limit_tokens // 10 * 10 if limit_tokens > 10_000 else limit_tokens
    inputs = {*INPUT_TOKENS, *(edge - output_tokens for output_tokens in OUTPUT_TOKENS)}
    outputs = set(OUTPUT_TOKENS)
    if limit_tokens <= 2 * max(OUTPUT_TOKENS):
        outputs |= {edge - input_tokens for input_tokens in INPUT_TOKENS}
        inputs |= {edge - output_tokens for output_tokens in outputs}
    least_input, least_output = min(INPUT_TOKENS), min(OUTPUT_TOKENS)
    sizes = {
        (input_tokens, output_tokens)
        for input_tokens in inputs
        for output_tokens in outputs
        if input_tokens >= least_input and output_tokens >= least_output
    }
    if limit_tokens > 2 * max(OUTPUT_TOKENS):
        last = edge - least_input
        for output_tokens in (*(tokens for tokens in LONG_OUTPUT_TOKENS if tokens < last), last):
            short_inputs = (*WITH_LONG_OUTPUTS, edge - output_tokens)
            sizes |= {(input_tokens, output_tokens) for input_tokens in short_inputs}
    return sorted(
        (input_tokens, output_tokens)
        for input_tokens, output_tokens in sizes
        if input_tokens + output_tokens <= limit_tokens
    )


def grade_of(replica: Replica, input_tokens: int, output_tokens: int) -> str:
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


def replicas(model: Model, gpu: Gpu, era: Era, precision: str, calibration: Calibration) -> Iterator[Replica]:
    """The replicas of a GPU that get a profile, tensor parallel degree rising."""
    for degree in era.tensor_parallel:
        replica = Replica(model, gpu, degree, era, precision, calibration)
        if not replica.refusal:
            yield replica
            if era.fewest_gpus:
                return


def profile_text(
    model: Model,
    gpu: Gpu,
    era: Era,
    precision: str,
    calibration: Calibration,
    *,
    measured: str = "no row is measured",
    best_grade: str = "A",
    made_by: str = "melange-cloud profiles build",
) -> str | None:
    """The text of one profile file; None if no replica fits.

    Args:
        measured: what its header says of measurements.
        best_grade: no row is trusted more than this.
        made_by: the command that its header names.
    """
    made = list(replicas(model, gpu, era, precision, calibration))
    if not made:
        return None
    header = {
        "format": FORMAT,
        "model": model.name,
        "precision": precision,
        "gpu": gpu.name,
        "era": era.name,
        "max_total_tokens": str(era.context(model)),
        "max_num_seqs": str(era.max_num_seqs),
        "source": f"estimated by melange-cloud, {measured}; KV cache in {_cache_bits(era, precision)} bits",
        "calibration": f"{calibration.name} - {calibration.rests_on}",
        "made by": made_by,
        "weights_gib": f"{rounded(model.weight_gib(precision)):g}",
        "weight_read_ms": " ".join(f"{r.tensor_parallel}={rounded(1000 * r.weight_read_s):g}" for r in made),
        "cache_tokens": " ".join(f"{r.tensor_parallel}={r.cache_tokens}" for r in made),
    }
    return format_profile(header, (row for replica in made for row in _rows(replica, best_grade)))


def _cache_bits(era: Era, precision: str) -> int:
    return 8 * era.cache_bytes_per_element(precision)


def _rows(replica: Replica, best_grade: str) -> Iterator[tuple[int, OperatingPoint]]:
    for input_tokens, output_tokens in grid(min(replica.era.context(replica.model), replica.cache_tokens)):
        estimates = replica.estimate(input_tokens, output_tokens)
        if isinstance(estimates, MemoryShortfall):
            continue
        grade = max(best_grade, grade_of(replica, input_tokens, output_tokens))
        for estimate in estimates:
            yield (
                replica.tensor_parallel,
                OperatingPoint(
                    input_tokens,
                    output_tokens,
                    estimate.concurrency,
                    estimate.requests_per_s,
                    estimate.tpot_ms,
                    estimate.ttft_ms,
                    "estimated",
                    grade,
                    ERROR_OF_GRADE[grade],
                ),
            )
