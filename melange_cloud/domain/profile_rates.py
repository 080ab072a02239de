"""What one replica serves by request size: the answer of ``profiles show`` and ``profiles estimate``.

Field names are those of the JSON.
"""

from dataclasses import dataclass
from datetime import date

from melange_cloud.domain.gpu_kinds import Kind
from melange_cloud.domain.stated_law import StatedLaw
from melange_cloud.domain.user_measurements import UserMeasurement
from melange_cloud.errors import Finding


@dataclass(frozen=True, slots=True)
class MeasuredRate:
    """What was measured at a size: the engine, with the front end through which it was measured.

    Attributes:
        requests_per_s: of the engine.
        grade: how far to trust it: A to D.
        limited_by: what limits the rate: a target, ``saturation`` or ``load``.
        sources: the tools and their files, without repetition.
        measured_on: the newest day; None if no tool wrote one.
    """

    requests_per_s: float
    grade: str
    limited_by: str
    sources: tuple[str, ...]
    measured_on: date | None


@dataclass(frozen=True, slots=True)
class ServedSize:
    """A request size that is served within the targets.

    Attributes:
        input_tokens, output_tokens: of each request.
        requests_per_s: MaxTput behind the HTTP front end.
        tpot_ms: mean time per output token at that rate, ms; None if unknown.
        origin: ``measured`` or ``estimated``.
        grade: how far to trust the rate: A measured, B and C calibrated, D borrowed or near a limit.
        error: the fraction by which the rate may be higher; near a latency floor it may exceed 1.
        error_down: the fraction by which it may be lower; 1 is none at all.
        limited_by: what limits the rate: a target, ``saturation``, ``load`` or ``front_end``.
        on_grid: whether the size is one of those that every estimate has.
        measured: None if the rate is estimated.
    """

    input_tokens: int
    output_tokens: int
    requests_per_s: float
    tpot_ms: float | None
    origin: str
    grade: str
    error: float
    error_down: float
    limited_by: str
    on_grid: bool
    measured: MeasuredRate | None


@dataclass(frozen=True, slots=True)
class RefusedSize:
    """A request size that is not served within the targets.

    Attributes:
        input_tokens, output_tokens: of each request.
        reason: why it is not served, one clause.
        no_data: whether it is unknown if the size can be served.
        more_gpus_help: whether a replica with more GPUs is faster.
        may_be_requests_per_s: MaxTput at the high end of its error, if the target is just below its latency floor;
            None if the size is not served there either.
        on_grid: whether the size is one of those that every estimate has.
    """

    input_tokens: int
    output_tokens: int
    reason: str
    no_data: bool
    more_gpus_help: bool
    may_be_requests_per_s: float | None
    on_grid: bool


@dataclass(frozen=True, slots=True)
class ProfileRates:
    """MaxTput of one profile at every size that it has operating points for.

    Attributes:
        engine: whose speed is estimated: vllm, sglang, tensorrt-llm, or ``mean`` of them; empty if nothing is
            estimated.
        target_tpot_ms, target_p99_tpot_ms, target_ttft_ms, target_e2e_ms: None if not limited.
        max_total_tokens: longest input + output that the engine was started for, tokens.
        max_num_seqs: the most requests that the engine runs at once.
        api_servers: HTTP server processes of each replica.
        source: where the operating points come from.
        calibration: the basis of the estimator's constants; ``none, measured`` if nothing is estimated.
        imports: the user's own measurements in it.
        cells: the sizes that are served, sorted by size.
        refused: the sizes that are not, sorted by size.
        reach_tokens: longest input + output that a replica serves, tokens; lower than the maximum if memory limits it.
        front_end_requests_per_s: the most one-token answers that the HTTP front end can handle, requests/s; None if the
            rates already include it.
        notices: what you must know about the numbers, one sentence each.
        cached_input: share of all input tokens that comes from the engine's prefix cache, 0 to 1.
        law: how long one step takes; None unless requested, or if there is none.
        law_refused: why there is no law; None if not requested, or if there is one.
    """

    model: str
    gpu: str
    tensor_parallel: int
    era: str
    engine: str
    precision: str
    target_tpot_ms: float | None
    target_p99_tpot_ms: float | None
    target_ttft_ms: float | None
    target_e2e_ms: float | None
    max_total_tokens: int
    max_num_seqs: int
    api_servers: int
    source: str
    calibration: str
    imports: tuple[UserMeasurement, ...]
    cells: tuple[ServedSize, ...]
    refused: tuple[RefusedSize, ...]
    reach_tokens: int
    front_end_requests_per_s: float | None
    notices: tuple[str, ...]
    cached_input: float = 0.0
    law: StatedLaw | None = None
    law_refused: Finding | None = None

    @property
    def kind(self) -> Kind:
        """The GPU and the degree of one replica."""
        return Kind(self.gpu, self.tensor_parallel)

    @property
    def why_nothing(self) -> RefusedSize | None:
        """None if any size is served; otherwise the refusal of the smallest size, which stands for all.

        A known reason takes precedence over a lack of data.
        """
        if self.cells or not self.refused:
            return None
        return min(self.refused, key=lambda size: size.no_data)
