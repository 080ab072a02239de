"""Imports benchmark results as a profile of the user's own, and compares it with the estimate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from melange_cloud.domain import Kind
from melange_cloud.domain.import_report import BenchmarkFile, ImportReport, RejectedRun, RunVerdict, SkippedFile
from melange_cloud.errors import BadInput
from melange_cloud.profiles.against_estimate import compared
from melange_cloud.profiles.attribution.attribute import Attribution, attribute
from melange_cloud.profiles.attribution.stated_engine import with_engine
from melange_cloud.profiles.benchmark_run import BenchmarkRun
from melange_cloud.profiles.import_remarks import notices_of
from melange_cloud.profiles.importers.folder import FolderResults
from melange_cloud.profiles.library import estimated_profile
from melange_cloud.profiles.run_points import doubts, error_of, grade_of, points_of, rejection
from melange_cloud.profiles.user_profiles import save_runs

_SHOWN = 10
"""Skipped files that are listed; the rest are counted."""


@dataclass(frozen=True, slots=True)
class ImportQuestion:
    """What the user says about the results; None uses what the results say, or else the default.

    Attributes:
        engine: the engine that was measured and its version.
        result_model: the model's name in the results, if it seems to be another than ``model``.
        kv_cache_dtype: data type of the KV cache.
        max_model_len: longest input + output that the engine was started for, tokens.
        max_num_seqs: the most requests at once that it was started for.
        weights_gib: weights of a model that is not shipped, GiB.
        tpot_ms: the target under which measured and estimated rates are compared; None is the measured TPOT.
        saves: whether to write a profile.
    """

    gpu: str | None = None
    tensor_parallel: int | None = None
    model: str | None = None
    precision: str | None = None
    era: str | None = None
    engine: str | None = None
    result_model: str | None = None
    kv_cache_dtype: str | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None
    weights_gib: float | None = None
    tpot_ms: float | None = None
    saves: bool = True


def reading_notes(results: FolderResults) -> Iterator[str]:
    """What was skipped or rejected, one line each."""
    for fault in results.skipped[:_SHOWN]:
        yield f"skipped {fault}"
    if len(results.skipped) > _SHOWN:
        yield f"skipped {len(results.skipped) - _SHOWN:,} more files that are not results"
    for file in results.readings:
        for what in file.notes:
            yield f"{file.path}: {what}"
    for run in _rejected(results):
        yield f"rejected {run.source}: {run.reason}"


def import_results(results: FolderResults, question: ImportQuestion, now: datetime) -> ImportReport:
    """Save the runs as a profile (if requested), and compare them with the estimate.

    Raises:
        BadInput: no run is left, the results and the question contradict each other, or a run is faster than the GPU
            can be.
        MelangeError: the profile cannot be written.
    """
    runs = [run for file in results.readings for run in file.runs]
    if not runs:
        raise BadInput("none of the files has a run")
    kept = with_engine([run for run in runs if not rejection(run)], question.engine)
    if not kept:
        raise BadInput("no run is left to import")
    whose = attribute(
        kept,
        gpu=question.gpu,
        tensor_parallel=question.tensor_parallel,
        model=question.model,
        precision=question.precision,
        era=question.era,
        result_model=question.result_model,
        kv_cache_dtype=question.kv_cache_dtype,
    )
    written = _save(kept, whose, question, now) if question.saves else None
    estimate = estimated_profile(whose.model, whose.precision, whose.era, Kind(whose.gpu, whose.tensor_parallel))
    sizes = compared(points_of(kept), estimate, question.tpot_ms)
    return ImportReport(
        model=whose.model,
        precision=whose.precision,
        gpu=whose.gpu,
        tensor_parallel=whose.tensor_parallel,
        era=whose.era,
        written=None if written is None else str(written),
        files=tuple(BenchmarkFile(str(file.path), file.tool, len(file.runs), file.notes) for file in results.readings),
        skipped=tuple(SkippedFile(str(fault.path), str(fault.finding)) for fault in results.skipped),
        runs=tuple(map(_verdict, runs)),
        rejected=tuple(_rejected(results)),
        target_tpot_ms=question.tpot_ms,
        sizes=tuple(sizes),
        notices=tuple(notices_of(kept, sizes, whose, has_estimate=estimate is not None, saved=written is not None)),
    )


def _save(kept: Sequence[BenchmarkRun], whose: Attribution, question: ImportQuestion, now: datetime) -> Path:
    return save_runs(
        kept,
        gpu=whose.gpu,
        tensor_parallel=whose.tensor_parallel,
        model=whose.model,
        precision=whose.precision,
        era=whose.era,
        max_total_tokens=question.max_model_len,
        max_num_seqs=question.max_num_seqs,
        weights_gib=question.weights_gib,
        now=now,
    )


def _rejected(results: FolderResults) -> Iterator[RejectedRun]:
    for file in results.readings:
        for run in file.runs:
            if reason := rejection(run):
                yield RejectedRun(run.source, reason)


def _verdict(run: BenchmarkRun) -> RunVerdict:
    reason = rejection(run)
    return RunVerdict(
        source=run.source,
        requests_per_s=run.requests_per_s,
        tpot_ms=run.tpot_ms,
        completed=run.completed,
        failed=run.failed,
        grade=None if reason else grade_of(error_of(run)),
        error=None if reason else error_of(run),
        use=f"not used: {reason}" if reason else _use(run),
        doubts=() if reason else doubts(run),
    )


def _use(run: BenchmarkRun) -> str:
    if run.saturated:
        return "used as the saturated rate; its times include queueing"
    if run.tpot_ms is not None:
        return f"gives a TPOT of {run.tpot_ms:.3g} ms at its rate"
    return "gives a rate without a TPOT: used if saturation is the limit"
