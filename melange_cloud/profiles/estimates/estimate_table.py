"""A profile that is computed on demand, at any request size, without a file.

It has the interface of a profile file, so a plan, a heat map and a saved file get the same numbers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from melange_cloud.domain import Kind, OperatingPoint
from melange_cloud.domain.engines import ENGINE_TITLES, MEAN_OF_ENGINES
from melange_cloud.estimator.closed_loop import Estimate, rounded
from melange_cloud.estimator.replica import MemoryShortfall, Replica
from melange_cloud.estimator.specs import Calibration, Era, Gpu, Model
from melange_cloud.profiles.estimates.estimate_grade import MOSTLY_BELOW, error_down_of, grade_of
from melange_cloud.profiles.estimates.listed_sizes import INPUT_TOKENS, OUTPUT_TOKENS, grid
from melange_cloud.profiles.files.profile_format import FORMAT, format_profile
from melange_cloud.profiles.files.profile_header import Header
from melange_cloud.profiles.grades import ERROR_OF_GRADE
from melange_cloud.profiles.points import Point, SizePoints

LEAST_INPUT_TOKENS, LEAST_OUTPUT_TOKENS = min(INPUT_TOKENS), min(OUTPUT_TOKENS)
"""Shorter requests count as this size."""


@dataclass(frozen=True, slots=True)
class EstimateOrigin:
    """Where the numbers of a table of estimates come from.

    Attributes:
        measured: a clause about the model's measurements.
        best_grade: the best grade of any size.
        made_by: the command named in a saved file.
    """

    measured: str = "no row was measured"
    best_grade: str = "A"
    made_by: str = "melange-cloud profiles show"


SHIPPED = EstimateOrigin()


@dataclass(frozen=True, eq=False)
class EstimateTable:
    """The operating points of a model's replicas on one GPU, each computed once, on demand.

    Attributes:
        replicas: by kind, tensor parallel degree rising; at least one.
        engine: whose speed it is: one of ENGINES, or MEAN_OF_ENGINES.
    """

    replicas: Mapping[Kind, Replica]
    origin: EstimateOrigin = SHIPPED
    engine: str = MEAN_OF_ENGINES
    any_size: bool = field(default=True, init=False)
    _computed: dict[tuple[Kind, tuple[float, float]], SizePoints] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def header(self) -> Header:
        """The header that a file of it would have."""
        replicas = self.replicas.values()
        first = next(iter(replicas))
        model, era, precision, calibration = first.model, first.era, first.precision, first.calibration
        bits = 8 * era.cache_bytes_per_element(precision)
        return Header(
            format=FORMAT,
            model=model.name,
            precision=precision,
            gpu=first.gpu.name,
            era=era.name,
            max_total_tokens=era.context(model),
            max_num_seqs=first.limits.max_num_seqs,
            source=f"estimated by melange-cloud, {self.origin.measured}; KV cache in {bits} bits",
            calibration=f"{calibration.name} - {calibration.rests_on}",
            made_by=self.origin.made_by,
            weights_gib=rounded(model.weight_gib(precision)),
            weight_read_ms={each.tensor_parallel: rounded(1000 * each.weight_read_s) for each in replicas},
            cache_tokens={each.tensor_parallel: each.cache_tokens for each in replicas},
            layers=model.layers,
            engine=ENGINE_TITLES.get(self.engine, ""),
            error_down=MOSTLY_BELOW.get((first.gpu.name, era.name)),
        )

    def sizes(self, kind: Kind) -> tuple[tuple[int, int], ...]:
        """The request sizes that it lists, sorted; others can be computed too."""
        replica = self.replicas[kind]
        return tuple(grid(min(replica.era.context(replica.model), replica.cache_tokens)))

    def points(self, kind: Kind, size: tuple[int, int]) -> tuple[OperatingPoint, ...]:
        """The operating points of one size, concurrency rising."""
        grade = self._grade(kind, size)
        error_down = error_down_of(self.replicas[kind], grade)
        return tuple(
            OperatingPoint(
                *size,
                estimate.concurrency,
                estimate.requests_per_s,
                estimate.tpot_ms,
                estimate.ttft_ms,
                "estimated",
                grade,
                ERROR_OF_GRADE[grade],
                error_down=error_down,
            )
            for estimate in self._estimates(kind, size)
        )

    def rates(self, kind: Kind, size: tuple[float, float]) -> SizePoints:
        """What MaxTput needs for one size, listed or not."""
        if (kind, size) not in self._computed:
            points = [
                Point(each.tpot_ms, each.requests_per_s, each.ttft_ms, each.ttft_ms + (size[1] - 1) * each.tpot_ms)
                for each in self._estimates(kind, size)
            ]
            points.sort()
            grade = self._grade(kind, size)
            error_down = error_down_of(self.replicas[kind], grade)
            self._computed[kind, size] = SizePoints(points, grade, ERROR_OF_GRADE[grade], "estimated", error_down)
        return self._computed[kind, size]

    def _grade(self, kind: Kind, size: tuple[float, float]) -> str:
        return max(self.origin.best_grade, grade_of(self.replicas[kind], *size))

    def _estimates(self, kind: Kind, size: tuple[float, float]) -> tuple[Estimate, ...]:
        """At least one, since a size that does not fit is refused before its points are needed."""
        estimates = self.replicas[kind].estimate(*size)
        if isinstance(estimates, MemoryShortfall):
            raise ValueError(f"{size[0]:g} + {size[1]:g} tokens do not fit on {kind}")  # noqa: TRY004 (a size, not a type)
        return estimates

    def with_cached_input(self, share: float) -> "EstimateTable":
        """The same with a share of all input tokens in a prefix cache."""
        cached = {kind: replace(replica, cached_input=share) for kind, replica in self.replicas.items()}
        return EstimateTable(cached, self.origin, self.engine)

    @property
    def text(self) -> str:
        """The profile file with the listed sizes."""
        header = self.header
        lines = {
            "format": header.format,
            "model": header.model,
            "precision": header.precision,
            "gpu": header.gpu,
            "era": header.era,
            "max_total_tokens": str(header.max_total_tokens),
            "max_num_seqs": str(header.max_num_seqs),
            "source": header.source,
            "calibration": header.calibration,
            "made by": header.made_by,
            "weights_gib": f"{header.weights_gib:g}",
            "weight_read_ms": " ".join(f"{degree}={ms:g}" for degree, ms in header.weight_read_ms.items()),
            "cache_tokens": " ".join(f"{degree}={tokens}" for degree, tokens in header.cache_tokens.items()),
        }
        if self.origin is not SHIPPED:
            lines["layers"] = str(header.layers)  # models.toml has these for shipped models
        if header.engine:
            lines["engine"] = header.engine
        if header.error_down is not None:
            lines["error_down"] = f"{header.error_down:g}"
        return format_profile(lines, self._rows())

    def _rows(self) -> Iterator[tuple[int, OperatingPoint]]:
        for kind in self.replicas:
            for size in self.sizes(kind):
                for point in self.points(kind, size):
                    yield kind.tensor_parallel, point


def estimate_table(
    model: Model,
    gpu: Gpu,
    era: Era,
    precision: str,
    calibration: Calibration,
    *,
    engine: str = MEAN_OF_ENGINES,
    origin: EstimateOrigin = SHIPPED,
) -> EstimateTable | None:
    """The estimates of a model on a GPU at the degrees of an era; None if no replica fits.

    Args:
        engine: one of the era's, or the mean of them.
    """
    replicas: dict[Kind, Replica] = {}
    for degree in era.tensor_parallel:
        replica = replica_of(model, gpu, degree, era, precision, calibration, engine=engine)
        if not replica.refusal:
            replicas[Kind(gpu.name, degree)] = replica
            if era.fewest_gpus:
                break
    return EstimateTable(replicas, origin, engine) if replicas else None


def replica_of(
    model: Model,
    gpu: Gpu,
    tensor_parallel: int,
    era: Era,
    precision: str,
    calibration: Calibration,
    *,
    engine: str = MEAN_OF_ENGINES,
) -> Replica:
    """A replica with the constants and the limits of an engine."""
    of_engine = calibration.of_engine(engine)
    settings = era.settings(gpu, engine if engine in era.engines else None)
    return Replica(model, gpu, tensor_parallel, era, precision, of_engine, settings=settings)
