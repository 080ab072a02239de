"""How much of the traffic the profiles speak of."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """A part of the requested traffic: fraction of its requests, and of its tokens (input + output)."""

    requests_share: float = 0.0
    tokens_share: float = 0.0


@dataclass(frozen=True, slots=True)
class OutsideBucket:
    """A bucket that no GPU in question can serve, or none is known to.

    Attributes:
        reason: why no GPU in question can serve it.
        dropped: whether the plan does without it (--drop-unservable).
        no_data: whether it is not known if a GPU can serve it: the profiles lack what a target asks for.
    """

    input_tokens: tuple[int, int]
    output_tokens: tuple[int, int]
    requests_share: float
    tokens_share: float
    reason: str = field(metadata={"schema": {"minLength": 1}})
    dropped: bool
    no_data: bool = False


@dataclass(frozen=True, slots=True)
class Coverage:
    """What the MaxTput of each bucket rests on, on the GPUs that serve it; the four shares sum to 1.

    Attributes:
        measured: a size inside the bucket was measured.
        interpolated: sizes around it were measured.
        estimated: the profile's points there are estimates.
        unreached: no GPU in question can serve it, or none is known to.
        outside: the unreached buckets, most requests first.
    """

    measured: TrafficShare
    interpolated: TrafficShare
    estimated: TrafficShare
    unreached: TrafficShare
    outside: tuple[OutsideBucket, ...]
