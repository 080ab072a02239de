"""Which constants of the estimator rest on what, group by group: rows, choices, and other groups, each with its reason.

A ConstantGroup says which rows its constants rest on, which of them the rows determine, which were chosen beforehand,
and from which other group it takes the rest; ``calibrate.py`` fits them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from melange_cloud.calibration.training_data import TrainingRow
from melange_cloud.estimator.fitting import FreeConstant
from melange_cloud.estimator.spec_files import FRONT_END_PARTS
from melange_cloud.estimator.specs import ENGINE_NAMES

Key = tuple[str, str, str]

UNKNOWNS = {
    "read_weights": FreeConstant(0.92, 0.05),
    "read_cache": FreeConstant(0.85, 0.1),
    "compute": FreeConstant(0.65, 0.2),
    "block_scaled": FreeConstant(0.8, 0.3),
    "attention": FreeConstant(0.5, 0.2),
    "step_s": FreeConstant(2e-3, 0.5),
    "step_per_request_s": FreeConstant(1e-4, 0.7),
    "layer_s": FreeConstant(1.5e-5, 0.7),
    "block_layer_s": FreeConstant(1.5e-5, 0.7),
    "sampling_s": FreeConstant(4e-6, 0.7),
    "prefill_s": FreeConstant(3e-4, 0.5),
    "cache_loss": FreeConstant(0.25, 0.5),
    "link_gb_per_s": FreeConstant(300, 0.5),
    "link_latency_s": FreeConstant(1e-5, 0.4),
    "switch_share": FreeConstant(0.7, 0.4),
    "front_end.step_s": FreeConstant(1.5e-3, 0.5),
    "front_end.per_request_s": FreeConstant(3e-5, 0.7),
    "front_end.per_prefill_s": FreeConstant(1e-2, 0.7),
    "front_end.per_prefill_layer_s": FreeConstant(3e-4, 0.7),
    "step_s @ vllm": FreeConstant(4e-3, 0.5),
    "step_s @ TensorRT-LLM 0.x": FreeConstant(2e-3, 0.5),
    "cache_loss @ TensorRT-LLM 0.x": FreeConstant(0.6, 0.5),
}
"""Where each constant starts, and how far it may well be off: what is known of GPUs and engines in general. A name with
``@`` is that constant of one engine or of one precision; what is not named with it starts as the constant does."""

CHOSEN = {
    "block_scaled": 1.0,
    "step_per_request_s": 0.0,
    "layer_s": 0.0,
    "block_layer_s": 0.0,
    "server_share": 0.0,
    "switch_share": 1.0,
    "front_end.step_s": 0.0,
    "front_end.per_request_s": 0.0,
    "front_end.per_prefill_s": 0.0,
    "front_end.per_prefill_layer_s": 0.0,
}
"""Constants that a group has where it says nothing."""

DEFAULTS = {**{name: unknown.start for name, unknown in UNKNOWNS.items()}, **CHOSEN}

_SATURATED = ("trtllm-0.10", "trtllm-0.12", "trtllm-0.14", "trtllm-1.0")
_SERVED = ("trtllm-1.0-served", "sglang-0.5-served", "vllm-0.12-served", "vllm-2025-served")
TODAYS_ENGINES = tuple(ENGINE_NAMES.values())
TODAY = "2025"
"""The era of today's engines."""
_PRECISIONS = ("fp16", "fp8")
_ROOFLINE = ("read_weights", "read_cache", "compute", "attention")
_OVERHEADS = ("step_s", "layer_s", "sampling_s", "prefill_s", "cache_loss", "link_gb_per_s", "link_latency_s")
LAYERS = 32
"""Of a small model: before it a front end is the limit soonest."""
FRONT_END = tuple(f"front_end.{part}" for part in FRONT_END_PARTS)
_ENGINES = ("step_s @ vllm", "step_s @ TensorRT-LLM 0.x", "cache_loss @ TensorRT-LLM 0.x")
_HOPPER = (
    *(f"{name} @ {precision}" for name in _ROOFLINE for precision in _PRECISIONS),
    *_OVERHEADS,
    *("block_scaled @ fp8", "block_layer_s", "switch_share"),
    *("front_end.step_s", "front_end.per_request_s"),
    *("front_end.per_prefill_s @ tensorrt-llm", "front_end.per_prefill_layer_s @ tensorrt-llm"),
    *_ENGINES,
)
"""Fitted to H100's rows of both precisions at once: the engine, the link and the server know no precision."""

ENGINES_SEEN_ON: Key = ("H100", TODAY, "fp16")
"""Where today's engines were measured next to each other: elsewhere they differ as they do there."""

PER_PREFILL_S = 1e-2
"""What the front ends of SGLang and vLLM need of a request that begins. No row on H100 came near it. Before one H200,
SGLang 0.5.6 served 64.9 and 85.9 requests/s of Llama-3.1-8B at 1000/100 (fp8, TP 2 and 4): 32 such runs are met best at
9.4 ms. vLLM 0.12 served 94.5 and 125.3/s of cached prompts there, which says no more than that it is not slower.
(ai-dynamo/aiconfigurator silicon_sample.csv; api servers not stated.)"""
_OTHER_FRONT_ENDS = {f"front_end.per_prefill_s @ {engine}": PER_PREFILL_S for engine in ("sglang", "vllm")}

SERVER_SHARE = 33 / 29
"""vLLM 0.5.3 serving Llama 3 8B on one H100 spent 33 % of its time in the HTTP server, which shared the engine's
process, and 29 % on scheduling and gathering results (blog.vllm.ai, 2024-09-05); offline there is only the second."""
_SERVER = {"sampling_s": 0.0, "prefill_s": 1e-3, "server_share": SERVER_SHARE}
_PYTHON = {**_SERVER, "step_per_request_s": 1e-4}
_TODAYS_OVERHEADS = {"step_per_request_s": 0.0, "server_share": 0.0, "prefill_s": 3e-4}
"""What today's engines spend on every request: as measured on H100."""
_PCIE = {"link_gb_per_s": 8.2, "link_latency_s": 1.4e-5, "switch_share": 3.9}
_PCIE_OF_L40S = "link borrowed from all-reduces of L40S over PCIe: 18.8 GB/s on 2 GPUs, 3.6 on 4, 2.1 on 8, 14 us"
A10G_COMPUTE = 0.78
_A10G_PROMPTS = "single prompts took 0.78 of the peak (Mistral-7B, 750 tokens in 191 ms, TGI 2.0; 2024)"
L4_COMPUTE = 0.385
_L4_PROMPTS = "a prompt of 512 tokens takes 157 ms (Qwen2.5-7B, vLLM 0.11)"
L4_FP8_COMPUTE = 0.29
SCORES_BYTES = 95e5
"""What choosing a token moves per 100,000 words, bytes: memory sets its pace, for A100 and H100 took 88 and 102 bytes a
word (their sampling_s times their bandwidths). Free on L4, it comes out at 98 to 116."""
L4_STEP_S = 2e-3
_L4_STEPS = {"step_s": L4_STEP_S, **{f"step_s @ {engine}": L4_STEP_S for engine in TODAYS_ENGINES}}
"""vLLM 0.11 and SGLang 0.4.6 are alike on L4: 57.5 and 57.7 ms a token alone. What one needs more of a host's time on
H100 hides behind an L4's 55 ms of reading."""
_SCORES_READ = "what today's engines spend per request from H100, choosing tokens scaled by the bandwidth"


@dataclass(frozen=True)
class ConstantGroup:
    """The constants of one (GPU, era, precision).

    Attributes:
        sources: rows of these are used.
        precisions: rows of these are used, where not only of its own: groups that name each other have one fit.
        fitted: names in UNKNOWNS that the rows determine.
        starts: unknowns that start elsewhere than UNKNOWNS says.
        chosen: constants set beforehand, by name.
        borrowed: the group that the other constants come from.
        engines_alike: whether an engine that was not measured takes as long a step as those that were, not as much
            longer or shorter as on H100.
        grade: by tensor parallel degree.
        because: what was chosen or borrowed, and why; a clause.
    """

    gpu: str
    era: str
    precision: str
    sources: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    starts: Mapping[str, FreeConstant] = field(default_factory=dict)
    chosen: Mapping[str, float] = field(default_factory=dict)
    borrowed: Key | None = None
    engines_alike: bool = False
    grade: Mapping[str, str] = field(default_factory=dict)
    because: str = ""

    @property
    def key(self) -> Key:
        """GPU, era, precision."""
        return self.gpu, self.era, self.precision

    def has(self, row: TrainingRow) -> bool:
        """Whether a row is of what its constants are about."""
        return self.fits(row) and row.precision == self.precision

    def fits(self, row: TrainingRow) -> bool:
        """Whether a row is part of its fit."""
        precisions = self.precisions or (self.precision,)
        here = row.gpu == self.gpu and row.precision in precisions
        served_alone = row.table == "first_token"  # a short prompt's TTFT is the server's, not the engine's
        return here and row.source.name in self.sources and row.enters_fits and not served_alone

    @property
    def own(self) -> tuple[str, ...]:
        """Of the fitted constants those that are its own, not another precision's."""
        split = [name.partition(" @ ") for name in self.fitted]
        return tuple(
            name if tag not in _PRECISIONS else name.partition(" @ ")[0]
            for name, (_, _, tag) in zip(self.fitted, split, strict=True)
            if tag not in _PRECISIONS or tag == self.precision
        )


GROUPS = (
    *(
        ConstantGroup(
            *("H100", "2025", precision),
            sources=(*_SATURATED, *_SERVED),
            precisions=_PRECISIONS,
            fitted=_HOPPER,
            chosen=_OTHER_FRONT_ENDS,
            grade={"1": "B", "2": "B", "4": "C", "8": "C"},
            because=f"fitted with the rows of {other}",
        )
        for precision, other in (_PRECISIONS, _PRECISIONS[::-1])
    ),
    ConstantGroup(
        *("A100-80GB", "2025", "fp16"),
        sources=(*_SATURATED, "polyserve-vllm-0.29", "accelmark-vllm-0.20.1", "dennislee-vllm-0.10"),
        fitted=(*_ROOFLINE, *_OVERHEADS, "step_s @ TensorRT-LLM 0.x"),
        engines_alike=True,
        grade={"1": "B", "2": "C", "4": "C", "8": "C"},
        because="vLLM 0.20 and 0.29 measured on one; SGLang 0.5.6 on an A100-40GB is as fast: engines are alike",
    ),
    ConstantGroup(
        *("A100-40GB", "vllm-0.2.7", "fp16"),
        sources=("argonne-vllm",),
        fitted=(*_ROOFLINE, "step_s", "step_per_request_s", "cache_loss", "link_gb_per_s", "link_latency_s"),
        chosen=_SERVER,
        because="moved from offline batches to serving with what vLLM's own profile of 0.5.3 says of its HTTP server",
    ),
    ConstantGroup(
        *("H100", "vllm-0.2.7", "fp16"),
        sources=("argonne-vllm",),
        fitted=(*_ROOFLINE, "step_s", "step_per_request_s", "cache_loss", "link_gb_per_s", "link_latency_s"),
        chosen=_SERVER,
        because="moved from offline batches to serving with what vLLM's own profile of 0.5.3 says of its HTTP server; "
        "served rates of the time were up to 45 % lower",
    ),
    ConstantGroup(
        *("A100-80GB", "vllm-0.2.7", "fp16"),
        borrowed=("A100-40GB", "vllm-0.2.7", "fp16"),
        because="on the A100-80GB's data sheet",
    ),
    ConstantGroup(
        *("A10G", "vllm-0.2.7", "fp16"),
        sources=("nm-vllm-offline", "nm-vllm-served"),
        fitted=("read_weights", "read_cache", "step_s"),
        chosen={**_PYTHON, **_PCIE, "compute": A10G_COMPUTE, "attention": 0.4, "cache_loss": 0.3},
        grade={"1": "C"},
        because=f"{_A10G_PROMPTS}; everything on several GPUs set, {_PCIE_OF_L40S}",
    ),
    ConstantGroup(
        *("L4", "vllm-0.2.7", "fp16"),
        sources=("nm-vllm-offline", "nm-vllm-served"),
        fitted=("read_weights",),
        starts={"read_weights": FreeConstant(0.84, 0.05)},
        chosen={
            **_PYTHON,
            **_PCIE,
            "compute": L4_COMPUTE,
            "read_cache": 0.84,
            "attention": 0.3,
            "cache_loss": 0.3,
            "step_s": 3e-3,
        },
        grade={"1": "C"},
        because=f"{_L4_PROMPTS}; the cache is read as on A100, H100 and A10G in this era, {_PCIE_OF_L40S}",
    ),
    ConstantGroup(
        *("A100-40GB", "2025", "fp16"),
        borrowed=("A100-80GB", "2025", "fp16"),
        engines_alike=True,
        grade={"1": "C"},
        because="on the A100-40GB's data sheet, which meets one to eight requests of vLLM 0.23 and SGLang 0.5.6 within "
        "10 %",
    ),
    ConstantGroup(
        *("A10G", "2025", "fp16"),
        sources=("llmperf-tgi-2.0.1",),
        fitted=("compute",),
        starts={"compute": FreeConstant(A10G_COMPUTE, 0.05)},
        borrowed=("A10G", "vllm-0.2.7", "fp16"),
        chosen={**_TODAYS_OVERHEADS, "step_s": 4e-3, "sampling_s": SCORES_BYTES / 600e9},
        grade={"1": "C"},
        because=f"a token of a request alone took 31.4 ms there; {_SCORES_READ}",
    ),
    ConstantGroup(
        *("L4", "2025", "fp16"),
        sources=("polyserve-vllm-0.11", "ree2raz-sglang-0.4.6"),
        fitted=("read_weights", "compute"),
        starts={"read_weights": FreeConstant(0.85, 0.05), "compute": FreeConstant(L4_COMPUTE, 0.05)},
        borrowed=("L4", "vllm-0.2.7", "fp16"),
        chosen={**_TODAYS_OVERHEADS, **_L4_STEPS, "sampling_s": SCORES_BYTES / 300e9},
        grade={"1": "C"},
        because=f"compute starts from a prompt of 512 tokens in 157 ms (Qwen2.5-7B, vLLM 0.11); {_SCORES_READ}",
    ),
    ConstantGroup(
        *("L4", "2025", "fp8"),
        sources=("polyserve-vllm-0.11",),
        fitted=("read_weights", "compute"),
        starts={"read_weights": FreeConstant(0.8, 0.05), "compute": FreeConstant(L4_FP8_COMPUTE, 0.05)},
        borrowed=("L4", "2025", "fp16"),
        chosen=_L4_STEPS,
        grade={"1": "C"},
        because="compute starts from a prompt of 512 tokens in 102 ms (Qwen2.5-7B, vLLM 0.11): the L4 sits at its 72 W "
        "and lowers its clock, so 8 bits are 1.55 times as fast as 16, not twice",
    ),
)
"""In an order in which a group comes after the one that it borrows from."""

COLUMNS = (
    *_ROOFLINE,
    *("block_scaled", "step_s", "step_per_request_s", "layer_s", "block_layer_s", "server_share", "sampling_s"),
    *("prefill_s", "cache_loss", "link_gb_per_s", "link_latency_s", "switch_share"),
)
