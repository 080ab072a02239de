"""One run of any benchmark tool against one server, as read by importers and made by `measure`."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class BenchmarkRun:
    """A load test at one request size and one rate or concurrency; sizes and latencies are means unless named.

    Attributes:
        tool: the tool that measured, such as ``vllm bench serve`` or ``guidellm``.
        source: file (and line or index in it) for messages.
        model: the tool's name of the model; empty if it has none.
        input_tokens, output_tokens: mean size of the *completed* requests, tokens.
        requests_per_s: completed requests per second (achieved, not requested).
        asked_requests_per_s: the requested open-loop rate; None for a closed loop or "inf".
        max_concurrency: the requested limit of requests in flight; None if not limited.
        concurrency: mean requests in flight, if the tool says so or it can be derived (Little's law); else None.
        tpot_ms, p99_tpot_ms: time per output token *after the first*, ms; None if the tool cannot tell.
        ttft_ms, p99_ttft_ms: time to the first token, ms; None if the tool cannot tell.
        p50_tpot_ms, p50_ttft_ms: their medians; None if they were not read.
        p95_input_tokens, p95_output_tokens: 95th percentiles of the sizes; None if they were not read.
        completed, failed: requests; None if the file does not say.
        cut_off: requests that were still running when the tool's time was up; they are not in either count.
        duration_s: wall time of the run, s; None if not stated.
        measured_on: date; None if the tool does not write one.
        engine: server and version; empty if not stated.
        cancelled: how the file says that the run was not finished, one clause; empty if it was.
        steady: whether all requests have the same size and ramp-up and drain do not count, as in ``profiles measure``.
        notes: what the file does not say, one clause each.
        other_names: other names of the model in the file, as (field, name): the tokenizer, a served name, a tag.
        labels: what the user wrote into the file (``--metadata``), such as gpu, tp, precision; keys in lower case.
    """

    tool: str
    source: str
    model: str
    input_tokens: float
    output_tokens: float
    requests_per_s: float
    asked_requests_per_s: float | None
    max_concurrency: int | None
    concurrency: float | None
    tpot_ms: float | None
    p99_tpot_ms: float | None
    ttft_ms: float | None
    p99_ttft_ms: float | None
    completed: int | None
    failed: int | None
    duration_s: float | None
    measured_on: date | None
    engine: str
    labels: tuple[tuple[str, str], ...] = ()
    cut_off: int = 0
    cancelled: str = ""
    steady: bool = False
    notes: tuple[str, ...] = ()
    other_names: tuple[tuple[str, str], ...] = ()
    p50_tpot_ms: float | None = None
    p50_ttft_ms: float | None = None
    p95_input_tokens: float | None = None
    p95_output_tokens: float | None = None

    @property
    def saturated(self) -> bool:
        """True if the tool sent as fast as it could: no rate and no concurrency was requested."""
        return self.asked_requests_per_s is None and self.max_concurrency is None

    @property
    def failed_fraction(self) -> float:
        """Fraction of failed requests among the finished ones; 0 if the file does not say."""
        if self.failed is None or self.completed is None:
            return 0.0
        finished = self.completed + self.failed
        return self.failed / finished if finished else 0.0

    @property
    def in_flight(self) -> float | None:
        """Mean requests in flight: as stated, else by Little's law, else as requested; None if unknown."""
        if self.concurrency is not None:
            return self.concurrency
        if self.tpot_ms is not None and self.ttft_ms is not None and not self.saturated:
            return self.requests_per_s * (self.ttft_ms + (self.output_tokens - 1) * self.tpot_ms) / 1000
        return None if self.asked_requests_per_s is not None else self.max_concurrency
