"""How long a replica's steps and prefills take: the formulas, with the constants of a Calibration.

Symbols (seconds, bytes, tokens):

    tp        GPUs of the replica           b    requests decoding in a step
    BW, TF    bandwidth, peak of one GPU    D    decode steps of a request, O - 1: prefill gives the first token
    I, O      input and output tokens       P    parameters multiplied per token (head: of the output head)
    W         bytes of weights read         c    mean context of a decoding request, I + O/2
    kv        cache bytes of one token      V    words of the vocabulary, in 100,000

A step puts T tokens through the weights. It reads them once for all, and multiplies; the two overlap, but not fully::

    linear(T) = sqrt(read^2 + multiply(T)^2)      read = W / (tp BW read_weights),  multiply = 2 P T / (tp TF compute)
    cache     = b c kv / (min(tp, kv_heads) BW read_cache) (1 + cache_loss log2 tp)
    network   = 2 layers (link_latency + T hidden 4 (tp - 1)/tp / link)                      0 where tp = 1
    overhead  = step_s + layers (layer_s + block_layer_s)
                + b (python_s + sampling_s V tp) + 2 P_head b / (tp TF16 compute)
    python_s  = step_per_request_s (1 + server_share)
    step(b)   = linear(b) + cache + network + overhead

Attention reads the cache before and after the matrix products, not during them: a sum, not the larger. Every GPU
of a replica chooses tokens from the gathered scores of the whole vocabulary, so V tp.

A prefill rides on the steps of the others (chunked prefill, mixed steps): the weights are read anyway, so it costs what
its tokens add. Engines of early 2024 gave it its own step, linear(I) + step_s + python_s instead of the first two
terms::

    prefill(b) = linear(b + I) - linear(b) + 2 layers heads head_dim I^2 / (tp TF16 attention) + I network + prefill_s
    tpot       = step(b) + m prefill(b),   m = b (n - 1)/n / D

since while one of n requests decodes, each of the others is prefilled once. Where m, the prefills per step, is above 1,
they share the step: linear(b + m I) - linear(b). That is what a fit compares with a measured TPOT; a profile solves for
b and m too (``closed_loop.py``). A front end, where there is one, works at the same time as the GPU, and both slow each
other down: tpot = (gpu^4 + front_end^4)^(1/4).
"""

import math
from dataclasses import dataclass

from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.specs import BYTES_PER_ELEMENT_16_BIT, Calibration, FrontEnd, Gpu, Model

_FRONT_END_SHARPNESS = 4
SWITCHED = 8
"""GPUs of a replica that talk through a switch that adds up what they send."""
_WORDS = 1e5
NO_FRONT_END = FrontEnd(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class StepWork:
    """What a replica's steps move and multiply, as times at the data sheet's speed, s: before any constant.

    Attributes:
        weights_s: reading all weights once: no token can come sooner.
        read_s: reading those that a step needs; of an embedding table it needs one row per request.
        token_s: multiplying one token with the layers; head_s: with the output head, which stays in 16 bits.
        cache_s: reading one token's cache.
        attention_s: a prefill's attention per squared input token.
        moved_gb: what an all-reduce of every layer moves per token and GPU, GB.
        scores: GPUs x 100,000 words of vocabulary.
        block_scaled: whether its matrix products are slowed by block scales.
        mixed_steps: whether prefill rides on decode steps.
    """

    degree: int
    layers: int
    weights_s: float
    read_s: float
    token_s: float
    head_s: float
    cache_s: float
    attention_s: float
    moved_gb: float
    scores: float
    block_scaled: bool
    mixed_steps: bool


def work_of(
    model: Model, gpu: Gpu, tensor_parallel: int, precision: str, cache_bytes_per_element: float, mixed_steps: bool
) -> StepWork:
    """The work of a model on GPUs at a precision.

    Raises:
        ValueError: the GPU cannot compute in the precision.
    """
    peak_tflops = gpu.peak_tflops(precision)
    if peak_tflops is None:
        raise ValueError(f"{gpu.name} has no {precision}")
    bandwidth = gpu.bandwidth_gb_per_s * 1e9
    sixteen_bit_flops = tensor_parallel * gpu.fp16_tflops * 1e12
    weight_bytes = model.weight_bytes(precision)
    table_bytes = 0 if model.tied_embeddings else BYTES_PER_ELEMENT_16_BIT * model.head_parameters
    cache_bytes = model.cache_bytes_per_token * cache_bytes_per_element / BYTES_PER_ELEMENT_16_BIT
    moved_bytes = 2 * BYTES_PER_ELEMENT_16_BIT * model.hidden * (tensor_parallel - 1) / tensor_parallel
    return StepWork(
        degree=tensor_parallel,
        layers=model.layers,
        weights_s=weight_bytes / (tensor_parallel * bandwidth),
        read_s=(weight_bytes - table_bytes) / (tensor_parallel * bandwidth),
        token_s=2 * model.layer_parameters / (tensor_parallel * peak_tflops * 1e12),
        head_s=2 * model.head_parameters / sixteen_bit_flops,
        cache_s=cache_bytes / (min(tensor_parallel, model.kv_heads) * bandwidth),
        attention_s=2 * model.layers * model.heads * model.head_dim / sixteen_bit_flops,
        moved_gb=2 * model.layers * moved_bytes / 1e9,
        scores=tensor_parallel * model.vocab / _WORDS,
        block_scaled=precision == "fp8" and model.block_scaled_fp8,
        mixed_steps=mixed_steps,
    )


def law_of(work: StepWork, k: Calibration) -> StepLaw:
    """How long the steps take with the constants of a calibration."""
    python_s = k.step_per_request_s * (1 + k.server_share)
    compute = k.compute * (k.block_scaled if work.block_scaled else 1.0)
    head_s = work.head_s / k.compute
    kernels_s = k.layer_s + (k.block_layer_s if work.block_scaled else 0.0)
    several = work.degree > 1
    return StepLaw(
        read_s=max(work.read_s / k.read_weights, work.weights_s),
        token_s=work.token_s / compute,
        moved_s=work.moved_gb * (k.switch_share if work.degree == SWITCHED else 1.0) / k.link_gb_per_s,
        cache_s=work.cache_s / k.read_cache * (1 + k.cache_loss * math.log2(work.degree)),
        windowed_cache_s=0.0,
        fixed_s=k.step_s + work.layers * (kernels_s + (2 * k.link_latency_s if several else 0.0)),
        request_s=python_s + k.sampling_s * work.scores + head_s,
        prompt_s=k.prefill_s + head_s + (0.0 if work.mixed_steps else python_s),
        attention_s=work.attention_s / k.attention,
        mixed_steps=work.mixed_steps,
        prefill_step_s=0.0 if work.mixed_steps else k.step_s + work.layers * kernels_s,
    )


def behind_front_end(gpu_s: float, front_end: FrontEnd, decoding: float, begun: float) -> float:
    """The time of a step of the GPU's and the front end's work, which go on at the same time, s.

    Args:
        gpu_s: the GPU's.
        decoding: requests in the step.
        begun: requests that begin in it, on average.
    """
    if front_end is NO_FRONT_END:
        return gpu_s
    front_s = front_end.step_s + decoding * front_end.per_request_s + begun * front_end.per_prefill_s
    power = _FRONT_END_SHARPNESS
    return float((gpu_s**power + front_s**power) ** (1 / power))
