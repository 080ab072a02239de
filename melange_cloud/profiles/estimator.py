"""What one replica does at a concurrency: continuous batching on a roofline, in closed form.

Symbols (seconds, bytes, tokens; constants are fields of Calibration):

    tp        GPUs of the replica           n    requests in flight (closed loop): the concurrency
    BW, TF    bandwidth, peak of one GPU    D    decode steps of a request, O - 1: prefill gives the first token
    I, O      input and output tokens       P    parameters multiplied per token
    W         bytes of weights read         c    mean context of a decoding request, I + O/2
    kv        cache bytes of one token

A decode step reads the weights once for all, reads each request's cache, and talks over the link::

    linear   = max(W / (tp BW read_weights), 2 P n / (tp TF decode))
    cache    = n c kv / (min(tp, kv_heads) BW read_cache) (1 + cache_loss log2 tp)
    network  = 2 layers (link_latency + n hidden 4 (tp - 1)/tp / link)                       0 where tp = 1
    step     = linear + cache + network + step_s + step_per_request_s n

A prefill is compute, and the same link for I tokens::

    prefill  = (2 P_layers I + 2 layers heads head_dim I^2) / (tp TF prefill) + prefill_s + network of I tokens

An engine prefills a request as soon as a slot is free, so all n decode in every step; while one request decodes, each
of the others is prefilled once, and holds it up::

    tpot     = step + (n - 1) prefill / D
    ttft     = prefill + step (n - 1) / 2n        a new request waits for half a step of the others
    rate     = n / (ttft + D tpot)                Little's law

The largest n is limited by memory, n (I + growth O) kv <= room, and by max_num_seqs.
The linear part *plus* the cache read, not the larger of them: attention does not overlap the matrix products.
"""

import math
from dataclasses import dataclass

from melange_cloud.profiles.specs import BYTES_PER_ELEMENT_16_BIT, GIB, Calibration, Era, Gpu, Model

_DIGITS = 5

LEAST_CACHE_TOKENS = 4096
"""A replica whose KV cache holds less is refused: it would run two or three ordinary requests at once."""

SLIVER = 0.1
"""Below this ratio of KV cache to weights a sliver of memory decides the batch: 70B at TP 2 on 80 GB is off by 60 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One operating point: what a replica does with ``concurrency`` requests in flight."""

    concurrency: int
    requests_per_s: float
    tpot_ms: float
    ttft_ms: float


@dataclass(frozen=True, slots=True)
class DoesNotFit:
    """Why nothing can be served: ``missing_gib`` more memory would be needed, over all GPUs of the replica."""

    missing_gib: float


@dataclass(frozen=True, slots=True)
class Replica:
    """A model on ``tensor_parallel`` GPUs with an engine of one era: what is estimated.

    Args:
        cache_bytes_per_element: 2 as engines do by default, 1 where the cache is kept in fp8.
    """

    model: Model
    gpu: Gpu
    tensor_parallel: int
    era: Era
    precision: str
    calibration: Calibration
    cache_bytes_per_element: float = BYTES_PER_ELEMENT_16_BIT

    @property
    def weight_read_s(self) -> float:
        """Time to read all weights once at the data sheet's bandwidth, s: no token can come sooner."""
        return self.model.weight_bytes(self.precision) / (self.tensor_parallel * self.gpu.bandwidth_gb_per_s * 1e9)

    @property
    def cache_bytes_per_token(self) -> float:
        """KV cache of one token over all GPUs, bytes; heads that are fewer than GPUs are kept more than once."""
        copies = max(1.0, self.tensor_parallel / self.model.kv_heads)
        return self.model.cache_bytes_per_token * copies * self.cache_bytes_per_element / BYTES_PER_ELEMENT_16_BIT

    @property
    def cache_bytes(self) -> float:
        """Memory left for the KV cache over all GPUs, bytes; negative where not even the weights fit."""
        per_gpu_gib = self.gpu.cuda_memory_gib * self.era.memory_utilization - self.era.activations_gib
        return self.tensor_parallel * per_gpu_gib * GIB - self.model.weight_bytes(self.precision)

    @property
    def cache_tokens(self) -> int:
        """Tokens that the KV cache holds: the longest request that fits at all."""
        return max(0, math.floor(self.cache_bytes / self.cache_bytes_per_token))

    @property
    def refusal(self) -> str:
        """Why no profile is made of this replica, one clause; empty where one is."""
        gpu, degree = self.gpu.name, self.tensor_parallel
        if self.gpu.peak_tflops(self.precision) is None:
            return f"{gpu} has no {self.precision}"
        on = f"{degree} x {gpu}" if degree > 1 else f"one {gpu}"
        weights = f"{self.model.weight_bytes(self.precision) / GIB:.1f} GiB of {self.precision} weights"
        if self.cache_bytes <= 0:
            return f"{weights} do not fit on {on}: {-self.cache_bytes / GIB:.1f} GiB are missing"
        if self.cache_tokens < LEAST_CACHE_TOKENS:
            return f"{weights} leave room for {self.cache_tokens:,} tokens on {on}: too few requests at once"
        return ""

    @property
    def is_a_sliver(self) -> bool:
        """Whether so little memory is left that its rounding, which engines do differently, decides the batch."""
        return self.cache_bytes < SLIVER * self.model.weight_bytes(self.precision)

    def largest_concurrency(self, input_tokens: int, output_tokens: int) -> int:
        """Requests of a size that run at once; 0 where not even one fits."""
        if input_tokens + output_tokens > self.cache_tokens:
            return 0
        held = input_tokens + self.era.growth * output_tokens
        return max(1, min(self.era.max_num_seqs, math.floor(self.cache_tokens / held)))

    def estimate(
        self, input_tokens: int, output_tokens: int, concurrencies: tuple[int, ...] | None = None
    ) -> tuple[Estimate, ...] | DoesNotFit:
        """Operating points for one request size, concurrency rising.

        Args:
            input_tokens, output_tokens: size of every request; at least 1 and 4.
            concurrencies: which, where they are at most the largest; by default 1, 2, 4, ... and the largest.
        """
        largest = self.largest_concurrency(input_tokens, output_tokens)
        if largest == 0:
            needed = (input_tokens + output_tokens) * self.cache_bytes_per_token
            return DoesNotFit((needed - self.cache_bytes) / GIB)
        if concurrencies is None:
            doublings = tuple(2**power for power in range(largest.bit_length()) if 2**power < largest)
            concurrencies = (*doublings, largest)
        return tuple(self._at(n, input_tokens, output_tokens) for n in concurrencies if n <= largest)

    def _at(self, concurrency: int, input_tokens: int, output_tokens: int) -> Estimate:
        steps = output_tokens - 1
        prefill_s = self.prefill_s(input_tokens)
        step_s = self.step_s(concurrency, input_tokens + output_tokens / 2)
        tpot_s = step_s + (concurrency - 1) * prefill_s / steps
        ttft_s = prefill_s + step_s * (concurrency - 1) / (2 * concurrency)
        return Estimate(
            concurrency=concurrency,
            requests_per_s=rounded(concurrency / (ttft_s + steps * tpot_s)),
            tpot_ms=rounded(1000 * tpot_s),
            ttft_ms=rounded(1000 * ttft_s),
        )

    def step_s(self, requests: int, context_tokens: float) -> float:
        """Time of one decode step of ``requests`` requests with a mean context, s."""
        k, tp, model = self.calibration, self.tensor_parallel, self.model
        read_bytes = model.weight_bytes(self.precision)
        if not model.tied_embeddings:
            read_bytes -= BYTES_PER_ELEMENT_16_BIT * model.head_parameters  # a step reads n rows of the embedding table
        bandwidth = self.gpu.bandwidth_gb_per_s * 1e9
        read_s = max(read_bytes / (tp * bandwidth * k.read_weights), self.weight_read_s)
        flops = 2 * (model.layer_parameters + model.head_parameters) * requests
        linear_s = max(read_s, flops / (tp * self._peak_flops * k.decode))
        cache_bytes = requests * context_tokens * model.cache_bytes_per_token
        cache_bytes *= self.cache_bytes_per_element / BYTES_PER_ELEMENT_16_BIT
        cache_s = cache_bytes / (min(tp, model.kv_heads) * bandwidth * k.read_cache)
        cache_s *= 1 + k.cache_loss * math.log2(tp)
        network_s = requests * self._network_s_per_token + (2 * model.layers * k.link_latency_s if tp > 1 else 0.0)
        return linear_s + cache_s + network_s + k.step_s + k.step_per_request_s * requests

    @property
    def _peak_flops(self) -> float:
        peak = self.gpu.peak_tflops(self.precision)
        if peak is None:
            raise ValueError(f"{self.gpu.name} has no {self.precision}")
        return peak * 1e12

    @property
    def _network_s_per_token(self) -> float:
        tp, model = self.tensor_parallel, self.model
        moved = 2 * BYTES_PER_ELEMENT_16_BIT * model.hidden * (tp - 1) / tp
        return 2 * model.layers * moved / (self.calibration.link_gb_per_s * 1e9)

    def prefill_s(self, input_tokens: float) -> float:
        """Time that one request's prefill takes from the replica, s."""
        k, tp, model = self.calibration, self.tensor_parallel, self.model
        attention = 2 * model.layers * model.heads * model.head_dim * input_tokens**2
        flops = 2 * model.layer_parameters * input_tokens + 2 * model.head_parameters + attention
        return flops / (tp * self._peak_flops * k.prefill) + k.prefill_s + input_tokens * self._network_s_per_token


def rounded(value: float) -> float:
    """To five significant digits: more would pretend to a precision that no estimate has."""
    return float(f"{value:.{_DIGITS}g}")
