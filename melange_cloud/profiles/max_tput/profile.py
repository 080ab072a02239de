"""What every profile knows and answers, whether its operating points are estimated, measured or both."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from melange_cloud.domain import Kind, MaxTput, OperatingPoint, Slo, UnservableSize
from melange_cloud.domain.engines import MEAN_OF_ENGINES
from melange_cloud.estimator.spec_files import load_eras
from melange_cloud.profiles.max_tput.point_table import PointTable

_ON_A_LINE = 1e-9

NO_TARGET = Slo()


@dataclass(frozen=True, slots=True)
class GridCell:
    """MaxTput at one size of a profile's grid; ``tpot_ms`` is the mean TPOT at that rate, None where unservable."""

    input_tokens: int
    output_tokens: int
    served: MaxTput | UnservableSize
    tpot_ms: float | None


@dataclass(frozen=True, eq=False)
class Profile(ABC):
    """The operating points of one model, precision and era on one kind.

    Attributes:
        table: the operating points, of other degrees too.
        engine: whose speed is wanted: one of ENGINES, or MEAN_OF_ENGINES; what was measured may be of another. Empty
            where none is wanted and nothing estimated.
        notes: what a user must know of it, such as measurements that contradict each other; one line each.
    """

    table: PointTable
    kind: Kind
    engine: str = field(default=MEAN_OF_ENGINES, kw_only=True)
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    @abstractmethod
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """The request sizes (input_tokens, output_tokens) that have operating points, sorted."""

    @property
    @abstractmethod
    def points(self) -> Mapping[tuple[int, int], tuple[OperatingPoint, ...]]:
        """Every operating point, by size."""

    @abstractmethod
    def max_tput(
        self, input_tokens: float, output_tokens: float, slo: Slo, longest_total_tokens: int | None = None
    ) -> MaxTput | UnservableSize:
        """The highest rate that one replica sustains for requests of a size within an SLO.

        Args:
            input_tokens, output_tokens: mean size of the requests.
            slo: the targets, all of which hold.
            longest_total_tokens: the largest input + output of any of the requests, where known.

        Raises:
            BadFile: a row that is needed is broken.
        """

    @abstractmethod
    def cells(self, slo: Slo = NO_TARGET) -> list[GridCell]:
        """MaxTput at every size that has operating points, sorted by size.

        Args:
            slo: the targets; by default none, which asks for saturation.

        Raises:
            BadFile: a row is broken.
        """

    @property
    def model(self) -> str:
        """The model's name."""
        return self.table.header.model

    @property
    def precision(self) -> str:
        """The precision of the weights."""
        return self.table.header.precision

    @property
    def era(self) -> str:
        """The engine era."""
        return self.table.header.era

    @property
    def max_total_tokens(self) -> int:
        """Longest input + output that the engine was started for, tokens."""
        return self.table.header.max_total_tokens

    @property
    def max_num_seqs(self) -> int:
        """Requests that the engine runs at once, at most."""
        return self.table.header.max_num_seqs

    @property
    def source(self) -> str:
        """Where the points come from."""
        return self.table.header.source

    @property
    def cache_tokens(self) -> int | None:
        """Tokens that the KV cache of a replica holds; None if not stated."""
        return self.table.header.cache_tokens.get(self.kind.tensor_parallel)

    @property
    def weight_read_ms(self) -> float | None:
        """Time to read all weights once, ms; None if not stated."""
        return self.table.header.weight_read_ms.get(self.kind.tensor_parallel)

    @property
    def reach_tokens(self) -> int:
        """Longest input + output that can be served: the context, or less where memory ends before."""
        return min(self.max_total_tokens, self.cache_tokens or self.max_total_tokens)

    @property
    def _context_words(self) -> str:
        """What limits input + output: an engine may have been started with another limit than the model's own."""
        era = load_eras().get(self.era)
        return "the engine's limit" if era is not None and self.model in era.max_total_tokens else "the model's context"

    def beyond_reach(
        self, input_tokens: float, output_tokens: float, longest_total_tokens: int | None = None
    ) -> UnservableSize | None:
        """Why no load can serve requests so long; None if they are within reach. Arguments as for ``max_tput``."""
        total_tokens = math.ceil(max(input_tokens + output_tokens, longest_total_tokens or 0) - _ON_A_LINE)
        if total_tokens > self.max_total_tokens:
            limit = f"{self._context_words} of {self.max_total_tokens:,}"
            return UnservableSize(f"a request of {total_tokens:,} tokens is longer than {limit}")
        if self.cache_tokens is not None and total_tokens > self.cache_tokens:
            return UnservableSize(
                f"no room for one request of {total_tokens:,} tokens: "
                f"the memory next to the weights holds {self.cache_tokens:,}"
            )
        return None
