"""Makes calibration.toml: the estimator's constants per (GPU, era, precision), fitted to profiles/measured.

A ConstantGroup says which rows its constants rest on, which of them the rows determine, which were chosen beforehand,
and from which other group it takes the rest. Constants are rounded to three digits before anything is made of them.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from melange_cloud.calibration.training_data import TrainingRow, load_measurements
from melange_cloud.calibration.trials import Trial, trial
from melange_cloud.estimator.fitting import FreeConstant, fitted
from melange_cloud.estimator.spec_files import load_eras, load_gpus, load_models
from melange_cloud.estimator.specs import Calibration, FrontEnd

_DIGITS = 3

UNKNOWNS = {
    "read_weights": FreeConstant(0.92, 0.05),
    "read_cache": FreeConstant(0.85, 0.1),
    "compute": FreeConstant(0.65, 0.2),
    "block_scaled": FreeConstant(0.8, 0.3),
    "attention": FreeConstant(0.5, 0.2),
    "step_s": FreeConstant(2e-3, 0.5),
    "step_per_request_s": FreeConstant(1e-4, 0.7),
    "sampling_s": FreeConstant(4e-6, 0.7),
    "prefill_s": FreeConstant(3e-4, 0.5),
    "cache_loss": FreeConstant(0.25, 0.5),
    "link_gb_per_s": FreeConstant(300, 0.5),
    "link_latency_s": FreeConstant(1e-5, 0.4),
    "switch_share": FreeConstant(0.7, 0.4),
    "front_end.step_s": FreeConstant(1.5e-3, 0.5),
    "front_end.per_request_s": FreeConstant(3e-5, 0.7),
    "front_end.per_prefill_s": FreeConstant(1.5e-2, 0.7),
    "step_s @ vLLM": FreeConstant(4e-3, 0.5),
    "step_s @ TensorRT-LLM 0.x": FreeConstant(2e-3, 0.5),
    "cache_loss @ TensorRT-LLM 0.x": FreeConstant(0.6, 0.5),
}
"""Where each constant starts, and how far it may well be off: what is known of GPUs and engines in general. A name with
``@`` is that constant of one engine."""

CHOSEN = {
    "block_scaled": 1.0,
    "step_per_request_s": 0.0,
    "server_share": 0.0,
    "switch_share": 1.0,
    "front_end.step_s": 0.0,
    "front_end.per_request_s": 0.0,
    "front_end.per_prefill_s": 0.0,
}
"""Constants that a group has where it says nothing."""

_SATURATED = ("trtllm-0.10", "trtllm-0.12", "trtllm-0.14", "trtllm-1.0")
_SERVED = ("trtllm-1.0-served", "trtllm-1.2-served", "sglang-0.5-served", "vllm-0.12-served", "vllm-2025-served")
PAST_ENGINES = ("TensorRT-LLM 0.x",)
"""Engines of the era whose step is no longer in use; it counts only if nothing else was measured."""
_ROOFLINE = ("read_weights", "read_cache", "compute", "attention")
_OVERHEADS = ("step_s", "sampling_s", "prefill_s", "cache_loss", "link_gb_per_s", "link_latency_s")
_FRONT_END = ("front_end.step_s", "front_end.per_request_s", "front_end.per_prefill_s")
_ENGINES = ("step_s @ vLLM", "step_s @ TensorRT-LLM 0.x", "cache_loss @ TensorRT-LLM 0.x")
SERVER_SHARE = 33 / 29
"""vLLM 0.5.3 serving Llama 3 8B on one H100 spent 33 % of its time in the HTTP server, which shared the engine's
process, and 29 % on scheduling and gathering results (blog.vllm.ai, 2024-09-05); offline there is only the second."""
_SERVER = {"sampling_s": 0.0, "prefill_s": 1e-3, "server_share": SERVER_SHARE}
_PYTHON = {**_SERVER, "step_per_request_s": 1e-4}
_TODAY = {"step_per_request_s": 0.0, "server_share": 0.0, "prefill_s": 3e-4}
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
word (their sampling_s times their bandwidths)."""
_SCORES_READ = "what today's engines spend per request from H100, choosing tokens scaled by the bandwidth"

Key = tuple[str, str, str]


@dataclass(frozen=True)
class ConstantGroup:
    """The constants of one (GPU, era, precision).

    Attributes:
        sources: rows of these are used.
        fitted: names in UNKNOWNS that the rows determine.
        starts: unknowns that start elsewhere than UNKNOWNS says.
        chosen: constants set beforehand, by name.
        borrowed: the group that the other constants come from.
        grade: by tensor parallel degree.
        because: what was chosen or borrowed, and why; a clause.
    """

    gpu: str
    era: str
    precision: str
    sources: tuple[str, ...] = ()
    fitted: tuple[str, ...] = ()
    starts: Mapping[str, FreeConstant] = field(default_factory=dict)
    chosen: Mapping[str, float] = field(default_factory=dict)
    borrowed: Key | None = None
    grade: Mapping[str, str] = field(default_factory=dict)
    because: str = ""

    @property
    def key(self) -> Key:
        """GPU, era, precision."""
        return self.gpu, self.era, self.precision

    def has(self, row: TrainingRow) -> bool:
        """Whether its constants rest on a row."""
        here = (row.gpu, row.precision) == (self.gpu, self.precision)
        return here and row.source.name in self.sources and row.enters_fits


GROUPS = (
    ConstantGroup(
        *("A100-80GB", "2025", "fp16"),
        sources=_SATURATED,
        fitted=(*_ROOFLINE, *_OVERHEADS),
        grade={"1": "B", "4": "B", "8": "B"},
    ),
    ConstantGroup(
        *("H100", "2025", "fp16"),
        sources=(*_SATURATED, *_SERVED),
        fitted=(*_ROOFLINE, *_OVERHEADS, "switch_share", *_FRONT_END, *_ENGINES),
        grade={"1": "B", "2": "B", "4": "B", "8": "B"},
    ),
    ConstantGroup(
        *("H100", "2025", "fp8"),
        sources=(*_SATURATED, *_SERVED),
        fitted=(*_ROOFLINE, *_OVERHEADS, "block_scaled", "switch_share", *_FRONT_END, *_ENGINES),
        grade={"1": "C", "2": "C", "4": "C", "8": "C"},
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
        because="moved from offline batches to serving with what vLLM's own profile of 0.5.3 says of its HTTP server",
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
        because="on the A100-40GB's data sheet",
    ),
    ConstantGroup(
        *("A10G", "2025", "fp16"),
        borrowed=("A10G", "vllm-0.2.7", "fp16"),
        chosen={**_TODAY, "step_s": 4e-3, "sampling_s": SCORES_BYTES / 600e9},
        grade={"1": "C"},
        because=f"{_A10G_PROMPTS}, a token of a request alone 31.4 ms; {_SCORES_READ}",
    ),
    ConstantGroup(
        *("L4", "2025", "fp16"),
        borrowed=("L4", "vllm-0.2.7", "fp16"),
        chosen={**_TODAY, "read_weights": 0.85, "step_s": 2e-3, "sampling_s": SCORES_BYTES / 300e9},
        grade={"1": "C"},
        because=f"{_L4_PROMPTS}, a token of a request alone 57.5 ms (vLLM 0.11, SGLang 0.4.6); {_SCORES_READ}",
    ),
    ConstantGroup(
        *("L4", "2025", "fp8"),
        borrowed=("L4", "2025", "fp16"),
        chosen={"compute": L4_FP8_COMPUTE, "read_weights": 0.8},
        grade={"1": "C"},
        because="a token of a request alone takes 34 ms, a prompt of 512 tokens 102 (Qwen2.5-7B, vLLM 0.11): the L4 "
        "sits at its 72 W and lowers its clock, so 8 bits are 1.55 times as fast as 16, not twice",
    ),
)
"""In an order in which a group comes after the one that it borrows from."""

COLUMNS = (
    *_ROOFLINE,
    *("block_scaled", "step_s", "step_per_request_s", "server_share", "sampling_s", "prefill_s", "cache_loss"),
    *("link_gb_per_s", "link_latency_s", "switch_share"),
)


def trials_of(group: ConstantGroup, constants: Calibration | None = None) -> list[Trial]:
    """The rows of a group that can be estimated; refused replicas and overfull static batches are left out."""
    models, gpus, era = load_models(), load_gpus(), load_eras()[group.era]
    any_constants = constants or made(group, _starts(group), ())
    found = (trial(row, models, gpus, era, any_constants) for row in load_measurements() if group.has(row))
    return [each for each in found if each is not None]


def fit(group: ConstantGroup, trials: Sequence[Trial], borrowed: Mapping[str, float]) -> dict[str, float]:
    """The constants of a group by name, rounded; trials of one engine see that engine's.

    Args:
        borrowed: the constants of the group it borrows from; empty if it borrows from none.
    """
    known = {**CHOSEN, **borrowed, **group.chosen}
    if not trials or not group.fitted:
        return {name: rounded(value) for name, value in known.items()}
    engines = sorted({each.row.source.engine for each in trials})

    def residuals(values: Mapping[str, float]) -> list[float]:
        together = made(group, {**known, **values}, engines)
        constants = {engine: together.of_engine(engine) for engine in engines}
        return [math.log(each.predicted_over_measured(constants[each.row.source.engine])) for each in trials]

    unknowns = {name: group.starts.get(name, UNKNOWNS[name]) for name in group.fitted if _is_seen(name, engines)}
    values = {**known, **fitted(residuals, unknowns)}
    for name, most in (("read_weights", 1.0), ("compute", 1.0), ("attention", 1.0), ("block_scaled", 1.0)):
        values[name] = min(values[name], most)
    return {name: rounded(value) for name, value in values.items()}


def _is_seen(name: str, engines: Iterable[str]) -> bool:
    return "@" not in name or name.partition(" @ ")[2] in engines


def _starts(group: ConstantGroup) -> dict[str, float]:
    return {**CHOSEN, **{name: unknown.start for name, unknown in UNKNOWNS.items()}, **group.chosen}


def made(group: ConstantGroup, values: Mapping[str, float], engines: Sequence[str]) -> Calibration:
    """The Calibration of a group from constants by name; what engines share is their mean."""

    def by_engine(name: str) -> dict[str, float]:
        return {engine: values.get(f"{name} @ {engine}", values[name]) for engine in engines}

    def mean(name: str, of: Sequence[str]) -> float:
        each = [value for engine, value in by_engine(name).items() if engine in of]
        return sum(each) / len(each) if each else values[name]

    today = [engine for engine in engines if engine not in PAST_ENGINES] or engines

    front_end = FrontEnd(*(values[name] for name in _FRONT_END))
    shared = {name: values[name] for name in COLUMNS if name not in ("step_s", "cache_loss")}
    return Calibration(
        gpu=group.gpu,
        era=group.era,
        precision=group.precision,
        step_s=mean("step_s", today),
        cache_loss=mean("cache_loss", engines),
        front_end=front_end,
        engine_step_s=by_engine("step_s"),
        engine_cache_loss=by_engine("cache_loss"),
        grade=group.grade,
        rests_on="",
        rows={},
        fitted=group.fitted,
        chosen=tuple(group.chosen),
        borrowed=", ".join(group.borrowed) if group.borrowed else "",
        **shared,
    )


def unwatched(done: int, total: int) -> None:
    """Progress that is not shown."""


def calibrated(progress: Callable[[int, int], None] = unwatched) -> dict[Key, dict[str, float]]:
    """The constants of all groups by name; ``progress`` is called with how many are done, of how many."""
    found: dict[Key, dict[str, float]] = {}
    for done, group in enumerate(GROUPS):
        progress(done, len(GROUPS))
        borrowed = found[group.borrowed] if group.borrowed else {}
        found[group.key] = fit(group, trials_of(group), borrowed)
    progress(len(GROUPS), len(GROUPS))
    return found


def rounded(value: float) -> float:
    """To three significant digits."""
    return float(f"{value:.{_DIGITS}g}")
