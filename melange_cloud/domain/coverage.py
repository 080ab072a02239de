"""How much of the traffic the profiles cover."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """A part of the requested traffic: fraction of its requests, and of its tokens (input + output)."""

    requests_share: float = 0.0
    tokens_share: float = 0.0


@dataclass(frozen=True, slots=True)
class OutsideBucket:
    """A bucket that no requested GPU can serve, as far as is known.

    Attributes:
        reason: why no requested GPU can serve it.
        dropped: whether the plan leaves it out (--drop-unservable).
        no_data: whether it is unknown if a GPU can serve it, since the profiles do not have what a target needs.
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
    """What the MaxTput of the buckets is based on, on the GPUs that serve them; the four shares sum to 1.

    Attributes:
        measured: a size inside the bucket was measured.
        interpolated: sizes around the bucket were measured.
        estimated: the profile's points for it are estimates.
        unreached: no requested GPU can serve it, as far as is known.
        outside: the unreached buckets, most requests first.
    """

    measured: TrafficShare
    interpolated: TrafficShare
    estimated: TrafficShare
    unreached: TrafficShare
    outside: tuple[OutsideBucket, ...]
