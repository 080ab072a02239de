"""The step law of a profile, its basis, and the limits of what a replica's steps can contain."""

import math
from dataclasses import dataclass
from typing import Literal

from melange_cloud.domain.stated_law import ReplicaLimits, ScaledSize, StatedLaw
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.profiles.max_tput.measured_over_estimate import weights_near

Basis = Literal["calibration", "scaled", "fitted"]


@dataclass(frozen=True, slots=True)
class LawResidual:
    """How far a law is from the operating points to which it was scaled or fitted, as fractions of their TPOT.

    For a saturated point without TPOT the rate is compared instead.
    """

    median: float
    p90: float


@dataclass(frozen=True, slots=True)
class ProfileLaw:
    """How long the steps of a profile's replicas take.

    Attributes:
        law: for all requests; near measured sizes multiply it by a factor, see ``at``.
        basis: ``calibration``: the law with which the operating points were computed; ``scaled``: that law, scaled to
            measured points; ``fitted``: least squares over operating points.
        points: operating points to which it is scaled or fitted; 0 for a calibration's.
        point_sizes: request sizes among them.
        residual: None for a calibration's, which its points follow exactly.
        sizes: the measured sizes of a scaled law.
        cached_input: share of the input tokens in a prefix cache, as for ``StepLaw.prefill_s``.
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
        """The law in the form of an answer."""
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
        """The factor by which steps with requests of a size take longer than the law says, fading like measured rates.

        If requests of several sizes share a step, use the mean of their factors.
        """
        factors = {(held.input_tokens, held.output_tokens): held.factor for held in self.sizes}
        exponent = 0.0
        for size, weight in weights_near(tuple(factors), (input_tokens, output_tokens)):
            exponent += weight * math.log(factors[size])
        return math.exp(exponent)

    def at(self, input_tokens: float, output_tokens: float) -> StepLaw:
        """The law of a replica for requests of a single size."""
        factor = self.factor(input_tokens, output_tokens) if self.sizes else 1.0
        return self.law if factor == 1 else self.law.times(factor)
