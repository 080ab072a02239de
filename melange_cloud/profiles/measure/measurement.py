"""What is to be measured: the server, the conditions that every load point rests on, and the request sizes."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from melange_cloud.domain import Bucket, Slo

ENDPOINTS = {"completions": "/v1/completions", "chat": "/v1/chat/completions"}
"""By the word that the user says: the path that requests go to."""

_SMALLEST_TOKENS = 16


class RequestSize(NamedTuple):
    """One request size, tokens."""

    input_tokens: int
    output_tokens: int

    def __str__(self) -> str:
        return f"{self.input_tokens}x{self.output_tokens}"


DEFAULT_SIZES = tuple(RequestSize(*size) for size in product((128, 1024, 4096), (128, 1024)))
"""A full grid, since a profile is interpolated between the corners of rectangles."""


@dataclass(frozen=True, slots=True)
class MeasureQuestion:
    """One measurement of one model on one kind.

    Attributes:
        url: the server's address without ``/v1``.
        model: the name that the profile gets.
        served_model: the name by which the server knows it.
        endpoint: one of ENDPOINTS.
        tokenizer: a folder or a name on the Hugging Face hub, from which prompts of the asked length are made.
        engine: the server's software and version where it says; else empty.
        max_total_tokens: longest input + output that the server accepts, tokens; None where it does not say.
        sizes: without repetition, in the order in which they are measured.
        slo: where the load of a size stops to rise; nothing finite asks for saturation.
        seconds_per_point: the least time that a load point is measured for, s, after its warm-up.
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
        """What every load point rests on: where one of these changes, none that was measured before may be used."""
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


def sizes_of(buckets: Iterable[Bucket]) -> tuple[RequestSize, ...]:
    """A grid of nine sizes that spans a workload's buckets, fewer where its sizes lie close together.

    Its lines are the least, the middle (weighted by share) and the largest mean size of the buckets with traffic, so
    that a plan for this workload interpolates and never extrapolates.
    """
    seen = [bucket for bucket in buckets if bucket.share > 0]
    inputs = _lines([(bucket.mean_input_tokens, bucket.share) for bucket in seen])
    outputs = _lines([(bucket.mean_output_tokens, bucket.share) for bucket in seen])
    return tuple(RequestSize(*size) for size in product(inputs, outputs))


def _lines(weighted: list[tuple[float, float]]) -> list[int]:
    weighted = sorted(weighted)
    half, passed, middle = sum(share for _, share in weighted) / 2, 0.0, weighted[-1][0]
    for tokens, share in weighted:
        passed += share
        if passed >= half:
            middle = tokens
            break
    # Rounded up: the largest mean size must lie on the grid, not just beyond it.
    return sorted({max(_SMALLEST_TOKENS, -int(-tokens // 1)) for tokens in (weighted[0][0], middle, weighted[-1][0])})
