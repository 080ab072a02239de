"""Request sizes and how often each comes."""

from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class Bucket:
    """Requests with input tokens in (low, high] and output tokens in (low, high], with the mean size of those seen.

    ``longest_total_tokens`` is the largest input + output of any of its requests, where the source shows requests one
    by one; None where only a histogram is known.
    """

    input_low_tokens: int
    input_high_tokens: int
    output_low_tokens: int
    output_high_tokens: int
    mean_input_tokens: float
    mean_output_tokens: float
    share: float
    longest_total_tokens: int | None = None

    @cached_property
    def name(self) -> str:
        """A plain key that sorts by size, such as ``in00025-00100_out00100-00250``."""
        return (
            f"in{self.input_low_tokens:06d}-{self.input_high_tokens:06d}"
            f"_out{self.output_low_tokens:06d}-{self.output_high_tokens:06d}"
        )

    @cached_property
    def input_name(self) -> str:
        """The key of the bucket's input range, which is all that a ``prompt`` router can tell apart."""
        return f"in{self.input_low_tokens:06d}-{self.input_high_tokens:06d}"


@dataclass(frozen=True, slots=True)
class Workload:
    """Buckets with shares that sum to 1; where it comes from, and what rate its source saw (None: unknown)."""

    name: str
    title: str
    buckets: tuple[Bucket, ...]
    source: str
    licence: str
    requests: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def mean_input_tokens(self) -> float:
        """Mean input tokens per request."""
        return sum(bucket.share * bucket.mean_input_tokens for bucket in self.buckets)

    @property
    def mean_output_tokens(self) -> float:
        """Mean output tokens per request."""
        return sum(bucket.share * bucket.mean_output_tokens for bucket in self.buckets)
