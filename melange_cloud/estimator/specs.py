"""GPUs, models, engine eras and the estimator's constants: what is known beforehand."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from melange_cloud.domain.engines import ENGINES, MEAN_OF_ENGINES
from melange_cloud.domain.stated_law import requests_at_once

GIB = 2**30
PRECISIONS = ("bf16", "fp16", "fp8")
BYTES_PER_ELEMENT_16_BIT = 2
ENGINE_NAMES = {"vLLM": "vllm", "SGLang": "sglang", "TensorRT-LLM 1.x": "tensorrt-llm"}
"""Today's engines: how sources of measurements call them, and how options do. Others are past engines."""
DEFAULT_MAX_NUM_SEQS = 256
"""Requests that an engine runs at once at most, unless it is started with another ``--max-num-seqs``."""
TENSOR_PARALLEL_DEGREES = (1, 2, 4, 8)
"""The degrees that profiles may have."""


@dataclass(frozen=True, slots=True)
class Model:
    """The shape of a dense transformer.

    Attributes:
        parameters: all of them, embeddings included.
        max_model_len: the context that the model declares, tokens.
        native_precision: the precision of the published weights.
        block_scaled_fp8: whether the published fp8 weights carry a scale per block of 128 x 128, not per matrix, which
            is slower to multiply.
    """

    name: str
    title: str
    also_known_as: tuple[str, ...]
    parameters: int
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    intermediate: int
    vocab: int
    tied_embeddings: bool
    max_model_len: int
    native_precision: str
    source: str
    date: date
    block_scaled_fp8: bool = False

    def splits_over(self, gpus: int) -> bool:
        """Whether engines can split it: heads and feed-forward columns evenly; KV heads too, or each is repeated."""
        more, fewer = max(self.kv_heads, gpus), min(self.kv_heads, gpus)
        return self.heads % gpus == 0 and self.intermediate % gpus == 0 and more % fewer == 0

    @property
    def layer_parameters(self) -> int:
        """Parameters of the transformer layers: what every token is multiplied with."""
        attention = self.hidden * self.head_dim * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate + 2 * self.hidden)

    @property
    def head_parameters(self) -> int:
        """Parameters of the output head."""
        return self.vocab * self.hidden

    def weight_bytes(self, precision: str) -> int:
        """Bytes of all weights. At fp8 the layers are in 8 bits; embeddings and head stay in 16."""
        if precision == "fp8":
            return self.layer_parameters + BYTES_PER_ELEMENT_16_BIT * (self.parameters - self.layer_parameters)
        return BYTES_PER_ELEMENT_16_BIT * self.parameters

    def weight_gib(self, precision: str) -> float:
        """Memory that the weights take over all GPUs of a replica, GiB."""
        return self.weight_bytes(precision) / GIB

    @property
    def cache_bytes_per_token(self) -> int:
        """KV cache of one token over all layers, in 16 bits."""
        return 2 * self.layers * self.kv_heads * self.head_dim * BYTES_PER_ELEMENT_16_BIT


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU's data sheet; ``fp8_tflops`` is None if it has no fp8."""

    name: str
    memory_gib: float
    cuda_memory_gib: float
    bandwidth_gb_per_s: float
    fp16_tflops: float
    fp8_tflops: float | None
    link: str
    source: str
    date: date

    def peak_tflops(self, precision: str) -> float | None:
        """Dense peak at a precision, TFLOP/s; None if the GPU cannot compute in it."""
        return self.fp8_tflops if precision == "fp8" else self.fp16_tflops


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How an engine is started on a GPU, and what it keeps in memory in addition to weights and cache.

    Attributes:
        memory_utilization: the part of the CUDA memory that weights, buffers and cache may take together.
        cache_utilization: the part of what weights and buffers leave that becomes cache.
        runtime_gib: what the engine keeps per GPU whatever it serves, GiB.
        group_gib: what it keeps in addition per GPU where several work together, GiB.
        trial_run: whether it sizes its buffers by running its largest batch once; else ``runtime_gib`` holds them.
        bytes_per_score: what choosing tokens takes for each request and word of the vocabulary, bytes.
        growth: a request in flight holds cache for input + growth x output tokens.
        block_tokens: the cache is handed out in blocks of this many tokens.
        max_num_seqs: requests that run at once, at most.
        max_num_batched_tokens: tokens that one step computes, at most.
    """

    memory_utilization: float
    cache_utilization: float
    runtime_gib: float
    group_gib: float
    trial_run: bool
    bytes_per_score: float
    growth: float
    block_tokens: int
    max_num_seqs: int
    max_num_batched_tokens: int

    def requests_at_once(self, cache_tokens: int, input_tokens: float, output_tokens: float) -> int:
        """Requests of a size that a cache holds at once, at least 1."""
        held_tokens = input_tokens + self.growth * output_tokens
        return requests_at_once(cache_tokens, held_tokens, self.block_tokens, self.max_num_seqs)

    def buffers_gib(self, model: Model, tensor_parallel: int) -> float:
        """Memory per GPU of a replica that is not for weights or cache, GiB.

        In its trial run an engine holds, of all tokens of the largest step, the layers' output and about three vectors
        of the hidden size and three of the intermediate one (split over the GPUs) within a layer; afterwards, of every
        request, the scores of all words. The larger of the two counts.
        """
        runtime_gib = self.runtime_gib + (self.group_gib if tensor_parallel > 1 else 0.0)
        if not self.trial_run:
            return runtime_gib
        token_bytes = BYTES_PER_ELEMENT_16_BIT * 3 * (model.hidden + model.intermediate / tensor_parallel)
        forward_bytes = self.max_num_batched_tokens * token_bytes
        output_bytes = BYTES_PER_ELEMENT_16_BIT * self.max_num_batched_tokens * model.hidden
        scores_bytes = self.bytes_per_score * self.max_num_seqs * model.vocab
        return runtime_gib + max(forward_bytes, output_bytes + scores_bytes) / GIB


@dataclass(frozen=True, slots=True)
class SettingsByMemory:
    """The settings of one engine, which depend on the GPU's memory.

    Attributes:
        larger: from how much CUDA memory (GiB) which settings apply instead, rising, and to which GPUs they do not.
    """

    first: EngineSettings
    larger: tuple[tuple[float, EngineSettings, tuple[str, ...]], ...] = ()

    def of(self, gpu: Gpu) -> EngineSettings:
        """What the engine starts with on a GPU."""
        found = self.first
        for least_gib, settings, except_gpus in self.larger:
            if gpu.cuda_memory_gib >= least_gib and gpu.name not in except_gpus:
                found = settings
        return found


ENGINE_SETTINGS = (MEAN_OF_ENGINES, *ENGINES)
"""The engines whose settings an era may have."""


@dataclass(frozen=True, slots=True)
class Era:
    """An engine era: engines of one time, with the limits they are started with.

    Attributes:
        engines: settings by engine; of several engines, also those of their mean.
        mixed_steps: whether one step prefills and decodes, reading the weights once for both.
        prefix_cache: whether it keeps the cache of prompts that begin alike.
        fp8_cache: whether the KV cache of an fp8 profile is kept in 8 bits too.
        least_cache_share: a replica with less cache than this share of its weights is refused.
        tensor_parallel: the degrees that profiles are made for.
        fewest_gpus: whether of these only the smallest that fits gets a profile.
        models: the models that have profiles, with their precisions.
        max_total_tokens: by model, the longest input + output that the engine was started for, where it is not the
            model's own.
    """

    name: str
    title: str
    engines: Mapping[str, SettingsByMemory]
    mixed_steps: bool
    prefix_cache: bool
    fp8_cache: bool
    least_cache_share: float
    tensor_parallel: tuple[int, ...]
    fewest_gpus: bool
    models: Mapping[str, tuple[str, ...]]
    max_total_tokens: Mapping[str, int]

    def context(self, model: Model) -> int:
        """Longest input + output of one request, tokens."""
        return self.max_total_tokens.get(model.name, model.max_model_len)

    def settings(self, gpu: Gpu, engine: str | None = None) -> EngineSettings:
        """What an engine of the era starts with on a GPU.

        Args:
            engine: one of ``engines``; by default their mean, or the only one.

        Raises:
            KeyError: the era does not have the engine.
        """
        if engine is None:
            engine = MEAN_OF_ENGINES if MEAN_OF_ENGINES in self.engines else next(iter(self.engines))
        return self.engines[engine].of(gpu)

    def cache_bytes_per_element(self, precision: str) -> int:
        """Bytes of one number in the KV cache of a profile at a precision."""
        return 1 if precision == "fp8" and self.fp8_cache else BYTES_PER_ELEMENT_16_BIT


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What the HTTP server and scheduler in front of the GPU, one process, need of a step, s.

    Attributes:
        step_s: of every step.
        per_request_s: for every request in it: its token is turned into text and sent.
        per_prefill_s: for every request that begins.
        per_prefill_layer_s: the same for every layer of the model: an engine without CUDA graphs for prompts starts
            their kernels one by one.
    """

    step_s: float
    per_request_s: float
    per_prefill_s: float
    per_prefill_layer_s: float = 0.0

    def of_layers(self, layers: int) -> "FrontEnd":
        """What it needs before a model with so many layers."""
        if not self.per_prefill_layer_s:
            return self
        return FrontEnd(self.step_s, self.per_request_s, self.per_prefill_s + layers * self.per_prefill_layer_s)


@dataclass(frozen=True, slots=True)
class Calibration:
    """The estimator's constants for one (GPU, era, precision); the formulas are those of ``roofline.py``.

    Attributes:
        read_weights, read_cache: fraction of the memory bandwidth reached when reading weights and KV cache.
        compute: fraction of the peak FLOP/s reached in matrix products.
        block_scaled: what of ``compute`` is left with block-scaled fp8 weights.
        attention: fraction of the 16-bit peak FLOP/s reached by the attention of a prefill.
        step_s, step_per_request_s: time that a step takes on top, fixed and per request in it, s.
        layer_s: time that a step takes on top per layer, whatever is in it: the starts of its kernels, s.
        block_layer_s: what block-scaled fp8 weights add to it: their inputs are scaled per block in kernels of their
            own, s.
        server_share: what an HTTP server in the engine's own process adds, over ``step_per_request_s``.
        sampling_s: time per request, GPU and 100,000 words of vocabulary that choosing a token takes, s.
        prefill_s: time that a prefill takes on top, s.
        cache_loss: KV reads slow down by 1 + cache_loss x log2(tensor_parallel).
        link_gb_per_s, link_latency_s: all-reduce bandwidth, GB/s, and latency, s.
        switch_share: of an all-reduce's transfer, the part left where the switch of 8 GPUs adds up.
        front_end: of the engine whose server needs the most, since a ceiling must hold for each; profiles are of the
            engine behind it.
        engine_step_s, engine_cache_loss, engine_front_end: by engine, where they differ; ``step_s`` and ``cache_loss``
            are the means over today's engines.
        grade: by tensor parallel degree; degrees that are not named are D.
        rests_on: the measurements, or what it was borrowed from.
        rows: measured rows of the fit, by source.
        fitted, chosen: names of the constants that the rows determine, and of those that were set beforehand.
        borrowed: the row that the others come from; empty if all are its own.
    """

    gpu: str
    era: str
    precision: str
    read_weights: float
    read_cache: float
    compute: float
    block_scaled: float
    attention: float
    step_s: float
    step_per_request_s: float
    layer_s: float
    block_layer_s: float
    server_share: float
    sampling_s: float
    prefill_s: float
    cache_loss: float
    link_gb_per_s: float
    link_latency_s: float
    switch_share: float
    front_end: FrontEnd
    engine_step_s: Mapping[str, float]
    engine_cache_loss: Mapping[str, float]
    engine_front_end: Mapping[str, FrontEnd]
    grade: Mapping[str, str]
    rests_on: str
    rows: Mapping[str, int]
    fitted: tuple[str, ...]
    chosen: tuple[str, ...]
    borrowed: str

    @property
    def key(self) -> tuple[str, str, str]:
        """GPU, era, precision."""
        return self.gpu, self.era, self.precision

    @property
    def name(self) -> str:
        """How a profile's header names it."""
        return ", ".join(self.key)

    @property
    def offline(self) -> "Calibration":
        """The constants of the engine without a server."""
        return replace(self, server_share=0.0) if self.server_share else self

    def of_engine(self, engine: str | None) -> "Calibration":
        """The constants of one engine, by its name in an option or in a source; None and ``mean`` are the mean."""
        name = ENGINE_NAMES.get(engine or "", engine or "")
        return replace(
            self,
            step_s=self.engine_step_s.get(name, self.step_s),
            cache_loss=self.engine_cache_loss.get(name, self.cache_loss),
            front_end=self.engine_front_end.get(name, self.front_end),
        )
