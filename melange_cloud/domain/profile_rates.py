"""What one replica serves by request size: what ``profiles show`` and ``profiles estimate`` answer.

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
    """What was measured at a size: the engine with whatever front end it was measured through.

    Attributes:
        requests_per_s: of the engine.
        grade: how far to trust it: A to D.
        limited_by: what stops a higher rate: a target, ``saturation`` or ``load``.
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
        tpot_ms: mean time per output token at that rate, ms; None if not known.
        origin: ``measured`` or ``estimated``.
        grade: how far to trust the rate: A measured, B and C calibrated, D borrowed or near a limit.
        error: the fraction by which the rate may be more; near a latency floor it may exceed 1.
        error_down: the fraction by which it may be less; 1 is none at all.
        limited_by: what stops a higher rate: a target, ``saturation``, ``load`` or ``front_end``.
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
        no_data: it is not known whether it can be served.
        more_gpus_help: a replica of more GPUs is faster.
        may_be_requests_per_s: MaxTput at the high end of its error, where the target is just under its latency floor:
            none, or few; None if it is not served there.
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
        engine: whose speed is estimated: vllm, sglang, tensorrt-llm, or ``mean`` of them; empty where nothing is.
        target_tpot_ms, target_p99_tpot_ms, target_ttft_ms, target_e2e_ms: None if not limited.
        max_total_tokens: longest input + output that the engine was started for, tokens.
        max_num_seqs: requests that the engine runs at once, at most.
        api_servers: HTTP server processes of each replica.
        source: where the operating points come from.
        calibration: what the estimator's constants rest on; ``none, measured`` where nothing is estimated.
        imports: the user's own measurements that it holds.
        cells: the sizes that are served, sorted by size.
        refused: the sizes that are not, sorted by size.
        reach_tokens: longest input + output that a replica serves, tokens: less where memory ends before.
        front_end_requests_per_s: what the HTTP front end takes at most, of one-token answers; None if the rates hold
            it already.
        notices: what must be known with the numbers, one sentence each.
        cached_input: share of all input tokens that comes from the engine's prefix cache, 0 to 1.
        law: how long one step takes; None unless it is asked for, or if there is none.
        law_refused: why there is no law; None if it is not asked for, or if there is one.
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
        """None if a size is served; else the refusal of the smallest size, which all others share.

        One that is known counts before one for lack of data.
        """
        if self.cells or not self.refused:
            return None
        return min(self.refused, key=lambda size: size.no_data)
