"""Turns a finished measurement into a profile of the user's, and into the answer."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from melange_cloud.domain.measurement import (
    LoadLimits,
    LoadMeasurement,
    MeasureQuestion,
    ServerMeasurement,
    SizeMeasurement,
)
from melange_cloud.errors import MelangeError
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.measure.ladder import broken
from melange_cloud.profiles.measure.session import MeasuredSize, runs_to_save
from melange_cloud.profiles.user_profiles import save_runs


def save_measurement(
    question: MeasureQuestion, measured: Sequence[MeasuredSize], now: datetime, weights_gib: float | None = None
) -> Path:
    """Save the accepted load points as a profile.

    Args:
        weights_gib: weights of a model that is not shipped, GiB, if known.

    Raises:
        MelangeError: no point was measured, or the profile cannot be written.
    """
    runs = runs_to_save(question, measured)
    if not runs:
        reasons = "\n".join(f"{size.size}: {size.ended}" for size in measured)
        raise MelangeError(f"{reasons}\nno load point was measured, so there is no profile")
    return save_runs(
        runs,
        gpu=question.gpu,
        tensor_parallel=question.tensor_parallel,
        model=question.model,
        precision=question.precision,
        era=question.era,
        max_total_tokens=question.max_total_tokens,
        weights_gib=weights_gib,
        now=now,
    )


def measurement_of(
    question: MeasureQuestion, measured: Sequence[MeasuredSize], profile: Path, tool: str
) -> ServerMeasurement:
    """The answer.

    Args:
        profile: the file that ``save_measurement`` wrote.
        tool: the load generator.
    """
    return ServerMeasurement(
        profile=str(profile),
        model=question.model,
        gpu=question.gpu,
        tensor_parallel=question.tensor_parallel,
        era=question.era,
        precision=question.precision,
        url=question.url,
        engine=question.engine or None,
        tool=tool,
        slo=LoadLimits.of(question.slo),
        sizes=tuple(_size(size, question) for size in measured),
    )


def _size(measured: MeasuredSize, question: MeasureQuestion) -> SizeMeasurement:
    within = [load_measurement(concurrency, run) for concurrency, run in measured.runs if not broken(run, question.slo)]
    return SizeMeasurement(
        input_tokens=measured.size.input_tokens,
        output_tokens=measured.size.output_tokens,
        ended=measured.ended,
        complete=measured.complete,
        points=tuple(load_measurement(concurrency, run) for concurrency, run in measured.runs),
        by_slo=measured.by_slo,
        best=max(within, key=lambda load: load.requests_per_s, default=None),
    )


def load_measurement(concurrency: int, run: BenchmarkRun) -> LoadMeasurement:
    """The result of a run at a number of requests in flight."""
    return LoadMeasurement(
        concurrency=concurrency,
        requests_per_s=run.requests_per_s,
        tpot_ms=run.tpot_ms,
        p99_tpot_ms=run.p99_tpot_ms,
        ttft_ms=run.ttft_ms,
        mean_input_tokens=run.input_tokens,
        mean_output_tokens=run.output_tokens,
        completed=run.completed,
        failed=run.failed,
    )
