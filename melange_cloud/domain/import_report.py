"""What an import of benchmark results did: the answer of ``profiles import``. Field names are those of the JSON."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BenchmarkFile:
    """A result file.

    Attributes:
        file: its path.
        tool: the tool that wrote it.
        runs: number of runs in it.
        notes: what was skipped and why, one clause each.
    """

    file: str
    tool: str
    runs: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file that is not a result file.

    Attributes:
        file: its path.
        reason: why it is not one, one clause.
    """

    file: str
    reason: str


@dataclass(frozen=True, slots=True)
class RejectedRun:
    """A run that has no rate.

    Attributes:
        source: its file and the place in it.
        reason: why it has no rate, one clause.
    """

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunVerdict:
    """A run and what it changes.

    Attributes:
        source: its file and the place in it.
        requests_per_s: completed requests per second.
        tpot_ms: mean time per output token after the first, ms; None if the tool cannot tell.
        completed, failed: requests; None if the file does not say.
        grade, error: None if the run is not used.
        use: one clause.
        doubts: why it is not fully trusted, one clause each.
    """

    source: str
    requests_per_s: float
    tpot_ms: float | None
    completed: int | None
    failed: int | None
    grade: str | None
    error: float | None
    use: str
    doubts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EstimateComparison:
    """One measured size, compared with the estimate.

    Attributes:
        input_tokens, output_tokens: mean size of the requests.
        points: number of measured points.
        requests_per_s, tpot_ms, p99_tpot_ms, ttft_ms: at the highest rate (within the requested target); None if no
            point is within it, or if the tool does not say.
        grade, error: the worst among its points.
        saturated: whether a higher load was shown not to raise the rate.
        limit_measured: whether saturation, or a load beyond the target, was measured.
        estimated_requests_per_s: at the target, or else at the measured TPOT; None if the estimate serves none.
        is_large: whether the ratio is too large to be explained by errors or a few ms of TPOT.
    """

    input_tokens: int
    output_tokens: int
    points: int
    requests_per_s: float | None
    tpot_ms: float | None
    p99_tpot_ms: float | None
    ttft_ms: float | None
    grade: str
    error: float
    saturated: bool
    limit_measured: bool
    estimated_requests_per_s: float | None
    is_large: bool

    @property
    def ratio(self) -> float | None:
        """Measured rate divided by estimated rate; None if either is unknown."""
        if self.requests_per_s is None or self.estimated_requests_per_s is None:
            return None
        return self.requests_per_s / self.estimated_requests_per_s


@dataclass(frozen=True, slots=True)
class ImportReport:
    """One import.

    Attributes:
        written: the profile file that was written; None if nothing was saved.
        files: the result files, in the given order.
        skipped: files that are not result files.
        runs: all runs of the result files.
        rejected: the runs that are not used.
        target_tpot_ms: the target under which measured and estimated rates are compared; None is the measured TPOT.
        sizes: the measured sizes, sorted.
        notices: what must be known with the numbers, one sentence each.
    """

    model: str
    precision: str
    gpu: str
    tensor_parallel: int
    era: str
    written: str | None
    files: tuple[BenchmarkFile, ...]
    skipped: tuple[SkippedFile, ...]
    runs: tuple[RunVerdict, ...]
    rejected: tuple[RejectedRun, ...]
    target_tpot_ms: float | None
    sizes: tuple[EstimateComparison, ...]
    notices: tuple[str, ...]
