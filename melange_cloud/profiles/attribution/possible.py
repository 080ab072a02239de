"""Checks whether a run is physically possible, with the bounds of data sheets and without any fitted constant.

Per request of I input and O output tokens, with P parameters of the layers, H of the output head and c = I + O/2 tokens
of mean context (attention of the prompt: one half of I^2, as each token sees those before it)::

    compute     rate (2 P (I + O - 1) + 2 H O + 2 layers heads head_dim I^2)  <=  tp peak
    bandwidth   weights + b c kv                                              <=  tp BW tpot,   b = rate (O - 1) tpot
                rate (O - 1) (weights / most + c kv)                          <=  tp BW         where no TPOT is known
    memory      b c kv                                                        <=  tp memory - weights;  most = b there
    first token 2 P I + 2 layers heads head_dim I^2  <=  tp peak ttft,   weights  <=  tp BW ttft

The compute bound is safe, since attention grows with the square and a mean prompt never needs more than the prompts
themselves. The other bounds have a tenth of slack, since means of products are not products of means. A rate above a
bound was measured on something else, or with prompts that were already in the server's cache.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from melange_cloud.errors import one_line
from melange_cloud.estimator.specs import BYTES_PER_ELEMENT_16_BIT, GIB, PRECISIONS, Gpu, Model
from melange_cloud.profiles.benchmark_run import BenchmarkRun

_SLACK = 0.9
_ABOVE_ASKED = 1.5
"""A higher ratio of achieved to requested rate cannot be the same run; 1.3 may be chance with a hundred requests."""

_CHECK = "check --gpu, --tp, --precision and --model"
PREFIX_CACHING = "was prefix caching on? Then import runs without it"


@dataclass(frozen=True, slots=True)
class MeasuredReplica:
    """What was measured.

    Attributes:
        precision: of the weights; an unknown one counts as 4 bits, multiplied at twice the 16-bit peak.
        cache_bytes_per_element: 2, or 1 for a KV cache in 8 bits.
    """

    model: Model
    gpu: Gpu
    tensor_parallel: int
    precision: str
    cache_bytes_per_element: int

    @property
    def _on(self) -> str:
        return f"{self.gpu.name} at --tp {self.tensor_parallel}"

    @property
    def _peak_flops(self) -> float:
        tflops = self.gpu.fp16_tflops
        if self.precision == "fp8":
            tflops = self.gpu.fp8_tflops or tflops
        elif self.precision not in PRECISIONS:
            tflops *= 2
        return self.tensor_parallel * tflops * 1e12

    @property
    def _weight_bytes(self) -> float:
        if self.precision in PRECISIONS:
            return self.model.weight_bytes(self.precision)
        rest = self.model.parameters - self.model.layer_parameters
        return self.model.layer_parameters / 2 + BYTES_PER_ELEMENT_16_BIT * rest

    @property
    def _weights_s(self) -> float:
        return self._weight_bytes / (self.tensor_parallel * self.gpu.bandwidth_gb_per_s * 1e9)

    @property
    def _cache_bytes_per_token(self) -> float:
        copies = max(1.0, self.tensor_parallel / self.model.kv_heads)
        return self.model.cache_bytes_per_token * copies * self.cache_bytes_per_element / BYTES_PER_ELEMENT_16_BIT

    @property
    def _cache_s(self) -> float:
        """Time to read one token's cache, s."""
        return self._cache_bytes_per_token / (self.tensor_parallel * self.gpu.bandwidth_gb_per_s * 1e9)

    @property
    def _free_bytes(self) -> float:
        return self.tensor_parallel * self.gpu.memory_gib * GIB - self._weight_bytes

    def _prompt_flop(self, input_tokens: float) -> float:
        model = self.model
        attention = 2 * model.layers * model.heads * model.head_dim * input_tokens**2
        return 2 * model.layer_parameters * input_tokens + attention

    def why_not(self, run: BenchmarkRun) -> str:
        """Why the run is impossible, one clause with the cure; empty if it is possible."""
        if self._free_bytes <= 0:
            return (
                f"{self._weight_bytes / GIB:.3g} GiB of {self.precision} weights of {self.model.name} do not fit on "
                f"{self._on}: {_CHECK}"
            )
        return self._too_many_tokens(run) or self._too_fast(run) or self._too_soon(run) or contradiction(run)

    def _too_many_tokens(self, run: BenchmarkRun) -> str:
        decoded = run.output_tokens - 1
        flop = self._prompt_flop(run.input_tokens) + 2 * self.model.layer_parameters * decoded
        flop += 2 * self.model.head_parameters * run.output_tokens
        needed = run.requests_per_s * flop
        if needed > self._peak_flops:
            return (
                f"{run.requests_per_s:.3g} requests/s ({run.requests_per_s * run.input_tokens:,.0f} prompt tokens/s) "
                f"need {needed / 1e12:,.0f} TFLOP/s, but {self._on} has {self._peak_flops / 1e12:,.0f} at "
                f"{self.precision}: {_CHECK}; {PREFIX_CACHING}"
            )
        return ""

    def _too_fast(self, run: BenchmarkRun) -> str:
        context = run.input_tokens + run.output_tokens / 2
        tokens_per_s = run.requests_per_s * (run.output_tokens - 1)
        tpot_s = None if run.tpot_ms is None or run.saturated else run.tpot_ms / 1000
        if tpot_s is None:
            most = self._free_bytes / (context * self._cache_bytes_per_token)
            if tokens_per_s * (self._weights_s / max(1.0, most) + context * self._cache_s) > 1 / _SLACK:
                return (
                    f"{tokens_per_s:,.0f} output tokens/s with {context:,.0f} tokens of context need more memory "
                    f"bandwidth than {self._on} has ({self.gpu.bandwidth_gb_per_s:,.0f} GB/s each): {_CHECK}; "
                    f"{self._cache_hint}"
                )
            return ""
        if tpot_s < _SLACK * self._weights_s:
            return (
                f"{run.tpot_ms:.3g} ms per output token, but {self._on} needs {1000 * self._weights_s:.3g} ms to read "
                f"the {self.precision} weights of {self.model.name} once: {_CHECK} (speculative decoding has no "
                "profile)"
            )
        decoding = tokens_per_s * tpot_s
        least_s = self._weights_s + decoding * context * self._cache_s
        if tpot_s < _SLACK * least_s:
            return (
                f"{run.tpot_ms:.3g} ms per output token with {decoding:,.0f} requests decoding, but {self._on} needs "
                f"{1000 * least_s:.3g} ms to read the weights and their KV cache: {_CHECK}; {self._cache_hint}"
            )
        held = decoding * context * self._cache_bytes_per_token
        if _SLACK * held > self._free_bytes:
            return (
                f"{decoding:,.0f} requests decoding at once hold {held / GIB:,.3g} GiB of KV cache, but {self._on} has "
                f"only {self._free_bytes / GIB:,.3g} GiB left by the weights: {_CHECK}; {self._cache_hint}"
            )
        return ""

    @property
    def _cache_hint(self) -> str:
        in_8_bits = "" if self.cache_bytes_per_element == 1 else "for a KV cache in 8 bits add --kv-cache-dtype fp8; "
        return f"{in_8_bits}{PREFIX_CACHING}"

    def _too_soon(self, run: BenchmarkRun) -> str:
        if run.ttft_ms is None:
            return ""
        compute_s = self._prompt_flop(run.input_tokens) / self._peak_flops
        least_s, why = max((compute_s, "multiply the prompt"), (self._weights_s, "read the weights once"))
        if run.ttft_ms / 1000 < _SLACK * least_s:
            return (
                f"{run.ttft_ms:.3g} ms to the first token of {run.input_tokens:,.0f} input tokens, but {self._on} "
                f"needs {1000 * least_s:.3g} ms to {why}: {_CHECK}; {PREFIX_CACHING}"
            )
        return ""


def contradiction(run: BenchmarkRun) -> str:
    """How the figures of a run contradict each other, one clause; empty if they do not."""
    asked = run.asked_requests_per_s
    if asked is not None and run.requests_per_s > _ABOVE_ASKED * asked:
        return (
            f"{run.requests_per_s:.3g} requests/s were served, but only {asked:.3g} sent: the file was edited or is "
            "broken"
        )
    if run.max_concurrency is None or asked is not None or run.tpot_ms is None or run.ttft_ms is None:
        return ""
    in_flight = run.requests_per_s * (run.ttft_ms + (run.output_tokens - 1) * run.tpot_ms) / 1000
    if in_flight > 2 * run.max_concurrency + 1:
        return (
            f"rate times latency gives {in_flight:,.3g} requests in flight, but at most {run.max_concurrency:,} were: "
            "the file was edited or is broken"
        )
    return ""


def impossible(runs: Iterable[BenchmarkRun], measured: MeasuredReplica | None) -> list[str]:
    """Each impossible run, with the reason; ``measured`` is None if the model is unknown."""
    verdicts = ((run, contradiction(run) if measured is None else measured.why_not(run)) for run in runs)
    return [one_line(f"{run.source}: {reason}") for run, reason in verdicts if reason]
