"""How long one step of a replica takes, as ``profiles show --law`` answers. Field names are those of the JSON."""

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
    """What decides which requests share a step.

    Attributes:
        max_num_seqs: requests that the engine runs at once, at most.
        max_total_tokens: longest input + output of a request.
        cache_tokens: tokens that the KV cache holds; None if not known.
        block_tokens: the cache is handed out in blocks of this many tokens.
        growth: a request in flight holds cache for input + growth x output tokens.
        max_num_batched_tokens: tokens that one step computes, at most: where prompts ride on the steps of others they
            are cut into chunks that fit; where they have steps of their own, whole ones share a step that holds them.
    """

    max_num_seqs: int
    max_total_tokens: int
    cache_tokens: int | None
    block_tokens: int
    growth: float
    max_num_batched_tokens: int

    def most_in_flight(self, input_tokens: float, output_tokens: float) -> int | None:
        """Requests of a size that run at once, at least 1; None if not known."""
        if self.cache_tokens is None:
            return None
        held_tokens = input_tokens + self.growth * output_tokens
        return requests_at_once(self.cache_tokens, held_tokens, self.block_tokens, self.max_num_seqs)


@dataclass(frozen=True, slots=True)
class ScaledSize:
    """A measured request size near which steps take another time than the law says.

    Attributes:
        input_tokens, output_tokens: of each request.
        factor: what the times of the law are multiplied by at this size; it fades to 1 at twice and half of it.
    """

    input_tokens: int
    output_tokens: int
    factor: float


@dataclass(frozen=True, slots=True)
class StatedLaw:
    """How long one step of a replica takes, by what is in it, and the limits under which it fills.

    Attributes:
        law: the terms, s.
        basis: ``calibration``, ``scaled`` (that of the calibration, to measured points) or ``fitted`` (to the operating
            points).
        points: operating points that it is scaled or fitted to; 0 of a calibration's.
        point_sizes: request sizes among them; fitted to one alone, a law may be far off at others.
        residual_median, residual_p90: how far it is from them, as fractions of their TPOT (of their rate where TPOT was
            not measured); None of a calibration's, which its operating points follow by themselves.
        sizes: of a scaled law, the measured sizes.
        cached_input: share of the input tokens that a prefix cache holds: attended to, not computed.
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
