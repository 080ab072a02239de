"""What an operating point says about the steps behind it.

At X requests/s with a mean TPOT t, requests of D = O - 1 steps decode b = X D t at a time (Little's law), and each step
sees X t prompts begin: the TPOT is the time of such a step, as one of those that decode sees it. So a law is compared
at the point's own batch, and what the point's TTFT holds, as the start of a run or a queue before the server, does not
matter.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from melange_cloud.domain import OperatingPoint
from melange_cloud.domain.step_law import StepLaw
from melange_cloud.estimator.closed_loop import ClosedLoop
from melange_cloud.profiles.law.profile_law import LawResidual


class StepEvidence(NamedTuple):
    """The time of a step at a batch, measured or stored.

    Attributes:
        decoding: requests decoding at a time, on average.
        others: of those and of the prompts, the part that is not the request's own: (n - 1)/n of n in flight.
    """

    point: OperatingPoint
    tpot_s: float
    decoding: float
    others: float

    def predicted_s(self, law: StepLaw, step_tokens: float) -> float:
        """The TPOT that a law has there, s.

        Args:
            step_tokens: tokens that one step computes, at most.
        """
        loop = ClosedLoop(law, (self.point.input_tokens, self.point.output_tokens), step_tokens)
        return loop.tpot_s(self.point.requests_per_s, self.tpot_s, self.others)

    @property
    def words(self) -> str:
        """What it is, for a message: ``1,024 + 512 tokens at 16 in flight``."""
        point = self.point
        load = (
            f"{point.requests_per_s:.3g} requests/s" if point.concurrency is None else f"{point.concurrency} in flight"
        )
        return f"{point.input_tokens:,} + {point.output_tokens:,} tokens at {load}"


def evidence_of(points: Iterable[OperatingPoint]) -> list[StepEvidence]:
    """What points say of steps, in their order; those without TPOT say nothing."""
    found = []
    for point in points:
        if point.tpot_ms is None or point.output_tokens < 2:
            continue
        tpot_s = point.tpot_ms / 1000
        decoding = point.requests_per_s * (point.output_tokens - 1) * tpot_s
        in_flight = point.concurrency or decoding + point.requests_per_s * (point.ttft_ms or 0.0) / 1000
        found.append(StepEvidence(point, tpot_s, decoding, max(0.0, 1 - 1 / max(in_flight, 1.0))))
    return found


def residual_of(errors: Iterable[float]) -> LawResidual:
    """Median and p90 of errors, at least one, by nearest rank."""
    ranked = sorted(abs(error) for error in errors)
    return LawResidual(_rank(ranked, 0.5), _rank(ranked, 0.9))


def _rank(ranked: Sequence[float], part: float) -> float:
    return ranked[math.ceil(part * len(ranked)) - 1]
