"""Measured rows as the calibration uses them: what each one lets the estimator be compared with.

A row of profiles/measured/evidence.csv becomes rows of these kinds:

    saturation     all requests queued at once: requests/s
    closed_loop    a fixed number of requests in flight: mean TPOT and TTFT
    closed_tpot    the same where only the TPOT is known, or where prompts came out of a cache
    closed_rate    the same where only the rate is known: requests/s
    first_token    one request at a time: TTFT
    open_loop      requests that arrive at random at a rate: mean TPOT
    static         a batch that starts and ends together: seconds

Rows of GPUs alone, without a serving engine, are none of these: they are never compared with served rates.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from melange_cloud.domain.evidence import MeasuredRow
from melange_cloud.estimator.specs import Model
from melange_cloud.profiles.evidence.evidence_file import load_evidence, read_evidence
from melange_cloud.profiles.evidence.measurement_sources import MeasurementSource, load_sources, read_sources

TABLES = {
    "saturation": ("requests_per_s",),
    "closed_loop": ("concurrency", "tpot_ms", "ttft_ms"),
    "closed_tpot": ("concurrency", "tpot_ms"),
    "closed_rate": ("concurrency", "requests_per_s"),
    "first_token": ("ttft_ms",),
    "open_loop": ("requests_per_s", "tpot_ms"),
    "static": ("batch", "latency_s"),
}
"""The kinds of rows, with the names of their values."""


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One comparison that a measured row allows.

    Attributes:
        table: one of TABLES.
        source: with the limits of this row, where it states its own.
        precision: ``fp16`` covers bf16 too.
        input_tokens, output_tokens: means, whole.
        values: by name in its table.
        measured: the row that it was made of.
    """

    table: str
    source: MeasurementSource
    model: str
    gpu: str
    tensor_parallel: int
    precision: str
    input_tokens: int
    output_tokens: int
    values: Mapping[str, float]
    measured: MeasuredRow

    @property
    def size(self) -> tuple[int, int]:
        """Input and output tokens."""
        return self.input_tokens, self.output_tokens

    @property
    def replica(self) -> tuple[str, str, int, str, str]:
        """What ran: model, GPU, degree, precision, source."""
        return self.model, self.gpu, self.tensor_parallel, self.precision, self.source.name

    @property
    def cell(self) -> tuple[object, ...]:
        """What was measured there, whatever the load."""
        return *self.replica, self.size

    @property
    def enters_fits(self) -> bool:
        """Whether constants may rest on it: not held out, and not doubted."""
        return self.measured.enters_fits

    @property
    def cached_prompts(self) -> float:
        """The part of its prompts that came out of a prefix cache."""
        return self.measured.prompts_shared_fraction or 0.0

    def known(self, column: str) -> float:
        """The value of a name in its table."""
        return self.values[column]


def read_measurements(folder: Path, models: Mapping[str, Model]) -> tuple[TrainingRow, ...]:
    """What a folder like profiles/measured allows to compare, in the order of its rows.

    Raises:
        BadFile: a file is missing or broken; all faults of a file, with line and field.
    """
    sources = read_sources(folder / "sources.toml")
    rows = (row for _, row in read_evidence(folder / "evidence.csv", sources, models))
    return _training_rows(rows, sources)


@cache
def load_measurements() -> tuple[TrainingRow, ...]:
    """The same of the shipped measurements."""
    return _training_rows(load_evidence(), load_sources())


def _training_rows(rows: Iterable[MeasuredRow], sources: Mapping[str, MeasurementSource]) -> tuple[TrainingRow, ...]:
    return tuple(each for row in rows if row.source and not row.gpu_only for each in _of(row, sources[row.source]))


def _of(row: MeasuredRow, source: MeasurementSource) -> Iterator[TrainingRow]:
    precision = "fp8" if row.weights_precision == "fp8" else "fp16"
    for table, values in _comparable(row):
        who = _as_it_ran(row, source)
        yield TrainingRow(table, who, row.model, row.gpu, row.tp, precision, *row.size, values, row)


def _as_it_ran(row: MeasuredRow, source: MeasurementSource) -> MeasurementSource:
    """The source with the limits that the row states; the source itself where it states none."""
    own = replace(
        source,
        memory_utilization=row.gpu_memory_utilization or source.memory_utilization,
        max_num_seqs=row.max_num_seqs or source.max_num_seqs,
        fp8_cache=row.kv_precision == "fp8" if row.weights_precision == "fp8" else source.fp8_cache,
        requests={"default": row.requests} if row.requests else source.requests,
    )
    return source if own == source else own


def _comparable(row: MeasuredRow) -> Iterator[tuple[str, dict[str, float]]]:
    """The kinds of comparison that a row allows, with their values."""
    tpot_ms, ttft_ms = row.tpot_mean_ms or row.tpot_p50_ms, row.ttft_mean_ms or row.ttft_p50_ms
    if row.arrival == "burst" and row.requests_per_s:
        yield "saturation", {"requests_per_s": row.requests_per_s}
    elif row.arrival == "poisson" and row.rate_asked and tpot_ms:
        yield "open_loop", {"requests_per_s": row.rate_asked, "tpot_ms": tpot_ms}
    elif row.arrival == "static" and row.concurrency and row.duration_s:
        yield "static", {"batch": float(row.concurrency), "latency_s": row.duration_s}
    elif row.arrival == "closed" and row.concurrency:
        at_once = float(row.concurrency)
        if tpot_ms and ttft_ms and not row.prompts_shared_fraction:
            yield "closed_loop", {"concurrency": at_once, "tpot_ms": tpot_ms, "ttft_ms": ttft_ms}
        elif tpot_ms:
            yield "closed_tpot", {"concurrency": at_once, "tpot_ms": tpot_ms}
        elif row.requests_per_s:
            yield "closed_rate", {"concurrency": at_once, "requests_per_s": row.requests_per_s}
        # A median is that of a prompt of median length, which of real prompts is shorter than the mean.
        if row.concurrency == 1 and row.ttft_mean_ms and not row.prompts_shared_fraction:
            yield "first_token", {"ttft_ms": row.ttft_mean_ms}
