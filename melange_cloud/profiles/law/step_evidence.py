"""Derives from an operating point how long the steps behind it took.

At X requests/s with a mean TPOT t, requests of D = O - 1 steps decode b = X D t at a time (Little's law), and X t
prompts begin in each step. The TPOT is the time of such a step, as seen by one of the decoding requests. So a law is
compared at the point's own batch, and effects in the point's TTFT, such as the start of a run or a queue, do not
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
    """The time of a step at some batch, measured or stored.

    Attributes:
        decoding: requests decoding at a time, on average.
        others: the fraction of these and of the prompts that is not the request's own: (n - 1)/n with n in flight.
    """

    point: OperatingPoint
    tpot_s: float
    decoding: float
    others: float

    def predicted_s(self, law: StepLaw, step_tokens: float) -> float:
        """The TPOT by a law at this batch, s.

        Args:
            step_tokens: the most tokens that one step computes.
        """
        loop = ClosedLoop(law, (self.point.input_tokens, self.point.output_tokens), step_tokens)
        return loop.tpot_s(self.point.requests_per_s, self.tpot_s, self.others)

    @property
    def words(self) -> str:
        """A description for messages: ``1,024 + 512 tokens at 16 in flight``."""
        point = self.point
        load = (
            f"{point.requests_per_s:.3g} requests/s" if point.concurrency is None else f"{point.concurrency} in flight"
        )
        return f"{point.input_tokens:,} + {point.output_tokens:,} tokens at {load}"


def evidence_of(points: Iterable[OperatingPoint]) -> list[StepEvidence]:
    """The step times of points, in their order; points without TPOT have none."""
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
    """Median and p90 of at least one error, by nearest rank."""
    ranked = sorted(abs(error) for error in errors)
    return LawResidual(_rank(ranked, 0.5), _rank(ranked, 0.9))


def _rank(ranked: Sequence[float], part: float) -> float:
    return ranked[math.ceil(part * len(ranked)) - 1]
