"""How long one step of a replica takes: the answer of ``profiles show --law``. Field names are those of the JSON."""

import math
from dataclasses import dataclass, field

from melange_cloud.domain.step_law import StepLaw


def requests_at_once(cache_tokens: int, held_tokens: float, block_tokens: int, max_num_seqs: int) -> int:
    """Requests that run at once on a replica, at least 1: each holds whole blocks of the cache.

    Args:
        held_tokens: for which one request holds cache.
    """
    blocks = math.ceil(held_tokens / block_tokens)
    return max(1, min(max_num_seqs, math.floor(cache_tokens / (blocks * block_tokens))))


@dataclass(frozen=True, slots=True)
class ReplicaLimits:
    """The limits that decide which requests share a step.

    Attributes:
        max_num_seqs: the most requests that the engine runs at once.
        max_total_tokens: longest input + output of a request.
        cache_tokens: tokens that fit in the KV cache; None if unknown.
        block_tokens: the cache is allocated in blocks of this many tokens.
        growth: a request in flight holds cache for input + growth x output tokens.
        max_num_batched_tokens: the most tokens that one step computes. Prompts that run within decode steps are split
            into chunks that fit; prompts that have steps of their own share a step as long as whole prompts fit.
    """

    max_num_seqs: int
    max_total_tokens: int
    cache_tokens: int | None
    block_tokens: int
    growth: float
    max_num_batched_tokens: int

    def most_in_flight(self, input_tokens: float, output_tokens: float) -> int | None:
        """Requests of a size that run at once, at least 1; None if unknown."""
        if self.cache_tokens is None:
            return None
        held_tokens = input_tokens + self.growth * output_tokens
        return requests_at_once(self.cache_tokens, held_tokens, self.block_tokens, self.max_num_seqs)


@dataclass(frozen=True, slots=True)
class ScaledSize:
    """A measured request size near which steps take longer or shorter than the law says.

    Attributes:
        input_tokens, output_tokens: of each request.
        factor: multiplies the times of the law at this size; it fades to 1 at half and twice the size.
    """

    input_tokens: int
    output_tokens: int
    factor: float


@dataclass(frozen=True, slots=True)
class StatedLaw:
    """How long one step of a replica takes, by its contents, and the limits of what it can contain.

    Attributes:
        law: the terms, s.
        basis: ``calibration``, ``scaled`` (the calibration's law, scaled to measured points) or ``fitted`` (to the
            operating points).
        points: operating points that it is scaled or fitted to; 0 of a calibration's.
        point_sizes: number of request sizes among them; a law fitted to only one may be far off at others.
        residual_median, residual_p90: how far it is from them, as fractions of their TPOT (or of their rate if TPOT was
            not measured); None for a calibration's law, which its operating points follow exactly.
        sizes: of a scaled law, the measured sizes.
        cached_input: share of the input tokens in the prefix cache: attended to, but not computed.
    """

    law: StepLaw = field(metadata={"flat": True})
    basis: str = field(metadata={"schema": {"enum": ["calibration", "scaled", "fitted"]}})
    points: int = field(metadata={"schema": {"minimum": 0}})
    point_sizes: int
    residual_median: float | None
    residual_p90: float | None
    sizes: tuple[ScaledSize, ...]
    limits: ReplicaLimits
    cached_input: float
