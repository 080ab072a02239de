"""A measurement of a running server: the request for it, and the results at each load.

Field names of ServerMeasurement are those of the JSON of ``profiles measure``.
"""

from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from melange_cloud.domain.throughput import Slo


class RequestSize(NamedTuple):
    """One request size, tokens."""

    input_tokens: int
    output_tokens: int

    def __str__(self) -> str:
        return f"{self.input_tokens}x{self.output_tokens}"


@dataclass(frozen=True, slots=True)
class MeasureQuestion:
    """One measurement of one model on one kind.

    Attributes:
        url: the server's address without ``/v1``.
        model: the name for the profile.
        served_model: the model's name on the server.
        endpoint: one of ENDPOINTS.
        tokenizer: a folder or a name on the Hugging Face hub, used to make prompts of the requested length.
        engine: the server's software and version; empty if it does not say.
        max_total_tokens: longest input + output that the server accepts, tokens; None if it does not say.
        sizes: without repetition, in the order in which they are measured.
        slo: the targets at which the load of a size stops rising; without a finite one, it rises up to saturation.
        seconds_per_point: the shortest time for which a load point is measured after its warm-up, s.
        max_concurrency: no load point has more requests in flight.
    """

    url: str
    gpu: str
    tensor_parallel: int
    model: str
    served_model: str
    precision: str
    era: str
    endpoint: str
    tokenizer: str
    engine: str
    max_total_tokens: int | None
    sizes: tuple[RequestSize, ...]
    slo: Slo
    seconds_per_point: float
    max_concurrency: int

    @property
    def conditions(self) -> dict[str, str]:
        """The settings that every load point depends on; if one changes, earlier measurements must not be used."""
        return {
            "url": self.url,
            "gpu": self.gpu,
            "tensor_parallel": str(self.tensor_parallel),
            "model": self.model,
            "served_model": self.served_model,
            "precision": self.precision,
            "era": self.era,
            "endpoint": self.endpoint,
            "tokenizer": self.tokenizer,
            "engine": self.engine,
            "max_total_tokens": str(self.max_total_tokens or ""),
            "seconds_per_point": f"{self.seconds_per_point:g}",
        }


@dataclass(frozen=True, slots=True)
class LoadMeasurement:
    """The server's results at one load.

    Attributes:
        concurrency: requests in flight, as requested.
        requests_per_s: completed requests per second.
        tpot_ms, p99_tpot_ms, ttft_ms: None if the server does not stream.
        mean_input_tokens, mean_output_tokens: of the completed requests, as the server counts them.
        completed, failed: requests; None if the load generator does not say.
    """

    concurrency: int
    requests_per_s: float
    tpot_ms: float | None
    p99_tpot_ms: float | None
    ttft_ms: float | None
    mean_input_tokens: float
    mean_output_tokens: float
    completed: int | None
    failed: int | None


@dataclass(frozen=True, slots=True)
class SizeMeasurement:
    """The results at one request size.

    Attributes:
        input_tokens, output_tokens: of each request, as requested.
        ended: why no higher load was tried, one clause.
        complete: False if failures ended it, not the SLO, saturation or the highest load.
        points: by requests in flight.
        by_slo: whether the SLO ended it, so that the points say nothing about looser targets.
        best: the point with the highest rate within the SLO; None if no load is within it.
    """

    input_tokens: int
    output_tokens: int
    ended: str
    complete: bool
    points: tuple[LoadMeasurement, ...]
    by_slo: bool
    best: LoadMeasurement | None

    @property
    def size(self) -> RequestSize:
        """The size that was requested."""
        return RequestSize(self.input_tokens, self.output_tokens)


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """The latencies at which the load of a size stops rising; None if not limited.

    Attributes:
        tpot_ms: mean time per output token after the first, ms.
        p99_tpot_ms: its 99th percentile over requests, ms.
        ttft_ms: mean time to the first token, ms.
        e2e_ms: mean time from request to last token, ms.
    """

    tpot_ms: float | None
    p99_tpot_ms: float | None
    ttft_ms: float | None
    e2e_ms: float | None

    @classmethod
    def of(cls, slo: Slo) -> "LoadLimits":
        """The latency limits of an SLO, in which a target that is not set is infinite."""
        targets = (slo.tpot_ms, slo.p99_tpot_ms, slo.ttft_ms, slo.e2e_ms)
        return cls(*(target_ms if target_ms < inf else None for target_ms in targets))


@dataclass(frozen=True, slots=True)
class ServerMeasurement:
    """A finished measurement.

    Attributes:
        profile: the profile file that was written.
        url: the server's address.
        engine: the server's software and version; None if it does not say.
        tool: the load generator.
        slo: the targets that end the measurement of a size.
        sizes: in the order in which they were measured.
    """

    profile: str
    model: str
    gpu: str
    tensor_parallel: int
    era: str
    precision: str
    url: str
    engine: str | None
    tool: str
    slo: LoadLimits
    sizes: tuple[SizeMeasurement, ...]
