"""The step law of a profile, what it rests on, and the limits under which a replica fills its steps."""

import math
from dataclasses import dataclass
from typing import Literal

from melange_cloud.domain.stated_law import ReplicaLimits, ScaledSize, StatedLaw
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.profiles.max_tput.measured_over_estimate import weights_near

Basis = Literal["calibration", "scaled", "fitted"]


@dataclass(frozen=True, slots=True)
class LawResidual:
    """How far a law is from the operating points that it was scaled or fitted to, as fractions of their TPOT.

    Of a point without TPOT, a saturated one, it is the rate that is compared.
    """

    median: float
    p90: float


@dataclass(frozen=True, slots=True)
class ProfileLaw:
    """How long the steps of a profile's replicas take.

    Attributes:
        law: of all requests, and near measured sizes times a factor, see ``at``.
        basis: ``calibration``: the law that the operating points were made with; ``scaled``: that law, scaled to
            measured points; ``fitted``: least squares over operating points.
        points: operating points that it is scaled or fitted to; 0 of a calibration's.
        point_sizes: request sizes among them.
        residual: None of a calibration's, which its points follow by themselves.
        sizes: the measured sizes of a scaled law.
        cached_input: share of the input tokens that a prefix cache holds, as for ``StepLaw.prefill_s``.
    """

    law: StepLaw
    limits: ReplicaLimits
    basis: Basis
    points: int = 0
    point_sizes: int = 0
    residual: LawResidual | None = None
    sizes: tuple[ScaledSize, ...] = ()
    cached_input: float = 0.0

    @property
    def stated(self) -> StatedLaw:
        """The law as it is shown."""
        return StatedLaw(
            law=self.law,
            limits=self.limits,
            basis=self.basis,
            points=self.points,
            point_sizes=self.point_sizes,
            residual_median=None if self.residual is None else self.residual.median,
            residual_p90=None if self.residual is None else self.residual.p90,
            sizes=self.sizes,
            cached_input=self.cached_input,
        )

    def factor(self, input_tokens: float, output_tokens: float) -> float:
        """By how much steps of requests of a size take longer than the law says: as measured rates fade with distance.

        Where requests of several sizes share a step, it takes longer by the mean of their factors.
        """
        factors = {(held.input_tokens, held.output_tokens): held.factor for held in self.sizes}
        exponent = 0.0
        for size, weight in weights_near(tuple(factors), (input_tokens, output_tokens)):
            exponent += weight * math.log(factors[size])
        return math.exp(exponent)

    def at(self, input_tokens: float, output_tokens: float) -> StepLaw:
        """The law of a replica whose requests all have one size."""
        factor = self.factor(input_tokens, output_tokens) if self.sizes else 1.0
        return self.law if factor == 1 else self.law.times(factor)
