"""A model on the GPUs of one replica: whether it fits, how many requests run at once, and what it then does.

The largest number in flight is limited by memory and by max_num_seqs: a request holds blocks of the cache for
I + growth O tokens. Where fewer in flight do more, the rest wait. The times are those of ``closed_loop.py``.
"""

import math
from dataclasses import dataclass

from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.closed_loop import ClosedLoop, Estimate, rounded
from melange_cloud.estimator.roofline import NO_FRONT_END, StepWork, law_of, work_of
from melange_cloud.estimator.specs import (
    BYTES_PER_ELEMENT_16_BIT,
    GIB,
    Calibration,
    EngineSettings,
    Era,
    FrontEnd,
    Gpu,
    Model,
)

LEAST_CACHE_TOKENS = 4096
"""A replica whose KV cache holds less is refused: it would run two or three ordinary requests at once."""

SLIVER = 0.1
"""Below this ratio of KV cache to weights a sliver of memory decides the batch: 70B in 16 bits on 2 x 80 GB was
measured at 0.4 to 1.2 times the estimate."""


@dataclass(frozen=True, slots=True)
class MemoryShortfall:
    """Why nothing can be served: ``missing_gib`` more memory would be needed, over all GPUs of the replica."""

    missing_gib: float


@dataclass(frozen=True, slots=True)
class Replica:
    """A model on ``tensor_parallel`` GPUs with an engine of one era: what is estimated.

    Args:
        cache_bytes_per_element: 2 or 1 (fp8); None is what the era keeps at this precision.
        front_end: the server process before the engine; by default none, or several, so that it never limits.
        cached_input: share of the input tokens that a prefix cache holds: their prefill is saved, not their memory.
        settings: how its engine is started; None is what the era says for the mean of its engines.
    """

    model: Model
    gpu: Gpu
    tensor_parallel: int
    era: Era
    precision: str
    calibration: Calibration
    cache_bytes_per_element: float | None = None
    front_end: FrontEnd = NO_FRONT_END
    cached_input: float = 0.0
    settings: EngineSettings | None = None

    @property
    def limits(self) -> EngineSettings:
        """How its engine is started."""
        return self.settings or self.era.settings(self.gpu)

    @property
    def _element_bytes(self) -> float:
        if self.cache_bytes_per_element is not None:
            return self.cache_bytes_per_element
        return self.era.cache_bytes_per_element(self.precision)

    @property
    def work(self) -> StepWork:
        """What its steps move and multiply."""
        era, cache = self.era, self._element_bytes
        return work_of(self.model, self.gpu, self.tensor_parallel, self.precision, cache, era.mixed_steps)

    @property
    def law(self) -> StepLaw:
        """How long its steps take."""
        return law_of(self.work, self.calibration)

    @property
    def weight_read_s(self) -> float:
        """Time to read all weights once at the data sheet's bandwidth, s: no token can come sooner."""
        return self.model.weight_bytes(self.precision) / (self.tensor_parallel * self.gpu.bandwidth_gb_per_s * 1e9)

    @property
    def cache_bytes_per_token(self) -> float:
        """KV cache of one token over all GPUs, bytes; heads that are fewer than GPUs are kept more than once."""
        copies = max(1.0, self.tensor_parallel / self.model.kv_heads)
        return self.model.cache_bytes_per_token * copies * self._element_bytes / BYTES_PER_ELEMENT_16_BIT

    @property
    def cache_bytes(self) -> float:
        """Memory left for the KV cache over all GPUs, bytes; negative where not even the weights fit."""
        limits, degree = self.limits, self.tensor_parallel
        per_gpu_gib = self.gpu.cuda_memory_gib * limits.memory_utilization - limits.buffers_gib(self.model, degree)
        left = degree * per_gpu_gib * GIB - self.model.weight_bytes(self.precision)
        return left * limits.cache_utilization if left > 0 else left

    @property
    def cache_tokens(self) -> int:
        """Tokens that the KV cache holds: the longest request that fits at all."""
        return max(0, math.floor(self.cache_bytes / self.cache_bytes_per_token))

    @property
    def refusal(self) -> str:
        """Why no profile is made of this replica, one clause; empty if one is."""
        gpu, degree = self.gpu.name, self.tensor_parallel
        if self.gpu.peak_tflops(self.precision) is None:
            return f"{gpu} has no {self.precision}"
        if not self.model.splits_over(degree):
            return f"{degree} GPUs do not split the {self.model.heads} attention heads of {self.model.name} evenly"
        on = f"{degree} x {gpu}" if degree > 1 else f"one {gpu}"
        weights = f"{self.model.weight_bytes(self.precision) / GIB:.1f} GiB of {self.precision} weights"
        if self.cache_bytes <= 0:
            return f"{weights} do not fit on {on}: {-self.cache_bytes / GIB:.1f} GiB are missing"
        if self.cache_tokens < LEAST_CACHE_TOKENS:
            return f"{weights} leave room for {self.cache_tokens:,} tokens on {on}: too few requests at once"
        if self.cache_share < self.era.least_cache_share:
            return (
                f"{weights} leave {self.cache_bytes / GIB:.1f} GiB for the cache on {on}: "
                f"a sliver, whose rates were measured at 0.4 to 1.2 times the estimate"
            )
        return ""

    @property
    def cache_share(self) -> float:
        """KV cache over weights."""
        return self.cache_bytes / self.model.weight_bytes(self.precision)

    @property
    def is_a_sliver(self) -> bool:
        """Whether so little memory is left that its rounding, which engines do differently, decides the batch."""
        return self.cache_share < SLIVER

    def largest_concurrency(self, input_tokens: float, output_tokens: float) -> int:
        """Requests of a size that run at once; 0 if not even one fits."""
        if input_tokens + output_tokens > self.cache_tokens:
            return 0
        return self.limits.requests_at_once(self.cache_tokens, input_tokens, output_tokens)

    def estimate(
        self, input_tokens: float, output_tokens: float, concurrencies: tuple[int, ...] | None = None
    ) -> tuple[Estimate, ...] | MemoryShortfall:
        """Operating points for one request size, concurrency rising.

        Args:
            input_tokens, output_tokens: size of every request; at least 1 and 4.
            concurrencies: which, where they are at most the largest; by default 1, 2, 4, ... and the largest, and those
                halfway where prompts have steps of their own.
        """
        largest = self.largest_concurrency(input_tokens, output_tokens)
        if largest == 0:
            needed = (input_tokens + output_tokens) * self.cache_bytes_per_token
            return MemoryShortfall((needed - self.cache_bytes) / GIB)
        law, rising = self.law, _rising(largest)
        if not law.mixed_steps:
            # Where prompts begin to share a step of their own, the rate bends: points further apart would smooth it.
            rising = sorted({*rising, *(3 * n // 2 for n in rising[1:] if 3 * n // 2 < largest)})
        wanted = concurrencies or (*rising, largest)
        tokens = self.limits.max_num_batched_tokens
        loop = ClosedLoop(law, (input_tokens, output_tokens), tokens, self.cached_input, self.front_end)
        points = dict[int, Estimate]()
        best: Estimate | None = None
        for n in sorted({*rising, *wanted}):
            if n <= largest:
                best = _not_slower(best, loop.at(n), output_tokens - 1)
                points[n] = best
        return tuple(points[n] for n in wanted if n in points)

    def prefill_s(self, input_tokens: float) -> float:
        """Time that one request's prefill takes on an idle replica, s."""
        return self.law.prefill_s(input_tokens, cached_input=self.cached_input)


def _rising(largest: int) -> list[int]:
    """1, 2, 4, ... below the largest."""
    return [2**power for power in range(largest.bit_length()) if 2**power < largest]


def _not_slower(fewer: Estimate | None, point: Estimate, steps: float) -> Estimate:
    """The point, or where fewer in flight do more (prefill-bound, by a percent): those, and the others wait."""
    if fewer is None or fewer.requests_per_s <= point.requests_per_s:
        return point
    n, rate = point.concurrency, fewer.requests_per_s
    return Estimate(n, rate, fewer.tpot_ms, rounded(1000 * n / rate - steps * fewer.tpot_ms))
