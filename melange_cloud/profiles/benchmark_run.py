"""One run of a benchmark tool against one server, whatever the tool: what importers read and `measure` makes."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class BenchmarkRun:
    """A load test at one request size and one asked rate or concurrency; sizes and latencies are means unless named.

    Attributes:
        tool: the tool that measured, as ``vllm bench serve`` or ``guidellm``.
        source: file (and line or index in it) for messages.
        model: as the tool names it; empty if it does not.
        input_tokens, output_tokens: mean size of the *completed* requests, tokens.
        requests_per_s: completed requests per second (achieved, not requested).
        asked_requests_per_s: the open-loop rate requested; None where closed loop or "inf".
        max_concurrency: requests in flight at most, as requested; None if not limited.
        concurrency: mean requests in flight, where the tool says so or it can be derived (Little's law); else None.
        tpot_ms, p99_tpot_ms: time per output token *after the first*, ms; None if the tool cannot tell.
        ttft_ms, p99_ttft_ms: time to the first token, ms; None if the tool cannot tell.
        p50_tpot_ms, p50_ttft_ms: their medians; None if they were not read.
        p95_input_tokens, p95_output_tokens: 95th percentiles of the sizes; None if they were not read.
        completed, failed: requests; None if the file does not say.
        cut_off: requests that were still running when the tool's time was up; they count as neither.
        duration_s: wall time of the run, s; None if not stated.
        measured_on: date; None if the tool does not write one.
        engine: server and version where stated; else empty.
        cancelled: how the file says that the run did not get to its end, one clause; empty if it did.
        steady: whether all requests have one size and the ramp and the end do not count, as in ``profiles measure``.
        notes: what the file leaves open, one clause each.
        other_names: what else of the file names the model, as (field, name): the tokenizer, a served name, a tag.
        labels: what the user wrote into the file (``--metadata``), as gpu, tp, precision; keys lower case.
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
        """Whether the tool sent as fast as it could: no rate and no concurrency requested."""
        return self.asked_requests_per_s is None and self.max_concurrency is None

    @property
    def failed_fraction(self) -> float:
        """Failed over all finished requests; 0 if the file does not say."""
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
